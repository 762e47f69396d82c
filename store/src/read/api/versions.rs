//! `…/dagVersions` and `/dagSources`.

use uuid::Uuid;

use super::{Instant, Listing, Page, ReadError, Statement, and_is, order_and_cut, total};
use crate::Store;

/// A version of a DAG.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DagVersionRow {
    /// Its id in the API.
    pub uuid: Uuid,
    /// From 1.
    pub version_number: i32,
    /// The DAG.
    pub dag_id: String,
    /// When it was first seen.
    pub created_at: Instant,
}

/// The text of a version's file.
#[derive(Debug, Clone, PartialEq)]
pub struct DagSourceRow {
    /// The text.
    pub source: String,
    /// Of which version.
    pub version_number: i32,
    /// The version as `model::dag::Dag` serialises it.
    pub spec: serde_json::Value,
}

const SELECT: &str = "-- api.dag_versions\nSELECT v.uuid, v.version_number, v.dag_id, v.created_at FROM dag_version v";
const COUNT: &str = "-- api.dag_versions_count\nSELECT count(*) FROM dag_version v";
const ORDER: [(&str, &str); 4] =
    [("id", "v.id"), ("version_number", "v.version_number"), ("dag_id", "v.dag_id"), ("created_at", "v.created_at")];

fn filtered(select: &'static str, dag_id: Option<&str>, number: Option<i32>) -> Statement {
    let mut statement = Statement::new(select);
    statement.push(" WHERE true");
    and_is(&mut statement, "v.dag_id", dag_id.map(str::to_owned));
    and_is(&mut statement, "v.version_number", number);
    statement
}

impl Store {
    /// A page of the versions of one DAG, or of all.
    pub async fn api_dag_versions(
        &self,
        dag_id: Option<&str>,
        number: Option<i32>,
        listing: &Listing,
    ) -> Result<Page<DagVersionRow>, ReadError> {
        let mut statement = filtered(SELECT, dag_id, number);
        order_and_cut(&mut statement, listing, &ORDER, "v.id")?;
        let rows = statement.build_query_as().fetch_all(self.pool()).await?;
        let count = filtered(COUNT, dag_id, number).build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows, total: total(count) })
    }

    /// One version.
    pub async fn api_dag_version(&self, dag_id: &str, number: i32) -> Result<Option<DagVersionRow>, ReadError> {
        let mut statement = filtered(SELECT, Some(dag_id), Some(number));
        Ok(statement.build_query_as().fetch_optional(self.pool()).await?)
    }

    /// The file's text as it was in a version, the current one when none is given.
    pub async fn api_dag_source(&self, dag_id: &str, number: Option<i32>) -> Result<Option<DagSourceRow>, ReadError> {
        let row = sqlx::query_as!(
            DagSourceRow,
            "-- api.dag_source
             SELECT v.source, v.version_number, v.spec FROM dag d
             JOIN dag_version v ON v.dag_id = d.dag_id
              AND CASE WHEN $2::integer IS NULL THEN v.id = d.current_version_id ELSE v.version_number = $2 END
             WHERE d.dag_id = $1",
            dag_id,
            number
        );
        Ok(row.fetch_optional(self.pool()).await?)
    }
}
