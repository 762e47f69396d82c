//! Whether a failed attempt is made again, and when.

use jiff::Timestamp;
use model::ids::TaskInstanceKey;
use model::retry::{Failed, delay};
use model::transition::TaskInstanceEvent;

use super::{Planner, Timer};

impl Planner {
    pub(super) fn fail_or_retry(&mut self, key: TaskInstanceKey, may_retry: bool, at: Timestamp) {
        let Some(run) = self.runs.get(&key.dag_run) else { return };
        let Some(ti) = run.get(key) else { return };
        if !may_retry || ti.try_number >= ti.max_tries {
            self.end(key, TaskInstanceEvent::Fail, at);
            return;
        }
        let task = run.version.loaded.dag.task(key.task);
        // Each lost attempt raised `max_tries` by one, a clear by all that were made before it.
        let failures = (ti.try_number + task.retries + 1).saturating_sub(ti.max_tries);
        let failed = Failed {
            dag_id: &run.facts.dag_id,
            logical_date: run.facts.logical_date,
            try_number: ti.try_number,
            failures,
        };
        let retry_at = at.checked_add(delay(task, &failed)).unwrap_or(Timestamp::MAX);
        if self.step(key, TaskInstanceEvent::AwaitRetry) {
            if let Some(ti) = self.task_instance_mut(key) {
                ti.retry_at = Some(retry_at);
            }
            self.timers.insert((retry_at, Timer::Retry(key)));
        }
    }
}
