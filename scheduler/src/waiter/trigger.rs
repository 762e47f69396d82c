//! Starting a run of another DAG, once however often it is tried: a run that is there already under the name of its
//! caller is its own.

use model::dag_run::{NewDagRun, isoformat};
use model::state::{DagRunType, TriggeredBy};
use model::timetable::Timetable;
use model::wait::Trigger;
use model::xcom::XComValue;
use store::Store;
use store::dag_run::{ClearError, ClearRuns, ClearSelection, TriggerError};
use store::event_log::By;

use super::{Outside, Seen};
use crate::causes::with_causes;

/// What Airflow's `TriggerDagRunOperator` pushes.
pub(super) fn pushed(run_id: String) -> Vec<XComValue> {
    vec![XComValue { key: "trigger_run_id".to_owned(), value: run_id.into() }]
}

pub(super) async fn trigger(outside: &Outside, trigger: &Trigger) -> Seen {
    let Some(store) = &outside.store else { return Outside::alone() };
    // Somebody else may create the same run in between; then it is there at the second attempt.
    for _ in 0..2 {
        match attempt(outside, store, trigger).await {
            Ok(Some(seen)) => return seen,
            Ok(None) => {}
            Err(error) if error.may_pass() => {
                return Seen::NotYet(format!("the database does not answer: {}", with_causes(&error)));
            }
            Err(error) => return Seen::failed(with_causes(&error)),
        }
    }
    Seen::NotYet("somebody else is creating the same run".to_owned())
}

/// None: look again, there is a run now.
async fn attempt(outside: &Outside, store: &Store, trigger: &Trigger) -> Result<Option<Seen>, store::Error> {
    let dag_id = &trigger.dag_id;
    let existing = store.existing_run(dag_id, &trigger.run_id, trigger.logical_date).await?;
    if let Some(existing) = existing {
        if existing.triggering_user.as_deref() == Some(&trigger.caller) {
            return Ok(Some(Seen::Triggered(existing.run_id)));
        }
        if trigger.reset {
            return reset(outside, store, trigger, existing.run_id).await;
        }
        let about = trigger.logical_date.filter(|_| existing.run_id != trigger.run_id);
        let what = about.map_or_else(String::new, |date| format!(" for {}", isoformat(date)));
        let run_id = existing.run_id;
        let reason = format!("DAG `{dag_id}` already has the run `{run_id}`{what}; `reset: true` would clear it");
        return Ok(Some(Seen::failed_for_good(reason)));
    }
    let Some(dag) = store.current_dag(dag_id).await? else {
        return Ok(Some(Seen::failed(format!("there is no DAG `{dag_id}`"))));
    };
    let params = match model::dag_file::params::merge(&dag, &trigger.conf) {
        Ok(params) => params,
        Err(problems) => {
            let lines: Vec<String> = problems.iter().map(|(path, message)| format!("{path}: {message}")).collect();
            return Ok(Some(Seen::failed_for_good(format!("DAG `{dag_id}` refuses `conf`: {}", lines.join("; ")))));
        }
    };
    let now = outside.now();
    let about = trigger.logical_date.unwrap_or(now);
    let run = NewDagRun {
        dag_id: dag_id.clone(),
        run_id: trigger.run_id.clone(),
        run_type: DagRunType::Manual,
        logical_date: trigger.logical_date,
        data_interval: Timetable::new(&dag).ok().map(|timetable| timetable.manual_interval(about)),
        run_after: now,
        conf: trigger.conf.clone(),
        triggered_by: TriggeredBy::Operator,
        triggering_user: Some(trigger.caller.clone()),
        note: None,
    };
    match store.trigger(&run, &params, &By::local(&*trigger.caller, now)).await {
        Ok(_) => Ok(Some(Seen::Triggered(run.run_id))),
        Err(
            TriggerError::RunIdExists { .. } | TriggerError::LogicalDateExists { .. } | TriggerError::RequestDone(_),
        ) => Ok(None),
        Err(TriggerError::DagNotFound(dag_id)) => Ok(Some(Seen::failed(format!("there is no DAG `{dag_id}`")))),
        Err(TriggerError::Store(error)) => Err(error),
    }
}

/// Lets the run that is there start over, and then makes it the caller's: should the process die in between, it starts
/// over once more, which is what was asked for.
async fn reset(
    outside: &Outside,
    store: &Store,
    trigger: &Trigger,
    run_id: String,
) -> Result<Option<Seen>, store::Error> {
    let all = ClearSelection::default();
    let one = ClearRuns::One(run_id.clone());
    match store.clear_task_instances(&trigger.dag_id, &one, &all, &By::local(&*trigger.caller, outside.now())).await {
        Ok(_) => {}
        Err(ClearError::Store(error)) => return Err(error),
        Err(error) => return Ok(Some(Seen::failed(format!("run `{run_id}` cannot be cleared: {error}")))),
    }
    let is_there = store.adopt_run(&trigger.dag_id, &run_id, &trigger.caller).await?;
    Ok(is_there.then_some(Seen::Triggered(run_id)))
}
