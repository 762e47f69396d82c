//! Who asks, and what they may.

use std::net::IpAddr;
use std::sync::Arc;

use store::role::Grant;

use super::ActionError;
use crate::access::{Permission, Role};

/// The DAGs that a request may tell of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// All.
    #[default]
    All,
    /// These.
    Only(Arc<[String]>),
}

impl Scope {
    /// For a statement: none stands for all.
    pub(crate) fn dag_ids(&self) -> Option<Vec<String>> {
        match self {
            Self::All => None,
            Self::Only(dag_ids) => Some(dag_ids.to_vec()),
        }
    }

    /// Whether a DAG is among them.
    pub(crate) fn has(&self, dag_id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(dag_ids) => dag_ids.iter().any(|known| known == dag_id),
        }
    }
}

/// A DAG that a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) dag_id: String,
    pub(crate) tags: Vec<String>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// The name they logged in with.
    pub username: String,
    /// viewer, user, op, admin, or one of the deployment's own.
    pub role: String,
    /// Where they ask from, if that is known.
    pub address: Option<IpAddr>,
    /// An identity provider vouches for them.
    pub(crate) is_vouched: bool,
    /// What the role may beyond what it may anyway.
    pub(crate) grants: Arc<[Grant]>,
    /// The DAG that the path names; only known of those who have grants.
    pub(crate) named: Option<Arc<Named>>,
    /// The DAGs that the request may tell of.
    pub(crate) scope: Scope,
    /// What the forms of their session carry.
    pub(crate) form_token: String,
}

impl LoggedIn {
    /// Whether they have a permission everywhere; if not, the refusal says who has it.
    pub(crate) fn may(&self, permission: Permission) -> Result<(), ActionError> {
        let is_granted = || self.granted(permission).any(|grant| grant.dag_id.is_none() && grant.tag.is_none());
        if Role::named(&self.role).is_some_and(|role| role.may(permission)) || is_granted() {
            return Ok(());
        }
        Err(self.refusal(permission))
    }

    /// Whether they have a permission for a DAG.
    pub(crate) fn may_for(&self, permission: Permission, dag_id: &str, tags: &[String]) -> bool {
        let is_for = |grant: &Grant| match (&grant.dag_id, &grant.tag) {
            (Some(of), _) => of == dag_id,
            (None, Some(tag)) => tags.contains(tag),
            (None, None) => true,
        };
        self.may(permission).is_ok() || self.granted(permission).any(is_for)
    }

    /// Whether they have a permission for the DAG that the path names, or everywhere.
    pub(crate) fn may_here(&self, permission: Permission) -> Result<(), ActionError> {
        match &self.named {
            Some(named) if self.may_for(permission, &named.dag_id, &named.tags) => Ok(()),
            _ => self.may(permission),
        }
    }

    /// Keeps a request to the DAG that its path names, unless who asks has the permission everywhere.
    pub(crate) fn keep_to_named(&mut self, permission: Permission) -> Result<(), ActionError> {
        self.may_here(permission)?;
        if let (Some(named), Err(_)) = (&self.named, self.may(permission)) {
            self.scope = Scope::Only([named.dag_id.clone()].into());
        }
        Ok(())
    }

    /// Refuses a DAG that the request may not be about: one that a body names.
    pub(crate) fn must_have(&self, dag_id: &str) -> Result<(), ActionError> {
        if self.scope.has(dag_id) {
            return Ok(());
        }
        Err(ActionError::Forbidden(format!("{} may not do that to DAG `{dag_id}`", self.username)))
    }

    /// The grants of a permission.
    pub(crate) fn granted(&self, permission: Permission) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(move |grant| grant.permission == permission.as_str())
    }

    pub(crate) fn refusal(&self, permission: Permission) -> ActionError {
        let (name, allows, least) = (&self.username, permission.allows(), permission.least_role());
        let is = match Role::named(&self.role) {
            Some(role) => format!("is {}", role.one()),
            None => format!("has the role `{}`", self.role),
        };
        ActionError::Forbidden(format!("{name} {is} and may not {allows}; {} may", least.one()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(role: &str, grants: &[(&str, Option<&str>, Option<&str>)]) -> LoggedIn {
        let grant = |(permission, dag_id, tag): &(&str, Option<&str>, Option<&str>)| Grant {
            permission: (*permission).to_owned(),
            dag_id: dag_id.map(str::to_owned),
            tag: tag.map(str::to_owned),
        };
        LoggedIn {
            username: "ada".to_owned(),
            role: role.to_owned(),
            address: None,
            is_vouched: false,
            grants: grants.iter().map(grant).collect(),
            named: None,
            scope: Scope::All,
            form_token: String::new(),
        }
    }

    #[test]
    fn a_grant_adds_to_what_a_role_may_for_its_dag_or_the_dags_of_its_tag() {
        let viewer = who("viewer", &[("dag_run.create", Some("etl"), None), ("dag.edit", None, Some("team-a"))]);
        let (none, tagged) = ([], ["team-a".to_owned()]);
        assert!(viewer.may_for(Permission::DagRunCreate, "etl", &none));
        assert!(!viewer.may_for(Permission::DagRunCreate, "other", &tagged));
        assert!(viewer.may_for(Permission::DagEdit, "other", &tagged));
        assert!(!viewer.may_for(Permission::DagEdit, "etl", &none));
        assert!(viewer.may(Permission::DagRead).is_ok() && viewer.may(Permission::DagEdit).is_err());
    }

    #[test]
    fn a_role_of_ones_own_may_nothing_but_what_it_is_granted() {
        let own = who("team", &[("pool.read", None, None)]);
        let allowed: Vec<_> = Permission::ALL.iter().filter(|permission| own.may(**permission).is_ok()).collect();
        assert_eq!(allowed, [&Permission::PoolRead]);
        let refusal = own.may(Permission::DagRead).expect_err("a refusal").to_string();
        assert_eq!(refusal, "ada has the role `team` and may not see DAGs and their versions; a viewer may");
    }
}
