//! Runs: shown, watched, waited for, cancelled, cleared.

use std::io::Read;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Site;
use super::proxy::Proxy;
use crate::output::Output;
use crate::wait::until_some;

/// `wait` runs until the file `go` is there.
fn held(site: &Site) -> String {
    let go = site.system.home().join("go").display().to_string();
    format!(
        r"
tasks:
  - group: extract
    tasks:
      - id: orders
        bash: echo waiting; until [ -e {go} ]; do sleep 0.05; done; echo gone
      - id: customers
        empty: {{}}
  - id: load
    bash: echo loaded
    depends_on: extract
"
    )
}

fn release(site: &Site) {
    std::fs::write(site.system.home().join("go"), "").expect("a file");
}

#[tokio::test]
async fn a_run_is_a_tree_with_states_and_what_each_task_waits_for() {
    let site = Site::start().await;
    site.dag("held", &held(&site)).await;
    site.run(&["dags", "trigger", "held", "--run-id", "a"]).done();
    site.until(&["tasks", "state", "held", "a", "extract.orders"], |state| state == "running\n").await;
    let shown = site.run(&["runs", "show", "held", "-", "-o", "table"]).done();
    for part in ["├─ extract\n", "│  ├─ orders", "▸ running", "│  └─ customers", "└─ load", "extract.orders"]
    {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    let why = site.run(&["tasks", "why", "held", "latest", "load"]).done();
    assert!(why.contains("extract.orders"), "{why}");
    let why = site.run(&["tasks", "why", "held", "a", "extract.orders"]).done();
    assert!(why.starts_with("it is running since 20"), "{why}");
    release(&site);
    let ended = site.run(&["runs", "watch", "held", "a"]).done();
    assert_eq!(ended.lines().filter(|line| line.contains("\tsuccess\t")).count(), 3, "{ended}");
}

#[tokio::test]
async fn ctrl_c_ends_the_waiting_and_not_the_run() {
    let site = Site::start().await;
    site.dag("held", &held(&site)).await;
    let mut command = site.command(&["dags", "trigger", "held", "--run-id", "a", "--wait", "--logs"]);
    let mut waiting = command.spawn().expect("flowctl starts");
    let stdout = Output::of(waiting.stdout.take().expect("its stdout"));
    until_some("the log grows", || stdout.text(), async || stdout.line_with("extract.orders    | waiting")).await;
    kill(Pid::from_raw(waiting.id().cast_signed()), Signal::SIGINT).expect("Ctrl-C");
    assert_eq!(waiting.wait().expect("its end").code(), Some(130));
    let mut stderr = String::new();
    waiting.stderr.take().expect("its stderr").read_to_string(&mut stderr).expect("UTF-8");
    assert!(stderr.contains("`flowctl runs watch held a` resumes"), "{stderr}");
    assert_eq!(site.run(&["tasks", "state", "held", "a", "extract.orders"]).done(), "running\n");

    release(&site);
    let resumed = site.run(&["runs", "watch", "held", "a", "--logs"]).done();
    for line in ["extract.orders    | waiting", "extract.orders    | gone", "load              | loaded"] {
        assert!(resumed.lines().any(|got| got == line), "{line} in\n{resumed}");
    }
}

#[tokio::test]
async fn a_server_that_restarts_is_waited_for() {
    let mut site = Site::start().await;
    site.dag("held", &held(&site)).await;
    let proxy = Proxy::before(site.system.url()).await;
    let mut command = site.command(&["dags", "trigger", "held", "--run-id", "a", "--wait", "--logs"]);
    command.env("FLOWCTL_SERVER", proxy.url()).env("FLOWCTL_TOKEN", site.token());
    let mut waiting = command.spawn().expect("flowctl starts");
    let stdout = Output::of(waiting.stdout.take().expect("its stdout"));
    let stderr = Output::of(waiting.stderr.take().expect("its stderr"));
    until_some("the log grows", || stdout.text(), async || stdout.line_with("| waiting")).await;
    site.system.kill9();
    until_some("the loss is told", || stderr.text(), async || stderr.line_with("trying again")).await;
    site.system.start().await;
    proxy.moved(site.system.url());
    release(&site);
    let context = || format!("{}\n{}", stdout.text(), stderr.text());
    let ended = until_some("the run ends", context, async || waiting.try_wait().expect("its status")).await;
    assert_eq!(ended.code(), Some(0), "{}", context());
    until_some("what follows is printed", context, async || stdout.line_with("load              | loaded")).await;
}

#[tokio::test]
async fn a_cancelled_run_has_failed_and_what_waits_for_it_ends() {
    let site = Site::start().await;
    site.dag("held", &held(&site)).await;
    site.run(&["dags", "trigger", "held", "--run-id", "a"]).done();
    site.until(&["tasks", "state", "held", "a", "extract.orders"], |state| state == "running\n").await;
    let waiting = site.command(&["runs", "watch", "held", "a"]).spawn().expect("flowctl starts");
    let stderr = site.run(&["runs", "cancel", "held", "a"]).stderr;
    assert!(stderr.contains("run `a` of `held` is cancelled"), "{stderr}");
    let watched = waiting.wait_with_output().expect("its end");
    assert_eq!(watched.status.code(), Some(1));
    assert!(site.run(&["runs", "list", "held"]).done().contains("\tfailed\t"));
}

#[tokio::test]
async fn cleared_tasks_run_again_with_what_follows_them() {
    let site = Site::start().await;
    site.dag("held", &held(&site)).await;
    release(&site);
    site.run(&["dags", "trigger", "held", "--run-id", "a", "--wait"]).done();
    let would = site.run(&["tasks", "clear", "held", "a", "extract.orders", "--dry-run"]);
    assert!(would.stderr.starts_with("would start over:\n"), "{would:?}");
    let ids =
        |listed: &str| listed.lines().filter_map(|line| line.split('\t').next().map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(ids(&would.done()), ["extract.orders", "load"]);
    assert_eq!(site.run(&["runs", "list", "held", "--state", "success"]).stderr, "1 of 1\n", "nothing was changed");

    let cleared = site.run(&["tasks", "clear", "held", "a", "extract.orders"]);
    assert!(cleared.stderr.starts_with("cleared:\n"), "{cleared:?}");
    let again = site.run(&["runs", "watch", "held", "a"]).done();
    let tries: Vec<_> = again.lines().filter_map(|line| line.split('\t').nth(3)).collect();
    assert_eq!(tries, ["2", "1", "2"], "{again}");

    assert_eq!(site.run(&["runs", "clear", "held", "a"]).done().lines().count(), 3);
    site.run(&["runs", "watch", "held", "a"]).done();
    let nothing = site.run(&["runs", "clear", "held", "a", "--only-failed"]).refused(1);
    assert!(nothing.contains("nothing to clear"), "{nothing}");
}
