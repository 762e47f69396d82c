//! What can be added to Airflow and is built into flowctl: `/plugins`, `/providers`, links of task instances.

use std::collections::BTreeMap;

use api::{
    ExtraLinkCollection, HttpError, PluginCollection, PluginImportErrorCollection, Provider, ProviderCollection,
};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use store::read::api::Listing;
use utoipa::IntoParams;

use super::Api;
use super::error::{ApiError, ApiResult};
use super::extract::{Path, Query};
use super::listing::listing;
use crate::doors::ActionError;

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
}

impl PageQuery {
    /// That part.
    pub(super) fn listing(&self) -> Listing {
        listing(self.limit, self.offset, &[])
    }
}

/// Always empty: flowctl has no plugins.
#[utoipa::path(get, path = "/plugins", tag = "Plugin", params(PageQuery),
    responses((status = 200, body = PluginCollection)))]
pub(super) async fn get_plugins(Query(query): Query<PageQuery>) -> Json<PluginCollection> {
    let _ = query.listing();
    Json(PluginCollection { plugins: Vec::new(), total_entries: 0 })
}

/// Always empty: flowctl has no plugins.
#[utoipa::path(get, path = "/plugins/importErrors", tag = "Plugin",
    responses((status = 200, body = PluginImportErrorCollection)))]
pub(super) async fn get_plugin_import_errors() -> Json<PluginImportErrorCollection> {
    Json(PluginImportErrorCollection { import_errors: Vec::new(), total_entries: 0 })
}

const BUILT_IN: &str = "Built into flowctl. Operators: approve, bash, branch, empty, notify, python, sensor, \
                        short_circuit, trigger_dag. Channels of messages: email, slack, webhook";

/// What tasks and messages can be made of: one entry, because all of it is built in.
#[utoipa::path(get, path = "/providers", tag = "Provider", params(PageQuery),
    responses((status = 200, body = ProviderCollection)))]
pub(super) async fn get_providers(State(api): State<Api>, Query(query): Query<PageQuery>) -> Json<ProviderCollection> {
    let listing = query.listing();
    let all = vec![Provider {
        package_name: "flowctl".to_owned(),
        description: BUILT_IN.to_owned(),
        version: api.version,
        documentation_url: None,
    }];
    let total_entries = all.len() as u64;
    let providers = all.into_iter().skip(listing.offset as usize).take(listing.limit as usize).collect();
    Json(ProviderCollection { providers, total_entries })
}

/// Which task instance.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ElementQuery {
    /// Its element of a mapping; -1, if it is not given, for none.
    map_index: Option<i32>,
    /// Taken and without meaning: no try has links.
    #[expect(dead_code, reason = "Airflow's clients send it")]
    try_number: Option<i32>,
}

/// Of which element; no log is elsewhere.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExternalLogQuery {
    /// Taken and without meaning: no element has such a log.
    #[expect(dead_code, reason = "Airflow's clients send it")]
    map_index: Option<i32>,
}

/// Always empty: operators give no links.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/links", tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path), ElementQuery),
    responses((status = 200, body = ExtraLinkCollection), (status = 404, body = HttpError)))]
pub(super) async fn get_extra_links(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Query(query): Query<ElementQuery>,
) -> ApiResult<Json<ExtraLinkCollection>> {
    let map_index = Some(query.map_index.unwrap_or(-1));
    let found = api.store.state_owner_run(&dag_id, &run_id, &task_id, map_index).await.map_err(ActionError::from)?;
    match found {
        Some(_) => Ok(Json(ExtraLinkCollection { extra_links: BTreeMap::new(), total_entries: 0 })),
        None => Err(ApiError::not_found("TaskInstance not found")),
    }
}

/// Always refused, as by an Airflow whose logs are files: they are read with `…/logs/{try_number}`.
#[utoipa::path(get, tag = "Task Instance",
    path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/externalLogUrl/{try_number}",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path),
        ("try_number" = u32, Path), ExternalLogQuery),
    responses((status = 400, body = HttpError)))]
pub(super) async fn get_external_log_url(
    _: Path<(String, String, String, u32)>,
    _: Query<ExternalLogQuery>,
) -> ApiError {
    ApiError::bad_request("Task log handler does not support external logs.")
}
