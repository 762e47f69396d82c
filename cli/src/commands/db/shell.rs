//! `flowctl db shell`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::failure::Failure;
use crate::services::Access;

/// Runs psql until it ends.
pub(super) async fn run(access: &Access, arguments: &[String]) -> anyhow::Result<ExitCode> {
    let mut url = reqwest::Url::parse(&access.url).context("the database's URL cannot be read")?;
    let mut command = tokio::process::Command::new(psql()?);
    if let Some(password) = url.password() {
        // Not among the arguments, where every user of the machine sees it.
        command.env("PGPASSWORD", percent_decoded(password));
        let _ = url.set_password(None);
    }
    command.arg(url.as_str()).args(arguments);
    // Ctrl-C is for psql, which ends a query with it, and not for this process.
    let _ignored = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    let status = command.status().await.context("psql cannot be started")?;
    Ok(u8::try_from(status.code().unwrap_or(1)).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// psql on `PATH`, or of the newest package of the system.
fn psql() -> Result<PathBuf, Failure> {
    let named = std::env::var_os("FLOWCTL_POSTGRES_BIN").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let packages = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let mut packages: Vec<PathBuf> = packages.map(|entry| entry.path().join("bin")).collect();
    packages.sort();
    let folders = named.into_iter().chain(std::env::split_paths(&path)).chain(packages.into_iter().rev());
    folders.map(|folder| folder.join("psql")).find(|program| program.is_file()).ok_or_else(|| {
        Failure::failed("there is no psql")
            .hint("install PostgreSQL's client (Debian: `apt-get install postgresql-client`)")
    })
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| first == b'%');
        bytes.push(decoded.unwrap_or(first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::percent_decoded;

    #[test]
    fn a_password_in_a_url_is_decoded() {
        assert_eq!(percent_decoded("a%40b%2Fc%zz%4"), "a@b/c%zz%4");
    }
}
