//! `flowctl tokens`: personal tokens for programs.

use std::process::ExitCode;

use api::{NewToken, Token, TokenBody, TokenCollection};
use clap::Subcommand;

use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::{Cell, Column, moment, print};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    /// Your tokens.
    List,
    /// Makes a token and prints it once. It may do no more than you, and no more than its role.
    Create {
        /// What you call it.
        name: String,
        /// It may no more than this role: yours, if this is not given.
        #[arg(long)]
        role: Option<String>,
        /// Days until it expires, 730 at most.
        #[arg(long, default_value_t = 90)]
        days: u32,
    },
    /// Revokes a token.
    Revoke {
        /// Its name or its id.
        // Not `token`: the flag of that name is global.
        #[arg(value_name = "TOKEN")]
        chosen: String,
    },
}

const COLUMNS: [Column<Token>; 6] = [
    Column { title: "id", cell: |token| token.id.to_string().into() },
    Column { title: "name", cell: |token| token.name.as_str().into() },
    Column { title: "role", cell: |token| token.role.as_deref().unwrap_or("–").into() },
    Column { title: "created", cell: |token| moment(Some(token.created_at)).into() },
    Column { title: "last used", cell: |token| moment(token.last_used_at).into() },
    Column { title: "expires", cell: |token| Cell::from(moment(Some(token.expires_at))) },
];

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Tokens) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    match verb {
        Tokens::List => {
            let found: TokenCollection = client.get(&["tokens"], &[]).await?;
            globals.output().list(&found.tokens, &COLUMNS, found.total_entries)?;
        }
        Tokens::Create { name, role, days } => {
            let made: NewToken = client.post(&["tokens"], &TokenBody { name, role, days: Some(days) }).await?;
            anstream::eprintln!("this token is shown once; it expires {}", moment(Some(made.expires_at)));
            print(&made.token)?;
        }
        Tokens::Revoke { chosen } => {
            let found: TokenCollection = client.get(&["tokens"], &[]).await?;
            let is_it = |known: &&Token| known.name == chosen || known.id.to_string() == chosen;
            let Some(known) = found.tokens.iter().find(is_it) else {
                return Err(Failure::not_found(format!("you have no token `{chosen}`"))
                    .hint("`flowctl tokens list` shows yours")
                    .into());
            };
            client.delete(&["tokens", &known.id.to_string()]).await?;
            anstream::eprintln!("the token `{}` is revoked", known.name);
        }
    }
    Ok(ExitCode::SUCCESS)
}
