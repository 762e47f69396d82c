//! DAG files that are to be read although they did not change.

use jiff::Timestamp;

use crate::event_log::{By, Event};
use crate::{Result, Store, to_sql};

impl Store {
    /// Asks the DAG processor to read a file again; false when no DAG and no import error is listed for it.
    pub async fn request_dag_file(&self, relative_fileloc: &str, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let is_known = sqlx::query_scalar!(
            r#"-- dag_file_request.is_known
            SELECT EXISTS (SELECT FROM dag WHERE relative_fileloc = $1
                           UNION ALL SELECT FROM import_error WHERE filename = $1) AS "is_known!""#,
            relative_fileloc
        )
        .fetch_one(&mut *transaction)
        .await?;
        if is_known {
            request(&mut transaction, relative_fileloc, by.at).await?;
            let event = Event::new("reparse_dag_file").object("dag_file", relative_fileloc);
            event.commit(transaction, by).await?;
        }
        Ok(is_known)
    }

    /// The files that somebody asked for since this was last called, by any processor of the deployment.
    pub async fn take_dag_file_requests(&self) -> Result<Vec<String>> {
        let files =
            sqlx::query_scalar!("-- dag_file_request.take\nDELETE FROM dag_file_request RETURNING relative_fileloc");
        Ok(files.fetch_all(self.pool()).await?)
    }
}

/// Asks for a file as part of something greater.
pub(super) async fn request(
    transaction: &mut sqlx::PgTransaction<'_>,
    relative_fileloc: &str,
    now: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "-- dag_file_request.insert
         INSERT INTO dag_file_request (relative_fileloc, requested_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        relative_fileloc,
        to_sql(now)
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
