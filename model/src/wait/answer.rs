//! What a person's choice does to the task that waits for it.

use jiff::Timestamp;
use serde_json::json;

use super::{Approval, REJECT};
use crate::attempt::{Finished, Outcome};
use crate::dag_run::isoformat;
use crate::xcom::{RETURN_VALUE, XComValue};

/// What somebody chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which option.
    pub chosen: String,
    /// Who; none when the time was over and the default was taken.
    pub by: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// An answer that is not one of the options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{chosen}` is not one of the options ({options})")]
pub struct BadAnswer {
    chosen: String,
    options: String,
}

/// How the attempt ends: successfully, with the answer as its value; `Reject` skips its direct downstream tasks, as
/// Airflow's `ApprovalOperator` does.
pub fn answer(approval: &Approval, answer: &Answer, since: Timestamp) -> Result<Finished, BadAnswer> {
    if !approval.options.contains(&answer.chosen) {
        return Err(BadAnswer { chosen: answer.chosen.clone(), options: approval.options.join(", ") });
    }
    let outcome = if answer.chosen == REJECT { Outcome::Branch { follow: Vec::new() } } else { Outcome::Success };
    let user = answer.by.as_ref().map(|name| json!({"id": name, "name": name}));
    let value = json!({
        "chosen_options": [answer.chosen],
        "params_input": {},
        "responded_at": isoformat(answer.at),
        "responded_by_user": user,
    });
    let xcoms = vec![XComValue { key: RETURN_VALUE.to_owned(), value }];
    Ok(Finished { started_at: since, ended_at: answer.at, outcome, xcoms, outlet_events: Vec::new() })
}
