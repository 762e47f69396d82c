//! What the terminal UI asks a server: requests and answers as data, and how a request is carried out.

mod change;
mod look;

use api::{Dag, DagRun, LogMessage, TaskInstance};

pub(super) use change::{Change, Changed};

use crate::client::{Client, Error};
use crate::commands::runs::{Attempt, Shown};

/// How many of the newest runs of all DAGs are looked at.
pub(super) const NEWEST: u64 = 100;
/// How many of the newest runs of a DAG are shown in the list of DAGs.
pub(super) const RECENT: usize = 8;

/// A task instance, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) dag_id: String,
    pub(super) run_id: String,
    pub(super) task_id: String,
    /// −1 when the task is not mapped.
    pub(super) map_index: i32,
}

/// What is asked. At most one request of a kind is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Dags,
    Newest,
    Recent,
    Runs,
    Run,
    Log,
    Params,
    Preview,
    Change,
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Request {
    /// All DAGs.
    Dags,
    /// The newest runs of all DAGs.
    Newest,
    /// The newest runs of one.
    Recent {
        /// Which.
        dag_id: String,
    },
    /// A DAG, and so many of its newest runs.
    Runs {
        /// Which.
        dag_id: String,
        /// How many.
        limit: u64,
        /// The run whose reason to wait is of interest.
        waiting: Option<String>,
    },
    /// A run with everything that is shown of it.
    Run {
        /// Whose.
        dag_id: String,
        /// Which.
        run_id: String,
    },
    /// A task instance, and what was added to the log of one of its attempts.
    Log {
        /// Whose.
        name: Name,
        /// Which attempt; none: the newest.
        chosen: Option<u32>,
        /// How far it was read.
        attempt: Option<Attempt>,
    },
    /// The params of a DAG.
    Params {
        /// Which.
        dag_id: String,
    },
    /// What a change would change.
    Preview(Change),
    /// A change.
    Change(Change),
}

impl Request {
    /// Its kind.
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Dags => Kind::Dags,
            Self::Newest => Kind::Newest,
            Self::Recent { .. } => Kind::Recent,
            Self::Runs { .. } => Kind::Runs,
            Self::Run { .. } => Kind::Run,
            Self::Log { .. } => Kind::Log,
            Self::Params { .. } => Kind::Params,
            Self::Preview(_) => Kind::Preview,
            Self::Change(_) => Kind::Change,
        }
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// To [`Request::Dags`].
    Dags {
        /// All of them.
        dags: Vec<Dag>,
        /// How many DAG files were refused, as far as one may know.
        refused_files: u64,
    },
    /// To [`Request::Newest`].
    Newest {
        /// The newest first.
        runs: Vec<DagRun>,
        /// These are all that there are.
        is_all: bool,
    },
    /// To [`Request::Recent`].
    Recent {
        /// Of which DAG.
        dag_id: String,
        /// The newest first.
        runs: Vec<DagRun>,
    },
    /// To [`Request::Runs`].
    Runs(Box<Runs>),
    /// To [`Request::Run`].
    Run(Box<Shown>),
    /// To [`Request::Log`].
    Log(Box<Log>),
    /// To [`Request::Params`]: in words.
    Params(String),
    /// To [`Request::Preview`]: the task instances that would start over.
    Preview(Vec<String>),
    /// To [`Request::Change`].
    Changed(Box<Changed>),
}

/// The runs of a DAG.
#[derive(Debug, Clone)]
pub(super) struct Runs {
    pub(super) dag: Dag,
    /// The newest first.
    pub(super) runs: Vec<DagRun>,
    /// How many there are in all.
    pub(super) total: u64,
    /// What one of them waits for.
    pub(super) waiting: Option<(String, String)>,
}

/// Part of a log.
#[derive(Debug, Clone)]
pub(super) struct Log {
    pub(super) instance: TaskInstance,
    /// Why the task instance waits, or ended so; may be empty.
    pub(super) why: String,
    /// Which attempt, and how far it has been read; none before the first.
    pub(super) attempt: Option<Attempt>,
    pub(super) added: Vec<LogMessage>,
}

/// Carries a request out.
pub(super) async fn carry_out(client: &Client, request: Request) -> Result<Answer, Error> {
    match request {
        Request::Dags => look::dags(client).await,
        Request::Newest => look::newest(client).await,
        Request::Recent { dag_id } => look::recent(client, dag_id).await,
        Request::Runs { dag_id, limit, waiting } => look::runs(client, &dag_id, limit, waiting).await,
        Request::Run { dag_id, run_id } => look::run(client, &dag_id, &run_id).await,
        Request::Log { name, chosen, attempt } => look::log(client, &name, chosen, attempt).await,
        Request::Params { dag_id } => look::params(client, &dag_id).await,
        Request::Preview(change) => change.preview(client).await.map(Answer::Preview),
        Request::Change(change) => change.make(client).await.map(Box::new).map(Answer::Changed),
    }
}
