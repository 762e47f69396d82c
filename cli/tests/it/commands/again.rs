//! Doing it again from the command line.

use super::Site;

#[tokio::test]
async fn a_run_is_retried_marked_and_run_again_with_another_conf() {
    let site = Site::start().await;
    let fixed = site.system.home().join("fixed");
    let text = format!(
        "params:\n  k: {{type: integer, default: 1}}\ntasks:\n  - id: step\n    bash: test -e {} && echo {{{{ params.k }}}}\n",
        fixed.display()
    );
    site.dag("again", &text).await;
    assert_eq!(site.run(&["dags", "trigger", "again", "--run-id", "a", "--wait"]).code, 1);
    let would = site.run(&["tasks", "mark", "again", "a", "step", "success", "--dry-run"]);
    assert!(would.stderr.starts_with("would be marked success:\n"), "{would:?}");
    std::fs::write(&fixed, "").expect("a file");
    let retried = site.run(&["runs", "retry", "again", "a", "--wait"]);
    assert!(retried.stderr.starts_with("cleared:\n"), "{retried:?}");
    assert_eq!(retried.code, 0);
    let rerun = site.run(&["runs", "rerun", "again", "a", "--conf", "{\"k\": 7}", "--wait"]);
    assert!(rerun.stderr.contains("starts over with {\"k\":7}"), "{rerun:?}");
    assert_eq!(site.run(&["xcom", "get", "again", "a", "step"]).done(), "7\n");
    let refused = site.run(&["runs", "rerun", "again", "a", "--conf", "{\"k\": \"x\"}"]).refused(2);
    assert!(refused.contains("k: "), "{refused}");
    site.run(&["runs", "mark", "again", "a", "failed"]);
    assert!(site.run(&["runs", "list", "again"]).done().contains("\tfailed\t"));
}

#[tokio::test]
async fn tasks_are_disabled_versions_compared_and_past_dates_filled() {
    let site = Site::start().await;
    let text =
        |command: &str| format!("schedule: '@daily'\nstart_date: 2026-01-01\ntasks:\n  - id: a\n    bash: {command}\n");
    site.dag("daily", &text("'true'")).await;
    site.run(&["tasks", "disable", "daily", "a"]);
    assert!(site.run(&["tasks", "disabled", "daily"]).done().starts_with("a\tall\tadmin\t"));
    site.run(&["dags", "trigger", "daily", "--run-id", "b", "--wait"]).done();
    let why = site.run(&["tasks", "why", "daily", "b", "a"]).done();
    assert_eq!(why, "disabled until further notice by admin\n");
    assert_eq!(site.run(&["tasks", "enable", "daily", "a"]).code, 0);

    let range = ["backfill", "create", "daily", "--from", "2026-01-02", "--to", "2026-01-04"];
    assert_eq!(site.run(&[&range[..], &["--dry-run"]].concat()).done().lines().count(), 3);
    let created = site.run(&range);
    let id = created.stdout.lines().find_map(|line| line.strip_prefix("id\t")).expect("its id").to_owned();
    let shown = site.until(&["backfill", "show", &id], |shown| shown.matches("\tsuccess\t").count() == 3).await;
    assert!(shown.contains("backfill__2026-01-02T00:00:00+00:00"), "{shown}");
    site.until(&["backfill", "list", "daily"], |listed| listed.contains("\tcompleted\t") && listed.contains("3 of 3"))
        .await;
    assert_eq!(site.run(&["backfill", "cancel", &id]).code, 1, "it has ended");

    site.dag("daily", &text("'false'")).await;
    site.until(&["dags", "versions", "daily"], |versions| versions.lines().count() == 2).await;
    let diff = site.run(&["dags", "diff", "daily"]).done();
    assert!(diff.contains("-    bash: 'true'\n+    bash: 'false'"), "{diff}");
}
