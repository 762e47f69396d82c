//! `flowctl dags details`.

use std::process::ExitCode;

use api::{DagDetails, SkipNext};
use serde_json::Value;

use crate::commands::place::{DagArgument, Place};
use crate::globals::Globals;
use crate::output::{Cell, moment};

/// Prints one DAG.
pub(super) async fn run(globals: &Globals, arguments: &DagArgument) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let dag_id = &arguments.dag_id;
    let path = ["dags", dag_id, "details"];
    let found: DagDetails = Place::dag(dag_id).within(&client, async { Ok(client.get(&path, &[]).await?) }).await?;
    let skip_next: SkipNext = client.get_own(&["dags", dag_id, "skipNext"], &[]).await?;
    let mut shown = serde_json::to_value(&found)?;
    shown["skip_next"] = skip_next.count.into();
    shown["skipped_runs"] = serde_json::to_value(&skip_next.skipped)?;
    let mut fields = fields(&found);
    if skip_next.count > 0 {
        fields.push(("skips next", format!("{} scheduled runs", skip_next.count).into()));
    }
    if let Some(last) = skip_next.skipped.first() {
        fields.push(("last skipped", format!("{}: {}", moment(Some(last.logical_date)), last.reason).into()));
    }
    globals.output().entry(&shown, &fields)?;
    if found.dag.has_import_errors {
        anstream::eprintln!(
            "the newest content of its file was refused; the last good version stays in force: `flowctl import-errors list` says why"
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn fields(found: &DagDetails) -> Vec<(&'static str, Cell)> {
    let dag = &found.dag;
    let text = |text: &Option<String>| Cell::from(text.as_deref().unwrap_or("–"));
    let number = |number: Option<u32>| Cell::from(number.map_or_else(|| "–".to_owned(), |number| number.to_string()));
    let state = if dag.is_paused { "paused" } else { "active" };
    let version = found.latest_dag_version.as_ref();
    let tags: Vec<_> = dag.tags.iter().map(|tag| tag.name.as_str()).collect();
    vec![
        ("dag_id", dag.dag_id.as_str().into()),
        ("description", text(&dag.description)),
        ("state", Cell::state(state, state)),
        ("paused because", text(&dag.pause_reason)),
        ("file", dag.fileloc.as_str().into()),
        ("version", version.map_or_else(|| "–".to_owned(), |version| version.version_number.to_string()).into()),
        ("schedule", text(&dag.timetable_summary)),
        ("in words", text(&dag.timetable_description)),
        ("assets", text(&found.waits_for)),
        ("timezone", text(&found.timezone)),
        ("start_date", moment(found.start_date).into()),
        ("end_date", moment(found.end_date).into()),
        ("catchup", found.catchup.to_string().into()),
        ("next run", moment(dag.next_dagrun_run_after).into()),
        ("running runs", found.active_runs_count.to_string().into()),
        ("max_active_runs", number(dag.max_active_runs)),
        ("max_active_tasks", dag.max_active_tasks.to_string().into()),
        ("dagrun_timeout", text(&found.dag_run_timeout)),
        ("owners", dag.owners.join(", ").into()),
        ("tags", tags.join(", ").into()),
        ("params", params(found.params.as_ref()).into()),
    ]
}

/// `day = null, top_k = 10`.
pub(crate) fn params(params: Option<&Value>) -> String {
    let Some(Value::Object(params)) = params else { return "–".to_owned() };
    let shown = |(name, param): (&String, &Value)| format!("{name} = {}", param.get("value").unwrap_or(param));
    params.iter().map(shown).collect::<Vec<_>>().join(", ")
}
