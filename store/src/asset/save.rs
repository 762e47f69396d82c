//! What a new version of a DAG says about assets.

use jiff::Timestamp;
use model::asset::{Asset, Layer};
use model::dag::Dag;
use sqlx::PgTransaction;

use crate::{Error, Result, to_sql};

/// How a DAG names an asset.
struct Named<'a> {
    role: &'static str,
    task_id: &'a str,
    uri: &'a str,
    by_interval: bool,
}

/// An asset that another DAG describes or names.
struct Known {
    uri: String,
    name: String,
    /// The DAG that describes it, unless its file is gone.
    described_by: Option<String>,
    /// Another DAG that names it.
    named_by: Option<String>,
}

/// Makes what a DAG says about assets true: descriptions, who names what, and which updates still wait for it. Refused
/// when it contradicts another DAG.
pub(crate) async fn save_assets(transaction: &mut PgTransaction<'_>, dag: &Dag, now: Timestamp) -> Result<()> {
    let named = named(dag);
    if !named.is_empty() || !dag.assets.is_empty() {
        let known = known(transaction, dag, &named).await?;
        if let Some(reason) = contradiction(dag, &named, &known) {
            return Err(Error::AssetConflict { reason });
        }
        describe(transaction, dag, now).await?;
    }
    let described: Vec<&str> = dag.assets.iter().map(|asset| asset.uri.as_str()).collect();
    sqlx::query!(
        "-- asset.undescribe
         UPDATE asset SET name = uri, group_name = 'asset', owner = NULL, description = NULL, layer = NULL, schema = '{}',
                fresh_within_ms = NULL, watched_since = NULL, described_by = NULL, is_overdue = false, turned_at = NULL
         WHERE described_by = $1 AND uri <> ALL ($2)",
        dag.dag_id,
        &described as &[&str]
    )
    .execute(&mut **transaction)
    .await?;
    name(transaction, &dag.dag_id, &named, now).await
}

fn named(dag: &Dag) -> Vec<Named<'_>> {
    let schedule = dag.schedule.assets();
    let by_interval = schedule.is_some_and(|schedule| schedule.by_interval);
    let scheduled = schedule.into_iter().flat_map(|schedule| schedule.condition.uris());
    let mut named: Vec<Named<'_>> =
        scheduled.map(|uri| Named { role: "schedule", task_id: "", uri, by_interval }).collect();
    for task in &dag.tasks {
        for (role, uris) in [("outlet", &task.outlets), ("inlet", &task.inlets)] {
            let of_task = uris.iter().map(|uri| Named { role, task_id: &task.task_id, uri, by_interval: false });
            named.extend(of_task);
        }
    }
    named
}

async fn known(transaction: &mut PgTransaction<'_>, dag: &Dag, named: &[Named<'_>]) -> Result<Vec<Known>> {
    let described = dag.assets.iter().flat_map(|asset| [asset.uri.as_str(), asset.name.as_str()]);
    let texts: Vec<&str> = described.chain(named.iter().map(|named| named.uri)).collect();
    Ok(sqlx::query_as!(
        Known,
        r#"-- asset.known
        SELECT a.uri, a.name,
               (SELECT d.dag_id FROM dag d WHERE d.dag_id = a.described_by AND NOT d.is_stale AND d.dag_id <> $1)
                   AS described_by,
               (SELECT min(n.dag_id) FROM dag_asset n JOIN dag d ON d.dag_id = n.dag_id
                WHERE n.asset_id = a.id AND NOT d.is_stale AND n.dag_id <> $1) AS named_by
        FROM asset a WHERE a.uri = ANY ($2) OR a.name = ANY ($2)"#,
        dag.dag_id,
        &texts as &[&str]
    )
    .fetch_all(&mut **transaction)
    .await?)
}

/// What a DAG says that another one says otherwise: an asset is described once, and a name means one asset.
fn contradiction(dag: &Dag, named: &[Named<'_>], known: &[Known]) -> Option<String> {
    for asset in &dag.assets {
        for other in known {
            if let (true, Some(describer)) = (other.uri == asset.uri, &other.described_by) {
                return Some(format!(
                    "the asset `{}` is already described by DAG `{describer}`; name it by its URI here",
                    asset.uri
                ));
            }
            let user = other.described_by.as_ref().or(other.named_by.as_ref());
            let has_name = other.uri != asset.uri && (other.name == asset.name || other.uri == asset.name);
            if let (true, Some(user)) = (has_name, user) {
                return Some(format!(
                    "the asset name `{}` already stands for `{}` in DAG `{user}`; give one of the two another name",
                    asset.name, other.uri
                ));
            }
        }
    }
    for one in named {
        let meant = known.iter().find(|other| other.name == one.uri && other.uri != one.uri);
        if let Some((meant, describer)) = meant.and_then(|meant| Some((meant, meant.described_by.as_ref()?))) {
            return Some(format!(
                "`{}` is the name of the asset `{}`, which DAG `{describer}` describes; write its URI here",
                one.uri, meant.uri
            ));
        }
    }
    None
}

async fn describe(transaction: &mut PgTransaction<'_>, dag: &Dag, now: Timestamp) -> Result<()> {
    let field = |field: fn(&Asset) -> Option<&str>| dag.assets.iter().map(field).collect::<Vec<_>>();
    let schemas: Vec<String> =
        dag.assets.iter().map(|asset| serde_json::to_string(&asset.schema).unwrap_or_default()).collect();
    let fresh: Vec<Option<i64>> = dag
        .assets
        .iter()
        .map(|asset| asset.fresh_within.map(|within| i64::try_from(within.absolute().as_millis()).unwrap_or(i64::MAX)))
        .collect();
    sqlx::query!(
        "-- asset.describe
         INSERT INTO asset (uri, name, group_name, owner, description, layer, schema, fresh_within_ms, described_by,
                            watched_since, created_at)
         SELECT u.uri, u.name, u.group_name, u.owner, u.description, u.layer, u.schema::json, u.fresh_within_ms, $9,
                CASE WHEN u.fresh_within_ms IS NOT NULL THEN $10::timestamptz END, $10
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[])
              AS u (uri, name, group_name, owner, description, layer, schema, fresh_within_ms)
         ON CONFLICT (uri) DO UPDATE SET name = excluded.name, group_name = excluded.group_name,
             owner = excluded.owner, description = excluded.description, layer = excluded.layer,
             schema = excluded.schema, fresh_within_ms = excluded.fresh_within_ms, described_by = excluded.described_by,
             watched_since = CASE WHEN asset.fresh_within_ms IS DISTINCT FROM excluded.fresh_within_ms
                                  THEN excluded.watched_since ELSE asset.watched_since END",
        &field(|asset| Some(&asset.uri)) as &[Option<&str>],
        &field(|asset| Some(&asset.name)) as &[Option<&str>],
        &field(|asset| Some(&asset.group)) as &[Option<&str>],
        &field(|asset| asset.owner.as_deref()) as &[Option<&str>],
        &field(|asset| asset.description.as_deref()) as &[Option<&str>],
        &field(|asset| asset.layer.map(Layer::as_str)) as &[Option<&str>],
        &schemas,
        &fresh as &[Option<i64>],
        dag.dag_id,
        to_sql(now)
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Who names what from now on. A name that was there keeps its time; updates that nothing waits for any more go.
async fn name(transaction: &mut PgTransaction<'_>, dag_id: &str, named: &[Named<'_>], now: Timestamp) -> Result<()> {
    let roles: Vec<&str> = named.iter().map(|named| named.role).collect();
    let tasks: Vec<&str> = named.iter().map(|named| named.task_id).collect();
    let uris: Vec<&str> = named.iter().map(|named| named.uri).collect();
    let by_interval: Vec<bool> = named.iter().map(|named| named.by_interval).collect();
    if !uris.is_empty() {
        sqlx::query!(
            "-- asset.name
             INSERT INTO asset (uri, name, group_name, created_at)
             SELECT DISTINCT u, u, 'asset', $2::timestamptz FROM unnest($1::text[]) AS u ON CONFLICT (uri) DO NOTHING",
            &uris as &[&str],
            to_sql(now)
        )
        .execute(&mut **transaction)
        .await?;
    }
    sqlx::query!(
        "-- dag_asset.save
         WITH named AS MATERIALIZED (
             SELECT u.role, u.task_id, a.id AS asset_id, u.by_interval
             FROM unnest($2::text[], $3::text[], $4::text[], $5::boolean[]) AS u (role, task_id, uri, by_interval)
                  JOIN asset a ON a.uri = u.uri
         ), gone AS (
             DELETE FROM dag_asset d
             WHERE d.dag_id = $1 AND NOT EXISTS (
                 SELECT 1 FROM named n
                 WHERE n.role = d.role AND n.task_id = d.task_id AND n.asset_id = d.asset_id
             )
         ), idle AS (
             DELETE FROM asset_queue q
             WHERE q.dag_id = $1 AND NOT EXISTS (
                 SELECT 1 FROM named n
                 WHERE n.role = 'schedule' AND n.asset_id = q.asset_id
                   AND (NOT n.by_interval OR q.data_interval_start IS NOT NULL)
             )
         )
         INSERT INTO dag_asset (dag_id, role, task_id, asset_id, by_interval, created_at)
         SELECT $1, n.role, n.task_id, n.asset_id, n.by_interval, $6 FROM named n
         ON CONFLICT (dag_id, role, task_id, asset_id) DO UPDATE SET by_interval = excluded.by_interval",
        dag_id,
        &roles as &[&str],
        &tasks as &[&str],
        &uris as &[&str],
        &by_interval,
        to_sql(now)
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
