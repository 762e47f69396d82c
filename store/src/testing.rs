//! A database per test, from a migrated template, in one cluster per test run.
//!
//! nextest runs each test in a process of its own. The first one starts the cluster (without fsync, freshly made, so
//! that nothing of an earlier run is in it) under a lock; each holds another lock, shared, as long as it lives; a
//! small shell process stops the cluster once nobody has held that lock for a while.

pub mod history;
pub mod statements;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::Timestamp;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgTransaction};

use crate::Store;
use crate::embedded::{Binaries, Cluster};
use crate::event_log::By;

/// Settings that make tests fast and are only right for them.
const SETTINGS: [&str; 5] =
    ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300", "shared_buffers=64MB"];

/// What tests encrypt secrets with.
pub const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

/// Who changes something in a test that is not about that.
pub fn tester() -> By {
    By::local("tester", Timestamp::UNIX_EPOCH)
}

/// A migrated database of a test's own.
pub struct TestDatabase {
    store: Store,
    url: String,
    _in_use: Flock<File>,
}

impl TestDatabase {
    /// Creates one, starting the cluster if this is the first test of a run.
    pub async fn create() -> Self {
        let base = std::env::temp_dir().join(format!("flowctl-test-postgres-{}", nix::unistd::Uid::effective()));
        std::fs::create_dir_all(&base).expect("the folder of the test cluster");
        std::fs::set_permissions(&base, std::fs::Permissions::from_mode(0o755)).expect("its permissions");
        let in_use = lock(&base.join("in-use.lock"), FlockArg::LockShared);
        let starting = lock(&base.join("start.lock"), FlockArg::LockExclusive);
        let binaries = Binaries::find(
            std::env::var_os("FLOWCTL_POSTGRES_BIN").map(PathBuf::from).as_deref(),
            std::env::var_os("PATH").as_deref(),
            &base,
        )
        .expect("PostgreSQL for the tests");
        let directory = base.join("cluster");
        let cluster = Cluster::new(binaries, directory.clone(), &SETTINGS).expect("a cluster");
        if !cluster.is_running() {
            let _ = std::fs::remove_dir_all(&directory);
            cluster.start().expect("the test cluster starts");
            stop_when_unused(&base);
        }
        let template = template(&cluster).await;
        drop(starting);
        let name = format!("test_{}", unique());
        admin(&cluster, &format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")).await;
        let url = cluster.url(&name);
        let keys = KEY.parse().expect("a key");
        let store = Store::connect(&url).await.expect("the test's database").with_keys(keys);
        Self { store, url, _in_use: in_use }
    }

    /// The database.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Runs statements that no program would.
    pub async fn execute(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(self.store.pool()).await.expect("the test's statements");
    }

    /// The one number that a statement gives.
    pub async fn number(&self, sql: &str) -> i64 {
        let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
        query.fetch_one(self.store.pool()).await.expect("the test's statement")
    }

    /// A transaction that has run some statements and keeps the locks that they took.
    pub async fn hold(&self, sql: &str) -> Held {
        let mut held = Held(self.store.pool().begin().await.expect("a transaction"));
        held.execute(sql).await;
        held
    }

    /// Waits until somebody waits for a lock of a table.
    pub async fn until_awaited(&self, table: &str) {
        let sql = format!("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass");
        while self.number(&sql).await == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Its address, for other processes.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// A transaction of a test.
pub struct Held(PgTransaction<'static>);

impl Held {
    /// Runs more statements in it.
    pub async fn execute(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *self.0).await.expect("the test's statements");
    }

    /// Commits it, which releases its locks.
    pub async fn commit(self) {
        self.0.commit().await.expect("a commit");
    }
}

/// Lets messages that are to be delivered later, or that a process that died had taken, be due at once.
pub async fn make_callbacks_due(store: &Store) {
    let sql = "UPDATE callback SET due_at = now() WHERE state = 'pending'";
    sqlx::raw_sql(sql).execute(store.pool()).await.expect("the test's statement");
}

fn lock(path: &Path, how: FlockArg) -> Flock<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).expect("a lock file");
    Flock::lock(file, how).map_err(|(_, error)| error).expect("a lock")
}

/// Unique among the tests of a run, which are processes, and within one.
/// Not of the process id: a run of all tests starts more processes than there are ids.
#[expect(clippy::disallowed_methods, reason = "tests that run at once share nothing they could count with")]
fn unique() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

async fn admin(cluster: &Cluster, sql: &str) {
    let mut connection = PgConnection::connect(&cluster.url("postgres")).await.expect("the test cluster");
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.expect("an administrative statement");
    connection.close().await.expect("the connection closes");
}

/// The migrated template of this schema, made once per cluster. Called under the start lock.
async fn template(cluster: &Cluster) -> String {
    let migrator = sqlx::migrate!("../migrations");
    let mut hash = Sha256::new();
    for migration in migrator.iter() {
        hash.update(&migration.checksum);
    }
    let name =
        format!("template_{:x}", hash.finalize()[..8].iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte)));
    let mut connection = PgConnection::connect(&cluster.url("postgres")).await.expect("the test cluster");
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut connection)
        .await
        .expect("a look at the databases");
    if !exists {
        let unfinished = format!("{name}_unfinished");
        admin(cluster, &format!("DROP DATABASE IF EXISTS {unfinished}")).await;
        admin(cluster, &format!("CREATE DATABASE {unfinished}")).await;
        let store = Store::connect(&cluster.url(&unfinished)).await.expect("the template");
        store.migrate().await.expect("the migrations");
        store.close().await;
        admin(cluster, &format!("ALTER DATABASE {unfinished} RENAME TO {name}")).await;
    }
    name
}

/// Stops the cluster once no test holds the lock any more.
fn stop_when_unused(base: &Path) {
    let script = r#"while sleep 15; do
        flock --nonblock --exclusive in-use.lock sh -c 'kill -QUIT "$(head -n 1 cluster/data/postmaster.pid)"' && exit
    done"#;
    let spawned = Command::new("sh")
        .args(["-c", script])
        .current_dir(base)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    drop(spawned.expect("the process that stops the test cluster"));
}
