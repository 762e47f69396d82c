//! Messages and deadlines on a real PostgreSQL.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::callback::{CallbackEvent, CallbackRow, Channel, Happened, MissedDeadline, Subject};
use model::ids::{DagRunKey, DagVersionKey, Epoch, TaskIndex};
use model::journal::{Batch, CommitError, DagRunWrite};
use model::mapping::Mapped;
use tokio::sync::Barrier;

use super::{CallbackFilter, Claimed, Tried};
use crate::Store;
use crate::journal::LeaderJournal;
use crate::journal::tests::{at, leader, save, starting, trigger};
use crate::testing::TestDatabase;

const LEASE: Duration = Duration::from_secs(60);

struct World {
    database: TestDatabase,
    journal: LeaderJournal,
    epoch: Epoch,
    run: DagRunKey,
    version: DagVersionKey,
}

impl World {
    /// A run whose one task is queued.
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        save(database.store(), "true").await;
        let run = trigger(database.store(), "one", Some(at(0))).await.unwrap();
        let journal = leader(database.store(), 1);
        let epoch = journal.take_over().await.unwrap().unwrap();
        journal.commit(epoch, &starting(run, 0)).await.unwrap();
        let version = journal.dag_runs(None).await.unwrap()[0].dag_version;
        Self { database, journal, epoch, run, version }
    }

    fn store(&self) -> &Store {
        self.database.store()
    }

    fn row(&self, task: Option<TaskIndex>, block: u32) -> CallbackRow {
        let mapped = Mapped { lengths: [("m".to_owned(), 3)].into(), ..Mapped::default() };
        CallbackRow {
            subject: Subject {
                dag_run: self.run,
                dag_version: self.version,
                task,
                map_index: -1,
                try_number: 1,
                max_tries: 2,
                mapped: Some(Arc::new(mapped)),
            },
            happened: Happened {
                event: CallbackEvent::Failure,
                state: "failed",
                reason: Some("a NUL: \u{0}".to_owned()),
                at: at(5),
                deadline: None,
            },
            block,
            channel: Channel::Slack,
        }
    }

    fn late(&self, second: i64) -> (MissedDeadline, CallbackRow) {
        let row = self.row(Some(TaskIndex(0)), 0);
        let event = CallbackEvent::Deadline;
        let happened = Happened { event, state: "queued", reason: None, at: at(9), deadline: Some(at(second)) };
        let missed = MissedDeadline {
            dag_run: self.run,
            task: Some(TaskIndex(0)),
            task_id: "a".to_owned(),
            map_index: -1,
            due_at: at(second),
            missed_at: at(9),
        };
        (missed, CallbackRow { happened, ..row })
    }

    async fn commit(&self, version: i64, batch: Batch) -> Result<(), CommitError> {
        let runs = vec![DagRunWrite { key: self.run, version, change: None }];
        self.journal.commit(self.epoch, &Batch { runs, ..batch }).await
    }

    async fn tell(&self, messages: u32) {
        let callbacks = (0..messages).map(|block| self.row(Some(TaskIndex(0)), block)).collect();
        self.commit(0, Batch { callbacks, ..Batch::default() }).await.unwrap();
    }

    async fn claim(&self) -> Vec<Claimed> {
        self.store().claim_callbacks(100, LEASE).await.unwrap()
    }

    /// The lease of whatever is claimed is over.
    async fn let_time_pass(&self) {
        self.database.execute("UPDATE callback SET due_at = now() WHERE state = 'pending'").await;
    }

    async fn states(&self) -> Vec<(String, i32)> {
        let (rows, _) = self.store().callbacks(&CallbackFilter::default(), 100, 0).await.unwrap();
        rows.into_iter().map(|row| (row.state, row.tries)).collect()
    }
}

fn delivered() -> Tried {
    Tried { started_at: at(6), ended_at: at(7), answer: Some("200 OK".to_owned()), error: None, again_in: None }
}

fn refused(again_in: Option<Duration>) -> Tried {
    Tried { started_at: at(6), ended_at: at(7), answer: None, error: Some("500".to_owned()), again_in }
}

#[tokio::test]
async fn a_message_is_claimed_as_it_was_told_and_read_with_its_log() {
    let world = World::new().await;
    let callbacks = vec![world.row(Some(TaskIndex(0)), 1), world.row(None, 0)];
    world.commit(0, Batch { callbacks, ..Batch::default() }).await.unwrap();
    let claimed = world.claim().await;
    let of_task = &claimed[0];
    assert_eq!((of_task.number, of_task.block, of_task.subject.task), (1, 1, Some(TaskIndex(0))));
    assert_eq!((of_task.happened.state, of_task.happened.reason.as_deref()), ("failed", Some("a NUL: \u{fffd}")));
    assert_eq!(of_task.subject.dag_run.run_id, "one");
    assert_eq!(of_task.subject.mapped.as_ref().unwrap().lengths.get("m"), Some(&3));
    assert_eq!(claimed[1].subject.task, None);

    assert!(world.store().settle_callback(of_task.id, 1, &refused(Some(LEASE))).await.unwrap());
    assert!(world.store().settle_callback(claimed[1].id, 1, &delivered()).await.unwrap());
    let (rows, total) = world.store().callbacks(&CallbackFilter::default(), 1, 1).await.unwrap();
    assert_eq!((total, rows.len(), rows[0].task_id.as_deref()), (2, 1, Some("a")));
    assert_eq!((rows[0].state.as_str(), rows[0].last_error.as_deref()), ("pending", Some("500")));
    let tries = world.store().callback_tries(claimed[1].id).await.unwrap();
    assert_eq!((tries.len(), tries[0].answer.as_deref()), (1, Some("200 OK")));
}

#[tokio::test]
async fn a_message_is_in_the_commit_of_its_change_or_nowhere() {
    let world = World::new().await;
    let batch = Batch { callbacks: vec![world.row(None, 0)], ..Batch::default() };
    assert_eq!(world.commit(1, batch).await, Err(CommitError::Conflict));
    assert!(world.states().await.is_empty());
}

#[tokio::test]
async fn two_that_claim_at_once_never_get_the_same_message_and_lose_none() {
    const MESSAGES: u32 = 40;
    let world = World::new().await;
    world.tell(MESSAGES).await;
    let barrier = Arc::new(Barrier::new(4));
    let claimants: Vec<_> = (0..4)
        .map(|_| {
            let (store, barrier) = (world.store().clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                let mut mine = Vec::new();
                barrier.wait().await;
                loop {
                    let claimed = store.claim_callbacks(3, LEASE).await.unwrap();
                    if claimed.is_empty() {
                        return mine;
                    }
                    mine.extend(claimed.into_iter().map(|claimed| claimed.id));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for claimant in claimants {
        all.extend(claimant.await.unwrap());
    }
    let distinct: BTreeSet<i64> = all.iter().copied().collect();
    // Who skipped what another had locked may stop early; the rest is there for the next look.
    let rest = world.claim().await.len();
    assert_eq!((all.len(), distinct.len() + rest), (distinct.len(), MESSAGES as usize));
}

#[tokio::test]
async fn a_message_whose_process_died_is_due_again_and_what_it_says_late_counts_only_as_delivered() {
    let world = World::new().await;
    world.tell(1).await;
    let first = world.claim().await.remove(0);
    assert!(world.claim().await.is_empty());
    world.let_time_pass().await;
    let second = world.claim().await.remove(0);
    assert_eq!((second.id, second.number), (first.id, 2));
    assert!(!world.store().settle_callback(first.id, 1, &refused(None)).await.unwrap());
    assert_eq!(world.states().await, [("pending".to_owned(), 2)]);
    assert!(world.store().settle_callback(first.id, 1, &delivered()).await.unwrap());
    assert!(!world.store().settle_callback(second.id, 2, &refused(Some(LEASE))).await.unwrap());
    assert_eq!(world.states().await, [("success".to_owned(), 2)]);
    assert!(world.claim().await.is_empty());
}

#[tokio::test]
async fn what_is_tried_again_is_due_later_and_what_is_given_up_never() {
    let world = World::new().await;
    world.tell(1).await;
    let first = world.claim().await.remove(0);
    world.store().settle_callback(first.id, 1, &refused(Some(LEASE))).await.unwrap();
    assert!(world.claim().await.is_empty());
    world.let_time_pass().await;
    let second = world.claim().await.remove(0);
    world.store().settle_callback(second.id, 2, &refused(None)).await.unwrap();
    world.let_time_pass().await;
    assert!(world.claim().await.is_empty());
    assert_eq!(world.states().await, [("failed".to_owned(), 2)]);
}

#[tokio::test]
async fn a_deadline_is_missed_once_with_its_messages() {
    let world = World::new().await;
    let ((missed, row), (later, later_row)) = (world.late(8), world.late(80));
    for _ in 0..2 {
        let batch = Batch { missed: vec![missed.clone()], callbacks: vec![row.clone()], ..Batch::default() };
        world.commit(0, batch).await.unwrap();
    }
    let missed = vec![missed, later];
    world.commit(0, Batch { missed, callbacks: vec![row, later_row], ..Batch::default() }).await.unwrap();
    let known = world.store().missed_deadlines(world.run).await.unwrap();
    assert_eq!(known.iter().map(|missed| missed.due_at).collect::<Vec<_>>(), [at(8), at(80)]);
    assert_eq!(known[0].task_id, "a");
    assert_eq!(world.states().await.len(), 2);
}

#[tokio::test]
async fn messages_go_with_the_history_of_their_run() {
    let world = World::new().await;
    let (missed, row) = world.late(8);
    world.commit(0, Batch { missed: vec![missed], callbacks: vec![row], ..Batch::default() }).await.unwrap();
    let claimed = world.claim().await.remove(0);
    world.store().settle_callback(claimed.id, 1, &delivered()).await.unwrap();
    world.database.execute("UPDATE dag_run SET state = 'success', ended_at = '2000-01-01'").await;
    world.store().clean_batch(at(0), 10).await.unwrap();
    let left = "SELECT (SELECT count(*) FROM callback) + (SELECT count(*) FROM callback_try) \
                + (SELECT count(*) FROM missed_deadline)";
    assert_eq!(world.database.number(left).await, 0);
}
