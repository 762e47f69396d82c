//! `flowctl db clean`.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use jiff::tz::TimeZone;
use serde_json::json;
use store::clean::Cleaned;

use crate::commands::when::{self, When};
use crate::config::Settings;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::services::{self, Access};

/// What to delete.
#[derive(Debug, Args)]
pub(crate) struct Clean {
    /// Runs that ended, updates of assets, and events of the audit log, before this time; without an offset in the default time zone.
    #[arg(long, value_name = "T", value_parser = when::parse)]
    before: When,
    /// Counts only.
    #[arg(long)]
    dry_run: bool,
}

/// Runs in one transaction: so few that nobody waits for its locks.
const BATCH: i64 = 500;

/// Deletes, batch after batch. Each is complete in itself: an interrupted one can be run again.
pub(super) async fn run(
    globals: &Globals,
    settings: &Settings,
    access: &Access,
    arguments: &Clean,
) -> anyhow::Result<ExitCode> {
    services::require_migrated(&access.store).await?;
    let before = match arguments.before {
        When::Instant(instant) => instant,
        When::Civil(civil) => {
            let zone = TimeZone::get(&settings.default_timezone)?;
            let zoned = zone.to_ambiguous_zoned(civil).compatible();
            zoned.map_err(|error| Failure::usage(format!("{civil} is out of range: {error}")))?.timestamp()
        }
    };
    let mut cleaned = Cleaned::default();
    let mut logs = 0_u64;
    let mut asset_events = 0_i64;
    let events;
    if arguments.dry_run {
        cleaned = access.store.count_to_clean(before).await?;
        asset_events = access.store.count_asset_events_to_clean(before).await?;
        events = access.store.count_events_to_clean(before).await?;
    } else {
        // What has a time of its own goes when that is over, whatever `before` is.
        access.store.clean_requests(services::clock()).await?;
        access.store.clean_task_states(services::clock()).await?;
        cleaned.skipped_runs = access.store.clean_skipped_runs(before).await?;
        loop {
            let batch = access.store.clean_batch(before, BATCH).await?;
            if batch.runs.is_empty() {
                break;
            }
            cleaned += batch.counts;
            for (dag_id, run_id) in &batch.runs {
                logs += u64::from(remove_logs(&settings.home, dag_id, run_id));
            }
        }
        loop {
            let removed = access.store.clean_asset_events(before, BATCH).await?;
            if removed == 0 {
                break;
            }
            asset_events += removed;
        }
        events = access.store.clean_events(&services::by(), before).await?;
    }
    let verb = if arguments.dry_run { "would be deleted" } else { "are deleted" };
    anstream::eprintln!("what ended before {before} and {verb}:");
    globals.output().entry(
        &json!({
            "dry_run": arguments.dry_run, "dag_runs": cleaned.dag_runs, "task_instances": cleaned.task_instances,
            "attempts": cleaned.attempts, "xcoms": cleaned.xcoms, "asset_events": asset_events,
            "skipped_runs": cleaned.skipped_runs, "events": events, "log_folders": logs,
        }),
        &[
            ("dag_runs", cleaned.dag_runs.to_string().into()),
            ("task_instances", cleaned.task_instances.to_string().into()),
            ("attempts", cleaned.attempts.to_string().into()),
            ("xcoms", cleaned.xcoms.to_string().into()),
            ("skipped_runs", cleaned.skipped_runs.to_string().into()),
            ("asset_events", asset_events.to_string().into()),
            ("events", events.to_string().into()),
            ("log_folders", if arguments.dry_run { "not counted".into() } else { logs.to_string().into() }),
        ],
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Removes the folder of a run's logs; false when there is none.
fn remove_logs(home: &Path, dag_id: &str, run_id: &str) -> bool {
    let of_run = model::log_path::run_logs(home, dag_id, run_id);
    match std::fs::remove_dir_all(&of_run) {
        Ok(()) => true,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => {
            anstream::eprintln!("{} was not removed: {error}", of_run.display());
            false
        }
    }
}
