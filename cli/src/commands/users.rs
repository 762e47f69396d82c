//! `flowctl users`: local accounts, straight in the database.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use rand::distr::{Alphanumeric, SampleString};
use serde::Serialize;
use store::Store;
use store::account::Account;
use webserver::doors::hash_password;

use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::{Cell, Column, print};
use crate::{config, services};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Users {
    /// Creates an account. Its password is made and printed once, unless --password-stdin is given.
    Create {
        /// The name to log in with.
        username: String,
        /// What it may do.
        #[arg(long, value_enum)]
        role: Role,
        #[command(flatten)]
        password: Password,
    },
    /// All accounts.
    List,
    /// Removes an account and logs it out everywhere.
    Delete {
        /// Its name.
        username: String,
    },
    /// Sets a new password and logs the account out everywhere. It is made and printed once, unless --password-stdin
    /// is given.
    ResetPassword {
        /// Its name.
        username: String,
        #[command(flatten)]
        password: Password,
    },
    /// Sets what an account may do.
    SetRole {
        /// Its name.
        username: String,
        /// What it may do from now on.
        #[arg(value_enum)]
        role: Role,
    },
}

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Reads.
    Viewer,
    /// Also changes DAGs and runs.
    User,
    /// Also changes what many DAGs share.
    Op,
    /// Everything.
    Admin,
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::User => "user",
            Self::Op => "op",
            Self::Admin => "admin",
        }
    }
}

/// Where a password comes from. Not from an argument: others see those.
#[derive(Debug, Args)]
pub(crate) struct Password {
    /// Reads the password from the first line of stdin.
    #[arg(long)]
    password_stdin: bool,
}

/// An account as it is listed.
#[derive(Debug, Serialize)]
struct Entry {
    username: String,
    role: String,
}

const COLUMNS: [Column<Entry>; 2] = [
    Column { title: "username", cell: |entry| Cell::from(entry.username.as_str()) },
    Column { title: "role", cell: |entry| Cell::from(entry.role.as_str()) },
];

/// Length of a password that is made: 119 bits.
const MADE_LENGTH: usize = 20;

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Users) -> anyhow::Result<ExitCode> {
    let settings = config::load(globals, &[])?;
    let access = services::access(&settings).await?;
    let result = match services::require_migrated(&access.store).await {
        Ok(()) => change(globals, &access.store, verb).await,
        Err(error) => Err(error),
    };
    access.close().await?;
    result.map(|()| ExitCode::SUCCESS)
}

async fn change(globals: &Globals, store: &Store, verb: Users) -> anyhow::Result<()> {
    match verb {
        Users::Create { username, role, password } => create(store, username, role, &password).await,
        Users::List => list(globals, store).await,
        Users::Delete { username } => {
            keep_an_admin(store, &username).await?;
            existing(store.delete_account(&username).await?, &username)?;
            anstream::eprintln!("{username} is deleted");
            Ok(())
        }
        Users::ResetPassword { username, password } => {
            let (text, was_made) = password.get()?;
            let hash = hash_password(&text).map_err(|error| Failure::failed(error.to_string()))?;
            existing(store.set_password(&username, &hash).await?, &username)?;
            anstream::eprintln!("{username} has a new password, and is logged out everywhere");
            if was_made { print(&text) } else { Ok(()) }
        }
        Users::SetRole { username, role } => {
            if role != Role::Admin {
                keep_an_admin(store, &username).await?;
            }
            existing(store.set_role(&username, role.as_str()).await?, &username)?;
            anstream::eprintln!("{username} is {}", role.as_str());
            Ok(())
        }
    }
}

async fn create(store: &Store, username: String, role: Role, password: &Password) -> anyhow::Result<()> {
    if username.trim() != username || username.is_empty() || username.chars().any(char::is_control) {
        return Err(Failure::usage("a username is not empty and has no spaces around it").into());
    }
    let (text, was_made) = password.get()?;
    let password_hash = hash_password(&text).map_err(|error| Failure::failed(error.to_string()))?;
    let account = Account { username, password_hash, role: role.as_str().to_owned() };
    if !store.create_account(&account).await? {
        return Err(Failure::failed(format!("there is an account `{}` already", account.username))
            .hint("`flowctl users reset-password` gives it another password")
            .into());
    }
    anstream::eprintln!("{} is created ({})", account.username, account.role);
    if was_made { print(&text) } else { Ok(()) }
}

async fn list(globals: &Globals, store: &Store) -> anyhow::Result<()> {
    let accounts = store.accounts().await?;
    let entries: Vec<Entry> =
        accounts.into_iter().map(|account| Entry { username: account.username, role: account.role }).collect();
    globals.output().list(&entries, &COLUMNS, u64::try_from(entries.len()).unwrap_or(u64::MAX))
}

fn existing(exists: bool, username: &str) -> Result<(), Failure> {
    if exists {
        return Ok(());
    }
    Err(Failure::not_found(format!("no account `{username}`")).hint("`flowctl users list` shows all"))
}

/// Without an administrator nobody could put it right from the outside.
async fn keep_an_admin(store: &Store, username: &str) -> anyhow::Result<()> {
    let accounts = store.accounts().await?;
    let is_admin = |account: &&Account| account.role == "admin";
    let others = accounts.iter().filter(is_admin).any(|account| account.username != username);
    if others || !accounts.iter().filter(is_admin).any(|account| account.username == username) {
        return Ok(());
    }
    Err(Failure::failed(format!("`{username}` is the only administrator")).hint("make another one first").into())
}

impl Password {
    /// The password, and whether it was made here.
    fn get(&self) -> anyhow::Result<(String, bool)> {
        if !self.password_stdin {
            return Ok((Alphanumeric.sample_string(&mut rand::rng(), MADE_LENGTH), true));
        }
        if std::io::stdin().is_terminal() {
            anstream::eprintln!("the password, which this terminal shows:");
        }
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("stdin cannot be read")?;
        let password = line.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(Failure::usage("the password on stdin is empty").into());
        }
        Ok((password.to_owned(), false))
    }
}
