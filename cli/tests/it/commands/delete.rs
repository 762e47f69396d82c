//! What goes and does not come back, and what is read again.

use super::Site;

const ONE: &str = "tasks:\n  - {id: only, bash: 'true'}\n";

#[tokio::test]
async fn a_run_is_deleted_once_it_has_ended_and_somebody_says_that_it_is_meant() {
    let site = Site::start().await;
    site.dag("one", ONE).await;
    assert_eq!(site.run(&["dags", "trigger", "one", "--run-id", "first", "--wait"]).code, 0);
    let said = site.run(&["runs", "delete", "one", "first"]).refused(2);
    assert!(said.contains("this would delete run `first` of `one`") && said.contains("--yes"), "{said}");
    let said = site.run(&["runs", "delete", "one", "frist", "--yes"]).refused(3);
    assert!(said.contains("did you mean `first`?"), "{said}");
    site.run(&["runs", "delete", "one", "first", "--yes"]).done();
    site.run(&["runs", "show", "one", "first"]).refused(3);
}

#[tokio::test]
async fn a_dag_is_deleted_with_its_runs_and_comes_back_without_them() {
    let site = Site::start().await;
    site.dag("one", ONE).await;
    assert_eq!(site.run(&["dags", "trigger", "one", "--run-id", "first", "--wait"]).code, 0);
    let said = site.run(&["dags", "delete", "one"]).refused(2);
    assert!(said.contains("this would delete DAG `one` with its 1 run"), "{said}");
    site.run(&["dags", "delete", "one", "--yes"]).done();
    site.run(&["dags", "delete", "two", "--yes"]).refused(3);
    site.run(&["runs", "show", "one", "first"]).refused(3);
}

#[tokio::test]
async fn files_are_read_again_and_the_processes_are_listed() {
    let site = Site::start().await;
    site.dag("one", ONE).await;
    let said = site.run(&["dags", "reserialize", "one"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, ""), "{said:?}");
    assert!(said.stderr.starts_with("1 file is read again"), "{said:?}");
    site.run(&["dags", "reserialize", "nobody"]).refused(3);
    let jobs = site.run(&["jobs", "list", "--alive"]).done();
    assert!(jobs.contains("\tSchedulerJob\trunning\t") && jobs.contains("\tDagProcessorJob\trunning\t"), "{jobs}");
}
