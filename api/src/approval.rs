//! `…/hitlDetails`: questions to people, in Airflow's words ("human in the loop").

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{TaskInstance, TaskInstanceHistory};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HitlUser {
    /// Their account.
    pub id: String,
    /// The same.
    pub name: String,
}

/// A question, open or answered, without who asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HitlQuestion {
    /// What may be chosen.
    pub options: Vec<String>,
    /// What is asked.
    pub subject: String,
    /// Always null: the subject is all there is.
    pub body: Option<String>,
    /// What is chosen when nobody does in time.
    pub defaults: Option<Vec<String>>,
    /// Always false: one option is chosen.
    pub multiple: bool,
    /// Always empty.
    #[schema(value_type = Object)]
    pub params: Map<String, Value>,
    /// Always empty: `roles` says who may answer.
    pub assigned_users: Vec<HitlUser>,
    /// The roles of accounts that may answer, beside admins; empty: whoever may change runs. flowctl's own.
    pub roles: Vec<String>,
    /// Since when it is asked.
    pub created_at: Timestamp,
    /// When nobody has to answer any more, while it is open. flowctl's own.
    pub deadline: Option<Timestamp>,
    /// Who answered.
    pub responded_by_user: Option<HitlUser>,
    /// When.
    pub responded_at: Option<Timestamp>,
    /// What.
    pub chosen_options: Option<Vec<String>>,
    /// Always empty.
    #[schema(value_type = Object)]
    pub params_input: Map<String, Value>,
    /// Whether somebody answered.
    pub response_received: bool,
}

/// A question of the newest attempt of a task instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HitlDetail {
    /// The task instance that asks.
    pub task_instance: TaskInstance,
    /// What it asks.
    #[serde(flatten)]
    pub detail: HitlQuestion,
}

/// A question of any attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HitlDetailHistory {
    /// The attempt that asks.
    pub task_instance: TaskInstanceHistory,
    /// What it asks.
    #[serde(flatten)]
    pub detail: HitlQuestion,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HitlDetailCollection {
    /// The entries.
    pub hitl_details: Vec<HitlDetail>,
    /// On all pages.
    pub total_entries: u64,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateHitlDetailPayload {
    /// Exactly one.
    pub chosen_options: Vec<String>,
    /// Must be empty: questions have no form.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub params_input: Map<String, Value>,
}

/// An answer that was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HitlDetailResponse {
    /// Who answered.
    pub responded_by: HitlUser,
    /// When.
    pub responded_at: Timestamp,
    /// What.
    pub chosen_options: Vec<String>,
    /// Always empty.
    #[schema(value_type = Object)]
    pub params_input: Map<String, Value>,
}
