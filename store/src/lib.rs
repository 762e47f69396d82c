//! Everything the database is asked. (On this branch only what the pages need to be built and shown; the helper
//! `store` owns this file.)

pub mod read;

/// A pool of connections to flowctl's database.
#[derive(Debug, Clone)]
pub struct Store {
    pool: sqlx::PgPool,
}

impl Store {
    /// Opens a pool.
    pub async fn connect(url: &str) -> Result<Self, sqlx::Error> {
        Ok(Self { pool: sqlx::PgPool::connect(url).await? })
    }

    /// The pool.
    pub fn pool(&self) -> &sqlx::PgPool {
        &self.pool
    }
}
