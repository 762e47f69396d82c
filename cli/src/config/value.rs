//! Texts into values: one function per kind. Durations are written as in DAG files.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use store::Keyring;
use webserver::TrustedProxies;

/// Why a text is not a value of its kind, to follow "is".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong(pub String);

impl Wrong {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

type Read<T> = Result<T, Wrong>;

/// `$FLOWCTL_HOME` at the beginning is the home, `~` the user's.
pub(super) fn path(text: &str, home: &Path, base: &Path) -> Read<PathBuf> {
    if text.is_empty() {
        return Err(Wrong::new("empty"));
    }
    if let Some(below) = text.strip_prefix("$FLOWCTL_HOME") {
        return Ok(home.join(below.trim_start_matches('/')));
    }
    if let Some(below) = text.strip_prefix("~/") {
        return std::env::home_dir()
            .map(|user| user.join(below))
            .ok_or_else(|| Wrong::new("below a home directory that is not known"));
    }
    Ok(base.join(text))
}

pub(super) fn zone(text: &str) -> Read<String> {
    match jiff::tz::TimeZone::get(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(Wrong::new("not a time zone; write for example `UTC` or `Asia/Seoul`")),
    }
}

pub(super) fn count(text: &str) -> Read<u32> {
    match text.parse() {
        Ok(count @ 1..=1_000_000) => Ok(count),
        _ => Err(Wrong::new("not a number from 1 to 1000000")),
    }
}

pub(super) fn flag(text: &str) -> Read<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(Wrong::new("neither `true` nor `false`")),
    }
}

pub(super) fn duration(text: &str) -> Read<Duration> {
    let length: model::duration::Duration = text.parse().map_err(|_| {
        Wrong::new("not a duration; write for example `90s`, `5m`, `1h30m`, `2d`, `PT5M`, or a number of seconds")
    })?;
    Duration::try_from(length.absolute()).map_err(|error| Wrong::new(error.to_string()))
}

/// Bytes, with `KiB`, `MiB`, `GiB` for powers of 1024 and `kB`, `MB`, `GB` for powers of 1000.
pub(super) fn size(text: &str) -> Read<u64> {
    let wrong = || Wrong::new("not a size; write for example `48KiB`, `256MiB`, `1GB`, or a number of bytes");
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..end].parse().map_err(|_| wrong())?;
    let unit: u64 = match text[end..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "kib" => 1 << 10,
        "mb" => 1_000_000,
        "mib" => 1 << 20,
        "gb" => 1_000_000_000,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).filter(|size| *size > 0).ok_or_else(wrong)
}

pub(super) fn address(text: &str) -> Read<SocketAddr> {
    text.parse()
        .map_err(|_| Wrong::new("not an IP address with a port; write for example `127.0.0.1:8080` or `0.0.0.0:80`"))
}

pub(super) fn port(text: &str) -> Read<u16> {
    match text.parse() {
        Ok(port @ 1..) => Ok(port),
        _ => Err(Wrong::new("not a port; write a number from 1 to 65535")),
    }
}

pub(super) fn url(text: &str) -> Read<String> {
    let is_url = ["http://", "https://"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
    if is_url { Ok(text.to_owned()) } else { Err(Wrong::new("not an `http://` or `https://` URL")) }
}

/// The text is a secret: it is not repeated.
pub(super) fn database_url(text: &str) -> Read<String> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(text.to_owned());
    }
    Err(Wrong::new("not a `postgres://user:password@host/database` URL"))
}

/// The text is a secret: it is not repeated.
pub(super) fn keys(text: &str) -> Read<Keyring> {
    text.parse().map_err(|error: store::KeyError| Wrong::new(format!("not good: {error}")))
}

pub(super) fn web_address(text: &str) -> Read<String> {
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(text.to_owned());
    }
    Err(Wrong::new("not an address such as `https://vault.example.org:8200`"))
}

pub(super) fn filter(text: &str) -> Read<String> {
    match tracing_subscriber::EnvFilter::builder().parse(text) {
        Ok(_) if !text.is_empty() => Ok(text.to_owned()),
        Ok(_) => Err(Wrong::new("empty")),
        Err(error) => Err(Wrong::new(format!("not a level or a list of directives: {error}"))),
    }
}

/// Addresses and networks, separated by commas.
pub(super) fn proxies(text: &str) -> Read<TrustedProxies> {
    let example = "write for example `127.0.0.1, 10.0.0.0/8, fd00::/8`";
    text.parse().map_err(|wrong| Wrong::new(format!("not that: {wrong}; {example}")))
}

/// `name=value` pairs, separated by commas.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, Wrong> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    // A group's name may have a `=` of its own, as LDAP's have; a role's has none.
    let pair = |part: &str| {
        let (name, value) = part.rsplit_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    parts.map(|part| pair(part).ok_or_else(|| Wrong::new("not `group=role`, separated by commas"))).collect()
}
