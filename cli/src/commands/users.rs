//! `flowctl users`: local accounts, straight in the database.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;
use store::Store;
use store::account::{Account, AccountRow};
use webserver::doors::{hash_password, made_password};

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
        ///
        /// viewer reads; user also changes DAGs and runs; op also what many DAGs share; admin everything; or a role of
        /// your own (`flowctl roles`).
        #[arg(long)]
        role: String,
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
        role: String,
    },
    /// Keeps an account out, and logs it out everywhere; its tokens are revoked.
    Disable {
        /// Its name.
        username: String,
    },
    /// Lets an account in again.
    Enable {
        /// Its name.
        username: String,
    },
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
    origin: String,
    is_disabled: bool,
}

const COLUMNS: [Column<Entry>; 4] = [
    Column { title: "username", cell: |entry| Cell::from(entry.username.as_str()) },
    Column { title: "role", cell: |entry| Cell::from(entry.role.as_str()) },
    Column { title: "origin", cell: |entry| Cell::from(entry.origin.as_str()) },
    Column { title: "state", cell: |entry| Cell::from(if entry.is_disabled { "disabled" } else { "in use" }) },
];

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
            existing(store.delete_account(&username, &services::by()).await?, &username)?;
            anstream::eprintln!("{username} is deleted");
            Ok(())
        }
        Users::ResetPassword { username, password } => {
            let (text, was_made) = password.get()?;
            let hash = hash_password(&text).map_err(|error| Failure::failed(error.to_string()))?;
            let known = store.accounts().await?.into_iter().find(|account| account.username == username);
            if known.is_some_and(|account| account.origin != "local") {
                let message = format!("an identity provider vouches for `{username}`: it has no password here");
                return Err(Failure::failed(message).into());
            }
            existing(store.set_password(&username, &hash, &services::by()).await?, &username)?;
            anstream::eprintln!("{username} has a new password, and is logged out everywhere");
            if was_made { print(&text) } else { Ok(()) }
        }
        Users::SetRole { username, role } => {
            check_role(store, &role).await?;
            if role != "admin" {
                keep_an_admin(store, &username).await?;
            }
            existing(store.set_role(&username, &role, &services::by()).await?, &username)?;
            anstream::eprintln!("{username} is {role}");
            Ok(())
        }
        Users::Disable { username } => {
            keep_an_admin(store, &username).await?;
            existing(store.set_disabled(&username, true, &services::by()).await?, &username)?;
            anstream::eprintln!("{username} is disabled, and logged out everywhere");
            Ok(())
        }
        Users::Enable { username } => {
            existing(store.set_disabled(&username, false, &services::by()).await?, &username)?;
            anstream::eprintln!("{username} is enabled");
            Ok(())
        }
    }
}

async fn create(store: &Store, username: String, role: String, password: &Password) -> anyhow::Result<()> {
    if username.trim() != username || username.is_empty() || username.chars().any(char::is_control) {
        return Err(Failure::usage("a username is not empty and has no spaces around it").into());
    }
    check_role(store, &role).await?;
    let (text, was_made) = password.get()?;
    let password_hash = hash_password(&text).map_err(|error| Failure::failed(error.to_string()))?;
    let account = Account { username, password_hash, role };
    if !store.create_account(&account, &services::by()).await? {
        return Err(Failure::failed(format!("there is an account `{}` already", account.username))
            .hint("`flowctl users reset-password` gives it another password")
            .into());
    }
    anstream::eprintln!("{} is created ({})", account.username, account.role);
    if was_made { print(&text) } else { Ok(()) }
}

async fn list(globals: &Globals, store: &Store) -> anyhow::Result<()> {
    let accounts = store.accounts().await?;
    let entry = |account: AccountRow| Entry {
        username: account.username,
        role: account.role,
        origin: account.origin,
        is_disabled: account.disabled_at.is_some(),
    };
    let entries: Vec<Entry> = accounts.into_iter().map(entry).collect();
    globals.output().list(&entries, &COLUMNS, u64::try_from(entries.len()).unwrap_or(u64::MAX))
}

fn existing(exists: bool, username: &str) -> Result<(), Failure> {
    if exists {
        return Ok(());
    }
    Err(Failure::not_found(format!("no account `{username}`")).hint("`flowctl users list` shows all"))
}

/// Refuses a role that there is not.
async fn check_role(store: &Store, role: &str) -> anyhow::Result<()> {
    let known: Vec<_> = store.roles().await?.into_iter().map(|known| known.name).collect();
    if known.iter().any(|name| name == role) {
        return Ok(());
    }
    let message = format!("no role `{role}`; there are `{}`", known.join("`, `"));
    Err(Failure::usage(message).hint("`flowctl roles create` makes one").into())
}

/// Without an administrator nobody could put it right from the outside.
async fn keep_an_admin(store: &Store, username: &str) -> anyhow::Result<()> {
    let accounts = store.accounts().await?;
    let is_admin = |account: &&AccountRow| account.role == "admin" && account.disabled_at.is_none();
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
            return Ok((made_password(), true));
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
