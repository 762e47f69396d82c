//! The first five minutes.

use super::Site;

const MY_PIPELINE: &str = r#"
params:
  day: {type: string, pattern: '^\d{4}-\d{2}-\d{2}$'}
tasks:
  - id: extract
    python: {code: "print('rows of', params['day'])"}
  - id: load
    bash: echo "적재 완료 🎉"
    depends_on: extract
"#;

#[tokio::test]
async fn a_file_is_dropped_and_its_run_is_watched_to_success() {
    let site = Site::start().await;
    site.dag("my_pipeline", MY_PIPELINE).await;
    let conf = r#"{"day": "2026-01-01"}"#;
    let ran = site.run(&["dags", "trigger", "my_pipeline", "--conf", conf, "--wait", "--logs"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.lines().any(|line| line == "extract | rows of 2026-01-01"), "{ran:?}");
    assert!(ran.stdout.lines().any(|line| line == "load    | 적재 완료 🎉"), "{ran:?}");
    assert!(ran.stderr.contains("success: run `manual__"), "{ran:?}");
    assert!(!ran.stderr.contains('\u{1b}'), "no colours and no bar outside of a terminal: {ran:?}");
}

#[tokio::test]
async fn a_failed_run_says_what_failed_and_why() {
    let site = Site::start().await;
    site.dag("broken", "tasks:\n  - id: boom\n    bash: echo on the way; exit 3\n    retries: 0\n").await;
    let ran = site.run(&["dags", "trigger", "broken", "--wait", "--logs"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("boom | on the way"), "{ran:?}");
    assert!(ran.stderr.contains("boom: ") && ran.stderr.contains("code 3"), "{ran:?}");
    assert!(ran.stderr.contains("`flowctl runs show broken manual__"), "{ran:?}");
}

#[tokio::test]
async fn a_run_that_nobody_waits_for_is_printed() {
    let site = Site::start().await;
    site.dag("one", "tasks:\n  - id: only\n    empty: {}\n").await;
    let printed = site.run(&["dags", "trigger", "one", "--run-id", "mine", "--note", "by hand", "-o", "json"]).done();
    let run: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!((&run["dag_run_id"], &run["note"]), (&"mine".into(), &"by hand".into()));
    assert!(!run["logical_date"].is_null());
    let ended = site.run(&["runs", "watch", "one", "mine"]).done();
    assert!(ended.starts_with("only\t-1\tsuccess\t"), "{ended}");
    let printed = site.run(&["dags", "trigger", "one", "--wait", "-o", "json"]).done();
    let run: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(run["state"], "success");
}

#[tokio::test]
async fn a_date_without_an_offset_is_in_the_time_zone_of_the_dag() {
    let site = Site::start().await;
    site.dag("seoul", "timezone: Asia/Seoul\ntasks:\n  - id: only\n    empty: {}\n").await;
    let trigger = |date| site.run(&["dags", "trigger", "seoul", "--logical-date", date, "-o", "json"]).done();
    assert!(trigger("2026-01-02").contains(r#""logical_date": "2026-01-01T15:00:00Z""#));
    assert!(trigger("2026-01-02T00:00:00Z").contains(r#""logical_date": "2026-01-02T00:00:00Z""#));
}

#[tokio::test]
async fn conf_is_read_from_a_file_and_from_stdin() {
    let site = Site::start().await;
    site.dag("my_pipeline", MY_PIPELINE).await;
    let file = site.system.home().join("conf.json");
    std::fs::write(&file, r#"{"day": "2026-02-03"}"#).expect("a file");
    let from_file = format!("@{}", file.display());
    let trigger = ["dags", "trigger", "my_pipeline", "-o", "json", "--run-id"];
    let printed = site.run(&[&trigger[..], &["a", "--conf", &from_file]].concat()).done();
    assert!(printed.contains(r#""day": "2026-02-03""#), "{printed}");
    let mut command = site.command(&[&trigger[..], &["b", "--conf", "@-", "--logical-date", "2026-01-01"]].concat());
    let printed = super::run(&mut command, r#"{"day": "2026-02-04"}"#).done();
    assert!(printed.contains(r#""day": "2026-02-04""#), "{printed}");
}
