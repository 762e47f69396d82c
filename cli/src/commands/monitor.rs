//! `flowctl version` and `flowctl health`: they need no login.

use std::process::ExitCode;

use api::{Component, Health, Version};
use serde_json::json;

use crate::globals::Globals;
use crate::output::Cell;

/// Prints both versions; the server's is unknown when none answers, which is no failure.
pub(super) async fn version(globals: &Globals) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let own = env!("CARGO_PKG_VERSION");
    let server = match client.get::<Version>(&["version"], &[]).await {
        Ok(version) => Some(version),
        Err(error) => {
            anstream::eprintln!("{error}");
            None
        }
    };
    globals.output().entry(
        &json!({"client": own, "server": server, "url": client.server()}),
        &[
            ("client", own.into()),
            ("server", server.map_or_else(|| "none answers".to_owned(), |version| version.version).into()),
            ("url", client.server().into()),
        ],
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the health of each part.
pub(super) async fn health(globals: &Globals) -> anyhow::Result<ExitCode> {
    let health: Health = globals.client()?.get(&["monitor", "health"], &[]).await?;
    let parts = [
        ("metadatabase", &health.metadatabase),
        ("scheduler", &health.scheduler),
        ("triggerer", &health.triggerer),
        ("dag_processor", &health.dag_processor),
    ];
    globals.output().entry(&health, &parts.map(|(name, part)| (name, cell(part))))?;
    let is_healthy = parts.iter().all(|(_, part)| part.status.as_deref() != Some("unhealthy"));
    Ok(if is_healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cell(part: &Component) -> Cell {
    let heartbeat =
        part.latest_scheduler_heartbeat.or(part.latest_triggerer_heartbeat).or(part.latest_dag_processor_heartbeat);
    let status = part.status.as_deref().unwrap_or("not used");
    match heartbeat {
        Some(at) => Cell::state(status, format!("{status}, heartbeat {at}")),
        None => Cell::state(status, status),
    }
}
