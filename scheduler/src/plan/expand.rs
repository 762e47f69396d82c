//! Mapped tasks: when their mapping is known, and how one task instance becomes many.
//!
//! A mapped task begins with one task instance (map index −1), for which its trigger rule is asked as for any other.
//! Once the mapping's inputs have ended, its values are asked for, and the one becomes `0..n`. When a clear made the
//! inputs run again, it is asked for again: instances that are missing are added, those beyond its end are removed.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use model::attempt::Attempt;
use model::ids::{AttemptToken, DagRunKey, TaskIndex, TaskInstanceKey};
use model::mapping::{Expand, Expansion, Mapped};
use model::state::{DagRunState, TaskInstanceState};
use model::template::{as_text, render};
use model::transition::TaskInstanceEvent;
use serde_json::{Map, Value};

use super::Planner;
use super::instances::Instances;
use super::mappings::Resolution;
use super::run::{Run, unstarted};

/// Airflow's length of `rendered_map_index`.
const MAX_NAME: usize = 250;

/// A mapping whose templates are to be evaluated; fold the values back.
#[derive(Debug, Clone)]
pub struct Expanding {
    /// What its templates may refer to: a task that it multiplies, before it does.
    pub attempt: Attempt,
    /// Which of the run's mappings.
    pub(super) mapping: usize,
    /// The id of the task or group that is mapped.
    pub id: String,
    /// Its templates.
    pub expand: Expand,
}

/// Whether a task instance has its element.
pub(super) enum Element {
    Ready,
    Unknown,
    /// It will never have one.
    Ended(TaskInstanceEvent),
    /// It will never have one, and that is a mistake.
    Wrong(String),
}

impl Planner {
    /// Asks for the mappings of a run whose inputs are done.
    pub(super) fn ask_mappings(&mut self, dag_run: DagRunKey, now: Timestamp) {
        let count = self.runs.get(&dag_run).map_or(0, |run| run.resolutions.len());
        (0..count).for_each(|mapping| self.ask_mapping(dag_run, mapping, now));
    }

    /// Asks for one mapping, if its inputs are done and somebody needs it.
    pub(super) fn ask_mapping(&mut self, dag_run: DagRunKey, mapping: usize, now: Timestamp) {
        let Some(run) = self.runs.get_mut(&dag_run) else { return };
        if run.state != DagRunState::Running || !matches!(run.resolutions[mapping], Resolution::Open) {
            return;
        }
        let version = Arc::clone(&run.version);
        let known = &version.mappings.all[mapping];
        let is_open = |task: &TaskIndex| run.of_task(*task).iter().any(|ti| !ti.state.is_finished());
        if known.inputs.iter().any(is_open) || !known.members.iter().any(is_open) {
            return;
        }
        if let Some(event) = known.inputs.iter().find_map(|input| without_value(run.of_task(*input).first()?.key, run))
        {
            run.resolutions[mapping] = Resolution::Missing(event);
            self.settle_mapping(dag_run, mapping, now);
        } else if known.expand.templates().is_empty() {
            self.resolve(dag_run, mapping, Ok(known.expand.values().clone()), now);
        } else {
            run.resolutions[mapping] = Resolution::Asked;
            let key = TaskInstanceKey::unmapped(dag_run, known.members[0]);
            let attempt = Attempt {
                token: AttemptToken(0),
                key,
                try_number: 1,
                max_tries: 1,
                dag_run: Arc::clone(&run.facts),
                dag: Arc::clone(&version.loaded.dag),
                dag_file: Arc::clone(&version.loaded.fileloc),
                mapped: Some(Arc::new(Mapped { values: Map::new(), lengths: run.lengths() })),
            };
            self.expanding.push(Expanding { attempt, mapping, id: known.id.clone(), expand: known.expand.clone() });
        }
    }

    /// The values of a mapping that [`super::Decisions::expand`] asked for, or what is wrong with them.
    pub fn fold_expansion(
        &mut self,
        expanding: &Expanding,
        values: Result<IndexMap<String, Value>, String>,
        now: Timestamp,
    ) {
        let dag_run = expanding.attempt.key.dag_run;
        let asked = self.runs.get(&dag_run).and_then(|run| run.resolutions.get(expanding.mapping));
        if matches!(asked, Some(Resolution::Asked)) {
            self.resolve(dag_run, expanding.mapping, values, now);
        }
    }

    fn resolve(
        &mut self,
        dag_run: DagRunKey,
        mapping: usize,
        values: Result<IndexMap<String, Value>, String>,
        now: Timestamp,
    ) {
        let max = self.limits.max_map_length;
        let Some(run) = self.runs.get_mut(&dag_run) else { return };
        let expand = &run.version.mappings.all[mapping].expand;
        run.resolutions[mapping] = match values.and_then(|values| Expansion::new(expand, values, max)) {
            Ok(expansion) => Resolution::Known(Arc::new(expansion)),
            Err(reason) => Resolution::Wrong(reason),
        };
        self.settle_mapping(dag_run, mapping, now);
    }

    /// What follows from what is now known of a mapping.
    fn settle_mapping(&mut self, dag_run: DagRunKey, mapping: usize, now: Timestamp) {
        let Some(run) = self.runs.get_mut(&dag_run) else { return };
        let version = Arc::clone(&run.version);
        let members = &version.mappings.all[mapping].members;
        let held = std::mem::take(&mut run.without_element);
        for member in members {
            self.multiply(dag_run, *member, now);
        }
        for key in held {
            self.release(key, now);
        }
        // Also those behind: they count other instances now.
        let mut affected: Vec<TaskIndex> =
            members.iter().flat_map(|member| &version.downstream[member.at()]).chain(members).copied().collect();
        affected.sort_unstable();
        affected.dedup();
        for task in affected {
            let undecided = self.runs.get(&dag_run).map(|run| run.undecided(task)).unwrap_or_default();
            for key in undecided {
                self.evaluate_rule(key, now);
            }
        }
        self.finish_run_if_done(dag_run, now);
    }

    /// Lets a task instance go on that waited for its element.
    fn release(&mut self, key: TaskInstanceKey, now: Timestamp) {
        let Some(state) = self.task_instance(key).map(|ti| ti.state) else { return };
        match (state, self.element(key)) {
            (_, Element::Unknown) => {
                if let Some(run) = self.runs.get_mut(&key.dag_run) {
                    run.without_element.push(key);
                }
            }
            (TaskInstanceState::Scheduled, Element::Ready) => self.make_ready(key),
            (TaskInstanceState::Queued | TaskInstanceState::Running, Element::Ready) => self.redispatch(key),
            (TaskInstanceState::Scheduled | TaskInstanceState::Queued | TaskInstanceState::Running, element) => {
                let reason = match element {
                    Element::Wrong(reason) => reason,
                    _ => "what it is mapped over is gone".to_owned(),
                };
                self.record_attempt(key, "failed", reason, None, now);
                self.end(key, TaskInstanceEvent::Fail, now);
            }
            _ => {}
        }
    }

    /// Whether a task instance has its element.
    pub(super) fn element(&self, key: TaskInstanceKey) -> Element {
        let Some(run) = self.runs.get(&key.dag_run) else { return Element::Unknown };
        let levels = run.version.mappings.levels(key.task);
        if levels.is_empty() {
            return Element::Ready;
        }
        let mut total = 1_u32;
        for level in levels {
            match &run.resolutions[*level] {
                Resolution::Known(expansion) => total = total.saturating_mul(expansion.length()),
                Resolution::Wrong(reason) => return Element::Wrong(reason.clone()),
                Resolution::Missing(event) => return Element::Ended(*event),
                Resolution::Open | Resolution::Asked => return Element::Unknown,
            }
        }
        if total > self.limits.max_map_length {
            let max = self.limits.max_map_length;
            return Element::Wrong(format!(
                "its mappings have {total} elements together, more than {max} (core.max_map_length)"
            ));
        }
        match u32::try_from(key.map_index) {
            Ok(_) => Element::Ready,
            Err(_) if total == 0 => Element::Ended(TaskInstanceEvent::Skip),
            Err(_) => Element::Unknown,
        }
    }

    /// Makes the instances of a mapped task as many as its mappings have elements.
    fn multiply(&mut self, dag_run: DagRunKey, task: TaskIndex, now: Timestamp) {
        let max = self.limits.max_map_length;
        let Some(run) = self.runs.get_mut(&dag_run) else { return };
        let Some(total) = run.elements(task).filter(|total| *total <= max) else { return };
        let known = match &run.instances[task.at()] {
            Instances::One(_) => 0,
            Instances::Many(rows) => u32::try_from(rows.len()).unwrap_or(u32::MAX),
        };
        let removed = match &run.instances[task.at()] {
            Instances::One(row) => {
                if row.state != TaskInstanceState::None || total == 0 {
                    return;
                }
                let placeholder = row.key;
                run.expand_placeholder(task, total);
                self.dirty.remove(&placeholder);
                self.lazy.remove(&placeholder);
                Vec::new()
            }
            Instances::Many(_) => run.resize(task, total),
        };
        for key in removed {
            self.remove(key, now);
        }
        self.name_elements(dag_run, task, known..total);
        let Some(run) = self.runs.get_mut(&dag_run) else { return };
        self.dirty.extend(run.fresh.iter().copied());
        let restored: Vec<TaskInstanceKey> = run
            .of_task(task)
            .iter()
            .filter(|ti| ti.state == TaskInstanceState::Removed && ti.key.map_index.cast_unsigned() < total)
            .map(|ti| ti.key)
            .collect();
        for key in restored {
            self.step(key, TaskInstanceEvent::Clear);
            self.dirty.insert(key);
        }
        if let Some(run) = self.runs.get_mut(&dag_run) {
            run.recount_behind(task);
        }
    }

    /// Renders what new elements are called. A name that cannot be rendered is left out: the number still names it.
    fn name_elements(&mut self, dag_run: DagRunKey, task: TaskIndex, elements: std::ops::Range<u32>) {
        let Some(run) = self.runs.get(&dag_run) else { return };
        let Some(source) = &run.version.loaded.dag.task(task).map_index_template else { return };
        let fetched = Arc::default();
        for map_index in elements {
            let key = TaskInstanceKey { dag_run, task, map_index: map_index.cast_signed() };
            let Some(attempt) = self.attempt(key, AttemptToken(0)) else { continue };
            if let Ok(name) = render(source, &attempt.scope(attempt.task(), &fetched)) {
                let name: String = as_text(&name).chars().take(MAX_NAME).collect();
                self.map_names.push((key, name));
            }
        }
    }

    /// Takes an instance out whose element is no more, with what it pushed.
    fn remove(&mut self, key: TaskInstanceKey, now: Timestamp) {
        let Some(run) = self.runs.get_mut(&key.dag_run) else { return };
        run.ready.remove(key.task, key.map_index);
        run.held.retain(|held| *held != key);
        let task_id = run.version.loaded.dag.task(key.task).task_id.clone();
        self.note_ready(key.dag_run, key.task);
        self.lazy.remove(&key);
        if self.step(key, TaskInstanceEvent::Remove) {
            if let Some(ti) = self.task_instance_mut(key) {
                ti.ended_at = Some(now);
            }
            self.cleared_xcoms.push((key.dag_run, task_id, key.map_index));
            self.dirty.insert(key);
        }
        self.refresh_head(key.dag_run);
    }
}

/// What a mapping's tasks become when an input has ended without a value; none when it has one.
fn without_value(input: TaskInstanceKey, run: &Run) -> Option<TaskInstanceEvent> {
    // The instances of a mapped input that succeeded are a list, however many they are.
    match run.get(input)?.state {
        _ if input.map_index >= 0 => None,
        TaskInstanceState::Failed | TaskInstanceState::UpstreamFailed => Some(TaskInstanceEvent::FailUpstream),
        // An input that is mapped over nothing has the empty list.
        TaskInstanceState::Skipped if run.elements(input.task) == Some(0) => None,
        TaskInstanceState::Skipped | TaskInstanceState::Removed => Some(TaskInstanceEvent::Skip),
        TaskInstanceState::None
        | TaskInstanceState::Scheduled
        | TaskInstanceState::Queued
        | TaskInstanceState::Running
        | TaskInstanceState::Restarting
        | TaskInstanceState::UpForRetry
        | TaskInstanceState::UpForReschedule
        | TaskInstanceState::Deferred
        | TaskInstanceState::AwaitingInput
        | TaskInstanceState::Success => None,
    }
}

impl Run {
    /// How many elements the mappings around a task have together; none when that is not known, or it is not mapped.
    pub(super) fn elements(&self, task: TaskIndex) -> Option<u32> {
        let levels = self.version.mappings.levels(task);
        if levels.is_empty() {
            return None;
        }
        model::mapping::tail(levels.iter().map(|level| self.resolutions[*level].length()))
    }

    /// The lengths that are known.
    pub(super) fn lengths(&self) -> model::mapping::Lengths {
        let known = self.version.mappings.all.iter().zip(&self.resolutions);
        known.filter_map(|(mapping, known)| Some((mapping.id.clone(), known.length()?))).collect()
    }

    /// What an attempt needs to know of the mappings; none in a DAG without.
    pub(super) fn mapped(&self, key: TaskInstanceKey) -> Option<Arc<Mapped>> {
        if self.resolutions.is_empty() {
            return None;
        }
        let mut rest = u32::try_from(key.map_index).unwrap_or(0);
        let mut elements = Vec::new();
        for level in self.version.mappings.levels(key.task).iter().rev() {
            if let Resolution::Known(expansion) = &self.resolutions[*level] {
                let length = expansion.length().max(1);
                elements.push(expansion.element(rest % length));
                rest /= length;
            }
        }
        let values = elements.into_iter().rev().flatten().collect();
        Some(Arc::new(Mapped { values, lengths: self.lengths() }))
    }

    /// The one instance of a mapped task becomes its first, and the others are added.
    fn expand_placeholder(&mut self, task: TaskIndex, total: u32) {
        let Some(placeholder) = self.of_task(task).first().map(|ti| ti.key) else { return };
        let spec = Arc::clone(self.version.loaded.dag.task(task));
        let rows: Vec<_> = (0..total.cast_signed())
            .map(|map_index| unstarted(TaskInstanceKey { map_index, ..placeholder }, &spec))
            .collect();
        self.unfinished += total - 1;
        if !self.is_new {
            self.gone.push(placeholder);
            self.fresh.extend(rows.iter().map(|row| row.key));
        }
        self.instances[task.at()] = Instances::Many(rows);
    }

    /// Adds the instances that are missing; gives those beyond the end, unless they hold a slot or are removed.
    fn resize(&mut self, task: TaskIndex, total: u32) -> Vec<TaskInstanceKey> {
        let spec = Arc::clone(self.version.loaded.dag.task(task));
        let (dag_run, is_new) = (self.facts.key, self.is_new);
        let Instances::Many(rows) = &mut self.instances[task.at()] else { return Vec::new() };
        let known = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        for map_index in known..total {
            let key = TaskInstanceKey { dag_run, task, map_index: map_index.cast_signed() };
            rows.push(unstarted(key, &spec));
            self.unfinished += 1;
            if !is_new {
                self.fresh.insert(key);
            }
        }
        let beyond = rows.iter().skip(total as usize);
        beyond.filter(|ti| !ti.state.holds_slot() && ti.state != TaskInstanceState::Removed).map(|ti| ti.key).collect()
    }
}
