//! Tasks: their logs and what they leave.

use super::{Site, run};

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

#[tokio::test]
async fn an_xcom_is_set_changed_and_deleted_and_what_runs_next_reads_it() {
    let site = Site::start().await;
    let text = r#"
tasks:
  - {id: score, bash: echo 0.5}
  - id: asked
    depends_on: score
    approve: {prompt: "Is {{ xcom('score') }} enough?"}
  - {id: report, depends_on: asked, bash: "echo '{{ xcom('score') }} {{ xcom('score', 'by') }}'"}
"#;
    site.dag("scores", text).await;
    site.run(&["dags", "trigger", "scores", "--run-id", "one"]).done();
    site.until(&["tasks", "state", "scores", "one", "asked"], |state| state == "awaiting_input\n").await;
    let xcom = |verb, arguments: &[&str]| {
        let mut command = site.command(&[&["xcom", verb, "scores", "one", "score"], arguments].concat());
        run(&mut command, "[1, {\"a\": null}]")
    };
    let set = |key, value| xcom("set", &[key, value]);
    assert_eq!(set("return_value", "0.9").stderr, "`return_value` of `score` is 0.9\n");
    assert_eq!(set("by", "ada lovelace").stderr, "`by` of `score` is \"ada lovelace\"\n");
    assert_eq!(set("list", "@-").stderr, "`list` of `score` is [1,{\"a\":null}]\n");
    assert_eq!(xcom("delete", &["list"]).stderr, "`list` of `score` is deleted\n");
    for ran in [xcom("delete", &["list"]), xcom("get", &["list"])] {
        let told = ran.refused(3);
        assert!(told.contains("`score` left no `list`"), "{told}");
    }
    assert!(site.run(&["xcom", "set", "scores", "one", "nosuch", "k", "1"]).refused(3).contains("no task `nosuch`"));
    assert!(set("k", "@/no/such/file").refused(2).contains("/no/such/file cannot be read"));
    site.run(&["approvals", "answer", "scores", "one", "asked", "Approve"]).done();
    site.until(&["tasks", "state", "scores", "one", "report"], |state| state == "success\n").await;
    assert_eq!(site.run(&["xcom", "get", "scores", "one", "report"]).done(), "0.9 ada lovelace\n");
}

#[tokio::test]
async fn what_the_templates_of_a_task_became_is_printed() {
    let site = Site::start().await;
    let text = r#"
tasks:
  - id: report
    bash: echo '{{ dag_run.conf.rows | length }} rows'
    env: {ROWS: "{{ dag_run.conf.rows }}"}
  - id: asked
    depends_on: report
    approve: {prompt: "Ship {{ run_id }}?"}
  - id: later
    depends_on: asked
    bash: echo {{ run_id }}
"#;
    site.dag("report", text).await;
    site.run(&["dags", "trigger", "report", "--run-id", "one", "--conf", r#"{"rows": [1, 2]}"#]).done();
    site.until(&["tasks", "state", "report", "one", "asked"], |state| state == "awaiting_input\n").await;
    let rendered = |task| site.run(&["tasks", "rendered", "report", "one", task]);
    assert_eq!(rendered("report").done(), "bash:\n  echo '2 rows'\nenv:\n  {\n    \"ROWS\": \"[1, 2]\"\n  }\n");
    assert!(rendered("asked").done().starts_with("prompt:\n  Ship one?\noptions:\n"));
    let later = rendered("later");
    assert_eq!((later.code, later.stdout.as_str()), (0, ""));
    assert_eq!(later.stderr, "the templates of `later` are rendered when it starts; it is not scheduled yet\n");
    let json = site.run(&["tasks", "rendered", "report", "one", "report", "-o", "json"]).done();
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["env"]["ROWS"], "[1, 2]");
}

#[tokio::test]
async fn a_mapped_task_runs_once_for_each_element_and_each_is_cleared_alone() {
    let site = Site::start().await;
    let text = r#"
tasks:
  - id: cities
    python: {code: "return ['seoul', 'busan']"}
  - group: city
    expand: {city: "{{ xcom('cities') }}"}
    tasks:
      - id: features
        bash: echo "{{ map.city }}"
      - id: train
        depends_on: features
        expand: {model: [als, bpr]}
        python: {code: "return [map.city, map.model, ti.xcom_pull(task_ids='city.features'), map_index]"}
  - id: all
    depends_on: city
    bash: echo '{{ xcom('city.train') | tojson }}'
  - id: none
    expand: {x: []}
    empty: {}
  - id: wrong
    expand: {x: "{{ xcom('all') }}"}
    bash: 'true'
"#;
    site.dag("per_city", text).await;
    assert_eq!(site.run(&["dags", "trigger", "per_city", "--wait"]).code, 1);
    let all = site.run(&["xcom", "get", "per_city", "latest", "all"]).done();
    assert_eq!(
        all,
        r#"[["seoul", "als", "seoul", 0], ["seoul", "bpr", "seoul", 1], ["busan", "als", "busan", 2], ["busan", "bpr", "busan", 3]]"#
            .to_owned()
            + "\n"
    );
    let states = site.run(&["tasks", "states-for-run", "per_city", "latest"]).done();
    let shown: Vec<String> =
        states.lines().map(|line| line.split('\t').take(3).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        shown,
        [
            "cities -1 success",
            "city.features 0 success",
            "city.features 1 success",
            "city.train 0 success",
            "city.train 1 success",
            "city.train 2 success",
            "city.train 3 success",
            "all -1 success",
            "none -1 skipped",
            "wrong -1 failed",
        ]
    );
    let why = site.run(&["tasks", "why", "per_city", "latest", "wrong"]).done();
    assert_eq!(why, "`expand.x` must be a list, not a text\n");
    let cleared =
        site.run(&["tasks", "clear", "per_city", "latest", "city.train", "--map-index", "2", "--only", "-o", "json"]);
    let cleared: serde_json::Value = serde_json::from_str(&cleared.done()).expect("JSON");
    assert_eq!(cleared.to_string().matches("\"map_index\":2").count(), 1, "{cleared}");
    let element = ["tasks", "state", "per_city", "latest", "city.train", "--map-index", "2"];
    site.until(&element, |state| state == "success\n").await;
    let tries = |index: &str| site.run(&["tasks", "logs", "per_city", "latest", "city.train", "--map-index", index]);
    assert!(tries("2").done().contains("busan"));
    site.run(&["tasks", "clear", "per_city", "latest", "city.train", "--map-index", "9"]).refused(3);
}
