//! What people write into the table `xcom`. What tasks push is written with their ends, by `journal::commit`.

use model::xcom::CHOICE;
use serde_json::{Value, json};

use crate::event_log::{By, Event};
use crate::{Error, Store, to_sql};

/// Names one XCom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XComPlace {
    /// The DAG.
    pub dag_id: String,
    /// The run.
    pub run_id: String,
    /// Whose it is.
    pub task_id: String,
    /// −1 when the task is not mapped.
    pub map_index: i32,
    /// Its name.
    pub key: String,
}

/// What is done to an XCom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XComChange<'a> {
    /// It comes to be, with this JSON.
    Create(&'a str),
    /// It becomes this JSON.
    Update(&'a str),
    /// It goes.
    Delete,
}

/// Why an XCom was not changed.
#[derive(Debug, thiserror::Error)]
pub enum XComError {
    /// It is what the scheduler remembers of a branch.
    #[error("`{CHOICE}` is what the scheduler remembers of a branch; clear the task instead")]
    Choice,
    /// One of this name is there.
    #[error("XCom `{0}` exists")]
    Exists(String),
    /// There is none of this name.
    #[error("no XCom `{0}`")]
    Missing(String),
    /// The run has no such task instance, the run does not exist, or the database failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<sqlx::Error> for XComError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Changes an XCom. The run is locked, and the leader's plan of it refused from here on: what the leader renders after
    /// this returns sees the change, and nothing that it rendered before is written any more. The log of events keeps no
    /// values: they can be long.
    pub async fn change_xcom(&self, place: &XComPlace, change: XComChange<'_>, by: &By) -> Result<(), XComError> {
        if place.key == CHOICE {
            return Err(XComError::Choice);
        }
        let mut transaction = self.pool().begin().await?;
        let run = crate::dag_run::lock(&mut transaction, &place.dag_id, &place.run_id).await?;
        if !has_task_instance(&mut transaction, run.key.0, &place.task_id, place.map_index).await? {
            let element = if place.map_index < 0 { String::new() } else { format!("[{}]", place.map_index) };
            let what = format!("task `{}{element}` in run `{}`", place.task_id, place.run_id);
            return Err(Error::NotFound { what }.into());
        }
        let changed = write(&mut transaction, run.key.0, place, change, by).await?;
        match change {
            _ if changed > 0 => {}
            XComChange::Create(_) => return Err(XComError::Exists(place.key.clone())),
            XComChange::Update(_) | XComChange::Delete => return Err(XComError::Missing(place.key.clone())),
        }
        sqlx::query!(
            "-- xcom.noted
             WITH noted AS (
                 INSERT INTO change (dag_run_id) VALUES ($1)
             ), notified AS MATERIALIZED (
                 SELECT pg_notify('flowctl_change', 'run:' || $1::bigint)
             )
             UPDATE dag_run SET version = version + 1 FROM notified WHERE id = $1",
            run.key.0
        )
        .execute(&mut *transaction)
        .await?;
        let bytes = |value: &str| json!({"bytes": value.len()});
        let (name, after): (_, Option<Value>) = match change {
            XComChange::Create(value) => ("create_xcom_entry", Some(bytes(value))),
            XComChange::Update(value) => ("update_xcom_entry", Some(bytes(value))),
            XComChange::Delete => ("delete_xcom_entry", None),
        };
        let event = Event::new(name).dag(&place.dag_id).run(Some(&place.run_id));
        let element = Some(place.map_index).filter(|index| *index >= 0);
        let event = event.task(&place.task_id, element).object("xcom", &place.key).after(after);
        event.commit(transaction, by).await?;
        Ok(())
    }
}

/// Whether the run has the task instance, or will have it: a run that has not started has none yet.
async fn has_task_instance(
    transaction: &mut sqlx::PgTransaction<'_>,
    dag_run_id: i64,
    task_id: &str,
    map_index: i32,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"-- xcom.task_instance
        SELECT EXISTS (
            SELECT FROM dag_run r
            JOIN task k ON k.dag_version_id = r.dag_version_id AND k.task_id = $2
            LEFT JOIN task_instance t ON t.dag_run_id = r.id AND t.task_index = k.task_index AND t.map_index = $3
            WHERE r.id = $1 AND (t.map_index IS NOT NULL
                OR $3 = -1 AND NOT EXISTS (SELECT FROM task_instance s WHERE s.dag_run_id = r.id))
        ) AS "exists!""#,
        dag_run_id,
        task_id,
        map_index
    )
    .fetch_one(&mut **transaction)
    .await
}

/// How many XComs were changed: one or none.
async fn write(
    transaction: &mut sqlx::PgTransaction<'_>,
    dag_run_id: i64,
    place: &XComPlace,
    change: XComChange<'_>,
    by: &By,
) -> Result<u64, sqlx::Error> {
    let XComPlace { task_id, map_index, key, .. } = place;
    let statement = match change {
        XComChange::Create(value) => sqlx::query!(
            "-- xcom.create
             INSERT INTO xcom (dag_run_id, task_id, map_index, key, value, created_at)
             VALUES ($1, $2, $3, $4, $5::text::json, $6) ON CONFLICT DO NOTHING",
            dag_run_id,
            task_id,
            map_index,
            key,
            value,
            to_sql(by.at)
        ),
        XComChange::Update(value) => sqlx::query!(
            "-- xcom.update
             UPDATE xcom SET value = $5::text::json, created_at = $6
             WHERE dag_run_id = $1 AND task_id = $2 AND map_index = $3 AND key = $4",
            dag_run_id,
            task_id,
            map_index,
            key,
            value,
            to_sql(by.at)
        ),
        XComChange::Delete => sqlx::query!(
            "-- xcom.delete
             DELETE FROM xcom WHERE dag_run_id = $1 AND task_id = $2 AND map_index = $3 AND key = $4",
            dag_run_id,
            task_id,
            map_index,
            key
        ),
    };
    Ok(statement.execute(&mut **transaction).await?.rows_affected())
}
