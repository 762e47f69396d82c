//! Roles with their grants, and personal tokens. Airflow has neither; its names are not used.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A permission for a DAG, for the DAGs of a tag, or with neither for everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Such as `dag_run.create`.
    pub permission: String,
    /// For this DAG.
    #[serde(default)]
    pub dag_id: Option<String>,
    /// For the DAGs with this tag.
    #[serde(default)]
    pub tag: Option<String>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Whether it is one of those that are always there.
    pub is_built_in: bool,
    /// So many accounts have it.
    pub accounts: i64,
    /// What it may beyond what it may anyway.
    pub grants: Vec<Grant>,
}

/// Roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleCollection {
    /// All of them.
    pub roles: Vec<Role>,
    /// So many.
    pub total_entries: u64,
}

/// A role to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleBody {
    /// Its name: letters, digits, `-`, `_` and `.`.
    pub name: String,
}

/// A personal token, without itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// What it is revoked by.
    pub id: i64,
    /// What its owner calls it.
    pub name: String,
    /// It may no more than this role, and no more than its owner.
    pub role: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last presented, to five minutes.
    pub last_used_at: Option<Timestamp>,
    /// When it stops being accepted.
    pub expires_at: Timestamp,
}

/// Tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenCollection {
    /// All of them.
    pub tokens: Vec<Token>,
    /// So many.
    pub total_entries: u64,
}

/// A token to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    /// What its owner calls it.
    pub name: String,
    /// It may no more than this role; none: what its owner may.
    #[serde(default)]
    pub role: Option<String>,
    /// Days until it expires, 730 at most; none: 90.
    #[serde(default)]
    pub days: Option<u32>,
}

/// A token that was made. It is told once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// What it is revoked by.
    pub id: i64,
    /// For `Authorization: Bearer …`.
    pub token: String,
    /// When it stops being accepted.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken").field("id", &self.id).finish_non_exhaustive()
    }
}
