//! What people, the DAG processor and workers in other processes left for the leader.

use model::attempt::Report;
use model::ids::{DagRunKey, Epoch};
use model::journal::{Change, InboxReport};

use super::LeaderJournal;

/// How many rows one look takes; the rest is there at the next look.
const LOOK: i64 = 1000;

impl LeaderJournal {
    /// The oldest changes and reports.
    pub async fn inbox(&self) -> Result<(Vec<Change>, Vec<InboxReport>), sqlx::Error> {
        let rows = sqlx::query!(
            r#"-- inbox.read
            (SELECT id AS "id!", true AS "is_change!", dag_id, dag_run_id, pool, NULL::json AS body
             FROM change ORDER BY id LIMIT $1)
            UNION ALL
            (SELECT id, false, NULL, NULL, NULL, body FROM report ORDER BY id LIMIT $1)"#,
            LOOK
        )
        .fetch_all(&self.pool)
        .await?;
        let (mut changes, mut reports) = (Vec::new(), Vec::new());
        for row in rows {
            if row.is_change {
                let dag_run = row.dag_run_id.map(DagRunKey);
                changes.push(Change { id: row.id, dag_id: row.dag_id, dag_run, pool: row.pool });
            } else if let Some(body) = row.body {
                match serde_json::from_value::<Report>(body) {
                    Ok(report) => reports.push(InboxReport { id: row.id, report }),
                    Err(error) => {
                        tracing::error!(report.id = row.id, %error, "a report in the inbox cannot be read; it stays there");
                    }
                }
            }
        }
        Ok((changes, reports))
    }

    /// Deletes changes that have been looked at, unless somebody else leads by now: they are for that leader then, who
    /// may not have seen them.
    pub async fn forget_changes(&self, epoch: Epoch, ids: &[i64]) -> Result<(), sqlx::Error> {
        sqlx::query!(
            "-- change.forget
             WITH lease AS MATERIALIZED (SELECT 1 FROM leader_lease WHERE id = 1 AND epoch = $1 FOR SHARE)
             DELETE FROM change USING lease WHERE id = ANY($2)",
            epoch.0,
            ids
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Appends reports for the leader; they are its own once this returns.
    pub async fn append_reports(&self, reports: &[Report]) -> Result<(), sqlx::Error> {
        let tokens: Vec<i64> = reports.iter().map(|report| report.token.0).collect();
        let bodies: Vec<String> =
            reports.iter().map(|report| serde_json::to_string(report).unwrap_or_default()).collect();
        sqlx::query!(
            "-- report.append
             INSERT INTO report (attempt_token, body)
             SELECT token, body::json FROM unnest($1::bigint[], $2::text[]) AS u (token, body)",
            &tokens,
            &bodies
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
