//! Airflow's roles.

use super::Permission;

/// The roles that are always there, each with what the ones before it may: those of Airflow's `SimpleAuthManager`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Also changes DAGs and runs.
    User,
    /// Also changes what many DAGs share.
    Op,
    /// Everything.
    Admin,
}

impl Role {
    /// From the weakest.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::User, Self::Op, Self::Admin];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::User => "user",
            Self::Op => "op",
            Self::Admin => "admin",
        }
    }

    /// The role with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// With its article.
    pub const fn one(self) -> &'static str {
        match self {
            Self::Viewer => "a viewer",
            Self::User => "a user",
            Self::Op => "an op",
            Self::Admin => "an admin",
        }
    }

    /// Whether it has a permission everywhere.
    pub fn may(self, permission: Permission) -> bool {
        self >= permission.least_role()
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
