//! The key/value engine of `HashiCorp`'s Vault, version 2, as Airflow's Vault back end lays values out: a variable is
//! `MOUNT/PATH/variables/KEY` with its text under `value`; a connection is `MOUNT/PATH/connections/ID` with a URI under
//! `conn_uri`, or with the fields of a connection.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Kind;

/// A Vault that takes longer is taken for away.
const PATIENCE: Duration = Duration::from_secs(5);
/// It may be electing another leader.
const TRIES: u32 = 3;

/// How to reach a Vault.
#[derive(Clone, PartialEq, Eq)]
pub struct VaultSettings {
    /// Its address, such as `https://vault.example.org:8200`.
    pub url: String,
    /// What lets us in.
    pub token: String,
    /// Where the engine is mounted.
    pub mount: String,
    /// What stands before `variables` and `connections`; may be empty.
    pub path: String,
}

impl std::fmt::Debug for VaultSettings {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VaultSettings").field("url", &self.url).field("mount", &self.mount).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(crate) struct Vault {
    settings: VaultSettings,
    http: OnceLock<Result<reqwest::Client, String>>,
}

#[derive(Deserialize)]
struct Answer {
    data: Versioned,
}

#[derive(Deserialize)]
struct Versioned {
    /// Null where the version was deleted.
    data: Option<Map<String, Value>>,
}

impl Vault {
    pub(crate) const fn new(settings: VaultSettings) -> Self {
        Self { settings, http: OnceLock::new() }
    }

    /// A value, and where in Vault it is.
    pub(crate) async fn read(&self, kind: Kind, name: &str) -> Result<Option<(String, String)>, String> {
        let Some(url) = address(&self.settings, kind, name)? else { return Ok(None) };
        let place = format!("Vault's {}", url.path().trim_start_matches("/v1/"));
        let mut tries = 1;
        let answer = loop {
            match self.ask(&url).await {
                Ok(answer) => break answer,
                Err(error) if tries == TRIES => return Err(format!("{place} cannot be read: {error}")),
                Err(error) => {
                    tracing::warn!(%error, "Vault is asked again");
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        };
        let Some(body) = answer else { return Ok(None) };
        Ok(text(kind, &body).map_err(|error| format!("{place} {error}"))?.map(|text| (place, text)))
    }

    /// The body; none where there is no such value. An error may pass.
    async fn ask(&self, url: &Url) -> Result<Option<Vec<u8>>, String> {
        let http = self.http.get_or_init(client).as_ref().map_err(Clone::clone)?;
        let request = http.get(url.clone()).header("X-Vault-Token", &self.settings.token);
        let response = request.send().await.map_err(|error| with_causes(&error.without_url()))?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => response
                .bytes()
                .await
                .map(|bytes| Some(bytes.to_vec()))
                .map_err(|error| with_causes(&error.without_url())),
            StatusCode::FORBIDDEN => Err("the token may not read it (403)".to_owned()),
            status => Err(format!("it answered {status}")),
        }
    }
}

/// Where a value is; none for a name that could lead elsewhere.
fn address(settings: &VaultSettings, kind: Kind, name: &str) -> Result<Option<Url>, String> {
    if name.is_empty() || name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Ok(None);
    }
    let mut url = Url::parse(&settings.url).map_err(|error| format!("secrets.vault_url is not an address: {error}"))?;
    let parts = |text: &str| text.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    match url.path_segments_mut() {
        Ok(mut segments) => {
            segments.pop_if_empty().push("v1").extend(parts(&settings.mount)).push("data");
            segments.extend(parts(&settings.path)).push(kind.folder()).extend(name.split('/'));
        }
        Err(()) => return Err("secrets.vault_url is not an address with a host".to_owned()),
    }
    Ok(Some(url))
}

/// The text that a body holds.
fn text(kind: Kind, body: &[u8]) -> Result<Option<String>, String> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_| "is not of the key/value engine, version 2".to_owned())?;
    let Some(mut data) = answer.data.data else { return Ok(None) };
    let key = match kind {
        Kind::Variable => "value",
        Kind::Connection => "conn_uri",
    };
    match (data.remove(key), kind) {
        (Some(Value::String(text)), _) => Ok(Some(text)),
        (Some(other), Kind::Variable) => Ok(Some(other.to_string())),
        (None, Kind::Variable) => Err("has nothing under `value`".to_owned()),
        (Some(_), Kind::Connection) => Err("has no text under `conn_uri`".to_owned()),
        (None, Kind::Connection) => Ok(Some(Value::Object(data).to_string())),
    }
}

pub(crate) fn client() -> Result<reqwest::Client, String> {
    // It fails when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(PATIENCE).build().map_err(|error| with_causes(&error))
}

pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string);
    std::iter::once(error.to_string()).chain(causes).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, path: &str) -> VaultSettings {
        VaultSettings { url: url.to_owned(), token: "t".to_owned(), mount: "secret".to_owned(), path: path.to_owned() }
    }

    #[test]
    fn values_are_where_airflow_keeps_them() {
        let at = |settings: &VaultSettings, name: &str| {
            address(settings, Kind::Connection, name).unwrap().map(|url| url.to_string())
        };
        let plain = settings("http://vault:8200", "");
        assert_eq!(at(&plain, "db").as_deref(), Some("http://vault:8200/v1/secret/data/connections/db"));
        let below = settings("https://vault/proxy/", "/airflow/prod/");
        assert_eq!(
            at(&below, "a b").as_deref(),
            Some("https://vault/proxy/v1/secret/data/airflow/prod/connections/a%20b")
        );
        assert_eq!(at(&plain, "../../sys/seal"), None);
        assert_eq!(at(&plain, ""), None);
        assert!(address(&settings("vault", ""), Kind::Variable, "x").is_err());
    }

    #[test]
    fn what_vault_answers_becomes_a_text() {
        let read =
            |kind, data: &str| text(kind, format!(r#"{{"data": {{"data": {data}, "metadata": {{}}}}}}"#).as_bytes());
        assert_eq!(read(Kind::Variable, r#"{"value": "green"}"#), Ok(Some("green".to_owned())));
        assert_eq!(read(Kind::Variable, r#"{"value": {"a": 1}}"#), Ok(Some(r#"{"a":1}"#.to_owned())));
        assert_eq!(read(Kind::Variable, r#"{"other": "x"}"#), Err("has nothing under `value`".to_owned()));
        assert_eq!(read(Kind::Variable, "null"), Ok(None));
        assert_eq!(read(Kind::Connection, r#"{"conn_uri": "http://h"}"#), Ok(Some("http://h".to_owned())));
        let fields = r#"{"conn_type":"http","host":"h"}"#;
        assert_eq!(read(Kind::Connection, fields), Ok(Some(fields.to_owned())));
        assert!(text(Kind::Variable, b"<html>").is_err());
    }
}
