//! What must be true of the rows, whatever happened: for `flowctl doctor` and for tests that break things.

use jiff::{SignedDuration, Timestamp};

use crate::{Result, Store, from_sql};

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule, in words.
    pub rule: String,
    /// How many rows break it.
    pub count: i64,
    /// One of them.
    pub example: String,
}

/// Who leads, by the database's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseFacts {
    /// The leadership in force.
    pub epoch: i64,
    /// Host and process of the leader; none when nobody leads.
    pub owner_name: Option<String>,
    /// How long it still holds; negative when it has expired, none when nobody has it.
    pub holds_for: Option<SignedDuration>,
}

/// When a kind of process was last alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFacts {
    /// scheduler, webserver, `dag_processor`.
    pub kind: String,
    /// Where it runs.
    pub hostname: String,
    /// Its process id there.
    pub pid: i32,
    /// How long its last heartbeat is ago, by the database's clock.
    pub silent_for: SignedDuration,
    /// When that was.
    pub heartbeat_at: Timestamp,
}

impl Store {
    /// Every rule that some row breaks. Reads all of the history: minutes on a large one.
    pub async fn violations(&self) -> Result<Vec<Violation>> {
        Ok(sqlx::query_as!(
            Violation,
            r#"-- check.violations
            WITH broken (rule, example) AS (
                SELECT 'a finished run has unfinished task instances', r.dag_id || ' ' || r.run_id
                FROM dag_run r
                WHERE r.state IN ('success', 'failed') AND EXISTS (
                    SELECT FROM task_instance t WHERE t.dag_run_id = r.id
                    AND t.state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')
                    -- A person may have cleared it and left the run as it is.
                    AND (r.version = 0 OR t.state <> 'none'))
              UNION ALL
                SELECT 'a finished run holds a slot', r.dag_id || ' ' || r.run_id
                FROM dag_run r
                WHERE r.state IN ('success', 'failed') AND EXISTS (
                    SELECT FROM task_instance t WHERE t.dag_run_id = r.id AND t.state IN ('queued', 'running', 'restarting'))
              UNION ALL
                SELECT 'a running run has a task without a task instance', r.dag_id || ' ' || r.run_id
                FROM dag_run r
                WHERE r.state = 'running'
                  AND (SELECT count(DISTINCT t.task_index) FROM task_instance t WHERE t.dag_run_id = r.id AND NOT EXISTS (
                        SELECT FROM removed_task g WHERE g.dag_run_id = r.id AND g.task_index = t.task_index))
                   <> (SELECT count(*) FROM task k WHERE k.dag_version_id = r.dag_version_id)
              UNION ALL
                SELECT 'a run that ended has no end, or one that did not has one', r.dag_id || ' ' || r.run_id
                FROM dag_run r WHERE (r.state IN ('success', 'failed')) <> (r.ended_at IS NOT NULL)
              UNION ALL
                SELECT 'a task instance that waits for its retry does not know until when', format('run %s task %s', t.dag_run_id, t.task_index)
                FROM task_instance t WHERE t.state = 'up_for_retry' AND t.retry_at IS NULL
              UNION ALL
                SELECT 'a task instance holds a slot without an attempt token', format('run %s task %s', t.dag_run_id, t.task_index)
                FROM task_instance t WHERE t.state IN ('queued', 'running') AND t.attempt_token IS NULL
              UNION ALL
                SELECT 'an attempt token comes from a leadership that never was', format('run %s task %s', t.dag_run_id, t.task_index)
                FROM task_instance t WHERE t.attempt_token >> 40 > (SELECT epoch FROM leader_lease)
              UNION ALL
                SELECT 'a task instance belongs to no run', format('run %s task %s', t.dag_run_id, t.task_index)
                FROM task_instance t WHERE NOT EXISTS (SELECT FROM dag_run r WHERE r.id = t.dag_run_id)
              UNION ALL
                SELECT 'an attempt belongs to no task instance', format('run %s task %s', a.dag_run_id, a.task_index)
                FROM attempt a WHERE NOT EXISTS (
                    SELECT FROM task_instance t WHERE (t.dag_run_id, t.task_index, t.map_index) = (a.dag_run_id, a.task_index, a.map_index))
              UNION ALL
                SELECT 'an XCom belongs to no run', format('run %s task %s', x.dag_run_id, x.task_id)
                FROM xcom x WHERE NOT EXISTS (SELECT FROM dag_run r WHERE r.id = x.dag_run_id)
              UNION ALL
                SELECT 'a DAG is at a version that is not its own', d.dag_id
                FROM dag d WHERE d.current_version_id IS NOT NULL AND NOT EXISTS (
                    SELECT FROM dag_version v WHERE v.id = d.current_version_id AND v.dag_id = d.dag_id)
              UNION ALL
                SELECT 'a worker''s report has been waiting for more than a minute', format('attempt %s', p.attempt_token)
                FROM report p WHERE p.received_at < now() - interval '1 minute'
            )
            SELECT rule AS "rule!", count(*) AS "count!", min(example) AS "example!"
            FROM broken GROUP BY rule ORDER BY rule"#
        )
        .fetch_all(self.pool())
        .await?)
    }

    /// The leader's lease.
    pub async fn lease(&self) -> Result<LeaseFacts> {
        let row = sqlx::query!(
            r#"-- leader_lease.get
            SELECT epoch, owner_name,
                   CASE WHEN isfinite(expires_at)
                        THEN (extract(epoch FROM expires_at - clock_timestamp()) * 1000)::bigint END AS holds_for_ms
            FROM leader_lease WHERE id = 1"#
        )
        .fetch_one(self.pool())
        .await?;
        let holds_for = row.holds_for_ms.map(SignedDuration::from_millis);
        Ok(LeaseFacts { epoch: row.epoch, owner_name: row.owner_name, holds_for })
    }

    /// The processes that have not stopped in good order, the most recently alive first.
    pub async fn services(&self) -> Result<Vec<ServiceFacts>> {
        let rows = sqlx::query!(
            r#"-- service.list
            SELECT kind, hostname, pid, heartbeat_at,
                   (extract(epoch FROM now() - heartbeat_at) * 1000)::bigint AS "silent_for_ms!"
            FROM service WHERE stopped_at IS NULL ORDER BY heartbeat_at DESC"#
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| ServiceFacts {
                kind: row.kind,
                hostname: row.hostname,
                pid: row.pid,
                silent_for: SignedDuration::from_millis(row.silent_for_ms),
                heartbeat_at: from_sql(row.heartbeat_at),
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::TestDatabase;

    const RUN: &str = "
        INSERT INTO dag (dag_id, is_paused, fileloc, relative_fileloc, owner, last_parsed_at)
        VALUES ('d', false, '/d.yaml', 'd.yaml', 'o', now());
        INSERT INTO dag_version (dag_id, version_number, content_hash, spec, source, fileloc)
        VALUES ('d', 1, '', '{}', '', '/d.yaml');
        UPDATE dag SET current_version_id = v.id FROM dag_version v;
        INSERT INTO task SELECT id, 0, 't', 'bash', 0, 1 FROM dag_version;
        INSERT INTO dag_run (id, dag_id, run_id, dag_version_id, state, run_type, run_after, queued_at, ended_at, triggered_by)
        SELECT 1, 'd', 'r', id, 'success', 'manual', now(), now(), now(), 'cli' FROM dag_version;
        INSERT INTO task_instance (dag_run_id, task_index, state, max_tries) VALUES (1, 0, 'success', 1);";

    async fn rules_broken_by(sql: &'static str) -> Vec<String> {
        let database = TestDatabase::create().await;
        sqlx::raw_sql(RUN).execute(database.store().pool()).await.unwrap();
        sqlx::raw_sql(sql).execute(database.store().pool()).await.unwrap();
        let violations = database.store().violations().await.unwrap();
        violations
            .into_iter()
            .map(|violation| format!("{} ({}, {})", violation.rule, violation.count, violation.example))
            .collect()
    }

    #[tokio::test]
    async fn nothing_is_wrong_with_a_run_that_ended_well() {
        assert_eq!(rules_broken_by("SELECT 1").await, [""; 0]);
    }

    #[tokio::test]
    async fn what_a_finished_run_must_not_have_is_found() {
        insta::assert_snapshot!(
            rules_broken_by("UPDATE task_instance SET state = 'running'").await.join("\n"),
            @"
            a finished run has unfinished task instances (1, d r)
            a finished run holds a slot (1, d r)
            a task instance holds a slot without an attempt token (1, run 1 task 0)
            "
        );
    }

    #[tokio::test]
    async fn rows_that_belong_to_nothing_are_found() {
        insta::assert_snapshot!(
            rules_broken_by(
                "INSERT INTO xcom (dag_run_id, task_id, key, value) VALUES (9, 't', 'k', '1');
                 INSERT INTO attempt (dag_run_id, task_index, map_index, try_number, state, ended_at) VALUES (1, 7, -1, 1, 'failed', now());
                 UPDATE dag SET current_version_id = 999"
            )
            .await
            .join("\n"),
            @"
            a DAG is at a version that is not its own (1, d)
            an XCom belongs to no run (1, run 9 task t)
            an attempt belongs to no task instance (1, run 1 task 7)
            "
        );
    }

    #[tokio::test]
    async fn a_running_run_has_each_task_once() {
        insta::assert_snapshot!(
            rules_broken_by("UPDATE dag_run SET state = 'running', ended_at = NULL; DELETE FROM task_instance").await.join("\n"),
            @"a running run has a task without a task instance (1, d r)"
        );
    }

    #[tokio::test]
    async fn a_lease_that_nobody_has_holds_for_no_time() {
        let database = TestDatabase::create().await;
        let lease = database.store().lease().await.unwrap();
        assert_eq!((lease.epoch, lease.owner_name, lease.holds_for), (0, None, None));
    }
}
