//! A flowctl of a test's own: the real binary with `standalone`, its home, DAG folder and database.
#![allow(dead_code, reason = "each test uses some of it")]

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use store::Store;
use store::embedded::{Binaries, Cluster};
use store::testing::TestDatabase;
use tempfile::TempDir;

use crate::output::Output;
use crate::processes;
use crate::wait::until_some;

/// The password of `admin` in every system.
pub(crate) const PASSWORD: &str = "correct horse";

/// Where its database is.
enum Database {
    /// The embedded one, below its home.
    Embedded,
    /// One in the cluster of the test run.
    Shared(TestDatabase),
    /// Somewhere else.
    At(String),
}

/// A flowctl. Dropping it ends the process group, and fails the test when a task's process outlived a flowctl that
/// was stopped in good order.
pub(crate) struct System {
    home: TempDir,
    dags: PathBuf,
    database: Database,
    environment: Vec<(String, String)>,
    running: Option<Running>,
    /// Of its address; 0: a free one at each start.
    port: u16,
    /// After `kill9` the processes of tasks may live until the next start.
    may_leave_tasks: bool,
}

struct Running {
    child: Child,
    stdout: Output,
    stderr: Output,
    url: String,
}

impl System {
    /// With a database of the test cluster (no fsync: for everything that is not about the database itself). Started.
    pub(crate) async fn with_test_database() -> Self {
        let mut system = Self::new(Database::Shared(TestDatabase::create().await));
        system.start().await;
        system
    }

    /// With its own embedded PostgreSQL. Started.
    pub(crate) async fn with_embedded_postgres() -> Self {
        let mut system = Self::embedded();
        system.start().await;
        system
    }

    /// With its own embedded PostgreSQL. Not started.
    pub(crate) fn embedded() -> Self {
        Self::new(Database::Embedded)
    }

    /// With a database of the test cluster. Not started.
    pub(crate) async fn on_test_database() -> Self {
        Self::new(Database::Shared(TestDatabase::create().await))
    }

    /// With the database at `url`, which may not be there yet. Not started.
    pub(crate) fn at(url: &str) -> Self {
        Self::new(Database::At(url.to_owned()))
    }

    fn new(database: Database) -> Self {
        let home = tempfile::Builder::new().prefix("flowctl-it-").tempdir().expect("a home");
        // PostgreSQL runs as another user when the tests run as root, and must be able to reach its directory.
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).expect("its permissions");
        let dags = home.path().join("dags");
        std::fs::create_dir(&dags).expect("the DAG folder");
        Self { home, dags, database, environment: Vec::new(), running: None, port: 0, may_leave_tasks: false }
    }

    /// Sets a variable of the environment of the next start.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The binary with a subcommand, in the environment that this system has; not started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        // `FLOWCTL_TEST_BINARY`: the same tests against a release artefact.
        let binary = std::env::var_os("FLOWCTL_TEST_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_flowctl").into());
        let mut command = Command::new(binary);
        command.args(arguments).env("FLOWCTL_HOME", self.home.path()).env("FLOWCTL_DAGS_FOLDER", &self.dags);
        command.env("FLOWCTL_ADMIN_PASSWORD", PASSWORD).env("NO_COLOR", "1").env_remove("FLOWCTL_DATABASE_URL");
        match &self.database {
            Database::Embedded => {}
            Database::Shared(database) => {
                command.env("FLOWCTL_DATABASE_URL", database.url());
            }
            Database::At(url) => {
                command.env("FLOWCTL_DATABASE_URL", url);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts it, without waiting for anything.
    pub(crate) fn spawn(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let mut command = self.command(&["standalone", "--port", &self.port.to_string()]);
        let mut child = command.process_group(0).spawn().expect("flowctl starts");
        let stdout = Output::of(child.stdout.take().expect("its stdout"));
        let stderr = Output::of(child.stderr.take().expect("its stderr"));
        self.running = Some(Running { child, stdout, stderr, url: String::new() });
        self.may_leave_tasks = false;
    }

    /// Starts it and waits for the address that it prints.
    pub(crate) async fn start(&mut self) {
        self.spawn();
        let line = self.printed("flowctl is at ").await;
        let url = line.trim_start_matches("flowctl is at ").trim();
        url.clone_into(&mut self.running.as_mut().expect("it runs").url);
    }

    /// The first line of its stdout with `part`, once there is one. Panics when it ended before.
    pub(crate) async fn printed(&mut self, part: &str) -> String {
        self.line(part, |running| &running.stdout).await
    }

    /// The first line of its stderr with `part`, once there is one. Panics when it ended before.
    pub(crate) async fn said(&mut self, part: &str) -> String {
        self.line(part, |running| &running.stderr).await
    }

    async fn line(&mut self, part: &str, stream: fn(&Running) -> &Output) -> String {
        let running = self.running.as_mut().expect("it runs");
        let (stdout, stderr) = (running.stdout.clone(), running.stderr.clone());
        let context = || format!("stdout:\n{}\nstderr:\n{}", stdout.text(), stderr.text());
        until_some(&format!("flowctl prints `{part}`"), context, async || {
            let ended = running.child.try_wait().expect("its status");
            let line = stream(running).line_with(part);
            assert!(line.is_some() || ended.is_none(), "flowctl ended ({ended:?}) before `{part}`\n{}", context());
            line
        })
        .await
    }

    /// `kill -9` of flowctl alone: what it started lives on.
    pub(crate) fn kill9(&mut self) {
        let mut running = self.running.take().expect("it runs");
        running.child.kill().expect("SIGKILL");
        running.child.wait().expect("its end");
        self.may_leave_tasks = true;
    }

    /// `kill -9` of flowctl and of all processes of its embedded database.
    pub(crate) fn kill9_with_postgres(&mut self) {
        let postmaster = self.postmaster();
        let backends = processes::children_of(postmaster);
        self.kill9();
        for pid in std::iter::once(postmaster).chain(backends) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    /// A signal to flowctl.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("the signal");
    }

    /// SIGTERM, and how it ended.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.ended().await
    }

    /// How it ended, once it has.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("it runs");
        let stderr = running.stderr.clone();
        until_some("flowctl ends", || stderr.text(), async || running.child.try_wait().expect("its status")).await
    }

    /// How it ended and what it said, once it has.
    pub(crate) async fn ended_saying(&mut self) -> (ExitStatus, String) {
        let stderr = self.running.as_ref().expect("it runs").stderr.clone();
        let status = self.ended().await;
        until_some("its stderr is closed", String::new, async || stderr.has_ended().then_some(())).await;
        (status, stderr.text())
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.running.as_ref().expect("it runs").child.id().cast_signed()
    }

    /// Its address, `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.running.as_ref().expect("it runs").url
    }

    /// Lets the next start have the address that it has now.
    pub(crate) fn keep_address(&mut self) {
        self.port = self.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    }

    /// What it printed to stdout so far.
    pub(crate) fn stdout(&self) -> String {
        self.running.as_ref().map(|running| running.stdout.text()).unwrap_or_default()
    }

    /// What it printed to stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.running.as_ref().map(|running| running.stderr.text()).unwrap_or_default()
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn dags(&self) -> &Path {
        &self.dags
    }

    /// Puts a file into the DAG folder, all at once.
    pub(crate) fn write_dag(&self, name: &str, text: &str) {
        let unfinished = self.dags.join(format!(".{name}.unfinished"));
        std::fs::write(&unfinished, text).expect("a DAG file");
        std::fs::rename(&unfinished, self.dags.join(name)).expect("its name");
    }

    /// Where its database is.
    pub(crate) fn database_url(&self) -> String {
        match &self.database {
            Database::Embedded => self.cluster().url("flowctl"),
            Database::Shared(database) => database.url().to_owned(),
            Database::At(url) => url.clone(),
        }
    }

    /// Its database, over connections of the test's own.
    pub(crate) async fn store(&self) -> Store {
        Store::connect(&self.database_url()).await.expect("the system's database")
    }

    /// Its embedded cluster.
    pub(crate) fn cluster(&self) -> Cluster {
        Cluster::new(binaries(self.home.path()), self.home.path().join("postgres"), &[]).expect("its cluster")
    }

    fn postmaster(&self) -> i32 {
        let text =
            std::fs::read_to_string(self.home.path().join("postgres/data/postmaster.pid")).expect("a postmaster");
        text.lines().next().and_then(|line| line.trim().parse().ok()).expect("its process id")
    }
}

/// PostgreSQL's programs.
pub(crate) fn binaries(home: &Path) -> Binaries {
    Binaries::find(
        std::env::var_os("FLOWCTL_POSTGRES_BIN").map(PathBuf::from).as_deref(),
        std::env::var_os("PATH").as_deref(),
        home,
    )
    .expect("PostgreSQL")
}

impl Drop for System {
    fn drop(&mut self) {
        let was_running = self.running.is_some();
        if let Some(mut running) = self.running.take() {
            let _ = killpg(Pid::from_raw(running.child.id().cast_signed()), Signal::SIGKILL);
            let _ = running.child.wait();
        }
        let left = processes::of_home(self.home.path());
        processes::end(&left);
        worker::clear_run_folder(&worker::run_folder(self.home.path()));
        if matches!(self.database, Database::Embedded) && self.home.path().join("postgres/data/PG_VERSION").exists() {
            let _ = self.cluster().stop();
        }
        if !was_running && !self.may_leave_tasks && !std::thread::panicking() {
            assert!(left.is_empty(), "processes of tasks outlived flowctl: {left:?}");
        }
    }
}
