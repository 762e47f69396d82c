//! What happens, and which messages that asks for.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Channel, Notify};
use crate::ids::{DagRunKey, DagVersionKey, TaskIndex};
use crate::mapping::Mapped;
use crate::transition::TaskInstanceEvent;

/// What a message may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackEvent {
    /// It succeeded.
    Success,
    /// It failed for good.
    Failure,
    /// An attempt failed or was lost, and there will be another.
    Retry,
    /// It skipped itself.
    Skipped,
    /// It had not finished by then.
    Deadline,
}

impl CallbackEvent {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Success, Self::Failure, Self::Retry, Self::Skipped, Self::Deadline];

    /// Its word in templates, in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Retry => "retry",
            Self::Skipped => "skipped",
            Self::Deadline => "deadline",
        }
    }

    /// What a word stands for.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == word)
    }
}

/// The blocks of a task or a DAG.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Callbacks {
    /// When it succeeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_success: Vec<Notify>,
    /// When it failed for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_failure: Vec<Notify>,
    /// When an attempt is to be followed by another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_retry: Vec<Notify>,
    /// When it skipped itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_skipped: Vec<Notify>,
}

impl Callbacks {
    /// Whether nobody is told anything.
    pub const fn is_empty(&self) -> bool {
        self.on_success.is_empty()
            && self.on_failure.is_empty()
            && self.on_retry.is_empty()
            && self.on_skipped.is_empty()
    }

    /// What is said of an event; of a deadline, which has its own blocks, nothing.
    pub fn of(&self, event: CallbackEvent) -> &[Notify] {
        match event {
            CallbackEvent::Success => &self.on_success,
            CallbackEvent::Failure => &self.on_failure,
            CallbackEvent::Retry => &self.on_retry,
            CallbackEvent::Skipped => &self.on_skipped,
            CallbackEvent::Deadline => &[],
        }
    }
}

/// What a change of a task instance's state is to its callbacks. As in Airflow, what a task's upstream or a person does to
/// it is not told. A skip is told when the task skipped itself, which the event alone does not say.
pub const fn event_of(event: TaskInstanceEvent) -> Option<CallbackEvent> {
    match event {
        TaskInstanceEvent::Succeed => Some(CallbackEvent::Success),
        TaskInstanceEvent::Fail => Some(CallbackEvent::Failure),
        TaskInstanceEvent::AwaitRetry => Some(CallbackEvent::Retry),
        TaskInstanceEvent::Schedule
        | TaskInstanceEvent::Queue
        | TaskInstanceEvent::Start
        | TaskInstanceEvent::Defer
        | TaskInstanceEvent::AwaitInput
        | TaskInstanceEvent::Reschedule
        | TaskInstanceEvent::Skip
        | TaskInstanceEvent::FailUpstream
        | TaskInstanceEvent::Reset
        | TaskInstanceEvent::Clear
        | TaskInstanceEvent::Remove => None,
    }
}

/// Whom a message is about, with what its templates may name and nobody can read later.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// The run.
    pub dag_run: DagRunKey,
    /// The version whose blocks these are.
    pub dag_version: DagVersionKey,
    /// The task; none: the run as a whole.
    pub task: Option<TaskIndex>,
    /// −1 when not mapped.
    pub map_index: i32,
    /// Of the attempt; 0: none was made.
    pub try_number: u32,
    /// The greatest that may be made.
    pub max_tries: u32,
    /// In a DAG with mappings: its element, and how long they are.
    pub mapped: Option<Arc<Mapped>>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// What.
    pub event: CallbackEvent,
    /// The state that it is in since, or is still in.
    pub state: &'static str,
    /// Why, in words for a person.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The deadline that was missed.
    pub deadline: Option<Timestamp>,
}

/// A message that is to be delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct CallbackRow {
    /// About whom.
    pub subject: Subject,
    /// What happened.
    pub happened: Happened,
    /// Which of the event's blocks, from 0.
    pub block: u32,
    /// Over what it goes.
    pub channel: Channel,
}

/// The messages that something asks for: one for each block.
pub fn rows(subject: &Subject, happened: &Happened, blocks: &[Notify]) -> Vec<CallbackRow> {
    let row = |(block, notify): (u32, &Notify)| CallbackRow {
        subject: subject.clone(),
        happened: happened.clone(),
        block,
        channel: notify.channel(),
    };
    (0..).zip(blocks).map(row).collect()
}
