//! What is waited for, by example.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::attempt::{Attempt, Outcome};
use crate::dag::{Dag, Task};
use crate::dag_run::{DagRunFacts, DataInterval};
use crate::ids::{AttemptToken, DagRunKey, TaskIndex, TaskInstanceKey};
use crate::mapping::Elements;
use crate::operator::Operator;
use crate::state::{DagRunType, TriggeredBy};
use crate::template::{Fetched, Need, RenderError};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn rendered(operator: Operator) -> Result<Awaited, RenderError> {
    let tasks = vec![Arc::new(Task::new("ask", operator)), Arc::new(Task::new("score", Operator::Empty))];
    let dag = Dag { timezone: "Asia/Seoul".to_owned(), ..Dag::new("caller", tasks) };
    let facts = DagRunFacts {
        key: DagRunKey(7),
        dag_id: "caller".to_owned(),
        run_id: "manual__x".to_owned(),
        run_type: DagRunType::Manual,
        logical_date: Some(at("2026-01-01T00:00:00Z")),
        data_interval: Some(DataInterval { start: at("2026-01-01T00:00:00Z"), end: at("2026-01-02T00:00:00Z") }),
        run_after: at("2026-01-02T00:00:00Z"),
        conf: serde_json::Map::new(),
        params: serde_json::Map::new(),
        started_at: None,
        triggered_by: TriggeredBy::Test,
    };
    let attempt = Attempt {
        token: AttemptToken(1),
        key: TaskInstanceKey::unmapped(DagRunKey(7), TaskIndex(0)),
        try_number: 2,
        max_tries: 3,
        dag_run: Arc::new(facts),
        dag: Arc::new(dag),
        dag_file: Arc::new(PathBuf::from("/dags/caller.yaml")),
        mapped: None,
    };
    awaited(&attempt, &Arc::new(Fetched::default()), at("2026-01-02T03:00:00Z"))
}

fn sensor(event: Event) -> Awaited {
    rendered(Operator::Sensor(Sensor::new(event))).unwrap()
}

#[test]
fn a_path_is_relative_to_the_dag_file_and_a_template() {
    assert_eq!(
        sensor(Event::File("in/{{ ds }}.csv".to_owned())),
        Awaited::File { path: "/dags/in/2026-01-01.csv".to_owned() }
    );
    assert_eq!(sensor(Event::File("/x".to_owned())), Awaited::File { path: "/x".to_owned() });
}

#[test]
fn a_time_of_the_day_is_todays_in_the_dags_zone() {
    let time = |text: &str| sensor(Event::Time(text.to_owned()));
    // 03:00 UTC is noon in Seoul.
    assert_eq!(time("09:30"), Awaited::Time { at: at("2026-01-02T00:30:00Z") });
    assert_eq!(time("2026-03-01T09:00"), Awaited::Time { at: at("2026-03-01T00:00:00Z") });
    assert_eq!(time("{{ data_interval_end }}"), Awaited::Time { at: at("2026-01-02T00:00:00Z") });
    assert_eq!(sensor(Event::Delta(Duration::from_secs(60))), Awaited::Time { at: at("2026-01-02T00:01:00Z") });
}

#[test]
fn a_template_that_is_wrong_names_its_key_and_line_and_one_that_needs_a_value_asks_for_it() {
    let RenderError::Failed(reason) =
        rendered(Operator::Sensor(Sensor::new(Event::Time("{{ run_id }}".to_owned())))).unwrap_err()
    else {
        panic!("needs")
    };
    assert_eq!(
        reason,
        "`sensor.time` of task `ask` (line 1 of the DAG file): `manual__x` is neither a time of the day nor an instant"
    );
    let needs = rendered(Operator::Approve(Approve::new("{{ xcom('score') }}?"))).unwrap_err();
    assert_eq!(
        needs,
        RenderError::Needs(vec![Need::XCom {
            task_id: "score".to_owned(),
            key: "return_value".to_owned(),
            elements: Elements::One(-1)
        }])
    );
}

#[test]
fn a_triggered_run_is_named_after_the_attempt_that_triggers_it() {
    let trigger = TriggerDag { conf: json!({"day": "{{ ds }}", "n": 1}), ..TriggerDag::new("other") };
    let Awaited::Trigger(trigger) = rendered(Operator::TriggerDag(trigger)).unwrap() else { panic!("no trigger") };
    assert_eq!(trigger.run_id, "manual__caller.ask.2__manual__x");
    assert_eq!(trigger.logical_date, Some(at("2026-01-02T03:00:00Z")));
    assert_eq!(serde_json::Value::from(trigger.conf), json!({"day": "2026-01-01", "n": 1}));
}

#[test]
fn another_run_is_that_of_the_same_date_or_of_one_so_much_earlier_or_the_latest() {
    let other = |by| {
        let other = OtherTask { dag_id: "other".to_owned(), task_id: None, states: vec!["success".to_owned()], by };
        match sensor(Event::Task(other)) {
            Awaited::Run(other) => other.logical_date,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(other(By::LogicalDate), Some(at("2026-01-01T00:00:00Z")));
    assert_eq!(other(By::Delta(Duration::from_secs(3600))), Some(at("2025-12-31T23:00:00Z")));
    assert_eq!(other(By::Latest), None);
}

#[test]
fn what_is_waited_for_is_read_back_as_it_was_written() {
    let trigger = Operator::TriggerDag(TriggerDag { conf: json!({"a": [1, 2.5]}), ..TriggerDag::new("other") });
    for awaited in
        [sensor(Event::File("x".to_owned())), sensor(Event::Time("09:00".to_owned())), rendered(trigger).unwrap()]
    {
        let text = serde_json::to_string(&awaited).unwrap();
        assert_eq!(serde_json::from_str::<Awaited>(&text).unwrap(), awaited, "{text}");
    }
}

#[test]
fn looks_come_at_the_interval_or_ever_more_rarely() {
    let mut sensor = Sensor::new(Event::File("x".to_owned()));
    let start = at("2026-01-01T00:00:00Z");
    let after = |sensor: &Sensor, number| next_look(sensor, number, start).duration_since(start).as_secs();
    assert_eq!((after(&sensor, 1), after(&sensor, 9)), (30, 30));
    sensor.exponential_backoff = true;
    assert_eq!([1, 2, 3, 8, 40].map(|number| after(&sensor, number)), [30, 60, 120, 3600, 3600]);
    sensor.poke_interval = Duration::from_secs(7200);
    assert_eq!(after(&sensor, 5), 7200);
}

#[test]
fn a_rejection_skips_what_directly_follows_and_other_options_do_not() {
    let approval =
        Approval { prompt: "?".to_owned(), options: OPTIONS.map(str::to_owned).to_vec(), default: None, roles: vec![] };
    let choose = |chosen: &str| {
        let given = Answer { chosen: chosen.to_owned(), by: Some("ada".to_owned()), at: at("2026-01-01T00:00:00Z") };
        answer(&approval, &given, given.at)
    };
    assert_eq!(choose("Approve").unwrap().outcome, Outcome::Success);
    let rejected = choose("Reject").unwrap();
    assert_eq!(rejected.outcome, Outcome::Branch { follow: Vec::new() });
    assert_eq!(
        rejected.xcoms[0].value,
        json!({"chosen_options": ["Reject"], "params_input": {}, "responded_at": "2026-01-01T00:00:00+00:00", "responded_by_user": {"id": "ada", "name": "ada"}})
    );
    assert_eq!(choose("Later").unwrap_err().to_string(), "`Later` is not one of the options (Approve, Reject)");
}
