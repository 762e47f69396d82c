//! The Python side: the runner's files, the request it reads, the result it leaves.

use std::io;
use std::path::{Path, PathBuf};

use model::asset::{AssetEvent, EventSource, SourceDagRun};
use model::attempt::{Attempt, Outcome};
use model::dag_run::{DataInterval, isoformat};
use model::operator::PythonCall;
use model::xcom::{RETURN_VALUE, XComValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::config::{WorkerConfig, fnv};
use crate::environment::folder;
use crate::scratch::Scratch;

const RUNNER: &str = include_str!("../../python/flowctl_runner.py");
const PACKAGE: &str = include_str!("../../python/flowctl/__init__.py");

/// The folder of the Python files of this version, `{home}/python/{hash}/`; written when it is not there.
pub(crate) fn install(home: &Path) -> io::Result<PathBuf> {
    let hash = fnv(RUNNER.as_bytes()) ^ fnv(PACKAGE.as_bytes()).rotate_left(1);
    let folder = home.join("python").join(format!("{hash:016x}"));
    if folder.join("flowctl_runner.py").is_file() {
        return Ok(folder);
    }
    std::fs::create_dir_all(folder.join("flowctl"))?;
    write_whole(&folder.join("flowctl/__init__.py"), PACKAGE)?;
    // Last, because it is what the check above looks for.
    write_whole(&folder.join("flowctl_runner.py"), RUNNER)?;
    Ok(folder)
}

/// Writes beside and renames, so that another worker never sees half a file.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let beside = folder.join(format!(".{}.{:?}", std::process::id(), std::thread::current().id()));
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}

/// What to call, with rendered arguments.
pub(crate) struct Call<'a> {
    pub(crate) target: &'a PythonCall,
    pub(crate) args: Vec<Value>,
    pub(crate) kwargs: Map<String, Value>,
}

/// Leaves the request for the runner.
pub(crate) fn write_request(attempt: &Attempt, call: &Call<'_>, scratch: &Scratch) -> io::Result<()> {
    let folder = std::path::absolute(folder(attempt))?;
    let mut request = json!({
        "folder": folder.to_string_lossy(),
        "args": call.args,
        "kwargs": call.kwargs,
        "context": context(attempt),
    });
    let (key, value) = match call.target {
        PythonCall::Callable(name) => ("callable", name.clone()),
        PythonCall::Script(path) => ("script", folder.join(path).to_string_lossy().into_owned()),
        PythonCall::Code(code) => ("code", code.clone()),
    };
    request[key] = Value::String(value);
    std::fs::write(scratch.file("request.json"), request.to_string())
}

fn context(attempt: &Attempt) -> Value {
    let run = &attempt.dag_run;
    let task = attempt.task();
    let text = |at: Option<jiff::Timestamp>| at.map(isoformat);
    let utc = run.logical_date.map(|at| at.to_zoned(jiff::tz::TimeZone::UTC));
    let form = |form: &str| utc.as_ref().map(|at| at.strftime(form).to_string());
    json!({
        "dag_id": run.dag_id,
        "owner": attempt.dag.owner,
        "tags": attempt.dag.tags,
        "timezone": attempt.dag.timezone,
        "task_id": task.task_id,
        "retries": task.retries,
        "run_id": run.run_id,
        "run_type": run.run_type,
        "conf": run.conf,
        "params": run.params,
        "try_number": attempt.try_number,
        "max_tries": attempt.max_tries,
        "map_index": attempt.key.map_index,
        "inlets": assets(attempt, &task.inlets),
        "outlets": assets(attempt, &task.outlets),
        "map": attempt.mapped.as_ref().map(|mapped| &mapped.values),
        "logical_date": text(run.logical_date),
        "data_interval_start": text(run.data_interval.map(|interval| interval.start)),
        "data_interval_end": text(run.data_interval.map(|interval| interval.end)),
        "run_after": text(Some(run.run_after)),
        "started_at": text(run.started_at),
        "ds": form("%Y-%m-%d"),
        "ds_nodash": form("%Y%m%d"),
        "ts": text(run.logical_date),
        "ts_nodash": form("%Y%m%dT%H%M%S"),
        "ts_nodash_with_tz": form("%Y%m%dT%H%M%S+0000"),
    })
}

/// Assets that the task names, as far as its file describes them.
fn assets(attempt: &Attempt, uris: &[String]) -> Value {
    let asset = |uri: &String| {
        let described = attempt.dag.assets.iter().find(|asset| asset.uri == *uri).cloned();
        let asset = described.unwrap_or_else(|| model::asset::Asset::new(uri.as_str()));
        json!({ "uri": asset.uri, "name": asset.name, "group": asset.group })
    };
    uris.iter().map(asset).collect()
}

/// Events of assets, with times as texts.
pub(crate) fn events(events: &[AssetEvent]) -> Value {
    let bounds = |interval: Option<DataInterval>| {
        let text = |bound: fn(DataInterval) -> jiff::Timestamp| interval.map(bound).map(isoformat);
        (text(|interval| interval.start), text(|interval| interval.end))
    };
    let dag_run = |source: &EventSource, run: &SourceDagRun| {
        let (start, end) = bounds(run.data_interval);
        json!({
            "dag_id": source.dag_id,
            "run_id": source.run_id,
            "logical_date": run.logical_date.map(isoformat),
            "data_interval_start": start,
            "data_interval_end": end,
            "run_after": isoformat(run.run_after),
            "start_date": run.start_date.map(isoformat),
            "end_date": run.end_date.map(isoformat),
            "state": run.state,
        })
    };
    let event = |event: &AssetEvent| {
        let (start, end) = bounds(event.data_interval);
        let source = event.source.as_ref();
        json!({
            "id": event.id,
            "asset": {"uri": event.asset.uri, "name": event.asset.name, "group": event.asset.group},
            "timestamp": isoformat(event.timestamp),
            "extra": event.extra,
            "source_dag_id": source.map(|source| &source.dag_id),
            "source_run_id": source.map(|source| &source.run_id),
            "source_task_id": source.map(|source| &source.task_id),
            "source_map_index": source.map_or(-1, |source| source.map_index),
            "source_dag_run": source.and_then(|source| source.dag_run.as_ref().map(|run| dag_run(source, run))),
            "data_interval_start": start,
            "data_interval_end": end,
        })
    };
    events.iter().map(event).collect()
}

#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Ended {
    Success { value: Value },
    Skipped { reason: String },
    Exit,
    Failed { reason: String, may_retry: bool },
}

#[derive(Deserialize)]
struct ResultFile {
    #[serde(flatten)]
    ended: Ended,
    #[serde(default)]
    pushed: Map<String, Value>,
    #[serde(default)]
    outlet_events: Map<String, Value>,
}

/// What the runner left behind.
#[derive(Debug, Default)]
pub(crate) struct Reported {
    /// None: its exit code says it.
    pub(crate) outcome: Option<Outcome>,
    /// What it returned, when it succeeded.
    pub(crate) returned: Option<Value>,
    /// What it pushed by hand.
    pub(crate) pushed: Vec<XComValue>,
    /// What it said about its outlets, by URI or name.
    pub(crate) outlet_events: Map<String, Value>,
}

/// Reads the runner's result; empty when the process ended before it could leave one.
pub(crate) fn read_result(scratch: &Scratch) -> Reported {
    let Ok(bytes) = std::fs::read(scratch.file("result.json")) else {
        return Reported::default();
    };
    let Ok(file) = serde_json::from_slice::<ResultFile>(&bytes) else {
        return Reported::default();
    };
    let mut reported = Reported {
        outlet_events: file.outlet_events,
        pushed: file.pushed.into_iter().map(|(key, value)| XComValue { key, value }).collect(),
        ..Reported::default()
    };
    match file.ended {
        Ended::Success { value } => {
            reported.outcome = Some(Outcome::Success);
            reported.returned = Some(value);
        }
        Ended::Skipped { reason } => reported.outcome = Some(Outcome::Skipped { reason }),
        Ended::Failed { reason, may_retry } => {
            reported.outcome = Some(Outcome::Failed { reason, exit_code: Some(1), may_retry });
        }
        Ended::Exit => {}
    }
    reported
}

/// What a returned value pushes: itself, and with `multiple_outputs` each of its keys.
pub(crate) fn returned_xcoms(value: Value, multiple_outputs: bool) -> Result<Vec<XComValue>, String> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    let mut xcoms = Vec::new();
    if multiple_outputs {
        let Value::Object(map) = &value else {
            return Err(format!("multiple_outputs needs a mapping to be returned, not {}", kind(&value)));
        };
        xcoms.extend(map.iter().map(|(key, value)| XComValue { key: key.clone(), value: value.clone() }));
    }
    xcoms.push(XComValue { key: RETURN_VALUE.to_owned(), value });
    Ok(xcoms)
}

/// The task ids that a branch's callable returned.
pub(crate) fn followed(value: Value) -> Result<Vec<String>, String> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::String(one) => Ok(vec![one]),
        Value::Array(list) => list
            .into_iter()
            .map(|item| match item {
                Value::String(id) => Ok(id),
                other => Err(format!("a branch returns task ids, but its list contains {}", kind(&other))),
            })
            .collect(),
        other => Err(format!("a branch returns a task id, a list of them or None, not {}", kind(&other))),
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "None",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a number",
        Value::String(_) => "a str",
        Value::Array(_) => "a list",
        Value::Object(_) => "a dict",
    }
}

/// The interpreter of a task that names none.
pub(crate) const INTERPRETER: &str = "python3";

/// The runner's path under a config's home.
pub(crate) fn runner(config: &WorkerConfig) -> io::Result<PathBuf> {
    Ok(install(&config.home)?.join("flowctl_runner.py"))
}
