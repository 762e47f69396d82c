//! `flowctl dags next`.

use std::process::ExitCode;

use api::{DagDetails, SkipNext};
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::dag::Schedule;
use model::timetable::{DueRun, Timetable};
use serde::Serialize;

use crate::commands::when::{self, When};
use crate::globals::Globals;
use crate::output::{Cell, Column};
use crate::{config, local_dags, services};

/// Which runs of which DAG.
#[derive(Debug, Args)]
pub(crate) struct Next {
    /// Id of a DAG in the DAG folder, or the path of its file.
    dag: String,
    /// How many.
    #[arg(short = 'n', long = "count", default_value_t = 10)]
    count: usize,
    /// After this time instead of now; without an offset in the DAG's time zone.
    #[arg(long, value_name = "T", value_parser = when::parse)]
    from: Option<When>,
}

/// A run to come. Its times are in the DAG's zone.
#[derive(Debug, Serialize)]
struct Entry {
    logical_date: String,
    data_interval_start: String,
    data_interval_end: String,
    run_after: String,
}

const COLUMNS: [Column<Entry>; 4] = [
    Column { title: "logical date", cell: |run| Cell::from(run.logical_date.as_str()) },
    Column { title: "data interval start", cell: |run| Cell::from(run.data_interval_start.as_str()) },
    Column { title: "data interval end", cell: |run| Cell::from(run.data_interval_end.as_str()) },
    Column { title: "run after", cell: |run| Cell::from(run.run_after.as_str()) },
];

/// Prints the next runs.
pub(super) async fn run(globals: &Globals, arguments: &Next) -> anyhow::Result<ExitCode> {
    let settings = config::load(globals, &[])?;
    let mut local = local_dags::find(&settings, &arguments.dag)?;
    let from = arguments.from.map(|when| local.instant(when)).transpose()?.unwrap_or_else(services::clock);
    // What was missed before is a matter of the server's history.
    local.dag.catchup = false;
    local.dag.catchup_window = None;
    let timetable = Timetable::new(&local.dag)?;
    // What has no ticks of its own is due whenever the DAG becomes known.
    let has_ticks = !matches!(local.dag.schedule, Schedule::Once | Schedule::Continuous);
    let overdue = usize::from(has_ticks && timetable.next(None, from).is_some_and(|first| first.run_after <= from));
    let runs = timetable.upcoming(None, from, arguments.count.saturating_add(overdue)).into_iter().skip(overdue);
    let zone = local.zone();
    let entries: Vec<Entry> = runs.map(|run| entry(&run, &zone)).collect();
    if local.dag.schedule.assets().is_some() && !local.dag.schedule.is_timed() {
        anstream::eprintln!("only updates of assets start it; no clock says when they come");
    }
    anstream::eprintln!("{}: {} ({})", local.dag.dag_id, timetable.describe(), local.dag.timezone);
    let total = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    globals.output().list(&entries, &COLUMNS, total)?;
    if local.dag.dag_id == arguments.dag {
        tell_skipped(globals, &local.dag.dag_id).await;
        if local.dag.schedule.assets().is_some() {
            tell_waiting(globals, &local.dag.dag_id).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says how many of these a server that answers will leave out. There need not be one.
async fn tell_skipped(globals: &Globals, dag_id: &str) {
    let Ok(client) = globals.client() else { return };
    let Ok(skips) = client.get::<SkipNext>(&["dags", dag_id, "skipNext"], &[]).await else { return };
    if skips.count > 0 {
        let runs = if skips.count == 1 { "scheduled run" } else { "scheduled runs" };
        anstream::eprintln!("{} leaves out the next {} {runs} (dags skip-next)", client.server(), skips.count);
    }
}

/// Says what a server that answers waits for. There need not be one.
async fn tell_waiting(globals: &Globals, dag_id: &str) {
    let Ok(client) = globals.client() else { return };
    let Ok(details) = client.get::<DagDetails>(&["dags", dag_id, "details"], &[]).await else { return };
    if let Some(waits_for) = details.waits_for {
        anstream::eprintln!("{}: {waits_for}", client.server());
    }
}

fn entry(run: &DueRun, zone: &TimeZone) -> Entry {
    let shown = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    Entry {
        logical_date: shown(run.data_interval.start),
        data_interval_start: shown(run.data_interval.start),
        data_interval_end: shown(run.data_interval.end),
        run_after: shown(run.run_after),
    }
}
