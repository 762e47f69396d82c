//! Variables and connections in the database: what is encrypted, and what a rotation does.

use jiff::Timestamp;
use model::connection::Connection;

use crate::event_log::By;
use crate::testing::{TestDatabase, tester};
use crate::variable::NewVariable;
use crate::{Error, KeyError, Keyring, Store};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn variable(key: &str, value: &str) -> NewVariable {
    NewVariable { key: key.to_owned(), value: value.to_owned(), description: None }
}

fn other_key(store: &Store) -> Store {
    store.clone().with_keys(Keyring::generate().parse().unwrap())
}

#[tokio::test]
async fn what_is_secret_is_a_token_in_the_database() {
    let database = TestDatabase::create().await;
    let store = database.store();
    assert!(store.create_variable(&variable("a", "hunter2"), &By::local("tester", NOW)).await.unwrap());
    assert!(
        !store.create_variable(&variable("a", "other"), &By::local("tester", NOW)).await.unwrap(),
        "it is there already"
    );
    let connection = Connection::from_uri("http://ada:hunter2@h:80/s?token=hunter2").unwrap();
    assert!(store.create_connection("c", &connection, &By::local("tester", NOW)).await.unwrap());
    let plain = "SELECT (SELECT count(*) FROM variable v WHERE v::text LIKE '%hunter2%')
               + (SELECT count(*) FROM connection c WHERE c::text LIKE '%hunter2%')";
    assert_eq!(database.number(plain).await, 0);
    assert_eq!(store.variable("a").await.unwrap().as_deref(), Some("hunter2"));
    assert_eq!(store.connection("c").await.unwrap(), Some(connection.clone()));
    assert!(store.update_variable("a", None, Some("noted"), &By::local("tester", NOW)).await.unwrap());
    assert_eq!(store.variable("a").await.unwrap().as_deref(), Some("hunter2"), "no value given: it stays");
    let without = Connection { password: None, extra: None, ..connection };
    assert!(store.update_connection("c", &without, &By::local("tester", NOW)).await.unwrap());
    assert_eq!(store.connection("c").await.unwrap(), Some(without));
    assert!(
        store.delete_variable("a", &tester()).await.unwrap() && store.delete_connection("c", &tester()).await.unwrap()
    );
    assert!(
        !store.delete_variable("a", &tester()).await.unwrap()
            && !store.delete_connection("c", &tester()).await.unwrap()
    );
}

#[tokio::test]
async fn without_a_key_nothing_secret_is_written() {
    let database = TestDatabase::create().await;
    let store = database.store().clone().with_keys(Keyring::default());
    let error = store.create_variable(&variable("a", "x"), &By::local("tester", NOW)).await.unwrap_err();
    assert!(matches!(error, Error::Key { source: KeyError::NoKey, .. }), "{error}");
    let open = Connection::from_uri("http://h").unwrap();
    assert!(
        store.create_connection("open", &open, &By::local("tester", NOW)).await.unwrap(),
        "nothing in it is secret"
    );
}

#[tokio::test]
async fn a_rotation_encrypts_what_it_can_read_and_names_what_it_cannot() {
    let database = TestDatabase::create().await;
    let store = database.store();
    let lost = other_key(store);
    let connection = Connection::from_uri("http://ada:hunter2@h?token=t").unwrap();
    for (store, suffix) in [(store, "good"), (&lost, "lost")] {
        store.create_variable(&variable(&format!("v_{suffix}"), "x"), &By::local("tester", NOW)).await.unwrap();
        store.create_connection(&format!("c_{suffix}"), &connection, &By::local("tester", NOW)).await.unwrap();
    }
    store
        .create_connection("open", &Connection::from_uri("http://h").unwrap(), &By::local("tester", NOW))
        .await
        .unwrap();
    let (new, old) = (Keyring::generate(), crate::testing::KEY);
    let both = store.clone().with_keys(format!("{new},{old}").parse().unwrap());
    let done = both.rotate_keys(&By::local("tester", NOW)).await.unwrap();
    assert_eq!((done.variables, done.connections), (1, 2));
    assert_eq!(done.unreadable, ["variable `v_lost`", "connection `c_lost`"]);
    let after = store.clone().with_keys(new.parse().unwrap());
    assert_eq!(after.variable("v_good").await.unwrap().as_deref(), Some("x"));
    assert_eq!(after.connection("c_good").await.unwrap(), Some(connection.clone()));
    assert!(store.variable("v_good").await.is_err(), "the old key is of no use any more");
    assert_eq!(lost.connection("c_lost").await.unwrap(), Some(connection), "what was not read is as it was");
}
