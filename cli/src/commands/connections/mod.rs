//! `flowctl connections`.

mod add;
mod file;

use std::process::ExitCode;

use api::{Connection, ConnectionBody, ConnectionCollection, ConnectionTest};
use clap::Subcommand;

use crate::client::{Client, Error};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::{Cell, Column, Page};
use crate::secret_file::FileFormat;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Connections {
    /// Connections; what is secret is `***`.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// One connection; what is secret is `***`.
    Get {
        /// Its id.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Creates a connection; one that exists stays as it is.
    Add(Box<add::Add>),
    /// Creates a connection, or makes one that exists what is given.
    Set(Box<add::Add>),
    /// Deletes connections.
    Delete {
        /// Their ids.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Creates connections as a file says, which `export` wrote, here or in Airflow.
    Import {
        /// The file, .json, .yaml or .env; `-` for stdin.
        file: String,
        /// What the file holds, where its name does not say it.
        #[arg(long, value_enum)]
        file_format: Option<FileFormat>,
        /// Also changes connections that are there; without it they stay as they are.
        #[arg(long)]
        overwrite: bool,
    },
    /// All connections with their secrets, straight from the database: the API gives no secret away.
    Export(file::Export),
    /// Tries a connection from where the web server runs. Exit code 1 if it does not work.
    Test {
        /// Its id.
        #[arg(value_name = "ID")]
        id: String,
    },
}

const COLUMNS: [Column<Connection>; 7] = [
    Column { title: "connection", cell: |connection| connection.connection_id.as_str().into() },
    Column { title: "type", cell: |connection| connection.conn_type.as_str().into() },
    Column { title: "host", cell: |connection| text(connection.host.as_ref()) },
    Column { title: "port", cell: |connection| text(connection.port.map(|port| port.to_string()).as_ref()) },
    Column { title: "login", cell: |connection| text(connection.login.as_ref()) },
    Column { title: "schema", cell: |connection| text(connection.schema.as_ref()) },
    Column { title: "description", cell: |connection| text(connection.description.as_ref()) },
];

fn text(text: Option<&String>) -> Cell {
    text.map(String::as_str).unwrap_or_default().into()
}

fn fields(connection: &Connection) -> Vec<(&'static str, Cell)> {
    vec![
        ("connection", connection.connection_id.as_str().into()),
        ("type", connection.conn_type.as_str().into()),
        ("description", text(connection.description.as_ref())),
        ("host", text(connection.host.as_ref())),
        ("login", text(connection.login.as_ref())),
        ("password", text(connection.password.as_ref())),
        ("schema", text(connection.schema.as_ref())),
        ("port", text(connection.port.map(|port| port.to_string()).as_ref())),
        ("extra", text(connection.extra.as_ref())),
    ]
}

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Connections) -> anyhow::Result<ExitCode> {
    if let Connections::Export(arguments) = &verb {
        return file::export(globals, arguments).await;
    }
    let client = globals.client()?;
    match verb {
        Connections::List { page } => {
            let query = [("order_by", "connection_id".to_owned())];
            let (connections, total) = page.of::<ConnectionCollection>(&client, &["connections"], &query).await?;
            globals.output().list(&connections, &COLUMNS, total)?;
        }
        Connections::Get { id } => {
            let connection = get(&client, &id).await?;
            globals.output().entry(&connection, &fields(&connection))?;
        }
        Connections::Add(arguments) => {
            let connection: Connection = client.post(&["connections"], &arguments.body()?).await?;
            globals.output().entry(&connection, &fields(&connection))?;
        }
        Connections::Set(arguments) => {
            let body = arguments.body()?;
            let connection = match client.post::<Connection>(&["connections"], &body).await {
                Err(Error::Refused { status: 409, .. }) => {
                    client.patch(&["connections", &body.connection_id], &body).await?
                }
                done => done?,
            };
            globals.output().entry(&connection, &fields(&connection))?;
        }
        Connections::Delete { ids } => {
            for id in &ids {
                match client.delete(&["connections", id]).await {
                    Err(Error::NotFound { .. }) => return Err(missing(id).into()),
                    done => done?,
                }
                anstream::eprintln!("`{id}` is deleted");
            }
        }
        Connections::Import { file, file_format, overwrite } => {
            let format = FileFormat::of(file_format, &file)?;
            return file::import(&client, &file, format, overwrite).await;
        }
        Connections::Test { id } => return test(&client, &id).await,
        Connections::Export(_) => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn get(client: &Client, id: &str) -> anyhow::Result<Connection> {
    match client.get(&["connections", id], &[]).await {
        Err(Error::NotFound { .. }) => Err(missing(id).into()),
        found => Ok(found?),
    }
}

/// The server knows what stands for `***`.
async fn test(client: &Client, id: &str) -> anyhow::Result<ExitCode> {
    let connection = get(client, id).await?;
    let body = ConnectionBody {
        connection_id: connection.connection_id,
        conn_type: connection.conn_type,
        ..ConnectionBody::default()
    };
    let tested: ConnectionTest = client.post(&["connections", "test"], &body).await?;
    anstream::eprintln!("{}", tested.message);
    Ok(if tested.status { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn missing(id: &str) -> Failure {
    Failure::not_found(format!("no connection `{id}`")).hint("`flowctl connections list` shows all")
}

/// What to send of a connection.
fn body(id: String, connection: model::connection::Connection) -> ConnectionBody {
    ConnectionBody {
        connection_id: id,
        conn_type: connection.conn_type,
        description: Some(connection.description),
        host: Some(connection.host),
        login: Some(connection.login),
        schema: Some(connection.schema),
        port: Some(connection.port),
        password: Some(connection.password),
        extra: Some(connection.extra),
        team_name: None,
    }
}
