//! Roles, and what they may do beyond what the table of permissions gives them.

use serde::Deserialize;
use serde_json::json;

use crate::event_log::{By, Event};
use crate::{Result, Store};

/// A permission that a role has for a DAG, for a tag's DAGs, or everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Grant {
    /// Such as `dag_run.create`.
    pub permission: String,
    /// For this DAG.
    pub dag_id: Option<String>,
    /// For the DAGs with this tag.
    pub tag: Option<String>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRow {
    /// Its name.
    pub name: String,
    /// So many accounts have it.
    pub accounts: i64,
    /// What it may beyond what it may anyway.
    pub grants: Vec<Grant>,
}

/// What became of a role that was to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleDeletion {
    /// It is gone.
    Deleted,
    /// There is none.
    NotFound,
    /// So many accounts have it.
    InUse(i64),
}

/// What became of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granted {
    /// The role has it now.
    New,
    /// It had it already.
    Already,
    /// There is no such role.
    NoRole,
}

impl Store {
    /// All roles, by name.
    pub async fn roles(&self) -> Result<Vec<RoleRow>> {
        let rows = sqlx::query!(
            r#"-- role.list
            SELECT r.name, (SELECT count(*) FROM account a WHERE a.role = r.name) AS "accounts!",
                   (SELECT json_agg(json_build_object('permission', g.permission, 'dag_id', g.dag_id, 'tag', g.tag)
                                    ORDER BY g.permission, g.dag_id, g.tag)
                      FROM role_grant g WHERE g.role = r.name) AS grants
              FROM role r ORDER BY r.name"#
        )
        .fetch_all(self.pool())
        .await?;
        let rows = rows.into_iter().map(|row| RoleRow {
            name: row.name,
            accounts: row.accounts,
            grants: row.grants.and_then(|grants| serde_json::from_value(grants).ok()).unwrap_or_default(),
        });
        Ok(rows.collect())
    }

    /// Creates a role that may nothing yet; false when the name is taken.
    pub async fn create_role(&self, name: &str, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let made = sqlx::query!("-- role.create\nINSERT INTO role (name) VALUES ($1) ON CONFLICT DO NOTHING", name)
            .execute(&mut *transaction)
            .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        Event::new("post_role").object("role", name).commit(transaction, by).await?;
        Ok(true)
    }

    /// Deletes a role that no account has.
    pub async fn delete_role(&self, name: &str, by: &By) -> Result<RoleDeletion> {
        let mut transaction = self.pool().begin().await?;
        let found = sqlx::query_scalar!(
            r#"-- role.accounts
            SELECT (SELECT count(*) FROM account a WHERE a.role = r.name) AS "accounts!"
              FROM role r WHERE r.name = $1 FOR UPDATE"#,
            name
        )
        .fetch_optional(&mut *transaction)
        .await?;
        match found {
            None => return Ok(RoleDeletion::NotFound),
            Some(0) => {}
            Some(accounts) => return Ok(RoleDeletion::InUse(accounts)),
        }
        sqlx::query!("-- role.delete\nDELETE FROM role WHERE name = $1", name).execute(&mut *transaction).await?;
        Event::new("delete_role").object("role", name).commit(transaction, by).await?;
        Ok(RoleDeletion::Deleted)
    }

    /// Gives a role a permission.
    pub async fn grant(&self, role: &str, grant: &Grant, by: &By) -> Result<Granted> {
        let mut transaction = self.pool().begin().await?;
        let exists = sqlx::query_scalar!("-- role.lock\nSELECT name FROM role WHERE name = $1 FOR SHARE", role)
            .fetch_optional(&mut *transaction)
            .await?;
        if exists.is_none() {
            return Ok(Granted::NoRole);
        }
        let made = sqlx::query!(
            "-- role_grant.insert
             INSERT INTO role_grant (role, permission, dag_id, tag) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            role,
            grant.permission,
            grant.dag_id,
            grant.tag
        )
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(Granted::Already);
        }
        grant.event("post_grant").object("role", role).commit(transaction, by).await?;
        Ok(Granted::New)
    }

    /// Takes a permission back; false when the role did not have it.
    pub async fn revoke(&self, role: &str, grant: &Grant, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let gone = sqlx::query!(
            "-- role_grant.delete
             DELETE FROM role_grant WHERE role = $1 AND permission = $2
                AND dag_id IS NOT DISTINCT FROM $3 AND tag IS NOT DISTINCT FROM $4",
            role,
            grant.permission,
            grant.dag_id,
            grant.tag
        )
        .execute(&mut *transaction)
        .await?;
        if gone.rows_affected() == 0 {
            return Ok(false);
        }
        grant.event("delete_grant").object("role", role).commit(transaction, by).await?;
        Ok(true)
    }

    /// The DAGs that are named, and those that have one of the tags.
    pub async fn dags_of(&self, dag_ids: &[String], tags: &[String]) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar!(
            "-- role_grant.dags\nSELECT dag_id FROM dag WHERE dag_id = ANY ($1) OR tags && $2 ORDER BY dag_id",
            dag_ids,
            tags
        )
        .fetch_all(self.pool())
        .await?)
    }

    /// The tags of a DAG; none: there is no such DAG.
    pub async fn tags_of(&self, dag_id: &str) -> Result<Option<Vec<String>>> {
        Ok(sqlx::query_scalar!("-- dag.tags\nSELECT tags FROM dag WHERE dag_id = $1", dag_id)
            .fetch_optional(self.pool())
            .await?)
    }
}

impl Grant {
    fn event(&self, name: &'static str) -> Event<'_> {
        let event = Event::new(name).after(json!({"permission": self.permission, "tag": self.tag}));
        match &self.dag_id {
            Some(dag_id) => event.dag(dag_id),
            None => event,
        }
    }
}
