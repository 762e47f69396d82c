//! Several changes of one kind of thing in one request, as Airflow's bulk endpoints take them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The changes, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkBody<T> {
    /// Each is made as a whole or not at all, whatever becomes of the others.
    pub actions: Vec<BulkAction<T>>,
}

/// One kind of change of several things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum BulkAction<T> {
    /// Makes them.
    Create {
        /// What.
        entities: Vec<T>,
        /// When one exists.
        #[serde(default)]
        action_on_existence: OnExistence,
    },
    /// Makes them what is given.
    Update {
        /// What.
        entities: Vec<T>,
        /// Names of the fields that count; all if it is not given.
        #[serde(default)]
        update_mask: Option<Vec<String>>,
        /// When one does not exist.
        #[serde(default)]
        action_on_non_existence: OnNonExistence,
    },
    /// Deletes them.
    Delete {
        /// Their names.
        entities: Vec<String>,
        /// When one does not exist.
        #[serde(default)]
        action_on_non_existence: OnNonExistence,
    },
}

/// What becomes of something that is to be created and exists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnExistence {
    /// Nothing of the action is done.
    #[default]
    Fail,
    /// It stays as it is.
    Skip,
    /// It becomes what is given.
    Overwrite,
}

/// What becomes of an action on something that does not exist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnNonExistence {
    /// Nothing of the action is done.
    #[default]
    Fail,
    /// The others are done.
    Skip,
}

/// What became of the changes, by kind; null where there was none of the kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkResponse {
    /// Of those that create.
    pub create: Option<BulkOutcome>,
    /// Of those that update.
    pub update: Option<BulkOutcome>,
    /// Of those that delete.
    pub delete: Option<BulkOutcome>,
}

/// What became of one kind of changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkOutcome {
    /// Names of what was done.
    pub success: Vec<String>,
    /// Why something was not done.
    pub errors: Vec<BulkError>,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkError {
    /// A sentence.
    pub error: String,
    /// The status that the same request alone would have got.
    pub status_code: u16,
}
