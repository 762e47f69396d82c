//! Triggering, clearing, marking and cancelling runs.

use jiff::Timestamp;
use model::dag_run::{DataInterval, NewDagRun, isoformat, run_id, to_microsecond};
use model::state::{DagRunType, TriggeredBy};
use store::dag_run::{ClearError, ClearRuns, ClearSelection, Cleared, DagRunEnd, TriggerError};
use store::event_log::By;
use store::idempotency::RequestKey;
use store::read::api::TaskInstanceRow;

use super::{ActionError, Doors, LoggedIn, unavailable};

/// A run that somebody asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// Its DAG.
    pub dag_id: String,
    /// Its name; none: made from the date.
    pub run_id: Option<String>,
    /// The date it is about.
    pub logical_date: Option<Timestamp>,
    /// What its data covers; none: what the timetable gives its date.
    pub data_interval: Option<DataInterval>,
    /// It does not start before; none: now.
    pub run_after: Option<Timestamp>,
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
        self.trigger_for(who, trigger, None).await
    }

    /// Creates a run for a request that may come again; its `run_id`. A request never makes a second one.
    pub async fn trigger_for(
        &self,
        who: &LoggedIn,
        trigger: Trigger,
        request: Option<RequestKey>,
    ) -> Result<String, ActionError> {
        if let Some(request) = request
            && let Some(run_id) = self.store.run_of_request(request).await?
        {
            return Ok(run_id);
        }
        let now = (self.clock)();
        check_texts(&trigger)?;
        let Some(dag) = self.store.current_dag(&trigger.dag_id).await? else {
            return Err(ActionError::NotFound(format!("no DAG `{}`", trigger.dag_id)));
        };
        let params = model::dag_file::params::merge(&dag, &trigger.conf).map_err(refused)?;
        let timetable = model::timetable::Timetable::new(&dag).map_err(unavailable)?;
        let run_after = to_microsecond(trigger.run_after.unwrap_or(now));
        let logical_date = trigger.logical_date.map(to_microsecond);
        let about = logical_date.unwrap_or(run_after);
        let run = NewDagRun {
            run_id: trigger.run_id.unwrap_or_else(|| run_id(DagRunType::Manual, about)),
            dag_id: trigger.dag_id,
            run_type: DagRunType::Manual,
            logical_date,
            data_interval: Some(trigger.data_interval.unwrap_or_else(|| timetable.manual_interval(about))),
            run_after,
            conf: trigger.conf,
            triggered_by: trigger.triggered_by,
            triggering_user: Some(who.username.clone()),
            note: trigger.note,
        };
        let by = By { at: now, ..self.by(who) };
        match self.store.trigger_for(&run, &params, request, &by).await {
            Ok(_) => Ok(run.run_id),
            // The same request, at the same moment.
            Err(TriggerError::RequestDone(request)) => self.store.run_of_request(request).await?.ok_or_else(|| {
                ActionError::Conflict("the run that this request created has been deleted meanwhile".to_owned())
            }),
            Err(TriggerError::Store(error)) => Err(error.into()),
            Err(TriggerError::DagNotFound(dag_id)) => Err(ActionError::NotFound(format!("no DAG `{dag_id}`"))),
            Err(error @ TriggerError::RunIdExists { .. }) => Err(ActionError::Exists(error.to_string())),
            Err(TriggerError::LogicalDateExists { dag_id, logical_date }) => {
                Err(ActionError::Exists(format!("DAG `{dag_id}` already has a run for {}", isoformat(logical_date))))
            }
        }
    }

    /// Lets task instances start over, or says which would; there may be none.
    pub async fn clear_task_instances(
        &self,
        who: &LoggedIn,
        dag_id: &str,
        runs: &ClearRuns,
        selection: &ClearSelection,
    ) -> Result<Cleared, ActionError> {
        check_note(selection)?;
        self.store.clear_task_instances(dag_id, runs, selection, &self.by(who)).await.map_err(not_cleared)
    }

    /// The same, with the task instances as they are when that is done, before the scheduler goes on with them.
    pub async fn clear_and_read_task_instances(
        &self,
        who: &LoggedIn,
        dag_id: &str,
        runs: &ClearRuns,
        selection: &ClearSelection,
    ) -> Result<(Cleared, Vec<TaskInstanceRow>), ActionError> {
        check_note(selection)?;
        let cleared = self.store.clear_and_read_task_instances(dag_id, runs, selection, &self.by(who)).await;
        cleared.map_err(not_cleared)
    }

    /// Gives a run the end that somebody says it has.
    pub async fn mark(&self, who: &LoggedIn, dag_id: &str, run_id: &str, end: DagRunEnd) -> Result<(), ActionError> {
        Ok(self.store.mark_dag_run(dag_id, run_id, end, &self.by(who)).await?)
    }

    /// Sets a run's remark; none takes it away.
    pub async fn set_note(
        &self,
        who: &LoggedIn,
        dag_id: &str,
        run_id: &str,
        note: Option<&str>,
    ) -> Result<(), ActionError> {
        note.map_or(Ok(()), |note| check_text("note", note))?;
        if self.store.set_dag_run_note(dag_id, run_id, note, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::NotFound(format!("no run `{run_id}` of DAG `{dag_id}`")))
    }

    /// Deletes a run with everything of it but the files of its logs, unless it is running.
    pub async fn delete_dag_run(&self, who: &LoggedIn, dag_id: &str, run_id: &str) -> Result<(), ActionError> {
        if self.store.delete_dag_run(dag_id, run_id, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::Conflict(format!(
            "The DagRun with dag_id: `{dag_id}` and run_id: `{run_id}` cannot be deleted in running state"
        )))
    }

    /// Cancels a run.
    pub async fn cancel(&self, who: &LoggedIn, dag_id: &str, run_id: &str) -> Result<(), ActionError> {
        if self.store.cancel_dag_run(dag_id, run_id, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::Conflict(format!("run `{run_id}` has ended already")))
    }
}

/// A conf that the DAG's params refuse.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
pub(super) fn refused(problems: Vec<(String, String)>) -> ActionError {
    let lines: Vec<String> = problems.iter().map(|(path, message)| format!("{path}: {message}")).collect();
    ActionError::Invalid(lines.join("; "))
}

/// Characters of a remark at most (Airflow's).
const MAX_NOTE: usize = 1000;
/// Characters of a run's name at most (Airflow's).
const MAX_RUN_ID: usize = 250;

/// What the database could not keep, or what would not fit a URL or a folder's name.
fn check_texts(trigger: &Trigger) -> Result<(), ActionError> {
    if let Some(run_id) = &trigger.run_id {
        // Airflow's pattern.
        let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "_.~:+-".contains(letter);
        if run_id.is_empty() || run_id.len() > MAX_RUN_ID || !run_id.chars().all(is_allowed) {
            return Err(ActionError::Invalid(format!(
                "dag_run_id: `{}` must be 1 to {MAX_RUN_ID} letters, digits and `_.~:+-`",
                run_id.escape_debug()
            )));
        }
    }
    trigger.note.as_deref().map_or(Ok(()), |note| check_text("note", note))?;
    match trigger.data_interval {
        Some(interval) if interval.start > interval.end => {
            Err(ActionError::Invalid("data_interval_end: is before data_interval_start".to_owned()))
        }
        _ => Ok(()),
    }
}

fn check_note(selection: &ClearSelection) -> Result<(), ActionError> {
    selection.note.as_ref().map_or(Ok(()), |note| check_text("note", note))
}

fn not_cleared(error: ClearError) -> ActionError {
    match error {
        error @ ClearError::NoLogicalDate(_) => ActionError::Invalid(error.to_string()),
        error @ ClearError::Running(_) => ActionError::Conflict(format!("{error}; nothing was cleared")),
        ClearError::Store(error) => error.into(),
    }
}

pub(super) fn check_text(name: &str, text: &str) -> Result<(), ActionError> {
    if text.contains('\0') {
        return Err(ActionError::Invalid(format!("{name}: contains a NUL, which cannot be stored")));
    }
    if text.chars().count() > MAX_NOTE {
        return Err(ActionError::Invalid(format!("{name}: is longer than {MAX_NOTE} characters")));
    }
    Ok(())
}
