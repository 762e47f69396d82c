//! Connections in files.

use std::process::ExitCode;

use api::{BulkAction, BulkBody, BulkResponse, OnExistence};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use crate::client::Client;
use crate::commands::bulk;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::secret_file::{self, FileFormat};
use crate::{config, services};

/// What to write.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file; `-` for stdout.
    #[arg(default_value = "-")]
    file: String,
    /// How to write it, where its name does not say it.
    #[arg(long, value_enum)]
    file_format: Option<FileFormat>,
    /// How a line of an env file says a connection.
    #[arg(long, value_enum, default_value = "uri")]
    serialization_format: Serialization,
}

/// How a text says a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Serialization {
    /// As a URI.
    Uri,
    /// As JSON.
    Json,
}

/// Creates what the file says; connections that it does not name stay as they are.
pub(super) async fn import(
    client: &Client,
    file: &str,
    format: FileFormat,
    overwrite: bool,
) -> anyhow::Result<ExitCode> {
    let connections = secret_file::connections(secret_file::read(file, format)?)
        .map_err(|why| Failure::usage(format!("{file} cannot be imported: {why}")))?;
    let entities = connections.into_iter().map(|(id, connection)| super::body(id, connection)).collect();
    let action_on_existence = if overwrite { OnExistence::Overwrite } else { OnExistence::Skip };
    let actions = vec![BulkAction::Create { entities, action_on_existence }];
    let response: BulkResponse = client.patch(&["connections"], &BulkBody { actions }).await?;
    Ok(bulk::told(response.create))
}

/// Writes all connections.
pub(super) async fn export(globals: &Globals, arguments: &Export) -> anyhow::Result<ExitCode> {
    let format = FileFormat::of(arguments.file_format, &arguments.file)?;
    let settings = config::load(globals, &[])?;
    let access = services::access(&settings).await?;
    let connections = access.store.connections().await;
    access.close().await?;
    let mut values = Map::new();
    for (id, connection) in connections? {
        let value = match (format, arguments.serialization_format) {
            (FileFormat::Env, Serialization::Uri) => Value::String(connection.uri()),
            (FileFormat::Env, Serialization::Json) => Value::String(connection.json()),
            (FileFormat::Json | FileFormat::Yaml, _) => secret_file::exported(&connection),
        };
        values.insert(id, value);
    }
    secret_file::write(&arguments.file, format, &values)?;
    anstream::eprintln!("{} exported", values.len());
    Ok(ExitCode::SUCCESS)
}
