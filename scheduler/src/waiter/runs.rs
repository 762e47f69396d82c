//! How runs of other DAGs are, all that are due in one statement.

use model::ids::AttemptToken;
use model::wait::OtherRun;
use store::waiting::{Question, Seen as Run};

use super::{Outside, Seen, trigger};
use crate::causes::with_causes;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// Whether a run, or a task in it, is in a state.
    Other(OtherRun),
    /// Whether the run that a task triggered has ended: DAG and run id.
    Triggered(String, String),
}

pub(super) async fn look(outside: &Outside, asked: Vec<(AttemptToken, Asked)>) -> Vec<(AttemptToken, Seen)> {
    let all = |seen: Seen| asked.iter().map(|(token, _)| (*token, seen.clone())).collect();
    let Some(store) = &outside.store else { return all(Outside::alone()) };
    let questions: Vec<Question> = asked.iter().map(|(_, asked)| question(asked)).collect();
    match store.other_runs(&questions).await {
        Ok(runs) => asked.iter().zip(runs).map(|((token, asked), run)| (*token, judge(asked, run))).collect(),
        Err(error) => all(Seen::NotYet(format!("the database does not answer: {}", with_causes(&error)))),
    }
}

fn question(asked: &Asked) -> Question {
    match asked.clone() {
        Asked::Other(OtherRun { dag_id, task_id, logical_date, .. }) => {
            Question { dag_id, run_id: None, logical_date, task_id }
        }
        Asked::Triggered(dag_id, run_id) => {
            Question { dag_id, run_id: Some(run_id), logical_date: None, task_id: None }
        }
    }
}

pub(super) fn judge(asked: &Asked, run: Run) -> Seen {
    match (asked, run.run) {
        (Asked::Triggered(dag_id, run_id), None) => {
            Seen::failed(format!("run `{run_id}` of DAG `{dag_id}` was deleted"))
        }
        (Asked::Triggered(dag_id, run_id), Some((_, state))) => match state.as_str() {
            "success" => Seen::Met(trigger::pushed(run_id.clone())),
            "failed" => Seen::failed(format!("run `{run_id}` of DAG `{dag_id}` failed")),
            _ => Seen::NotYet(format!("it is {state}")),
        },
        (Asked::Other(other), None) if !run.has_dag => Seen::NotYet(format!("there is no DAG `{}`", other.dag_id)),
        (Asked::Other(_), None) => Seen::NotYet("there is no such run".to_owned()),
        (Asked::Other(other), Some((run_id, state))) => {
            let states = if other.task_id.is_some() { run.task } else { vec![state] };
            let is_met = |state: &String| other.states.contains(state);
            if states.is_empty() {
                Seen::NotYet(format!("run `{run_id}` has no such task, or has not begun"))
            } else if states.iter().all(is_met) {
                Seen::Met(Vec::new())
            } else {
                let open: Vec<&str> =
                    states.iter().filter(|state| !is_met(state)).map(String::as_str).take(3).collect();
                Seen::NotYet(format!("in run `{run_id}` it is {}", open.join(", ")))
            }
        }
    }
}
