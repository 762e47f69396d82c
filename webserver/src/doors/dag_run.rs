//! Triggering, clearing and cancelling runs.

use jiff::Timestamp;
use model::dag_run::{NewDagRun, isoformat, run_id};
use model::state::{DagRunType, TriggeredBy};
use store::dag_run::{ClearSelection, TriggerError};

use super::{ActionError, Doors, LoggedIn, unavailable};

/// Which task instances of a run start over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clear {
    /// This one, and what follows it; none: all.
    pub task_id: Option<String>,
    /// Of those, the failed ones only.
    pub only_failed: bool,
}

/// A run that somebody asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// Its DAG.
    pub dag_id: String,
    /// Its name; none: made from the date.
    pub run_id: Option<String>,
    /// The date it is about.
    pub logical_date: Option<Timestamp>,
    /// What it is triggered with.
    pub conf: serde_json::Map<String, serde_json::Value>,
    /// A remark.
    pub note: Option<String>,
    /// Through which door it came.
    pub triggered_by: TriggeredBy,
}

impl Doors {
    /// Creates a run; its `run_id`.
    pub async fn trigger(&self, who: &LoggedIn, trigger: Trigger) -> Result<String, ActionError> {
        who.may_change()?;
        let now = (self.clock)();
        let Some(dag) = self.store.current_dag(&trigger.dag_id).await? else {
            return Err(ActionError::NotFound(format!("no DAG `{}`", trigger.dag_id)));
        };
        let params = model::dag_file::params::merge(&dag, &trigger.conf).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(|(path, message)| format!("{path}: {message}")).collect();
            ActionError::Invalid(lines.join("; "))
        })?;
        let timetable = model::timetable::Timetable::new(&dag).map_err(unavailable)?;
        let about = trigger.logical_date.unwrap_or(now);
        let run = NewDagRun {
            run_id: trigger.run_id.unwrap_or_else(|| run_id(DagRunType::Manual, about)),
            dag_id: trigger.dag_id,
            run_type: DagRunType::Manual,
            logical_date: trigger.logical_date,
            data_interval: Some(timetable.manual_interval(about)),
            run_after: now,
            conf: trigger.conf,
            triggered_by: trigger.triggered_by,
            triggering_user: Some(who.username.clone()),
            note: trigger.note,
        };
        match self.store.trigger(&run, &params, now).await {
            Ok(_) => Ok(run.run_id),
            Err(TriggerError::Store(error)) => Err(error.into()),
            Err(TriggerError::DagNotFound(dag_id)) => Err(ActionError::NotFound(format!("no DAG `{dag_id}`"))),
            Err(error @ TriggerError::RunIdExists { .. }) => Err(ActionError::Conflict(error.to_string())),
            Err(TriggerError::LogicalDateExists { dag_id, logical_date }) => {
                Err(ActionError::Conflict(format!("DAG `{dag_id}` already has a run for {}", isoformat(logical_date))))
            }
        }
    }

    /// Lets task instances start over; the ids of the tasks.
    pub async fn clear(
        &self,
        who: &LoggedIn,
        dag_id: &str,
        run_id: &str,
        clear: Clear,
    ) -> Result<Vec<String>, ActionError> {
        who.may_change()?;
        let selection = ClearSelection { task_id: clear.task_id, only_failed: clear.only_failed };
        let cleared = self.store.clear_task_instances(dag_id, run_id, &selection, (self.clock)()).await?;
        if cleared.is_empty() {
            return Err(ActionError::Conflict("nothing to clear: no task instance is as asked for".to_owned()));
        }
        Ok(cleared)
    }

    /// Cancels a run.
    pub async fn cancel(&self, who: &LoggedIn, dag_id: &str, run_id: &str) -> Result<(), ActionError> {
        who.may_change()?;
        if self.store.cancel_dag_run(dag_id, run_id, &who.username, (self.clock)()).await? {
            return Ok(());
        }
        Err(ActionError::Conflict(format!("run `{run_id}` has ended already")))
    }
}
