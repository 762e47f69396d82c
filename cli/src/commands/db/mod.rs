//! `flowctl db`: the metadata database.

mod clean;
mod rotate;
mod shell;

use std::process::ExitCode;

use clap::Subcommand;
use store::schema::SchemaState;

use crate::globals::Globals;
use crate::services::Access;
use crate::{config, services};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    /// Brings the schema up to date. Safe to run at any time, and from several places at once.
    Migrate,
    /// Whether the schema is up to date. Exit code 1 if not.
    Check,
    /// Deletes finished runs that ended before a time, with their task instances, attempts, XComs and logs.
    Clean(clean::Clean),
    /// Encrypts all variables and connections anew with the first key of `secrets.fernet_key`. Exit code 1 if some cannot
    /// be read: they stay as they are.
    RotateKey,
    /// psql on the database.
    Shell {
        /// Arguments of psql, for instance `-- -c 'SELECT 1'`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Db) -> anyhow::Result<ExitCode> {
    let settings = config::load(globals, &[])?;
    let access = services::access(&settings).await?;
    let result = match verb {
        Db::Migrate => migrate(&access).await,
        Db::Check => check(&access).await,
        Db::Clean(arguments) => clean::run(globals, &settings, &access, &arguments).await,
        Db::RotateKey => rotate::run(&access).await,
        Db::Shell { arguments } => shell::run(&access, &arguments).await,
    };
    access.close().await?;
    result
}

async fn migrate(access: &Access) -> anyhow::Result<ExitCode> {
    let before = access.store.schema_state().await?;
    let SchemaState::Behind(missing) = before else {
        services::require_migrated(&access.store).await?;
        anstream::eprintln!("the schema is up to date");
        return Ok(ExitCode::SUCCESS);
    };
    access.store.migrate().await?;
    for migration in missing {
        anstream::eprintln!("applied {migration}");
    }
    Ok(ExitCode::SUCCESS)
}

async fn check(access: &Access) -> anyhow::Result<ExitCode> {
    services::require_migrated(&access.store).await?;
    anstream::eprintln!("the schema is up to date");
    Ok(ExitCode::SUCCESS)
}
