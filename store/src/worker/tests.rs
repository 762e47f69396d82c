use jiff::Timestamp;
use uuid::Uuid;

use super::WorkerChange;
use crate::event_log::By;
use crate::testing::TestDatabase;

fn by() -> By {
    By::local("ada", "2026-01-01T00:00:00Z".parse::<Timestamp>().expect("an instant"))
}

async fn silent(database: &TestDatabase, id: Uuid) {
    sqlx::query("UPDATE service SET heartbeat_at = now() - interval '1 min' WHERE id = $1")
        .bind(id)
        .execute(database.store().pool())
        .await
        .expect("an update");
}

#[tokio::test]
async fn a_worker_that_lives_is_drained_and_taken_back_but_not_removed() {
    let database = TestDatabase::create().await;
    let store = database.store();
    let id = Uuid::from_u128(1);
    store.register_service(id, &["scheduler"], "one", 7).await.expect("a process");
    assert_eq!(store.set_drained(id, true, &by()).await.expect("a change"), WorkerChange::Done);
    assert!(store.is_drained(id).await.expect("a look"));
    assert!(store.workers().await.expect("workers")[0].drained_at.is_some());
    assert_eq!(store.remove_worker(id, &by()).await.expect("a change"), WorkerChange::Alive);
    assert_eq!(store.set_drained(id, false, &by()).await.expect("a change"), WorkerChange::Done);
    assert!(!store.is_drained(id).await.expect("a look"));
}

#[tokio::test]
async fn a_worker_that_is_gone_can_only_be_removed() {
    let database = TestDatabase::create().await;
    let store = database.store();
    let id = Uuid::from_u128(1);
    store.register_service(id, &["scheduler"], "one", 7).await.expect("a process");
    silent(&database, id).await;
    assert!(!store.workers().await.expect("workers")[0].is_alive);
    assert_eq!(store.set_drained(id, true, &by()).await.expect("a change"), WorkerChange::Gone);
    assert_eq!(store.remove_worker(id, &by()).await.expect("a change"), WorkerChange::Done);
    assert_eq!(store.remove_worker(id, &by()).await.expect("a change"), WorkerChange::NotFound);
    assert_eq!(store.workers().await.expect("workers"), []);
}
