//! `/importErrors`.

use api::{HttpError, ImportError, ImportErrorCollection};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use store::read::api::{ImportErrorFilter, ImportErrorRow};
use utoipa::IntoParams;

use super::Api;
use super::error::{ApiError, ApiResult};
use super::extract::{Path, Query};
use super::listing::{listing, pattern};

/// Which refused files.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ImportErrorsQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// Part of the path below the DAG folder; `%` and `_` as in SQL, `|` between alternatives.
    filename_pattern: Option<String>,
    /// How the path begins; no wildcards, `|` between alternatives.
    filename_prefix_pattern: Option<String>,
    /// This path.
    filename: Option<String>,
    /// There are no bundles: finds nothing.
    bundle_name: Option<String>,
    /// `import_error_id` (or `id`), `timestamp`, `filename`, `stacktrace`, `bundle_name`; descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of the files that were refused.
#[utoipa::path(get, path = "/importErrors", tag = "Import Error", params(ImportErrorsQuery),
    responses((status = 200, body = ImportErrorCollection), (status = 400, body = HttpError)))]
pub(super) async fn get_import_errors(
    State(api): State<Api>,
    Query(query): Query<ImportErrorsQuery>,
) -> ApiResult<Json<ImportErrorCollection>> {
    let filter = ImportErrorFilter {
        id: None,
        filename: query.filename,
        filename_is: pattern(query.filename_pattern, query.filename_prefix_pattern),
        is_in_a_bundle: query.bundle_name.is_some(),
    };
    let page = api.store.api_import_errors(&filter, &listing(query.limit, query.offset, &query.order_by)).await?;
    let import_errors = page.rows.into_iter().map(wire).collect();
    Ok(Json(ImportErrorCollection { import_errors, total_entries: page.total }))
}

/// One file that was refused.
#[utoipa::path(get, path = "/importErrors/{import_error_id}", tag = "Import Error",
    params(("import_error_id" = i64, Path)),
    responses((status = 200, body = ImportError), (status = 404, body = HttpError)))]
pub(super) async fn get_import_error(State(api): State<Api>, Path(id): Path<i64>) -> ApiResult<Json<ImportError>> {
    let row = api.store.api_import_error(id).await?;
    let missing = || ApiError::not_found(format!("The ImportError with import_error_id: `{id}` was not found"));
    row.map(|row| Json(wire(row))).ok_or_else(missing)
}

fn wire(row: ImportErrorRow) -> ImportError {
    ImportError {
        import_error_id: row.id,
        timestamp: row.created_at.0,
        filename: row.filename,
        bundle_name: None,
        stack_trace: row.stack_trace,
    }
}
