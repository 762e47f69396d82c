//! `flowctl variables`.

mod file;

use std::process::ExitCode;

use api::{OnExistence, Variable, VariableBody, VariableCollection};
use clap::{Subcommand, ValueEnum};
use serde_json::Value;

use crate::client::{Client, Error};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::{Cell, Column, Page, print};
use crate::secret_file::FileFormat;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Variables {
    /// Variables; what is secret is `***`.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// The text of a variable; what is secret is `***`.
    Get {
        /// Its name.
        key: String,
        /// What to print when there is none of that name.
        #[arg(long)]
        default: Option<String>,
    },
    /// Creates a variable, or changes the one of that name.
    Set {
        /// Its name.
        key: String,
        /// Its text; `-` reads it from stdin, where no list of processes shows it.
        value: String,
        /// For people; it stays as it is if it is not given.
        #[arg(long)]
        description: Option<String>,
        /// The text must be JSON.
        #[arg(long)]
        json: bool,
    },
    /// Deletes variables.
    Delete {
        /// Their names.
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
    /// Creates and changes variables as a file says, which `export` wrote, here or in Airflow.
    Import {
        /// The file, .json, .yaml or .env; `-` for stdin.
        file: String,
        /// What the file holds, where its name does not say it.
        #[arg(long, value_enum)]
        file_format: Option<FileFormat>,
        /// What becomes of a variable that is there.
        #[arg(long, value_enum, default_value = "overwrite")]
        action_on_existing_key: OnExisting,
    },
    /// All variables with their texts, straight from the database: the API gives no secret away.
    Export {
        /// The file; `-` for stdout.
        #[arg(default_value = "-")]
        file: String,
        /// How to write it, where its name does not say it.
        #[arg(long, value_enum)]
        file_format: Option<FileFormat>,
    },
}

/// What becomes of a variable that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnExisting {
    /// It becomes what the file says.
    Overwrite,
    /// Nothing is imported.
    Fail,
    /// It stays as it is.
    Skip,
}

impl From<OnExisting> for OnExistence {
    fn from(on: OnExisting) -> Self {
        match on {
            OnExisting::Overwrite => Self::Overwrite,
            OnExisting::Fail => Self::Fail,
            OnExisting::Skip => Self::Skip,
        }
    }
}

const COLUMNS: [Column<Variable>; 3] = [
    Column { title: "key", cell: |variable| variable.key.as_str().into() },
    Column { title: "value", cell: |variable| shown(variable) },
    Column { title: "description", cell: |variable| variable.description.as_deref().unwrap_or_default().into() },
];

fn shown(variable: &Variable) -> Cell {
    variable.value.as_deref().unwrap_or("(no key decrypts it)").into()
}

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Variables) -> anyhow::Result<ExitCode> {
    if let Variables::Export { file, file_format } = &verb {
        return file::export(globals, file, FileFormat::of(*file_format, file)?).await;
    }
    let client = globals.client()?;
    match verb {
        Variables::List { page } => {
            let query = [("order_by", "key".to_owned())];
            let (variables, total) = page.of::<VariableCollection>(&client, &["variables"], &query).await?;
            globals.output().list(&variables, &COLUMNS, total)?;
        }
        Variables::Get { key, default } => match (client.get::<Variable>(&["variables", &key], &[]).await, default) {
            (Ok(variable), _) => match variable.value {
                Some(value) => print(&value)?,
                None => return Err(Failure::failed(format!("no key of the server decrypts variable `{key}`")).into()),
            },
            (Err(Error::NotFound { .. }), Some(default)) => print(&default)?,
            (Err(Error::NotFound { .. }), None) => return Err(missing(&key).into()),
            (Err(error), _) => return Err(error.into()),
        },
        Variables::Set { key, value, description, json } => {
            let value = text(value)?;
            if json && serde_json::from_str::<Value>(&value).is_err() {
                return Err(Failure::usage("the value is not JSON").into());
            }
            set(&client, key, value, description).await?;
        }
        Variables::Delete { keys } => {
            for key in &keys {
                match client.delete(&["variables", key]).await {
                    Err(Error::NotFound { .. }) => return Err(missing(key).into()),
                    done => done?,
                }
                anstream::eprintln!("`{key}` is deleted");
            }
        }
        Variables::Import { file, file_format, action_on_existing_key } => {
            let format = FileFormat::of(file_format, &file)?;
            return file::import(&client, &file, format, action_on_existing_key.into()).await;
        }
        Variables::Export { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// A value of the command line, or what stdin has.
pub(super) fn text(value: String) -> anyhow::Result<String> {
    if value != "-" {
        return Ok(value);
    }
    let text = std::io::read_to_string(std::io::stdin())?;
    Ok(text.strip_suffix('\n').map_or(text.clone(), str::to_owned))
}

async fn set(client: &Client, key: String, value: String, description: Option<String>) -> anyhow::Result<()> {
    let body = VariableBody {
        key: key.clone(),
        value: Some(Value::String(value)),
        description: description.map(Some),
        team_name: None,
    };
    match client.patch::<Variable>(&["variables", &key], &body).await {
        Err(Error::NotFound { .. }) => {
            client.post::<Variable>(&["variables"], &body).await?;
            anstream::eprintln!("`{key}` is created");
        }
        changed => {
            changed?;
            anstream::eprintln!("`{key}` is changed");
        }
    }
    Ok(())
}

fn missing(key: &str) -> Failure {
    Failure::not_found(format!("no variable `{key}`")).hint("`flowctl variables list` shows all")
}
