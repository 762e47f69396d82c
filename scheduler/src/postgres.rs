//! The leader's journal on PostgreSQL, and where the variables and connections are that its templates ask for.

use jiff::Timestamp;
use model::asset::records::AssetRun;
use model::backfill::BackfillStep;
use model::ids::{DagRunKey, DagVersionKey, Epoch};
use model::journal::{
    Batch, Change, CommitError, DagRow, DagRunRow, DagVersion, InboxReport, NextRun, ScheduledRun, SkippedRun,
};
use model::past::{PastQuery, PastRun};
use model::pool::Pool;
use model::template::{Fetched, Need};
use secrets::Secrets;
use store::journal::LeaderJournal;

use crate::ports::{Journal, ReadError, RecentEnds};

fn read_error(error: impl std::fmt::Display) -> ReadError {
    ReadError(error.to_string())
}

/// The journal of a deployment.
#[derive(Debug, Clone)]
pub struct DeployedJournal {
    /// What the database knows.
    pub journal: LeaderJournal,
    /// Where variables and connections are.
    pub secrets: Secrets,
}

impl std::ops::Deref for DeployedJournal {
    type Target = LeaderJournal;

    fn deref(&self) -> &LeaderJournal {
        &self.journal
    }
}

impl Journal for DeployedJournal {
    async fn take_over(&self) -> Result<Option<Epoch>, ReadError> {
        LeaderJournal::take_over(self).await.map_err(read_error)
    }
    async fn renew(&self, epoch: Epoch) -> Result<bool, ReadError> {
        LeaderJournal::renew(self, epoch).await.map_err(read_error)
    }
    async fn advance(&self, epoch: Epoch) -> Result<Option<Epoch>, ReadError> {
        LeaderJournal::advance(self, epoch).await.map_err(read_error)
    }
    async fn resign(&self, epoch: Epoch) -> Result<(), ReadError> {
        LeaderJournal::resign(self, epoch).await.map_err(read_error)
    }
    async fn dags(&self, only: Option<&[String]>) -> Result<Vec<DagRow>, ReadError> {
        LeaderJournal::dags(self, only).await.map_err(read_error)
    }
    async fn pools(&self) -> Result<Vec<Pool>, ReadError> {
        LeaderJournal::pools(self).await.map_err(read_error)
    }
    async fn dag_versions(&self, keys: &[DagVersionKey]) -> Result<Vec<DagVersion>, ReadError> {
        LeaderJournal::dag_versions(self, keys).await.map_err(read_error)
    }
    async fn dag_runs(&self, only: Option<&[DagRunKey]>) -> Result<Vec<DagRunRow>, ReadError> {
        LeaderJournal::dag_runs(self, only).await.map_err(read_error)
    }
    async fn inbox(&self) -> Result<(Vec<Change>, Vec<InboxReport>), ReadError> {
        LeaderJournal::inbox(self).await.map_err(read_error)
    }
    async fn forget_changes(&self, epoch: Epoch, ids: &[i64]) -> Result<(), ReadError> {
        LeaderJournal::forget_changes(self, epoch, ids).await.map_err(read_error)
    }
    async fn commit(&self, epoch: Epoch, batch: &Batch) -> Result<(), CommitError> {
        LeaderJournal::commit(self, epoch, batch).await
    }
    async fn create_runs(
        &self,
        epoch: Epoch,
        runs: &[ScheduledRun],
        now: Timestamp,
    ) -> Result<Vec<DagRunKey>, CommitError> {
        LeaderJournal::create_runs(self, epoch, runs, now).await
    }
    async fn create_asset_runs(
        &self,
        epoch: Epoch,
        runs: &[AssetRun],
        now: Timestamp,
    ) -> Result<Vec<DagRunKey>, CommitError> {
        LeaderJournal::create_asset_runs(self, epoch, runs, now).await
    }
    async fn skip_runs(&self, epoch: Epoch, runs: &[SkippedRun], now: Timestamp) -> Result<(), CommitError> {
        LeaderJournal::skip_runs(self, epoch, runs, now).await
    }
    async fn run_backfills(
        &self,
        epoch: Epoch,
        steps: &[BackfillStep],
        now: Timestamp,
    ) -> Result<Vec<DagRunKey>, CommitError> {
        LeaderJournal::run_backfills(self, epoch, steps, now).await
    }
    async fn save_next_runs(&self, epoch: Epoch, next: &[NextRun]) -> Result<(), CommitError> {
        LeaderJournal::save_next_runs(self, epoch, next).await
    }
    async fn past(&self, queries: &[PastQuery]) -> Result<Vec<(DagRunKey, PastRun)>, ReadError> {
        LeaderJournal::past(self, queries).await.map_err(read_error)
    }
    async fn recent_ends(&self, dags: &[(String, u32)]) -> Result<Vec<RecentEnds>, ReadError> {
        LeaderJournal::recent_ends(self, dags).await.map_err(read_error)
    }
    async fn fetch(&self, dag_run: DagRunKey, needs: &[Need]) -> Result<Fetched, ReadError> {
        let mut fetched = LeaderJournal::fetch(self, dag_run, needs).await.map_err(read_error)?;
        self.secrets.fetch(needs, &mut fetched).await.map_err(read_error)?;
        Ok(fetched)
    }
}
