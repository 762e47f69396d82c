//! Assets: what a success updates, and the runs that updates make due.

use model::asset::OutletEvent;
use model::asset::records::{AssetRun, AssetUpdate, without};
use model::ids::TaskInstanceKey;

use super::{Decisions, Planner};

impl Planner {
    /// What an attempt said about its updates, until its end is known to be a success.
    pub(super) fn hear_of_outlets(&mut self, key: TaskInstanceKey, said: Vec<OutletEvent>) {
        self.said_of_outlets = if said.is_empty() { None } else { Some((key, said)) };
    }

    /// The updates of a task instance that has just succeeded, for the commit that writes its success.
    pub(super) fn update_outlets(&mut self, key: TaskInstanceKey) {
        let Some(run) = self.runs.get(&key.dag_run) else { return };
        let task = run.version.loaded.dag.task(key.task);
        if task.outlets.is_empty() {
            return;
        }
        let Some(at) = run.get(key).and_then(|ti| ti.ended_at) else { return };
        let mut said =
            self.said_of_outlets.take().filter(|(of, _)| *of == key).map(|(_, said)| said).unwrap_or_default();
        for uri in &task.outlets {
            let position = said.iter().position(|said| said.uri == *uri);
            let extra = position.map(|position| said.swap_remove(position).extra).unwrap_or_default();
            self.asset_updates.push(AssetUpdate {
                dag_run: key.dag_run,
                task_id: task.task_id.clone(),
                map_index: key.map_index,
                uri: uri.clone(),
                at,
                extra,
            });
        }
    }

    /// Wants the run that the queued events of a DAG make due, when the DAG may have one more unfinished run. What it
    /// takes is gone from memory at once; the DAG is read again when the run was created, or could not be.
    pub(super) fn create_asset_runs(&mut self, dag_id: &str, decisions: &mut Decisions) {
        let Some(dag) = self.dags.get_mut(dag_id) else { return };
        if dag.row.queued_events.is_empty() || dag.row.is_paused || dag.row.is_stale {
            return;
        }
        let Some(version) = dag.row.current_version.and_then(|key| self.versions.get(&key)) else { return };
        let Some(schedule) = version.loaded.dag.schedule.assets() else { return };
        let limit = version.loaded.dag.max_active_runs.unwrap_or(self.limits.max_active_runs_per_dag);
        let unfinished = dag.running + u32::try_from(dag.queued.len()).unwrap_or(u32::MAX);
        if unfinished.saturating_add(decisions.runs_wanted(dag_id)) >= limit {
            return;
        }
        let Some(due) = schedule.due(&dag.row.queued_events) else { return };
        dag.row.queued_events = without(&dag.row.queued_events, &due.events);
        decisions.asset_runs.push(AssetRun::new(dag_id, version.loaded.key, due));
    }
}

impl Decisions {
    /// How many runs of a DAG are to be created.
    pub(super) fn runs_wanted(&self, dag_id: &str) -> u32 {
        let timed = self.new_runs.iter().map(|new| &new.run.dag_id);
        let wanted = timed.chain(self.asset_runs.iter().map(|new| &new.run.dag_id)).filter(|wanted| *wanted == dag_id);
        u32::try_from(wanted.count()).unwrap_or(u32::MAX)
    }
}
