//! What a task waits for once its templates are rendered.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::callback::Message;

/// What one attempt waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Awaited {
    /// A file, or a folder with something in it.
    File {
        /// Absolute.
        path: String,
    },
    /// A time. Nothing is looked at: the planner's timer is enough.
    Time {
        /// When.
        at: Timestamp,
    },
    /// An answer of an HTTP server.
    Http(HttpRequest),
    /// A statement whose first value is true.
    Sql {
        /// Which database.
        conn_id: String,
        /// The statement.
        sql: String,
    },
    /// A run of another DAG, or a task in it.
    Run(OtherRun),
    /// A run that is to be started, and perhaps to be waited for.
    Trigger(Trigger),
    /// A person.
    Approval(Approval),
    /// The delivery of a message.
    Delivery {
        /// Which.
        message: Message,
    },
    /// A piece of Python, in a process per look.
    Python,
}

impl Awaited {
    /// The same with each of its texts changed.
    pub fn with_texts(&self, mut change: impl FnMut(&str) -> String) -> Self {
        let changed = |text: &mut String, change: &mut dyn FnMut(&str) -> String| *text = change(text);
        let mut awaited = self.clone();
        match &mut awaited {
            Self::File { path } => changed(path, &mut change),
            Self::Http(request) => {
                changed(&mut request.url, &mut change);
                request.headers.values_mut().chain(&mut request.body).for_each(|text| changed(text, &mut change));
            }
            Self::Sql { sql, .. } => changed(sql, &mut change),
            Self::Run(other) => {
                changed(&mut other.dag_id, &mut change);
                other.task_id.iter_mut().for_each(|text| changed(text, &mut change));
            }
            Self::Trigger(trigger) => {
                changed(&mut trigger.dag_id, &mut change);
                changed(&mut trigger.run_id, &mut change);
                trigger.conf.values_mut().for_each(|value| change_deep(value, &mut change));
            }
            Self::Approval(approval) => changed(&mut approval.prompt, &mut change),
            Self::Delivery { message } => message.texts_mut().into_iter().for_each(|text| changed(text, &mut change)),
            Self::Time { .. } | Self::Python => {}
        }
        awaited
    }

    /// Whether somebody has to look. A time comes by itself, and a person and a process report.
    pub const fn is_looked_at(&self) -> bool {
        match self {
            Self::File { .. }
            | Self::Http(_)
            | Self::Sql { .. }
            | Self::Run(_)
            | Self::Trigger(_)
            | Self::Delivery { .. } => true,
            Self::Time { .. } | Self::Approval(_) | Self::Python => false,
        }
    }
}

fn change_deep(value: &mut Value, change: &mut impl FnMut(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| change_deep(item, change)),
        Value::Object(entries) => entries.values_mut().for_each(|value| change_deep(value, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// The connection that says what the address leaves out, and who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conn_id: Option<String>,
    /// Where to.
    pub url: String,
    /// In capitals.
    pub method: String,
    /// Headers.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// What is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// A template over `response`; none: any 2xx.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
}

/// A run of another DAG, or a task in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherRun {
    /// The DAG.
    pub dag_id: String,
    /// A task of it; none: the run as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// In which states it is what is waited for.
    pub states: Vec<String>,
    /// The run of this date; none: the one with the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical_date: Option<Timestamp>,
}

/// A run that is to be started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// The DAG.
    pub dag_id: String,
    /// The run's name.
    pub run_id: String,
    /// The date it is about.
    pub logical_date: Option<Timestamp>,
    /// What it is triggered with.
    pub conf: Map<String, Value>,
    /// Whether its end is waited for.
    pub wait: bool,
    /// Whether a run that is there already is cleared instead.
    pub reset: bool,
    /// Which task instance triggers it, in a text that no other attempt has: how a run that is there already is known
    /// to be its own.
    pub caller: String,
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// What they are asked.
    pub prompt: String,
    /// What they may choose.
    pub options: Vec<String>,
    /// What is chosen when nobody does in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The roles of accounts that may answer, beside admins; empty: whoever may change runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}
