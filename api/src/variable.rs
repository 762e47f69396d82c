//! Variables.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A text by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Variable {
    /// Its name.
    pub key: String,
    /// Its text. `***` where its name says that it is secret, and in the place of what is secret in JSON; null when no
    /// key decrypts it.
    pub value: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Always true.
    pub is_encrypted: bool,
    /// Always null: there are no teams.
    pub team_name: Option<String>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VariableCollection {
    /// The entries.
    pub variables: Vec<Variable>,
    /// On all pages.
    pub total_entries: u64,
}

/// A variable to be made, or what of one is changed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VariableBody {
    /// Its name.
    pub key: String,
    /// Its text; anything else is kept as JSON. In a change, `***` stands for what it was.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    pub value: Option<Value>,
    /// For people.
    #[serde(default, deserialize_with = "crate::given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub description: Option<Option<String>>,
    /// Taken and without meaning: there are no teams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
}

impl std::fmt::Debug for VariableBody {
    /// Without its value.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VariableBody").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Null is JSON as well.
fn some<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
