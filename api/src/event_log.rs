//! The audit log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventLog {
    /// Its number.
    pub event_log_id: i64,
    /// When.
    pub when: Timestamp,
    /// The DAG that it was done to.
    pub dag_id: Option<String>,
    /// The DAG's name for people.
    pub dag_display_name: Option<String>,
    /// The run.
    pub run_id: Option<String>,
    /// The task.
    pub task_id: Option<String>,
    /// The task's name for people.
    pub task_display_name: Option<String>,
    /// The element of a mapped task.
    pub map_index: Option<i32>,
    /// Always null: an event is about all tries.
    pub try_number: Option<i32>,
    /// What was done: the name of the operation.
    pub event: String,
    /// The date of the run, while there is such a run.
    pub logical_date: Option<Timestamp>,
    /// Who did it.
    pub owner: Option<String>,
    /// All that follows, as the text of a JSON object: where Airflow's clients look for it.
    pub extra: Option<String>,
    /// From which address; null: not over the network.
    #[serde(default)]
    pub address: Option<String>,
    /// What else it was done to, such as `pool`.
    #[serde(default)]
    pub object_type: Option<String>,
    /// Which.
    #[serde(default)]
    pub object_name: Option<String>,
    /// What it was; null: it was not there.
    #[serde(default)]
    pub before: Option<Value>,
    /// What it is now; null: it is gone.
    #[serde(default)]
    pub after: Option<Value>,
}

/// What an object was and is; none: nothing, or not there.
type Change<'a> = (&'a str, Option<&'a Value>, Option<&'a Value>);

impl EventLog {
    /// The fields that are not the same before and after.
    pub fn changes(&self) -> Vec<Change<'_>> {
        let (before, after) = (fields(self.before.as_ref()), fields(self.after.as_ref()));
        let mut changes: Vec<Change<'_>> = before.map(|(name, value)| (name, Some(value), None)).collect();
        for (name, value) in after {
            match changes.iter_mut().find(|(known, ..)| *known == name) {
                Some((.., new)) => *new = Some(value),
                None => changes.push((name, None, Some(value))),
            }
        }
        changes.retain(|(_, before, after)| before != after);
        changes
    }
}

/// The fields that have a value.
fn fields(side: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let fields = side.and_then(Value::as_object).into_iter().flatten();
    fields.filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.as_str(), value))
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventLogCollection {
    /// The entries.
    pub event_logs: Vec<EventLog>,
    /// On all pages; at most 100,000 are counted.
    pub total_entries: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::EventLog;

    #[test]
    fn only_what_became_different_is_a_change() {
        let event = json!({
            "event_log_id": 1, "when": "2026-01-01T00:00:00Z", "event": "patch_pool",
            "before": {"slots": 1, "description": "a", "rate": null},
            "after": {"slots": 2, "description": "a", "rate": "1/s", "note": null},
        });
        let event: EventLog = serde_json::from_value(event).unwrap();
        let (one, two, rate) = (json!(1), json!(2), json!("1/s"));
        assert_eq!(event.changes(), [("slots", Some(&one), Some(&two)), ("rate", None, Some(&rate))]);
        assert!(EventLog { before: None, after: None, ..event }.changes().is_empty());
    }
}
