//! The connection pool, and the schema.

use std::time::Duration;

<<<<<<< .merge_file_fTIHng
use sqlx::{Connection, PgConnection, PgPool};
=======
>>>>>>> .merge_file_iWsY1i
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool};

use crate::Result;

/// More connections than about twice the cores only queue inside PostgreSQL.
const MAX_CONNECTIONS: u32 = 16;
/// How long a request waits for a connection before it says that the database is not there.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that was idle for this long is asked whether it lives before it is used. A busy one never is.
const IDLE: Duration = Duration::from_millis(500);

/// The database. Cheap to clone; all clones share one pool.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
}

impl Store {
    /// Connects; fails when the first connection cannot be made.
    pub async fn connect(url: &str) -> Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // The default asks each connection whether it lives before each use, which halves the throughput. Only
            // those are asked that were idle: after a restart of the database all of them are dead.
            .test_before_acquire(false)
            .before_acquire(|connection, about| {
                Box::pin(async move {
                    if about.idle_for >= IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy(url)?;
        let connection = match pool.acquire().await {
            // Says only that it took too long; the first attempt says why.
            Err(sqlx::Error::PoolTimedOut) => {
                return Err(PgConnection::connect(url)
                    .await
                    .err()
                    .map_or_else(|| sqlx::Error::PoolTimedOut.into(), Into::into));
            }
            result => result?,
        };
        drop(connection);
        Ok(Self { pool })
    }

    /// Sees whether the database answers, on a connection that is closed again. Says what is wrong, which a pool,
    /// which tries again and again, does not.
    pub async fn probe(url: &str) -> Result<()> {
        let connecting = PgConnection::connect(url);
        let connection = tokio::time::timeout(ACQUIRE_TIMEOUT, connecting)
            .await
            .map_err(|_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))??;
        connection.close().await?;
        Ok(())
    }

    /// Over an existing pool.
    pub const fn new(pool: PgPool) -> Self {
        Self { pool }
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
