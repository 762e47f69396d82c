//! What becomes of the task instances, in a line each, and a summary.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use model::callback::CallbackEvent;
use model::dag::Dag;
use model::ids::{DagRunKey, TaskInstanceKey};
use model::journal::TaskInstanceRow;
use model::state::{DagRunState, TaskInstanceState};
use scheduler::memory::{MemoryJournal, World};

use crate::output::color;

/// Tells on stderr what changed.
#[derive(Debug)]
pub(super) struct Narrator {
    run: DagRunKey,
    told: HashMap<TaskInstanceKey, (TaskInstanceState, u32)>,
}

impl Narrator {
    pub(super) fn new(run: DagRunKey) -> Self {
        Self { run, told: HashMap::new() }
    }

    /// Tells what changed since the last time; the run's state once it has ended.
    pub(super) fn tell(&mut self, journal: &MemoryJournal) -> Option<DagRunState> {
        let world = journal.world();
        let run = world.runs.get(&self.run)?;
        let dag = &world.versions.get(&run.dag_version)?.dag;
        for row in &run.task_instances {
            let now = (row.state, row.try_number);
            if self.told.insert(row.key, now) != Some(now) {
                say(&world, dag, row);
            }
        }
        run.state.is_finished().then_some(run.state)
    }

    /// The messages that a server would deliver: a test sends none but those of its `notify` tasks.
    pub(super) fn callbacks(&self, journal: &MemoryJournal) {
        let world = journal.world();
        let version = world.runs.get(&self.run).and_then(|run| world.versions.get(&run.dag_version));
        let Some(version) = version else { return };
        for row in &world.callbacks {
            let what = match row.happened.event {
                CallbackEvent::Deadline => "deadline".to_owned(),
                event => format!("on_{}", event.as_str()),
            };
            let task = row.subject.task.map(|task| named(&version.dag.task(task).task_id, row.subject.map_index));
            let of = task.unwrap_or_else(|| "the run".to_owned());
            anstream::eprintln!("{what} of {of}: a message over {} would be delivered", row.channel.as_str());
        }
    }

    /// How each task instance ended, and the run.
    pub(super) fn summary(&self, journal: &MemoryJournal) {
        let world = journal.world();
        let Some(run) = world.runs.get(&self.run) else { return };
        let Some(version) = world.versions.get(&run.dag_version) else { return };
        anstream::eprintln!();
        for row in &run.task_instances {
            let task = version.dag.task(row.key.task);
            let tries = if row.try_number > 1 { format!(", {} tries", row.try_number) } else { String::new() };
            let took = length(row.started_at, row.ended_at).map(|took| format!(", {took}")).unwrap_or_default();
            let id = named(&task.task_id, row.key.map_index);
            anstream::eprintln!("  {id:<32} {}{took}{tries}", colored(row.state.as_str()));
        }
        let reason = world.reasons.get(&self.run).map(|reason| format!(": {reason}")).unwrap_or_default();
        anstream::eprintln!("{} {} {}{reason}", run.facts.dag_id, run.facts.run_id, colored(run.state.as_str()));
    }
}

/// A task, or an element of a mapped one.
pub(super) fn named(task_id: &str, map_index: i32) -> String {
    if map_index < 0 { task_id.to_owned() } else { format!("{task_id}[{map_index}]") }
}

fn say(world: &World, dag: &Dag, row: &TaskInstanceRow) {
    let task = dag.task(row.key.task);
    let reason_of = |try_number: u32| {
        let ended = world.attempts.iter().rfind(|attempt| attempt.key == row.key && attempt.try_number == try_number);
        ended.map(|ended| format!(": {}", ended.reason)).unwrap_or_default()
    };
    let id = named(&task.task_id, row.key.map_index);
    match row.state {
        // Without a delay it is queued again in the pass in which it failed.
        TaskInstanceState::Queued if row.try_number > 1 => {
            let (failed, reason) = (colored("failed"), reason_of(row.try_number - 1));
            anstream::eprintln!(
                "{id}: {failed}{reason}; is tried again at once, try {} of {}",
                row.try_number,
                row.max_tries
            );
        }
        TaskInstanceState::Queued => anstream::eprintln!("{id}: starts"),
        state if state.is_finished() => {
            anstream::eprintln!("{id}: {}{}", colored(state.as_str()), reason_of(row.try_number));
        }
        // Nothing a person would want a line for.
        _ => {}
    }
}

fn colored(state: &str) -> String {
    let style = anstyle::Style::new().fg_color(color(state).map(Into::into));
    format!("{style}{state}{style:#}")
}

fn length(start: Option<Timestamp>, end: Option<Timestamp>) -> Option<String> {
    let took: SignedDuration = end?.duration_since(start?);
    Some(format!("{:.2} s", took.as_secs_f64()))
}
