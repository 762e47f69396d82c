//! `/auth/token`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a token is asked for with.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct LoginBody {
    /// Name of a local account.
    pub username: String,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for LoginBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginBody").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A token for the header `Authorization: Bearer …`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct AccessToken {
    /// Opaque; it expires.
    pub access_token: String,
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessToken").finish_non_exhaustive()
    }
}
