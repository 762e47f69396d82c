//! Backfills: their runs are made as their own limit has room, and do not count against the DAG's `max_active_runs`.

use jiff::Timestamp;
use model::backfill::BackfillStep;
use model::state::DagRunType;

use super::run::Run;
use super::{DagEntry, Decisions, Planner};

/// Whether a run is one of a backfill.
pub(super) fn is_of_backfill(run: &Run) -> bool {
    run.facts.run_type == DagRunType::Backfill
}

impl DagEntry {
    /// The count of running runs that a run belongs to.
    pub(super) fn running_like(&mut self, run: &Run) -> &mut u32 {
        if is_of_backfill(run) { &mut self.backfill_running } else { &mut self.running }
    }

    /// Runs of backfills at once: what the active one says. Without one, runs of earlier ones that were cleared are as
    /// many as other runs may be.
    fn max_backfill_runs(&self, otherwise: u32) -> u32 {
        self.row.backfill.as_ref().map_or(otherwise, |backfill| backfill.max_active_runs)
    }
}

impl Planner {
    /// Starts runs of backfills that are queued.
    pub(super) fn start_backfill_runs(&mut self, dag_id: &str, now: Timestamp) {
        loop {
            let Some(dag) = self.dags.get(dag_id) else { return };
            let Some(key) = dag.backfill_queued.first().copied() else { return };
            let limit = self.runs.get(&key).map(|run| self.max_active_runs(run));
            let Some(dag) = self.dags.get_mut(dag_id) else { return };
            let Some(limit) = limit else {
                dag.backfill_queued.pop_first();
                continue;
            };
            if dag.row.is_paused || dag.backfill_running >= dag.max_backfill_runs(limit) {
                return;
            }
            dag.backfill_queued.pop_first();
            dag.backfill_running += 1;
            self.start_run(key, now);
        }
    }

    /// Wants the next runs of the DAG's active backfill, as far as it may have them, or its end. What was wanted is
    /// wanted again only when the DAG's row has been read again.
    pub(super) fn go_on_with_backfill(&mut self, dag_id: &str, decisions: &mut Decisions) {
        let Some(dag) = self.dags.get_mut(dag_id) else { return };
        let unfinished = usize::try_from(dag.backfill_running).unwrap_or(usize::MAX) + dag.backfill_queued.len();
        let (is_held, is_awaited) = (dag.row.is_paused || dag.row.is_stale, dag.awaits_backfill);
        let Some(backfill) = dag.row.backfill.as_ref().filter(|_| !is_awaited) else { return };
        if backfill.pending.is_empty() {
            if unfinished == 0 {
                dag.awaits_backfill = true;
                decisions.backfills.push((dag_id.to_owned(), BackfillStep::Complete { backfill: backfill.id }));
            }
            return;
        }
        let room = usize::try_from(backfill.max_active_runs).unwrap_or(usize::MAX).saturating_sub(unfinished);
        if is_held || backfill.is_paused || room == 0 {
            return;
        }
        let ordinals = backfill.pending.iter().take(room).map(|run| run.ordinal).collect();
        let step = BackfillStep::Create { backfill: backfill.id, ordinals };
        dag.awaits_backfill = true;
        decisions.backfills.push((dag_id.to_owned(), step));
    }
}
