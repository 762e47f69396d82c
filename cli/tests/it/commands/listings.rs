//! Lists and entries in every format.

use serde_json::Value;

use super::Site;

const EMPTY: &str = "tags: [한국, features]\nowner: 김철수\ntasks:\n  - id: only\n    empty: {}\n";

#[tokio::test]
async fn a_list_is_plain_for_programs_and_has_a_header_for_people() {
    let site = Site::start().await;
    site.dag("etl", EMPTY).await;
    let ran = site.run(&["dags", "list"]);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("etl\t–\tno\t–\t김철수\t한국, features\n", "1 of 1\n"));
    let table = site.run(&["dags", "list", "-o", "table"]).done();
    // A Hangul syllable takes two columns of a terminal.
    insta::assert_snapshot!(table, @"
    DAG_ID  SCHEDULE  PAUSED  NEXT RUN  OWNER   TAGS
    etl     –         no      –         김철수  한국, features
    ");
}

#[tokio::test]
async fn json_and_yaml_are_the_entries_of_the_api() {
    let site = Site::start().await;
    site.dag("etl", EMPTY).await;
    let json: Value = serde_json::from_str(&site.run(&["dags", "list", "-o", "json"]).done()).expect("JSON");
    assert_eq!(json[0]["dag_id"], "etl");
    assert_eq!(json[0]["owners"], serde_json::json!(["김철수"]));
    let yaml = site.run(&["dags", "list", "-o", "yaml"]).done();
    assert!(yaml.contains("- dag_id: etl\n") && yaml.contains("is_paused: false\n"), "{yaml}");
}

#[tokio::test]
async fn a_page_says_how_many_there_are_in_all() {
    let site = Site::start().await;
    site.dag("etl", EMPTY).await;
    for day in 1..=5 {
        let (id, date) = (format!("run{day}"), format!("2026-01-0{day}"));
        site.run(&["dags", "trigger", "etl", "--run-id", &id, "--logical-date", &date]).done();
    }
    let ran = site.run(&["runs", "list", "etl", "--limit", "2", "--offset", "1"]);
    assert_eq!(ran.stderr, "2 of 5\n");
    let ids: Vec<_> = ran.stdout.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(ids, ["run4", "run3"], "the newest first");
    assert_eq!(site.run(&["runs", "list", "etl", "--offset", "9"]).stderr, "0 of 5\n");
    assert_eq!(site.run(&["runs", "list", "--limit", "1000"]).stderr, "5 of 5\n", "of all DAGs");
    site.run(&["runs", "watch", "etl", "latest"]).done();
    assert!(site.run(&["runs", "list", "etl", "--state", "success"]).done().contains("run5"));
}

#[tokio::test]
async fn versions_and_their_sources_follow_the_file() {
    let site = Site::start().await;
    site.dag("etl", EMPTY).await;
    let changed = EMPTY.replace("only", "other");
    site.system.write_dag("etl.yaml", &changed);
    site.until(&["dags", "source", "etl"], |source| source == changed).await;
    let versions = site.run(&["dags", "versions", "etl"]).done();
    let numbers: Vec<_> = versions.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(numbers, ["2", "1"]);
    assert_eq!(site.run(&["dags", "source", "etl", "--version", "1"]).done(), EMPTY);
    assert_eq!(site.run(&["tasks", "list", "etl"]).done(), "other\tempty\t\tall_success\t0\n");
    assert_eq!(site.run(&["tasks", "list", "etl", "--version", "1"]).done(), "only\tempty\t\tall_success\t0\n");
    assert_eq!(site.run(&["tasks", "list", "etl", "--offset", "1"]).stderr, "0 of 1\n");
    let details = site.run(&["dags", "details", "etl"]).done();
    assert!(details.contains("\nversion\t2\n") && details.contains("\ntags\t한국, features\n"), "{details}");
}

#[tokio::test]
async fn a_paused_dag_says_so_until_it_is_active_again() {
    let site = Site::start().await;
    site.dag("etl", EMPTY).await;
    assert_eq!(site.run(&["dags", "pause", "etl"]).stderr, "`etl` is paused\n");
    assert!(site.run(&["dags", "list", "--paused", "true"]).done().starts_with("etl\t"));
    site.run(&["dags", "trigger", "etl", "--run-id", "held"]).done();
    let shown = site.run(&["runs", "show", "etl", "held", "-o", "table"]).done();
    assert!(shown.contains("paused"), "{shown}");
    assert_eq!(site.run(&["dags", "unpause", "etl"]).stderr, "`etl` is active\n");
    assert_eq!(site.run(&["dags", "list", "--paused", "true"]).done(), "");
    site.run(&["runs", "watch", "etl", "held"]).done();
}

#[tokio::test]
async fn runs_that_are_to_be_skipped_are_until_that_is_taken_back() {
    let site = Site::start().await;
    site.dag("etl", &format!("schedule: '@yearly'\n{EMPTY}")).await;
    assert_eq!(site.run(&["dags", "skip-next", "etl"]).stderr, "`etl` skips its next scheduled run\n");
    assert_eq!(site.run(&["dags", "skip-next", "etl", "3"]).stderr, "`etl` skips its next 3 scheduled runs\n");
    let details = site.run(&["dags", "details", "etl"]).done();
    assert!(details.contains("\nskips next\t3 scheduled runs\n"), "{details}");
    let json = site.run(&["dags", "details", "etl", "-o", "json"]).done();
    assert!(json.contains("\"skip_next\": 3"), "{json}");
    assert_eq!(site.run(&["dags", "skip-next", "etl", "0"]).stderr, "`etl` skips none of its scheduled runs\n");
    assert!(!site.run(&["dags", "details", "etl"]).done().contains("skips next"));
    let refused = site.run(&["dags", "skip-next", "etl", "5000"]).refused(2);
    assert!(refused.contains("up to 1000 runs can be skipped"), "{refused}");
}

#[tokio::test]
async fn refused_files_are_listed_with_the_place() {
    let site = Site::start().await;
    site.system.write_dag("bad.yaml", "tasks:\n  - id: only\n    bsh: ls\n");
    site.until(&["import-errors", "list"], |listed| listed.starts_with("bad.yaml\t")).await;
    let shown = site.run(&["import-errors", "list", "-o", "table"]).done();
    assert!(shown.contains("bad.yaml:3:5") && shown.contains("bsh: ls") && shown.contains('^'), "{shown}");
}
