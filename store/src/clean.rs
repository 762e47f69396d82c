//! Removing history.

use jiff::Timestamp;

use crate::dag_run::delete_runs;
use crate::{Result, Store, to_sql};

/// What was removed, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cleaned {
    /// Finished runs.
    pub dag_runs: i64,
    /// Their task instances.
    pub task_instances: i64,
    /// Their attempts that are in the history.
    pub attempts: i64,
    /// Their values.
    pub xcoms: i64,
    /// Scheduled runs that were left out.
    pub skipped_runs: i64,
}

impl std::ops::AddAssign for Cleaned {
    fn add_assign(&mut self, other: Self) {
        self.dag_runs += other.dag_runs;
        self.task_instances += other.task_instances;
        self.attempts += other.attempts;
        self.xcoms += other.xcoms;
        self.skipped_runs += other.skipped_runs;
    }
}

/// One transaction's worth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CleanedBatch {
    /// How much it was.
    pub counts: Cleaned,
    /// The runs: DAG id and run id, whose logs can go too.
    pub runs: Vec<(String, String)>,
}

impl Store {
    /// What [`Self::clean_skipped_runs`] and, batch after batch, [`Self::clean_batch`] would remove.
    pub async fn count_to_clean(&self, before: Timestamp) -> Result<Cleaned> {
        Ok(sqlx::query_as!(
            Cleaned,
            r#"-- history.count
            WITH doomed AS (
                SELECT id FROM dag_run WHERE state IN ('success', 'failed') AND ended_at < $1
            )
            SELECT (SELECT count(*) FROM doomed) AS "dag_runs!",
                   (SELECT count(*) FROM task_instance WHERE dag_run_id IN (SELECT id FROM doomed)) AS "task_instances!",
                   (SELECT count(*) FROM attempt WHERE dag_run_id IN (SELECT id FROM doomed)) AS "attempts!",
                   (SELECT count(*) FROM xcom WHERE dag_run_id IN (SELECT id FROM doomed)) AS "xcoms!",
                   (SELECT count(*) FROM skipped_run WHERE skipped_at < $1) AS "skipped_runs!""#,
            to_sql(before)
        )
        .fetch_one(self.pool())
        .await?)
    }

    /// Removes up to `limit` of the oldest runs that ended before an instant, with everything of theirs. An empty
    /// batch: nothing is left. A run that somebody clears meanwhile is not finished any more, and stays.
    pub async fn clean_batch(&self, before: Timestamp, limit: i64) -> Result<CleanedBatch> {
        let mut transaction = self.pool().begin().await?;
        let doomed = sqlx::query_scalar!(
            "-- history.lock
             SELECT id FROM dag_run WHERE state IN ('success', 'failed') AND ended_at < $1
             ORDER BY id LIMIT $2 FOR UPDATE",
            to_sql(before),
            limit
        )
        .fetch_all(&mut *transaction)
        .await?;
        let batch = delete_runs(&mut transaction, &doomed).await?;
        transaction.commit().await?;
        Ok(batch)
    }

    /// Removes what is noted of scheduled runs that were left out before an instant, and says of how many. Nothing is
    /// decided by these notes.
    pub async fn clean_skipped_runs(&self, before: Timestamp) -> Result<i64> {
        let removed =
            sqlx::query!("-- skipped_run.clean\nDELETE FROM skipped_run WHERE skipped_at < $1", to_sql(before))
                .execute(self.pool())
                .await?;
        Ok(i64::try_from(removed.rows_affected()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::Cleaned;
    use crate::testing::TestDatabase;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Three runs that ended at 100, 200 and 300 with one of everything, and one that still runs.
    const HISTORY: &str = "
        INSERT INTO dag (dag_id, is_paused, fileloc, relative_fileloc, owner, last_parsed_at)
        VALUES ('d', false, '/d.yaml', 'd.yaml', 'o', now());
        INSERT INTO dag_version (dag_id, version_number, content_hash, spec, source, fileloc)
        VALUES ('d', 1, '', '{}', '', '/d.yaml');
        INSERT INTO dag_run (id, dag_id, run_id, dag_version_id, state, run_type, run_after, queued_at, ended_at, triggered_by)
        SELECT n, 'd', 'r' || n, v.id, CASE WHEN n = 4 THEN 'running' ELSE 'success' END::dag_run_state, 'manual',
               to_timestamp(0), to_timestamp(0), CASE WHEN n < 4 THEN to_timestamp(100 * n) END, 'cli'
        FROM generate_series(1, 4) AS n, dag_version AS v;
        INSERT INTO task_instance (dag_run_id, task_index, state, max_tries) SELECT n, 0, 'success', 1 FROM generate_series(1, 4) AS n;
        INSERT INTO attempt (dag_run_id, task_index, map_index, try_number, state, ended_at)
        SELECT n, 0, -1, 1, 'failed', now() FROM generate_series(1, 4) AS n;
        INSERT INTO xcom (dag_run_id, task_id, key, value) SELECT n, 't', 'k', '1' FROM generate_series(1, 4) AS n;
        INSERT INTO skipped_run (dag_id, data_interval_start, data_interval_end, run_after, reason, skipped_at)
        SELECT 'd', to_timestamp(n), to_timestamp(n), to_timestamp(n), 'calendar', to_timestamp(100 * n)
        FROM generate_series(1, 3) AS n";

    async fn history() -> TestDatabase {
        let database = TestDatabase::create().await;
        sqlx::raw_sql(HISTORY).execute(database.store().pool()).await.unwrap();
        database
    }

    #[tokio::test]
    async fn what_is_counted_is_what_is_removed_in_batches() {
        let database = history().await;
        let store = database.store();
        let expected = Cleaned { dag_runs: 2, task_instances: 2, attempts: 2, xcoms: 2, skipped_runs: 2 };
        assert_eq!(store.count_to_clean(at(250)).await.unwrap(), expected);
        let skipped_runs = store.clean_skipped_runs(at(250)).await.unwrap();
        let mut removed = Cleaned { skipped_runs, ..Cleaned::default() };
        for run_id in ["r1", "r2"] {
            let batch = store.clean_batch(at(250), 1).await.unwrap();
            assert_eq!(batch.runs, [("d".to_owned(), run_id.to_owned())]);
            removed += batch.counts;
        }
        assert_eq!(removed, expected);
        assert!(store.clean_batch(at(250), 1).await.unwrap().runs.is_empty());
    }

    #[tokio::test]
    async fn unfinished_and_later_runs_stay_whole() {
        let database = history().await;
        let store = database.store();
        store.clean_batch(at(250), 100).await.unwrap();
        let left: Vec<(i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT r.id, (SELECT count(*) FROM task_instance WHERE dag_run_id = r.id),
                    (SELECT count(*) FROM attempt WHERE dag_run_id = r.id), (SELECT count(*) FROM xcom WHERE dag_run_id = r.id)
             FROM dag_run r ORDER BY r.id",
        )
        .fetch_all(store.pool())
        .await
        .unwrap();
        assert_eq!(left, [(3, 1, 1, 1), (4, 1, 1, 1)]);
        assert_eq!(store.count_to_clean(at(10_000_000_000)).await.unwrap().dag_runs, 1);
    }
}
