//! Why a task instance or a run does not start, from what the planner itself goes by.

use model::ids::{DagRunKey, TaskInstanceKey};
use model::state::{DagRunState, TaskInstanceState};
use model::why::{RunWaiting, UpstreamTask, Waiting};

use super::Planner;

impl Planner {
    /// What a run in memory that is queued waits for; none when it is running.
    pub fn why_run(&self, key: DagRunKey, now: jiff::Timestamp) -> Option<RunWaiting> {
        let run = self.runs.get(&key)?;
        if run.state != DagRunState::Queued {
            return None;
        }
        let dag = self.dags.get(&run.facts.dag_id);
        let limit = run.version.loaded.dag.max_active_runs.unwrap_or(self.limits.max_active_runs_per_dag);
        Some(if dag.is_some_and(|dag| dag.row.is_paused) {
            RunWaiting::Paused
        } else if run.facts.run_after > now {
            RunWaiting::RunAfter { at: run.facts.run_after }
        } else if dag.is_some_and(|dag| dag.running >= limit) {
            RunWaiting::MaxActiveRuns { limit }
        } else {
            RunWaiting::Scheduler
        })
    }

    /// What an unfinished task instance that is not running waits for.
    pub fn why(&self, key: TaskInstanceKey, now: jiff::Timestamp) -> Option<Waiting> {
        let run = self.runs.get(&key.dag_run)?;
        let ti = self.task_instance(key)?;
        if let Some(reason) = self.why_run(key.dag_run, now) {
            return (!ti.state.is_finished()).then_some(Waiting::DagRun { reason });
        }
        let dag = &run.version.loaded.dag;
        match ti.state {
            TaskInstanceState::None => {
                let task = dag.task(key.task);
                let unfinished = task.upstream.iter().filter_map(|index| {
                    let state = run.task_instances[index.at()].state;
                    let task_id = dag.task(*index).task_id.clone();
                    (!state.is_finished()).then_some(UpstreamTask { task_id, state })
                });
                Some(Waiting::Upstream { rule: task.trigger_rule, tasks: unfinished.collect() })
            }
            TaskInstanceState::Scheduled => {
                let limit = self.max_active_tasks(&run.version);
                Some(if self.is_paused(&run.facts.dag_id) {
                    Waiting::Paused
                } else if run.active >= limit {
                    Waiting::MaxActiveTasks { limit }
                } else if self.slots_taken >= self.limits.parallelism {
                    Waiting::Parallelism { limit: self.limits.parallelism }
                } else {
                    Waiting::Scheduler
                })
            }
            TaskInstanceState::UpForRetry => ti.retry_at.map(|at| Waiting::RetryAt { at }),
            TaskInstanceState::Queued => Some(Waiting::Executor),
            TaskInstanceState::Restarting => Some(Waiting::Restarting),
            TaskInstanceState::Running
            | TaskInstanceState::Success
            | TaskInstanceState::Failed
            | TaskInstanceState::Skipped
            | TaskInstanceState::UpstreamFailed
            | TaskInstanceState::UpForReschedule
            | TaskInstanceState::Deferred
            | TaskInstanceState::AwaitingInput
            | TaskInstanceState::Removed => None,
        }
    }
}
