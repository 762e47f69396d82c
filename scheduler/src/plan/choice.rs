//! What branches and short circuits chose: the rest is skipped, now and whenever it is cleared later.
//!
//! A choice is kept as an XCom of the task (Airflow's key and shape), so it survives a take-over, goes when the task is
//! tried again, and is there for people to see. It holds while the task that made it is a success.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use model::dag::Dag;
use model::ids::{TaskIndex, TaskInstanceKey};
use model::journal::ChoiceRow;
use model::state::TaskInstanceState;
use model::transition::TaskInstanceEvent;
use model::xcom::{CHOICE, RETURN_VALUE, XComValue};
use serde_json::{Value, json};

use super::Planner;
use super::run::Run;
use super::version::{Version, reachable_from};

/// What a branch or short circuit chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// Of its direct downstream only these go on.
    Follow(Vec<TaskIndex>),
    /// Nothing behind it goes on, as far as it may say.
    Stop,
}

/// The choices of a run that skip something, by who made them.
pub(super) type Choices = HashMap<(TaskIndex, i32), Choice>;

/// Reads choices that were kept.
pub(super) fn kept(rows: &[ChoiceRow], dag: &Dag) -> Choices {
    let read = |row: &ChoiceRow| {
        let chooser = dag.index_of(&row.task_id)?;
        let choice = if let Some(ids) = row.value.get("followed").and_then(Value::as_array) {
            Choice::Follow(ids.iter().filter_map(|id| dag.index_of(id.as_str()?)).collect())
        } else if row.value.get("skipped").and_then(Value::as_array).is_some_and(|ids| !ids.is_empty()) {
            Choice::Stop
        } else {
            return None;
        };
        Some(((chooser, row.map_index), choice))
    };
    rows.iter().filter_map(read).collect()
}

impl Run {
    /// Whether a branch or short circuit that this task comes behind has chosen against it.
    pub(super) fn is_chosen_against(&self, key: TaskInstanceKey) -> bool {
        !self.choices.is_empty()
            && self.version.choosers(key.task).iter().flat_map(|chooser| self.seen_by(key, *chooser)).any(|chooser| {
                // One element's choice says nothing about what depends on all of them.
                let is_for_it =
                    chooser.key.map_index < 0 || self.version.mappings.shared(chooser.key.task, key.task) > 0;
                let choice = self.choices.get(&(chooser.key.task, chooser.key.map_index));
                is_for_it
                    && chooser.state == TaskInstanceState::Success
                    && choice.is_some_and(|choice| match choice {
                        Choice::Follow(followed) => !followed.contains(&key.task),
                        Choice::Stop => true,
                    })
            })
    }
}

impl Planner {
    pub(super) fn finish_branch(&mut self, key: TaskInstanceKey, follow: &[String], at: Timestamp) {
        let Some(run) = self.runs.get(&key.dag_run) else { return };
        let version = Arc::clone(&run.version);
        match followed(&version, key.task, follow) {
            Ok(followed) => {
                let ids: Vec<&str> =
                    followed.iter().map(|index| version.loaded.dag.task(*index).task_id.as_str()).collect();
                let mut values = vec![XComValue { key: CHOICE.to_owned(), value: json!({"followed": ids}) }];
                // What it returned itself (a person's answer) says more than what follows from it.
                if !self.has_returned(key) {
                    values.push(XComValue { key: RETURN_VALUE.to_owned(), value: json!(follow) });
                }
                self.finish_choice(key, Some(Choice::Follow(followed)), values, at);
            }
            Err(reason) => {
                self.record_attempt(key, "failed", reason, None, at);
                self.end(key, TaskInstanceEvent::Fail, at);
            }
        }
    }

    /// Whether the attempt that ends in this pass returned a value.
    fn has_returned(&self, key: TaskInstanceKey) -> bool {
        let task_id = self.runs.get(&key.dag_run).map(|run| &run.version.loaded.dag.task(key.task).task_id);
        self.xcoms.iter().any(|xcom| {
            (xcom.dag_run, xcom.map_index) == (key.dag_run, key.map_index)
                && Some(&xcom.task_id) == task_id
                && xcom.key == RETURN_VALUE
        })
    }

    pub(super) fn finish_short_circuit(&mut self, key: TaskInstanceKey, goes_on: bool, at: Timestamp) {
        let Some(run) = self.runs.get(&key.dag_run) else { return };
        let version = Arc::clone(&run.version);
        let direct = &version.downstream[key.task.at()];
        let skipped: Vec<&str> = if goes_on { &[][..] } else { direct.as_slice() }
            .iter()
            .map(|index| version.loaded.dag.task(*index).task_id.as_str())
            .collect();
        let values = vec![XComValue { key: CHOICE.to_owned(), value: json!({"skipped": skipped}) }];
        self.finish_choice(key, (!goes_on).then_some(Choice::Stop), values, at);
    }

    fn finish_choice(&mut self, key: TaskInstanceKey, choice: Option<Choice>, values: Vec<XComValue>, at: Timestamp) {
        let Some(run) = self.runs.get_mut(&key.dag_run) else { return };
        let version = Arc::clone(&run.version);
        let chooser = (key.task, key.map_index);
        let mut skipped: Vec<TaskIndex> = Vec::new();
        match choice {
            Some(choice) => {
                skipped = version.behind(key.task);
                if let Choice::Follow(followed) = &choice {
                    skipped.retain(|index| !followed.contains(index));
                }
                run.choices.insert(chooser, choice);
            }
            None => {
                run.choices.remove(&chooser);
            }
        }
        let skipped: Vec<TaskInstanceKey> = skipped
            .iter()
            .flat_map(|index| match version.mappings.shared(key.task, *index) {
                // One element's choice says nothing about what depends on all of them.
                0 if key.map_index >= 0 => &[],
                0 => run.of_task(*index),
                shared => run.window(key, *index, shared),
            })
            .filter(|ti| ti.state == TaskInstanceState::None)
            .map(|ti| ti.key)
            .collect();
        self.keep_xcoms(key, &version.loaded.dag.task(key.task).task_id, values);
        // All skips before anything else follows, so that no trigger rule sees half of the choice.
        for next in &skipped {
            if let Some(ti) = self.task_instance_mut(*next) {
                ti.ended_at = Some(at);
            }
            self.step(*next, TaskInstanceEvent::Skip);
            self.dirty.insert(*next);
        }
        self.end(key, TaskInstanceEvent::Succeed, at);
        for next in skipped {
            self.propagate(next, at);
        }
    }
}

/// What of a branch's direct downstream goes on: what it names, a group by its first tasks, and what comes behind
/// something it names; or what is wrong with its choice.
fn followed(version: &Version, branch: TaskIndex, follow: &[String]) -> Result<Vec<TaskIndex>, String> {
    let (dag, direct) = (&version.loaded.dag, &version.downstream[branch.at()]);
    let mut named = Vec::new();
    for id in follow {
        let prefix = format!("{id}.");
        let matching = direct.iter().copied().filter(|index| {
            let task_id = &dag.task(*index).task_id;
            task_id == id || task_id.starts_with(&prefix)
        });
        let before = named.len();
        named.extend(matching);
        if named.len() == before {
            let choices: Vec<&str> = direct.iter().map(|index| dag.task(*index).task_id.as_str()).collect();
            return Err(format!(
                "the branch chose `{id}`, which is not one of its direct downstream tasks ({})",
                choices.join(", ")
            ));
        }
    }
    let reachable = reachable_from(&named, &version.downstream);
    Ok(direct.iter().copied().filter(|index| reachable.contains(index)).collect())
}
