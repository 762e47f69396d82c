//! The REST API under `/api/v2`, which is Airflow 3's in names, fields and behaviour; beside it `/auth/token`, the
//! OpenAPI document at `/openapi.json` and a page that lists it at `/docs`.
//!
//! One file per resource: what its requests may say, how a row becomes a wire type, and its handlers, which extract,
//! load through the store's read models or go through a door, and answer. [`session`] stands in front of all of
//! `/api/v2` but its version and health.

mod again;
mod approvals;
mod assets;
mod auth;
mod backfills;
mod batch;
mod built_in;
mod bulk;
mod bulk_dag_runs;
mod bulk_task_instances;
mod callbacks;
mod clear;
mod config;
mod connections;
mod dag_changes;
mod dag_runs;
mod dag_summaries;
mod dags;
mod docs;
mod document;
mod error;
mod event_logs;
mod extract;
mod idempotency;
mod import_errors;
mod jobs;
mod listing;
mod login;
mod logs;
mod mark;
mod mark_task;
mod meant;
mod missing;
mod monitor;
mod named_list;
mod pools;
mod queued_events;
mod session;
mod skip_next;
mod state_stores;
mod task_instances;
mod tasks;
mod tries;
mod unsupported;
mod update_mask;
mod variables;
mod versions;
mod wait;
mod waiting;
mod workers;
mod xcoms;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use jiff::Timestamp;
use model::limits::Limits;
use store::Store;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use assets::{wire as wire_asset, wire_event as wire_asset_event};
pub(crate) use connections::patched as patched_connection;
pub(crate) use event_logs::wire as wire_event_log;
pub(crate) use meant::understanding;
pub(crate) use session::{refuse, refuse_method, refuse_nobody, refuse_nul};
pub(crate) use variables::changed as changed_variable;
pub(crate) use versions::pretty;

use crate::doors::Doors;
use crate::pages::{Hub, Pages, ShownSetting};
use error::ApiError;

/// What all handlers share.
#[derive(Clone)]
pub(crate) struct Api {
    store: Store,
    doors: Doors,
    /// Where logs are: `{home}/logs`.
    home: PathBuf,
    /// Of the program.
    version: String,
    limits: Limits,
    clock: fn() -> Timestamp,
    /// Hints that something changed.
    hub: Hub,
    settings: Arc<[ShownSetting]>,
}

impl Api {
    /// Over the same deployment as the pages.
    pub(crate) fn beside(pages: &Pages) -> Self {
        Self {
            store: pages.store.clone(),
            doors: pages.doors.clone(),
            home: pages.home.clone(),
            version: pages.version.clone(),
            limits: pages.limits,
            clock: pages.clock,
            hub: pages.hub.clone(),
            settings: Arc::clone(&pages.settings),
        }
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "flowctl",
        description = "Airflow's public REST API, and what flowctl adds to it. Log in with POST /auth/token; send the \
                   token as `Authorization: Bearer …`. A POST with a header `Idempotency-Key` that is repeated is \
                   answered as it was the first time."
    ),
    components(schemas(listing::When))
)]
struct Document;

/// All routes with the state they need.
pub(crate) fn router(api: Api) -> Router {
    let (routes, mut document) = described(&api).split_for_parts();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    document.components.get_or_insert_default().security_schemes.insert("HTTPBearer".to_owned(), bearer.into());
    document::complete(&mut document);
    document.info.version.clone_from(&api.version);
    let page = docs::page(&document);
    routes
        .route("/openapi.json", get(move || std::future::ready(axum::Json(document.clone()))))
        .route("/docs", get(move || std::future::ready(axum::response::Html(page.clone()))))
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .with_state(api)
}

fn described(api: &Api) -> OpenApiRouter<Api> {
    let open = OpenApiRouter::new()
        .routes(routes!(monitor::get_version))
        .routes(routes!(monitor::get_health))
        .routes(routes!(login::log_in))
        .routes(routes!(login::log_out));
    let mut guarded = OpenApiRouter::new()
        .merge(dags())
        .merge(dag_runs())
        .merge(task_instances())
        .merge(pools())
        .merge(variables_and_connections())
        .merge(backfills())
        .routes(routes!(callbacks::get_callbacks))
        .routes(routes!(callbacks::get_callback))
        .routes(routes!(callbacks::get_missed_deadlines))
        .merge(assets())
        .routes(routes!(event_logs::get_event_logs))
        .routes(routes!(event_logs::get_event_log))
        .merge(system())
        .merge(state_stores())
        .merge(workers())
        .routes(routes!(import_errors::get_import_errors))
        .routes(routes!(import_errors::get_import_error))
        .route_layer(from_fn_with_state(api.clone(), idempotency::once));
    document::guard(guarded.get_openapi_mut());
    let v2 = open.merge(guarded).fallback(async || ApiError::not_found("Not Found"));
    OpenApiRouter::with_openapi(Document::openapi())
        .nest(api::PREFIX, v2)
        .routes(routes!(auth::create_token))
        .routes(routes!(auth::create_token_cli))
        .routes(routes!(auth::log_out))
}

fn dags() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(dags::get_dags, dag_changes::patch_dags))
        .routes(routes!(dags::get_dag, dag_changes::patch_dag, dag_changes::delete_dag))
        .routes(routes!(dag_changes::favorite_dag))
        .routes(routes!(dag_changes::unfavorite_dag))
        .routes(routes!(dag_changes::reparse_dag_file))
        .routes(routes!(dag_summaries::get_dag_tags))
        .routes(routes!(dag_summaries::get_dag_stats))
        .routes(routes!(dag_summaries::list_dag_warnings))
        .routes(routes!(dags::get_dag_details))
        .routes(routes!(skip_next::get_skip_next, skip_next::put_skip_next))
        .routes(routes!(versions::get_dag_source))
        .routes(routes!(versions::get_dag_versions))
        .routes(routes!(versions::get_dag_version))
        .routes(routes!(versions::get_dag_diff))
        .routes(routes!(clear::post_clear_task_instances))
        .routes(routes!(again::get_disabled_tasks, again::disable_task))
        .routes(routes!(again::enable_task))
}

fn pools() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(pools::get_pools, pools::post_pool, pools::bulk_pools)).routes(routes!(
        pools::get_pool,
        pools::patch_pool,
        pools::delete_pool
    ))
}

fn variables_and_connections() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(variables::get_variables, variables::post_variable, variables::bulk_variables))
        .routes(routes!(variables::get_variable, variables::patch_variable, variables::delete_variable))
        .routes(routes!(connections::get_connections, connections::post_connection, connections::bulk_connections))
        .routes(routes!(connections::test_connection))
        .routes(routes!(connections::create_default_connections))
        .routes(routes!(unsupported::get_connection_test, unsupported::enqueue_connection_test))
        .routes(routes!(connections::get_connection, connections::patch_connection, connections::delete_connection))
}

fn dag_runs() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(dag_runs::get_dag_runs, dag_runs::trigger_dag_run, bulk_dag_runs::bulk_dag_runs))
        .routes(routes!(batch::get_list_dag_runs_batch))
        // A run may have this name.
        .route(
            "/dags/{dag_id}/dagRuns/list",
            get(named_list::get_dag_run).patch(named_list::patch_dag_run).delete(named_list::delete_dag_run),
        )
        .routes(routes!(dag_runs::get_dag_run, mark::patch_dag_run, mark::delete_dag_run))
        .routes(routes!(clear::clear_dag_run))
        .routes(routes!(bulk_dag_runs::clear_dag_runs))
        .routes(routes!(wait::wait_dag_run))
        .routes(routes!(mark::cancel_dag_run))
        .routes(routes!(again::rerun_dag_run))
        .routes(routes!(waiting::get_dag_run_waiting))
        .routes(routes!(unsupported::clear_dag_run_partitions))
}

fn task_instances() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(task_instances::get_task_instances, bulk_task_instances::bulk_task_instances))
        .routes(routes!(batch::get_task_instances_batch))
        // A task may have this name.
        .route(
            "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/list",
            get(named_list::get_task_instance)
                .patch(named_list::patch_task_instance)
                .delete(named_list::delete_task_instance),
        )
        .routes(routes!(
            task_instances::get_task_instance,
            mark_task::patch_task_instance,
            bulk_task_instances::delete_task_instance
        ))
        .routes(routes!(task_instances::get_mapped_task_instances))
        .routes(routes!(task_instances::get_mapped_task_instance, mark_task::patch_mapped_task_instance))
        .routes(routes!(mark_task::patch_task_instance_dry_run))
        .routes(routes!(mark_task::patch_mapped_task_instance_dry_run))
        .routes(routes!(mark_task::patch_task_group_instances))
        .routes(routes!(mark_task::patch_task_group_instances_dry_run))
        .routes(routes!(tries::get_task_instance_tries))
        .routes(routes!(tries::get_mapped_task_instance_tries))
        .routes(routes!(tries::get_task_instance_try_details))
        .routes(routes!(tries::get_mapped_task_instance_try_details))
        .routes(routes!(waiting::get_task_instance_dependencies))
        .routes(routes!(waiting::get_task_instance_dependencies_by_map_index))
        .routes(routes!(approvals::get_hitl_details))
        .routes(routes!(approvals::get_hitl_detail, approvals::update_hitl_detail))
        .routes(routes!(approvals::get_hitl_detail_try_detail))
        .routes(routes!(logs::get_log))
        .routes(routes!(xcoms::get_xcom_entries, xcoms::create_xcom_entry))
        .routes(routes!(xcoms::get_xcom_entry, xcoms::update_xcom_entry, xcoms::delete_xcom_entry))
        .routes(routes!(tasks::get_tasks))
        .routes(routes!(tasks::get_task))
}

fn assets() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(assets::get_assets))
        .routes(routes!(assets::get_asset))
        .routes(routes!(assets::get_asset_events, assets::create_asset_event))
        .routes(routes!(assets::get_asset_aliases))
        .routes(routes!(assets::get_asset_alias))
        .routes(routes!(assets::materialize_asset))
        .routes(routes!(queued_events::get_asset_queued_events, queued_events::delete_asset_queued_events))
        .routes(routes!(queued_events::get_dag_queued_events, queued_events::delete_dag_queued_events))
        .routes(routes!(queued_events::get_dag_asset_queued_event, queued_events::delete_dag_asset_queued_event))
        .routes(routes!(assets::get_upstream_asset_events))
}

fn workers() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(workers::get_workers))
        .routes(routes!(workers::drain_worker))
        .routes(routes!(workers::undrain_worker))
        .routes(routes!(workers::remove_worker))
}

fn backfills() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(backfills::get_backfills, backfills::create_backfill))
        .routes(routes!(backfills::create_backfill_dry_run))
        .routes(routes!(backfills::get_backfill))
        .routes(routes!(backfills::get_backfill_dates))
        .routes(routes!(backfills::pause_backfill))
        .routes(routes!(backfills::unpause_backfill))
        .routes(routes!(backfills::cancel_backfill))
}

fn system() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(jobs::get_jobs))
        .routes(routes!(config::get_config))
        .routes(routes!(config::get_config_value))
        .routes(routes!(built_in::get_plugins))
        .routes(routes!(built_in::get_plugin_import_errors))
        .routes(routes!(built_in::get_providers))
        .routes(routes!(built_in::get_extra_links))
        .routes(routes!(built_in::get_external_log_url))
}

fn state_stores() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(state_stores::list_task_states, state_stores::clear_task_states))
        .routes(routes!(
            state_stores::get_task_state,
            state_stores::set_task_state,
            state_stores::patch_task_state,
            state_stores::delete_task_state
        ))
        .routes(routes!(state_stores::list_asset_states, state_stores::clear_asset_states))
        .routes(routes!(state_stores::get_asset_state, state_stores::set_asset_state, state_stores::delete_asset_state))
}
