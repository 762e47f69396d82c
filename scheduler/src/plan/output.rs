//! What changed in memory, as one batch of rows.

use model::attempt::Attempt;
use model::ids::DagRunKey;
use model::journal::{DagRunChange, DagRunWrite, NextRun};

use super::{BATCH_ROWS, Decisions, Planner};

impl Planner {
    pub(super) fn write_batch(&mut self, flush: bool, decisions: &mut Decisions) {
        if flush {
            let room = BATCH_ROWS.saturating_sub(self.dirty.len());
            for key in self.lazy.iter().take(room).copied().collect::<Vec<_>>() {
                self.lazy.remove(&key);
                self.dirty.insert(key);
            }
        }
        let batch = &mut decisions.batch;
        let mut touched = std::mem::take(&mut self.dirty_runs);
        let dirty = std::mem::take(&mut self.dirty);
        touched.extend(dirty.iter().map(|key| key.dag_run));
        touched.extend(self.ended.iter().map(|ended| ended.key.dag_run));
        for key in &touched {
            let Some(run) = self.runs.get_mut(key) else { continue };
            if std::mem::take(&mut run.is_new) {
                batch.inserted.extend(run.task_instances().cloned());
            } else {
                let first =
                    model::ids::TaskInstanceKey { dag_run: *key, task: model::ids::TaskIndex(0), map_index: i32::MIN };
                let of_run = dirty.range(first..).take_while(|ti| ti.dag_run == *key);
                for key in of_run {
                    let Some(row) = run.get(*key).cloned() else { continue };
                    let rows = if run.fresh.remove(&row.key) { &mut batch.inserted } else { &mut batch.updated };
                    rows.push(row);
                }
                batch.removed.append(&mut run.gone);
            }
            let change = std::mem::take(&mut run.is_changed).then(|| DagRunChange {
                state: run.state,
                started_at: run.facts.started_at,
                ended_at: run.ended_at,
                reason: run.reason.clone(),
            });
            batch.runs.push(DagRunWrite { key: *key, version: run.row_version, change });
        }
        for row in batch.inserted.iter().chain(&batch.updated) {
            self.lazy.remove(&row.key);
        }
        batch.map_names = std::mem::take(&mut self.map_names);
        batch.attempts = std::mem::take(&mut self.ended);
        batch.xcoms = std::mem::take(&mut self.xcoms);
        batch.cleared_xcoms = std::mem::take(&mut self.cleared_xcoms);
        batch.reports = std::mem::take(&mut self.reports);
        batch.asset_updates = std::mem::take(&mut self.asset_updates);
        batch.paused = std::mem::take(&mut self.pauses);
        batch.callbacks = std::mem::take(&mut self.told.callbacks);
        batch.missed = std::mem::take(&mut self.told.missed);
        self.write_waits(decisions);
        for key in std::mem::take(&mut self.finished_runs) {
            decisions.ended_dags.extend(self.runs.get(&key).map(|run| run.facts.dag_id.clone()));
            self.hand_down(key);
            self.remove_run(key);
        }
        self.report_next_runs(decisions);
    }

    fn report_next_runs(&mut self, decisions: &mut Decisions) {
        for dag_id in std::mem::take(&mut self.next_runs) {
            let Some(dag) = self.dags.get(&dag_id) else { continue };
            let mut next = dag.next;
            for _ in 0..dag.row.skip_next {
                next = next
                    .zip(dag.timetable.as_ref())
                    .and_then(|(skipped, timetable)| timetable.next(Some(skipped.data_interval), skipped.run_after));
            }
            let due = next.map(|next| (next.data_interval, next.run_after));
            decisions.next_runs.push(NextRun { dag_id, due });
        }
    }

    /// Attempts that were decided, but whose commit's outcome was unknown when they should have been handed out.
    pub(super) fn take_redispatched(&mut self) -> Vec<Attempt> {
        std::mem::take(&mut self.redispatched)
            .into_iter()
            .filter_map(|key| {
                let token = self.wanted_token(key)?;
                self.attempt(key, token)
            })
            .collect()
    }

    pub(super) fn redispatch(&mut self, key: model::ids::TaskInstanceKey) {
        self.redispatched.push(key);
    }

    /// Forgets every run of a batch that was not written, so that it is read again. Returns them.
    pub fn abandon(&mut self, batch: &model::journal::Batch) -> Vec<DagRunKey> {
        for row in batch.inserted.iter().chain(&batch.updated) {
            self.forget_start(row);
        }
        let keys: Vec<DagRunKey> = batch.runs.iter().map(|run| run.key).collect();
        for key in &keys {
            self.forget_run(*key);
        }
        keys
    }
}
