//! Compares what processes did with what the database tells: nothing lost, nothing recognised twice, nothing unknown.

use std::collections::{BTreeMap, BTreeSet};

use model::ids::AttemptToken;
use store::Store;
use store::testing::history::{History, epoch};

use super::world::{Execution, Expected};
use crate::processes;
use crate::system::System;
use crate::wait::until_some;

/// No process of an attempt that an earlier leadership handed out lives. Call it once a new leader leads.
pub(crate) async fn no_process_of_an_old_attempt_lives(system: &System, store: &Store) {
    let epoch = until_some("the epoch is read", || system.stderr(), async || epoch(store).await.ok()).await;
    let old: Vec<_> = processes::of_home(system.home())
        .into_iter()
        .filter(|process| {
            let token = process.variable("FLOWCTL_RUN_DIR").and_then(|path| path.rsplit('/').next()?.parse().ok());
            token.is_none_or(|token| AttemptToken(token).epoch().0 < epoch)
        })
        .collect();
    // A new leadership may have begun since the epoch was read, never an older one.
    assert!(old.is_empty(), "epoch {epoch}: these processes are of older attempts: {old:?}");
}

/// Every run ended as it must, and every execution is accounted for.
pub(crate) fn all_is_told(history: &History, executions: &[Execution], expected: &BTreeMap<&str, Expected>) {
    let mut problems = Vec::new();
    for ((dag_id, run_id), (state, reason)) in &history.runs {
        let expected = &expected[dag_id.as_str()];
        if state != expected.run {
            problems.push(format!("{dag_id} {run_id} is {state} ({reason:?}), not {}", expected.run));
        }
        for (task_id, wanted) in &expected.tasks {
            let name = (dag_id.clone(), run_id.clone(), task_id.clone());
            match history.task_instances.get(&name) {
                Some(newest) if newest.state == *wanted => {}
                other => {
                    let past = history.attempts.get(&name);
                    problems.push(format!("{name:?} is {other:?}, not {wanted}; its history is {past:?}"));
                }
            }
        }
    }
    problems.extend(of_attempts(history, expected));
    problems.extend(of_executions(history, executions));
    problems.extend(of_values(history));
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// Tries are numbered without a gap, and as many failed as must.
fn of_attempts(history: &History, expected: &BTreeMap<&str, Expected>) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, newest) in &history.task_instances {
        let past = history.attempts.get(name).map(Vec::as_slice).unwrap_or_default();
        let numbers: Vec<i32> = past.iter().map(|past| past.try_number).collect();
        let ended = if newest.state == "failed" { newest.try_number } else { newest.try_number - 1 };
        let is_process = newest.token.is_some();
        if is_process && numbers != (1..=ended).collect::<Vec<_>>() {
            problems.push(format!("{name:?} is {newest:?}, and its history is {past:?}"));
        }
        if let Some(wanted) = expected[name.0.as_str()].failures.get(name.2.as_str()) {
            let failed = past.iter().filter(|past| past.state == "failed").count();
            if failed != *wanted {
                problems.push(format!("{name:?} failed {failed} times, not {wanted}: {past:?}"));
            }
        }
        for past in past {
            if !["failed", "lost"].contains(&past.state.as_str()) {
                problems.push(format!("{name:?} has an attempt that is {past:?}"));
            }
        }
    }
    problems
}

/// Each execution is the recognised one or recorded as lost or failed; none twice under one token; and whatever is
/// recognised did run.
fn of_executions(history: &History, executions: &[Execution]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut tokens = BTreeSet::new();
    for execution in executions {
        if !tokens.insert(execution.token) {
            problems.push(format!("executed twice under one token: {execution:?}"));
        }
        let name = (execution.dag_id.clone(), execution.run_id.clone(), execution.task_id.clone());
        let Some(newest) = history.task_instances.get(&name) else {
            problems.push(format!("nobody knows of {execution:?}"));
            continue;
        };
        let matches = |try_number, token| try_number == execution.try_number && token == Some(execution.token);
        let is_newest = matches(newest.try_number, newest.token);
        let is_past = history
            .attempts
            .get(&name)
            .is_some_and(|past| past.iter().any(|past| matches(past.try_number, past.token)));
        if !is_newest && !is_past {
            problems.push(format!("{execution:?} is neither recognised ({newest:?}) nor recorded"));
        }
    }
    for (name, newest) in &history.task_instances {
        if let (true, Some(token)) = (newest.state == "success", newest.token)
            && !tokens.contains(&token)
        {
            problems.push(format!("{name:?} is recognised without having run: {newest:?}"));
        }
    }
    problems
}

/// Values name the token of who pushed them: it must be the recognised one.
fn of_values(history: &History) -> Vec<String> {
    let mut problems = Vec::new();
    for ((name, key), value) in &history.xcoms {
        let from = if key == "pulled" { (name.0.clone(), name.1.clone(), "push".to_owned()) } else { name.clone() };
        let token = history.task_instances.get(&from).and_then(|newest| newest.token);
        if name.2 != "gate" && value.as_str().and_then(|text| text.parse().ok()) != token {
            problems.push(format!("{name:?} pushed {key} = {value}, and the recognised attempt is {token:?}"));
        }
    }
    for (name, newest) in &history.task_instances {
        if newest.state == "success" && newest.token.is_some() {
            let key = (name.clone(), "return_value".to_owned());
            if !history.xcoms.contains_key(&key) {
                problems.push(format!("{name:?} has no value"));
            }
        }
    }
    problems
}
