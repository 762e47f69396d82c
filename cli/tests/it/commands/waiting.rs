//! Sensors, approvals and triggers of other DAGs, with the real binary.

use std::process::{Child, Command, Stdio};

use super::Site;
use crate::system::System;
use crate::wait::until_some;

/// Dates far away keep the runs of a test apart.
fn trigger(site: &Site, dag_id: &str, date: &str) {
    site.run(&["dags", "trigger", dag_id, "--logical-date", date, "--run-id", "one"]).done();
}

async fn state(site: &Site, dag_id: &str, task_id: &str, wanted: &str) {
    site.until(&["tasks", "state", dag_id, "one", task_id], |state| state.trim() == wanted).await;
}

#[tokio::test]
async fn a_file_sensor_waits_over_a_kill_with_its_deadline_unchanged_and_is_met_by_the_file() {
    let mut site = Site::start().await;
    let file = site.system.home().join("data.csv");
    let text = format!(
        "tasks:\n- {{id: data, sensor: {{file: {}, poke_interval: 1s, timeout: 1h}}}}\n- {{id: load, bash: echo loaded, depends_on: data}}\n",
        file.display()
    );
    site.dag("waits", &text).await;
    trigger(&site, "waits", "2026-01-01");
    state(&site, "waits", "data", "deferred").await;
    let why = ["tasks", "why", "waits", "one", "data"];
    let told = site.until(&why, |why| why.contains("it does not exist (looked ")).await;
    let until =
        |told: &str| told.split("it gives up at ").nth(1).map(str::trim).map(str::to_owned).expect("a deadline");
    let before = until(&told);
    site.system.keep_address();
    site.system.kill9();
    site.system.start().await;
    let after = site.until(&why, |why| why.contains("it gives up at ")).await;
    assert_eq!(until(&after), before);
    assert_eq!(site.run(&["tasks", "state", "waits", "one", "data"]).done().trim(), "deferred");
    std::fs::write(&file, "a,b\n").unwrap();
    state(&site, "waits", "load", "success").await;
    assert_eq!(site.system.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn a_time_comes_and_a_sensor_gives_up_softly_or_hard() {
    let site = Site::start().await;
    let text = "tasks:\n- {id: past, sensor: {time: '2020-01-01'}}\n- {id: delta, sensor: {delta: 1s}}\n\
                - {id: soft, sensor: {file: /nowhere, poke_interval: 1s, timeout: 1s, soft_fail: true}}\n\
                - {id: hard, sensor: {file: /nowhere, poke_interval: 1s, timeout: 1s}, retries: 3}\n";
    site.dag("times", text).await;
    trigger(&site, "times", "2026-01-01");
    for (task, wanted) in [("past", "success"), ("delta", "success"), ("soft", "skipped"), ("hard", "failed")] {
        state(&site, "times", task, wanted).await;
    }
    let why = site.run(&["tasks", "why", "times", "one", "hard"]).done();
    assert!(why.contains("waited 1s (timeout) for the file /nowhere"), "{why}");
}

/// Python's HTTP server over a folder; ended when it is dropped.
struct Server(Child, u16);

impl Server {
    fn over(folder: &std::path::Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("python3");
        command.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()]).current_dir(folder);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self(child, port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn an_http_sensor_waits_until_the_server_answers_as_expected() {
    let site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::over(folder.path());
    let text = format!(
        "tasks:\n- id: there\n  sensor: {{http: 'http://127.0.0.1:{0}/there', poke_interval: 1s}}\n\
         - id: done\n  sensor: {{http: {{url: 'http://127.0.0.1:{0}/job.json', expect: '{{{{ response.json.state == \"done\" }}}}'}}, poke_interval: 1s}}\n",
        server.1
    );
    std::fs::write(folder.path().join("job.json"), r#"{"state": "running"}"#).unwrap();
    site.dag("web", &text).await;
    trigger(&site, "web", "2026-01-01");
    site.until(&["tasks", "why", "web", "one", "there"], |why| why.contains("404 Not Found")).await;
    site.until(&["tasks", "why", "web", "one", "done"], |why| why.contains("`expect` is false")).await;
    std::fs::write(folder.path().join("there"), "").unwrap();
    std::fs::write(folder.path().join("job.json"), r#"{"state": "done"}"#).unwrap();
    state(&site, "web", "there", "success").await;
    state(&site, "web", "done", "success").await;
}

#[tokio::test]
async fn a_person_approves_or_rejects_and_a_second_answer_is_refused() {
    let site = Site::start().await;
    let text = "tasks:\n- {id: ask, approve: 'Ship {{ ds }}?'}\n- {id: ship, bash: echo shipped, depends_on: ask}\n";
    site.dag("ships", text).await;
    trigger(&site, "ships", "2026-01-01");
    state(&site, "ships", "ask", "awaiting_input").await;
    let listed = site.run(&["approvals", "list"]).done();
    assert!(listed.contains("Ship 2026-01-01?") && listed.contains("Approve, Reject"), "{listed}");
    let bad = site.run(&["approvals", "answer", "ships", "one", "ask", "Later"]).refused(2);
    assert!(bad.contains("`Later` is not one of the options"), "{bad}");
    let answer = ["approvals", "answer", "ships", "one", "ask", "Approve"];
    assert_eq!(site.run(&answer).code, 0);
    state(&site, "ships", "ship", "success").await;
    let value = site.run(&["xcom", "get", "ships", "one", "ask"]).done();
    assert!(value.contains("Approve") && value.contains("admin"), "{value}");
    let again = site.run(&answer).refused(1);
    assert!(again.contains("answered already: `Approve` by admin"), "{again}");
    site.run(&["dags", "trigger", "ships", "--logical-date", "2026-01-02", "--run-id", "two"]).done();
    site.until(&["tasks", "state", "ships", "two", "ask"], |state| state.trim() == "awaiting_input").await;
    assert_eq!(site.run(&["approvals", "answer", "ships", "two", "ask", "Reject"]).code, 0);
    site.until(&["tasks", "state", "ships", "two", "ship"], |state| state.trim() == "skipped").await;
    assert!(!site.run(&["approvals", "list"]).done().contains("Ship"));
    assert!(site.run(&["approvals", "list", "--all"]).done().contains("Reject"));
}

#[tokio::test]
async fn a_dag_triggers_another_and_waits_for_it_and_a_third_waits_for_that_run() {
    let site = Site::start().await;
    let child = "params:\n  day: {type: string, default: none}\ntasks:\n- {id: work, bash: 'test {{ params.day }} != bad && echo {{ params.day }}'}\n";
    site.dag("child", child).await;
    let parent = "tasks:\n- id: call\n  trigger_dag: {dag_id: child, conf: {day: '{{ ds }}'}, logical_date: '{{ logical_date }}', wait: true}\n\
                  - {id: after, bash: echo after, depends_on: call}\n\
                  - {id: fails, trigger_dag: {dag_id: child, conf: {day: bad}, logical_date: null, wait: true}}\n\
                  - {id: unknown, trigger_dag: nobody}\n";
    site.dag("parent", parent).await;
    site.dag("sibling", "tasks:\n- {id: wait, sensor: {task: {dag_id: child, task_id: work}, poke_interval: 1s}}\n")
        .await;
    trigger(&site, "sibling", "2026-01-01");
    site.until(&["tasks", "why", "sibling", "one", "wait"], |why| why.contains("there is no such run")).await;
    trigger(&site, "parent", "2026-01-01");
    state(&site, "parent", "after", "success").await;
    let called = "manual__parent.call.1__one";
    assert_eq!(site.run(&["xcom", "get", "child", called, "work"]).done().trim(), "2026-01-01");
    state(&site, "sibling", "wait", "success").await;
    state(&site, "parent", "fails", "failed").await;
    let why = site.run(&["tasks", "why", "parent", "one", "fails"]).done();
    assert!(why.contains("of DAG `child` failed"), "{why}");
    state(&site, "parent", "unknown", "failed").await;
    assert!(site.run(&["tasks", "why", "parent", "one", "unknown"]).done().contains("there is no DAG `nobody`"));
    let id = site.run(&["xcom", "get", "parent", "one", "call", "trigger_run_id"]).done();
    assert_eq!(id.trim(), called);
}

#[tokio::test]
async fn sensors_in_sql_and_python_look_until_they_see_something_true() {
    let mut system = System::on_test_database().await;
    let url = system.database_url();
    system.set("FLOWCTL_CONN_DWH", &url);
    system.start().await;
    let site = Site::of(system);
    let mark = site.system.home().join("mark");
    let text = format!(
        "tasks:\n- {{id: sql, sensor: {{sql: {{conn_id: dwh, sql: 'SELECT count(*) FROM dag WHERE is_paused'}}, poke_interval: 1s}}}}\n\
         - {{id: nowhere, sensor: {{sql: {{conn_id: nowhere, sql: SELECT 1}}}}}}\n\
         - id: python\n  sensor:\n    poke_interval: 1s\n    python:\n      code: |\n        import os\n        return os.path.exists('{}')\n",
        mark.display()
    );
    site.dag("looks", &text).await;
    trigger(&site, "looks", "2026-01-01");
    state(&site, "looks", "nowhere", "failed").await;
    assert!(site.run(&["tasks", "why", "looks", "one", "nowhere"]).done().contains("flowctl connections add nowhere"));
    site.until(&["tasks", "why", "looks", "one", "sql"], |why| why.contains("its value is 0")).await;
    site.until(&["tasks", "why", "looks", "one", "python"], |why| why.contains("it returned false")).await;
    site.dag("paused", "is_paused_upon_creation: true\ntasks: [{id: a, empty: {}}]\n").await;
    std::fs::write(&mark, "").unwrap();
    state(&site, "looks", "sql", "success").await;
    state(&site, "looks", "python", "success").await;
}

#[tokio::test]
async fn a_cancelled_run_waits_for_nothing_any_more() {
    let site = Site::start().await;
    site.dag("idle", "tasks:\n- {id: wait, sensor: {file: /nowhere}}\n- {id: ask, approve: 'Well?'}\n").await;
    trigger(&site, "idle", "2026-01-01");
    state(&site, "idle", "wait", "deferred").await;
    state(&site, "idle", "ask", "awaiting_input").await;
    site.run(&["runs", "cancel", "idle", "one"]).done();
    state(&site, "idle", "wait", "failed").await;
    let store = site.system.store().await;
    until_some("no wait is left", String::new, async || {
        (store.count_waits().await.expect("a count") == 0).then_some(())
    })
    .await;
    assert!(!site.run(&["approvals", "list"]).done().contains("Well?"));
}
