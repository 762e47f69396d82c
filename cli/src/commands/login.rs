//! `flowctl login` and `flowctl logout`.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Context;
use api::LoginBody;
use clap::Args;
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

use crate::client::{Client, Error};
use crate::credentials;
use crate::failure::{Code, Failure};
use crate::globals::Globals;

/// Who logs in.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The account's name.
    #[arg(long, short, default_value = "admin")]
    username: String,
}

/// Gets a token for a password, and leaves it in the home.
pub(super) async fn login(globals: &Globals, arguments: Login) -> anyhow::Result<ExitCode> {
    let home = globals.home()?;
    let client = globals.client()?;
    let password = ask_password(&format!("password of {} at {}: ", arguments.username, client.server())).await?;
    let body = LoginBody { username: arguments.username.clone(), password };
    let token = match client.log_in(&body).await {
        Ok(token) => token,
        Err(Error::LoginRequired { .. }) => {
            return Err(Failure::new(Code::Unreachable, format!("wrong name or password for {}", arguments.username))
                .hint("a local standalone prints the first password at its first start; `flowctl users reset-password` sets a new one")
                .into());
        }
        Err(error) => return Err(error.into()),
    };
    credentials::leave(&home, client.server(), &token.access_token)?;
    anstream::eprintln!(
        "logged in to {} as {}; the token is in {}",
        client.server(),
        arguments.username,
        credentials::file(&home).display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Removes what a login left, and revokes the token.
pub(super) async fn logout(globals: &Globals) -> anyhow::Result<ExitCode> {
    let home = globals.home()?;
    let Some(left) = credentials::read(&home)? else {
        anstream::eprintln!("not logged in: there is no {}", credentials::file(&home).display());
        return Ok(ExitCode::SUCCESS);
    };
    let revoked = Client::new(&left.server, Some(left.token.clone()))?.log_out().await;
    credentials::remove(&home)?;
    match revoked {
        Ok(()) | Err(Error::LoginRequired { .. }) => anstream::eprintln!("logged out of {}", left.server),
        Err(error) => anstream::eprintln!("the token is removed here, but not revoked: {error}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks in a terminal, without echo; otherwise takes the first line of stdin.
async fn ask_password(prompt: &str) -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return read_line();
    }
    let before = tcgetattr(&stdin).context("the terminal cannot be asked")?;
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    silent.local_flags.insert(LocalFlags::ECHONL);
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &silent).context("the terminal cannot be silenced")?;
    // Only now: what is typed once the prompt is there is neither shown nor thrown away.
    anstream::eprint!("{prompt}");
    std::io::stderr().flush()?;
    let (answer, answered) = tokio::sync::oneshot::channel();
    // A thread of its own: after Ctrl-C nobody waits for it, and the terminal gets its echo back.
    std::thread::spawn(move || answer.send(read_line()));
    let password = tokio::select! {
        password = answered => password.context("the password cannot be read")?,
        _ = tokio::signal::ctrl_c() => {
            anstream::eprintln!();
            Err(Failure::new(Code::Interrupted, "not logged in").into())
        }
    };
    tcsetattr(&stdin, SetArg::TCSANOW, &before).context("the terminal cannot be restored")?;
    password
}

fn read_line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("the password cannot be read")?;
    let password = line.trim_end_matches(['\n', '\r']).to_owned();
    if password.is_empty() {
        return Err(Failure::usage("no password was given")
            .hint("write it to stdin, or log in from a terminal")
            .into());
    }
    Ok(password)
}
