//! `flowctl dags simulate`.

use std::collections::HashMap;
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use model::dag::Dag;
use model::duration::Duration;
use scheduler::simulator::{ForeseenRun, ForeseenTask, Scenario, simulate};
use serde::Serialize;

use crate::commands::when::{self, When};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::{Cell, Column};
use crate::{config, local_dags, services};

/// Stands for every task that is not named.
const OTHERS: &str = "*";

/// Which DAG, in which time.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// Id of a DAG in the DAG folder, or the path of its file.
    dag: String,
    /// The first instant [default: now]; without an offset in the DAG's time zone. What was due before counts as done.
    #[arg(long, value_name = "T", value_parser = when::parse)]
    from: Option<When>,
    /// The instant at which it ends [default: a week after the first]; without an offset in the DAG's time zone.
    #[arg(long, value_name = "T", value_parser = when::parse)]
    to: Option<When>,
    /// How long tasks take, such as `extract=5m,load=1h`; `*` is every other task, which otherwise takes a second.
    #[arg(long, value_name = "TASK=DUR", value_delimiter = ',', value_parser = duration)]
    durations: Vec<(String, Duration)>,
    /// The simulation ends when there are so many runs.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    limit: usize,
}

/// A run that would be created. Its times are in the DAG's zone.
#[derive(Debug, Serialize)]
struct Entry {
    run_id: String,
    logical_date: Option<String>,
    data_interval_start: Option<String>,
    data_interval_end: Option<String>,
    run_after: String,
    state: String,
    start_date: Option<String>,
    end_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    tasks: Vec<Task>,
}

#[derive(Debug, Serialize)]
struct Task {
    task_id: String,
    map_index: i32,
    state: String,
    start_date: Option<String>,
    end_date: Option<String>,
    /// After the run's creation.
    #[serde(skip)]
    wait: Option<SignedDuration>,
}

const COLUMNS: [Column<Entry>; 6] = [
    Column { title: "logical date", cell: |run| or_dash(run.logical_date.as_deref()) },
    Column { title: "run after", cell: |run| Cell::from(run.run_after.as_str()) },
    Column { title: "started", cell: |run| or_dash(run.start_date.as_deref()) },
    Column { title: "ended", cell: |run| or_dash(run.end_date.as_deref()) },
    Column { title: "state", cell: |run| Cell::state(&run.state, &run.state) },
    Column { title: "tasks start", cell: |run| Cell::from(starts(run)) },
];

fn or_dash(text: Option<&str>) -> Cell {
    Cell::from(text.unwrap_or("–"))
}

/// `extract +0s, load +5m`.
fn starts(run: &Entry) -> String {
    let starts = run.tasks.iter().filter_map(|task| {
        let element = if task.map_index < 0 { String::new() } else { format!("[{}]", task.map_index) };
        Some(format!("{}{element} +{:#}", task.task_id, task.wait?))
    });
    starts.collect::<Vec<_>>().join(", ")
}

/// Reads `TASK=DUR`, for clap.
fn duration(text: &str) -> Result<(String, Duration), String> {
    let (task, length) = text.split_once('=').ok_or("it must be TASK=DURATION, such as extract=5m")?;
    let length = Duration::from_str(length).map_err(|error| error.to_string())?;
    Ok((task.trim().to_owned(), length))
}

/// Prints what would happen.
pub(super) async fn run(globals: &Globals, arguments: &Simulate) -> anyhow::Result<ExitCode> {
    let settings = config::load(globals, &[])?;
    let local = local_dags::find(&settings, &arguments.dag)?;
    let zone = local.zone();
    let from = arguments.from.map(|when| local.instant(when)).transpose()?.unwrap_or_else(services::clock);
    let to = match arguments.to {
        Some(when) => local.instant(when)?,
        None => from.to_zoned(zone.clone()).saturating_add(1.week()).timestamp(),
    };
    if to <= from {
        return Err(Failure::usage("the simulation ends before it begins").hint("--to is after --from").into());
    }
    let durations = durations_of(&local.dag, &arguments.durations)?;
    let usual_duration = durations.get(OTHERS).copied().unwrap_or(SignedDuration::from_secs(1));
    let scenario = Scenario {
        limits: settings.limits,
        from,
        to,
        durations,
        usual_duration,
        most_runs: arguments.limit,
        dag: local.dag,
    };
    if let Some(assets) = scenario.dag.schedule.assets() {
        let condition = &assets.condition;
        anstream::eprintln!("runs that updates of {condition} would start are not foreseen: other DAGs make those");
    }
    let forecast = simulate(&scenario).await?;
    let entries: Vec<Entry> = forecast.runs.iter().map(|run| entry(run, &zone)).collect();
    let total = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    globals.output().list(&entries, &COLUMNS, total)?;
    if !forecast.skipped.is_empty() {
        let last = forecast.skipped.last().map(|skipped| skipped.reason.to_string()).unwrap_or_default();
        anstream::eprintln!("{} runs would be left out; the last because {last}", forecast.skipped.len());
    }
    if forecast.is_cut {
        anstream::eprintln!("there would be more runs than {}; --limit changes that", arguments.limit);
    }
    Ok(ExitCode::SUCCESS)
}

fn durations_of(dag: &Dag, given: &[(String, Duration)]) -> anyhow::Result<HashMap<String, SignedDuration>> {
    for (name, _) in given {
        if name != OTHERS && dag.index_of(name).is_none() {
            let known: Vec<&str> = dag.tasks.iter().map(|task| task.task_id.as_str()).collect();
            return Err(Failure::not_found(format!("no task `{name}` in `{}`", dag.dag_id))
                .hint(format!("its tasks are {}", known.join(", ")))
                .into());
        }
    }
    Ok(given.iter().map(|(name, length)| (name.clone(), length.absolute())).collect())
}

fn entry(run: &ForeseenRun, zone: &TimeZone) -> Entry {
    let shown = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    let task = |task: &ForeseenTask| Task {
        task_id: task.task_id.clone(),
        map_index: task.map_index,
        state: task.state.to_string(),
        start_date: task.started_at.map(shown),
        end_date: task.ended_at.map(shown),
        wait: task.started_at.map(|at| run.run_after.duration_until(at)),
    };
    Entry {
        run_id: run.run_id.clone(),
        logical_date: run.logical_date.map(shown),
        data_interval_start: run.data_interval.map(|interval| shown(interval.start)),
        data_interval_end: run.data_interval.map(|interval| shown(interval.end)),
        run_after: shown(run.run_after),
        state: run.state.to_string(),
        start_date: run.started_at.map(shown),
        end_date: run.ended_at.map(shown),
        reason: run.reason.clone(),
        tasks: run.tasks.iter().map(task).collect(),
    }
}
