//! Lists that the server gives in pages.

use serde::de::DeserializeOwned;

use super::{Client, Error, Query};

/// A page of a list.
pub(crate) trait Collection: DeserializeOwned {
    /// What it lists.
    type Entry;
    /// The entries of this page, and how many there are on all pages.
    fn into_parts(self) -> (Vec<Self::Entry>, u64);
}

macro_rules! collections {
    ($($collection:ident, $entries:ident, $entry:ident;)*) => {$(
        impl Collection for api::$collection {
            type Entry = api::$entry;
            fn into_parts(self) -> (Vec<Self::Entry>, u64) {
                (self.$entries, self.total_entries)
            }
        }
    )*};
}

collections! {
    AssetCollection, assets, Asset;
    AssetEventCollection, asset_events, AssetEvent;
    DagCollection, dags, Dag;
    DagVersionCollection, dag_versions, DagVersion;
    DagRunCollection, dag_runs, DagRun;
    TaskInstanceCollection, task_instances, TaskInstance;
    TaskInstanceHistoryCollection, task_instances, TaskInstanceHistory;
    XComCollection, xcom_entries, XComEntry;
    EventLogCollection, event_logs, EventLog;
    JobCollection, jobs, Job;
    WorkerCollection, workers, Worker;
    ImportErrorCollection, import_errors, ImportError;
    PoolCollection, pools, Pool;
    VariableCollection, variables, Variable;
    ConnectionCollection, connections, Connection;
    BackfillCollection, backfills, Backfill;
    BackfillDayCollection, dates, BackfillDay;
    HitlDetailCollection, hitl_details, HitlDetail;
    CallbackCollection, callbacks, Callback;
    MissedDeadlineCollection, missed_deadlines, MissedDeadline;
}

impl Client {
    /// Up to `limit` entries from `offset` on, in as many requests as it takes, and how many there are in all.
    pub(crate) async fn list<C: Collection>(
        &self,
        path: &[&str],
        query: &Query<'_>,
        limit: u64,
        offset: u64,
    ) -> Result<(Vec<C::Entry>, u64), Error> {
        let mut found = Vec::new();
        loop {
            let got = found.len() as u64;
            let mut query = query.to_vec();
            query.push(("limit", (limit - got).min(u64::from(api::MAX_LIMIT)).to_string()));
            query.push(("offset", (offset + got).to_string()));
            let (entries, total) = self.get::<C>(path, &query).await?.into_parts();
            let is_last = entries.is_empty();
            found.extend(entries);
            let got = found.len() as u64;
            if is_last || got >= limit || offset + got >= total {
                return Ok((found, total));
            }
        }
    }

    /// All entries.
    pub(crate) async fn all<C: Collection>(&self, path: &[&str], query: &Query<'_>) -> Result<Vec<C::Entry>, Error> {
        Ok(self.list::<C>(path, query, u64::MAX, 0).await?.0)
    }
}
