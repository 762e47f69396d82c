//! What is asked for wrongly: the exit code, and a message that says what to do.

use std::process::Command;

use super::{Site, run};

const DAILY: &str = r"
params:
  top_k: {type: integer, default: 10, minimum: 1}
tasks:
  - id: features
    empty: {}
";

/// Each line of stderr that says what is wrong, without the hint.
#[track_caller]
fn message(stderr: &str) -> &str {
    stderr.strip_prefix("error: ").unwrap_or(stderr).split("\nhint: ").next().unwrap_or_default().trim_end()
}

#[tokio::test]
async fn what_does_not_exist_is_named_with_what_was_perhaps_meant() {
    let site = Site::start().await;
    site.dag("etl_daily", DAILY).await;
    site.run(&["dags", "trigger", "etl_daily", "--run-id", "first", "--wait"]).done();
    let cases: [(&[&str], &str); 9] = [
        (&["dags", "details", "etl_daly"], "no DAG `etl_daly`; did you mean `etl_daily`? `flowctl dags list` shows 1"),
        (&["dags", "trigger", "other"], "no DAG `other`; `flowctl dags list` shows 1"),
        (&["dags", "pause", "etl_daly"], "no DAG `etl_daly`; did you mean `etl_daily`? `flowctl dags list` shows 1"),
        (&["runs", "list", "etl_daly"], "no DAG `etl_daly`; did you mean `etl_daily`? `flowctl dags list` shows 1"),
        (
            &["runs", "show", "etl_daily", "frist"],
            "no run `frist` of DAG `etl_daily`; did you mean `first`? `flowctl runs list etl_daily` shows 1",
        ),
        (
            &["runs", "watch", "etl_daily", "second"],
            "no run `second` of DAG `etl_daily`; `flowctl runs list etl_daily` shows 1",
        ),
        (
            &["tasks", "logs", "etl_daily", "first", "featurs"],
            "no task `featurs` in run `first` of DAG `etl_daily`; did you mean `features`? `flowctl tasks states-for-run \
             etl_daily first` shows 1",
        ),
        (
            &["tasks", "clear", "etl_daily", "latest", "nothing"],
            "no task `nothing` in run `first` of DAG `etl_daily`; `flowctl tasks states-for-run etl_daily first` shows 1",
        ),
        (&["runs", "cancel", "other", "-"], "no DAG `other`; `flowctl dags list` shows 1"),
    ];
    for (arguments, expected) in cases {
        assert_eq!(message(&site.run(arguments).refused(3)), expected, "{arguments:?}");
    }
    let no_value = site.run(&["xcom", "get", "etl_daily", "first", "features"]).refused(3);
    assert!(no_value.contains("return_value"), "{no_value}");
}

#[tokio::test]
async fn a_refused_file_is_told_to_who_looks_for_its_dag() {
    let site = Site::start().await;
    site.system.write_dag("bad.yaml", "tasks:\n  - id: only\n    bsh: ls\n");
    site.until(&["import-errors", "list"], |listed| listed.contains("bad.yaml")).await;
    let stderr = site.run(&["dags", "details", "bad"]).refused(3);
    assert!(stderr.contains("one file was refused: `flowctl import-errors list` says why"), "{stderr}");
}

#[tokio::test]
async fn a_run_that_cannot_be_is_refused_with_the_place_of_what_is_wrong() {
    let site = Site::start().await;
    site.dag("etl_daily", DAILY).await;
    let trigger = |arguments: &[&str]| site.run(&[&["dags", "trigger", "etl_daily"], arguments].concat());
    let stderr = trigger(&["--conf", "{top_k: 1}"]).refused(2);
    assert_eq!(message(&stderr), "--conf is not JSON: key must be a string (line 1, column 2)\n  {top_k: 1}\n   ^");
    assert!(trigger(&["--conf", "[1]"]).refused(2).contains("must be a JSON object"));
    assert!(trigger(&["--conf", "@/nowhere.json"]).refused(2).contains("/nowhere.json of --conf cannot be read"));
    let stderr = trigger(&["--conf", r#"{"top_k": 0}"#]).refused(2);
    assert!(stderr.contains("top_k: ") && stderr.contains("minimum"), "{stderr}");
    assert!(stderr.contains("`flowctl dags details etl_daily` shows its params"), "{stderr}");
    let stderr = trigger(&["--conf", r#"{"top_k": "many"}"#]).refused(2);
    assert!(stderr.contains("top_k: "), "{stderr}");
    for date in ["yesterday", "2026-13-01", "01/02/2026"] {
        let stderr = trigger(&["--logical-date", date]).refused(2);
        assert!(
            stderr.contains("a date such as 2026-01-01") && stderr.contains("2026-01-01T06:00:00+09:00"),
            "{stderr}"
        );
    }
    assert!(trigger(&["--logs"]).refused(2).contains("--wait"));
}

#[tokio::test]
async fn a_run_that_exists_is_not_made_twice() {
    let site = Site::start().await;
    site.dag("etl_daily", DAILY).await;
    let trigger = |id, date| site.run(&["dags", "trigger", "etl_daily", "--run-id", id, "--logical-date", date]);
    trigger("one", "2026-01-01").done();
    for refused in [trigger("one", "2026-01-02"), trigger("two", "2026-01-01")] {
        let stderr = refused.refused(1);
        assert!(stderr.contains("already"), "{stderr}");
        assert!(stderr.contains("`flowctl runs list etl_daily`"), "{stderr}");
    }
    assert_eq!(site.run(&["runs", "list", "etl_daily"]).done().lines().count(), 1);
}

#[tokio::test]
async fn a_run_that_has_ended_cannot_be_cancelled() {
    let site = Site::start().await;
    site.dag("etl_daily", DAILY).await;
    site.run(&["dags", "trigger", "etl_daily", "--wait"]).done();
    let stderr = site.run(&["runs", "cancel", "etl_daily", "latest"]).refused(1);
    assert!(stderr.contains("has ended"), "{stderr}");
}

#[test]
fn nobody_at_the_address_is_told_with_what_to_do() {
    let home = tempfile::tempdir().expect("a home");
    let flowctl = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
        command.args(arguments).env("FLOWCTL_HOME", home.path()).env("NO_COLOR", "1");
        command.env_remove("FLOWCTL_SERVER").env_remove("FLOWCTL_TOKEN");
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        run(&mut command, "")
    };
    // Port 1 is nobody's.
    let stderr = flowctl(&["--server", "http://127.0.0.1:1", "dags", "list"]).refused(4);
    assert!(message(&stderr).starts_with("no flowctl server at http://127.0.0.1:1"), "{stderr}");
    assert!(stderr.contains("start one with `flowctl standalone`, or name one with --server"), "{stderr}");
    let stderr = flowctl(&["--server", "localhost", "dags", "list"]).refused(2);
    assert!(message(&stderr).starts_with("`localhost` is no address of a server"), "{stderr}");
    let stderr = flowctl(&["dags", "lst"]).refused(2);
    assert!(stderr.contains("'list'"), "{stderr}");
    let stderr = flowctl(&["runs", "list", "--limit", "0"]).refused(2);
    assert!(stderr.contains("--limit"), "{stderr}");
}

#[tokio::test]
async fn something_else_at_the_address_is_not_taken_for_flowctl() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
        // The request is read first: an answer before it would break the connection.
        let mut request = [0; 1024];
        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await;
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.expect("an answer");
    });
    let home = tempfile::tempdir().expect("a home");
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
    command.args(["--server", &format!("http://{address}"), "dags", "list"]).env("FLOWCTL_HOME", home.path());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let ran = tokio::task::spawn_blocking(move || run(&mut command, "")).await.expect("its end");
    let stderr = ran.refused(4);
    assert!(stderr.contains("is no flowctl server"), "{stderr}");
    answering.await.expect("it answered");
}
