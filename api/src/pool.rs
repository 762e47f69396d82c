//! `/pools`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A pool and who holds its slots. A task instance counts with its `pool_slots`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// How many slots it has; −1 for no bound.
    pub slots: i32,
    /// For people.
    pub description: Option<String>,
    /// Whether deferred task instances hold their slots.
    pub include_deferred: bool,
    /// Slots that are held: running, queued and, with `include_deferred`, deferred.
    pub occupied_slots: i64,
    /// Of running task instances.
    pub running_slots: i64,
    /// Of queued ones.
    pub queued_slots: i64,
    /// That ready ones wait for.
    pub scheduled_slots: i64,
    /// Slots that are free; −1 for no bound. Below 0 where more runs than the pool has slots by now.
    pub open_slots: i64,
    /// Of deferred ones.
    pub deferred_slots: i64,
    /// Always null: there are no teams.
    pub team_name: Option<String>,
    /// At most so many starts in any window of a length, such as `10/1m`; null: no bound. flowctl's own.
    #[serde(default)]
    pub rate: Option<String>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolCollection {
    /// The entries.
    pub pools: Vec<Pool>,
    /// On all pages.
    pub total_entries: u64,
}

/// A pool to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolBody {
    /// Its name.
    #[serde(alias = "pool")]
    pub name: String,
    /// How many slots it has; −1 for no bound.
    pub slots: i32,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether deferred task instances hold their slots.
    #[serde(default)]
    pub include_deferred: bool,
    /// Taken and without meaning: there are no teams.
    #[serde(default)]
    pub team_name: Option<String>,
    /// Such as `10/1m`. flowctl's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
}

/// What of a pool is changed. A field that is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolPatchBody {
    /// Its name, which cannot be changed.
    #[serde(default, alias = "name", skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// How many slots it has; −1 for no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<i32>,
    /// For people; null takes it away.
    #[serde(default, deserialize_with = "crate::given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub description: Option<Option<String>>,
    /// Whether deferred task instances hold their slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_deferred: Option<bool>,
    /// Taken and without meaning: there are no teams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
    /// Such as `10/1m`; null takes it away. flowctl's own.
    #[serde(default, deserialize_with = "crate::given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub rate: Option<Option<String>>,
}
