//! `max_consecutive_failed_dag_runs`: a DAG whose last runs all failed is paused, in the commit that ends the last one.

use model::ids::DagRunKey;
use model::journal::DagPause;
use model::state::DagRunState;

use super::Planner;

impl Planner {
    /// How many of the last ended runs have to be known of each of these DAGs; fold them with
    /// [`Planner::fold_recent_ends`].
    pub fn failure_limits(&self, dag_ids: &[String]) -> Vec<(String, u32)> {
        dag_ids.iter().filter_map(|dag_id| Some((dag_id.clone(), self.failure_limit(dag_id)?))).collect()
    }

    fn failure_limit(&self, dag_id: &str) -> Option<u32> {
        let version = self.dags.get(dag_id)?.row.current_version?;
        self.versions.get(&version)?.loaded.dag.max_consecutive_failed_dag_runs
    }

    /// The last ended runs of a DAG, each with whether it failed.
    pub fn fold_recent_ends(&mut self, dag_id: &str, ends: impl IntoIterator<Item = (DagRunKey, bool)>) {
        if let Some(dag) = self.dags.get_mut(dag_id) {
            dag.ends = ends.into_iter().collect();
        }
    }

    /// A run ended. Pauses its DAG when that makes one failure too many in a row, in the order in which the runs were made.
    pub(super) fn note_end(&mut self, key: DagRunKey) {
        let Some(run) = self.runs.get(&key) else { return };
        let (dag_id, has_failed) = (run.facts.dag_id.clone(), run.state == DagRunState::Failed);
        let Some(limit) = self.failure_limit(&dag_id) else { return };
        let Some(dag) = self.dags.get_mut(&dag_id) else { return };
        dag.ends.insert(key, has_failed);
        while dag.ends.len() > limit as usize {
            dag.ends.pop_first();
        }
        let is_enough = dag.ends.len() == limit as usize && dag.ends.values().all(|failed| *failed);
        if !is_enough || !has_failed || dag.row.is_paused {
            return;
        }
        dag.row.is_paused = true;
        let count = if limit == 1 { "a run failed".to_owned() } else { format!("{limit} runs in a row failed") };
        let Some(run) = self.runs.get_mut(&key) else { return };
        let reason = format!("{count} (max_consecutive_failed_dag_runs), the last one `{}`", run.facts.run_id);
        let before = run.reason.take().map(|reason| format!("{reason}; ")).unwrap_or_default();
        run.reason = Some(format!("{before}the DAG was paused: {count} (max_consecutive_failed_dag_runs)"));
        self.pauses.push(DagPause { dag_id: dag_id.clone(), reason });
        let others: Vec<DagRunKey> =
            self.runs.iter().filter(|(_, run)| run.facts.dag_id == dag_id).map(|(key, _)| *key).collect();
        for other in others {
            self.refresh_head(other);
        }
    }
}
