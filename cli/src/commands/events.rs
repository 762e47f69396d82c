//! `flowctl events`: the audit log.

use std::process::ExitCode;

use api::{EventLog, EventLogCollection};
use clap::Subcommand;
use serde_json::Value;

use crate::commands::when::{self, When};
use crate::globals::Globals;
use crate::output::{Column, Page, moment};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// Who did what to which object, when and from where, the newest first.
    List {
        /// To this DAG, its runs and tasks.
        #[arg(value_name = "DAG")]
        dag_id: Option<String>,
        /// To this run.
        #[arg(long, value_name = "RUN")]
        run_id: Option<String>,
        /// To this task.
        #[arg(long, value_name = "TASK")]
        task_id: Option<String>,
        /// By this account.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Of this kind, such as `trigger_dag_run`.
        #[arg(long)]
        event: Option<String>,
        /// After this time; without an offset it is UTC.
        #[arg(long, value_name = "T", value_parser = when::parse)]
        after: Option<When>,
        /// Before this time; without an offset it is UTC.
        #[arg(long, value_name = "T", value_parser = when::parse)]
        before: Option<When>,
        #[command(flatten)]
        page: Page,
    },
}

const COLUMNS: [Column<EventLog>; 7] = [
    Column { title: "id", cell: |event| event.event_log_id.to_string().into() },
    Column { title: "when", cell: |event| moment(Some(event.when)).into() },
    Column { title: "who", cell: |event| event.owner.as_deref().unwrap_or_default().into() },
    Column { title: "from", cell: |event| event.address.as_deref().unwrap_or_default().into() },
    Column { title: "event", cell: |event| event.event.as_str().into() },
    Column { title: "object", cell: |event| object(event).into() },
    Column { title: "change", cell: |event| change(event).into() },
];

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Events) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let Events::List { dag_id, run_id, task_id, user, event, after, before, page } = verb;
    let given = [
        ("dag_id", dag_id),
        ("run_id", run_id),
        ("task_id", task_id),
        ("owner", user),
        ("event", event),
        ("after", after.map(utc)),
        ("before", before.map(utc)),
        ("order_by", Some("-id".to_owned())),
    ];
    let query: Vec<_> = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let (events, total) = page.of::<EventLogCollection>(&client, &["eventLogs"], &query).await?;
    globals.output().list(&events, &COLUMNS, total)?;
    Ok(ExitCode::SUCCESS)
}

/// As the server reads it: without an offset it is UTC.
fn utc(at: When) -> String {
    match at {
        When::Instant(instant) => instant.to_string(),
        When::Civil(civil) => civil.to_string(),
    }
}

/// What it was done to, in one word.
fn object(event: &EventLog) -> String {
    let element = event.map_index.map(|index| format!("[{index}]")).unwrap_or_default();
    let place = [&event.dag_id, &event.run_id, &event.task_id].into_iter().flatten().cloned().collect::<Vec<_>>();
    let mut words = if place.is_empty() { Vec::new() } else { vec![place.join("/") + &element] };
    if let (Some(kind), Some(name)) = (&event.object_type, &event.object_name) {
        words.push(format!("{kind} {name}"));
    }
    words.join(" ")
}

/// What became different: `name: before → after` for each.
fn change(event: &EventLog) -> String {
    let short = |value: &Value| match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(entries) => format!("{} entries", entries.len()),
        other => other.to_string(),
    };
    let line = |(name, before, after): (&str, Option<&Value>, Option<&Value>)| match (before, after) {
        (Some(before), Some(after)) => format!("{name}: {} → {}", short(before), short(after)),
        (one, other) => format!("{name}: {}", one.or(other).map(short).unwrap_or_default()),
    };
    event.changes().into_iter().map(line).collect::<Vec<_>>().join(", ")
}
