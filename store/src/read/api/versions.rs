//! `…/dagVersions` and `/dagSources`.

use uuid::Uuid;

use super::{Instant, Listing, Page, ReadError, Statement, and_is, and_readable, order_and_cut, total};
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
const ORDER: [(&str, &str); 6] = [
    ("id", "v.id"),
    ("version_number", "v.version_number"),
    ("dag_id", "v.dag_id"),
    ("created_at", "v.created_at"),
    // There are no bundles: all versions are equal in these.
    ("bundle_name", "(v.id IS NULL)"),
    ("bundle_version", "(v.id IS NULL)"),
];

/// Which versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DagVersionFilter {
    /// None but of these DAGs, however else it is filtered; none: of all.
    pub readable: Option<Vec<String>>,
    /// Of this DAG; none: of all.
    pub dag_id: Option<String>,
    /// With this number.
    pub number: Option<i32>,
    /// It is in a bundle; no version is.
    pub is_in_a_bundle: bool,
}

fn filtered(select: &'static str, filter: &DagVersionFilter) -> Statement {
    let mut statement = Statement::new(select);
    statement.push(" WHERE true");
    and_readable(&mut statement, "v.dag_id", filter.readable.as_deref());
    and_is(&mut statement, "v.dag_id", filter.dag_id.clone());
    and_is(&mut statement, "v.version_number", filter.number);
    if filter.is_in_a_bundle {
        statement.push(" AND false");
    }
    statement
}

impl Store {
    /// A page of the versions.
    pub async fn api_dag_versions(
        &self,
        filter: &DagVersionFilter,
        listing: &Listing,
    ) -> Result<Page<DagVersionRow>, ReadError> {
        let mut statement = filtered(SELECT, filter);
        order_and_cut(&mut statement, listing, &ORDER, "v.id")?;
        let rows = statement.build_query_as().fetch_all(self.pool()).await?;
        let count = filtered(COUNT, filter).build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows, total: total(count) })
    }

    /// One version.
    pub async fn api_dag_version(&self, dag_id: &str, number: i32) -> Result<Option<DagVersionRow>, ReadError> {
        let filter =
            DagVersionFilter { dag_id: Some(dag_id.to_owned()), number: Some(number), ..DagVersionFilter::default() };
        Ok(filtered(SELECT, &filter).build_query_as().fetch_optional(self.pool()).await?)
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
