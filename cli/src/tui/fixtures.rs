//! A state as it is after some keys and answers, for tests.

use api::{Dag, DagRun, DagRunWaiting, LogMessage, TaskInstance, TaskInstanceWaiting};
use jiff::{SignedDuration, Timestamp};
use ratatui::layout::Size;
use serde_json::json;

use super::ask::{Answer, Changed, Kind, Log, Request, Runs};
use super::keys::Key;
use super::state::{Effect, Event, State, Ticket};
use crate::client::Error;
use crate::commands::runs::{Attempt, Shown, tree};

pub(super) fn noon() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().expect("an instant")
}

pub(super) fn dag(dag_id: &str) -> Dag {
    let dag = json!({
        "dag_id": dag_id, "dag_display_name": dag_id, "is_paused": false, "is_stale": false, "fileloc": "", "tags": [],
        "timetable_summary": "0 7 * * *", "timetable_description": "at 07:00", "timetable_partitioned": false,
        "timetable_periodic": true, "max_active_tasks": 16, "max_active_runs": 16,
        "max_consecutive_failed_dag_runs": 0, "has_task_concurrency_limits": false, "has_import_errors": false,
        "next_dagrun_run_after": "2026-01-02T07:00:00Z", "owners": [], "is_backfillable": true, "file_token": "",
    });
    serde_json::from_value(dag).expect("a DAG")
}

pub(super) fn paused(dag_id: &str) -> Dag {
    let pause_reason = Some("3 runs failed one after the other".to_owned());
    Dag { is_paused: true, pause_reason, ..dag(dag_id) }
}

pub(super) fn dag_run(dag_id: &str, run_id: &str, state: &str) -> DagRun {
    let ended = matches!(state, "success" | "failed");
    let started = state != "queued";
    let run = json!({
        "dag_run_id": run_id, "dag_id": dag_id, "dag_display_name": dag_id, "run_type": "manual", "state": state,
        "logical_date": "2026-01-01T00:00:00Z", "run_after": "2026-01-01T00:00:00Z", "dag_versions": [],
        "queued_at": "2026-01-01T11:58:00Z",
        "start_date": started.then_some("2026-01-01T11:58:00Z"),
        "end_date": ended.then_some("2026-01-01T11:59:01Z"),
        "duration": ended.then_some(61.0),
    });
    serde_json::from_value(run).expect("a run")
}

/// A task instance; one that runs began 90 s ago.
pub(super) fn task(task_id: &str, map_index: i32, state: &str) -> TaskInstance {
    let (tries, duration) = match state {
        "none" | "queued" | "scheduled" | "upstream_failed" | "skipped" => ((0, 1), None),
        "running" => ((2, 1), None),
        _ => ((1, 1), Some(2.5)),
    };
    let mut instance = tree::instance(task_id, map_index, state, tries, duration);
    instance.start_date = Some(noon() - SignedDuration::from_secs(90));
    instance
}

pub(super) fn shown(state: &str, task_instances: Vec<TaskInstance>) -> Shown {
    let reason = "it waits for `extract.orders` (running)".to_owned();
    let waiting = TaskInstanceWaiting { task_id: "load".to_owned(), map_index: -1, waiting: None, reason };
    Shown {
        dag_run: dag_run("etl", "a", state),
        task_instances,
        waiting: DagRunWaiting { dag_run: None, reason: None, task_instances: vec![waiting] },
        missed_deadlines: Vec::new(),
        failed_callbacks: Vec::new(),
        at: noon(),
    }
}

/// Two groups, one in the other, and a task that waits.
pub(super) fn tasks() -> Vec<TaskInstance> {
    vec![
        task("start", -1, "success"),
        task("extract.orders", -1, "running"),
        task("extract.cities.one", 0, "success"),
        task("extract.cities.one", 1, "failed"),
        task("load", -1, "none"),
    ]
}

/// A state with what is asked and not answered yet.
pub(super) struct Stage {
    pub(super) state: State,
    pub(super) asked: Vec<(Ticket, Request)>,
    /// Effects other than requests, the newest last.
    pub(super) effects: Vec<Effect>,
    pub(super) now: Timestamp,
}

impl Stage {
    /// The list of DAGs, of which nothing is known.
    pub(super) fn new(width: u16, height: u16) -> Self {
        let nothing = State::new("http://flowctl.example.org", Size::new(width, height), noon(), None);
        let mut stage = Self { state: nothing, asked: Vec::new(), effects: Vec::new(), now: noon() };
        let begun = stage.state.begin();
        stage.follow(begun);
        stage
    }

    /// The list of DAGs, in which there are these.
    pub(super) fn with_dags(width: u16, height: u16, dags: Vec<Dag>, runs: Vec<DagRun>) -> Self {
        let mut stage = Self::new(width, height);
        stage.answer(Answer::Dags { dags, refused_files: 0 });
        stage.answer(Answer::Newest { runs, is_all: true });
        stage
    }

    /// The runs of `etl`.
    pub(super) fn with_runs(width: u16, height: u16, runs: Vec<DagRun>) -> Self {
        let mut stage = Self::with_dags(width, height, vec![dag("etl")], Vec::new());
        stage.press(Key::Enter);
        let total = runs.len() as u64;
        stage.answer(Answer::Runs(Box::new(Runs { dag: dag("etl"), runs, total, waiting: None })));
        stage
    }

    /// Run `a` of `etl`.
    pub(super) fn with_run(width: u16, height: u16, shown: Shown) -> Self {
        let mut stage = Self::with_runs(width, height, vec![shown.dag_run.clone()]);
        stage.press(Key::Enter);
        stage.answer(Answer::Run(Box::new(shown)));
        stage
    }

    /// The log of `start`, which runs.
    pub(super) fn with_log(width: u16, height: u16, lines: &[&str]) -> Self {
        let mut stage = Self::with_run(width, height, shown("running", vec![task("start", -1, "running")]));
        stage.press(Key::Enter);
        stage.log(2, lines);
        stage
    }

    /// Answers with lines of an attempt that runs.
    pub(super) fn log(&mut self, try_number: u32, lines: &[&str]) {
        let added = lines.iter().map(|line| LogMessage {
            timestamp: Some(noon()),
            event: (*line).to_owned(),
            logger: Some("stdout".to_owned()),
        });
        let mut instance = task("start", -1, "running");
        instance.try_number = instance.try_number.max(try_number);
        let attempt = Some(Attempt::new(try_number));
        let log = Log { instance, why: String::new(), attempt, added: added.collect() };
        self.answer(Answer::Log(Box::new(log)));
    }

    fn follow(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Ask(ticket, request) => {
                    let kind = request.kind();
                    assert!(self.asked.iter().all(|(_, asked)| asked.kind() != kind), "two requests of kind {kind:?}");
                    self.asked.push((ticket, request));
                }
                Effect::GiveUp(kind) => self.asked.retain(|(_, asked)| asked.kind() != kind),
                other => self.effects.push(other),
            }
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        let effects = self.state.update(event, self.now);
        self.follow(effects);
    }

    pub(super) fn press(&mut self, key: Key) {
        self.event(Event::Key(key));
    }

    pub(super) fn type_text(&mut self, text: &str) {
        text.chars().for_each(|c| self.press(Key::Char(c)));
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, millis: i64) {
        self.now += SignedDuration::from_millis(millis);
        self.event(Event::Tick);
    }

    /// The request of this kind that is under way.
    pub(super) fn request(&self, kind: Kind) -> Option<&Request> {
        self.asked.iter().map(|(_, request)| request).find(|request| request.kind() == kind)
    }

    /// Answers the request that this is an answer to.
    pub(super) fn answer(&mut self, answer: Answer) {
        let kind = match answer {
            Answer::Dags { .. } => Kind::Dags,
            Answer::Newest { .. } => Kind::Newest,
            Answer::Recent { .. } => Kind::Recent,
            Answer::Runs(_) => Kind::Runs,
            Answer::Run(_) => Kind::Run,
            Answer::Log(_) => Kind::Log,
            Answer::Params(_) => Kind::Params,
            Answer::Preview(_) => Kind::Preview,
            Answer::Changed(_) => Kind::Change,
        };
        self.end(kind, Ok(answer));
    }

    pub(super) fn changed(&mut self, said: &str, run_id: Option<&str>) {
        let changed = Changed { said: said.to_owned(), dag: None, run_id: run_id.map(str::to_owned) };
        self.answer(Answer::Changed(Box::new(changed)));
    }

    /// Answers the request of this kind.
    pub(super) fn end(&mut self, kind: Kind, answer: Result<Answer, Error>) {
        let position = self.asked.iter().position(|(_, request)| request.kind() == kind);
        let (ticket, _) = self.asked.remove(position.unwrap_or_else(|| panic!("{kind:?} is not asked")));
        self.event(Event::Answer(ticket, answer));
    }
}

pub(super) fn unreachable() -> Error {
    Error::Unreachable { server: "http://flowctl.example.org".to_owned(), cause: "Connection refused".to_owned() }
}
