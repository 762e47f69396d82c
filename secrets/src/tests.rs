//! The order of the places.

use model::connection::Connection;
use model::template::{Fetched, Need};
use store::Keyring;
use store::event_log::By;
use store::testing::TestDatabase;
use store::variable::NewVariable;

use super::{Places, Secrets};

fn variable(key: &str, value: &str) -> NewVariable {
    NewVariable { key: key.to_owned(), value: value.to_owned(), description: None }
}

fn environment(variables: &[(&str, &str)]) -> Places {
    let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Places { environment, ..Places::default() }
}

#[tokio::test]
async fn the_first_place_that_has_a_value_gives_it() {
    let database = TestDatabase::create().await;
    let store = database.store();
    let now = jiff::Timestamp::UNIX_EPOCH;
    for key in ["a", "b", "c", "d", "e"] {
        store.create_variable(&variable(key, "database"), &By::local("tester", now)).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("variables")).unwrap();
    for key in ["a", "b", "c"] {
        std::fs::write(folder.path().join("variables").join(key), "file\n").unwrap();
    }
    let places =
        environment(&[("FLOWCTL_VAR_A", "flowctl"), ("AIRFLOW_VAR_A", "airflow"), ("AIRFLOW_VAR_B", "airflow")]);
    let places = Places { folder: Some(folder.path().to_owned()), ..places };
    let secrets = Secrets::new(places, Some(store.clone()));
    let mut found = Vec::new();
    for key in ["a", "b", "c", "d", "nosuch", "../variables/a"] {
        found.push(secrets.variable(key).await.unwrap());
    }
    let found: Vec<_> = found.iter().map(|found| found.as_deref()).collect();
    assert_eq!(found, [Some("flowctl"), Some("airflow"), Some("file"), Some("database"), None, None]);
    assert_eq!(secrets.variable_place("b").await.unwrap().as_deref(), Some("AIRFLOW_VAR_B"));
}

#[tokio::test]
async fn connections_are_uris_or_json_in_every_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("connections")).unwrap();
    std::fs::write(folder.path().join("connections/api"), "{\"conn_type\": \"http\", \"host\": \"h\"}\n").unwrap();
    let places = environment(&[("AIRFLOW_CONN_WARE_HOUSE", "postgres://u:p@h/s"), ("FLOWCTL_CONN_BROKEN", "hunter2")]);
    let secrets = Secrets::new(Places { folder: Some(folder.path().to_owned()), ..places }, None);
    assert_eq!(secrets.connection("ware-house").await.unwrap().unwrap().uri(), "postgres://u:p@h/s");
    assert_eq!(secrets.connection("api").await.unwrap().unwrap().uri(), "http://h");
    assert_eq!(secrets.connection("nosuch").await.unwrap(), None);
    assert_eq!(secrets.connection_text("api").await.unwrap().as_deref(), Some("http://h/"));
    assert_eq!(secrets.connection_text("broken").await.unwrap().as_deref(), Some("hunter2"), "as it stands there");
    let hook = Connection::from_uri("https://hooks.example.org/services/T0/B0/X").unwrap();
    assert_eq!(super::web_text(&hook), "https://hooks.example.org/services/T0/B0/X");
    let error = secrets.connection("broken").await.unwrap_err().to_string();
    assert!(
        error.starts_with("FLOWCTL_CONN_BROKEN: it is not a connection URI") && !error.contains("hunter2"),
        "{error}"
    );
}

#[tokio::test]
async fn a_value_that_no_key_decrypts_is_an_error_of_its_own() {
    let database = TestDatabase::create().await;
    let now = jiff::Timestamp::UNIX_EPOCH;
    let other: Keyring = Keyring::generate().parse().unwrap();
    let lost = database.store().clone().with_keys(other);
    lost.create_variable(&variable("lost", "x"), &By::local("tester", now)).await.unwrap();
    database.store().create_variable(&variable("good", "y"), &By::local("tester", now)).await.unwrap();
    let secrets = Secrets::new(Places::default(), Some(database.store().clone()));
    let mut fetched = Fetched::default();
    let needs = ["lost", "good", "nosuch"].map(|key| Need::Variable(key.to_owned()));
    secrets.fetch(&needs, &mut fetched).await.unwrap();
    assert_eq!(fetched.variables["good"], Ok(Some("y".to_owned())));
    assert_eq!(fetched.variables["nosuch"], Ok(None));
    let error = fetched.variables["lost"].clone().unwrap_err();
    assert!(error.starts_with("none of the keys decrypts it"), "{error}");
}
