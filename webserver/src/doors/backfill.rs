//! Backfills.

use jiff::Timestamp;
use model::backfill::{MAX_RUNS, NewBackfill, intervals};
use model::dag::Schedule;
use model::dag_run::DataInterval;
use model::state::{DagRunState, ReprocessBehavior};
use serde_json::{Map, Value};
use store::backfill::{Backfill, BackfillError};

use super::dag_run::refused;
use super::{ActionError, Doors, LoggedIn, unavailable};

/// A backfill that somebody asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedBackfill {
    /// Its DAG.
    pub dag_id: String,
    /// First logical date.
    pub from_date: Timestamp,
    /// Last logical date.
    pub to_date: Timestamp,
    /// The latest date first.
    pub run_backwards: bool,
    /// What its runs are triggered with.
    pub conf: Map<String, Value>,
    /// What it does with runs that exist.
    pub reprocess_behavior: ReprocessBehavior,
    /// Its unfinished runs at once.
    pub max_active_runs: u32,
    /// Runs that run again do so with the DAG's newest version.
    pub on_latest_version: bool,
}

/// A date of a backfill that was not created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRun {
    /// What its run would cover.
    pub data_interval: DataInterval,
    /// Why it would be left out.
    pub left_out: Option<&'static str>,
}

impl Doors {
    /// The dates of a backfill in the order in which they would run.
    pub async fn plan_backfill(&self, who: &LoggedIn, asked: &AskedBackfill) -> Result<Vec<PlannedRun>, ActionError> {
        who.must_have(&asked.dag_id)?;
        let intervals = self.intervals(asked).await?;
        let dates: Vec<_> = intervals.iter().map(|interval| interval.start).collect();
        let known = self.store.runs_of_dates(&asked.dag_id, &dates).await?;
        let left_out = |at: Timestamp| {
            let (_, state) = known.iter().find(|(date, _)| *date == at)?;
            let state = state.parse::<DagRunState>().ok()?;
            match asked.reprocess_behavior.of(state) {
                model::backfill::Existing::Reprocess => None,
                model::backfill::Existing::LeaveOut(reason) => Some(reason),
            }
        };
        let planned =
            |data_interval: DataInterval| PlannedRun { left_out: left_out(data_interval.start), data_interval };
        Ok(intervals.into_iter().map(planned).collect())
    }

    /// Creates a backfill; the leader makes its runs.
    pub async fn create_backfill(&self, who: &LoggedIn, asked: AskedBackfill) -> Result<Backfill, ActionError> {
        who.must_have(&asked.dag_id)?;
        let intervals = self.intervals(&asked).await?;
        if intervals.is_empty() {
            return Err(ActionError::Invalid(format!(
                "DAG `{}` has no data interval that starts between {} and {} and has ended",
                asked.dag_id, asked.from_date, asked.to_date
            )));
        }
        let new = NewBackfill {
            dag_id: asked.dag_id,
            from_date: asked.from_date,
            to_date: asked.to_date,
            run_backwards: asked.run_backwards,
            conf: asked.conf,
            reprocess_behavior: asked.reprocess_behavior,
            max_active_runs: asked.max_active_runs,
            on_latest_version: asked.on_latest_version,
            triggering_user: Some(who.username.clone()),
        };
        match self.store.create_backfill(&new, &intervals, &self.by(who)).await {
            Ok(id) => self.load_backfill(id).await,
            Err(error @ BackfillError::Active(_)) => Err(ActionError::Conflict(error.to_string())),
            Err(BackfillError::Store(error)) => Err(error.into()),
        }
    }

    /// Refuses a backfill that is not of this DAG.
    pub(crate) async fn check_backfill(&self, id: i64, dag_id: &str) -> Result<(), ActionError> {
        if self.load_backfill(id).await?.dag_id == dag_id {
            return Ok(());
        }
        Err(ActionError::NotFound(format!("no backfill {id} of DAG `{dag_id}`")))
    }

    /// Stops a backfill from making runs for now, or lets it go on.
    pub async fn pause_backfill(&self, who: &LoggedIn, id: i64, is_paused: bool) -> Result<Backfill, ActionError> {
        who.must_have(&self.load_backfill(id).await?.dag_id)?;
        if !self.store.pause_backfill(id, is_paused, &self.by(who)).await? {
            return Err(ActionError::Conflict(format!("backfill {id} has ended")));
        }
        self.load_backfill(id).await
    }

    /// Ends a backfill.
    pub async fn cancel_backfill(&self, who: &LoggedIn, id: i64) -> Result<Backfill, ActionError> {
        who.must_have(&self.load_backfill(id).await?.dag_id)?;
        if !self.store.cancel_backfill(id, &self.by(who)).await? {
            return Err(ActionError::Conflict(format!("backfill {id} has ended")));
        }
        self.load_backfill(id).await
    }

    async fn load_backfill(&self, id: i64) -> Result<Backfill, ActionError> {
        let missing = || ActionError::NotFound(format!("no backfill {id}"));
        self.store.backfill(id).await?.ok_or_else(missing)
    }

    async fn intervals(&self, asked: &AskedBackfill) -> Result<Vec<DataInterval>, ActionError> {
        let Some(dag) = self.store.current_dag(&asked.dag_id).await? else {
            return Err(ActionError::NotFound(format!("no DAG `{}`", asked.dag_id)));
        };
        if !dag.schedule.is_timed() || matches!(dag.schedule, Schedule::Once | Schedule::Continuous) {
            let problem = format!("DAG `{}` has no regular schedule, and so no data intervals to fill", asked.dag_id);
            return Err(ActionError::Invalid(problem));
        }
        if asked.from_date > asked.to_date {
            return Err(ActionError::Invalid("from_date must not be after to_date".to_owned()));
        }
        if asked.max_active_runs == 0 {
            return Err(ActionError::Invalid("max_active_runs must be at least 1".to_owned()));
        }
        model::dag_file::params::merge(&dag, &asked.conf).map_err(refused)?;
        let range = (asked.from_date, asked.to_date);
        let found = intervals(&dag, range, (self.clock)(), asked.run_backwards).map_err(unavailable)?;
        found.ok_or_else(|| ActionError::Invalid(format!("a backfill has at most {MAX_RUNS} runs: ask for parts")))
    }
}
