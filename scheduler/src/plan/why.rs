//! Why a task instance or a run does not start, from what the planner itself goes by.

use jiff::Timestamp;
use model::ids::{DagRunKey, TaskInstanceKey};
use model::why::{PoolFacts, RunFacts, RunWaiting, TaskFacts, Waiting, why_run, why_task_instance, why_wait};

use super::Planner;
use super::backfill::is_of_backfill;
use super::run::Run;

impl Planner {
    fn facts<'a>(&self, run: &'a Run, pools: &'a [PoolFacts]) -> RunFacts<'a> {
        let dag = self.dags.get(&run.facts.dag_id);
        RunFacts {
            dag: &run.version.loaded.dag,
            state: run.state,
            is_paused: self.is_paused(&run.facts.dag_id),
            run_after: run.facts.run_after,
            // Runs of a backfill are made as they may start.
            running_runs: dag.filter(|_| !is_of_backfill(run)).map_or(0, |dag| dag.running),
            active_tasks: run.active,
            slots_taken: self.slots_taken,
            max_active_runs: self.max_active_runs(run),
            max_active_tasks: self.max_active_tasks(run),
            limits: self.limits,
            pools,
        }
    }

    /// What a run in memory that is queued waits for; none when it is running.
    pub fn why_run(&self, key: DagRunKey, now: Timestamp) -> Option<RunWaiting> {
        why_run(&self.facts(self.runs.get(&key)?, &[]), now)
    }

    /// What an unfinished task instance that is not running waits for.
    pub fn why(&self, key: TaskInstanceKey, now: Timestamp) -> Option<Waiting> {
        let run = self.runs.get(&key.dag_run)?;
        let ti = self.task_instance(key)?;
        if let Some(wait) = self.waits.of(key).filter(|_| ti.state.is_waiting()) {
            return Some(why_wait(wait, now));
        }
        let (active_in_run, active_in_dag) = self.active_of_task(run, key.task);
        let facts = TaskFacts {
            task: key.task,
            map_index: key.map_index,
            state: ti.state,
            retry_at: ti.retry_at,
            weight: run.version.weights[key.task.at()],
            active_in_run,
            active_in_dag,
            past: self.past_block(run, key.task),
        };
        let pools = self.pool_facts(&run.version, key.task, now);
        why_task_instance(&self.facts(run, &pools), &facts, |index| run.instances[index.at()].state(), now)
    }
}
