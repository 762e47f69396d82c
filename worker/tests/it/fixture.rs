//! A world for one attempt: a home, a DAG folder, values that others pushed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use model::asset::{Asset, AssetEvent, AssetName, EventSource, SourceDagRun};
use model::attempt::{Attempt, Finished, Outcome};
use model::connection::Connection;
use model::dag::{Dag, Task};
use model::dag_run::{DagRunFacts, DataInterval};
use model::ids::{AttemptToken, DagRunKey, TaskIndex, TaskInstanceKey};
use model::mapping::Elements;
use model::operator::{Bash, Operator, Python, PythonCall};
use model::state::{DagRunType, TriggeredBy};
use model::template::PreviousSuccess;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use worker::{SystemClock, Values, ValuesError, WorkerConfig, run_attempt};

/// Values that are known beforehand; a task id of `broken` cannot be asked about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known(pub(crate) HashMap<(String, String), Value>);

impl Values for Known {
    async fn xcom(&self, _: DagRunKey, task_id: &str, key: &str, _: Elements) -> Result<Option<Value>, ValuesError> {
        if task_id == "broken" {
            return Err(ValuesError("the database is away".to_owned()));
        }
        Ok(self.0.get(&(task_id.to_owned(), key.to_owned())).cloned())
    }

    async fn previous_success(&self, _: DagRunKey) -> Result<Option<PreviousSuccess>, ValuesError> {
        let at = instant("2025-12-31T00:00:00Z");
        Ok(Some(PreviousSuccess {
            data_interval: Some(DataInterval { start: at, end: at }),
            started_at: Some(at),
            ended_at: None,
        }))
    }

    async fn variable(&self, key: &str) -> Result<Option<String>, ValuesError> {
        match key {
            "broken" => Err(ValuesError("the database is away".to_owned())),
            "deploy_token" => Ok(Some("hunter2hunter2".to_owned())),
            "limits" => Ok(Some(r#"{"rows": 5}"#.to_owned())),
            _ => Ok(None),
        }
    }

    async fn connection(&self, conn_id: &str) -> Result<Option<Connection>, ValuesError> {
        let uri = "postgres://ada:s%40crets@db:5432/sales?api_key=k-1234567";
        Ok((conn_id == "warehouse").then(|| Connection::from_uri(uri).unwrap()))
    }

    async fn asset_events(&self, uri: &str) -> Result<Vec<AssetEvent>, ValuesError> {
        Ok(vec![event(1, uri), event(2, uri)])
    }

    async fn triggering_asset_events(&self, _: DagRunKey) -> Result<Vec<AssetEvent>, ValuesError> {
        Ok(vec![event(3, "s3://in")])
    }
}

/// An update of an asset by a run of 1 March.
fn event(id: i64, uri: &str) -> AssetEvent {
    let data_interval = DataInterval { start: instant("2026-03-01T00:00:00Z"), end: instant("2026-03-02T00:00:00Z") };
    let dag_run = SourceDagRun {
        logical_date: Some(data_interval.start),
        data_interval: Some(data_interval),
        run_after: data_interval.end,
        start_date: None,
        end_date: None,
        state: "success".to_owned(),
    };
    AssetEvent {
        id,
        asset: AssetName { id: 1, uri: uri.to_owned(), name: uri.to_owned(), group: "asset".to_owned() },
        timestamp: data_interval.end,
        extra: json!({"rows": id}).as_object().unwrap().clone(),
        source: Some(EventSource {
            dag_id: "maker".to_owned(),
            run_id: "r".to_owned(),
            task_id: "make".to_owned(),
            map_index: -1,
            dag_run: Some(dag_run),
        }),
        data_interval: Some(data_interval),
    }
}

/// An instant.
pub(crate) fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A home with a DAG folder, and what configures a worker in it.
pub(crate) struct World {
    /// Removed at the end.
    pub(crate) folder: tempfile::TempDir,
    /// How attempts are run.
    pub(crate) config: WorkerConfig,
    /// What others pushed.
    pub(crate) known: Known,
    /// What the DAG file describes.
    assets: Vec<Asset>,
    /// Why the run exists.
    run_type: DagRunType,
}

impl World {
    /// An empty world.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("dags")).unwrap();
        let mut config = WorkerConfig::new(folder.path().join("home"));
        config.killed_task_cleanup_time = std::time::Duration::from_millis(300);
        Self { folder, config, known: Known::default(), assets: Vec::new(), run_type: DagRunType::Manual }
    }

    /// A file beside the DAG file.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dags().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The folder of the DAG file.
    pub(crate) fn dags(&self) -> PathBuf {
        self.folder.path().join("dags")
    }

    /// Something that another task pushed.
    pub(crate) fn pushed(mut self, task_id: &str, key: &str, value: Value) -> Self {
        self.known.0.insert((task_id.to_owned(), key.to_owned()), value);
        self
    }

    /// An asset that the DAG file describes.
    pub(crate) fn with_asset(mut self, asset: Asset) -> Self {
        self.assets.push(asset);
        self
    }

    /// The run exists because assets were updated.
    pub(crate) fn triggered_by_assets(mut self) -> Self {
        self.run_type = DagRunType::AssetTriggered;
        self
    }

    /// An attempt of a task.
    pub(crate) fn attempt(&self, task: Task) -> Attempt {
        let mut attempt = attempt(task, AttemptToken(7), &self.dags());
        Arc::make_mut(&mut attempt.dag).assets.clone_from(&self.assets);
        Arc::make_mut(&mut attempt.dag_run).run_type = self.run_type;
        attempt
    }

    /// Runs a task to its end.
    pub(crate) async fn run(&self, task: Task) -> Finished {
        self.run_until(task, CancellationToken::new()).await
    }

    /// Runs a task to its end or until it is stopped.
    pub(crate) async fn run_until(&self, task: Task, stop: CancellationToken) -> Finished {
        let finished = run_attempt(&self.attempt(task), &self.known, &self.config, &SystemClock, |_, _| {}, stop).await;
        assert!(finished.started_at <= finished.ended_at);
        let run = &self.config.run_folder;
        assert!(!run.exists() || run.read_dir().unwrap().next().is_none(), "a scratch folder was left");
        finished
    }

    /// What the templates became.
    pub(crate) fn rendered(&self) -> Option<Value> {
        let log = worker::log_path(&self.config.home, "d", "manual__1", "t", -1, 1);
        let text = std::fs::read_to_string(model::log_path::rendered_path(&log)).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }

    /// The lines of the log, each with its stream.
    pub(crate) fn log(&self) -> Vec<String> {
        let path = worker::log_path(&self.config.home, "d", "manual__1", "t", -1, 1);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .map(|line| {
                let entry: Value = serde_json::from_str(line).unwrap();
                entry["ts"].as_str().unwrap().parse::<Timestamp>().unwrap();
                format!("{}: {}", entry["stream"].as_str().unwrap(), entry["line"].as_str().unwrap())
            })
            .collect()
    }
}

/// An attempt of a task, in a DAG of its own.
pub(crate) fn attempt(task: Task, token: AttemptToken, dags: &Path) -> Attempt {
    let at = instant("2026-01-01T00:00:00Z");
    let key = DagRunKey(1);
    let json = |value: Value| value.as_object().unwrap().clone();
    Attempt {
        token,
        key: TaskInstanceKey::unmapped(key, TaskIndex(0)),
        try_number: 1,
        max_tries: 2,
        dag_run: Arc::new(DagRunFacts {
            key,
            dag_id: "d".to_owned(),
            run_id: "manual__1".to_owned(),
            run_type: DagRunType::Manual,
            logical_date: Some(at),
            data_interval: Some(DataInterval { start: at, end: instant("2026-01-02T00:00:00Z") }),
            run_after: at,
            conf: json(json!({"day": "월요일"})),
            params: json(json!({"top_k": 10})),
            started_at: Some(at),
            triggered_by: TriggeredBy::RestApi,
        }),
        dag: Arc::new(dag(task)),
        dag_file: Arc::new(dags.join("d.yaml")),
        mapped: None,
    }
}

fn dag(task: Task) -> Dag {
    Dag {
        env: FromIterator::from_iter([
            ("FROM_DAG".to_owned(), "dag".to_owned()),
            ("OVER".to_owned(), "dag".to_owned()),
        ]),
        ..Dag::new("d", vec![Arc::new(task)])
    }
}

/// A task with Airflow's defaults.
pub(crate) fn task(operator: Operator) -> Task {
    Task { env: FromIterator::from_iter([("OVER".to_owned(), "task".to_owned())]), ..Task::new("t", operator) }
}

/// A shell command.
pub(crate) fn bash(command: &str) -> Task {
    task(Operator::Bash(Bash::new(command)))
}

/// A piece of Python without arguments.
pub(crate) fn python(call: PythonCall) -> Python {
    Python { call, args: Vec::new(), kwargs: serde_json::Map::new(), interpreter: None }
}

/// Inline Python.
pub(crate) fn code(code: &str) -> Task {
    task(Operator::Python(python(PythonCall::Code(code.to_owned()))))
}

/// The reason of a failure, and whether it may be retried.
pub(crate) fn failure(finished: &Finished) -> (String, bool) {
    match &finished.outcome {
        Outcome::Failed { reason, may_retry, .. } => (reason.clone(), *may_retry),
        other => panic!("not failed: {other:?}"),
    }
}

/// What was pushed, as `key=value`.
pub(crate) fn xcoms(finished: &Finished) -> Vec<String> {
    finished.xcoms.iter().map(|xcom| format!("{}={}", xcom.key, xcom.value)).collect()
}

/// Waits for a condition; fails after ten seconds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if condition() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("did not happen within ten seconds: {what}");
}

/// Whether a process is there and no zombie.
pub(crate) fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

/// The number in a file that a task writes.
pub(crate) fn pid_in(path: &Path) -> Option<i32> {
    let text = std::fs::read_to_string(path).ok()?;
    text.ends_with('\n').then(|| text.trim().parse().ok())?
}
