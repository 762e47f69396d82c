//! `/dagStats`.

use super::ReadError;
use crate::Store;

/// How many runs of a DAG are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DagStateCount {
    /// The DAG.
    pub dag_id: String,
    /// The state.
    pub state: String,
    /// How many.
    pub count: i64,
}

impl Store {
    /// How many runs of these DAGs, or of all, are in each state; DAGs without runs are not among them.
    pub async fn api_dag_stats(&self, dag_ids: Option<&[String]>) -> Result<Vec<DagStateCount>, ReadError> {
        let rows = sqlx::query_as!(
            DagStateCount,
            r#"-- api.dag_stats
            SELECT r.dag_id, r.state::text AS "state!", count(*) AS "count!" FROM dag_run r
            WHERE $1::text[] IS NULL OR r.dag_id = ANY ($1)
            GROUP BY r.dag_id, r.state ORDER BY r.dag_id, r.state"#,
            dag_ids
        );
        Ok(rows.fetch_all(self.pool()).await?)
    }
}
