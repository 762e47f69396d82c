//! Branch and short circuit expressions, `when`, mappings, and the templates of what waits without a process: the leader
//! evaluates them itself, because a process would take longer than they do.
//!
//! All that became ready in a pass are evaluated together, so that the XComs of a run are fetched once for all of its
//! branches. Each evaluation is bounded by the templates' own limits and by a number of rounds.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use model::ids::{TaskIndex, TaskInstanceKey};
use model::mapping;
use model::operator::is_true;
use model::template::{Fetched, Need, RenderError, render};
use serde_json::Value;

use crate::plan::Expanding;
use crate::ports::{Journal, ReadError};
use crate::question::{Answer, Asked, Question};

/// An expression that asks for one value after the other more often than this is a mistake; a branch looks at a few.
const MAX_ROUNDS: usize = 16;

/// What is known and what is asked for while branches are evaluated.
#[derive(Debug, Default)]
pub(crate) struct Branches {
    /// By whom it was fetched for: all tasks of a run that are not mapped see the same.
    fetched: HashMap<TaskInstanceKey, Arc<Fetched>>,
    needs: HashMap<TaskInstanceKey, Vec<Need>>,
    rounds: HashMap<TaskInstanceKey, usize>,
}

impl Branches {
    /// What the template says, or what is wrong with it; none when values are needed first.
    pub(crate) fn evaluate(&mut self, asked: &Asked, now: Timestamp) -> Option<Result<Answer, String>> {
        let attempt = &asked.attempt;
        let task = attempt.task();
        if asked.question == Question::Wait {
            let fetched = Arc::clone(self.fetched.entry(viewer(attempt.key)).or_default());
            let awaited = self.settle(attempt.key, model::wait::awaited(attempt, &fetched, now), |reason| reason)?;
            return Some(awaited.map(Answer::Awaits));
        }
        let key = asked.question.key();
        let Some(source) = asked.source() else {
            return Some(Err(format!("`{}` has no template in `{key}`", task.task_id)));
        };
        let wrong = |message: String| {
            format!("template of `{key}` of task `{}` (line {} of the DAG file): {message}", task.task_id, task.line)
        };
        let result = render(source, &attempt.scope(task, self.fetched.entry(viewer(attempt.key)).or_default()));
        let answer = |value: Value| match asked.question {
            Question::Branch => chosen(&value).map(Answer::Follow),
            Question::When | Question::ShortCircuit | Question::Wait => Ok(Answer::Holds(is_true(&value))),
        };
        let settled = self.settle(attempt.key, result, wrong).map(|value| value.and_then(answer));
        settled.map(|answer| answer.map_err(|reason| self.masked(attempt.key, &reason)))
    }

    /// A reason is shown and kept, and may repeat a value that the template looked up.
    fn masked(&self, key: TaskInstanceKey, reason: &str) -> String {
        let fetched = self.fetched.get(&viewer(key));
        fetched.map_or_else(|| reason.to_owned(), |fetched| fetched.masker().mask(reason).into_owned())
    }

    /// The values of a mapping, or what is wrong with them; none when values are needed first.
    pub(crate) fn expand(&mut self, expanding: &Expanding) -> Option<Result<IndexMap<String, Value>, String>> {
        let attempt = &expanding.attempt;
        let fetched = self.fetched.entry(viewer(attempt.key)).or_default();
        let result = mapping::values(&expanding.expand, &attempt.scope(attempt.task(), fetched));
        let (id, line) = (&expanding.id, attempt.task().line);
        self.settle(attempt.key, result, |message| {
            format!("{message} (mapping of `{id}`, near line {line} of the DAG file)")
        })
    }

    /// What became of an evaluation, unless it has to be made again with more values.
    fn settle<T>(
        &mut self,
        key: TaskInstanceKey,
        result: Result<T, RenderError>,
        wrong: impl Fn(String) -> String,
    ) -> Option<Result<T, String>> {
        match result {
            Ok(value) => Some(Ok(value)),
            Err(RenderError::Failed(reason)) => Some(Err(self.masked(key, &wrong(reason)))),
            Err(RenderError::Needs(needs)) => {
                let rounds = self.rounds.entry(key).or_default();
                *rounds += 1;
                if *rounds > MAX_ROUNDS {
                    return Some(Err(wrong(format!("it asks for other values more than {MAX_ROUNDS} times"))));
                }
                self.needs.entry(viewer(key)).or_default().extend(needs);
                None
            }
        }
    }

    /// Fetches what was asked for.
    pub(crate) async fn fetch<J: Journal>(&mut self, journal: &J) -> Result<(), ReadError> {
        for (viewer, mut needs) in std::mem::take(&mut self.needs) {
            let mut seen = std::collections::HashSet::new();
            needs.retain(|need| seen.insert(need.clone()));
            let mut more = journal.fetch(viewer.dag_run, &needs).await?;
            let fetched = Arc::make_mut(self.fetched.entry(viewer).or_default());
            for need in needs {
                // What a journal leaves out is not there; asking again would never end.
                match need {
                    Need::XCom { task_id, key, .. } => {
                        let name = (task_id, key);
                        let value = more.xcoms.remove(&name).flatten();
                        fetched.xcoms.insert(name, value);
                    }
                    Need::AssetEvents { uri } => {
                        let events = more.asset_events.remove(&uri).unwrap_or_default();
                        fetched.asset_events.insert(uri, events);
                    }
                    Need::TriggeringAssetEvents => {
                        fetched.triggering_asset_events = Some(more.triggering_asset_events.take().unwrap_or_default());
                    }
                    Need::PreviousSuccess => {
                        fetched.previous_success = Some(more.previous_success.take().flatten());
                    }
                    Need::Variable(key) => {
                        let value = more.variables.remove(&key).unwrap_or(Ok(None));
                        fetched.variables.insert(key, value);
                    }
                    Need::Connection(id) => {
                        let connection = more.connections.remove(&id).unwrap_or(Ok(None));
                        fetched.connections.insert(id, connection);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Who sees the same XComs as a task instance.
fn viewer(key: TaskInstanceKey) -> TaskInstanceKey {
    if key.map_index < 0 { TaskInstanceKey::unmapped(key.dag_run, TaskIndex(0)) } else { key }
}

/// The ids that a branch's value names.
fn chosen(value: &Value) -> Result<Vec<String>, String> {
    const WANTED: &str = "a branch gives a task id, a list of them or null";
    match value {
        Value::Null => Ok(Vec::new()),
        Value::String(id) => Ok(vec![id.trim().to_owned()]),
        Value::Array(ids) => ids
            .iter()
            .map(|id| id.as_str().map(str::to_owned).ok_or_else(|| format!("{WANTED}, not a list with {id}")))
            .collect(),
        other => Err(format!("{WANTED}, not {other}")),
    }
}

#[cfg(test)]
mod tests;
