//! Airflow's connection URIs. What is a part of one follows Python's `urlsplit`, and not WHATWG's rules for the web: a
//! password may be empty, a host may hold a path, and nothing is made canonical.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::python::dumps;
use super::{Connection, ConnectionError, EXTRA_KEY, normalized, parse_extra};

type Parsed<T> = Result<T, ConnectionError>;

/// What `urlsplit` gives.
#[derive(Debug, Default, PartialEq, Eq)]
struct Split {
    scheme: String,
    netloc: String,
    path: String,
    query: String,
}

impl Connection {
    /// Reads a URI.
    pub fn from_uri(uri: &str) -> Parsed<Self> {
        const MALFORMED: ConnectionError = ConnectionError::Uri("`://` stands in it in the wrong place");
        let protocols = uri.matches("://").count();
        if protocols > 2 {
            return Err(MALFORMED);
        }
        let scheme = split(uri)?.scheme;
        if scheme.is_empty() {
            return Err(ConnectionError::Uri("it names no type, or one with characters that no scheme has"));
        }
        let mark = format!("{scheme}://");
        let (rest, has_protocol) = if protocols == 2 {
            let rest = uri.replace(&mark, "");
            let before = rest.split("://").next().unwrap_or_default();
            if before.contains(['@', ':']) {
                return Err(MALFORMED);
            }
            (rest, true)
        } else {
            (uri.replace(&mark, "//"), false)
        };
        let parts = split(&rest)?;
        let (user, place) = parts.netloc.rsplit_once('@').map_or((None, parts.netloc.as_str()), |(u, p)| (Some(u), p));
        let (login, password) = match user.map(|user| user.split_once(':').map_or((user, None), |(l, p)| (l, Some(p))))
        {
            Some((login, password)) => (Some(unquoted(login)), password.map(unquoted)),
            None => (None, None),
        };
        let host = host(place, has_protocol.then_some(parts.scheme.as_str()));
        let database = parts.path.get(1..).unwrap_or_default();
        Ok(Self {
            conn_type: normalized(&scheme),
            description: None,
            host: Some(host),
            login,
            password: password.filter(|password| !password.is_empty()),
            schema: Some(unquoted(database)),
            port: port(place)?,
            extra: extra(&parts.query)?,
        })
    }

    /// The URI that says the same.
    pub fn uri(&self) -> String {
        let mut uri = format!("{}://", self.conn_type.to_lowercase().replace('_', "-"));
        let host = match self.host.as_deref().and_then(|host| host.split_once("://")) {
            // Said by the type already: then the host is written as a whole.
            Some((protocol, host)) if protocol != self.conn_type => {
                let _ = write!(uri, "{protocol}://");
                Some(host)
            }
            _ => self.host.as_deref(),
        };
        let mut authority = self.login.as_deref().map(quoted).unwrap_or_default();
        if let Some(password) = &self.password {
            let _ = write!(authority, ":{}", quoted(password));
        }
        if !authority.is_empty() {
            let _ = write!(uri, "{authority}@");
        }
        let host = host.map(quoted).unwrap_or_default();
        uri.push_str(&host);
        if let Some(port) = self.port.filter(|port| *port != 0) {
            // A port alone needs something before it that says that it is one.
            let at = if host.is_empty() && authority.is_empty() { "@" } else { "" };
            let _ = write!(uri, "{at}:{port}");
        }
        let schema = self.schema.as_deref().filter(|schema| !schema.is_empty());
        if let Some(schema) = schema {
            let _ = write!(uri, "/{}", quoted(schema));
        }
        if let Some(extra) = self.extra.as_deref().filter(|extra| !extra.is_empty()) {
            let _ = write!(uri, "{}{}", if schema.is_some() { "?" } else { "/?" }, query(extra));
        }
        uri
    }
}

/// Texts by name are written as they are; anything else as its JSON under one name.
fn query(extra: &str) -> String {
    let pair = |(name, value): (&str, &str)| format!("{}={}", quoted_plus(name), quoted_plus(value));
    let object = parse_extra(extra).unwrap_or_default();
    let texts: Option<Vec<_>> = object.iter().map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect();
    match texts.filter(|texts| !texts.is_empty()) {
        Some(texts) => texts.into_iter().map(pair).collect::<Vec<_>>().join("&"),
        None => pair((EXTRA_KEY, extra)),
    }
}

fn extra(query: &str) -> Parsed<Option<String>> {
    if query.is_empty() {
        return Ok(None);
    }
    let mut pairs = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        pairs.insert(name.into_owned(), Value::String(value.into_owned()));
    }
    let is_json = !pairs.contains_key(EXTRA_KEY);
    for value in pairs.values_mut().filter(|_| is_json) {
        // Numbers and truth values arrive as such; what is not JSON is a text.
        if let Some(json) = value.as_str().and_then(|text| serde_json::from_str(text).ok()) {
            *value = json;
        }
    }
    let text = match pairs.get(EXTRA_KEY).and_then(Value::as_str) {
        Some(extra) => extra.to_owned(),
        None => dumps(&Value::Object(pairs)),
    };
    if text.is_empty() {
        return Ok(None);
    }
    parse_extra(&text)?;
    Ok(Some(text))
}

/// The host of `host:port`, unquoted: in small letters, unless it is a path.
fn host(place: &str, protocol: Option<&str>) -> String {
    let (name, _) = host_and_port(place);
    let (name, zone) = name.find('%').map_or((name, ""), |at| name.split_at(at));
    let mut host = unquoted(&format!("{}{zone}", name.to_lowercase()));
    if host.contains('/') {
        host = unquoted(place.split(':').next().unwrap_or_default());
    }
    match protocol.filter(|protocol| !protocol.is_empty() && !host.is_empty()) {
        Some(protocol) => format!("{protocol}://{host}"),
        None => host,
    }
}

fn port(place: &str) -> Parsed<Option<u16>> {
    match host_and_port(place).1 {
        "" => Ok(None),
        port if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            port.parse().map(Some).map_err(|_| ConnectionError::Uri("its port is greater than 65535"))
        }
        _ => Err(ConnectionError::Uri("its port is not a number")),
    }
}

/// An address of IPv6 stands in brackets.
fn host_and_port(place: &str) -> (&str, &str) {
    match place.split_once('[') {
        Some((_, bracketed)) => {
            let (host, rest) = bracketed.split_once(']').unwrap_or((bracketed, ""));
            (host, rest.split_once(':').map_or("", |(_, port)| port))
        }
        None => place.split_once(':').unwrap_or((place, "")),
    }
}

/// Python's `urlsplit`.
fn split(url: &str) -> Parsed<Split> {
    let url: String = url
        .trim_start_matches(|character: char| character <= ' ')
        .chars()
        .filter(|character| !matches!(character, '\t' | '\r' | '\n'))
        .collect();
    let mut split = Split::default();
    let mut rest = url.as_str();
    if let Some((scheme, after)) = rest.split_once(':')
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character))
    {
        (split.scheme, rest) = (scheme.to_lowercase(), after);
    }
    if let Some(after) = rest.strip_prefix("//") {
        let (netloc, path) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
        if netloc.contains('[') != netloc.contains(']') {
            return Err(ConnectionError::Uri("a bracket of its host is not closed"));
        }
        (split.netloc, rest) = (netloc.to_owned(), path);
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    (split.path, split.query) = (path.to_owned(), query.to_owned());
    Ok(split)
}

fn unquoted(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).filter(|hex| first == b'%' && hex.iter().all(u8::is_ascii_hexdigit));
        let decoded = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(decoded.unwrap_or(first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Python's `quote(text, safe='')`.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Python's `quote_plus`.
fn quoted_plus(text: &str) -> String {
    quoted(text).replace("%20", "+")
}
