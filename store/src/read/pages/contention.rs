//! What ready task instances of a run compete for: their pools, and instances of the same task elsewhere.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::dag::Dag;
use model::past::PastRun;
use model::pool::Rate;
use model::why::{Holder, NAMED_HOLDERS, PoolFacts, ReadyFacts};

use super::{RunDetails, instant};
use crate::Store;
use crate::pools::from_columns;

/// What ready task instances of a run compete for; empty when none is ready.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contention {
    /// Pools of its tasks.
    pub pools: Vec<PoolFacts>,
    /// By task index: its weight.
    pub weights: Vec<i32>,
    /// By task id, of tasks with a `max_active_tis_per_dag`: instances that hold a slot, in all runs of the DAG.
    pub active_in_dag: BTreeMap<String, u32>,
    /// Whether the worker that would run them takes no new attempts.
    pub is_drained: bool,
    /// What its tasks depend on in the run before.
    pub past: Option<PastRun>,
}

impl Store {
    /// What the ready task instances of a run compete for.
    pub async fn pages_contention(&self, run: &RunDetails, dag: &Dag) -> Result<Contention, sqlx::Error> {
        let mut names: Vec<String> = dag.tasks.iter().map(|task| task.pool.clone()).collect();
        names.sort_unstable();
        names.dedup();
        let mut pools = self.pool_facts(&names).await?;
        for (name, ready) in self.ready_by_pool(&names).await? {
            if let Some(facts) = pools.iter_mut().find(|facts| facts.name == name) {
                facts.ready.push(ready);
            }
        }
        let weights = sqlx::query_scalar!(
            "-- pages.weights\nSELECT priority_weight FROM task WHERE dag_version_id = $1 ORDER BY task_index",
            run.version_id
        )
        .fetch_all(self.pool())
        .await?;
        let (active_in_dag, is_drained) = (self.active_in_dag(dag).await?, self.is_leader_drained().await?);
        Ok(Contention { pools, weights, active_in_dag, is_drained, past: None })
    }

    async fn pool_facts(&self, names: &[String]) -> Result<Vec<PoolFacts>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"-- pages.pool_facts
            WITH active AS MATERIALIZED (
                SELECT t.pool, t.pool_slots, t.task_id, ti.map_index, ti.state, ti.queued_at, r.dag_id, r.run_id
                  FROM dag_run r
                  JOIN task_instance ti ON ti.dag_run_id = r.id
                  JOIN task t ON t.dag_version_id = r.dag_version_id AND t.task_index = ti.task_index
                 WHERE r.state IN ('queued', 'running') AND t.pool = ANY ($1)
                   AND (ti.queued_at IS NOT NULL OR ti.state = 'deferred')
            ), named AS (
                SELECT w.name, p.slots, coalesce(p.include_deferred, false) AS include_deferred, p.rate
                  FROM unnest($1::text[]) AS w (name) LEFT JOIN pool p ON p.name = w.name
            ), holding AS MATERIALIZED (
                SELECT a.* FROM active a JOIN named n ON n.name = a.pool
                 WHERE a.state IN ('queued', 'running', 'restarting') OR (a.state = 'deferred' AND n.include_deferred)
            )
            SELECT n.name AS "name!", n.slots AS "slots?", n.include_deferred AS "include_deferred!", n.rate AS "rate?",
                   (SELECT coalesce(sum(h.pool_slots), 0) FROM holding h WHERE h.pool = n.name) AS "occupied!",
                   (SELECT count(*) FROM holding h WHERE h.pool = n.name) AS "holder_count!",
                   (SELECT json_agg(x) FROM (
                        SELECT h.dag_id, h.run_id, h.task_id, h.map_index, h.pool_slots AS slots FROM holding h
                         WHERE h.pool = n.name ORDER BY h.queued_at, h.dag_id, h.run_id, h.task_id, h.map_index LIMIT $2
                   ) AS x) AS "holders?",
                   (SELECT a.queued_at FROM active a WHERE a.pool = n.name AND a.queued_at IS NOT NULL
                     ORDER BY a.queued_at DESC
                    OFFSET greatest(coalesce(nullif(split_part(n.rate, '/', 1), '')::int, 1) - 1, 0) LIMIT 1
                   ) AS "nth_start?"
              FROM named n"#,
            names,
            i64::try_from(NAMED_HOLDERS).unwrap_or(i64::MAX)
        )
        .fetch_all(self.pool())
        .await?;
        let small = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(rows
            .into_iter()
            .map(|row| {
                let pool = row
                    .slots
                    .map(|slots| from_columns(row.name.clone(), slots, row.include_deferred, row.rate.as_deref()));
                let rate = pool.as_ref().and_then(|pool| pool.rate);
                PoolFacts {
                    opens_at: rate.zip(row.nth_start).and_then(|(rate, at)| opens_at(rate, instant(at))),
                    occupied: small(row.occupied),
                    holders: row
                        .holders
                        .and_then(|holders| serde_json::from_value::<Vec<Holder>>(holders).ok())
                        .unwrap_or_default(),
                    holder_count: small(row.holder_count),
                    ready: Vec::new(),
                    name: row.name,
                    pool,
                }
            })
            .collect())
    }

    /// Ready task instances of running runs of DAGs that are not paused.
    async fn ready_by_pool(&self, names: &[String]) -> Result<Vec<(String, ReadyFacts)>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"-- pages.ready_by_pool
            SELECT t.pool, t.priority_weight, t.pool_slots, count(*) AS "count!"
              FROM dag_run r
              JOIN task_instance ti ON ti.dag_run_id = r.id AND ti.state = 'scheduled'
              JOIN task t ON t.dag_version_id = r.dag_version_id AND t.task_index = ti.task_index
              LEFT JOIN dag d ON d.dag_id = r.dag_id
             WHERE r.state IN ('queued', 'running') AND r.state = 'running' AND t.pool = ANY ($1)
               AND NOT coalesce(d.is_paused, false) AND t.operator <> 'empty'
             GROUP BY t.pool, t.priority_weight, t.pool_slots"#,
            names
        )
        .fetch_all(self.pool())
        .await?;
        let facts = |weight: i32, slots: i32, count: i64| ReadyFacts {
            weight,
            slots: slots.unsigned_abs(),
            count: u32::try_from(count).unwrap_or(u32::MAX),
        };
        Ok(rows.into_iter().map(|row| (row.pool, facts(row.priority_weight, row.pool_slots, row.count))).collect())
    }

    async fn active_in_dag(&self, dag: &Dag) -> Result<BTreeMap<String, u32>, sqlx::Error> {
        let limited = dag.tasks.iter().filter(|task| task.max_active_tis_per_dag.is_some());
        let limited: Vec<String> = limited.map(|task| task.task_id.clone()).collect();
        if limited.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows = sqlx::query!(
            r#"-- pages.active_in_dag
            SELECT t.task_id, count(*) AS "count!"
              FROM dag_run r
              JOIN task_instance ti ON ti.dag_run_id = r.id AND ti.state IN ('queued', 'running', 'restarting')
              JOIN task t ON t.dag_version_id = r.dag_version_id AND t.task_index = ti.task_index
             WHERE r.dag_id = $1 AND r.state IN ('queued', 'running') AND t.task_id = ANY ($2)
             GROUP BY t.task_id"#,
            dag.dag_id,
            &limited
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|row| (row.task_id, u32::try_from(row.count).unwrap_or(u32::MAX))).collect())
    }
}

/// A window after the start that is as many back as the rate allows.
fn opens_at(rate: Rate, nth_start: Timestamp) -> Option<Timestamp> {
    nth_start.checked_add(rate.window.absolute()).ok()
}
