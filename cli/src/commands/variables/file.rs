//! Variables in files.

use std::process::ExitCode;

use api::{BulkAction, BulkBody, BulkResponse, OnExistence, VariableBody};
use serde_json::{Map, Value};

use crate::client::Client;
use crate::commands::bulk;
use crate::globals::Globals;
use crate::secret_file::{self, FileFormat};
use crate::{config, services};

/// Creates and changes what the file says; variables that it does not name stay as they are.
pub(super) async fn import(
    client: &Client,
    file: &str,
    format: FileFormat,
    on_existence: OnExistence,
) -> anyhow::Result<ExitCode> {
    let entity = |(key, value): (String, Value)| {
        // Airflow's exports may also have `{"value": …, "description": …}`.
        let (value, description) = match value {
            Value::Object(mut object) if object.contains_key("value") && object.keys().all(|key| is_field(key)) => {
                let description = object.remove("description").and_then(|text| text.as_str().map(str::to_owned));
                (object.remove("value").unwrap_or_default(), description)
            }
            value => (value, None),
        };
        VariableBody { key, value: Some(value), description: description.map(Some), team_name: None }
    };
    let entities = secret_file::read(file, format)?.into_iter().map(entity).collect();
    let actions = vec![BulkAction::Create { entities, action_on_existence: on_existence }];
    let response: BulkResponse = client.patch(&["variables"], &BulkBody { actions }).await?;
    Ok(bulk::told(response.create))
}

fn is_field(key: &str) -> bool {
    matches!(key, "value" | "description")
}

/// Writes all variables, JSON as such.
pub(super) async fn export(globals: &Globals, file: &str, format: FileFormat) -> anyhow::Result<ExitCode> {
    let settings = config::load(globals, &[])?;
    let access = services::access(&settings).await?;
    let variables = access.store.variables().await;
    access.close().await?;
    let mut values = Map::new();
    for variable in variables? {
        let json = serde_json::from_str(&variable.value).ok().filter(|_| format != FileFormat::Env);
        let value = json.unwrap_or(Value::String(variable.value));
        let value = match variable.description {
            Some(description) if format != FileFormat::Env => {
                serde_json::json!({ "value": value, "description": description })
            }
            _ => value,
        };
        values.insert(variable.key, value);
    }
    secret_file::write(file, format, &values)?;
    anstream::eprintln!("{} exported", values.len());
    Ok(ExitCode::SUCCESS)
}
