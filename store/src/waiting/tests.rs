//! Waits and answers on a real PostgreSQL.

use jiff::Timestamp;
use model::attempt::{AttemptEvent, Outcome};
use model::ids::{AttemptToken, DagRunKey, Epoch, TaskIndex, TaskInstanceKey};
use model::journal::{Batch, CommitError, DagRunWrite, TaskInstanceRow};
use model::state::TaskInstanceState;
use model::wait::{Approval, Awaited, Look, WaitRow};

use super::{AnswerError, Question};
use crate::Store;
use crate::event_log::By;
use crate::journal::LeaderJournal;
use crate::journal::tests::{at, leader, queued, save, starting, trigger};
use crate::read::api::{HitlFilter, HitlRow, Instant, Listing};
use crate::testing::TestDatabase;

struct Waiting {
    database: TestDatabase,
    journal: LeaderJournal,
    epoch: Epoch,
    run: DagRunKey,
}

impl Waiting {
    fn store(&self) -> &Store {
        self.database.store()
    }
}

fn approval(roles: &[&str]) -> Awaited {
    Awaited::Approval(Approval {
        prompt: "Ship it?".to_owned(),
        options: vec!["Approve".to_owned(), "Reject".to_owned()],
        default: None,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
    })
}

fn wait(run: DagRunKey, awaited: Awaited) -> WaitRow {
    WaitRow {
        key: TaskInstanceKey::unmapped(run, TaskIndex(0)),
        token: AttemptToken(7),
        max_tries: 1,
        awaited,
        since: at(2),
        deadline: Some(at(62)),
        look: None,
    }
}

fn touched(run: DagRunKey, version: i64) -> Vec<DagRunWrite> {
    vec![DagRunWrite { key: run, version, change: None }]
}

/// A run whose task waits.
async fn waiting(state: TaskInstanceState, awaited: Awaited) -> Waiting {
    let database = TestDatabase::create().await;
    save(database.store(), "true").await;
    let run = trigger(database.store(), "one", Some(at(0))).await.unwrap();
    let journal = leader(database.store(), 1);
    let epoch = journal.take_over().await.unwrap().unwrap();
    let row = TaskInstanceRow { state, ..queued(run) };
    let batch = Batch { inserted: vec![row], waits: vec![wait(run, awaited)], ..starting(run, 0) };
    journal.commit(epoch, &batch).await.unwrap();
    Waiting { database, journal, epoch, run }
}

fn file() -> Awaited {
    Awaited::File { path: "/data/\u{0}x".to_owned() }
}

#[tokio::test]
async fn a_wait_is_read_back_with_what_was_seen_under_its_own_token_only() {
    let world = waiting(TaskInstanceState::Deferred, Awaited::File { path: "/data/x".to_owned() }).await;
    let look = |token, number| {
        let look = Look { at: at(9), number, saw: "it does not exist".to_owned() };
        (TaskInstanceKey::unmapped(world.run, TaskIndex(0)), AttemptToken(token), look)
    };
    world.store().note_looks(&[look(6, 8)]).await.unwrap();
    let unseen = wait(world.run, Awaited::File { path: "/data/x".to_owned() });
    assert_eq!(world.journal.dag_runs(None).await.unwrap()[0].waits, std::slice::from_ref(&unseen));
    world.store().note_looks(&[look(7, 3)]).await.unwrap();
    let seen = WaitRow { look: Some(look(7, 3).2), ..unseen };
    assert_eq!(world.journal.dag_runs(None).await.unwrap()[0].waits, std::slice::from_ref(&seen));
    assert_eq!(world.store().waits(world.run).await.unwrap(), [seen]);
}

#[tokio::test]
async fn a_wait_ends_with_its_task_instance_in_one_batch_or_not_at_all() {
    let world = waiting(TaskInstanceState::Deferred, file()).await;
    let row = TaskInstanceRow { state: TaskInstanceState::Success, ..queued(world.run) };
    let ending = |version| Batch {
        runs: touched(world.run, version),
        updated: vec![row.clone()],
        ended_waits: vec![row.key],
        ..Batch::default()
    };
    let awaited = async || world.store().templates(row.key, 1).await.unwrap().unwrap().awaited;
    let expected = Some(Awaited::File { path: "/data/\u{fffd}x".to_owned() });
    assert_eq!(world.journal.commit(world.epoch, &ending(1)).await, Err(CommitError::Conflict));
    assert_eq!((world.store().count_waits().await.unwrap(), awaited().await), (1, expected.clone()));
    world.journal.commit(world.epoch, &ending(0)).await.unwrap();
    assert_eq!((world.store().count_waits().await.unwrap(), awaited().await), (0, expected));
}

async fn answer(world: &Waiting, chosen: &str, by: &str, role: &str, now: Timestamp) -> Result<(), AnswerError> {
    world.store().answer_approval("etl", "one", "a", -1, chosen, role, &By::local(by, now)).await
}

async fn questions(world: &Waiting, is_answered: Option<bool>) -> Vec<HitlRow> {
    let (filter, listing) =
        (HitlFilter { is_answered, ..HitlFilter::default() }, Listing { limit: 10, ..Listing::default() });
    world.store().api_hitl_details(&filter, &listing).await.unwrap().rows
}

#[tokio::test]
async fn an_answer_is_noted_reported_once_and_refuses_the_plan_that_did_not_know_of_it() {
    let world = waiting(TaskInstanceState::AwaitingInput, approval(&[])).await;
    let open = questions(&world, None).await;
    assert_eq!(open[0].question().map(|question| question.prompt).as_deref(), Some("Ship it?"));
    assert!(open.len() == 1 && open[0].chosen.is_none());
    assert_eq!(world.store().pages_counts(None).await.unwrap().approvals, 1);
    assert_eq!(world.store().pages_counts(Some(&["other".to_owned()])).await.unwrap().approvals, 0);
    assert!(matches!(answer(&world, "Later", "ada", "user", at(5)).await, Err(AnswerError::Option(_))));
    answer(&world, "Reject", "ada", "user", at(5)).await.unwrap();
    let again = answer(&world, "Approve", "bob", "user", at(6)).await.unwrap_err();
    assert_eq!(again.to_string(), "it has been answered already: `Reject` by ada");
    let (changes, reports) = world.journal.inbox().await.unwrap();
    assert_eq!((changes.iter().filter(|change| change.dag_run == Some(world.run)).count(), reports.len()), (2, 1));
    let AttemptEvent::Finished(finished) = &reports[0].report.event else { panic!("no end") };
    assert_eq!(finished.outcome, Outcome::Branch { follow: Vec::new() });
    assert_eq!(reports[0].report.token, AttemptToken(7));
    let late = Batch { runs: touched(world.run, 0), ..Batch::default() };
    assert_eq!(world.journal.commit(world.epoch, &late).await, Err(CommitError::Conflict));
    let answered = questions(&world, Some(true)).await;
    let told = (answered[0].chosen.as_deref(), answered[0].answered_by.as_deref(), answered[0].answered_at);
    assert_eq!(told, (Some("Reject"), Some("ada"), Some(Instant(at(5)))));
    assert!(questions(&world, Some(false)).await.is_empty());
    assert_eq!(world.store().pages_counts(None).await.unwrap().approvals, 0);
}

#[tokio::test]
async fn two_answers_at_once_are_one() {
    let world = waiting(TaskInstanceState::AwaitingInput, approval(&[])).await;
    let (first, second) =
        tokio::join!(answer(&world, "Approve", "ada", "user", at(5)), answer(&world, "Reject", "bob", "user", at(5)));
    assert_ne!(first.is_ok(), second.is_ok(), "{first:?} {second:?}");
    assert_eq!(world.journal.inbox().await.unwrap().1.len(), 1);
}

#[tokio::test]
async fn only_the_roles_that_are_asked_and_admins_may_answer_and_only_what_is_asked() {
    let world = waiting(TaskInstanceState::AwaitingInput, approval(&["op"])).await;
    let refused = answer(&world, "Approve", "ada", "user", at(5)).await.unwrap_err();
    assert_eq!(refused.to_string(), "only accounts with the role op may answer");
    answer(&world, "Approve", "root", "admin", at(5)).await.unwrap();
    let world = waiting(TaskInstanceState::Deferred, file()).await;
    assert!(matches!(answer(&world, "Approve", "ada", "admin", at(5)).await, Err(AnswerError::NotAsked(_))));
}

#[tokio::test]
async fn other_runs_are_found_by_name_date_or_as_the_latest_in_one_statement() {
    let world = waiting(TaskInstanceState::Success, file()).await;
    trigger(world.store(), "two", Some(at(86_400))).await.unwrap();
    let ask = |dag_id: &str, run_id: Option<&str>, date: Option<i64>, task: Option<&str>| Question {
        dag_id: dag_id.to_owned(),
        run_id: run_id.map(str::to_owned),
        logical_date: date.map(at),
        task_id: task.map(str::to_owned),
    };
    let questions = [
        ask("etl", None, Some(0), Some("a")),
        ask("etl", None, None, None),
        ask("etl", Some("one"), None, None),
        ask("etl", None, Some(5), None),
        ask("other", None, None, None),
    ];
    let seen = world.store().other_runs(&questions).await.unwrap();
    let runs: Vec<_> = seen.iter().map(|seen| seen.run.as_ref().map(|(id, state)| format!("{id} {state}"))).collect();
    let run = |text: &str| Some(text.to_owned());
    assert_eq!(runs, [run("one running"), run("two queued"), run("one running"), None, None]);
    assert_eq!(seen[0].task, ["success"]);
    assert_eq!(seen.iter().map(|seen| seen.has_dag).collect::<Vec<_>>(), [true, true, true, true, false]);
}

#[tokio::test]
async fn a_run_that_is_there_is_known_by_its_name_or_date_and_may_be_adopted() {
    let world = waiting(TaskInstanceState::Deferred, file()).await;
    let existing =
        async |run_id: &str, date: Option<i64>| world.store().existing_run("etl", run_id, date.map(at)).await.unwrap();
    assert_eq!(existing("one", None).await.unwrap().triggering_user.as_deref(), Some("ada"));
    assert_eq!(existing("new", Some(0)).await.unwrap().run_id, "one");
    assert_eq!(existing("new", None).await, None);
    assert!(world.store().adopt_run("etl", "one", "caller").await.unwrap());
    assert_eq!(existing("one", None).await.unwrap().triggering_user.as_deref(), Some("caller"));
    assert!(!world.store().adopt_run("etl", "new", "caller").await.unwrap());
}
