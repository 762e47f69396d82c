//! `/version` and `/monitor/health`: without a login.

use api::{Component, Health, Version};
use axum::Json;
use axum::extract::State;

use super::Api;

/// Which program answers.
#[utoipa::path(get, path = "/version", tag = "Version", responses((status = 200, body = Version)))]
pub(super) async fn get_version(State(api): State<Api>) -> Json<Version> {
    Json(Version { version: api.version, git_version: option_env!("FLOWCTL_GIT_VERSION").map(str::to_owned) })
}

/// How the deployment is. Always answered: a database that does not answer is unhealthy.
#[utoipa::path(get, path = "/monitor/health", tag = "Monitor", responses((status = 200, body = Health)))]
pub(super) async fn get_health(State(api): State<Api>) -> Json<Health> {
    let word = |is_healthy: bool| Some(if is_healthy { "healthy" } else { "unhealthy" }.to_owned());
    let found = api.store.api_health().await.inspect_err(|error| {
        tracing::warn!(error = %error, "the database did not say how the deployment is");
    });
    let is_led = found.as_ref().is_ok_and(|health| health.is_led);
    let is_read = found.as_ref().is_ok_and(|health| health.is_read);
    let read_at = found.as_ref().ok().and_then(|health| health.dag_processor_heartbeat).map(|at| at.0);
    // What waits without a slot is a part of the scheduler: its heartbeat is theirs.
    let heartbeat = found.as_ref().ok().and_then(|health| health.scheduler_heartbeat).map(|at| at.0);
    Json(Health {
        metadatabase: Component { status: word(found.is_ok()), ..Component::default() },
        scheduler: Component { status: word(is_led), latest_scheduler_heartbeat: heartbeat, ..Component::default() },
        triggerer: Component { status: word(is_led), latest_triggerer_heartbeat: heartbeat, ..Component::default() },
        dag_processor: Component {
            status: word(is_read),
            latest_dag_processor_heartbeat: read_at,
            ..Component::default()
        },
    })
}
