//! The connection pool, and the schema.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

use crate::error::SqlError;
use crate::keyring::Keyring;
use crate::{Error, Result};

/// More connections than about twice the cores only queue inside PostgreSQL.
const MAX_CONNECTIONS: u32 = 16;
/// How long a request waits for a connection before it says that the database is not there.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that was idle for this long is asked whether it lives before it is used. A busy one never is.
const IDLE: Duration = Duration::from_millis(500);

/// A process that is stopped in the middle of a transaction (a frozen container, a laptop that sleeps) would hold its
/// locks for ever, and the leader would wait for them. No transaction of ours is idle on purpose.
///
/// No statement of ours runs long enough to gain from being compiled, and where PostgreSQL thinks so (a plan with a
/// sequential scan costs the leader's planner settings a great deal) compiling takes half a second, each time.
const SESSION: [(&str, &str); 2] = [("idle_in_transaction_session_timeout", "10s"), ("jit", "off")];

/// The database. Cheap to clone; all clones share one pool.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
    keys: Arc<Keyring>,
}

impl Store {
    /// Connects; fails when the first connection cannot be made.
    pub async fn connect(url: &str) -> Result<Self> {
        let options = url.parse::<PgConnectOptions>()?.options(SESSION);
        let pool = pool(MAX_CONNECTIONS, options.clone());
        match pool.acquire().await {
            Ok(_) => Ok(Self::over(pool)),
            // The pool says only that it took too long; another attempt says why.
            Err(sqlx::Error::PoolTimedOut) => match PgConnection::connect_with(&options).await {
                Ok(_) => Ok(Self::over(pool)),
                Err(error) => Err(unreachable(&options, error)),
            },
            Err(error) => Err(unreachable(&options, error)),
        }
    }

    /// Sees whether the database answers, on a connection that is closed again. Says what is wrong at once, where a pool
    /// tries again and again.
    pub async fn probe(url: &str) -> Result<()> {
        let options: PgConnectOptions = url.parse()?;
        let timed_out = || SqlError::Io(std::io::ErrorKind::TimedOut.into());
        match tokio::time::timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(&options)).await {
            Ok(Ok(connection)) => Ok(connection.close().await?),
            Ok(Err(error)) => Err(unreachable(&options, error)),
            Err(_) => Err(unreachable(&options, timed_out())),
        }
    }

    /// Over an existing pool.
    pub fn new(pool: PgPool) -> Self {
        Self::over(pool)
    }

    fn over(pool: PgPool) -> Self {
        Self { pool, keys: Arc::default() }
    }

    /// The same database, whose secrets these keys open.
    pub fn with_keys(self, keys: Keyring) -> Self {
        Self { keys: Arc::new(keys), ..self }
    }

    pub(crate) fn shared_keys(&self) -> Arc<Keyring> {
        Arc::clone(&self.keys)
    }

    /// What its secrets are encrypted with.
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// The pool itself, for the leader's journal.
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Brings the schema up to date. Safe to call from several processes at once: they take turns.
    pub async fn migrate(&self) -> Result<()> {
        crate::schema::MIGRATIONS.run(&self.pool).await?;
        Ok(())
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A pool that connects when it is first used.
pub(crate) fn pool(max_connections: u32, options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // The default asks each connection whether it lives before each use, which halves the throughput. Only those
        // are asked that were idle: after a restart of the database all of them are dead.
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for >= IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}

/// Names the database, without the credentials.
fn unreachable(options: &PgConnectOptions, source: sqlx::Error) -> Error {
    let address = match options.get_socket() {
        Some(directory) => directory.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let database = options.get_database().unwrap_or(options.get_username()).to_owned();
    Error::Unreachable { database, address, source }
}
