//! What a refused request is answered with.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

/// The body of every answer from 400 on, as Airflow's (`FastAPI`'s) are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HttpError {
    /// What is wrong.
    pub detail: Detail,
}

/// A sentence; or, for a body that does not have the right form (422) and for a key that exists (409), an object or a
/// list that names the place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Detail {
    /// A sentence.
    Text(String),
    /// Anything else.
    Structured(Value),
}

impl PartialSchema for Detail {
    fn schema() -> RefOr<Schema> {
        let types = SchemaType::from_iter([Type::String, Type::Object, Type::Array]);
        ObjectBuilder::new().schema_type(types).description(Some("A sentence, or what names the place.")).into()
    }
}

impl ToSchema for Detail {}

impl std::fmt::Display for Detail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Structured(Value::Object(object)) => match object.get("message").and_then(Value::as_str) {
                Some(message) => f.write_str(message),
                None => write!(f, "{}", Value::Object(object.clone())),
            },
            Self::Structured(Value::Array(problems)) => {
                let text = |problem: &Value| {
                    let path = problem.get("loc").and_then(Value::as_array).map(|path| {
                        path.iter()
                            .map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned))
                            .collect::<Vec<_>>()
                            .join(".")
                    });
                    let message = problem.get("msg").and_then(Value::as_str).unwrap_or_default();
                    path.map_or_else(|| message.to_owned(), |path| format!("{path}: {message}"))
                };
                f.write_str(&problems.iter().map(text).collect::<Vec<_>>().join("; "))
            }
            Self::Structured(other) => write!(f, "{other}"),
        }
    }
}
