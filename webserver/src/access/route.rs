//! The table of routes: what each needs. A test compares it with the routes that there are, and with what they answer
//! to each role.

use Needs::{Account, Dag, Dags, Open, Whole};
#[allow(clippy::enum_glob_use, reason = "the table is read by its words")]
use Permission::*;

use super::Permission;

/// What a request needs to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Open,
    /// An account, whatever its role.
    Account,
    /// The permission for the DAG that the path names as `dag_id`. `~` stands for all DAGs.
    Dag(Permission),
    /// The permission for at least one DAG; the handler keeps to those. `~` for `dag_id` means these.
    Dags(Permission),
    /// The permission for everything.
    Whole(Permission),
}

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// In capitals.
    pub method: &'static str,
    /// As the router has it.
    pub path: &'static str,
    /// What it needs.
    pub needs: Needs,
}

const fn get(path: &'static str, needs: Needs) -> Route {
    Route { method: "GET", path, needs }
}

const fn post(path: &'static str, needs: Needs) -> Route {
    Route { method: "POST", path, needs }
}

const fn put(path: &'static str, needs: Needs) -> Route {
    Route { method: "PUT", path, needs }
}

const fn patch(path: &'static str, needs: Needs) -> Route {
    Route { method: "PATCH", path, needs }
}

const fn delete(path: &'static str, needs: Needs) -> Route {
    Route { method: "DELETE", path, needs }
}

/// Every route, with what it needs.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    // What a browser needs before it knows anybody.
    get("/login", Open),
    post("/login", Open),
    get("/login/oidc", Open),
    get("/login/oidc/callback", Open),
    get("/login/oidc/logout", Open),
    get("/assets/{name}", Open),
    // Programs.
    get("/openapi.json", Open),
    get("/docs", Open),
    post("/auth/token", Open),
    post("/auth/token/cli", Open),
    post("/auth/logout", Account),
    // Pages.
    post("/logout", Account),
    post("/logout/everywhere", Account),
    get("/tokens", Account),
    post("/tokens", Account),
    post("/tokens/{id}/revoke", Account),
    get("/events", Account),
    get("/", Dags(DagRead)),
    get("/dags/{dag_id}", Dag(DagRead)),
    post("/dags/{dag_id}/pause", Dag(DagEdit)),
    get("/dags/{dag_id}/trigger", Dag(DagRunCreate)),
    post("/dags/{dag_id}/trigger", Dag(DagRunCreate)),
    post("/dags/{dag_id}/backfills", Dag(BackfillCreate)),
    post("/dags/{dag_id}/backfills/{id}/{verb}", Dag(BackfillEdit)),
    get("/dags/{dag_id}/runs/{run_id}", Dag(DagRunRead)),
    get("/dags/{dag_id}/runs/{run_id}/clear", Dag(DagRunEdit)),
    post("/dags/{dag_id}/runs/{run_id}/clear", Dag(DagRunEdit)),
    post("/dags/{dag_id}/runs/{run_id}/mark", Dag(DagRunEdit)),
    post("/dags/{dag_id}/runs/{run_id}/cancel", Dag(DagRunEdit)),
    get("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}", Dag(TaskInstanceRead)),
    get("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/log", Dag(TaskLogRead)),
    post("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/mark", Dag(TaskInstanceEdit)),
    post("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/disable", Dag(DagEdit)),
    post("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/answer", Dag(HitlEdit)),
    get("/approvals", Dags(HitlRead)),
    get("/assets", Whole(AssetRead)),
    get("/asset/{id}", Whole(AssetRead)),
    post("/asset/{id}/update", Whole(AssetCreate)),
    get("/audit-log", Whole(EventLogRead)),
    get("/import-errors", Whole(ImportErrorRead)),
    get("/pools", Whole(PoolRead)),
    post("/pools", Whole(PoolEdit)),
    post("/pools/{name}/delete", Whole(PoolDelete)),
    get("/users", Whole(UserRead)),
    post("/users", Whole(UserCreate)),
    post("/users/{username}/role", Whole(UserEdit)),
    post("/users/{username}/password", Whole(UserEdit)),
    post("/users/{username}/disabled", Whole(UserEdit)),
    post("/users/{username}/delete", Whole(UserDelete)),
    get("/variables", Whole(VariableRead)),
    post("/variables", Whole(VariableEdit)),
    post("/variables/{key}/delete", Whole(VariableDelete)),
    get("/connections", Whole(ConnectionRead)),
    post("/connections", Whole(ConnectionEdit)),
    post("/connections/{id}/test", Whole(ConnectionEdit)),
    post("/connections/{id}/delete", Whole(ConnectionDelete)),
    // The REST API.
    get("/api/v2/assets", Whole(AssetRead)),
    get("/api/v2/assets/aliases", Whole(AssetRead)),
    get("/api/v2/assets/aliases/{asset_alias_id}", Whole(AssetRead)),
    get("/api/v2/assets/events", Whole(AssetRead)),
    post("/api/v2/assets/events", Whole(AssetCreate)),
    get("/api/v2/assets/{asset_id}", Whole(AssetRead)),
    post("/api/v2/assets/{asset_id}/materialize", Dags(DagRunCreate)),
    get("/api/v2/assets/{asset_id}/queuedEvents", Whole(AssetRead)),
    delete("/api/v2/assets/{asset_id}/queuedEvents", Whole(AssetDelete)),
    get("/api/v2/assets/{asset_id}/state-store", Whole(AssetRead)),
    delete("/api/v2/assets/{asset_id}/state-store", Whole(AssetDelete)),
    get("/api/v2/assets/{asset_id}/state-store/{key}", Whole(AssetRead)),
    put("/api/v2/assets/{asset_id}/state-store/{key}", Whole(AssetCreate)),
    delete("/api/v2/assets/{asset_id}/state-store/{key}", Whole(AssetDelete)),
    get("/api/v2/auth/login", Open),
    get("/api/v2/auth/logout", Open),
    get("/api/v2/backfills", Dags(BackfillRead)),
    post("/api/v2/backfills", Dags(BackfillCreate)),
    post("/api/v2/backfills/dry_run", Dags(BackfillCreate)),
    get("/api/v2/backfills/{backfill_id}", Dags(BackfillRead)),
    put("/api/v2/backfills/{backfill_id}/cancel", Dags(BackfillEdit)),
    get("/api/v2/backfills/{backfill_id}/dates", Dags(BackfillRead)),
    put("/api/v2/backfills/{backfill_id}/pause", Dags(BackfillEdit)),
    put("/api/v2/backfills/{backfill_id}/unpause", Dags(BackfillEdit)),
    get("/api/v2/callbacks", Whole(CallbackRead)),
    get("/api/v2/callbacks/{callback_id}", Whole(CallbackRead)),
    get("/api/v2/config", Whole(ConfigRead)),
    get("/api/v2/config/section/{section}/option/{option}", Whole(ConfigRead)),
    get("/api/v2/connections", Whole(ConnectionRead)),
    post("/api/v2/connections", Whole(ConnectionCreate)),
    patch("/api/v2/connections", Whole(ConnectionEdit)),
    post("/api/v2/connections/defaults", Whole(ConnectionCreate)),
    get("/api/v2/connections/enqueue-test", Whole(ConnectionRead)),
    post("/api/v2/connections/enqueue-test", Whole(ConnectionEdit)),
    post("/api/v2/connections/test", Whole(ConnectionEdit)),
    get("/api/v2/connections/{connection_id}", Whole(ConnectionRead)),
    patch("/api/v2/connections/{connection_id}", Whole(ConnectionEdit)),
    delete("/api/v2/connections/{connection_id}", Whole(ConnectionDelete)),
    get("/api/v2/dagSources/{dag_id}", Dag(DagSourceRead)),
    get("/api/v2/dagStats", Dags(DagRunRead)),
    get("/api/v2/dagTags", Dags(DagRead)),
    get("/api/v2/dagWarnings", Whole(WarningRead)),
    get("/api/v2/dags", Dags(DagRead)),
    patch("/api/v2/dags", Dags(DagEdit)),
    get("/api/v2/dags/{dag_id}", Dag(DagRead)),
    patch("/api/v2/dags/{dag_id}", Dag(DagEdit)),
    delete("/api/v2/dags/{dag_id}", Dag(DagDelete)),
    get("/api/v2/dags/{dag_id}/assets/queuedEvents", Dag(DagRead)),
    delete("/api/v2/dags/{dag_id}/assets/queuedEvents", Dag(DagEdit)),
    get("/api/v2/dags/{dag_id}/assets/{asset_id}/queuedEvents", Dag(DagRead)),
    delete("/api/v2/dags/{dag_id}/assets/{asset_id}/queuedEvents", Dag(DagEdit)),
    post("/api/v2/dags/{dag_id}/clearDagRuns", Dags(DagRunEdit)),
    post("/api/v2/dags/{dag_id}/clearPartitions", Dag(DagRunEdit)),
    post("/api/v2/dags/{dag_id}/clearTaskInstances", Dag(TaskInstanceEdit)),
    get("/api/v2/dags/{dag_id}/dagRuns", Dags(DagRunRead)),
    post("/api/v2/dags/{dag_id}/dagRuns", Dag(DagRunCreate)),
    patch("/api/v2/dags/{dag_id}/dagRuns", Dags(DagRunEdit)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}", Dag(DagRunRead)),
    patch("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}", Dag(DagRunEdit)),
    delete("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}", Dag(DagRunDelete)),
    post("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/cancel", Dag(DagRunEdit)),
    post("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/clear", Dag(DagRunEdit)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/hitlDetails", Dags(HitlRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/missedDeadlines", Dag(CallbackRead)),
    post("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/rerun", Dag(DagRunEdit)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", Dags(TaskInstanceRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}", Dag(TaskInstanceRead)),
    patch("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}", Dag(TaskInstanceEdit)),
    patch("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/dry_run", Dag(TaskInstanceEdit)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/externalLogUrl/{try_number}", Dag(TaskLogRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/links", Dag(TaskInstanceRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/listMapped", Dag(TaskInstanceRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/logs/{try_number}", Dag(TaskLogRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store", Dag(TaskInstanceRead)),
    delete("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store", Dag(TaskInstanceDelete)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}", Dag(TaskInstanceRead)),
    put("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}", Dag(TaskInstanceEdit)),
    patch("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}", Dag(TaskInstanceEdit)),
    delete("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}", Dag(TaskInstanceDelete)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries", Dag(TaskInstanceRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries", Dags(XcomRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{xcom_key}", Dag(XcomRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}", Dag(TaskInstanceRead)),
    patch("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}", Dag(TaskInstanceEdit)),
    patch("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/dry_run", Dag(TaskInstanceEdit)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails", Dag(HitlRead)),
    patch("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails", Dag(HitlEdit)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/tries", Dag(TaskInstanceRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/upstreamAssetEvents", Dag(DagRunRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/wait", Dag(DagRunRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/waiting", Dag(DagRunRead)),
    post("/api/v2/dags/{dag_id}/dagRuns/list", Dags(DagRunRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/list", Dag(DagRunRead)),
    patch("/api/v2/dags/{dag_id}/dagRuns/list", Dag(DagRunEdit)),
    delete("/api/v2/dags/{dag_id}/dagRuns/list", Dag(DagRunDelete)),
    patch("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskGroupInstances/{group_id}", Dag(TaskInstanceEdit)),
    patch("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskGroupInstances/{group_id}/dry_run", Dag(TaskInstanceEdit)),
    patch("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", Dags(TaskInstanceEdit)),
    post("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/list", Dags(TaskInstanceRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/list", Dag(TaskInstanceRead)),
    patch("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/list", Dag(TaskInstanceEdit)),
    delete("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/list", Dag(TaskInstanceDelete)),
    delete("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}", Dag(TaskInstanceDelete)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/dependencies", Dag(TaskInstanceRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/dependencies", Dag(TaskInstanceRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries/{task_try_number}", Dag(TaskInstanceRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/tries/{task_try_number}", Dag(TaskInstanceRead)),
    get("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails/tries/{try_number}", Dag(HitlRead)),
    post("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries", Dag(XcomCreate)),
    patch("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{xcom_key}", Dag(XcomEdit)),
    delete("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{xcom_key}", Dag(XcomDelete)),
    get("/api/v2/dags/{dag_id}/tasks", Dag(DagRead)),
    get("/api/v2/dags/{dag_id}/tasks/{task_id}", Dag(DagRead)),
    get("/api/v2/dags/{dag_id}/dagVersions", Dags(DagRead)),
    get("/api/v2/dags/{dag_id}/dagVersions/{version_number}", Dag(DagRead)),
    get("/api/v2/dags/{dag_id}/details", Dag(DagRead)),
    get("/api/v2/dags/{dag_id}/diff", Dag(DagSourceRead)),
    get("/api/v2/dags/{dag_id}/disabledTasks", Dag(DagRead)),
    post("/api/v2/dags/{dag_id}/disabledTasks", Dag(DagEdit)),
    delete("/api/v2/dags/{dag_id}/disabledTasks/{task_id}", Dag(DagEdit)),
    post("/api/v2/dags/{dag_id}/favorite", Dag(DagRead)),
    get("/api/v2/dags/{dag_id}/skipNext", Dag(DagRead)),
    put("/api/v2/dags/{dag_id}/skipNext", Dag(DagEdit)),
    post("/api/v2/dags/{dag_id}/unfavorite", Dag(DagRead)),
    get("/api/v2/eventLogs", Whole(EventLogRead)),
    get("/api/v2/eventLogs/{event_log_id}", Whole(EventLogRead)),
    get("/api/v2/importErrors", Whole(ImportErrorRead)),
    get("/api/v2/importErrors/{import_error_id}", Whole(ImportErrorRead)),
    get("/api/v2/jobs", Whole(JobRead)),
    get("/api/v2/monitor/health", Open),
    put("/api/v2/parseDagFile/{file_token}", Whole(DagEdit)),
    get("/api/v2/plugins", Whole(PluginRead)),
    get("/api/v2/plugins/importErrors", Whole(PluginRead)),
    get("/api/v2/pools", Whole(PoolRead)),
    post("/api/v2/pools", Whole(PoolCreate)),
    patch("/api/v2/pools", Whole(PoolEdit)),
    get("/api/v2/pools/{pool_name}", Whole(PoolRead)),
    patch("/api/v2/pools/{pool_name}", Whole(PoolEdit)),
    delete("/api/v2/pools/{pool_name}", Whole(PoolDelete)),
    get("/api/v2/providers", Whole(ProviderRead)),
    get("/api/v2/roles", Whole(RoleRead)),
    post("/api/v2/roles", Whole(RoleCreate)),
    delete("/api/v2/roles/{role_name}", Whole(RoleDelete)),
    post("/api/v2/roles/{role_name}/grants", Whole(RoleEdit)),
    delete("/api/v2/roles/{role_name}/grants", Whole(RoleEdit)),
    get("/api/v2/tokens", Account),
    post("/api/v2/tokens", Account),
    delete("/api/v2/tokens/{token_id}", Account),
    get("/api/v2/variables", Whole(VariableRead)),
    post("/api/v2/variables", Whole(VariableCreate)),
    patch("/api/v2/variables", Whole(VariableEdit)),
    get("/api/v2/variables/{variable_key}", Whole(VariableRead)),
    patch("/api/v2/variables/{variable_key}", Whole(VariableEdit)),
    delete("/api/v2/variables/{variable_key}", Whole(VariableDelete)),
    get("/api/v2/version", Open),
    get("/api/v2/workers", Whole(JobRead)),
    delete("/api/v2/workers/{worker_id}", Whole(WorkerEdit)),
    post("/api/v2/workers/{worker_id}/drain", Whole(WorkerEdit)),
    post("/api/v2/workers/{worker_id}/undrain", Whole(WorkerEdit)),
];
