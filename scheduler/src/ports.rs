//! The three ports through which the leader touches the world. The loop that runs in production runs in tests on a
//! journal in memory, a dispatch that decides outcomes by a seed, and a clock that is a number.

use std::future::Future;

use jiff::Timestamp;
use model::asset::records::AssetRun;
use model::attempt::Attempt;
use model::backfill::BackfillStep;
use model::ids::{AttemptToken, DagRunKey, DagVersionKey, Epoch};
use model::journal::{
    Batch, Change, CommitError, DagRow, DagRunRow, DagVersion, InboxReport, NextRun, ScheduledRun, SkippedRun,
};
use model::past::{PastQuery, PastRun};
use model::pool::Pool;
use model::template::{Fetched, Need};

use crate::plan::Watch;

/// Reading failed. Nothing was changed; try again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);

/// A DAG's last ended runs, and whether each failed.
pub type RecentEnds = (String, Vec<(DagRunKey, bool)>);

/// What the leader knows for good and writes for good.
pub trait Journal: Send + Sync + 'static {
    /// Takes the lease if it is free or expired: the new epoch, or none while somebody else leads.
    fn take_over(&self) -> impl Future<Output = Result<Option<Epoch>, ReadError>> + Send;
    /// Prolongs the lease; false when another epoch has begun.
    fn renew(&self, epoch: Epoch) -> impl Future<Output = Result<bool, ReadError>> + Send;
    /// Begins a new epoch of the same leader and prolongs the lease, so that what `epoch` sent and nobody answered
    /// writes nothing any more; none when another scheduler has led since.
    fn advance(&self, epoch: Epoch) -> impl Future<Output = Result<Option<Epoch>, ReadError>> + Send;
    /// Gives the lease back, so that a standby need not wait for it to expire.
    fn resign(&self, epoch: Epoch) -> impl Future<Output = Result<(), ReadError>> + Send;
    /// The DAGs with these ids, or all.
    fn dags(&self, only: Option<&[String]>) -> impl Future<Output = Result<Vec<DagRow>, ReadError>> + Send;
    /// All pools.
    fn pools(&self) -> impl Future<Output = Result<Vec<Pool>, ReadError>> + Send;
    /// DAG versions.
    fn dag_versions(&self, keys: &[DagVersionKey]) -> impl Future<Output = Result<Vec<DagVersion>, ReadError>> + Send;
    /// The runs with these keys whatever their state, or all unfinished ones.
    fn dag_runs(&self, only: Option<&[DagRunKey]>) -> impl Future<Output = Result<Vec<DagRunRow>, ReadError>> + Send;
    /// What people, the DAG processor and workers in other processes left for the leader.
    fn inbox(&self) -> impl Future<Output = Result<(Vec<Change>, Vec<InboxReport>), ReadError>> + Send;
    /// Deletes changes that have been looked at; none when the epoch is over.
    fn forget_changes(&self, epoch: Epoch, ids: &[i64]) -> impl Future<Output = Result<(), ReadError>> + Send;
    /// Writes a batch, all of it or nothing.
    fn commit(&self, epoch: Epoch, batch: &Batch) -> impl Future<Output = Result<(), CommitError>> + Send;
    /// Creates scheduled runs and moves their timetables' cursors. One that exists already only moves the cursor.
    /// Returns the runs that now exist.
    fn create_runs(
        &self,
        epoch: Epoch,
        runs: &[ScheduledRun],
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<DagRunKey>, CommitError>> + Send;
    /// Creates runs that updates of assets made due and takes the events that they were made of. Where one of these is
    /// gone by now, nothing is created or taken for that DAG. Returns the runs that now exist.
    fn create_asset_runs(
        &self,
        epoch: Epoch,
        runs: &[AssetRun],
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<DagRunKey>, CommitError>> + Send;
    /// Moves timetables past runs that are left out, and notes why. One that a person asked for and has taken back
    /// stays where it is.
    fn skip_runs(
        &self,
        epoch: Epoch,
        runs: &[SkippedRun],
        now: Timestamp,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;
    /// Makes runs of backfills, or notes that one has ended. Returns the runs that now exist or run again.
    fn run_backfills(
        &self,
        epoch: Epoch,
        steps: &[BackfillStep],
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<DagRunKey>, CommitError>> + Send;
    /// Notes when DAGs run next, for people to see.
    fn save_next_runs(&self, epoch: Epoch, next: &[NextRun]) -> impl Future<Output = Result<(), CommitError>> + Send;
    /// What runs depend on in the run before each.
    fn past(&self, queries: &[PastQuery]) -> impl Future<Output = Result<Vec<(DagRunKey, PastRun)>, ReadError>> + Send;
    /// The last ended runs of DAGs, as many as is said of each, with whether each failed.
    fn recent_ends(&self, dags: &[(String, u32)]) -> impl Future<Output = Result<Vec<RecentEnds>, ReadError>> + Send;
    /// Values that a template of a run needs.
    fn fetch(&self, dag_run: DagRunKey, needs: &[Need]) -> impl Future<Output = Result<Fetched, ReadError>> + Send;
}

/// Where attempts go. Both calls return at once; what becomes of an attempt comes back as a report.
pub trait Dispatch: Send + 'static {
    /// Hands attempts to their executors.
    fn submit(&mut self, attempts: Vec<Attempt>);
    /// Looks for what attempts wait for, until one reports its end or is cancelled.
    fn watch(&mut self, watches: Vec<Watch>);
    /// Runs of these DAGs ended: who waits for one need not wait until the next look.
    fn dags_moved(&mut self, dag_ids: Vec<String>);
    /// Messages were written: whoever delivers them need not wait until he looks. Nobody does where nothing is delivered.
    fn deliver(&mut self) {}
    /// Stops an attempt. The report of its end still comes when it had a process, and is refused by its token.
    fn cancel(&mut self, token: AttemptToken);
}

/// What time it is, to the microsecond.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}
