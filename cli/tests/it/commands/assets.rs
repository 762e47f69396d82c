//! Assets, from a DAG file to the run that they start.

use api::{Asset, AssetEvent, DagDetails, DagRun};

use super::Site;

const MAKER: &str = r#"
assets: [{uri: s3://a, name: a, owner: data, fresh_within: 1h}]
tasks:
  - id: make
    bash: echo '{"asset":"a","extra":{"rows":3}}' >> "$FLOWCTL_OUTLET_EVENTS"
    outlets: [a]
  - {id: wrong, bash: exit 1, outlets: [s3://never]}
"#;
const TAKER: &str = r#"
schedule: {assets: [s3://a, s3://b]}
tasks:
  - id: take
    inlets: [s3://a]
    python:
      code: |
        events = triggering_asset_events["s3://a"]
        return [len(events), events[-1].extra["rows"], inlet_events["s3://a"][-1].source_task_id]
"#;
const OTHER: &str = "
tasks: [{id: make, empty: {}, outlets: [s3://b]}]
";

fn json<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[tokio::test]
async fn a_dag_runs_once_all_its_assets_were_updated() {
    let site = Site::start().await;
    site.dag("taker", TAKER).await;
    site.dag("maker", MAKER).await;
    site.dag("other", OTHER).await;
    let details: DagDetails = json(&site.run(&["dags", "details", "taker", "-o", "json"]).done());
    assert_eq!(details.waits_for.as_deref(), Some("waits for `s3://a`, `s3://b` (0 of 2 assets updated)"));
    assert_eq!(details.asset_expression.expect("an expression")["all"][0]["asset"]["name"], "a");
    assert_eq!(site.run(&["dags", "trigger", "maker", "--wait"]).code, 1, "one of its tasks fails");
    let details = site.run(&["dags", "details", "taker"]).done();
    assert!(details.contains("waits for `s3://b` (1 of 2 assets updated since "), "{details}");
    let events: Vec<AssetEvent> = json(&site.run(&["assets", "events", "-o", "json"]).done());
    assert_eq!((events.len(), events[0].uri.as_str(), &events[0].extra["rows"]), (1, "s3://a", &3.into()));
    assert_eq!(site.run(&["runs", "list", "taker"]).done(), "");
    // Once more: both updates of a are taken by the one run.
    site.run(&["assets", "materialize", "a"]).done();
    site.until(&["assets", "events", "a"], |listed| listed.lines().count() == 2).await;
    site.run(&["dags", "trigger", "other", "--wait"]).done();
    site.until(&["runs", "list", "taker"], |listed| listed.contains("success")).await;
    let runs: Vec<DagRun> = json(&site.run(&["runs", "list", "taker", "-o", "json"]).done());
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert!(run.dag_run_id.starts_with("asset_triggered__"), "{}", run.dag_run_id);
    assert_eq!((run.run_type.as_str(), run.triggered_by.as_deref()), ("asset_triggered", Some("asset")));
    assert_eq!(
        site.run(&["xcom", "get", "taker", "latest", "take"]).done().replace([' ', '\n'], ""),
        r#"[2,3,"make"]"#
    );
    let listed = site.run(&["assets", "list"]).done();
    assert!(listed.contains("\tfresh\tmaker.make\ttaker\n"), "{listed}");
    let asset: Asset = json(&site.run(&["assets", "show", "s3://a", "-o", "json"]).done());
    assert_eq!((asset.name.as_str(), asset.is_overdue), ("a", Some(false)));
}

#[tokio::test]
async fn updates_from_outside_wait_for_a_paused_dag_and_start_it_when_it_is_not() {
    let site = Site::start().await;
    site.dag("taker", "schedule: {assets: s3://a}\ntasks: [{id: t, empty: {}}]\n").await;
    site.run(&["dags", "pause", "taker"]).done();
    for _ in 0..2 {
        site.run(&["assets", "update", "s3://a", "--extra", r#"{"rows": 1}"#]).done();
    }
    let details = site.run(&["dags", "details", "taker"]).done();
    assert!(details.contains("due: 1 of 1 assets updated"), "{details}");
    site.run(&["dags", "unpause", "taker"]).done();
    site.until(&["runs", "list", "taker"], |listed| listed.contains("success")).await;
    let events: Vec<AssetEvent> = json(&site.run(&["assets", "events", "-o", "json"]).done());
    let taken: Vec<usize> = events.iter().map(|event| event.created_dagruns.len()).collect();
    assert_eq!(taken, [1, 1], "one run took both");
    let said = site.run(&["assets", "show", "s3://z"]).refused(3);
    assert!(said.contains("no asset `s3://z`"), "{said}");
    assert!(site.run(&["assets", "materialize", "s3://a"]).refused(3).contains("No DAG materializes asset"));
}

#[tokio::test]
async fn by_interval_a_run_has_the_interval_of_what_it_takes() {
    let site = Site::start().await;
    let taker = "schedule: {assets: [s3://a, s3://b], partition: interval}\ntasks:\n  - {id: t, bash: 'echo {{ data_interval_start | ds }}'}\n";
    site.dag("taker", taker).await;
    let update = |uri: &str, day: u32| {
        let (start, end) = (format!("2026-01-0{day}T00:00:00Z"), format!("2026-01-0{}T00:00:00Z", day + 1));
        site.run(&["assets", "update", uri, "--start", &start, "--end", &end]).done();
    };
    update("s3://a", 1);
    update("s3://b", 2);
    update("s3://a", 3);
    update("s3://b", 3);
    site.until(&["runs", "list", "taker"], |listed| listed.contains("success")).await;
    assert_eq!(site.run(&["xcom", "get", "taker", "latest", "t"]).done().trim(), "2026-01-03");
    assert_eq!(site.run(&["runs", "list", "taker"]).done().lines().count(), 1);
    let details = site.run(&["dags", "details", "taker"]).done();
    assert!(details.contains("1 of 2 assets updated since"), "{details}");
}
