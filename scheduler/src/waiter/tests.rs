//! What looks see, and what is said of it.

use model::wait::OtherRun;
use store::waiting::Seen as Run;

use super::runs::{Asked, judge};
use super::{Seen, files};

#[test]
fn a_file_is_there_or_a_folder_with_something_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in");
    assert_eq!(files::look(&path), Seen::NotYet("it does not exist".to_owned()));
    std::fs::create_dir(&path).unwrap();
    assert_eq!(files::look(&path), Seen::NotYet("the folder is empty".to_owned()));
    std::fs::write(path.join("part"), "").unwrap();
    assert_eq!(files::look(&path), Seen::Met(Vec::new()));
    assert_eq!(files::look(&path.join("part")), Seen::Met(Vec::new()));
}

fn other(task_id: Option<&str>) -> Asked {
    Asked::Other(OtherRun {
        dag_id: "d".to_owned(),
        task_id: task_id.map(str::to_owned),
        states: vec!["success".to_owned(), "skipped".to_owned()],
        logical_date: None,
    })
}

fn run(state: &str, task: &[&str]) -> Run {
    Run {
        has_dag: true,
        run: Some(("r".to_owned(), state.to_owned())),
        task: task.iter().map(|state| (*state).to_owned()).collect(),
    }
}

fn not_yet(saw: &str) -> Seen {
    Seen::NotYet(saw.to_owned())
}

#[test]
fn another_run_is_met_in_one_of_the_states_asked_for() {
    assert_eq!(judge(&other(None), run("success", &[])), Seen::Met(Vec::new()));
    assert_eq!(judge(&other(None), run("failed", &[])), not_yet("in run `r` it is failed"));
    assert_eq!(judge(&other(None), Run { has_dag: true, run: None, task: vec![] }), not_yet("there is no such run"));
    assert_eq!(judge(&other(None), Run { has_dag: false, run: None, task: vec![] }), not_yet("there is no DAG `d`"));
}

#[test]
fn all_instances_of_another_task_must_be_in_one_of_the_states() {
    assert_eq!(judge(&other(Some("t")), run("running", &["success", "skipped"])), Seen::Met(Vec::new()));
    assert_eq!(judge(&other(Some("t")), run("running", &["success", "running"])), not_yet("in run `r` it is running"));
    assert_eq!(judge(&other(Some("t")), run("queued", &[])), not_yet("run `r` has no such task, or has not begun"));
}

#[test]
fn a_triggered_run_is_waited_for_until_it_ends_and_failed_with() {
    let asked = Asked::Triggered("d".to_owned(), "r".to_owned());
    assert_eq!(judge(&asked, run("running", &[])), not_yet("it is running"));
    assert!(matches!(judge(&asked, run("success", &[])), Seen::Met(xcoms) if xcoms[0].key == "trigger_run_id"));
    assert_eq!(judge(&asked, run("failed", &[])), Seen::failed("run `r` of DAG `d` failed"));
    assert_eq!(
        judge(&asked, Run { has_dag: true, run: None, task: vec![] }),
        Seen::failed("run `r` of DAG `d` was deleted")
    );
}
