//! One pass, written in one statement.

use std::collections::BTreeMap;

use model::ids::Epoch;
use model::journal::{Batch, CommitError, TaskInstanceRow};
use model::mask::marks;
use model::wait::Awaited;
use serde::Serialize;
use sqlx::PgExecutor;

use super::LeaderJournal;
use super::assets::write_updates;
use crate::{Keyring, to_sql};

type Instant = Option<chrono::DateTime<chrono::Utc>>;

/// Task instances as columns, the shape `unnest` takes: one statement whatever their number.
#[derive(Default)]
struct Columns {
    dag_run: Vec<i64>,
    task: Vec<i32>,
    map_index: Vec<i32>,
    state: Vec<&'static str>,
    try_number: Vec<i32>,
    max_tries: Vec<i32>,
    token: Vec<Option<i64>>,
    pid: Vec<Option<i32>>,
    scheduled_at: Vec<Instant>,
    queued_at: Vec<Instant>,
    started_at: Vec<Instant>,
    ended_at: Vec<Instant>,
    retry_at: Vec<Instant>,
    is_new: Vec<bool>,
}

impl Columns {
    fn push(&mut self, row: &TaskInstanceRow, is_new: bool) {
        self.dag_run.push(row.key.dag_run.0);
        self.task.push(row.key.task.0.cast_signed());
        self.map_index.push(row.key.map_index);
        self.state.push(row.state.as_str());
        self.try_number.push(row.try_number.cast_signed());
        self.max_tries.push(row.max_tries.cast_signed());
        self.token.push(row.attempt_token.map(|token| token.0));
        self.pid.push(row.pid);
        self.scheduled_at.push(row.scheduled_at.map(to_sql));
        self.queued_at.push(row.queued_at.map(to_sql));
        self.started_at.push(row.started_at.map(to_sql));
        self.ended_at.push(row.ended_at.map(to_sql));
        self.retry_at.push(row.retry_at.map(to_sql));
        self.is_new.push(is_new);
    }
}

/// What is rare or small enough to go as JSON.
#[derive(Serialize)]
struct Attempt<'a> {
    dag_run_id: i64,
    task_index: u32,
    map_index: i32,
    try_number: u32,
    attempt_token: Option<i64>,
    state: &'a str,
    reason: String,
    exit_code: Option<i32>,
    pid: Option<i32>,
    scheduled_at: Option<jiff::Timestamp>,
    queued_at: Option<jiff::Timestamp>,
    started_at: Option<jiff::Timestamp>,
    ended_at: jiff::Timestamp,
}

/// XComs as columns. Not JSON within JSON: there PostgreSQL would unescape the values and refuse `\u0000`.
#[derive(Default)]
struct XComColumns {
    dag_run: Vec<i64>,
    task_id: Vec<String>,
    map_index: Vec<i32>,
    key: Vec<String>,
    value: Vec<String>,
}

#[derive(Serialize)]
struct Cleared<'a> {
    dag_run_id: i64,
    task_id: &'a str,
    map_index: i32,
}

impl LeaderJournal {
    /// Writes a batch, all of it or nothing: unless the epoch holds and every run has the version it was planned
    /// from. Waits for people who are changing one of the runs; they wait for it.
    pub async fn commit(&self, epoch: Epoch, batch: &Batch) -> Result<(), CommitError> {
        if batch.asset_updates.is_empty() {
            return self.write(&self.pool, epoch, batch).await;
        }
        let mut transaction = self.pool.begin().await.map_err(unknown)?;
        self.write(&mut *transaction, epoch, batch).await?;
        write_updates(&mut transaction, &batch.asset_updates).await?;
        transaction.commit().await.map_err(unknown)
    }

    /// The statement of a batch.
    async fn write<'c>(&self, executor: impl PgExecutor<'c>, epoch: Epoch, batch: &Batch) -> Result<(), CommitError> {
        let run_keys: Vec<i64> = batch.runs.iter().map(|run| run.key.0).collect();
        let run_versions: Vec<i64> = batch.runs.iter().map(|run| run.version).collect();
        let changed: Vec<_> =
            batch.runs.iter().filter_map(|run| run.change.as_ref().map(|change| (run.key.0, change))).collect();
        let changed_keys: Vec<i64> = changed.iter().map(|(key, _)| *key).collect();
        let changed_states: Vec<&str> = changed.iter().map(|(_, change)| change.state.as_str()).collect();
        let changed_starts: Vec<Instant> = changed.iter().map(|(_, change)| change.started_at.map(to_sql)).collect();
        let changed_ends: Vec<Instant> = changed.iter().map(|(_, change)| change.ended_at.map(to_sql)).collect();
        let changed_reasons: Vec<Option<&str>> = changed.iter().map(|(_, change)| change.reason.as_deref()).collect();
        let mut rows = Columns::default();
        batch.inserted.iter().for_each(|row| rows.push(row, true));
        batch.updated.iter().for_each(|row| rows.push(row, false));
        let xcoms = xcoms(batch);
        let named_runs: Vec<i64> = batch.map_names.iter().map(|(key, _)| key.dag_run.0).collect();
        let named_tasks: Vec<i32> = batch.map_names.iter().map(|(key, _)| key.task.0.cast_signed()).collect();
        let named_elements: Vec<i32> = batch.map_names.iter().map(|(key, _)| key.map_index).collect();
        let names: Vec<String> = batch.map_names.iter().map(|(_, name)| storable(name)).collect();
        let removed_runs: Vec<i64> = batch.removed.iter().map(|key| key.dag_run.0).collect();
        let removed_tasks: Vec<i32> = batch.removed.iter().map(|key| key.task.0.cast_signed()).collect();
        let removed_elements: Vec<i32> = batch.removed.iter().map(|key| key.map_index).collect();
        let paused: Vec<&str> = batch.paused.iter().map(|pause| pause.dag_id.as_str()).collect();
        let pause_reasons: Vec<&str> = batch.paused.iter().map(|pause| pause.reason.as_str()).collect();
        let result = sqlx::query!(
            r#"-- batch.commit
            WITH lease AS MATERIALIZED (
                SELECT 1 FROM leader_lease WHERE id = 1 AND epoch = $1 FOR SHARE
            ), locked AS MATERIALIZED (
                SELECT r.id FROM dag_run r JOIN unnest($2::bigint[], $3::bigint[]) AS u (id, version)
                     ON r.id = u.id AND r.version = u.version
                ORDER BY r.id FOR NO KEY UPDATE OF r
            ), go AS MATERIALIZED (
                SELECT (SELECT count(*) FROM lease) AS leads, (SELECT count(*) FROM locked) AS runs
            ), rows AS MATERIALIZED (
                SELECT u.* FROM unnest($4::bigint[], $5::int[], $6::int[], $7::text[], $8::int[], $9::int[],
                    $10::bigint[], $11::int[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[],
                    $15::timestamptz[], $16::timestamptz[], $17::bool[])
                    AS u (dag_run_id, task_index, map_index, state, try_number, max_tries, attempt_token, pid,
                          scheduled_at, queued_at, started_at, ended_at, retry_at, is_new), go
                WHERE go.leads = 1 AND go.runs = cardinality($2::bigint[])
            ), removed AS (
                DELETE FROM task_instance t USING unnest($31::bigint[], $32::int[], $33::int[])
                    AS g (dag_run_id, task_index, map_index), go
                WHERE t.dag_run_id = g.dag_run_id AND t.task_index = g.task_index AND t.map_index = g.map_index
                  AND go.leads = 1 AND go.runs = cardinality($2::bigint[])
            ), named AS (
                INSERT INTO rendered_map_index (dag_run_id, task_index, map_index, text)
                SELECT n.dag_run_id, n.task_index, n.map_index, n.text
                FROM unnest($34::bigint[], $35::int[], $36::int[], $37::text[])
                    AS n (dag_run_id, task_index, map_index, text), go
                WHERE go.leads = 1 AND go.runs = cardinality($2::bigint[])
                ON CONFLICT (dag_run_id, task_index, map_index) DO UPDATE SET text = excluded.text
            ), inserted AS (
                INSERT INTO task_instance (dag_run_id, task_index, map_index, state, try_number, max_tries,
                    attempt_token, pid, scheduled_at, queued_at, started_at, ended_at, retry_at)
                SELECT dag_run_id, task_index, map_index, state::task_instance_state, try_number, max_tries,
                    attempt_token, pid, scheduled_at, queued_at, started_at, ended_at, retry_at
                FROM rows WHERE is_new
            ), updated AS (
                UPDATE task_instance t SET state = u.state::task_instance_state, try_number = u.try_number,
                    max_tries = u.max_tries, attempt_token = u.attempt_token, pid = u.pid,
                    scheduled_at = u.scheduled_at, queued_at = u.queued_at, started_at = u.started_at,
                    ended_at = u.ended_at, retry_at = u.retry_at
                FROM rows u
                WHERE NOT u.is_new AND t.dag_run_id = u.dag_run_id AND t.task_index = u.task_index
                  AND t.map_index = u.map_index
                RETURNING 1
            ), runs AS (
                UPDATE dag_run r SET state = u.state::dag_run_state, started_at = u.started_at,
                    ended_at = u.ended_at, reason = u.reason
                FROM unnest($18::bigint[], $19::text[], $20::timestamptz[], $21::timestamptz[], $22::text[])
                    AS u (id, state, started_at, ended_at, reason), go
                WHERE r.id = u.id AND go.leads = 1 AND go.runs = cardinality($2::bigint[])
            ), attempts AS (
                INSERT INTO attempt (dag_run_id, task_index, map_index, try_number, attempt_token, state, reason,
                    exit_code, pid, scheduled_at, queued_at, started_at, ended_at)
                SELECT a.dag_run_id, a.task_index, a.map_index, a.try_number, a.attempt_token, a.state, a.reason,
                    a.exit_code, a.pid, a.scheduled_at, a.queued_at, a.started_at, a.ended_at
                FROM json_to_recordset($23::text::json) AS a (dag_run_id bigint, task_index int, map_index int,
                    try_number int, attempt_token bigint, state text, reason text, exit_code int, pid int,
                    scheduled_at timestamptz, queued_at timestamptz, started_at timestamptz, ended_at timestamptz), go
                WHERE go.leads = 1 AND go.runs = cardinality($2::bigint[])
                ON CONFLICT DO NOTHING
            ), pushed AS (
                INSERT INTO xcom (dag_run_id, task_id, map_index, key, value)
                SELECT x.dag_run_id, x.task_id, x.map_index, x.key, x.value::json
                FROM unnest($24::bigint[], $27::text[], $28::int[], $29::text[], $30::text[])
                    AS x (dag_run_id, task_id, map_index, key, value), go
                WHERE go.leads = 1 AND go.runs = cardinality($2::bigint[])
                ON CONFLICT (dag_run_id, task_id, map_index, key)
                    DO UPDATE SET value = excluded.value, created_at = now()
            ), cleared AS (
                DELETE FROM xcom x USING json_to_recordset($25::text::json)
                    AS c (dag_run_id bigint, task_id text, map_index int), go
                WHERE x.dag_run_id = c.dag_run_id AND x.task_id = c.task_id AND x.map_index = c.map_index
                  AND go.leads = 1 AND go.runs = cardinality($2::bigint[])
            ), folded AS (
                DELETE FROM report USING go
                WHERE id = ANY($26::bigint[]) AND go.leads = 1 AND go.runs = cardinality($2::bigint[])
            ), paused AS (
                UPDATE dag d SET is_paused = true, pause_reason = p.reason
                FROM unnest($38::text[], $39::text[]) AS p (dag_id, reason), go
                WHERE d.dag_id = p.dag_id AND go.leads = 1 AND go.runs = cardinality($2::bigint[])
            ), unwaited AS (
                DELETE FROM waiting w USING json_to_recordset($41::text::json)
                    AS e (dag_run_id bigint, task_index int, map_index int), go
                WHERE w.dag_run_id = e.dag_run_id AND w.task_index = e.task_index AND w.map_index = e.map_index
                  AND go.leads = 1 AND go.runs = cardinality($2::bigint[])
                RETURNING w.dag_run_id, w.attempt_token, w.awaited
            ), waited AS (
                INSERT INTO waited (dag_run_id, attempt_token, awaited)
                SELECT dag_run_id, attempt_token, awaited FROM unwaited
                ON CONFLICT DO NOTHING
            ), waiting AS (
                INSERT INTO waiting (dag_run_id, task_index, map_index, attempt_token, max_tries, awaited, since,
                    deadline, looked_at, looks, saw)
                SELECT w.dag_run_id, w.task_index, w.map_index, w.attempt_token, w.max_tries, w.awaited, w.since,
                    w.deadline, w.looked_at, w.looks, w.saw
                FROM json_to_recordset($40::text::json) AS w (dag_run_id bigint, task_index int, map_index int,
                    attempt_token bigint, max_tries int, awaited json, since timestamptz, deadline timestamptz,
                    looked_at timestamptz, looks int, saw text), go
                WHERE go.leads = 1 AND go.runs = cardinality($2::bigint[])
                ON CONFLICT (dag_run_id, task_index, map_index) DO UPDATE SET
                    attempt_token = excluded.attempt_token, max_tries = excluded.max_tries,
                    awaited = excluded.awaited, since = excluded.since, deadline = excluded.deadline,
                    looked_at = excluded.looked_at, looks = excluded.looks, saw = excluded.saw
            ), missed AS (
                INSERT INTO missed_deadline (dag_run_id, task_id, map_index, due_at, missed_at)
                SELECT m.dag_run_id, m.task_id, m.map_index, m.due_at, m.missed_at
                FROM json_to_recordset($42::text::json) AS m (dag_run_id bigint, task_id text, map_index int,
                    due_at timestamptz, missed_at timestamptz), go
                WHERE go.leads = 1 AND go.runs = cardinality($2::bigint[])
                ON CONFLICT DO NOTHING
                RETURNING dag_run_id, task_id, map_index, due_at
            ), callbacks AS (
                INSERT INTO callback (dag_run_id, dag_version_id, task_index, map_index, try_number, max_tries, event,
                    block, channel, task_state, reason, deadline, mapped, happened_at)
                SELECT c.dag_run_id, c.dag_version_id, c.task_index, c.map_index, c.try_number, c.max_tries, c.event,
                    c.block, c.channel, c.task_state, c.reason, c.deadline, c.mapped, c.happened_at
                FROM json_to_recordset($43::text::json) AS c (dag_run_id bigint, dag_version_id bigint,
                    task_index int, map_index int, try_number int, max_tries int, event text, block int, channel text,
                    task_state text, reason text, deadline timestamptz, mapped json, happened_at timestamptz,
                    task_id text), go
                WHERE go.leads = 1 AND go.runs = cardinality($2::bigint[])
                  AND (c.deadline IS NULL OR EXISTS (SELECT FROM missed m WHERE m.dag_run_id = c.dag_run_id
                       AND m.task_id = c.task_id AND m.map_index = c.map_index AND m.due_at = c.deadline))
            )
            SELECT go.leads AS "leads!", go.runs AS "runs!", (SELECT count(*) FROM updated) AS "updated!" FROM go"#,
            epoch.0,
            &run_keys,
            &run_versions,
            &rows.dag_run,
            &rows.task,
            &rows.map_index,
            &rows.state as &[&str],
            &rows.try_number,
            &rows.max_tries,
            &rows.token as &[Option<i64>],
            &rows.pid as &[Option<i32>],
            &rows.scheduled_at as &[Instant],
            &rows.queued_at as &[Instant],
            &rows.started_at as &[Instant],
            &rows.ended_at as &[Instant],
            &rows.retry_at as &[Instant],
            &rows.is_new,
            &changed_keys,
            &changed_states as &[&str],
            &changed_starts as &[Instant],
            &changed_ends as &[Instant],
            &changed_reasons as &[Option<&str>],
            attempts(batch),
            &xcoms.dag_run,
            cleared(batch),
            &batch.reports,
            &xcoms.task_id,
            &xcoms.map_index,
            &xcoms.key,
            &xcoms.value,
            &removed_runs,
            &removed_tasks,
            &removed_elements,
            &named_runs,
            &named_tasks,
            &named_elements,
            &names,
            &paused as &[&str],
            &pause_reasons as &[&str],
            waits(batch, &self.keys),
            ended_waits(batch),
            crate::callback::missed(batch),
            crate::callback::callbacks(batch)
        )
        .fetch_one(executor)
        .await
        .map_err(unknown)?;
        if result.leads != 1 {
            return Err(CommitError::Fenced(epoch));
        }
        if usize::try_from(result.runs) != Ok(run_keys.len()) {
            return Err(CommitError::Conflict);
        }
        if usize::try_from(result.updated) != Ok(batch.updated.len()) {
            tracing::error!(
                updated = result.updated,
                expected = batch.updated.len(),
                "task instances vanished from under the leader; reading the runs again"
            );
            return Err(CommitError::Unknown("rows of task instances are missing".to_owned()));
        }
        Ok(())
    }
}

/// An error of a statement that may have been committed all the same.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
pub(super) fn unknown(error: sqlx::Error) -> CommitError {
    CommitError::Unknown(error.to_string())
}

fn attempts(batch: &Batch) -> String {
    let rows: Vec<Attempt<'_>> = batch
        .attempts
        .iter()
        .map(|ended| Attempt {
            dag_run_id: ended.key.dag_run.0,
            task_index: ended.key.task.0,
            map_index: ended.key.map_index,
            try_number: ended.try_number,
            attempt_token: ended.token.map(|token| token.0),
            state: ended.state,
            reason: storable(&ended.reason),
            exit_code: ended.exit_code,
            pid: ended.pid,
            scheduled_at: ended.scheduled_at,
            queued_at: ended.queued_at,
            started_at: ended.started_at,
            ended_at: ended.ended_at,
        })
        .collect();
    serde_json::to_string(&rows).unwrap_or_default()
}

/// The last value of each key: an attempt may push one twice.
fn xcoms(batch: &Batch) -> XComColumns {
    let last: BTreeMap<_, _> = batch
        .xcoms
        .iter()
        .map(|xcom| ((xcom.dag_run.0, xcom.task_id.as_str(), xcom.map_index, xcom.key.as_str()), &xcom.value))
        .collect();
    let mut columns = XComColumns::default();
    for ((dag_run, task_id, map_index, key), value) in last {
        columns.dag_run.push(dag_run);
        columns.task_id.push(task_id.to_owned());
        columns.map_index.push(map_index);
        columns.key.push(storable(key));
        columns.value.push(value.to_string());
    }
    columns
}

/// PostgreSQL's text cannot hold a NUL; what a task printed must not make a batch fail for ever.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Without secrets in the clear.
fn sealed(awaited: &Awaited, keys: &Keyring, now: jiff::Timestamp) -> Awaited {
    awaited.with_texts(|text| marks::sealed(text, |secret| keys.encrypt(secret, now).ok()))
}

#[derive(Serialize)]
struct Wait {
    dag_run_id: i64,
    task_index: u32,
    map_index: i32,
    attempt_token: i64,
    max_tries: u32,
    awaited: Awaited,
    since: jiff::Timestamp,
    deadline: Option<jiff::Timestamp>,
    looked_at: Option<jiff::Timestamp>,
    looks: u32,
    saw: Option<String>,
}

fn waits(batch: &Batch, keys: &Keyring) -> String {
    let rows: Vec<Wait> = batch
        .waits
        .iter()
        .map(|wait| Wait {
            dag_run_id: wait.key.dag_run.0,
            task_index: wait.key.task.0,
            map_index: wait.key.map_index,
            attempt_token: wait.token.0,
            max_tries: wait.max_tries,
            awaited: sealed(&wait.awaited, keys, wait.since),
            since: wait.since,
            deadline: wait.deadline,
            looked_at: wait.look.as_ref().map(|look| look.at),
            looks: wait.look.as_ref().map_or(0, |look| look.number),
            saw: wait.look.as_ref().map(|look| storable(&look.saw)),
        })
        .collect();
    // PostgreSQL would refuse the whole batch for a NUL in a text within it.
    serde_json::to_string(&rows).unwrap_or_default().replace("\\u0000", "\\ufffd")
}

#[derive(Serialize)]
struct EndedWait {
    dag_run_id: i64,
    task_index: u32,
    map_index: i32,
}

fn ended_waits(batch: &Batch) -> String {
    let rows: Vec<EndedWait> = batch
        .ended_waits
        .iter()
        .map(|key| EndedWait { dag_run_id: key.dag_run.0, task_index: key.task.0, map_index: key.map_index })
        .collect();
    serde_json::to_string(&rows).unwrap_or_default()
}

fn cleared(batch: &Batch) -> String {
    let rows: Vec<Cleared<'_>> = batch
        .cleared_xcoms
        .iter()
        .map(|(dag_run, task_id, map_index)| Cleared { dag_run_id: dag_run.0, task_id, map_index: *map_index })
        .collect();
    serde_json::to_string(&rows).unwrap_or_default()
}
