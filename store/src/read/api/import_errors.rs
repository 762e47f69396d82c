//! `/importErrors`.

use super::{Instant, Listing, Page, Pattern, ReadError, Statement, and_is, order_and_cut, total};
use crate::Store;

/// Which refused files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportErrorFilter {
    /// This one.
    pub id: Option<i64>,
    /// Of this path.
    pub filename: Option<String>,
    /// What its path is like.
    pub filename_is: Pattern,
    /// It is in a bundle; no file is.
    pub is_in_a_bundle: bool,
}

/// A file that was refused.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ImportErrorRow {
    /// Its row.
    pub id: i64,
    /// Path below the DAG folder.
    pub filename: String,
    /// All problems as a terminal shows them.
    pub stack_trace: String,
    /// When it was refused.
    pub created_at: Instant,
}

const SELECT: &str = "-- api.import_errors\nSELECT e.id, e.filename, e.stack_trace, e.created_at FROM import_error e";
const COUNT: &str = "-- api.import_errors_count\nSELECT count(*) FROM import_error e";
const ORDER: [(&str, &str); 6] = [
    ("id", "e.id"),
    ("import_error_id", "e.id"),
    ("timestamp", "e.created_at"),
    ("filename", "e.filename"),
    ("stacktrace", "e.stack_trace"),
    // There are no bundles: all files are equal in this.
    ("bundle_name", "(e.id IS NULL)"),
];

fn filtered(select: &'static str, filter: &ImportErrorFilter) -> Statement {
    let mut statement = Statement::new(select);
    statement.push(" WHERE true");
    and_is(&mut statement, "e.id", filter.id);
    and_is(&mut statement, "e.filename", filter.filename.clone());
    filter.filename_is.bind(&mut statement, "e.filename");
    if filter.is_in_a_bundle {
        statement.push(" AND false");
    }
    statement
}

impl Store {
    /// A page of the refused files.
    pub async fn api_import_errors(
        &self,
        filter: &ImportErrorFilter,
        listing: &Listing,
    ) -> Result<Page<ImportErrorRow>, ReadError> {
        let mut statement = filtered(SELECT, filter);
        order_and_cut(&mut statement, listing, &ORDER, "e.id")?;
        let rows = statement.build_query_as().fetch_all(self.pool()).await?;
        let count = filtered(COUNT, filter).build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows, total: total(count) })
    }

    /// One refused file.
    pub async fn api_import_error(&self, id: i64) -> Result<Option<ImportErrorRow>, ReadError> {
        let filter = ImportErrorFilter { id: Some(id), ..ImportErrorFilter::default() };
        Ok(filtered(SELECT, &filter).build_query_as().fetch_optional(self.pool()).await?)
    }
}
