//! The environment of a task's process.

use std::ffi::OsString;
use std::path::Path;
use std::sync::LazyLock;

use model::attempt::Attempt;
use model::dag_run::isoformat;
use tokio::process::Command;

use crate::config::WorkerConfig;
use crate::scratch::Scratch;

/// The variable that marks every process of an executor, with [`WorkerConfig::executor_id`] as its value.
pub const EXECUTOR_MARK: &str = "FLOWCTL_EXECUTOR";

/// The variable that names the scratch folder of an attempt, of which each has its own ([`crate::run_dir`]).
pub const RUN_DIR: &str = "FLOWCTL_RUN_DIR";

/// What the service knows and its tasks must not.
const SECRETS: [&str; 8] = [
    "FLOWCTL_FERNET_KEY",
    "FLOWCTL_FERNET_KEY_FILE",
    "FLOWCTL_DATABASE_URL",
    "FLOWCTL_DATABASE_URL_FILE",
    "FLOWCTL_DATABASE__URL",
    "FLOWCTL_DATABASE__URL_FILE",
    "FLOWCTL_ADMIN_PASSWORD",
    "FLOWCTL_ADMIN_PASSWORD_FILE",
];

/// Settings about secrets begin so: keys, and Vault's token.
const SECRET_SETTINGS: &str = "FLOWCTL_SECRETS__";

/// Which of the service's variables a task does not get: a variable or a connection reaches it only when it asks, so
/// that what it prints of it can be masked.
static WITHHELD: LazyLock<Vec<OsString>> = LazyLock::new(|| {
    let is_withheld = |name: &str| {
        SECRETS.contains(&name) || name.starts_with(SECRET_SETTINGS) || model::mask::is_secret_variable(name)
    };
    std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_str().is_some_and(is_withheld)).collect()
});

/// Sets the environment: the service's own without its secrets, defaults for text, the person's variables, and last
/// what says which attempt this is, which nobody may change.
pub(crate) fn set(
    command: &mut Command,
    attempt: &Attempt,
    own: &[(String, String)],
    config: &WorkerConfig,
    scratch: &Scratch,
) {
    for name in WITHHELD.iter() {
        command.env_remove(name);
    }
    command.env("PYTHONUTF8", "1").env("PYTHONUNBUFFERED", "1").env("LANG", "C.UTF-8");
    command.envs(own.iter().map(|(name, value)| (name, value)));
    let run = &attempt.dag_run;
    let task = attempt.task();
    let time = |at: Option<jiff::Timestamp>| at.map(isoformat).unwrap_or_default();
    let logical_date = time(run.logical_date);
    let try_number = attempt.try_number.to_string();
    let mut set = |name: &str, value: &str| {
        command.env(name, value);
    };
    set("FLOWCTL_DAG_ID", &run.dag_id);
    set("FLOWCTL_TASK_ID", &task.task_id);
    set("FLOWCTL_RUN_ID", &run.run_id);
    set("FLOWCTL_TRY_NUMBER", &try_number);
    set("FLOWCTL_MAP_INDEX", &attempt.key.map_index.to_string());
    set("FLOWCTL_LOGICAL_DATE", &logical_date);
    set("FLOWCTL_DATA_INTERVAL_START", &time(run.data_interval.map(|interval| interval.start)));
    set("FLOWCTL_DATA_INTERVAL_END", &time(run.data_interval.map(|interval| interval.end)));
    set("AIRFLOW_CTX_DAG_ID", &run.dag_id);
    set("AIRFLOW_CTX_TASK_ID", &task.task_id);
    set("AIRFLOW_CTX_DAG_RUN_ID", &run.run_id);
    set("AIRFLOW_CTX_LOGICAL_DATE", &logical_date);
    // The name before Airflow 3, which scripts still read.
    set("AIRFLOW_CTX_EXECUTION_DATE", &logical_date);
    set("AIRFLOW_CTX_TRY_NUMBER", &try_number);
    set("AIRFLOW_CTX_DAG_OWNER", &attempt.dag.owner);
    set(EXECUTOR_MARK, &config.executor_id);
    command.env(RUN_DIR, scratch.path());
    command.env("FLOWCTL_XCOM", scratch.file("xcom"));
    command.env("FLOWCTL_OUTLET_EVENTS", scratch.file("outlet_events"));
}

/// The first name or value that no environment can hold, in words.
pub(crate) fn problem(own: &[(String, String)]) -> Option<String> {
    own.iter().find_map(|(name, value)| {
        if name.is_empty() || name.contains(['=', '\0']) {
            Some(format!("`{name}` cannot be the name of an environment variable"))
        } else if value.contains('\0') {
            Some(format!("environment variable `{name}` contains a NUL character"))
        } else {
            None
        }
    })
}

/// The folder that relative paths of a DAG file start from.
pub(crate) fn folder(attempt: &Attempt) -> &Path {
    attempt.dag_file.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
