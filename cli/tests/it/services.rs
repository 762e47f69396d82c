//! How services start, what keeps them from starting, and how they end.

use std::net::TcpListener;
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use store::testing::TestDatabase;

use crate::local::{Home, Said};
use crate::output::Output;
use crate::system::System;
use crate::wait::until_some;

fn refused(said: &Said, parts: &[&str]) {
    assert_eq!(said.code, 1, "{}", said.stderr);
    for part in parts {
        assert!(said.stderr.contains(part), "`{part}` in {}", said.stderr);
    }
}

#[test]
fn a_port_in_use_is_named_with_the_way_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let said = Home::new().flowctl(&["standalone", "--port", &port]);
    refused(&said, &[&format!("port {port} of 127.0.0.1 cannot be used: something else listens there"), "--port"]);
}

#[test]
fn a_home_that_cannot_be_written_to_is_named() {
    let home = Home::new();
    let file = home.write("file", "");
    let said = home.flowctl(&["standalone", "--home", file.to_str().unwrap()]);
    refused(&said, &["cannot be written to", "--home"]);
}

#[test]
fn a_dag_folder_that_is_missing_or_no_folder_is_named() {
    let home = Home::new();
    let file = home.write("file", "");
    let missing = home.flowctl(&["standalone", "--port", "0", "--dags", "nowhere"]);
    refused(&missing, &["the DAG folder", "nowhere does not exist", "create it"]);
    let no_folder = home.flowctl(&["standalone", "--port", "0", "--dags", file.to_str().unwrap()]);
    refused(&no_folder, &["is not a folder"]);
}

#[test]
fn a_database_that_stays_away_ends_the_start_after_visible_tries() {
    let home = Home::new()
        .set("FLOWCTL_DATABASE_URL", "postgres://u@127.0.0.1:1/d")
        .set("FLOWCTL_DATABASE__CONNECT_TIMEOUT", "600ms");
    let said = home.flowctl(&["standalone", "--port", "0"]);
    refused(&said, &["cannot be reached", "trying for", "FLOWCTL_DATABASE_URL"]);
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_not_waited_for() {
    let database = TestDatabase::create().await;
    let name = database.url().rsplit('/').find_map(|part| part.split_once('?')).unwrap_or_default().0.to_owned();
    let home = Home::new().set("FLOWCTL_DATABASE_URL", database.url().replace(&format!("/{name}?"), "/nowhere?"));
    let said = home.flowctl(&["scheduler"]);
    refused(&said, &["\"nowhere\" does not exist"]);
    assert!(!said.stderr.contains("trying"), "{}", said.stderr);
}

#[tokio::test]
async fn a_second_standalone_with_the_same_home_is_refused_by_name() {
    let mut system = System::with_embedded_postgres().await;
    let output = system.command(&["standalone", "--port", "0"]).output().unwrap();
    refused(&crate::local::said(&output), &[&format!("another flowctl (process {})", system.pid())]);
    assert!(system.terminate().await.success());
}

#[test]
fn a_database_of_another_postgresql_is_refused_and_left_alone() {
    let home = Home::new();
    let version = home.write("postgres/data/PG_VERSION", "9\n");
    let said = home.flowctl(&["standalone", "--port", "0"]);
    refused(&said, &["was made by PostgreSQL 9"]);
    assert!(version.exists());
}

#[tokio::test]
async fn the_local_command_line_has_credentials_while_standalone_runs() {
    let mut system = System::with_test_database().await;
    let text = std::fs::read_to_string(system.home().join("client.json")).unwrap();
    let left: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(left["server"], system.url());
    let mut command = system.command(&["dags", "list", "-o", "json"]);
    let said = crate::local::said(&tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap());
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(system.terminate().await.success());
}

#[tokio::test]
async fn the_first_password_is_printed_once_and_the_examples_are_there() {
    let home = Home::new();
    std::fs::remove_dir(home.path().join("dags")).unwrap();
    for is_first in [true, false] {
        let mut service = Running::start(&home, &["standalone", "--port", "0"]);
        service.printed("DAG files go into").await;
        service.said(if is_first { "a new version of the DAG is in force" } else { "this scheduler leads" }).await;
        assert_eq!(service.stop(Signal::SIGTERM).await, 0);
        assert_eq!(service.stdout.line_with("first login: admin / ").is_some(), is_first, "{}", service.stdout.text());
    }
    assert!(home.path().join("dags/simple_tutorial.yaml").exists());
    assert!(home.path().join("dags/etl_daily.yaml").exists());
    let accounts = home.flowctl(&["users", "list"]);
    assert_eq!((accounts.code, accounts.stdout.as_str()), (0, "admin\tadmin\tlocal\tin use\n"), "{}", accounts.stderr);
}

#[tokio::test]
async fn the_services_of_a_deployment_run_apart_and_run_a_dag_together() {
    let database = TestDatabase::create().await;
    let home = Home::new()
        .set("FLOWCTL_DATABASE_URL", database.url())
        .set("FLOWCTL_ADMIN_PASSWORD", "secret")
        .set("FLOWCTL_WEBSERVER__BIND", "127.0.0.1:0");
    home.write("dags/now.yaml", "schedule: 1d\nstart_date: 2026-01-01\ntasks: [{id: a, bash: echo ran}]\n");
    let mut scheduler = Running::start(&home, &["scheduler", "--no-dag-processor"]);
    let mut processor = Running::start(&home, &["dag-processor"]);
    let mut webserver = Running::start(&home, &["webserver"]);
    webserver.printed("flowctl is at http://127.0.0.1:").await;
    let store = database.store();
    until_some(
        "the run ends",
        || format!("{}\n{}", scheduler.stderr.text(), processor.stderr.text()),
        async || (database.number("SELECT count(*) FROM dag_run WHERE state = 'success'").await == 1).then_some(()),
    )
    .await;
    let mut kinds: Vec<String> = store.services().await.unwrap().into_iter().map(|service| service.kind).collect();
    kinds.sort();
    assert_eq!(kinds, ["dag_processor", "scheduler"]);
    let doctor = home.flowctl(&["doctor"]);
    assert_eq!(doctor.code, 0, "{}\n{}", doctor.stdout, doctor.stderr);
    for service in [&mut webserver, &mut processor, &mut scheduler] {
        assert_eq!(service.stop(Signal::SIGINT).await, 0, "{}", service.stderr.text());
    }
    assert_eq!(store.services().await.unwrap(), []);
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_a_task_that_ignores_sigterm() {
    let mut system = System::with_test_database().await;
    let mark = system.home().join("started");
    system.write_dag(
        "stubborn.yaml",
        &format!(
            "tasks: [{{id: a, bash: 'trap \"\" TERM; touch {}; while true; do sleep 0.1; done'}}]\n",
            mark.display()
        ),
    );
    system.said("a new version of the DAG is in force").await;
    let triggered = system.command(&["dags", "trigger", "stubborn"]).output().unwrap();
    assert!(triggered.status.success(), "{:?}", crate::local::said(&triggered));
    until_some("the task runs", || system.stderr(), async || mark.exists().then_some(())).await;
    system.signal(Signal::SIGINT);
    system.said("once more to stop at once").await;
    system.signal(Signal::SIGINT);
    assert!(system.ended().await.success());
    // Without the process that the second signal left behind; the next start would end it.
    crate::processes::end(&crate::processes::of_home(system.home()));
    until_some("its process is gone", String::new, async || {
        crate::processes::of_home(system.home()).is_empty().then_some(())
    })
    .await;
}

/// A service of a home that is not `standalone` of the fixture.
struct Running {
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl Running {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut command = home.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = Output::of(child.stdout.take().unwrap());
        let stderr = Output::of(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    async fn printed(&mut self, part: &str) {
        let stdout = self.stdout.clone();
        self.shows(&stdout, part).await;
    }

    async fn said(&mut self, part: &str) {
        let stderr = self.stderr.clone();
        self.shows(&stderr, part).await;
    }

    async fn shows(&mut self, stream: &Output, part: &str) {
        let stderr = self.stderr.clone();
        until_some(
            &format!("it shows `{part}`"),
            || stderr.text(),
            async || {
                let ended = self.child.try_wait().unwrap();
                let line = stream.line_with(part);
                assert!(line.is_some() || ended.is_none(), "ended before `{part}`: {}", stderr.text());
                line
            },
        )
        .await;
    }

    async fn stop(&mut self, signal: Signal) -> i32 {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
        let stderr = self.stderr.clone();
        let status = until_some("it ends", || stderr.text(), async || self.child.try_wait().unwrap()).await;
        status.code().unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[tokio::test]
async fn a_role_that_groups_of_the_identity_provider_give_and_that_does_not_exist_is_told_at_the_start() {
    let mut system = System::on_test_database().await;
    system.set("FLOWCTL_OIDC__ISSUER", "http://127.0.0.1:1");
    system.set("FLOWCTL_OIDC__CLIENT_ID", "flowctl");
    system.set("FLOWCTL_WEBSERVER__BASE_URL", "http://127.0.0.1:8080");
    system.set("FLOWCTL_OIDC__ROLES", "staff=viewer, ops=opps");
    system.spawn();
    let (status, said) = system.ended_saying().await;
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("oidc.roles gives `ops` the role `opps`, which does not exist; there are "), "{said}");
    assert!(said.contains("flowctl roles create"), "{said}");
}
