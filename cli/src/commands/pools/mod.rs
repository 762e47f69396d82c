//! `flowctl pools`.

mod file;

use std::process::ExitCode;

use api::{Pool, PoolBody, PoolCollection, PoolPatchBody};
use clap::{Args, Subcommand};

use crate::client::{Client, Error};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::{Cell, Column, Page};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Pools {
    /// Pools, and who holds their slots.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// One pool.
    Get {
        /// Its name.
        #[arg(value_name = "POOL")]
        name: String,
    },
    /// Creates a pool, or changes the one of that name. What runs in it goes on.
    Set(Set),
    /// Deletes pools that no DAG uses.
    Delete {
        /// Their names.
        #[arg(required = true, value_name = "POOL")]
        names: Vec<String>,
    },
    /// Creates and changes pools as a file says, which `export` wrote, here or in Airflow.
    Import {
        /// The file; `-` for stdin.
        file: String,
    },
    /// All pools as JSON.
    Export {
        /// The file; `-` for stdout.
        #[arg(default_value = "-")]
        file: String,
    },
}

/// What a pool is to be.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Its name.
    #[arg(value_name = "POOL")]
    name: String,
    /// How many slots it has; -1 for no bound.
    #[arg(allow_negative_numbers = true)]
    slots: i32,
    /// For people; it stays as it is if it is not given.
    description: Option<String>,
    /// Whether deferred tasks hold their slots; it stays as it is if it is not given.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    include_deferred: Option<bool>,
    /// At most so many starts in any window of a length, such as `10/1m`; `none` takes it away.
    #[arg(long)]
    rate: Option<String>,
}

const COLUMNS: [Column<Pool>; 8] = [
    Column { title: "pool", cell: |pool| pool.name.as_str().into() },
    Column { title: "slots", cell: |pool| bound(i64::from(pool.slots)).into() },
    Column { title: "running", cell: |pool| pool.running_slots.to_string().into() },
    Column { title: "queued", cell: |pool| pool.queued_slots.to_string().into() },
    Column { title: "waiting", cell: |pool| pool.scheduled_slots.to_string().into() },
    Column { title: "open", cell: |pool| bound(pool.open_slots).into() },
    Column { title: "rate", cell: |pool| pool.rate.as_deref().unwrap_or("–").into() },
    Column { title: "description", cell: |pool| pool.description.as_deref().unwrap_or_default().into() },
];

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Pools) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    match verb {
        Pools::List { page } => {
            let query = [("order_by", "name".to_owned())];
            let (pools, total) = page.of::<PoolCollection>(&client, &["pools"], &query).await?;
            globals.output().list(&pools, &COLUMNS, total)?;
        }
        Pools::Get { name } => {
            let pool: Pool = found(&client, &name, client.get(&["pools", &name], &[])).await?;
            globals.output().entry(&pool, &fields(&pool))?;
        }
        Pools::Set(arguments) => {
            let pool = set(&client, arguments).await?;
            globals.output().entry(&pool, &fields(&pool))?;
        }
        Pools::Delete { names } => {
            for name in &names {
                found(&client, name, client.delete(&["pools", name])).await?;
                anstream::eprintln!("`{name}` is deleted");
            }
        }
        Pools::Import { file } => return file::import(&client, &file).await,
        Pools::Export { file } => file::export(&client, &file).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn set(client: &Client, arguments: Set) -> anyhow::Result<Pool> {
    let Set { name, slots, description, include_deferred, rate } = arguments;
    let rate = rate.map(|rate| (rate != "none").then_some(rate));
    let patch = PoolPatchBody {
        pool: None,
        slots: Some(slots),
        description: description.clone().map(Some),
        include_deferred,
        team_name: None,
        rate: rate.clone(),
    };
    match client.patch(&["pools", &name], &patch).await {
        Err(Error::NotFound { .. }) => {}
        changed => return Ok(changed?),
    }
    let body = PoolBody {
        name,
        slots,
        description,
        include_deferred: include_deferred.unwrap_or(false),
        team_name: None,
        rate: rate.flatten(),
    };
    Ok(client.post(&["pools"], &body).await?)
}

/// What a request about one pool gives; when there is none of that name, the failure says which there are.
async fn found<T>(client: &Client, name: &str, work: impl Future<Output = Result<T, Error>>) -> anyhow::Result<T> {
    match work.await {
        Err(Error::NotFound { .. }) => {
            let known = client.all::<PoolCollection>(&["pools"], &[]).await?;
            let names: Vec<_> = known.iter().map(|pool| format!("`{}`", pool.name)).collect();
            Err(Failure::not_found(format!("no pool `{name}`; there are {}", names.join(", "))).into())
        }
        done => Ok(done?),
    }
}

fn bound(slots: i64) -> String {
    if slots == -1 { "∞".to_owned() } else { slots.to_string() }
}

fn fields(pool: &Pool) -> Vec<(&'static str, Cell)> {
    vec![
        ("pool", pool.name.as_str().into()),
        ("description", pool.description.as_deref().unwrap_or("–").into()),
        ("slots", bound(i64::from(pool.slots)).into()),
        ("rate", pool.rate.as_deref().unwrap_or("–").into()),
        ("include_deferred", pool.include_deferred.to_string().into()),
        ("occupied", pool.occupied_slots.to_string().into()),
        ("running", pool.running_slots.to_string().into()),
        ("queued", pool.queued_slots.to_string().into()),
        ("waiting", pool.scheduled_slots.to_string().into()),
        ("deferred", pool.deferred_slots.to_string().into()),
        ("open", bound(pool.open_slots).into()),
    ]
}
