//! Assets: what tasks make and read, and what DAGs wait for.
//!
//! 1. A DAG file describes assets and names them in `outlets`, `inlets` and `schedule` ([`Asset`], [`condition`]);
//! 2. a task that succeeds updates its outlets: an [`AssetEvent`] each, queued for every DAG whose schedule names the
//!    asset;
//! 3. [`due`] says whether the queued events of a DAG meet its condition, and which of them its next run takes;
//! 4. [`freshness`] says which assets were not updated in time.
//!
//! An asset is its URI. Names are for people, and stand for the URI within the file that describes the asset.

pub mod condition;
pub mod due;
pub mod freshness;
pub mod records;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::dag_run::DataInterval;
use crate::duration::Duration;

pub use condition::AssetCondition;

/// Airflow's column.
const MAX_LENGTH: usize = 1500;
/// Airflow's name of the group of assets that say none.
pub const DEFAULT_GROUP: &str = "asset";

/// An asset as a DAG file describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// What it is.
    pub uri: String,
    /// What people call it; its URI when the file does not say.
    pub name: String,
    /// Any word; Airflow's default is `asset`.
    pub group: String,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// For its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Which layer of a pipeline it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// Its columns, in the file's order.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub schema: IndexMap<String, Column>,
    /// It is to be updated at least so often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh_within: Option<Duration>,
}

impl Asset {
    /// An asset of which nothing but its URI is known.
    pub fn new(uri: impl Into<String>) -> Self {
        let uri = uri.into();
        Self {
            name: uri.clone(),
            uri,
            group: DEFAULT_GROUP.to_owned(),
            owner: None,
            description: None,
            layer: None,
            schema: IndexMap::new(),
            fresh_within: None,
        }
    }
}

/// The layers of a data pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// As it arrived.
    Raw,
    /// Cleaned.
    Source,
    /// What models learn from.
    Feature,
    /// What is served.
    Recommendation,
}

impl Layer {
    /// All of them, from the first to the last.
    pub const ALL: [Self; 4] = [Self::Raw, Self::Source, Self::Feature, Self::Recommendation];

    /// As files write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Source => "source",
            Self::Feature => "feature",
            Self::Recommendation => "recommendation",
        }
    }
}

/// A column of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Column {
    /// Its type, in any notation.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it is part of the key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub key: bool,
    /// What it is when nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// Why a text cannot name an asset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAUri {
    /// Nothing to see.
    #[error("the URI of an asset cannot be empty")]
    Empty,
    /// Blanks and control characters are mistakes that nobody sees.
    #[error("`{}` cannot be the URI of an asset: it contains blanks or control characters", .0.escape_debug())]
    Blank(String),
    /// Longer than Airflow's column.
    #[error("the URI of an asset has {MAX_LENGTH} bytes at most")]
    TooLong,
}

/// Checks that a text can be an asset's URI.
pub fn check_uri(uri: &str) -> Result<(), NotAUri> {
    if uri.is_empty() {
        return Err(NotAUri::Empty);
    }
    if uri.len() > MAX_LENGTH {
        return Err(NotAUri::TooLong);
    }
    let is_odd = |character: char| character.is_whitespace() || character.is_control();
    if uri.contains(is_odd) { Err(NotAUri::Blank(uri.to_owned())) } else { Ok(()) }
}

/// What a task says about an update of one of its outlets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutletEvent {
    /// The outlet's URI.
    pub uri: String,
    /// Whatever consumers may want to know.
    pub extra: Map<String, Value>,
}

/// An update of an asset, as templates, Python and the API show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetEvent {
    /// Grows with time.
    pub id: i64,
    /// The asset.
    pub asset: AssetName,
    /// When the asset was updated.
    pub timestamp: Timestamp,
    /// What whoever updated it said.
    pub extra: Map<String, Value>,
    /// The task instance behind it; none when it came from outside.
    pub source: Option<EventSource>,
    /// The partition that was updated: the interval of the run that did, or what came with the event.
    pub data_interval: Option<DataInterval>,
}

/// What an asset is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetName {
    /// Its row.
    pub id: i64,
    /// What it is.
    pub uri: String,
    /// What people call it.
    pub name: String,
    /// Its group.
    pub group: String,
}

/// The task instance that updated an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSource {
    /// Its DAG.
    pub dag_id: String,
    /// Its run.
    pub run_id: String,
    /// The task.
    pub task_id: String,
    /// Element of a mapping; −1 when not mapped.
    pub map_index: i32,
    /// What is known of the run, while it is kept.
    pub dag_run: Option<SourceDagRun>,
}

/// The run that updated an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceDagRun {
    /// The date it is about.
    pub logical_date: Option<Timestamp>,
    /// What it covers.
    pub data_interval: Option<DataInterval>,
    /// It does not start before.
    pub run_after: Timestamp,
    /// When it started.
    pub start_date: Option<Timestamp>,
    /// When it ended.
    pub end_date: Option<Timestamp>,
    /// Its state.
    pub state: String,
}
