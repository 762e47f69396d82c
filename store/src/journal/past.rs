//! What the leader has to know of runs that have ended.

use model::ids::DagRunKey;
use model::past::{PastQuery, PastRun};

use super::LeaderJournal;
use crate::past::past_run;

impl LeaderJournal {
    /// What runs depend on in the run before each.
    pub async fn past(&self, queries: &[PastQuery]) -> Result<Vec<(DagRunKey, PastRun)>, sqlx::Error> {
        let mut found = Vec::with_capacity(queries.len());
        for query in queries {
            found.push((query.dag_run, past_run(&self.pool, query).await?));
        }
        Ok(found)
    }

    /// The last ended runs of DAGs, as many as is said of each, with whether each failed.
    pub async fn recent_ends(
        &self,
        dags: &[(String, u32)],
    ) -> Result<Vec<(String, Vec<(DagRunKey, bool)>)>, sqlx::Error> {
        let mut found = Vec::with_capacity(dags.len());
        for (dag_id, limit) in dags {
            let rows = sqlx::query!(
                r#"-- dag_run.recent_ends
                SELECT id, state = 'failed' AS "has_failed!" FROM dag_run
                WHERE dag_id = $1 AND state IN ('success', 'failed') ORDER BY id DESC LIMIT $2"#,
                dag_id,
                i64::from(*limit)
            )
            .fetch_all(&self.pool)
            .await?;
            found.push((dag_id.clone(), rows.into_iter().map(|row| (DagRunKey(row.id), row.has_failed)).collect()));
        }
        Ok(found)
    }
}
