use crate::processes;
use crate::system::System;

#[tokio::test]
async fn standalone_starts_on_any_database_and_ends_in_good_order() {
    for mut system in [System::with_test_database().await, System::with_embedded_postgres().await] {
        assert!(system.url().starts_with("http://127.0.0.1:"), "{}", system.stdout());
        let status = system.terminate().await;
        assert!(status.success(), "{status}");
    }
}

#[tokio::test]
async fn a_killed_standalone_starts_again_with_what_it_had() {
    let mut system = System::with_embedded_postgres().await;
    system.write_dag("kept.yaml", "tasks:\n  - id: only\n    empty: {}\n");
    system.said("a new version of the DAG is in force").await;
    system.kill9();
    system.start().await;
    let store = system.store().await;
    assert_eq!(store.dag_files().await.unwrap(), [("kept".to_owned(), "kept.yaml".to_owned())]);
    store.close().await;
    assert!(system.terminate().await.success());
    assert_eq!(processes::of_home(system.home()), []);
}
