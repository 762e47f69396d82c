//! What a batch says of messages and deadlines, as JSON: it is rare.

use jiff::Timestamp;
use model::callback::Channel;
use model::journal::Batch;
use model::mapping::Mapped;
use serde::Serialize;

#[derive(Serialize)]
struct Callback<'a> {
    dag_run_id: i64,
    dag_version_id: i64,
    task_index: Option<u32>,
    map_index: i32,
    try_number: u32,
    max_tries: u32,
    event: &'a str,
    block: u32,
    channel: Channel,
    task_state: &'a str,
    reason: Option<&'a str>,
    deadline: Option<Timestamp>,
    mapped: Option<&'a Mapped>,
    happened_at: Timestamp,
    /// With the deadline, what names it in `missed_deadline`.
    task_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Missed<'a> {
    dag_run_id: i64,
    task_id: &'a str,
    map_index: i32,
    due_at: Timestamp,
    missed_at: Timestamp,
}

/// The messages of a batch.
pub(crate) fn callbacks(batch: &Batch) -> String {
    let rows: Vec<Callback<'_>> = batch
        .callbacks
        .iter()
        .map(|row| {
            let (subject, happened) = (&row.subject, &row.happened);
            let missed = batch.missed.iter().find(|missed| {
                (missed.dag_run, missed.task, missed.map_index, Some(missed.due_at))
                    == (subject.dag_run, subject.task, subject.map_index, happened.deadline)
            });
            Callback {
                dag_run_id: subject.dag_run.0,
                dag_version_id: subject.dag_version.0,
                task_index: subject.task.map(|task| task.0),
                map_index: subject.map_index,
                try_number: subject.try_number,
                max_tries: subject.max_tries,
                event: happened.event.as_str(),
                block: row.block,
                channel: row.channel,
                task_state: happened.state,
                reason: happened.reason.as_deref(),
                deadline: happened.deadline,
                mapped: subject.mapped.as_deref(),
                happened_at: happened.at,
                task_id: missed.map(|missed| missed.task_id.as_str()),
            }
        })
        .collect();
    storable(&rows)
}

/// The deadlines of a batch.
pub(crate) fn missed(batch: &Batch) -> String {
    let rows: Vec<Missed<'_>> = batch
        .missed
        .iter()
        .map(|missed| Missed {
            dag_run_id: missed.dag_run.0,
            task_id: &missed.task_id,
            map_index: missed.map_index,
            due_at: missed.due_at,
            missed_at: missed.missed_at,
        })
        .collect();
    storable(&rows)
}

/// PostgreSQL would refuse the whole batch for a NUL in a text within it.
fn storable<T: Serialize>(rows: &[T]) -> String {
    serde_json::to_string(rows).unwrap_or_default().replace("\\u0000", "\\ufffd")
}
