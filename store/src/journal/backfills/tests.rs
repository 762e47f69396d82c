use model::backfill::NewBackfill;
use model::dag_run::DataInterval;
use model::state::TaskInstanceState::{Failed, Running, Success};
use tokio::sync::Barrier;

use super::*;
use crate::backfill::BackfillError;
use crate::dag_run::tests::{World, at};
use crate::event_log::By;

const DAY: i64 = 86_400;

fn days(count: i64) -> Vec<DataInterval> {
    (0..count).map(|day| DataInterval { start: at(day * DAY), end: at((day + 1) * DAY) }).collect()
}

fn new(reprocess_behavior: ReprocessBehavior) -> NewBackfill {
    NewBackfill {
        dag_id: "etl".to_owned(),
        from_date: at(0),
        to_date: at(9 * DAY),
        run_backwards: false,
        conf: serde_json::json!({"n": 1}).as_object().cloned().unwrap(),
        reprocess_behavior,
        max_active_runs: 2,
        on_latest_version: false,
        triggering_user: Some("ada".to_owned()),
    }
}

async fn step(world: &World, backfill: i64, ordinals: &[i32]) -> Vec<DagRunKey> {
    let steps = [BackfillStep::Create { backfill, ordinals: ordinals.to_vec() }];
    world.journal.run_backfills(world.epoch, &steps, at(20)).await.unwrap()
}

async fn pending(world: &World) -> Option<Vec<i32>> {
    let row = world.journal.dags(None).await.unwrap().remove(0);
    row.backfill.map(|backfill| backfill.pending.iter().map(|run| run.ordinal).collect())
}

#[tokio::test]
async fn a_backfill_makes_its_runs_in_order_once_and_ends_when_they_have() {
    let world = World::create(&["a"]).await;
    let id = world
        .store()
        .create_backfill(&new(ReprocessBehavior::None), &days(3), &By::local("tester", at(9)))
        .await
        .unwrap();
    let again =
        world.store().create_backfill(&new(ReprocessBehavior::None), &days(3), &By::local("tester", at(9))).await;
    assert!(matches!(again, Err(BackfillError::Active(_))), "one is active");
    assert_eq!(pending(&world).await, Some(vec![1, 2]), "as many as may run at once");
    assert_eq!(step(&world, id, &[1, 2]).await.len(), 2);
    assert!(step(&world, id, &[1, 2]).await.is_empty(), "whoever asks twice gets nothing more");
    assert_eq!(pending(&world).await, Some(vec![3]));
    let runs = world.journal.dag_runs(None).await.unwrap();
    let told: Vec<_> = runs.iter().map(|run| (run.facts.run_id.as_str(), run.facts.run_type.as_str())).collect();
    assert_eq!(
        told,
        [("backfill__2026-01-01T00:00:00+00:00", "backfill"), ("backfill__2026-01-02T00:00:00+00:00", "backfill")]
    );
    assert_eq!((&runs[0].facts.conf["n"], &runs[0].facts.params["n"]), (&1.into(), &1.into()));
    step(&world, id, &[3]).await;
    let complete = [BackfillStep::Complete { backfill: id }];
    world.journal.run_backfills(world.epoch, &complete, at(30)).await.unwrap();
    assert_eq!(pending(&world).await, Some(vec![]), "its runs have not ended");
    world.database.execute("UPDATE dag_run SET state = 'success', ended_at = now()").await;
    world.journal.run_backfills(world.epoch, &complete, at(30)).await.unwrap();
    assert_eq!(pending(&world).await, None);
    let ended = world.store().backfill(id).await.unwrap().unwrap();
    assert_eq!((ended.completed_at, ended.succeeded, ended.total), (Some(at(30)), 3, 3));
    let fenced = world.journal.run_backfills(Epoch(world.epoch.0 - 1), &complete, at(30)).await;
    assert_eq!(fenced, Err(CommitError::Fenced(Epoch(world.epoch.0 - 1))));
}

#[tokio::test]
async fn dates_that_have_a_run_are_left_out_or_run_again_as_the_backfill_says() {
    for (behavior, expected) in [
        (ReprocessBehavior::None, ["success", "failed", "running"]),
        (ReprocessBehavior::Failed, ["success", "queued", "running"]),
        (ReprocessBehavior::Completed, ["queued", "queued", "running"]),
    ] {
        let world = World::create(&["a"]).await;
        let keys = [world.run(0, &[Success]).await, world.run(1, &[Failed]).await, world.run(2, &[Running]).await];
        world.database.execute("UPDATE dag_run SET state = 'success' WHERE run_id = 'day_0'").await;
        let id = world.store().create_backfill(&new(behavior), &days(4), &By::local("tester", at(9))).await.unwrap();
        let made = step(&world, id, &[1, 2, 3, 4]).await;
        assert_eq!(made.len(), 1 + expected.iter().filter(|state| **state == "queued").count());
        let states: Vec<_> = world.journal.dag_runs(Some(&keys)).await.unwrap().iter().map(|run| run.state).collect();
        assert_eq!(states.iter().map(|state| state.as_str()).collect::<Vec<_>>(), expected);
        let dates = world.store().backfill_days(id, 10, 0).await.unwrap();
        assert_eq!(dates[2].left_out.as_deref(), Some("its run is in flight"));
        assert_eq!(dates[3].run_id.as_deref(), Some("backfill__2026-01-04T00:00:00+00:00"));
        assert!(world.store().violations().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_paused_or_cancelled_backfill_makes_nothing_and_a_cancel_fails_what_is_queued() {
    let world = World::create(&["a"]).await;
    let store = world.store();
    let id = store.create_backfill(&new(ReprocessBehavior::None), &days(3), &By::local("tester", at(9))).await.unwrap();
    assert!(store.pause_backfill(id, true, &By::local("tester", at(10))).await.unwrap());
    assert!(step(&world, id, &[1]).await.is_empty());
    assert!(store.pause_backfill(id, false, &By::local("tester", at(11))).await.unwrap());
    let run = step(&world, id, &[1]).await;
    assert!(store.cancel_backfill(id, &By::local("ada", at(12))).await.unwrap());
    assert!(!store.cancel_backfill(id, &By::local("ada", at(13))).await.unwrap());
    assert!(step(&world, id, &[2]).await.is_empty());
    assert_eq!(world.journal.dag_runs(Some(&run)).await.unwrap()[0].state, DagRunState::Failed);
    let ended = store.backfill(id).await.unwrap().unwrap();
    assert_eq!((ended.left_out, ended.failed, ended.pending), (2, 1, 0));
    store.create_backfill(&new(ReprocessBehavior::None), &days(3), &By::local("tester", at(14))).await.unwrap();
}

#[tokio::test]
async fn a_trigger_and_a_backfill_of_one_date_at_the_same_moment_make_one_run() {
    let world = World::create(&["a"]).await;
    let id = world
        .store()
        .create_backfill(&new(ReprocessBehavior::None), &days(10), &By::local("tester", at(9)))
        .await
        .unwrap();
    for day in 0..10_i32 {
        let barrier = Barrier::new(2);
        tokio::join!(
            async {
                barrier.wait().await;
                step(&world, id, &[day + 1]).await
            },
            async {
                barrier.wait().await;
                let run = model::dag_run::NewDagRun {
                    dag_id: "etl".to_owned(),
                    run_id: format!("mine_{day}"),
                    run_type: model::state::DagRunType::Manual,
                    logical_date: Some(at(i64::from(day) * DAY)),
                    data_interval: None,
                    run_after: at(0),
                    conf: serde_json::Map::new(),
                    triggered_by: model::state::TriggeredBy::Cli,
                    triggering_user: None,
                    note: None,
                };
                // Either may be first.
                let _ = world.store().trigger(&run, &serde_json::Map::new(), &By::local("tester", at(9))).await;
            }
        );
    }
    assert_eq!(world.database.number("SELECT count(*) FROM dag_run").await, 10);
    let dates = world.store().backfill_days(id, 10, 0).await.unwrap();
    assert!(dates.iter().all(|day| day.run_id.is_some() != day.left_out.is_some()), "{dates:?}");
}
