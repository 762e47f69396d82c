//! From a trigger over HTTP to a started process, through the real program.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use api::{AccessToken, DagCollection, TaskInstanceCollection, TriggerDagRunBody};
use reqwest::Client;
use tempfile::TempDir;

use crate::statistics::{latencies, millis};
use crate::{Row, dags, row};

const RUNS: usize = 200;
const PASSWORD: &str = "measured";

/// `target/release/flowctl standalone` on a home of its own.
pub(crate) struct Flowctl {
    child: Child,
    pub(crate) url: String,
    home: TempDir,
    /// From the start of the program to the line that says where it listens.
    pub(crate) ready_after: Duration,
}

impl Flowctl {
    /// Starts it on a new home.
    pub(crate) fn start() -> Result<Self> {
        let home = tempfile::Builder::new()
            .prefix("flowctl-bench-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()?;
        Self::start_in(home)
    }

    fn start_in(home: TempDir) -> Result<Self> {
        let started = Instant::now();
        let mut child = Command::new(program()?)
            .args(["standalone", "--no-examples", "--port", "0", "--home"])
            .arg(home.path())
            .env("FLOWCTL_ADMIN_PASSWORD", PASSWORD)
            .env_remove("FLOWCTL_DATABASE_URL")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("its standard output")?).lines();
        let url = loop {
            let Some(line) = lines.next() else { bail!("flowctl ended before it was ready") };
            if let Some((_, url)) = line?.split_once("http://") {
                break format!("http://{}", url.split_whitespace().next().unwrap_or_default());
            }
        };
        let ready_after = started.elapsed();
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, url, home, ready_after })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its DAG files go.
    pub(crate) fn dags(&self) -> PathBuf {
        self.home.path().join("dags")
    }

    /// Its home.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Ends it and starts it again on the same home.
    pub(crate) fn restart(self) -> Result<Self> {
        Self::start_in(self.stop()?)
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn stop(mut self) -> Result<TempDir> {
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(self.child.id().cast_signed()),
            nix::sys::signal::Signal::SIGTERM,
        )?;
        self.child.wait()?;
        Ok(self.home)
    }
}

fn program() -> Result<PathBuf> {
    let beside = std::env::current_exe()?.with_file_name("flowctl");
    if beside.is_file() {
        return Ok(beside);
    }
    bail!("{} is missing: `cargo build --release -p cli` first", beside.display())
}

/// The rows.
pub(crate) async fn run() -> Result<Vec<Row>> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let flowctl = Flowctl::start()?;
    let first_start = flowctl.ready_after;
    let flowctl = flowctl.restart()?;
    let later_start = flowctl.ready_after;
    std::fs::write(
        flowctl.dags().join("one.yaml"),
        "dag_id: one\nmax_active_runs: 1000\ntasks:\n  - {id: t, bash: 'true'}\n",
    )?;
    let client = Client::new();
    let token = log_in(&client, &flowctl).await?;
    let listed_after = wait_for_dag(&client, &flowctl.url, &token).await?;
    let runs = format!("{}/api/v2/dags/one/dagRuns", flowctl.url);
    let mut answered = Vec::new();
    let mut started = Vec::new();
    for number in 0..RUNS {
        let run_id = format!("run-{number}");
        let body = TriggerDagRunBody { dag_run_id: Some(run_id.clone()), ..Default::default() };
        let (clock, watch) = (dags::now(), Instant::now());
        client.post(&runs).bearer_auth(&token).json(&body).send().await?.error_for_status()?;
        answered.push(watch.elapsed());
        let start = loop {
            let instances: TaskInstanceCollection =
                client.get(format!("{runs}/{run_id}/taskInstances")).bearer_auth(&token).send().await?.json().await?;
            let first = instances.task_instances.first();
            if let Some(start) =
                first.filter(|one| one.state.as_deref() == Some("success")).and_then(|one| one.start_date)
            {
                break start;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        started.push(Duration::try_from(start.duration_since(clock)).unwrap_or_default());
    }
    drop(flowctl.stop()?);
    Ok(vec![
        row("first start → ready", millis(first_start), "goal 1.5 s"),
        row("later start → ready", millis(later_start), "goal 0.3 s"),
        row("file dropped → listed by the API", millis(listed_after), "goal 1 s"),
        row("trigger over HTTP → answered, p50 / p99", latencies(answered), ""),
        row("trigger over HTTP → process started, p50 / p99", latencies(started), "goal 5 ms"),
    ])
}

/// A token of its admin.
pub(crate) async fn log_in(client: &Client, flowctl: &Flowctl) -> Result<String> {
    let login = api::LoginBody { username: "admin".to_owned(), password: PASSWORD.to_owned() };
    let answer = client.post(format!("{}/auth/token", flowctl.url)).json(&login).send().await?.error_for_status()?;
    Ok(answer.json::<AccessToken>().await?.access_token)
}

async fn wait_for_dag(client: &Client, url: &str, token: &str) -> Result<Duration> {
    let started = Instant::now();
    loop {
        let dags: DagCollection =
            client.get(format!("{url}/api/v2/dags")).bearer_auth(token).send().await?.json().await?;
        if !dags.dags.is_empty() {
            return Ok(started.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
