//! Every name that a template may use, and what is known about it without a run: one table for the check and for hints.

use super::{day, macros, moment};

/// What is known about a value before there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anything.
    Any,
    Moment,
    Day,
    Delta,
    Dag,
    Task,
    TaskInstance,
    DagRun,
    /// `var`.
    Variables,
    /// `var.value`, `var.json`.
    OfVariables,
    /// `conn`.
    Connections,
    Connection,
    Macros,
    MacroDatetime,
    MacroJson,
}

/// The context's names.
pub(super) const ROOTS: [(&str, Kind); 36] = [
    ("ds", Kind::Any),
    ("ds_nodash", Kind::Any),
    ("ts", Kind::Any),
    ("ts_nodash", Kind::Any),
    ("ts_nodash_with_tz", Kind::Any),
    ("logical_date", Kind::Moment),
    ("data_interval_start", Kind::Moment),
    ("data_interval_end", Kind::Moment),
    ("prev_data_interval_start_success", Kind::Moment),
    ("prev_data_interval_end_success", Kind::Moment),
    ("prev_start_date_success", Kind::Moment),
    ("prev_end_date_success", Kind::Moment),
    ("dag", Kind::Dag),
    ("task", Kind::Task),
    ("ti", Kind::TaskInstance),
    ("task_instance", Kind::TaskInstance),
    ("dag_run", Kind::DagRun),
    ("run_id", Kind::Any),
    ("params", Kind::Any),
    ("conf", Kind::Any),
    ("macros", Kind::Macros),
    ("xcom", Kind::Any),
    ("var", Kind::Variables),
    ("conn", Kind::Connections),
    ("map", Kind::Any),
    ("map_index", Kind::Any),
    ("try_number", Kind::Any),
    ("task_instance_key_str", Kind::Any),
    ("inlets", Kind::Any),
    ("outlets", Kind::Any),
    ("inlet_events", Kind::Any),
    ("outlet_events", Kind::Any),
    ("triggering_asset_events", Kind::Any),
    // Jinja's own.
    ("range", Kind::Any),
    ("dict", Kind::Any),
    ("loop", Kind::Any),
];

/// Names that a run without a logical date does not have.
pub(super) const OF_LOGICAL_DATE: [&str; 8] = [
    "ds",
    "ds_nodash",
    "ts",
    "ts_nodash",
    "ts_nodash_with_tz",
    "logical_date",
    "data_interval_start",
    "data_interval_end",
];

/// Names that a run as a whole does not have.
pub(super) const OF_TASK: [&str; 7] =
    ["task", "ti", "task_instance", "map", "map_index", "try_number", "task_instance_key_str"];

/// Part of the language that does not run yet.
const NOT_YET: [&str; 4] = ["partition_key", "partition_date", "map_index_template", "task_reschedule_count"];

/// What Airflow 3 removed, and what to write instead.
const REMOVED: [(&str, &str); 12] = [
    ("execution_date", "logical_date"),
    ("next_ds", "data_interval_end | ds"),
    ("next_ds_nodash", "data_interval_end | ds_nodash"),
    ("next_execution_date", "data_interval_end"),
    ("prev_ds", "macros.ds_add(ds, -1)"),
    ("prev_ds_nodash", "logical_date.subtract(days=1) | ds_nodash"),
    ("prev_execution_date", "logical_date.subtract(days=1)"),
    ("prev_execution_date_success", "prev_data_interval_start_success"),
    ("yesterday_ds", "macros.ds_add(ds, -1)"),
    ("yesterday_ds_nodash", "logical_date.subtract(days=1) | ds_nodash"),
    ("tomorrow_ds", "macros.ds_add(ds, 1)"),
    ("tomorrow_ds_nodash", "logical_date.add(days=1) | ds_nodash"),
];

pub(super) const DAG: [(&str, Kind); 10] = [
    ("dag_id", Kind::Any),
    ("description", Kind::Any),
    ("owner", Kind::Any),
    ("tags", Kind::Any),
    ("doc_md", Kind::Any),
    ("timezone", Kind::Any),
    ("start_date", Kind::Moment),
    ("end_date", Kind::Moment),
    ("catchup", Kind::Any),
    ("task_ids", Kind::Any),
];

pub(super) const TASK: [(&str, Kind); 11] = [
    ("task_id", Kind::Any),
    ("dag_id", Kind::Any),
    ("owner", Kind::Any),
    ("operator", Kind::Any),
    ("retries", Kind::Any),
    ("retry_delay", Kind::Delta),
    ("execution_timeout", Kind::Delta),
    ("trigger_rule", Kind::Any),
    ("priority_weight", Kind::Any),
    ("upstream_task_ids", Kind::Any),
    ("doc_md", Kind::Any),
];

pub(super) const TASK_INSTANCE: [(&str, Kind); 9] = [
    ("dag_id", Kind::Any),
    ("task_id", Kind::Any),
    ("run_id", Kind::Any),
    ("try_number", Kind::Any),
    ("max_tries", Kind::Any),
    ("map_index", Kind::Any),
    ("task", Kind::Task),
    ("dag_run", Kind::DagRun),
    ("xcom_pull", Kind::Any),
];

pub(super) const DAG_RUN: [(&str, Kind); 11] = [
    ("dag_id", Kind::Any),
    ("run_id", Kind::Any),
    ("run_type", Kind::Any),
    ("conf", Kind::Any),
    ("params", Kind::Any),
    ("logical_date", Kind::Moment),
    ("data_interval_start", Kind::Moment),
    ("data_interval_end", Kind::Moment),
    ("run_after", Kind::Moment),
    ("start_date", Kind::Moment),
    ("triggered_by", Kind::Any),
];

/// What a connection has.
pub(super) const CONNECTION: [&str; 12] = [
    "conn_id",
    "conn_type",
    "description",
    "host",
    "login",
    "password",
    "schema",
    "port",
    "extra",
    "extra_dejson",
    "get_uri",
    "get_password",
];

const DELTA: [&str; 4] = ["days", "seconds", "microseconds", "total_seconds"];

/// Filters: minijinja's and Airflow's.
pub(super) const FILTERS: [&str; 52] = [
    "ds",
    "ds_nodash",
    "ts",
    "ts_nodash",
    "ts_nodash_with_tz",
    "tojson",
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
];

/// Filters with names beside those of [`FILTERS`] for the same thing are left out of hints.
const MORE_FILTERS: [&str; 1] = ["zip"];

/// Tests (`x is …`).
pub(super) const TESTS: [&str; 41] = [
    "undefined",
    "defined",
    "none",
    "safe",
    "escaped",
    "boolean",
    "odd",
    "even",
    "divisibleby",
    "number",
    "integer",
    "int",
    "float",
    "string",
    "sequence",
    "iterable",
    "mapping",
    "startingwith",
    "endingwith",
    "lower",
    "upper",
    "sameas",
    "eq",
    "equalto",
    "==",
    "ne",
    "!=",
    "lt",
    "lessthan",
    "<",
    "le",
    "<=",
    "gt",
    "greaterthan",
    ">",
    "ge",
    ">=",
    "in",
    "true",
    "false",
    "filter",
];

pub(super) fn is_filter(name: &str) -> bool {
    FILTERS.contains(&name) || MORE_FILTERS.contains(&name)
}

pub(super) fn is_test(name: &str) -> bool {
    name == "test" || TESTS.contains(&name)
}

pub(super) fn root(name: &str) -> Option<Kind> {
    ROOTS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// Why a name of Airflow is not there.
pub(super) fn refusal(name: &str) -> Option<(String, Option<String>)> {
    if NOT_YET.contains(&name) {
        return Some((format!("`{name}` is not supported yet"), None));
    }
    if name == "namespace" {
        let help = "use a filter such as `| sum`, `| join` or `| select`".to_owned();
        return Some(("`namespace` is not supported".to_owned(), Some(help)));
    }
    let (_, instead) = REMOVED.iter().find(|(removed, _)| *removed == name)?;
    Some((format!("`{name}` was removed in Airflow 3"), Some(format!("write `{instead}`"))))
}

/// What an attribute of a value is; its known attributes when it has no such one.
pub(super) fn attribute(of: Kind, name: &str) -> Result<Kind, Vec<&'static str>> {
    let table: &[(&'static str, Kind)] = match of {
        Kind::Any | Kind::OfVariables => return Ok(Kind::Any),
        Kind::Variables if matches!(name, "value" | "json") => return Ok(Kind::OfVariables),
        Kind::Variables => return Err(vec!["value", "json"]),
        Kind::Connections if name == "get" => return Ok(Kind::Any),
        Kind::Connections => return Ok(Kind::Connection),
        Kind::Connection => return one_of(&CONNECTION, name),
        Kind::Dag => &DAG,
        Kind::Task => &TASK,
        Kind::TaskInstance => &TASK_INSTANCE,
        Kind::DagRun => &DAG_RUN,
        Kind::Macros => {
            return match name {
                "datetime" => Ok(Kind::MacroDatetime),
                "json" => Ok(Kind::MacroJson),
                _ => one_of(&macros::NAMES, name),
            };
        }
        Kind::MacroDatetime if matches!(name, "now" | "utcnow" | "today") => return Ok(Kind::Any),
        Kind::MacroDatetime => return one_of(&macros::DATETIME_METHODS, name),
        Kind::MacroJson => return one_of(&macros::JSON_METHODS, name),
        Kind::Day => return one_of(&day::NAMES, name),
        Kind::Delta => return one_of(&DELTA, name),
        Kind::Moment => {
            let known: Vec<&str> = moment::ATTRIBUTES.into_iter().chain(moment::METHODS).collect();
            return if known.contains(&name) { Ok(Kind::Any) } else { Err(known) };
        }
    };
    match table.iter().find(|(known, _)| *known == name) {
        Some((_, kind)) => Ok(*kind),
        None => Err(table.iter().map(|(known, _)| *known).collect()),
    }
}

/// What a method of a value gives back.
pub(super) fn result_of(of: Kind, method: &str) -> Kind {
    match (of, method) {
        (
            Kind::Moment,
            "add" | "subtract" | "replace" | "in_timezone" | "in_tz" | "astimezone" | "start_of" | "end_of" | "naive",
        )
        | (Kind::MacroDatetime, _)
        | (Kind::Macros, "datetime") => Kind::Moment,
        (Kind::Connections, "get") => Kind::Connection,
        (Kind::Moment, "date") => Kind::Day,
        (Kind::Moment, "diff" | "utcoffset") | (Kind::Macros, "timedelta") => Kind::Delta,
        _ => Kind::Any,
    }
}

/// How a message calls a value.
pub(super) const fn called(kind: Kind) -> &'static str {
    match kind {
        Kind::Any => "the value",
        Kind::Moment => "a datetime",
        Kind::Day => "a date",
        Kind::Delta => "a timedelta",
        Kind::Dag => "`dag`",
        Kind::Task => "`task`",
        Kind::TaskInstance => "`ti`",
        Kind::DagRun => "`dag_run`",
        Kind::Variables => "`var`",
        Kind::OfVariables => "`var.value`",
        Kind::Connections => "`conn`",
        Kind::Connection => "a connection",
        Kind::Macros => "`macros`",
        Kind::MacroDatetime => "`macros.datetime`",
        Kind::MacroJson => "`macros.json`",
    }
}

fn one_of(known: &[&'static str], name: &str) -> Result<Kind, Vec<&'static str>> {
    if known.contains(&name) { Ok(Kind::Any) } else { Err(known.to_vec()) }
}
