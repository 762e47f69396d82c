//! Branch expressions: templates that the leader evaluates itself, because a process would take longer than they do.
//!
//! All that became ready in a pass are evaluated together, so that the XComs of a run are fetched once for all of its
//! branches. Each evaluation is bounded by the templates' own limits and by a number of rounds.

use std::collections::HashMap;
use std::sync::Arc;

use model::attempt::Attempt;
use model::ids::{DagRunKey, TaskInstanceKey};
use model::operator::{Branch, Operator};
use model::template::{Fetched, Need, RenderError, Scope, render};
use serde_json::Value;

use crate::ports::{Journal, ReadError};

/// An expression that asks for one value after the other more often than this is a mistake; a branch looks at a few.
const MAX_ROUNDS: usize = 16;

/// What is known and what is asked for while branches are evaluated.
#[derive(Debug, Default)]
pub(crate) struct Branches {
    fetched: HashMap<DagRunKey, Arc<Fetched>>,
    needs: HashMap<DagRunKey, Vec<Need>>,
    rounds: HashMap<TaskInstanceKey, usize>,
}

impl Branches {
    /// The ids that a branch chooses, or what is wrong with it; none when values are needed first.
    pub(crate) fn evaluate(&mut self, attempt: &Attempt) -> Option<Result<Vec<String>, String>> {
        let task = attempt.task();
        let Operator::Branch(Branch::Expression(source)) = &task.operator else {
            return Some(Err(format!("`{}` is not a branch expression", task.task_id)));
        };
        let wrong = |message: String| {
            format!("template of `branch` of task `{}` (line {} of the DAG file): {message}", task.task_id, task.line)
        };
        let dag_run = attempt.key.dag_run;
        let scope = Scope {
            dag: &attempt.dag,
            task,
            dag_run: &attempt.dag_run,
            try_number: attempt.try_number,
            max_tries: attempt.max_tries,
            map_index: attempt.key.map_index,
            fetched: self.fetched.entry(dag_run).or_default(),
        };
        match render(source, &scope) {
            Ok(value) => Some(chosen(&value)),
            Err(RenderError::Failed(reason)) => Some(Err(wrong(reason))),
            Err(RenderError::Needs(needs)) => {
                let rounds = self.rounds.entry(attempt.key).or_default();
                *rounds += 1;
                if *rounds > MAX_ROUNDS {
                    return Some(Err(wrong(format!("it asks for other values more than {MAX_ROUNDS} times"))));
                }
                self.needs.entry(dag_run).or_default().extend(needs);
                None
            }
        }
    }

    /// Fetches what was asked for.
    pub(crate) async fn fetch<J: Journal>(&mut self, journal: &J) -> Result<(), ReadError> {
        for (dag_run, mut needs) in std::mem::take(&mut self.needs) {
            let mut seen = std::collections::HashSet::new();
            needs.retain(|need| seen.insert(need.clone()));
            let mut more = journal.fetch(dag_run, &needs).await?;
            let fetched = Arc::make_mut(self.fetched.entry(dag_run).or_default());
            for need in needs {
                // What a journal leaves out is not there; asking again would never end.
                match need {
                    Need::XCom { task_id, key } => {
                        let name = (task_id, key);
                        let value = more.xcoms.remove(&name).flatten();
                        fetched.xcoms.insert(name, value);
                    }
                    Need::PreviousSuccess => {
                        fetched.previous_success = Some(more.previous_success.take().flatten());
                    }
                }
            }
        }
        Ok(())
    }
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
