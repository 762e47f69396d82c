//! Tasks: their logs and what they leave.

use super::Site;

#[tokio::test]
async fn each_attempt_has_a_log_of_its_own() {
    let site = Site::start().await;
    let text = "tasks:\n  - id: flaky\n    bash: echo attempt $FLOWCTL_TRY_NUMBER; [ $FLOWCTL_TRY_NUMBER = 2 ]\n    \
                retries: 1\n    retry_delay: 0s\n";
    site.dag("flaky", text).await;
    site.run(&["dags", "trigger", "flaky", "--wait"]).done();
    let logs = |arguments: &[&str]| site.run(&[&["tasks", "logs", "flaky", "latest", "flaky"], arguments].concat());
    let has = |text: &str, line: &str| text.lines().any(|got| got == line);
    let newest = logs(&[]).done();
    assert!(has(&newest, "attempt 2") && !has(&newest, "attempt 1"), "{newest}");
    assert!(has(&logs(&["--try", "1"]).done(), "attempt 1"));
    let all = logs(&["--follow"]).done();
    assert!(has(&all, "attempt 1") && has(&all, "attempt 2"), "{all}");
    assert!(logs(&["-o", "json"]).done().contains(r#""event": "attempt 2""#));
    let stderr = logs(&["--try", "3"]).refused(3);
    assert!(stderr.contains("no log of attempt 3 of `flaky`: it has been tried 2 times"), "{stderr}");
}

#[tokio::test]
async fn a_task_that_waits_for_its_retry_says_until_when() {
    let site = Site::start().await;
    site.dag("flaky", "tasks:\n  - id: flaky\n    bash: 'false'\n    retries: 1\n    retry_delay: 1h\n").await;
    site.run(&["dags", "trigger", "flaky"]).done();
    site.until(&["tasks", "state", "flaky", "latest", "flaky"], |state| state == "up_for_retry\n").await;
    let why = site.run(&["tasks", "why", "flaky", "latest", "flaky"]).done();
    assert!(why.contains("20"), "{why}");
    let states = site.run(&["tasks", "states-for-run", "flaky", "-", "--state", "up_for_retry"]);
    assert!(states.stdout.starts_with("flaky\t-1\tup_for_retry\t1\t"), "{states:?}");
    assert_eq!(states.stderr, "1 of 1\n");
    site.run(&["runs", "cancel", "flaky", "latest"]);
}

#[tokio::test]
async fn a_task_that_never_ran_says_which_upstream_kept_it() {
    let site = Site::start().await;
    let text = "tasks:\n  - id: fetch\n    bash: 'false'\n  - id: skip\n    bash: exit 99\n  \
                - id: load\n    bash: 'true'\n    depends_on: fetch\n  \
                - id: tidy\n    bash: 'true'\n    depends_on: skip\n";
    site.dag("etl", text).await;
    assert_eq!(site.run(&["dags", "trigger", "etl", "--wait"]).code, 1);
    for (task_id, told) in [
        ("load", "upstream `fetch` failed (trigger rule all_success)\n"),
        ("tidy", "upstream `skip` was skipped (trigger rule all_success)\n"),
    ] {
        assert_eq!(site.run(&["tasks", "why", "etl", "latest", task_id]).done(), told);
    }
}

#[tokio::test]
async fn what_a_task_leaves_is_listed_and_printed() {
    let site = Site::start().await;
    let text = r#"
tasks:
  - id: report
    bash: echo 'users=["김철수", "이영희"]' >> "$FLOWCTL_XCOM"; echo 성공
"#;
    site.dag("report", text).await;
    site.run(&["dags", "trigger", "report", "--wait"]).done();
    let listed = site.run(&["xcom", "list", "report", "latest"]);
    let keys: Vec<_> = listed.stdout.lines().filter_map(|line| line.split('\t').nth(2)).collect();
    assert_eq!(keys, ["return_value", "users"], "{listed:?}");
    assert_eq!(listed.stderr, "2 of 2\n");
    assert_eq!(site.run(&["xcom", "get", "report", "latest", "report"]).done(), "성공\n");
    assert_eq!(site.run(&["xcom", "get", "report", "latest", "report", "-o", "json"]).done(), "\"성공\"\n");
    let users = site.run(&["xcom", "get", "report", "latest", "report", "users"]).done();
    assert_eq!(serde_json::from_str::<Vec<String>>(&users).expect("JSON"), ["김철수", "이영희"]);
    assert_eq!(site.run(&["xcom", "list", "report", "latest", "report", "--limit", "1"]).stderr, "1 of 2\n");
}
