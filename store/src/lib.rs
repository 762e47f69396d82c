//! store
pub mod read;
/// Why a read model was not loaded.
pub type ReadError = sqlx::Error;
/// Everything the database is asked.
#[derive(Debug, Clone)]
pub struct Store { pool: sqlx::PgPool }
impl Store {
    /// The pool.
    pub fn pool(&self) -> &sqlx::PgPool { &self.pool }
}
