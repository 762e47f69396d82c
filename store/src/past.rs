//! What tasks depend on in the run before theirs.

use std::collections::{BTreeMap, BTreeSet};

use model::dag::Dag;
use model::ids::DagRunKey;
use model::past::{PastQuery, PastRun, PreviousRun, telling};
use model::state::TaskInstanceState;
use sqlx::PgPool;

use crate::Store;

impl Store {
    /// What a run's tasks depend on in the run before it; nothing when none of them does.
    pub async fn past_of_run(
        &self,
        dag: &Dag,
        dag_run: DagRunKey,
        logical_date: Option<jiff::Timestamp>,
    ) -> Result<Option<PastRun>, sqlx::Error> {
        let Some(query) = PastQuery::of(dag, dag_run, logical_date) else { return Ok(None) };
        past_run(self.pool(), &query).await.map(Some)
    }
}

/// The past of one run: two statements, and a third when the run before lacks a task that depends on it.
pub(crate) async fn past_run(pool: &PgPool, query: &PastQuery) -> Result<PastRun, sqlx::Error> {
    let previous = sqlx::query!(
        r#"-- dag_run.previous
        SELECT p.id, p.run_id,
               p.state = 'queued' AND NOT EXISTS (SELECT 1 FROM task_instance t WHERE t.dag_run_id = p.id) AS "is_unseen!"
        FROM dag_run r JOIN dag_run p ON p.dag_id = r.dag_id AND p.logical_date < r.logical_date
        WHERE r.id = $1 AND (NOT $2 OR p.run_type <> 'manual')
        ORDER BY p.logical_date DESC LIMIT 1"#,
        query.dag_run.0,
        query.skips_manual
    )
    .fetch_optional(pool)
    .await?;
    let Some(previous) = previous else { return Ok(PastRun::default()) };
    let mut tasks = states(pool, previous.id, query).await?;
    if previous.is_unseen {
        // Its task instances are made when it starts.
        tasks.extend(query.tasks.iter().map(|task| (task.clone(), TaskInstanceState::None)));
    }
    let missing: Vec<String> = query.tasks.iter().filter(|task| !tasks.contains_key(*task)).cloned().collect();
    let earlier = if missing.is_empty() { BTreeSet::new() } else { earlier(pool, query.dag_run, &missing).await? };
    let key = DagRunKey(previous.id);
    Ok(PastRun { previous: Some(PreviousRun { key, run_id: previous.run_id, tasks, earlier }) })
}

async fn states(
    pool: &PgPool,
    previous: i64,
    query: &PastQuery,
) -> Result<BTreeMap<String, TaskInstanceState>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"-- task_instance.of_previous_run
        SELECT k.task_id, t.state::text AS "state!"
        FROM dag_run p
        JOIN task k ON k.dag_version_id = p.dag_version_id AND (k.task_id = ANY($2) OR k.task_id = ANY($3))
        JOIN task_instance t ON t.dag_run_id = p.id AND t.task_index = k.task_index
        WHERE p.id = $1
        ORDER BY k.task_index, t.map_index"#,
        previous,
        &query.tasks,
        &query.followers
    )
    .fetch_all(pool)
    .await?;
    let mut by_task: BTreeMap<String, Vec<TaskInstanceState>> = BTreeMap::new();
    for row in rows {
        let state = row.state.parse().map_err(|error: model::state::UnknownName| sqlx::Error::Decode(error.into()))?;
        by_task.entry(row.task_id).or_default().push(state);
    }
    Ok(by_task.into_iter().map(|(task, states)| (task, telling(states))).collect())
}

/// Which of some tasks a run before this one had.
async fn earlier(pool: &PgPool, dag_run: DagRunKey, tasks: &[String]) -> Result<BTreeSet<String>, sqlx::Error> {
    let rows = sqlx::query_scalar!(
        "-- task.earlier
         SELECT DISTINCT k.task_id
         FROM (SELECT DISTINCT p.dag_version_id
               FROM dag_run r JOIN dag_run p ON p.dag_id = r.dag_id AND p.logical_date < r.logical_date
               WHERE r.id = $1) AS v
         JOIN task k ON k.dag_version_id = v.dag_version_id
         WHERE k.task_id = ANY($2)",
        dag_run.0,
        tasks
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().collect())
}
