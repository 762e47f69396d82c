//! What the deployment allows.

/// How much may run at once; a DAG may set its own for the second and third.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Task instances that hold a slot at once, over all DAGs.
    pub parallelism: u32,
    /// Running runs of one DAG.
    pub max_active_runs_per_dag: u32,
    /// Task instances of one run that hold a slot at once.
    pub max_active_tasks_per_dag: u32,
    /// Elements that a mapping may have.
    pub max_map_length: u32,
}

impl Default for Limits {
    /// Airflow's defaults.
    fn default() -> Self {
        Self { parallelism: 32, max_active_runs_per_dag: 16, max_active_tasks_per_dag: 16, max_map_length: 1024 }
    }
}
