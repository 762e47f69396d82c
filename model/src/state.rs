//! The states of a task instance and of a DAG run, named as in Airflow.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not the name of a state, rule or type of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} `{text}`")]
pub struct UnknownName {
    /// What the text was read as, for instance `task instance state`.
    pub kind: &'static str,
    /// The text.
    pub text: String,
}

/// Declares an enum whose variants are words used alike in SQL, JSON, URLs and on pages.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident, $kind:literal { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// All of them, in their natural order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it in SQL, JSON, URLs and on pages.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.as_str()) }
        }

        impl FromStr for $name {
            type Err = UnknownName;
            fn from_str(text: &str) -> Result<Self, UnknownName> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(UnknownName { kind: $kind, text: text.to_owned() }),
                }
            }
        }
    };
}
pub(crate) use named;

named! {
    /// State of a task instance (Airflow's `TaskInstanceState`, with `none` for "not looked at yet").
    TaskInstanceState, "task instance state" {
        /// Created; its upstreams are not done.
        None = "none",
        /// May run; waits for a slot.
        Scheduled = "scheduled",
        /// Has a slot and an attempt token; handed to an executor.
        Queued = "queued",
        /// Its attempt is running.
        Running = "running",
        /// Finished well.
        Success = "success",
        /// Cleared while it ran: its attempt is being stopped, then it starts over.
        Restarting = "restarting",
        /// Its last attempt failed and no retry is left, or it was marked so.
        Failed = "failed",
        /// Not run, on purpose.
        Skipped = "skipped",
        /// Not run, because an upstream failed.
        UpstreamFailed = "upstream_failed",
        /// Failed with retries left; waits for its retry delay.
        UpForRetry = "up_for_retry",
        /// A sensor between two pokes.
        UpForReschedule = "up_for_reschedule",
        /// Waits for an event without a slot.
        Deferred = "deferred",
        /// Waits for a person.
        AwaitingInput = "awaiting_input",
        /// Its task is no longer in the DAG, or its map index is beyond the mapping's length.
        Removed = "removed",
    }
}

impl TaskInstanceState {
    /// Will not change again by itself (Airflow's `State.finished`).
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::Skipped | Self::UpstreamFailed | Self::Removed)
    }

    /// Makes a run fail when a leaf ends in it (Airflow's `State.failed_states`).
    pub const fn is_failed(self) -> bool {
        matches!(self, Self::Failed | Self::UpstreamFailed)
    }

    /// Holds a slot: an attempt has been handed out and has not ended.
    pub const fn holds_slot(self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::Restarting)
    }

    /// Waits without a slot: for an event, or for a person.
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Deferred | Self::AwaitingInput)
    }
}

named! {
    /// State of a DAG run (Airflow's `DagRunState`).
    DagRunState, "DAG run state" {
        /// Created; waits until it may start.
        Queued = "queued",
        /// At least one of its task instances may run.
        Running = "running",
        /// All leaves ended in success or skipped.
        Success = "success",
        /// A leaf failed, it timed out, or a person failed or cancelled it.
        Failed = "failed",
    }
}

impl DagRunState {
    /// Will not change again by itself.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Success | Self::Failed)
    }
}

named! {
    /// Why a DAG run exists (Airflow's `DagRunType`); the first part of its `run_id`.
    DagRunType, "DAG run type" {
        /// Created by the DAG's timetable.
        Scheduled = "scheduled",
        /// Triggered by a person or a program.
        Manual = "manual",
        /// Created by a backfill.
        Backfill = "backfill",
        /// Created because assets were updated.
        AssetTriggered = "asset_triggered",
    }
}

named! {
    /// Who asked for a DAG run (Airflow's `DagRunTriggeredByType`).
    TriggeredBy, "trigger" {
        /// The DAG's timetable.
        Timetable = "timetable",
        /// The REST API.
        RestApi = "rest_api",
        /// The web UI.
        Ui = "ui",
        /// The command line.
        Cli = "cli",
        /// A backfill.
        Backfill = "backfill",
        /// A task of another run.
        Operator = "operator",
        /// Updates of assets.
        Asset = "asset",
        /// A test run without a server.
        Test = "test",
    }
}

named! {
    /// What a backfill does with a run that its date has already (Airflow's `ReprocessBehavior`).
    ReprocessBehavior, "reprocess behavior" {
        /// Leaves the date out.
        None = "none",
        /// Runs it again if it failed.
        Failed = "failed",
        /// Runs it again if it has ended.
        Completed = "completed",
    }
}
