//! What tasks wait for without a slot: a condition ([`Sensor`]), a run of another DAG that they start ([`TriggerDag`]), a
//! person ([`Approve`]).
//!
//! 1. A DAG file says it with templates in its texts; these types hold that.
//! 2. When the task's turn has come, [`awaited()`] renders it once: what it waits for ([`Awaited`]) does not change while
//!    it waits, and survives a restart.
//! 3. A [`WaitRow`] is that, together with since when and until when it waits, and what was seen last.

mod answer;
mod awaited;
mod backoff;
mod render;
mod row;
#[cfg(test)]
mod tests;
mod words;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::duration::Duration;
use crate::operator::Python;

pub use answer::{Answer, BadAnswer, answer};
pub use awaited::{Approval, Awaited, HttpRequest, OtherRun, Trigger};
pub use backoff::next_look;
pub use render::awaited;
pub(crate) use render::instant;
pub use row::{Look, WaitRow};

/// How often a sensor looks when it does not say.
pub const POKE_INTERVAL: Duration = Duration::from_secs(30);
/// How long a sensor waits when it does not say.
pub const TIMEOUT: Duration = Duration { days: 7, millis: 0 };
/// What a person may choose when the task does not say.
pub const OPTIONS: [&str; 2] = ["Approve", REJECT];
/// The option that skips the direct downstream tasks.
pub const REJECT: &str = "Reject";

/// Waits for a condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sensor {
    /// What for.
    pub event: Event,
    /// How often it looks.
    pub poke_interval: Duration,
    /// How long it waits, from its first look; all attempts together.
    pub timeout: Duration,
    /// Whether it is skipped instead of failed when the time is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub soft_fail: bool,
    /// Whether the time between two looks doubles.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exponential_backoff: bool,
}

impl Sensor {
    /// A sensor that says nothing but what it waits for.
    pub const fn new(event: Event) -> Self {
        Self { event, poke_interval: POKE_INTERVAL, timeout: TIMEOUT, soft_fail: false, exponential_backoff: false }
    }
}

/// What a sensor waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A file, or a folder with something in it; relative to the DAG file's folder.
    File(String),
    /// A time of the day (of the day on which it begins to wait) or an instant, in the DAG's time zone.
    Time(String),
    /// So long after the end of the run's data interval.
    Delta(Duration),
    /// An answer of an HTTP server.
    Http(Http),
    /// A statement whose first value is true.
    Sql(Sql),
    /// A run of another DAG, or a task in it.
    Task(OtherTask),
    /// A piece of Python that returns something true, in a process per look.
    Python(Python),
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http {
    /// The connection that says what the address leaves out, and who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conn_id: Option<String>,
    /// Where to.
    pub url: String,
    /// `GET` when the file does not say.
    pub method: String,
    /// Headers.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// What is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// A template over `response` that says whether this is what it waits for; none: any 2xx.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sql {
    /// Which database.
    pub conn_id: String,
    /// The statement.
    pub sql: String,
}

/// A run of another DAG, or a task in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherTask {
    /// The DAG.
    pub dag_id: String,
    /// A task of it; none: the run as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// In which states it is what is waited for.
    pub states: Vec<String>,
    /// Which run.
    pub by: By,
}

/// Which run of another DAG a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The one of the same logical date.
    LogicalDate,
    /// The one whose logical date is so much earlier.
    Delta(Duration),
    /// The one with the latest logical date.
    Latest,
}

/// Starts a run of another DAG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerDag {
    /// The DAG.
    pub dag_id: String,
    /// What the run is triggered with: a mapping with templates, or a template of one.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub conf: serde_json::Value,
    /// The date it is about.
    #[serde(default, skip_serializing_if = "AboutDate::is_now")]
    pub logical_date: AboutDate,
    /// Its name; none: one that is made from the calling task instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Whether to wait for its end, and fail with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wait: bool,
    /// Whether a run of that name or date that is there already is cleared instead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
}

impl TriggerDag {
    /// The short form.
    pub fn new(dag_id: impl Into<String>) -> Self {
        Self {
            dag_id: dag_id.into(),
            conf: serde_json::Value::Null,
            logical_date: AboutDate::Now,
            run_id: None,
            wait: false,
            reset: false,
        }
    }
}

/// The date that a triggered run is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AboutDate {
    /// When it is triggered.
    #[default]
    Now,
    /// None.
    Null,
    /// A template.
    At(String),
}

impl AboutDate {
    fn is_now(&self) -> bool {
        *self == Self::Now
    }
}

/// Waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approve {
    /// What they are asked.
    pub prompt: String,
    /// What they may choose.
    pub options: Vec<String>,
    /// What is chosen when nobody does in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// How long it waits; none: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// The roles of accounts that may answer, beside admins; empty: whoever may change runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

impl Approve {
    /// The short form.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            options: OPTIONS.map(str::to_owned).to_vec(),
            default: None,
            timeout: None,
            roles: Vec::new(),
        }
    }
}
