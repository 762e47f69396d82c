//! Lists whose conditions are a body: `POST …/list`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const fn hundred() -> u32 {
    crate::MAX_LIMIT
}

/// A body with conditions of its own, and those that all have: times, a page and an order. They are fields of each, and not
/// of a part that each flattens, because serde would then take unknown fields.
macro_rules! body {
    ($(#[$about:meta])* $name:ident { $($(#[$says:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$says])* #[serde(default)] pub $field: $type,)*
            /// Its run may start not before this.
            #[serde(default)]
            pub run_after_gte: Option<Timestamp>,
            /// Its run may start after this.
            #[serde(default)]
            pub run_after_gt: Option<Timestamp>,
            /// Its run may start not after this.
            #[serde(default)]
            pub run_after_lte: Option<Timestamp>,
            /// Its run may start before this.
            #[serde(default)]
            pub run_after_lt: Option<Timestamp>,
            /// The date of its run is not before this.
            #[serde(default)]
            pub logical_date_gte: Option<Timestamp>,
            /// The date of its run is after this.
            #[serde(default)]
            pub logical_date_gt: Option<Timestamp>,
            /// The date of its run is not after this.
            #[serde(default)]
            pub logical_date_lte: Option<Timestamp>,
            /// The date of its run is before this.
            #[serde(default)]
            pub logical_date_lt: Option<Timestamp>,
            /// It started not before this.
            #[serde(default)]
            pub start_date_gte: Option<Timestamp>,
            /// It started after this.
            #[serde(default)]
            pub start_date_gt: Option<Timestamp>,
            /// It started not after this.
            #[serde(default)]
            pub start_date_lte: Option<Timestamp>,
            /// It started before this.
            #[serde(default)]
            pub start_date_lt: Option<Timestamp>,
            /// It ended not before this.
            #[serde(default)]
            pub end_date_gte: Option<Timestamp>,
            /// It ended after this.
            #[serde(default)]
            pub end_date_gt: Option<Timestamp>,
            /// It ended not after this.
            #[serde(default)]
            pub end_date_lte: Option<Timestamp>,
            /// It ended before this.
            #[serde(default)]
            pub end_date_lt: Option<Timestamp>,
            /// Seconds from its start to its end, or to now.
            #[serde(default)]
            pub duration_gte: Option<f64>,
            /// As `duration_gte`.
            #[serde(default)]
            pub duration_gt: Option<f64>,
            /// As `duration_gte`.
            #[serde(default)]
            pub duration_lte: Option<f64>,
            /// As `duration_gte`.
            #[serde(default)]
            pub duration_lt: Option<f64>,
            /// Entries to leave out.
            #[serde(default)]
            pub page_offset: u32,
            /// Entries at most; never more than 100.
            #[serde(default = "hundred")]
            pub page_limit: u32,
            /// As in the query of the list.
            #[serde(default)]
            pub order_by: Option<String>,
        }
    };
}

body! {
    /// Which task instances.
    TaskInstancesBatchBody {
        /// Of one of these DAGs.
        dag_ids: Option<Vec<String>>,
        /// Of runs with one of these names.
        dag_run_ids: Option<Vec<String>>,
        /// Of one of these tasks.
        task_ids: Option<Vec<String>>,
        /// In one of these; null: not looked at yet.
        state: Option<Vec<Option<String>>>,
        /// In one of these pools.
        pool: Option<Vec<String>>,
        /// In one of these queues.
        queue: Option<Vec<String>>,
        /// Of one of these executors.
        executor: Option<Vec<String>>,
    }
}

body! {
    /// Which runs.
    DagRunsBatchBody {
        /// Of one of these DAGs.
        dag_ids: Option<Vec<String>>,
        /// In one of these; null matches none.
        states: Option<Vec<Option<String>>>,
        /// With this text in the JSON of their conf.
        conf_contains: Option<String>,
    }
}
