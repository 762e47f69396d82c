//! Answers what a Python task asks while it runs.
//!
//! A Unix socket in the scratch folder; one question a connection, one line of JSON each way:
//! `{"xcom": {"task_id", "key", "map_index"}}` → `{"value": null | {"found": VALUE}}`, `{"previous_success": {}}` →
//! `{"value": null | {"data_interval_start", …}}`, `{"asset_events": {"uri"}}` and `{"triggering_asset_events": {}}` →
//! `{"value": [EVENT, …]}`, `{"variable": {"key"}}` → `{"value": null | {"found": TEXT}}`,
//! `{"connection": {"conn_id"}}` → `{"value": null | {"found": FIELDS}}`; `{"error": TEXT}` when it cannot be answered.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use model::attempt::Attempt;
use model::mapping::Elements;
use model::template::PreviousSuccess;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::masking::Known;
use crate::python;
use crate::scratch::Scratch;
use crate::values::Values;

/// The socket's name in the scratch folder.
pub(crate) const SOCKET: &str = "socket";
/// A question longer than this is none.
const MAX_QUESTION: u64 = 64 * 1024;
/// A task that connects and then says nothing must not keep others waiting.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Question {
    Xcom { task_id: String, key: String, map_index: Option<i32> },
    PreviousSuccess {},
    AssetEvents { uri: String },
    TriggeringAssetEvents {},
    Variable { key: String },
    Connection { conn_id: String },
}

/// Opens the socket. Through the folder's descriptor, because a socket's own path may have 107 bytes at most.
pub(crate) fn listen(scratch: &Scratch) -> io::Result<UnixListener> {
    let folder = File::open(scratch.path())?;
    UnixListener::bind(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()))
}

/// Answers until it is dropped.
pub(crate) async fn answer_all<V: Values>(listener: UnixListener, attempt: &Attempt, values: &V, known: &Known) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let answered = tokio::time::timeout(PATIENCE, answer(stream, attempt, values, known)).await;
                if !matches!(answered, Ok(Ok(()))) {
                    tracing::debug!("a task's question was not answered");
                }
            }
            // Out of file descriptors, most likely: others will close theirs.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn answer<V: Values>(mut stream: UnixStream, attempt: &Attempt, values: &V, known: &Known) -> io::Result<()> {
    let mut question = Vec::new();
    let (read, mut write) = stream.split();
    read.take(MAX_QUESTION).read_to_end(&mut question).await?;
    let answer = match serde_json::from_slice(&question) {
        Ok(question) => look_up(question, attempt, values, known).await,
        Err(error) => Err(format!("not a question: {error}")),
    };
    let answer = match answer {
        Ok(value) => json!({ "value": value }),
        Err(error) => json!({ "error": error }),
    };
    write.write_all(answer.to_string().as_bytes()).await?;
    write.shutdown().await
}

async fn look_up<V: Values>(question: Question, attempt: &Attempt, values: &V, known: &Known) -> Result<Value, String> {
    let dag_run = attempt.key.dag_run;
    match question {
        Question::Xcom { task_id, key, map_index } => {
            let elements = map_index.map_or_else(|| attempt.sees(&task_id), Elements::One);
            let found = values.xcom(dag_run, &task_id, &key, elements).await.map_err(|error| error.to_string())?;
            Ok(found.map_or(Value::Null, |value| json!({ "found": value })))
        }
        Question::AssetEvents { uri } => {
            let found = values.asset_events(&uri).await.map_err(|error| error.to_string())?;
            Ok(python::events(&found))
        }
        Question::TriggeringAssetEvents {} => {
            let found = values.triggering_asset_events(dag_run).await.map_err(|error| error.to_string())?;
            Ok(python::events(&found))
        }
        Question::PreviousSuccess {} => {
            let found = values.previous_success(dag_run).await.map_err(|error| error.to_string())?;
            Ok(found.map_or(Value::Null, |previous| as_json(&previous)))
        }
        Question::Variable { key } => {
            let found = values.variable(&key).await.map_err(|error| format!("variable `{key}`: {error}"))?;
            Ok(found.map_or(Value::Null, |value| {
                known.with(|masker| masker.learn_variable(&key, &value));
                json!({ "found": value })
            }))
        }
        Question::Connection { conn_id } => {
            let found =
                values.connection(&conn_id).await.map_err(|error| format!("connection `{conn_id}`: {error}"))?;
            Ok(found.map_or(Value::Null, |connection| {
                known.with(|masker| masker.learn_connection(&connection));
                json!({ "found": { "fields": connection.fields(), "extra": connection.extra, "uri": connection.uri() } })
            }))
        }
    }
}

fn as_json(previous: &PreviousSuccess) -> Value {
    let text = |at: Option<jiff::Timestamp>| at.map(model::dag_run::isoformat);
    json!({
        "data_interval_start": text(previous.data_interval.map(|interval| interval.start)),
        "data_interval_end": text(previous.data_interval.map(|interval| interval.end)),
        "start_date": text(previous.started_at),
        "end_date": text(previous.ended_at),
    })
}
