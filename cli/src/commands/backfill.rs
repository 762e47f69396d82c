//! `flowctl backfill`.

use std::process::ExitCode;

use api::{
    Backfill, BackfillBody, BackfillCollection, BackfillDay, BackfillDayCollection, BackfillPlan,
    BackfillPlanCollection,
};
use clap::{Args, Subcommand, ValueEnum};

use super::conf;
use super::place::{DagArgument, Place};
use super::when::{self, When};
use crate::globals::Globals;
use crate::output::{Cell, Column, Format, Page, moment};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Backfills {
    /// Makes a run for each data interval of a range, one after the other behind other runs.
    Create(Create),
    /// Backfills, the newest first.
    List(List),
    /// How far a backfill is: each date with its run.
    Show(Show),
    /// Stops a backfill from making runs for now; those that are there go on.
    Pause(Id),
    /// Lets a backfill go on.
    Unpause(Id),
    /// Ends a backfill: its queued runs fail, what runs goes on.
    Cancel(Id),
}

/// Which runs that exist run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reprocess {
    None,
    Failed,
    Completed,
}

/// Which dates of which DAG.
#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    dag: DagArgument,
    /// First logical date; without an offset in the DAG's time zone.
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    from: When,
    /// Last logical date; without an offset in the DAG's time zone.
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    to: When,
    /// The latest date first.
    #[arg(long)]
    backwards: bool,
    /// Which runs that exist run again: none, those that failed, or all that have ended (completed).
    #[arg(long, value_enum, default_value = "none")]
    reprocess: Reprocess,
    /// Its unfinished runs at once.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    max_active_runs: u32,
    /// Parameters of its runs: a JSON object, or `@FILE` with one (`@-`: stdin).
    #[arg(long, value_name = "JSON|@FILE")]
    conf: Option<String>,
    /// Runs that run again do so with the DAG's newest version.
    #[arg(long)]
    latest_version: bool,
    /// Says which runs it would make, and creates nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Which.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Of this DAG.
    #[arg(value_name = "DAG")]
    dag_id: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// Which, and which part of its dates.
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    backfill: Id,
    #[command(flatten)]
    page: Page,
}

/// Which.
#[derive(Debug, Args)]
pub(crate) struct Id {
    /// Its number, as `backfill list` shows it.
    #[arg(value_name = "ID")]
    id: i64,
}

const COLUMNS: [Column<Backfill>; 7] = [
    Column { title: "id", cell: |backfill| backfill.id.to_string().into() },
    Column { title: "dag_id", cell: |backfill| backfill.dag_id.as_str().into() },
    Column { title: "state", cell: |backfill| Cell::state(state(backfill), state(backfill)) },
    Column { title: "from", cell: |backfill| moment(Some(backfill.from_date)).into() },
    Column { title: "to", cell: |backfill| moment(Some(backfill.to_date)).into() },
    Column { title: "progress", cell: |backfill| progress(backfill).into() },
    Column { title: "created", cell: |backfill| moment(Some(backfill.created_at)).into() },
];

const DATES: [Column<BackfillDay>; 4] = [
    Column { title: "logical_date", cell: |day| moment(Some(day.logical_date)).into() },
    Column { title: "state", cell: |day| Cell::state(day_state(day), day_state(day)) },
    Column { title: "run", cell: |day| day.dag_run_id.as_deref().unwrap_or("–").into() },
    Column { title: "why", cell: |day| day.exception_reason.as_deref().unwrap_or_default().into() },
];

const PLANS: [Column<BackfillPlan>; 2] = [
    Column { title: "logical_date", cell: |plan| moment(Some(plan.logical_date)).into() },
    Column { title: "why", cell: |plan| plan.exception_reason.as_deref().unwrap_or_default().into() },
];

fn state(backfill: &Backfill) -> &'static str {
    match (backfill.completed_at, backfill.is_paused) {
        (Some(_), _) => "completed",
        (None, true) => "paused",
        (None, false) => "running",
    }
}

fn day_state(day: &BackfillDay) -> &str {
    day.state.as_deref().unwrap_or(if day.exception_reason.is_some() { "left out" } else { "pending" })
}

/// `3 of 10 (1 failed, 2 left out)`; a dash when nothing is known.
fn progress(backfill: &Backfill) -> String {
    let counts = &backfill.progress;
    if counts.total == 0 {
        return "–".to_owned();
    }
    let done = counts.success + counts.failed + counts.left_out;
    let bad = [(counts.failed, "failed"), (counts.left_out, "left out")];
    let bad: Vec<_> =
        bad.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let bad = if bad.is_empty() { String::new() } else { format!(" ({})", bad.join(", ")) };
    format!("{done} of {}{bad}", counts.total)
}

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Backfills) -> anyhow::Result<ExitCode> {
    match verb {
        Backfills::Create(arguments) => create(globals, &arguments).await?,
        Backfills::List(arguments) => list(globals, &arguments).await?,
        Backfills::Show(arguments) => show(globals, &arguments).await?,
        Backfills::Pause(id) => change(globals, &id, "pause").await?,
        Backfills::Unpause(id) => change(globals, &id, "unpause").await?,
        Backfills::Cancel(id) => change(globals, &id, "cancel").await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(globals: &Globals, arguments: &Create) -> anyhow::Result<()> {
    let client = globals.client()?;
    let dag_id = &arguments.dag.dag_id;
    let work = async {
        let body = BackfillBody {
            dag_id: dag_id.clone(),
            from_date: arguments.from.resolve(&client, dag_id).await?,
            to_date: arguments.to.resolve(&client, dag_id).await?,
            run_backwards: arguments.backwards,
            dag_run_conf: arguments.conf.as_deref().map(conf::read).transpose()?,
            reprocess_behavior: match arguments.reprocess {
                Reprocess::None => "none",
                Reprocess::Failed => "failed",
                Reprocess::Completed => "completed",
            }
            .to_owned(),
            max_active_runs: arguments.max_active_runs,
            run_on_latest_version: arguments.latest_version,
        };
        if arguments.dry_run {
            let planned: BackfillPlanCollection = client.post(&["backfills", "dry_run"], &body).await?;
            globals.output().list(&planned.backfills, &PLANS, planned.total_entries)?;
            return Ok(());
        }
        let created: Backfill = client.post(&["backfills"], &body).await?;
        entry(globals, &created)?;
        anstream::eprintln!("`flowctl backfill show {}` says how far it is", created.id);
        Ok(())
    };
    Place::dag(dag_id).within(&client, work).await
}

async fn list(globals: &Globals, arguments: &List) -> anyhow::Result<()> {
    let client = globals.client()?;
    let dag_id = arguments.dag_id.iter().map(|dag_id| ("dag_id", dag_id.clone()));
    let query: Vec<_> = dag_id.chain([("order_by", "-id".to_owned())]).collect();
    let (backfills, total) = arguments.page.of::<BackfillCollection>(&client, &["backfills"], &query).await?;
    globals.output().list(&backfills, &COLUMNS, total)
}

async fn show(globals: &Globals, arguments: &Show) -> anyhow::Result<()> {
    let client = globals.client()?;
    let id = arguments.backfill.id.to_string();
    let backfill: Backfill = client.get(&["backfills", &id], &[]).await?;
    let path = ["backfills", &id, "dates"];
    let (dates, total) = arguments.page.of::<BackfillDayCollection>(&client, &path, &[]).await?;
    if globals.output().format() == Format::Table {
        entry(globals, &backfill)?;
        anstream::println!();
    }
    globals.output().list(&dates, &DATES, total)
}

async fn change(globals: &Globals, id: &Id, verb: &str) -> anyhow::Result<()> {
    let client = globals.client()?;
    let changed: Backfill = client.put(&["backfills", &id.id.to_string(), verb], &serde_json::json!({})).await?;
    entry(globals, &changed)
}

fn entry(globals: &Globals, backfill: &Backfill) -> anyhow::Result<()> {
    let fields: Vec<_> = COLUMNS.iter().map(|column| (column.title, (column.cell)(backfill))).collect();
    globals.output().entry(backfill, &fields)
}
