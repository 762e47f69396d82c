//! What asks for which messages, when deadlines pass, and what messages say.

use std::fmt::Write as _;
use std::sync::Arc;

use indexmap::IndexMap;
use insta::assert_snapshot;
use jiff::Timestamp;
use serde_json::{Map, json};

use super::{
    CallbackEvent, Callbacks, Deadline, Email, Happened, Links, Message, Notify, Since, Slack, Subject, Target, Times,
    Webhook, event_of, message, notice, rows,
};
use crate::dag::{Dag, Task};
use crate::dag_run::DagRunFacts;
use crate::duration::Duration;
use crate::ids::{DagRunKey, DagVersionKey, TaskIndex};
use crate::operator::Operator;
use crate::state::{DagRunType, TriggeredBy};
use crate::template::{Fetched, Need, RenderError, Scope};
use crate::transition::TaskInstanceEvent;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).expect("a time")
}

fn slack(text: Option<&str>) -> Notify {
    Notify::Slack(Slack { to: Target::Connection("chat".to_owned()), text: text.map(str::to_owned) })
}

fn webhook(json: Option<serde_json::Value>) -> Notify {
    let to = Target::Url("https://user:pw@h.example/hook?token=secret".to_owned());
    Notify::Webhook(Webhook { to, method: "POST".to_owned(), headers: IndexMap::new(), json, body: None })
}

fn email(subject: Option<&str>) -> Notify {
    let subject = subject.map(str::to_owned);
    Notify::Email(Email { to: vec!["a@example.com".to_owned()], cc: Vec::new(), subject, body: None, html: false })
}

#[test]
fn each_change_asks_for_the_blocks_of_its_event_one_row_a_block() {
    let callbacks = Callbacks {
        on_success: vec![slack(None)],
        on_failure: vec![slack(None), email(None)],
        on_retry: vec![webhook(None)],
        on_skipped: vec![email(None)],
    };
    let subject = Subject {
        dag_run: DagRunKey(1),
        dag_version: DagVersionKey(2),
        task: Some(TaskIndex(3)),
        map_index: -1,
        try_number: 1,
        max_tries: 2,
        mapped: None,
    };
    let mut table = String::new();
    for change in TaskInstanceEvent::ALL {
        let told = event_of(change).map_or_else(Vec::new, |event| {
            let happened = Happened { event, state: "x", reason: None, at: at(0), deadline: None };
            rows(&subject, &happened, callbacks.of(event))
        });
        let told: Vec<String> = told
            .iter()
            .map(|row| format!("{} {} {}", row.happened.event.as_str(), row.block, row.channel.as_str()))
            .collect();
        let _ = writeln!(table, "{change:?}: {}", told.join(", "));
    }
    assert_snapshot!(table, @r"
    Schedule: 
    Queue: 
    Start: 
    Defer: 
    AwaitInput: 
    Reschedule: 
    Succeed: success 0 slack
    Fail: failure 0 slack, failure 1 email
    AwaitRetry: retry 0 webhook
    Skip: 
    FailUpstream: 
    Reset: 
    Clear: 
    Remove: 
    ");
}

fn times(run_type: DagRunType) -> Times {
    Times {
        run_type,
        logical_date: Some(at(0)),
        run_after: at(100),
        queued_at: at(101),
        started_at: Some(at(102)),
        is_changed: false,
    }
}

fn deadline(after: Since, by: u64) -> Deadline {
    Deadline { after, by: Duration::from_secs(by), then: Vec::new() }
}

#[test]
fn a_deadline_is_so_long_after_what_it_is_counted_from() {
    let times = times(DagRunType::Scheduled);
    assert_eq!(deadline(Since::LogicalDate, 150).of_run(&times), Some(at(150)));
    assert_eq!(deadline(Since::QueuedAt, 150).of_run(&times), Some(at(251)));
    assert_eq!(deadline(Since::Start, 150).of_run(&times), Some(at(252)));
    assert_eq!(deadline(Since::Start, 150).of_run(&Times { started_at: None, ..times }), None);
    let without_date = Times { logical_date: None, run_type: DagRunType::Manual, ..times };
    assert_eq!(deadline(Since::LogicalDate, 150).of_run(&without_date), Some(at(250)));
    assert_eq!(deadline(Since::QueuedAt, 5).of_attempt(Some(at(1)), None), Some(at(6)));
    assert_eq!(deadline(Since::Start, 5).of_attempt(Some(at(1)), None), None);
    assert_eq!(deadline(Since::LogicalDate, 5).of_attempt(Some(at(1)), Some(at(2))), None);
}

#[test]
fn nobody_waits_for_a_logical_date_that_had_passed_before_somebody_asked_for_the_run() {
    let passed = deadline(Since::LogicalDate, 50);
    assert_eq!(passed.of_run(&times(DagRunType::Scheduled)), Some(at(50)));
    assert_eq!(passed.of_run(&times(DagRunType::Manual)), None);
    assert_eq!(passed.of_run(&times(DagRunType::Backfill)), None);
    let cleared = Times { is_changed: true, ..times(DagRunType::Scheduled) };
    assert_eq!(passed.of_run(&cleared), None);
    assert_eq!(deadline(Since::LogicalDate, 150).of_run(&cleared), Some(at(150)));
}

struct World {
    dag: Arc<Dag>,
    task: Arc<Task>,
    run: Arc<DagRunFacts>,
    fetched: Arc<Fetched>,
}

fn world(task_id: &str) -> World {
    let task = Arc::new(Task::new("load", Operator::Empty));
    let run = DagRunFacts {
        key: DagRunKey(1),
        dag_id: "etl".to_owned(),
        run_id: "manual__1".to_owned(),
        run_type: DagRunType::Manual,
        logical_date: Some(at(0)),
        data_interval: None,
        run_after: at(0),
        conf: Map::new(),
        params: Map::new(),
        started_at: Some(at(1)),
        triggered_by: TriggeredBy::Test,
    };
    World {
        dag: Arc::new(Dag::new("etl", vec![task])),
        task: Arc::new(Task::new(task_id, Operator::Empty)),
        run: Arc::new(run),
        fetched: Arc::default(),
    }
}

impl World {
    fn scope(&self) -> Scope<'_> {
        Scope {
            dag: &self.dag,
            task: &self.task,
            dag_run: &self.run,
            try_number: 2,
            max_tries: 3,
            map_index: -1,
            mapped: None,
            fetched: &self.fetched,
        }
    }

    fn told(&self, block: &Notify, happened: &Happened) -> Result<Message, RenderError> {
        message(block, happened, &self.scope(), &Links { base_url: Some("https://flow.example/".to_owned()) })
    }
}

fn failed() -> Happened {
    let reason = Some("exit code 1".to_owned());
    Happened { event: CallbackEvent::Failure, state: "failed", reason, at: at(9), deadline: None }
}

fn missed() -> Happened {
    let deadline = Some(at(5));
    Happened { event: CallbackEvent::Deadline, state: "up_for_retry", reason: None, at: at(9), deadline }
}

#[test]
fn a_block_that_says_nothing_says_what_happened_with_a_link() {
    let (task, run) = (world("load"), world(""));
    let mut shown = String::new();
    for (world, happened) in [(&task, failed()), (&run, failed()), (&task, missed()), (&run, missed())] {
        for block in [slack(None), webhook(None), email(None)] {
            let _ = writeln!(shown, "{:#?}", world.told(&block, &happened).expect("a message"));
        }
    }
    assert_snapshot!(shown);
}

#[test]
fn templates_name_what_happened_and_the_context() {
    let text = "{{ event }}/{{ state }}/{{ reason }}/{{ exception }}/{{ ti.task_id }}/{{ try_number }}/{{ log_url }}";
    let Message::Slack { text, .. } = world("load").told(&slack(Some(text)), &failed()).expect("a message") else {
        panic!("no text")
    };
    let page = "https://flow.example/dags/etl/runs/manual__1/tasks/load?try=2";
    assert_eq!(text, format!("failure/failed/exit code 1/exit code 1/load/2/{page}"));
    let json = json!({"why": "{{ reason }}", "late": "{{ deadline }}", "n": [1, "{{ 1 + 1 }}"]});
    let Message::Webhook { body, .. } = world("load").told(&webhook(Some(json)), &missed()).expect("a message") else {
        panic!("no request")
    };
    assert_eq!(body.as_deref(), Some(r#"{"why":null,"late":"2026-01-01T00:00:05+00:00","n":[1,2]}"#));
}

#[test]
fn a_run_as_a_whole_has_no_task() {
    let told = |text: &str| world("").told(&slack(Some(text)), &failed());
    assert!(matches!(told("{{ dag_run.run_id }} {{ url }}"), Ok(Message::Slack { .. })));
    for text in ["{{ ti.task_id }}", "{{ task.task_id }}", "{{ try_number }}"] {
        assert!(matches!(told(text), Err(RenderError::Failed(_))), "{text}");
    }
}

#[test]
fn what_is_not_there_is_asked_for_and_a_wrong_template_names_its_key() {
    let asked = world("load").told(&slack(Some("{{ xcom('load') }}")), &failed());
    let Err(RenderError::Needs(needs)) = asked else { panic!("no needs") };
    assert!(matches!(&needs[..], [Need::XCom { task_id, .. }] if task_id == "load"));
    let wrong = world("load").told(&webhook(Some(json!({"a": {"b": "{{ nothing }}"}}))), &failed());
    let Err(RenderError::Failed(reason)) = wrong else { panic!("no failure") };
    assert!(reason.starts_with("template of `webhook.json.a.b`: "), "{reason}");
}

#[test]
fn a_subject_is_one_line_and_addresses_may_come_from_a_template() {
    let block = Notify::Email(Email {
        to: vec!["{{ 'a@example.com, b@example.com' }}".to_owned()],
        cc: Vec::new(),
        subject: Some("{{ reason }}\nBcc: all".to_owned()),
        body: None,
        html: true,
    });
    let Message::Email { to, subject, html, .. } = world("load").told(&block, &failed()).expect("a message") else {
        panic!("no e-mail")
    };
    assert_eq!((to.len(), subject.as_str(), html), (2, "exit code 1 Bcc: all", false));
}

#[test]
fn a_task_that_is_a_message_says_what_its_file_says() {
    let world = world("load");
    let Message::Slack { text, .. } = notice(&slack(Some("{{ ds }} is there")), &world.scope()).expect("a message")
    else {
        panic!("no text")
    };
    assert_eq!(text, "2026-01-01 is there");
    assert!(notice(&slack(Some("{{ reason }}")), &world.scope()).is_err());
}

#[test]
fn what_people_see_of_a_message_is_no_secret() {
    let told = world("load").told(&webhook(None), &failed()).expect("a message");
    assert_eq!(told.to_string(), "POST h.example");
}
