//! Single moments that the random walk hits too rarely or that only show in what is written.

use super::*;

/// A world with one DAG of one `bash` task, one run of it, and its leader.
struct Stage {
    memory: MemoryJournal,
    journal: Faulty,
    hands: Hands,
    clock: VirtualClock,
    leader: Leader<Faulty, Hands, VirtualClock>,
}

impl Stage {
    async fn new(change: impl FnOnce(&mut Dag)) -> Self {
        let mut dag = random_dag(&mut Seeded(1));
        let mut task = Task::clone(&dag.tasks[0]);
        task.operator = Operator::Bash(Bash::new("true"));
        task.retries = 1;
        task.retry_delay = Duration::from_secs(0);
        dag.tasks = vec![Arc::new(task)];
        change(&mut dag);
        let memory = MemoryJournal::default();
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let key = DagVersionKey(1);
        memory.world().add_dag(DagVersion {
            key,
            dag: Arc::new(dag),
            fileloc: Arc::new(PathBuf::from("/dags/a.yaml")),
        });
        let run = NewDagRun {
            dag_id: "simulated".to_owned(),
            run_id: "manual__1".to_owned(),
            run_type: DagRunType::Manual,
            logical_date: None,
            data_interval: None,
            run_after: start,
            conf: serde_json::Map::new(),
            triggered_by: TriggeredBy::Test,
            triggering_user: None,
            note: None,
        };
        memory.world().add_run(&run, serde_json::Map::new());
        let clock = VirtualClock::new(start);
        let hands = Hands::default();
        let journal = Faulty::new(&memory, &Arc::new(Mutex::new(Seeded(1))), 0);
        let limits =
            Limits { parallelism: 3, max_active_runs_per_dag: 16, max_active_tasks_per_dag: 16, ..Limits::default() };
        let leader = lead(&journal, &hands, &clock, limits).await;
        Self { memory, journal, hands, clock, leader }
    }

    /// Passes until nothing follows, errors of writing included.
    async fn settle(&mut self, flush: bool) {
        while self.leader.pass(flush).await.is_ok_and(|pass| pass.more) {}
    }

    fn handed_out(&self) -> Option<Attempt> {
        self.hands.attempts.lock().unwrap().pop()
    }

    fn report(&mut self, attempt: &Attempt, event: AttemptEvent) {
        self.leader.receive(Report { token: attempt.token, key: attempt.key, event });
    }

    fn ends(&mut self, attempt: &Attempt, outcome: Outcome) {
        let now = self.clock.now();
        let xcoms = vec![XComValue { key: "said".to_owned(), value: attempt.try_number.into() }];
        self.report(
            attempt,
            AttemptEvent::Finished(Finished {
                started_at: now,
                ended_at: now,
                outcome,
                xcoms,
                outlet_events: Vec::new(),
            }),
        );
    }

    /// A person's change of the only run.
    fn change_run(&mut self, change: impl FnOnce(&mut DagRunRow)) {
        let mut world = self.memory.world();
        let (key, run) = world.runs.iter_mut().next().unwrap();
        run.version += 1;
        change(run);
        let key = *key;
        world.changed(None, Some(key));
        drop(world);
        self.leader.look_at_inbox();
    }

    fn state(&self) -> TaskInstanceState {
        self.memory.world().runs.values().next().unwrap().task_instances[0].state
    }
}

fn failed() -> Outcome {
    Outcome::Failed { reason: "exit code 1".to_owned(), exit_code: Some(1), may_retry: true }
}

#[tokio::test]
async fn a_start_that_was_not_written_yet_survives_that_somebody_changes_the_run() {
    let mut stage = Stage::new(|_| {}).await;
    stage.settle(false).await;
    let attempt = stage.handed_out().unwrap();
    let at = stage.clock.now();
    stage.report(&attempt, AttemptEvent::Started { at, pid: Some(7) });
    stage.settle(false).await;
    assert_eq!(stage.state(), TaskInstanceState::Queued);
    stage.change_run(|_| {});
    stage.settle(false).await;
    stage.settle(true).await;
    assert_eq!(stage.state(), TaskInstanceState::Running);
    assert_eq!(stage.memory.world().runs.values().next().unwrap().task_instances[0].pid, Some(7));
}

#[tokio::test]
async fn an_attempt_cleared_before_anybody_had_it_starts_over() {
    let mut stage = Stage::new(|_| {}).await;
    stage.journal.fail_after_next.store(true, Ordering::Relaxed);
    while stage.leader.pass(false).await.is_ok() {}
    assert_eq!(
        (stage.state(), stage.handed_out().map(|attempt| attempt.try_number)),
        (TaskInstanceState::Queued, None)
    );
    stage.change_run(|run| run.task_instances[0].state = TaskInstanceState::Restarting);
    stage.settle(false).await;
    assert_eq!(stage.handed_out().map(|attempt| attempt.try_number), Some(2));
}

#[tokio::test]
async fn an_attempt_whose_commit_was_written_without_an_answer_is_handed_out_once_under_its_token() {
    let mut stage = Stage::new(|_| {}).await;
    stage.journal.fail_after_next.store(true, Ordering::Relaxed);
    while stage.leader.pass(false).await.is_ok() {}
    stage.settle(false).await;
    let attempt = stage.handed_out().unwrap();
    let written = stage.memory.world().runs.values().next().unwrap().task_instances[0].attempt_token;
    assert_eq!((Some(attempt.token), attempt.try_number), (written, 1));
    assert!(stage.handed_out().is_none());
    assert!(stage.memory.world().attempts.is_empty());
}

#[tokio::test]
async fn what_a_failed_attempt_pushed_is_gone_when_its_retry_starts_in_the_same_pass() {
    let mut stage = Stage::new(|_| {}).await;
    stage.settle(false).await;
    let first = stage.handed_out().unwrap();
    stage.ends(&first, failed());
    stage.settle(false).await;
    assert_eq!(stage.handed_out().map(|attempt| attempt.try_number), Some(2));
    assert_eq!(stage.memory.world().xcoms.len(), 0);
}

#[tokio::test]
async fn an_attempt_that_a_run_timeout_stops_is_in_the_history() {
    let mut stage = Stage::new(|dag| dag.dagrun_timeout = Some(Duration::from_secs(60))).await;
    stage.settle(false).await;
    let attempt = stage.handed_out().unwrap();
    stage.clock.set("2026-01-01T00:02:00Z".parse().unwrap());
    stage.settle(false).await;
    assert_eq!(*stage.hands.cancelled.lock().unwrap(), [attempt.token]);
    let ended: Vec<_> = stage.memory.world().attempts.iter().map(|ended| (ended.state, ended.reason.clone())).collect();
    assert_eq!(ended, [("cancelled", "the run timed out after 1m (dagrun_timeout)".to_owned())]);
    // What it still reports changes nothing.
    stage.ends(&attempt, Outcome::Success);
    stage.settle(false).await;
    assert_eq!(stage.state(), TaskInstanceState::Skipped);
    assert_eq!(stage.memory.world().xcoms.len(), 0);
}

#[tokio::test]
async fn timers_survive_a_crash_and_a_clock_that_goes_backwards_starts_nothing_twice() {
    let mut stage = Stage::new(|dag| {
        let mut task = Task::clone(&dag.tasks[0]);
        task.retry_delay = Duration::from_secs(60);
        dag.tasks = vec![Arc::new(task)];
        dag.dagrun_timeout = Some(Duration::from_secs(300));
    })
    .await;
    stage.settle(false).await;
    let first = stage.handed_out().unwrap();
    stage.ends(&first, failed());
    stage.settle(false).await;
    let limits =
        Limits { parallelism: 3, max_active_runs_per_dag: 16, max_active_tasks_per_dag: 16, ..Limits::default() };
    stage.leader = lead(&stage.journal, &stage.hands, &stage.clock, limits).await;
    let at = |stage: &Stage, time: &str| stage.clock.set(time.parse().unwrap());
    at(&stage, "2025-12-31T00:00:00Z");
    stage.settle(true).await;
    assert!(stage.handed_out().is_none());
    at(&stage, "2026-01-01T00:01:00Z");
    stage.settle(true).await;
    assert_eq!(stage.handed_out().map(|attempt| attempt.try_number), Some(2));
    at(&stage, "2025-12-31T00:00:00Z");
    stage.settle(true).await;
    assert!(stage.handed_out().is_none());
    at(&stage, "2026-01-01T00:06:00Z");
    stage.settle(true).await;
    assert_eq!(stage.state(), TaskInstanceState::Skipped);
}

#[tokio::test]
async fn a_deposed_leader_writes_nothing_and_learns_of_it() {
    let mut stage = Stage::new(|_| {}).await;
    stage.settle(false).await;
    let attempt = stage.handed_out().unwrap();
    stage.memory.take_over().await.unwrap();
    stage.ends(&attempt, Outcome::Success);
    assert!(matches!(stage.leader.pass(false).await, Err(LeaderError::Deposed)));
    assert!(matches!(stage.leader.renew().await, Err(LeaderError::Deposed)));
    assert_eq!(stage.state(), TaskInstanceState::Queued);
}
