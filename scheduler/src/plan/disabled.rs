//! Tasks that a person disabled: skipped when their turn comes.

use model::ids::TaskInstanceKey;

use super::Planner;

impl Planner {
    /// Why a task instance is skipped instead of being run, in words; none: it runs.
    pub(super) fn why_disabled(&self, key: TaskInstanceKey) -> Option<String> {
        let run = self.runs.get(&key.dag_run)?;
        let disabled = &self.dags.get(&run.facts.dag_id)?.row.disabled_tasks;
        if disabled.is_empty() {
            return None;
        }
        let task_id = &run.version.loaded.dag.task(key.task).task_id;
        let found = disabled
            .iter()
            .find(|one| one.task_id == *task_id && one.dag_run.is_none_or(|dag_run| dag_run == key.dag_run))?;
        let scope = if found.dag_run.is_some() { "in this run" } else { "until further notice" };
        Some(format!("disabled {scope} by {}", found.disabled_by))
    }
}
