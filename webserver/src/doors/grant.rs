//! Roles, what they are granted, and what that means for a request.

use std::sync::Arc;

use store::role::{Grant, Granted, RoleDeletion, RoleRow};

use super::who::Named;
use super::{ActionError, Doors, LoggedIn, Scope};
use crate::access::{Permission, Role};

/// As for accounts.
const LONGEST_NAME: usize = 64;

impl Doors {
    /// Tells who asks of the DAG that the path names.
    pub(crate) async fn name_dag(&self, who: &mut LoggedIn, dag_id: &str) -> Result<(), ActionError> {
        let tags = self.store.tags_of(dag_id).await?.unwrap_or_default();
        who.named = Some(Arc::new(Named { dag_id: dag_id.to_owned(), tags }));
        Ok(())
    }

    /// Keeps a request to the DAGs for which who asks has a permission; refuses it when that is for none. Of one whose path
    /// names a DAG that is the one.
    pub(crate) async fn limit(&self, who: &mut LoggedIn, permission: Permission) -> Result<(), ActionError> {
        if who.named.is_some() {
            return who.keep_to_named(permission);
        }
        let Err(refusal) = who.may(permission) else { return Ok(()) };
        let dag_ids: Vec<_> = who.granted(permission).filter_map(|grant| grant.dag_id.clone()).collect();
        let tags: Vec<_> = who.granted(permission).filter_map(|grant| grant.tag.clone()).collect();
        if dag_ids.is_empty() && tags.is_empty() {
            return Err(refusal);
        }
        who.scope = Scope::Only(self.store.dags_of(&dag_ids, &tags).await?.into());
        Ok(())
    }

    /// Who asks, kept to what they have another permission for than the route needs.
    pub(crate) async fn limited(&self, who: &LoggedIn, permission: Permission) -> Result<LoggedIn, ActionError> {
        let mut limited = LoggedIn { scope: Scope::All, ..who.clone() };
        self.limit(&mut limited, permission).await?;
        Ok(limited)
    }

    /// The DAGs that somebody may see; none: all.
    pub(crate) async fn seen(&self, who: &LoggedIn) -> Result<Option<Vec<String>>, ActionError> {
        // A page about one DAG also tells of the others.
        let mut who = LoggedIn { scope: Scope::All, named: None, ..who.clone() };
        match self.limit(&mut who, Permission::DagRead).await {
            Ok(()) => Ok(who.scope.dag_ids()),
            Err(ActionError::Forbidden(_)) => Ok(Some(Vec::new())),
            Err(error) => Err(error),
        }
    }

    /// All roles.
    pub async fn roles(&self) -> Result<Vec<RoleRow>, ActionError> {
        Ok(self.store.roles().await?)
    }

    /// Creates a role that may nothing yet.
    pub async fn create_role(&self, who: &LoggedIn, name: &str) -> Result<(), ActionError> {
        check_role_name(name)?;
        if self.store.create_role(name, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::Exists(format!("there is already a role `{name}`")))
    }

    /// Deletes a role that no account has and that the identity provider's groups do not give.
    pub async fn delete_role(&self, who: &LoggedIn, name: &str) -> Result<(), ActionError> {
        if Role::named(name).is_some() {
            return Err(ActionError::Invalid(format!("the role `{name}` is always there")));
        }
        let given = self.oidc.as_ref().and_then(|oidc| oidc.settings().given_roles().find(|(_, role)| *role == name));
        if let Some((what, _)) = given {
            let message = format!("{what} the role `{name}`; take it out of the configuration first");
            return Err(ActionError::Conflict(message));
        }
        match self.store.delete_role(name, &self.by(who)).await? {
            RoleDeletion::Deleted => Ok(()),
            RoleDeletion::NotFound => Err(ActionError::NotFound(format!("no role `{name}`"))),
            RoleDeletion::InUse(accounts) => {
                let (what, verb) = if accounts == 1 { ("account", "has") } else { ("accounts", "have") };
                let message = format!("{accounts} {what} {verb} the role `{name}`; give them another role first");
                Err(ActionError::Conflict(message))
            }
        }
    }

    /// Gives a role a permission.
    pub async fn grant(&self, who: &LoggedIn, role: &str, grant: &Grant) -> Result<(), ActionError> {
        check_grant(grant)?;
        match self.store.grant(role, grant, &self.by(who)).await? {
            Granted::New => Ok(()),
            Granted::Already => Err(ActionError::Exists(format!("the role `{role}` is granted this already"))),
            Granted::NoRole => Err(ActionError::NotFound(format!("no role `{role}`"))),
        }
    }

    /// Takes a permission back.
    pub async fn revoke(&self, who: &LoggedIn, role: &str, grant: &Grant) -> Result<(), ActionError> {
        if self.store.revoke(role, grant, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::NotFound(format!("the role `{role}` is not granted this")))
    }
}

/// Refuses a name that is none.
fn check_role_name(name: &str) -> Result<(), ActionError> {
    let is_name = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.');
    if name.is_empty() || name.chars().count() > LONGEST_NAME || !name.chars().all(is_name) {
        let message = format!("a role has a name of letters, digits, `-`, `_` and `.`, {LONGEST_NAME} at most");
        return Err(ActionError::Invalid(message));
    }
    Ok(())
}

/// Refuses a grant that would mean nothing.
fn check_grant(grant: &Grant) -> Result<(), ActionError> {
    let Some(permission) = Permission::named(&grant.permission) else {
        let message = format!("no permission `{}`; `flowctl roles permissions` shows all", grant.permission);
        return Err(ActionError::Invalid(message));
    };
    let is_of_dag = grant.dag_id.is_some() || grant.tag.is_some();
    if is_of_dag && !permission.is_of_dags() {
        return Err(ActionError::Invalid(format!("`{permission}` is not about DAGs: it is granted for everything")));
    }
    if grant.dag_id.is_some() && grant.tag.is_some() {
        return Err(ActionError::Invalid("a grant is for a DAG or for a tag, not for both".to_owned()));
    }
    if permission.least_role() == Role::Admin {
        return Err(ActionError::Invalid(format!("`{permission}` is for admins and cannot be granted")));
    }
    Ok(())
}
