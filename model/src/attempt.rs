//! An attempt: one try of a task instance, from the moment it is handed to an executor to the report of its end.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::asset::OutletEvent;
use crate::dag::{Dag, Task};
use crate::dag_run::DagRunFacts;
use crate::ids::{AttemptToken, TaskInstanceKey};
use crate::mapping::{Elements, Mapped, seen};
use crate::template::{Fetched, Scope};
use crate::xcom::XComValue;

/// Everything an executor and a worker need to run one try of a task instance.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Fences what this attempt writes.
    pub token: AttemptToken,
    /// The task instance.
    pub key: TaskInstanceKey,
    /// From 1; its log is `attempt=N.log`.
    pub try_number: u32,
    /// The greatest try number that may still be made (`retries + 1`, and one more for each lost attempt).
    pub max_tries: u32,
    /// The run.
    pub dag_run: Arc<DagRunFacts>,
    /// The DAG version the run is pinned to.
    pub dag: Arc<Dag>,
    /// The DAG file's absolute path: relative paths and Python modules are looked for beside it.
    pub dag_file: Arc<PathBuf>,
    /// In a DAG with mappings: its element, and what it needs to read the XComs of mapped tasks.
    pub mapped: Option<Arc<Mapped>>,
}

impl Attempt {
    /// The task it runs.
    pub fn task(&self) -> &Arc<Task> {
        self.dag.task(self.key.task)
    }

    /// What its templates may refer to, with what was fetched for them.
    pub const fn scope<'a>(&'a self, task: &'a Arc<Task>, fetched: &'a Arc<Fetched>) -> Scope<'a> {
        Scope {
            dag: &self.dag,
            task,
            dag_run: &self.dag_run,
            try_number: self.try_number,
            max_tries: self.max_tries,
            map_index: self.key.map_index,
            mapped: self.mapped.as_ref(),
            fetched,
        }
    }

    /// Which instances of a task it sees; the one that is not mapped when there is no such task.
    pub fn sees(&self, task_id: &str) -> Elements {
        let task = self.mapped.as_ref().zip(self.dag.index_of(task_id));
        task.map_or(Elements::One(-1), |(mapped, task)| {
            seen(&self.dag, self.task(), self.key.map_index, self.dag.task(task), &mapped.lengths)
        })
    }
}

/// What a worker says about an attempt. A report whose token is not the task instance's current one changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which attempt.
    pub token: AttemptToken,
    /// Which task instance.
    pub key: TaskInstanceKey,
    /// What happened to it.
    pub event: AttemptEvent,
}

/// What can happen to an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptEvent {
    /// Its process started.
    Started {
        /// When.
        at: Timestamp,
        /// Process id of its process group's leader.
        pid: Option<i32>,
    },
    /// It ended.
    Finished(Finished),
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// When its process started (or when it failed to).
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// What it pushed; kept only if this attempt is the recognised one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub xcoms: Vec<XComValue>,
    /// What it said about the assets that it updated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outlet_events: Vec<OutletEvent>,
}

/// The result of an attempt. A failing task is data, not an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it should.
    Success,
    /// It skipped itself.
    Skipped {
        /// In words for a person, for instance "exit code 99".
        reason: String,
    },
    /// It failed; retried when a retry is left.
    Failed {
        /// In words for a person, for instance "killed by SIGKILL (out of memory?)".
        reason: String,
        /// The process's exit code, when it ended by one.
        exit_code: Option<i32>,
        /// False when trying again cannot help (a bad template, a missing interpreter).
        may_retry: bool,
    },
    /// A branch chose: the ids of the direct downstream tasks (or groups) to follow.
    Branch {
        /// Possibly none.
        follow: Vec<String>,
    },
    /// A short circuit answered.
    ShortCircuit {
        /// Whether what follows goes on.
        goes_on: bool,
    },
    /// A sensor looked, and what it waits for is not there yet.
    NotYet {
        /// What it saw, in words for a person.
        saw: String,
    },
    /// Nobody knows how it ended: its worker died.
    Lost {
        /// In words for a person.
        reason: String,
    },
}
