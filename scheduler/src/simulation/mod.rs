//! The whole loop under a seed: random DAGs and outcomes, commits that fail before and *after* they were written,
//! crashes, people who interfere. However it goes, every run must end as it ends without faults.

mod assets;
mod cases;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use model::asset::records::AssetRun;
use model::attempt::{Attempt, AttemptEvent, Finished, Outcome, Report};
use model::backfill::BackfillStep;
use model::dag::{Dag, Task, TaskGroup};
use model::dag_run::NewDagRun;
use model::duration::Duration;
use model::ids::{DagRunKey, DagVersionKey, Epoch, TaskIndex};
use model::journal::{
    Batch, Change, CommitError, DagRow, DagRunRow, DagVersion, InboxReport, NextRun, ScheduledRun, SkippedRun,
};
use model::limits::Limits;
use model::mapping::Expand;
use model::operator::{Bash, Operator};
use model::past::{PastQuery, PastRun};
use model::pool::Pool;
use model::state::{DagRunState, DagRunType, TaskInstanceState, TriggeredBy};
use model::template::{Fetched, Need};
use model::trigger_rule::TriggerRule;
use model::wait::{Event, Sensor};
use model::xcom::XComValue;

use crate::leader::{Leader, LeaderError};
use crate::memory::MemoryJournal;
use crate::ports::{Clock, Journal, ReadError, RecentEnds};
use crate::simulator::{Hands, VirtualClock};

/// A small deterministic generator (splitmix64), so that a seed means the same on every machine and version.
#[derive(Debug, Clone)]
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, odds: u64) -> bool {
        odds > 0 && self.below(odds) == 0
    }
}

/// A journal whose commits fail now and then: before they are written, or after.
#[derive(Clone)]
struct Faulty {
    inner: MemoryJournal,
    random: Arc<Mutex<Seeded>>,
    odds: u64,
    /// Batches whose connection broke while they waited for a lock in the database: they are written later.
    late: Arc<Mutex<Vec<(Epoch, Batch)>>>,
    /// The next commit is written, and fails.
    fail_after_next: Arc<AtomicBool>,
}

impl Faulty {
    fn new(inner: &MemoryJournal, random: &Arc<Mutex<Seeded>>, odds: u64) -> Self {
        Self {
            inner: inner.clone(),
            random: Arc::clone(random),
            odds,
            late: Arc::default(),
            fail_after_next: Arc::default(),
        }
    }

    /// Now and then a batch that nobody waits for any more is written after all.
    async fn arrive_late(&self) {
        if self.odds == 0 || !self.random.lock().unwrap().one_in(3) {
            return;
        }
        let next = self.late.lock().unwrap().pop();
        if let Some((epoch, batch)) = next {
            let _ = self.inner.commit(epoch, &batch).await;
        }
    }

    fn fails(&self) -> bool {
        self.random.lock().unwrap().one_in(self.odds)
    }
}

impl Journal for Faulty {
    async fn take_over(&self) -> Result<Option<Epoch>, ReadError> {
        self.inner.take_over().await
    }
    async fn renew(&self, epoch: Epoch) -> Result<bool, ReadError> {
        self.inner.renew(epoch).await
    }
    async fn advance(&self, epoch: Epoch) -> Result<Option<Epoch>, ReadError> {
        if self.fails() {
            return Err(ReadError("before".to_owned()));
        }
        let advanced = self.inner.advance(epoch).await;
        if self.fails() { Err(ReadError("after".to_owned())) } else { advanced }
    }
    async fn resign(&self, epoch: Epoch) -> Result<(), ReadError> {
        self.inner.resign(epoch).await
    }
    async fn dags(&self, only: Option<&[String]>) -> Result<Vec<DagRow>, ReadError> {
        if self.fails() { Err(ReadError("read".to_owned())) } else { self.inner.dags(only).await }
    }
    async fn pools(&self) -> Result<Vec<Pool>, ReadError> {
        if self.fails() { Err(ReadError("read".to_owned())) } else { self.inner.pools().await }
    }
    async fn dag_versions(&self, keys: &[DagVersionKey]) -> Result<Vec<DagVersion>, ReadError> {
        self.inner.dag_versions(keys).await
    }
    async fn dag_runs(&self, only: Option<&[DagRunKey]>) -> Result<Vec<DagRunRow>, ReadError> {
        if self.fails() { Err(ReadError("read".to_owned())) } else { self.inner.dag_runs(only).await }
    }
    async fn inbox(&self) -> Result<(Vec<Change>, Vec<InboxReport>), ReadError> {
        self.arrive_late().await;
        self.inner.inbox().await
    }
    async fn forget_changes(&self, epoch: Epoch, ids: &[i64]) -> Result<(), ReadError> {
        if self.fails() { Err(ReadError("delete".to_owned())) } else { self.inner.forget_changes(epoch, ids).await }
    }
    async fn commit(&self, epoch: Epoch, batch: &Batch) -> Result<(), CommitError> {
        self.arrive_late().await;
        if self.fails() {
            if self.random.lock().unwrap().one_in(2) {
                self.late.lock().unwrap().push((epoch, batch.clone()));
            }
            return Err(CommitError::Unknown("before".to_owned()));
        }
        self.inner.commit(epoch, batch).await?;
        if self.fail_after_next.swap(false, Ordering::Relaxed) || self.fails() {
            Err(CommitError::Unknown("after".to_owned()))
        } else {
            Ok(())
        }
    }
    async fn create_runs(
        &self,
        epoch: Epoch,
        runs: &[ScheduledRun],
        now: Timestamp,
    ) -> Result<Vec<DagRunKey>, CommitError> {
        self.inner.create_runs(epoch, runs, now).await
    }
    async fn create_asset_runs(
        &self,
        epoch: Epoch,
        runs: &[AssetRun],
        now: Timestamp,
    ) -> Result<Vec<DagRunKey>, CommitError> {
        if self.fails() {
            return Err(CommitError::Unknown("before".to_owned()));
        }
        let created = self.inner.create_asset_runs(epoch, runs, now).await;
        if self.fails() { Err(CommitError::Unknown("after".to_owned())) } else { created }
    }
    async fn skip_runs(&self, epoch: Epoch, runs: &[SkippedRun], now: Timestamp) -> Result<(), CommitError> {
        self.inner.skip_runs(epoch, runs, now).await
    }
    async fn run_backfills(
        &self,
        epoch: Epoch,
        steps: &[BackfillStep],
        now: Timestamp,
    ) -> Result<Vec<DagRunKey>, CommitError> {
        if self.fails() {
            return Err(CommitError::Unknown("before".to_owned()));
        }
        let made = self.inner.run_backfills(epoch, steps, now).await;
        if self.fails() { Err(CommitError::Unknown("after".to_owned())) } else { made }
    }
    async fn save_next_runs(&self, epoch: Epoch, next: &[NextRun]) -> Result<(), CommitError> {
        self.inner.save_next_runs(epoch, next).await
    }
    async fn past(&self, queries: &[PastQuery]) -> Result<Vec<(DagRunKey, PastRun)>, ReadError> {
        if self.fails() { Err(ReadError("read".to_owned())) } else { self.inner.past(queries).await }
    }
    async fn recent_ends(&self, dags: &[(String, u32)]) -> Result<Vec<RecentEnds>, ReadError> {
        if self.fails() { Err(ReadError("read".to_owned())) } else { self.inner.recent_ends(dags).await }
    }
    async fn fetch(&self, dag_run: DagRunKey, needs: &[Need]) -> Result<Fetched, ReadError> {
        self.inner.fetch(dag_run, needs).await
    }
}

/// A pool of two slots.
const SHARED: &str = "shared";
/// A pool that lets three start in twenty seconds.
const RATED: &str = "rated";

fn pools() -> [Pool; 2] {
    let pool = |name: &str, slots, rate: Option<&str>| Pool {
        name: name.to_owned(),
        slots,
        include_deferred: false,
        rate: rate.map(|rate| rate.parse().unwrap()),
    };
    [pool(SHARED, Some(2), None), pool(RATED, None, Some("3/20s"))]
}

/// What executors have never holds more than a pool or a task may.
fn check_limits(hands: &Hands, seed: u64) {
    let mut attempts = hands.attempts.lock().unwrap().clone();
    // What waits holds no slot.
    attempts.retain(|attempt| !attempt.task().operator.waits());
    let shared = attempts.iter().filter(|attempt| attempt.task().pool == SHARED);
    assert!(shared.map(|attempt| attempt.task().pool_slots).sum::<u32>() <= 2, "seed {seed}: the pool holds too much");
    for attempt in attempts.iter().filter(|attempt| attempt.task().max_active_tis_per_dag.is_some()) {
        let same = attempts.iter().filter(|other| other.key.task == attempt.key.task).count();
        assert_eq!(same, 1, "seed {seed}: a task runs more often than it may");
    }
}

const RULES: [TriggerRule; 5] = [
    TriggerRule::AllSuccess,
    TriggerRule::AllDone,
    TriggerRule::OneFailed,
    TriggerRule::NoneFailedMinOneSuccess,
    TriggerRule::Always,
];

fn random_dag(random: &mut Seeded) -> Dag {
    let mut waits = Seeded(random.0 ^ 0x5EE5);
    let count = 1 + random.below(14);
    let tasks = (0..count)
        .map(|index| {
            let upstream: Vec<TaskIndex> =
                (0..index).filter(|_| random.one_in(3)).map(|at| TaskIndex(u32::try_from(at).unwrap())).collect();
            let mut rule = RULES[usize::try_from(random.below(5)).unwrap()];
            // A rule that does not wait for all its upstreams makes the end depend on their order, which faults change.
            if matches!(rule, TriggerRule::OneFailed | TriggerRule::Always) && upstream.len() > 1 {
                rule = TriggerRule::AllDone;
            }
            let operator = if random.one_in(4) {
                Operator::Empty
            } else if waits.one_in(4) {
                Operator::Sensor(Sensor::new(Event::File("x".to_owned())))
            } else {
                Operator::Bash(Bash::new("true"))
            };
            Arc::new(Task {
                upstream,
                trigger_rule: rule,
                retries: u32::try_from(random.below(3)).unwrap(),
                retry_delay: Duration::from_secs(random.below(100)),
                pool: ["default_pool", SHARED, RATED][usize::try_from(random.below(3)).unwrap()].to_owned(),
                pool_slots: 1 + u32::try_from(random.below(2)).unwrap(),
                max_active_tis_per_dag: random.one_in(4).then_some(1),
                ..Task::new(format!("t{index}"), operator)
            })
        })
        .collect();
    Dag {
        max_active_runs: Some(2),
        max_active_tasks: Some(1 + u32::try_from(random.below(4)).unwrap()),
        ..Dag::new("simulated", tasks)
    }
}

/// As [`random_dag`], with tasks and perhaps a group mapped, over literals or over what an upstream task pushed. Rules
/// wait for all, because an early decision depends on the order in which elements end, which faults change.
fn random_mapped_dag(random: &mut Seeded) -> Dag {
    let mut dag = random_dag(random);
    let has_group = random.one_in(2);
    let over = |value: serde_json::Value| Some(Expand::Product([("x".to_owned(), value)].into_iter().collect()));
    for (position, task) in dag.tasks.iter_mut().enumerate() {
        let task = Arc::make_mut(task);
        task.trigger_rule = TriggerRule::AllDone;
        if has_group && position < 3 {
            task.group = Some("g".to_owned());
        }
        if random.one_in(3) {
            task.expand = match task.upstream.first() {
                Some(upstream) if task.group.is_none() => over(format!("{{{{ xcom('t{}') }}}}", upstream.0).into()),
                _ => over(serde_json::json!([1, 2])),
            };
        }
    }
    if has_group {
        let expand = over(serde_json::json!(["a", "b", "c"]));
        dag.groups.push(TaskGroup { group_id: "g".to_owned(), parent: None, tooltip: None, expand });
    }
    dag
}

/// The end of a simulated world: states of all task instances and runs, and all XComs.
type End =
    (BTreeMap<(i64, u32, i32), TaskInstanceState>, BTreeMap<i64, DagRunState>, BTreeMap<String, serde_json::Value>);

/// How a task's `n`-th counted attempt ends: by the DAG's seed only, so that faults cannot change it.
fn outcome(seed: u64, attempt: &Attempt, lost: u32) -> Outcome {
    let counted = attempt.try_number - lost;
    let element = u64::from((attempt.key.map_index + 1).cast_unsigned());
    let mut random = Seeded(seed ^ (u64::from(attempt.key.task.0) << 20) ^ (element << 8) ^ u64::from(counted));
    match random.below(10) {
        0..=1 => Outcome::Failed { reason: "by the seed".to_owned(), exit_code: Some(1), may_retry: true },
        2 => Outcome::Skipped { reason: "by the seed".to_owned() },
        _ => Outcome::Success,
    }
}

async fn simulate(seed: u64, fault_odds: u64, crash_odds: u64) -> End {
    end_of(&simulate_dag(seed, fault_odds, crash_odds, random_dag(&mut Seeded(seed)), false).await)
}

/// Runs three runs of a DAG to their ends. `depends_on_past`: they have dates, later ones created first, and nothing fails,
/// because what fails would hold up the next run for ever.
async fn simulate_dag(seed: u64, fault_odds: u64, crash_odds: u64, dag: Dag, depends_on_past: bool) -> MemoryJournal {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let clock = VirtualClock::new(start);
    let memory = MemoryJournal::default();
    memory.world().add_dag(DagVersion {
        key: DagVersionKey(1),
        dag: Arc::new(dag),
        fileloc: Arc::new(PathBuf::from("/dags/simulated.yaml")),
    });
    for pool in pools() {
        memory.world().set_pool(pool);
    }
    for number in 0..3 {
        let run = NewDagRun {
            dag_id: "simulated".to_owned(),
            run_id: format!("manual__{number}"),
            run_type: DagRunType::Manual,
            logical_date: depends_on_past.then(|| start.checked_sub(SignedDuration::from_hours(number)).unwrap()),
            data_interval: None,
            run_after: start,
            conf: serde_json::Map::new(),
            triggered_by: TriggeredBy::Test,
            triggering_user: None,
            note: None,
        };
        memory.world().add_run(&run, serde_json::Map::new());
    }
    let faults = Arc::new(Mutex::new(Seeded(seed ^ 0xFA17)));
    let journal = Faulty::new(&memory, &faults, fault_odds);
    let limits =
        Limits { parallelism: 3, max_active_runs_per_dag: 16, max_active_tasks_per_dag: 16, ..Limits::default() };
    let hands = Hands::default();
    let mut leader = lead(&journal, &hands, &clock, limits).await;
    for step in 0..20_000 {
        assert!(step < 19_999, "seed {seed}: the runs do not end");
        if memory.world().runs.values().all(|run| run.state.is_finished()) {
            break;
        }
        if faults.lock().unwrap().one_in(crash_odds) {
            // kill -9: memory and attempts are gone, the journal stays.
            hands.attempts.lock().unwrap().clear();
            leader = lead(&journal, &hands, &clock, limits).await;
        }
        if faults.lock().unwrap().one_in(fault_odds) {
            somebody_changes_a_run(&memory, &faults);
        }
        let flush = faults.lock().unwrap().one_in(3);
        match leader.pass(flush).await {
            Ok(_) | Err(LeaderError::Read(_) | LeaderError::Write(_)) => {}
            Err(error @ LeaderError::Deposed) => panic!("seed {seed}: {error}"),
        }
        check_limits(&hands, seed);
        let now = clock.now();
        let next = take_one(&hands, &faults);
        if let Some(attempt) = next {
            let lost = lost_attempts(&memory, &attempt);
            let outcome = if depends_on_past { Outcome::Success } else { outcome(seed, &attempt, lost) };
            let xcoms =
                vec![XComValue { key: "return_value".to_owned(), value: vec![0; attempt.key.task.at() % 4].into() }];
            let report = |event| Report { token: attempt.token, key: attempt.key, event };
            leader.receive(report(AttemptEvent::Started { at: now, pid: Some(1) }));
            let finished = Finished { started_at: now, ended_at: now, outcome, xcoms, outlet_events: Vec::new() };
            leader.receive(report(AttemptEvent::Finished(finished)));
        }
        clock.set(now.checked_add(SignedDuration::from_secs(1)).unwrap());
    }
    memory
}

/// A person's change (a note, say) that leaves the end of the run as it is: a plan made before is refused.
fn somebody_changes_a_run(memory: &MemoryJournal, random: &Arc<Mutex<Seeded>>) {
    let mut world = memory.world();
    let keys: Vec<DagRunKey> = world.runs.keys().copied().collect();
    let at = random.lock().unwrap().below(keys.len() as u64);
    let key = keys[usize::try_from(at).unwrap()];
    if let Some(run) = world.runs.get_mut(&key) {
        run.version += 1;
    }
    world.changed(None, Some(key));
}

fn lost_attempts(memory: &MemoryJournal, attempt: &Attempt) -> u32 {
    let world = memory.world();
    let lost = world.attempts.iter().filter(|ended| ended.key == attempt.key && ended.state == "lost");
    u32::try_from(lost.count()).unwrap()
}

fn take_one(hands: &Hands, random: &Arc<Mutex<Seeded>>) -> Option<Attempt> {
    let mut attempts = hands.attempts.lock().unwrap();
    if attempts.is_empty() {
        return None;
    }
    let at = random.lock().unwrap().below(attempts.len() as u64);
    Some(attempts.remove(usize::try_from(at).unwrap()))
}

async fn lead(
    journal: &Faulty,
    hands: &Hands,
    clock: &VirtualClock,
    limits: Limits,
) -> Leader<Faulty, Hands, VirtualClock> {
    loop {
        if let Ok(Ok(leader)) = Leader::take_over(journal.clone(), hands.clone(), clock.clone(), limits).await {
            return leader;
        }
    }
}

fn end_of(memory: &MemoryJournal) -> End {
    let world = memory.world();
    let mut states = BTreeMap::new();
    let mut runs = BTreeMap::new();
    for (key, run) in &world.runs {
        runs.insert(key.0, run.state);
        for ti in &run.task_instances {
            states.insert((key.0, ti.key.task.0, ti.key.map_index), ti.state);
            let ended = world.attempts.iter().filter(|ended| ended.key == ti.key).count();
            assert!(ended <= ti.try_number as usize, "more ended attempts than tries");
        }
    }
    let xcoms = world
        .xcoms
        .iter()
        .map(|((run, task, map_index, key), value)| (format!("{}/{task}[{map_index}]/{key}", run.0), value.clone()));
    (states, runs, xcoms.collect())
}

#[tokio::test]
async fn commits_that_fail_before_or_after_they_are_written_do_not_change_how_runs_end() {
    for seed in 0..300 {
        assert_eq!(simulate(seed, 7, 0).await, simulate(seed, 0, 0).await, "seed {seed}");
    }
}

#[tokio::test]
async fn a_leader_killed_at_any_moment_changes_nothing_but_the_number_of_attempts() {
    for seed in 0..300 {
        assert_eq!(simulate(seed, 9, 11).await, simulate(seed, 0, 0).await, "seed {seed}");
    }
}

#[tokio::test]
async fn neither_failing_commits_nor_a_killed_leader_change_how_runs_with_mappings_end() {
    for seed in 0..200 {
        let dag = random_mapped_dag(&mut Seeded(seed));
        let undisturbed = end_of(&simulate_dag(seed, 0, 0, dag.clone(), false).await);
        assert_eq!(end_of(&simulate_dag(seed, 7, 0, dag.clone(), false).await), undisturbed, "seed {seed}");
        assert_eq!(end_of(&simulate_dag(seed, 9, 11, dag, false).await), undisturbed, "seed {seed}");
    }
}

#[tokio::test]
async fn no_task_starts_before_its_past_whatever_fails() {
    for seed in 0..150 {
        let mut dag = random_dag(&mut Seeded(seed));
        let mut random = Seeded(seed ^ 0x9A57);
        for task in &mut dag.tasks {
            let task = Arc::make_mut(task);
            task.depends_on_past = random.one_in(2);
            task.wait_for_downstream = task.depends_on_past && random.one_in(2);
            task.when = random.one_in(5).then(|| "{{ true }}".to_owned());
        }
        // All three at once, or what waits for the past would keep the past from starting.
        dag.max_active_runs = Some(3);
        let memory = simulate_dag(seed, 8, 12, dag.clone(), true).await;
        let world = memory.world();
        let mut runs: Vec<&DagRunRow> = world.runs.values().collect();
        runs.sort_by_key(|run| run.facts.logical_date);
        for pair in runs.windows(2) {
            for (before, after) in pair[0].task_instances.iter().zip(&pair[1].task_instances) {
                let task = dag.task(after.key.task);
                if let (true, Some(ended), Some(queued)) = (task.depends_on_past, before.ended_at, after.queued_at) {
                    assert!(ended <= queued, "seed {seed}: {} of {} ended late", task.task_id, pair[0].facts.run_id);
                }
            }
        }
    }
}
