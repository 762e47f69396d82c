//! From a row to its message: the block of the pinned version, rendered with what its templates ask for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::callback::{CallbackEvent, Links, Message, Notify, message};
use model::dag::{Dag, Task};
use model::ids::DagVersionKey;
use model::operator::Operator;
use model::template::{Fetched, RenderError, Scope};
use store::callback::Claimed;

use super::send::Undelivered;
use crate::causes::with_causes;
use crate::postgres::DeployedJournal;

/// A template that asks for one value after the other more often than this is a mistake.
const MAX_ROUNDS: usize = 16;
/// Versions that are kept; a storm of messages comes from a few.
const MAX_VERSIONS: usize = 32;

pub(super) struct Renderer {
    journal: DeployedJournal,
    links: Links,
    versions: Mutex<HashMap<DagVersionKey, Arc<Dag>>>,
}

impl Renderer {
    pub(super) fn new(journal: DeployedJournal, links: Links) -> Self {
        Self { journal, links, versions: Mutex::default() }
    }

    pub(super) async fn message(&self, claimed: &Claimed) -> Result<Message, Undelivered> {
        let subject = &claimed.subject;
        let dag = self.version(subject.dag_version).await?;
        let task = match subject.task.map(|index| dag.tasks.get(index.at()).cloned()) {
            Some(Some(task)) => task,
            Some(None) => return Err(gone()),
            // The run as a whole.
            None => Arc::new(Task::new("", Operator::Empty)),
        };
        let block = block(&dag, &task, claimed).ok_or_else(gone)?;
        let mut fetched = Arc::new(Fetched::default());
        for _ in 0..MAX_ROUNDS {
            let scope = Scope {
                dag: &dag,
                task: &task,
                dag_run: &subject.dag_run,
                try_number: subject.try_number,
                max_tries: subject.max_tries,
                map_index: subject.map_index,
                mapped: subject.mapped.as_ref(),
                fetched: &fetched,
            };
            match message(block, &claimed.happened, &scope, &self.links) {
                Ok(message) => return Ok(message),
                Err(RenderError::Failed(reason)) => {
                    return Err(Undelivered::for_good(fetched.masker().mask(&reason)));
                }
                Err(RenderError::Needs(needs)) => {
                    let mut more = self.journal.fetch(subject.dag_run.key, &needs).await.map_err(unreadable)?;
                    self.journal.secrets.fetch(&needs, &mut more).await.map_err(unreadable)?;
                    let fetched = Arc::make_mut(&mut fetched);
                    fetched.xcoms.extend(more.xcoms);
                    fetched.variables.extend(more.variables);
                    fetched.connections.extend(more.connections);
                    fetched.previous_success = fetched.previous_success.or(more.previous_success);
                }
            }
        }
        Err(Undelivered::for_good(format!("its templates ask for other values more than {MAX_ROUNDS} times")))
    }

    async fn version(&self, key: DagVersionKey) -> Result<Arc<Dag>, Undelivered> {
        let known = |versions: &Mutex<HashMap<_, Arc<Dag>>>| {
            versions.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
        };
        if let Some(dag) = known(&self.versions) {
            return Ok(dag);
        }
        let loaded = self.journal.dag_versions(&[key]).await.map_err(unreadable)?;
        let dag = loaded.into_iter().next().map(|version| version.dag).ok_or_else(gone)?;
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        if versions.len() >= MAX_VERSIONS {
            versions.clear();
        }
        versions.insert(key, Arc::clone(&dag));
        Ok(dag)
    }
}

/// The block that a row is about.
fn block<'d>(dag: &'d Dag, task: &'d Task, claimed: &Claimed) -> Option<&'d Notify> {
    let (callbacks, deadline) = match claimed.subject.task {
        Some(_) => (&task.callbacks, task.deadline.as_ref()),
        None => (&dag.callbacks, dag.deadline.as_ref()),
    };
    match claimed.happened.event {
        CallbackEvent::Deadline => deadline?.then.get(claimed.block),
        event => callbacks.of(event).get(claimed.block),
    }
}

fn gone() -> Undelivered {
    Undelivered::for_good("the version of the DAG that says what to send is gone")
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn unreadable(error: store::SqlError) -> Undelivered {
    Undelivered::for_now(format!("the database does not answer: {}", with_causes(&error)))
}
