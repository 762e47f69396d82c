//! The keys of the language: what a file may say, and what of it runs today. Checks, hints and the JSON Schema all
//! read these tables.

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Text,
    Texts,
    List,
    Whole,
    Flag,
    Duration,
    Date,
    Schedule,
    Catchup,
    Overlap,
    Calendar,
    Rule,
    WeightRule,
    Mapping,
    TextMapping,
    Tasks,
    Operator,
    Expand,
    /// A growing delay: a flag or a factor.
    BackOff,
    /// A mapping with these keys.
    Keyed(&'static [(&'static str, Takes)]),
    /// A flag, or a mapping with these keys.
    FlagOrKeyed(&'static [(&'static str, Takes)]),
    /// Whole numbers.
    Numbers,
    /// Which run of another DAG.
    By,
    /// What a run is triggered with.
    Conf,
    /// Messages.
    Notifies,
    /// From when a deadline is counted.
    Since,
    /// Descriptions of assets.
    Assets,
    /// Assets, named or described.
    AssetNames,
    /// A layer of a pipeline.
    Layer,
    /// Columns by name.
    Columns,
    /// Anything.
    Value,
    /// Part of the language that does not run yet.
    NotYet,
    /// Accepted with the value that changes nothing; anything else does not run yet.
    OnlyDefault(&'static str),
}

/// A table of keys.
pub(super) type Keys = &'static [(&'static str, Takes)];

use Takes::{
    AssetNames, Assets, BackOff, By, Calendar, Catchup, Columns, Conf, Date, Duration, Expand, Flag, FlagOrKeyed,
    Keyed, Layer, List, Mapping, NotYet, Notifies, Numbers, OnlyDefault, Operator, Overlap, Rule, Schedule, Since,
    Tasks, Text, TextMapping, Texts, Value, WeightRule, Whole,
};

/// Keys of a DAG.
pub(super) const DAG: Keys = &[
    ("dag_id", Text),
    ("description", Text),
    ("owner", Text),
    ("tags", Texts),
    ("doc_md", Text),
    ("schedule", Schedule),
    ("timezone", Text),
    ("start_date", Date),
    ("end_date", Date),
    ("catchup", Catchup),
    ("max_active_runs", Whole),
    ("max_active_tasks", Whole),
    ("max_consecutive_failed_dag_runs", Whole),
    ("dagrun_timeout", Duration),
    ("is_paused_upon_creation", Flag),
    ("default_args", Mapping),
    ("params", Mapping),
    ("env", TextMapping),
    ("tasks", Tasks),
    ("flow", Texts),
    ("overlap", Overlap),
    ("jitter", Duration),
    ("calendar", Calendar),
    ("assets", Assets),
    ("deadline", Keyed(DEADLINE)),
    ("on_success", Notifies),
    ("on_failure", Notifies),
    ("on_retry", Notifies),
    ("on_skipped", Notifies),
];

/// Keys of a task beside its operator.
pub(super) const TASK: Keys = &[
    ("id", Text),
    ("depends_on", Texts),
    ("trigger_rule", Rule),
    ("retries", Whole),
    ("retry_delay", Duration),
    ("retry_exponential_backoff", BackOff),
    ("max_retry_delay", Duration),
    ("execution_timeout", Duration),
    ("depends_on_past", Flag),
    ("wait_for_downstream", Flag),
    ("ignore_first_depends_on_past", Flag),
    ("pool", Text),
    ("pool_slots", Whole),
    ("priority_weight", Whole),
    ("weight_rule", WeightRule),
    ("queue", OnlyDefault("default")),
    ("executor", OnlyDefault("local")),
    ("max_active_tis_per_dag", Whole),
    ("max_active_tis_per_dagrun", Whole),
    ("do_xcom_push", Flag),
    ("multiple_outputs", Flag),
    ("on_lost", Text),
    ("inlets", AssetNames),
    ("outlets", AssetNames),
    ("setup", Flag),
    ("teardown", FlagOrKeyed(TEARDOWN)),
    ("doc_md", Text),
    ("env", TextMapping),
    ("when", Text),
    ("on_success", Notifies),
    ("on_failure", Notifies),
    ("on_retry", Notifies),
    ("on_skipped", Notifies),
    ("deadline", Keyed(DEADLINE)),
    ("expect", NotYet),
    ("retry_on", Keyed(RETRY_ON)),
    ("fail_on", Keyed(FAIL_ON)),
    ("only_latest", OnlyDefault("false")),
    ("mutex", NotYet),
    ("metrics", NotYet),
    ("artifacts", NotYet),
    ("resources", NotYet),
    ("expand", Expand),
    ("expand_zip", Expand),
    ("map_index_template", Text),
];

/// Operator keys.
pub(super) const OPERATORS: Keys = &[
    ("bash", Operator),
    ("python", Operator),
    ("empty", Operator),
    ("branch", Operator),
    ("http", NotYet),
    ("sql", NotYet),
    ("container", NotYet),
    ("short_circuit", Operator),
    ("sensor", Operator),
    ("trigger_dag", Operator),
    ("notify", Operator),
    ("evaluate", NotYet),
    ("approve", Operator),
];

/// Keys of a group.
pub(super) const GROUP: Keys = &[
    ("group", Text),
    ("tasks", Tasks),
    ("depends_on", Texts),
    ("tooltip", Text),
    ("default_args", Mapping),
    ("expand", Expand),
    ("expand_zip", Expand),
];

/// Keys of `bash`'s long form.
pub(super) const BASH: Keys = &[
    ("command", Text),
    ("cwd", Text),
    ("env", TextMapping),
    ("shell", Text),
    ("skip_on_exit_code", Whole),
    ("output_encoding", Text),
];

/// Keys of `python`'s long form.
pub(super) const PYTHON: Keys = &[
    ("callable", Text),
    ("script", Text),
    ("code", Text),
    ("args", List),
    ("kwargs", Mapping),
    ("interpreter", Text),
    ("requirements", NotYet),
    ("preload", NotYet),
];

/// Keys of `sensor`.
pub(super) const SENSOR: Keys = &[
    ("file", Text),
    ("time", Text),
    ("delta", Duration),
    ("http", Operator),
    ("sql", Operator),
    ("task", Operator),
    ("python", Operator),
    ("poke_interval", Duration),
    ("timeout", Duration),
    ("soft_fail", Flag),
    ("exponential_backoff", Flag),
];

/// Keys of the long form of a sensor's `http`.
pub(super) const SENSOR_HTTP: Keys =
    &[("url", Text), ("method", Text), ("headers", TextMapping), ("body", Text), ("expect", Text), ("conn_id", Text)];

/// Keys of a sensor's `sql`.
pub(super) const SENSOR_SQL: Keys = &[("conn_id", Text), ("sql", Text)];

/// Keys of the long form of a sensor's `task`.
pub(super) const SENSOR_TASK: Keys = &[("dag_id", Text), ("task_id", Text), ("states", Texts), ("by", By)];

/// Keys of `trigger_dag`'s long form.
pub(super) const TRIGGER_DAG: Keys =
    &[("dag_id", Text), ("conf", Conf), ("logical_date", Text), ("run_id", Text), ("wait", Flag), ("reset", Flag)];

/// Keys of `approve`'s long form.
pub(super) const APPROVE: Keys =
    &[("prompt", Text), ("options", Texts), ("default", Text), ("timeout", Duration), ("roles", Texts)];

/// Keys of a message.
pub(super) const NOTIFY: Keys = &[("slack", Operator), ("webhook", Operator), ("email", Operator)];

/// Keys of a message to Slack.
pub(super) const SLACK: Keys = &[("url", Text), ("conn_id", Text), ("text", Text)];

/// Keys of a request that is a message.
pub(super) const WEBHOOK: Keys =
    &[("url", Text), ("conn_id", Text), ("method", Text), ("headers", TextMapping), ("json", Value), ("body", Text)];

/// Keys of an e-mail.
pub(super) const EMAIL: Keys = &[("to", Texts), ("cc", Texts), ("subject", Text), ("body", Text), ("html", Flag)];

/// Keys of `deadline`.
pub(super) const DEADLINE: Keys = &[("after", Since), ("by", Duration), ("then", Notifies)];

/// Keys of `branch`'s long form.
pub(super) const BRANCH: Keys = &[("python", Operator)];

/// Whether a key maps what it stands in.
pub(super) fn is_expand(name: &str) -> bool {
    matches!(name, "expand" | "expand_zip")
}

/// Keys of `short_circuit`'s long form.
pub(super) const SHORT_CIRCUIT: Keys = &[("python", Operator), ("ignore_downstream_trigger_rules", Flag)];

/// Keys of an asset.
pub(super) const ASSET: Keys = &[
    ("uri", Text),
    ("name", Text),
    ("group", Text),
    ("owner", Text),
    ("description", Text),
    ("layer", Layer),
    ("schema", Columns),
    ("fresh_within", Duration),
];

/// Keys of a column of an asset's schema.
pub(super) const COLUMN: Keys = &[("type", Text), ("description", Text), ("key", Flag), ("default", Value)];

/// Keys of `teardown`'s long form.
pub(super) const TEARDOWN: Keys = &[("of", Texts), ("on_failure_fail_dagrun", Flag)];

/// Keys of `retry_on`.
pub(super) const RETRY_ON: Keys = &[("exit_codes", Numbers), ("timeout", Flag), ("match", Text)];

/// Keys of `fail_on`.
pub(super) const FAIL_ON: Keys = &[("exit_codes", Numbers), ("match", Text)];

/// The names of a table.
pub(super) fn names(keys: Keys) -> impl Iterator<Item = &'static str> {
    keys.iter().map(|(name, _)| *name)
}

/// What a key of a table takes.
pub(super) fn takes(keys: Keys, name: &str) -> Option<Takes> {
    keys.iter().find(|(known, _)| *known == name).map(|(_, takes)| *takes)
}

/// The trigger rules, for hints and the JSON Schema.
pub(super) const RULES: [&str; 12] = [
    "all_success",
    "all_failed",
    "all_done",
    "all_done_min_one_success",
    "all_skipped",
    "one_failed",
    "one_success",
    "one_done",
    "none_failed",
    "none_failed_min_one_success",
    "none_skipped",
    "always",
];
