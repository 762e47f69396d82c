//! What happens to the DAG folder and its files while flowctl runs.

use std::io::Write;

use store::Store;

use crate::system::System;
use crate::wait::until_some;

const GOOD: &str = "tasks:\n  - id: only\n    empty: {}\n";

/// `file: first line of its problem` of each import error.
async fn problems(store: &Store) -> Vec<String> {
    let errors = store::testing::history::import_errors(store).await.unwrap_or_default();
    errors.into_iter().map(|(file, text)| format!("{file}: {}", text.lines().next().unwrap_or_default())).collect()
}

async fn dags(store: &Store) -> Vec<String> {
    store.dag_files().await.unwrap_or_default().into_iter().map(|(dag_id, _)| dag_id).collect()
}

async fn until_dags_are(system: &System, store: &Store, wanted: &[&str]) {
    let context = || system.stderr();
    until_some(&format!("the DAGs are {wanted:?}"), context, async || (dags(store).await == wanted).then_some(()))
        .await;
}

#[tokio::test]
async fn bad_files_are_import_errors_and_the_others_go_on() {
    let mut system = System::on_test_database().await;
    let at = |name: &str| system.dags().join(name);
    std::fs::write(at("utf8.yaml"), b"dag_id: a\ntasks: \xff").unwrap();
    std::fs::File::create(at("huge.yaml")).unwrap().set_len(100_000_000).unwrap();
    std::os::unix::fs::symlink(system.dags(), at("loop")).unwrap();
    std::os::unix::fs::symlink("/does/not/exist", at("nowhere.yaml")).unwrap();
    std::fs::create_dir(at("folder.yaml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", at("zero.yaml")).unwrap();
    nix::unistd::mkfifo(&at("pipe.yaml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let level = |level: usize| format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(", "));
    let bomb: String = (1..12).map(level).collect();
    std::fs::write(at("bomb.yaml"), format!("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{bomb}tasks: *a11\n")).unwrap();
    std::fs::write(at("good.yaml"), GOOD).unwrap();
    system.start().await;
    let store = system.store().await;
    until_dags_are(&system, &store, &["good"]).await;
    let found = until_some(
        "all problems are listed",
        || system.stderr(),
        async || Some(problems(&store).await).filter(|found| found.len() == 7),
    )
    .await;
    for (file, part) in [
        ("bomb.yaml", "bomb.yaml"),
        ("huge.yaml", "100 MB"),
        ("loop", "this link leads back to"),
        ("nowhere.yaml", "No such file"),
        ("pipe.yaml", "this is not a regular file"),
        ("utf8.yaml", "the file is not UTF-8: line 2"),
        ("zero.yaml", "this is not a regular file"),
    ] {
        let line = found.iter().find(|line| line.starts_with(&format!("{file}: ")));
        assert!(line.is_some_and(|line| line.contains(part)), "{file}: {found:#?}");
    }
    assert!(system.terminate().await.success());
}

#[tokio::test]
async fn a_folder_that_goes_away_and_comes_back_loses_no_dag() {
    let mut system = System::with_test_database().await;
    let store = system.store().await;
    system.write_dag("kept.yaml", GOOD);
    until_dags_are(&system, &store, &["kept"]).await;
    let away = system.home().join("away");
    std::fs::rename(system.dags(), &away).unwrap();
    system.said("no DAG is changed or removed until the folder is back").await;
    assert_eq!(dags(&store).await, ["kept"]);
    std::fs::rename(&away, system.dags()).unwrap();
    system.write_dag("more.yaml", GOOD);
    until_dags_are(&system, &store, &["kept", "more"]).await;
    system.said("the DAG folder is back").await;
    // A file that goes away is another matter: its DAG is stale at once, and back with it.
    std::fs::rename(system.dags().join("kept.yaml"), &away).unwrap();
    until_dags_are(&system, &store, &["more"]).await;
    std::fs::rename(&away, system.dags().join("kept.yaml")).unwrap();
    until_dags_are(&system, &store, &["kept", "more"]).await;
    assert!(system.terminate().await.success());
}

#[tokio::test]
async fn a_file_that_is_written_slowly_makes_one_version_and_one_replaced_at_once_another() {
    let mut system = System::with_test_database().await;
    let store = system.store().await;
    // From here on the folder is watched: what is written is known to be open until it is closed.
    system.write_dag("first.yaml", GOOD);
    until_dags_are(&system, &store, &["first"]).await;
    let mut file = std::fs::File::create(system.dags().join("slow.yaml")).unwrap();
    for index in 0..5 {
        let head = if index == 0 { "tasks:\n" } else { "" };
        write!(file, "{head}  - id: t{index}\n    empty: {{}}\n").unwrap();
        // The processor has looked in between: it listed this file, which came later than the half of the other.
        system.write_dag(&format!("marker{index}.yaml"), GOOD);
        until_some(
            "the marker is known",
            || system.stderr(),
            async || dags(&store).await.contains(&format!("marker{index}")).then_some(()),
        )
        .await;
        assert!(!dags(&store).await.contains(&"slow".to_owned()), "half of the file became a DAG");
    }
    drop(file);
    let dag = until_some("the DAG is known", || system.stderr(), async || store.current_dag("slow").await.ok()?).await;
    assert_eq!(dag.tasks.len(), 5);
    system.write_dag("slow.yaml", GOOD);
    until_some(
        "the new version is known",
        || system.stderr(),
        async || store.current_dag("slow").await.ok()?.filter(|dag| dag.tasks.len() == 1),
    )
    .await;
    assert_eq!(store::testing::history::versions(&store, "slow").await.unwrap(), 2);
    // A bad change is an import error, the last good version stays, and a good one heals it.
    system.write_dag("slow.yaml", "tasks: [");
    until_some(
        "the import error is listed",
        || system.stderr(),
        async || (problems(&store).await.len() == 1).then_some(()),
    )
    .await;
    assert_eq!(store.current_dag("slow").await.unwrap().unwrap().tasks.len(), 1);
    system.write_dag("slow.yaml", GOOD);
    until_some("it heals", || system.stderr(), async || problems(&store).await.is_empty().then_some(())).await;
    assert!(system.terminate().await.success());
}
