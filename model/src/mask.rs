//! Keeping secrets out of what people read: which names are secret, and replacing known values in a text.

pub mod marks;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::{Map, Value};

use crate::connection::{Connection, dumps, quoted};

/// What stands for a secret.
pub const MASK: &str = "***";
/// A shorter value is no secret that could be told from other text: masking it would only make the text unreadable and
/// tell by that what it is. Airflow's bound.
pub const MIN_LENGTH: usize = 5;
/// Values that are too common to be secret, as in Airflow.
const COMMON: [&str; 1] = ["airflow"];

/// Airflow's words: a name that has one of them in it is that of a secret.
const SENSITIVE: [&str; 22] = [
    "access_key",
    "access_token",
    "api_key",
    "apikey",
    "auth_header",
    "authorization",
    "bearer",
    "connection_string",
    "dsn",
    "keyfile_dict",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "proxies",
    "proxy",
    "proxy_password",
    "secret",
    "service_account",
    "service_key",
    "token",
    "webhook_url",
];

/// Whether the value under this name is secret: the name of a variable, or a key of JSON.
pub fn is_sensitive(name: &str) -> bool {
    let mut normalized = String::with_capacity(name.len());
    for character in name.trim().to_lowercase().chars() {
        if character.is_alphanumeric() || character == '_' {
            normalized.push(character);
        } else if !normalized.ends_with('_') {
            normalized.push('_');
        }
    }
    SENSITIVE.iter().any(|word| normalized.contains(word))
}

/// Whether a variable of the environment is, or holds, a secret of the service: tasks do not get it.
pub fn is_secret_variable(name: &str) -> bool {
    ["FLOWCTL_VAR_", "AIRFLOW_VAR_", "FLOWCTL_CONN_", "AIRFLOW_CONN_"].iter().any(|start| name.starts_with(start))
}

/// A value without what is secret in it: all texts under a sensitive name, at any depth.
pub fn redacted(name: Option<&str>, value: &Value) -> Value {
    if name.is_some_and(is_sensitive) {
        return masked(value);
    }
    match value {
        Value::Object(object) => {
            Value::Object(object.iter().map(|(key, value)| (key.clone(), redacted(Some(key), value))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(|value| redacted(None, value)).collect()),
        other => other.clone(),
    }
}

fn masked(value: &Value) -> Value {
    match value {
        Value::String(_) | Value::Number(_) => MASK.into(),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(key, value)| (key.clone(), masked(value))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(masked).collect()),
        Value::Bool(_) | Value::Null => value.clone(),
    }
}

/// A variable's value as it may be shown.
pub fn shown_variable(key: &str, value: &str) -> String {
    match serde_json::from_str::<Value>(value) {
        Ok(json @ (Value::Object(_) | Value::Array(_))) => {
            let redacted = redacted(Some(key), &json);
            if redacted == json { value.to_owned() } else { dumps(&redacted) }
        }
        _ if is_sensitive(key) => MASK.to_owned(),
        _ => value.to_owned(),
    }
}

/// `extra` of a connection as it may be shown.
pub fn shown_extra(extra: &str) -> String {
    match serde_json::from_str::<Value>(extra) {
        Ok(json) => {
            let redacted = redacted(None, &json);
            if redacted == json { extra.to_owned() } else { dumps(&redacted) }
        }
        Err(_) => MASK.to_owned(),
    }
}

/// What somebody sends back who was shown `***`: where that still stands, the value is what it was.
pub fn restored(given: &Value, before: &Value) -> Value {
    match (given, before) {
        (Value::String(text), before) if text == MASK => before.clone(),
        (Value::Object(given), Value::Object(before)) => Value::Object(
            given
                .iter()
                .map(|(key, value)| {
                    (key.clone(), before.get(key).map_or_else(|| value.clone(), |b| restored(value, b)))
                })
                .collect::<Map<_, _>>(),
        ),
        (Value::Array(given), Value::Array(before)) if given.len() == before.len() => {
            Value::Array(given.iter().zip(before).map(|(given, before)| restored(given, before)).collect())
        }
        (given, _) => given.clone(),
    }
}

/// Replaces known secrets.
#[derive(Clone, Default)]
pub struct Masker {
    secrets: BTreeSet<String>,
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masker({} secrets)", self.secrets.len())
    }
}

impl Masker {
    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// The length of the longest, in bytes.
    fn longest(&self) -> usize {
        self.secrets.iter().map(String::len).max().unwrap_or(0)
    }

    /// Learns a value: each of its lines, because texts are masked line by line, and as URLs and JSON spell it.
    pub fn learn(&mut self, secret: &str) {
        for line in secret.lines() {
            for spelled in [line.to_owned(), quoted(line), escaped(line)] {
                if spelled.chars().count() >= MIN_LENGTH && !COMMON.contains(&spelled.to_lowercase().as_str()) {
                    self.secrets.insert(spelled);
                }
            }
        }
    }

    /// Learns what is secret in a variable that was looked up.
    pub fn learn_variable(&mut self, key: &str, value: &str) {
        if is_sensitive(key) {
            self.learn(value);
        }
        if let Ok(json) = serde_json::from_str::<Value>(value) {
            self.learn_json(Some(key), &json, false);
        }
    }

    /// Learns what is secret in a connection that was looked up.
    pub fn learn_connection(&mut self, connection: &Connection) {
        if let Some(password) = &connection.password {
            self.learn(password);
        }
        self.learn_json(None, &Value::Object(connection.extra_object()), false);
    }

    fn learn_json(&mut self, name: Option<&str>, value: &Value, is_secret: bool) {
        let is_secret = is_secret || name.is_some_and(is_sensitive);
        match value {
            Value::String(text) if is_secret => self.learn(text),
            Value::Number(number) if is_secret => self.learn(&number.to_string()),
            Value::Object(object) => {
                for (key, value) in object {
                    self.learn_json(Some(key), value, is_secret);
                }
            }
            Value::Array(list) => list.iter().for_each(|value| self.learn_json(None, value, is_secret)),
            _ => {}
        }
    }

    /// The text without the secrets.
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let found = self.find(text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masked = String::with_capacity(text.len());
        let mut end = 0;
        for range in found {
            masked.push_str(&text[end..range.start]);
            masked.push_str(MASK);
            end = range.end;
        }
        masked.push_str(&text[end..]);
        Cow::Owned(masked)
    }

    /// The same of all texts of a JSON, names of keys among them.
    pub fn mask_json(&self, value: Value) -> Value {
        if self.is_empty() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.mask(&text).into_owned()),
            Value::Array(list) => Value::Array(list.into_iter().map(|value| self.mask_json(value)).collect()),
            Value::Object(object) => Value::Object(
                object.into_iter().map(|(key, value)| (self.mask(&key).into_owned(), self.mask_json(value))).collect(),
            ),
            Value::Number(number) => {
                let text = number.to_string();
                match self.mask(&text) {
                    Cow::Borrowed(_) => Value::Number(number),
                    Cow::Owned(masked) => Value::String(masked),
                }
            }
            other @ (Value::Null | Value::Bool(_)) => other,
        }
    }

    /// Where secrets stand; those that overlap are one.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        let occurrences = |secret: &'_ String| {
            let (mut from, length) = (0, secret.len());
            let mut found = Vec::new();
            // Also those that overlap one of the same: `ababa` twice in `abababa`.
            while let Some(at) = text[from..].find(secret.as_str()) {
                found.push(from + at..from + at + length);
                from += at + text[from + at..].chars().next().map_or(1, char::len_utf8);
            }
            found
        };
        let mut ranges: Vec<_> = self.secrets.iter().flat_map(occurrences).collect();
        ranges.sort_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::new();
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        merged
    }
}

/// As it stands between the quotes of JSON.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Masks a line that comes in pieces: the end of a piece in which a secret may have begun is held back for the next.
#[derive(Debug, Default)]
pub struct PieceMasker {
    held: String,
}

impl PieceMasker {
    /// The text of a piece that can be shown; the line goes on in the next piece, or has ended.
    pub fn piece<'t>(&mut self, masker: &Masker, piece: &'t str, goes_on: bool) -> Cow<'t, str> {
        if self.held.is_empty() && (masker.is_empty() || !goes_on) {
            return masker.mask(piece);
        }
        let text = std::mem::take(&mut self.held) + piece;
        if !goes_on {
            return Cow::Owned(masker.mask(&text).into_owned());
        }
        // A secret that is not whole yet has begun after this.
        let mut cut = text.len().saturating_sub(masker.longest().saturating_sub(1));
        if let Some(range) = masker.find(&text).into_iter().find(|range| range.start < cut && cut < range.end) {
            cut = range.start;
        }
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        text[cut..].clone_into(&mut self.held);
        Cow::Owned(masker.mask(&text[..cut]).into_owned())
    }

    /// What is still held back of a line that ended with its last piece.
    pub fn rest(&mut self, masker: &Masker) -> Option<String> {
        (!self.held.is_empty()).then(|| self.piece(masker, "", false).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn masker(secrets: &[&str]) -> Masker {
        let mut masker = Masker::default();
        for secret in secrets {
            masker.learn(secret);
        }
        masker
    }

    #[test]
    fn names_with_airflows_words_are_secret() {
        for name in
            ["db_password", "API-Key", "my token", "Secret.Stuff", "x_PROXY_y", "keyfile_dict", "SLACK WEBHOOK URL"]
        {
            assert!(is_sensitive(name), "{name}");
        }
        for name in ["environment", "pass", "key", "user", "tok_en", ""] {
            assert!(!is_sensitive(name), "{name}");
        }
    }

    #[test]
    fn texts_under_sensitive_names_are_hidden_at_any_depth() {
        let value =
            json!({"user": "u", "auth": {"api_key": ["a", {"b": "c"}], "n": 1}, "secret": {"on": true, "n": 12}});
        let expected = json!({"user": "u", "auth": {"api_key": ["***", {"b": "***"}], "n": 1}, "secret": {"on": true, "n": "***"}});
        assert_eq!(redacted(None, &value), expected);
        assert_eq!(shown_variable("my_password", "hunter2"), "***");
        assert_eq!(shown_variable("limits", r#"{"a":1}"#), r#"{"a":1}"#);
        assert_eq!(shown_variable("api", r#"{"url":"u","token":"t"}"#), r#"{"url": "u", "token": "***"}"#);
        assert_eq!(shown_extra("no json with a secret"), "***");
        assert_eq!(restored(&expected, &value), value, "what was shown comes back as what it was");
    }

    #[test]
    fn secrets_are_replaced_wherever_they_stand() {
        let masker = masker(&["hunter2!", "abcde", "cdefgh"]);
        assert_eq!(masker.mask("hunter2!hunter2! x hunter2%21"), "****** x ***");
        assert_eq!(masker.mask("-abcdefgh-"), "-***-", "secrets that overlap leave nothing over");
        assert_eq!(masker.mask("nothing"), "nothing");
    }

    #[test]
    fn short_and_common_values_are_not_masked() {
        let masker = masker(&["", "a", "1234", "Airflow"]);
        assert_eq!(masker.mask("a 1234 airflow"), "a 1234 airflow");
    }

    #[test]
    fn a_secret_of_several_lines_is_masked_line_by_line() {
        let masker = masker(&["-----BEGIN\nMIIEvQ\n-----END\n"]);
        assert_eq!(masker.mask("key: MIIEvQ"), "key: ***");
        assert_eq!(masker.mask(r#"{"k": "-----BEGIN\nMIIEvQ\n-----END\n"}"#), r#"{"k": "***\n***\n***\n"}"#);
    }

    #[test]
    fn what_is_secret_in_a_connection_is_learned() {
        let mut masker = Masker::default();
        let uri = "http://user:p%40ssword@host/?api_key=k-12345&colour=green";
        masker.learn_connection(&Connection::from_uri(uri).unwrap());
        masker.learn_variable("plan", r#"{"token": "t-12345", "n": "visible"}"#);
        masker.learn_variable("deploy_token", "d-12345");
        masker.learn_variable("colour", "visible");
        assert_eq!(masker.mask(uri), "http://user:***@host/?api_key=***&colour=green");
        assert_eq!(masker.mask("p@ssword t-12345 d-12345 visible"), "*** *** *** visible");
    }

    proptest! {
        #[test]
        fn pieces_never_show_a_secret_that_the_whole_line_has(
            secrets in proptest::collection::vec("[ab가]{5,7}", 1..3),
            text in "[ab가]{0,40}",
            cuts in proptest::collection::vec(0_usize..40, 0..4),
        ) {
            let masker = masker(&secrets.iter().map(String::as_str).collect::<Vec<_>>());
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.chars().count())).collect();
            cuts.sort_unstable();
            let characters: Vec<char> = text.chars().collect();
            let (mut shown, mut pieces, mut from) = (String::new(), PieceMasker::default(), 0);
            for cut in cuts {
                shown += &pieces.piece(&masker, &characters[from..cut].iter().collect::<String>(), true);
                from = cut;
            }
            shown += &pieces.piece(&masker, &characters[from..].iter().collect::<String>(), false);
            prop_assert!(secrets.iter().all(|secret| !shown.contains(secret.as_str())), "{shown}");
            let whole = masker.mask(&text);
            prop_assert!(secrets.iter().all(|secret| !whole.contains(secret.as_str())));
        }
    }
}
