//! Branch expressions over a journal in memory.

use std::path::PathBuf;

use jiff::Timestamp;
use model::attempt::Attempt;
use model::dag::{Dag, Task};
use model::dag_run::DagRunFacts;
use model::ids::{AttemptToken, DagRunKey, TaskIndex};
use model::operator::{Branch, Operator};
use model::state::{DagRunType, TriggeredBy};
use serde_json::json;

use super::*;
use crate::memory::MemoryJournal;

const RUN: DagRunKey = DagRunKey(1);

fn task(task_id: &str, operator: Operator) -> Arc<Task> {
    Arc::new(Task { line: 7, ..Task::new(task_id, operator) })
}

fn branch(expression: &str) -> Asked {
    let at = Timestamp::from_second(1_767_225_600).unwrap();
    let dag = Dag::new(
        "d",
        vec![
            task("pick", Operator::Branch(Branch::Expression(expression.to_owned()))),
            task("features", Operator::Empty),
            task("other", Operator::Empty),
        ],
    );
    let facts = DagRunFacts {
        key: RUN,
        dag_id: "d".to_owned(),
        run_id: "manual__1".to_owned(),
        run_type: DagRunType::Manual,
        logical_date: Some(at),
        data_interval: None,
        run_after: at,
        conf: serde_json::Map::new(),
        params: json!({"ids": ["a", "b"]}).as_object().unwrap().clone(),
        started_at: None,
        triggered_by: TriggeredBy::Test,
    };
    let attempt = Attempt {
        token: AttemptToken(1),
        key: TaskInstanceKey::unmapped(RUN, TaskIndex(0)),
        try_number: 1,
        max_tries: 1,
        dag_run: Arc::new(facts),
        dag: Arc::new(dag),
        dag_file: Arc::new(PathBuf::from("d.yaml")),
        mapped: None,
    };
    Asked { attempt, question: Question::Branch }
}

async fn result(expression: &str) -> Result<Vec<String>, String> {
    let journal = MemoryJournal::default();
    for (task_id, value) in [("features", json!({"ndcg": 0.25, "next": "other"})), ("other", json!("a"))] {
        journal.world().xcoms.insert((RUN, task_id.to_owned(), -1, "return_value".to_owned()), value);
    }
    let attempt = branch(expression);
    let mut branches = Branches::default();
    loop {
        if let Some(result) = branches.evaluate(&attempt, Timestamp::UNIX_EPOCH) {
            return result.map(|answer| match answer {
                Answer::Follow(ids) => ids,
                Answer::Holds(_) | Answer::Awaits(_) => panic!("a branch follows tasks"),
            });
        }
        branches.fetch(&journal).await.unwrap();
    }
}

#[tokio::test]
async fn a_branch_chooses_by_the_xcoms_it_names() {
    for (expression, chosen) in [
        ("{{ 'promote' if xcom('features').ndcg >= 0.2 else 'keep_old' }}", vec!["promote"]),
        ("{{ 'promote' if ti.xcom_pull(task_ids='features')['ndcg'] > 1 else 'keep_old' }}", vec!["keep_old"]),
        ("{{ xcom(xcom('features').next) }}", vec!["a"]),
        ("{{ params.ids }}", vec!["a", "b"]),
        ("{{ 'a' if false }}", vec![]),
        ("{{ none }}", vec![]),
        ("plain", vec!["plain"]),
        ("{% if xcom('features').ndcg > 1 %}\n  a\n{% else %}\n  b\n{% endif %}\n", vec!["b"]),
        ("{{ 'late' if prev_start_date_success else 'first' }}", vec!["first"]),
    ] {
        assert_eq!(result(expression).await, Ok(chosen.into_iter().map(str::to_owned).collect()), "{expression}");
    }
}

#[tokio::test]
async fn what_a_branch_cannot_mean_is_said() {
    let reason = async |expression: &str| result(expression).await.unwrap_err();
    assert_eq!(reason("{{ 3 }}").await, "a branch gives a task id, a list of them or null, not 3");
    assert_eq!(reason("{{ [1] }}").await, "a branch gives a task id, a list of them or null, not a list with 1");
    assert_eq!(reason("{{ true }}").await, "a branch gives a task id, a list of them or null, not true");
    assert_eq!(
        reason("{{ xcom('feature').ndcg }}").await,
        "template of `branch` of task `pick` (line 7 of the DAG file): there is no task `feature`; did you mean \
         `features`?"
    );
    let endless = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
    assert!(reason(endless).await.contains("does too much"));
    let asking =
        "{% macro ask(n) %}{% if not xcom('features', n ~ '') %}{{ ask(n + 1) }}{% endif %}{% endmacro %}{{ ask(0) }}";
    assert!(
        reason(asking).await.contains("asks for other values more than 16 times")
            || reason(asking).await.contains("recursion")
    );
}

#[tokio::test]
async fn the_branches_of_a_run_share_what_was_fetched() {
    let journal = MemoryJournal::default();
    journal.world().xcoms.insert((RUN, "features".to_owned(), -1, "return_value".to_owned()), json!("a"));
    let mut branches = Branches::default();
    let (one, two) = (branch("{{ xcom('features') }}"), branch("{{ xcom('features') ~ 'x' }}"));
    assert!(branches.evaluate(&one, Timestamp::UNIX_EPOCH).is_none());
    branches.fetch(&journal).await.unwrap();
    assert_eq!(branches.evaluate(&one, Timestamp::UNIX_EPOCH), Some(Ok(Answer::Follow(vec!["a".to_owned()]))));
    assert_eq!(branches.evaluate(&two, Timestamp::UNIX_EPOCH), Some(Ok(Answer::Follow(vec!["ax".to_owned()]))));
}
