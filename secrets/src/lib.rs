//! Where variables and connections come from: the first place that has one of the name gives it.
//!
//! 1. The environment of the process: `FLOWCTL_VAR_KEY`, `AIRFLOW_VAR_KEY`, `FLOWCTL_CONN_ID`, `AIRFLOW_CONN_ID`
//!    ([`environment`]).
//! 2. A folder of files, as Kubernetes mounts secrets ([`folder`]).
//! 3. A Vault ([`vault`]).
//! 4. The database.
//!
//! A place that cannot be asked, or whose text is no connection, ends the search with an error that names it: the value
//! of another place may be another one. Only the database is waited for, by whoever asks.
//!
//! It keeps nothing: a value that was changed is the new one at the next look.

mod environment;
mod folder;
mod probe;
mod vault;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use model::connection::Connection;
use model::template::{Fetched, Found, Need};
use store::{SqlError, Store};

pub use environment::Environment;
pub use probe::{address, probe};
pub use vault::VaultSettings;

use vault::Vault;

/// What of the two is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Variable,
    Connection,
}

impl Kind {
    /// The folder, and the part of Vault's path.
    const fn folder(self) -> &'static str {
        match self {
            Self::Variable => "variables",
            Self::Connection => "connections",
        }
    }
}

/// The places beside the database.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Variables of the environment.
    pub environment: Environment,
    /// A folder with the folders `variables` and `connections`.
    pub folder: Option<PathBuf>,
    /// A Vault.
    pub vault: Option<VaultSettings>,
}

/// Why a value was not found out.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The database failed; it may be back later.
    #[error("the database failed")]
    Database(#[source] SqlError),
    /// The value is there and cannot be read, or a place cannot be asked.
    #[error("{0}")]
    Unreadable(String),
}

impl From<store::Error> for LookupError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Database(source) => Self::Database(source),
            // The name of the value is known to whoever asks.
            store::Error::Key { source, .. } => Self::Unreadable(source.to_string()),
            other => Self::Unreadable(other.to_string()),
        }
    }
}

/// Looks variables and connections up. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Secrets {
    places: Arc<Asked>,
    store: Option<Store>,
}

#[derive(Debug)]
struct Asked {
    environment: Environment,
    folder: Option<PathBuf>,
    vault: Option<Vault>,
}

impl Secrets {
    /// Over these places, and last a database if there is one.
    pub fn new(places: Places, store: Option<Store>) -> Self {
        let Places { environment, folder, vault } = places;
        Self { places: Arc::new(Asked { environment, folder, vault: vault.map(Vault::new) }), store }
    }

    /// The text of a variable.
    pub async fn variable(&self, key: &str) -> Result<Option<String>, LookupError> {
        if let Some((_, text)) = self.outside(Kind::Variable, key).await? {
            return Ok(Some(text));
        }
        match &self.store {
            Some(store) => Ok(store.variable(key).await?),
            None => Ok(None),
        }
    }

    /// A connection.
    pub async fn connection(&self, conn_id: &str) -> Result<Option<Connection>, LookupError> {
        if let Some((place, text)) = self.outside(Kind::Connection, conn_id).await? {
            let connection = Connection::parse(&text);
            return connection.map(Some).map_err(|error| LookupError::Unreadable(format!("{place}: {error}")));
        }
        match &self.store {
            Some(store) => Ok(store.connection(conn_id).await?),
            None => Ok(None),
        }
    }

    /// A connection as a text: what the environment, a file or a Vault has, as it stands there, so that an address of the
    /// web stays what it is; else what the database has, as such an address or as a URI.
    pub async fn connection_text(&self, conn_id: &str) -> Result<Option<String>, LookupError> {
        if let Some((place, text)) = self.outside(Kind::Connection, conn_id).await? {
            if !text.trim_start().starts_with('{') {
                return Ok(Some(text));
            }
            let connection = Connection::parse(&text);
            return connection
                .map(|connection| Some(web_text(&connection)))
                .map_err(|error| LookupError::Unreadable(format!("{place}: {error}")));
        }
        match &self.store {
            Some(store) => Ok(store.connection(conn_id).await?.map(|connection| web_text(&connection))),
            None => Ok(None),
        }
    }

    /// Where a value comes from when it is not the database.
    pub async fn variable_place(&self, key: &str) -> Result<Option<String>, LookupError> {
        Ok(self.outside(Kind::Variable, key).await?.map(|(place, _)| place))
    }

    /// The same of a connection.
    pub async fn connection_place(&self, conn_id: &str) -> Result<Option<String>, LookupError> {
        Ok(self.outside(Kind::Connection, conn_id).await?.map(|(place, _)| place))
    }

    /// Adds what of `needs` is a variable or a connection. Fails only when the database does.
    pub async fn fetch(&self, needs: &[Need], fetched: &mut Fetched) -> Result<(), SqlError> {
        for need in needs {
            match need {
                Need::Variable(key) => {
                    fetched.variables.insert(key.clone(), found(self.variable(key).await)?);
                }
                Need::Connection(id) => {
                    fetched.connections.insert(id.clone(), found(self.connection(id).await)?);
                }
                Need::XCom { .. } | Need::PreviousSuccess | Need::AssetEvents { .. } | Need::TriggeringAssetEvents => {}
            }
        }
        Ok(())
    }

    /// The first place beside the database that has it: its name for people, and the text.
    async fn outside(&self, kind: Kind, name: &str) -> Result<Option<(String, String)>, LookupError> {
        let places = &*self.places;
        if let Some(found) = places.environment.find(kind, name) {
            return Ok(Some(found));
        }
        if let Some(folder) = &places.folder
            && let Some(found) = folder::read(folder, kind, name).await.map_err(LookupError::Unreadable)?
        {
            return Ok(Some(found));
        }
        match &places.vault {
            Some(vault) => vault.read(kind, name).await.map_err(LookupError::Unreadable),
            None => Ok(None),
        }
    }
}

/// The address of a connection of the web: its schema is the path, unless it names the protocol. Else its URI.
fn web_text(connection: &Connection) -> String {
    if !matches!(connection.conn_type.as_str(), "http" | "https") {
        return connection.uri();
    }
    let path = connection.schema.as_deref().filter(|schema| !matches!(*schema, "" | "http" | "https"));
    let as_hook = if path.is_some() { Connection { schema: None, ..connection.clone() } } else { connection.clone() };
    match probe::address(&as_hook) {
        Ok(address) => format!("{}/{}", address.as_str().trim_end_matches('/'), path.unwrap_or_default()),
        Err(_) => connection.uri(),
    }
}

fn found<T>(result: Result<Option<T>, LookupError>) -> Result<Found<T>, SqlError> {
    match result {
        Ok(found) => Ok(Ok(found)),
        Err(LookupError::Unreadable(reason)) => Ok(Err(reason)),
        Err(LookupError::Database(error)) => Err(error),
    }
}
