//! `sensor`, `trigger_dag`, `approve`: what waits without a slot.

use indexmap::IndexMap;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::keys;
use super::node::{Key, Mapping, Node, Value};
use super::operator::{entries, python};
use super::problems::{Problems, did_you_mean};
use super::read;
use super::templates::Templates;
use crate::duration::Duration;
use crate::state::{DagRunState, TaskInstanceState};
use crate::wait::{AboutDate, Approve, By, Event, Http, OtherTask, REJECT, Sensor, Sql, TriggerDag, instant};

/// The keys of a sensor that say what it waits for.
pub(super) const CONDITIONS: [&str; 7] = ["file", "time", "delta", "http", "sql", "task", "python"];
/// Roles of accounts.
const ROLES: [&str; 4] = ["viewer", "user", "op", "admin"];
/// Fewer options are no choice, more fit on no page.
const OPTIONS: std::ops::RangeInclusive<usize> = 1..=20;
/// What HTTP has.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "OPTIONS"];

pub(super) fn sensor(
    node: &Node,
    defaults: &[&Mapping],
    templates: &mut Templates<'_>,
    problems: &mut Problems,
) -> Option<Sensor> {
    if !matches!(node.value, Value::Mapping(_)) {
        problems.wrong_kind(node, "sensor", "a mapping such as `{file: data.csv}`");
        return None;
    }
    let mut sensor = Sensor::new(Event::Delta(Duration::default()));
    let mut given: Vec<Key> = Vec::new();
    for (key, node) in entries(node, "file", defaults, problems)? {
        if !read::is_to_be_read(&key, node, keys::SENSOR, "`sensor`", problems) {
            continue;
        }
        match key.name.as_str() {
            "poke_interval" => sensor.poke_interval = span(node, "poke_interval", problems)?,
            "timeout" => sensor.timeout = span(node, "timeout", problems)?,
            "soft_fail" => sensor.soft_fail = read::flag(node, "soft_fail", problems)?,
            "exponential_backoff" => {
                sensor.exponential_backoff = read::flag(node, "exponential_backoff", problems)?;
            }
            name => {
                if let Some(event) = event(name, node, templates, problems) {
                    sensor.event = event;
                }
                given.push(key);
            }
        }
    }
    match given.as_slice() {
        [] => problems.error(node.at, format!("`sensor` lacks what it waits for: one of {}", listed(&CONDITIONS))),
        [_] => {}
        [first, second, ..] => problems
            .error(second.at, format!("a sensor waits for one thing, not for `{}` and `{}`", first.name, second.name)),
    }
    Some(sensor)
}

/// A duration longer than nothing.
fn span(node: &Node, what: &str, problems: &mut Problems) -> Option<Duration> {
    let span = read::duration(node, what, problems)?;
    if span.is_zero() {
        problems.error(node.at, format!("`{what}` must be longer than nothing"));
    }
    Some(span)
}

fn event(name: &str, node: &Node, templates: &mut Templates<'_>, problems: &mut Problems) -> Option<Event> {
    Some(match name {
        "file" => Event::File(filled(node, "file", templates, problems)?),
        "time" => Event::Time(time(node, templates, problems)?),
        "delta" => Event::Delta(read::duration(node, "delta", problems)?),
        "http" => Event::Http(http(node, templates, problems)?),
        "sql" => Event::Sql(sql(node, templates, problems)?),
        "task" => Event::Task(other_task(node, templates, problems)?),
        _ => Event::Python(python(node, &[], templates, problems)?),
    })
}

/// A template that is not empty.
fn filled(node: &Node, what: &str, templates: &mut Templates<'_>, problems: &mut Problems) -> Option<String> {
    templates.check(node, problems);
    let text = read::text(node, what, problems)?;
    if text.trim().is_empty() {
        problems.error(node.at, format!("`{what}` is empty"));
        return None;
    }
    Some(text)
}

fn time(node: &Node, templates: &mut Templates<'_>, problems: &mut Problems) -> Option<String> {
    let text = filled(node, "time", templates, problems)?;
    if !text.contains('{') && instant(&text, &TimeZone::UTC, Timestamp::UNIX_EPOCH).is_none() {
        let help = "write a time of the day such as `09:30`, or an instant such as `2026-01-01T09:30`".to_owned();
        problems.error_with_help(node.at, format!("`{text}` is no time to wait for"), Some(help));
    }
    Some(text)
}

fn http(node: &Node, templates: &mut Templates<'_>, problems: &mut Problems) -> Option<Http> {
    let mut http = Http {
        conn_id: None,
        url: String::new(),
        method: "GET".to_owned(),
        headers: IndexMap::new(),
        body: None,
        expect: None,
    };
    let entries = entries(node, "url", &[], problems)?;
    let has_connection = entries.iter().any(|(key, _)| key.name == "conn_id");
    for (key, node) in entries {
        if !read::is_to_be_read(&key, node, keys::SENSOR_HTTP, "`http`", problems) {
            continue;
        }
        match key.name.as_str() {
            "conn_id" => http.conn_id = Some(filled(node, "conn_id", templates, problems)?),
            // Beside a connection, a path below its address.
            "url" if has_connection => http.url = filled(node, "url", templates, problems)?,
            "url" => http.url = url(node, templates, problems)?,
            "method" => http.method = method(node, problems)?,
            "headers" => {
                templates.check(node, problems);
                http.headers = read::environment(node, "headers", problems);
            }
            "body" => {
                templates.check(node, problems);
                http.body = read::text(node, "body", problems);
            }
            _ => {
                templates.check_with_response(node, problems);
                http.expect = read::text(node, "expect", problems);
            }
        }
    }
    if http.url.is_empty() && !has_connection {
        problems.error(node.at, "`http` lacks its `url`");
    }
    Some(http)
}

fn url(node: &Node, templates: &mut Templates<'_>, problems: &mut Problems) -> Option<String> {
    let url = filled(node, "url", templates, problems)?;
    if !url.starts_with("http://") && !url.starts_with("https://") && !url.starts_with('{') {
        problems.error(node.at, format!("`{url}` is no address; it begins with `http://` or `https://`"));
    }
    Some(url)
}

fn method(node: &Node, problems: &mut Problems) -> Option<String> {
    let method = read::text(node, "method", problems)?.to_ascii_uppercase();
    if !METHODS.contains(&method.as_str()) {
        problems.error(node.at, format!("`{method}` is not a method; use one of {}", listed(&METHODS)));
    }
    Some(method)
}

fn sql(node: &Node, templates: &mut Templates<'_>, problems: &mut Problems) -> Option<Sql> {
    let (mut conn_id, mut sql) = (None, None);
    for (key, node) in read::mapping(node, "sql", problems)? {
        if !read::is_to_be_read(key, node, keys::SENSOR_SQL, "`sql`", problems) {
            continue;
        }
        let text = filled(node, &key.name, templates, problems);
        if key.name == "conn_id" { conn_id = text } else { sql = text }
    }
    if conn_id.is_none() || sql.is_none() {
        problems.error(node.at, "`sql` needs its `conn_id` and its `sql`");
    }
    Some(Sql { conn_id: conn_id?, sql: sql? })
}

fn other_task(node: &Node, templates: &mut Templates<'_>, problems: &mut Problems) -> Option<OtherTask> {
    let mut other =
        OtherTask { dag_id: String::new(), task_id: None, states: vec!["success".to_owned()], by: By::LogicalDate };
    let mut states = None;
    for (key, node) in entries(node, "dag_id", &[], problems)? {
        if !read::is_to_be_read(&key, node, keys::SENSOR_TASK, "`task`", problems) {
            continue;
        }
        match key.name.as_str() {
            "dag_id" => other.dag_id = filled(node, "dag_id", templates, problems)?,
            "task_id" => other.task_id = Some(filled(node, "task_id", templates, problems)?),
            "states" => states = Some(node),
            _ => other.by = by(node, problems)?,
        }
    }
    if let Some(node) = states {
        let known: Vec<&str> = if other.task_id.is_some() {
            TaskInstanceState::ALL.iter().map(|state| state.as_str()).collect()
        } else {
            DagRunState::ALL.iter().map(|state| state.as_str()).collect()
        };
        other.states = words(node, "states", "a state", &known, problems);
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            problems.error(node.at, "`states` names no state, so it would never be met");
        }
    }
    if other.dag_id.is_empty() {
        problems.error(node.at, "`task` lacks the `dag_id` that it waits for");
    }
    Some(other)
}

fn by(node: &Node, problems: &mut Problems) -> Option<By> {
    match &node.value {
        Value::Text(text) if text == "logical_date" => Some(By::LogicalDate),
        Value::Text(text) if text == "latest" => Some(By::Latest),
        Value::Mapping(entries) if entries.len() == 1 && entries[0].0.name == "delta" => {
            read::duration(&entries[0].1, "delta", problems).map(By::Delta)
        }
        _ => {
            problems
                .error(node.at, "`by` must be `logical_date`, `latest`, or `{delta: 1h}` for a run so much earlier");
            None
        }
    }
}

/// Words of a list, each of which must be known.
fn words(node: &Node, what: &str, kind: &str, known: &[&str], problems: &mut Problems) -> Vec<String> {
    let mut words = Vec::new();
    for (word, node) in read::texts(node, what, problems) {
        if known.contains(&word.as_str()) {
            words.push(word);
        } else {
            let help = did_you_mean(&word, known.iter().copied()).or_else(|| Some(format!("use {}", listed(known))));
            problems.error_with_help(node.at, format!("`{word}` is not {kind}"), help);
        }
    }
    words
}

pub(super) fn trigger_dag(
    node: &Node,
    defaults: &[&Mapping],
    templates: &mut Templates<'_>,
    problems: &mut Problems,
) -> Option<TriggerDag> {
    let mut trigger = TriggerDag::new("");
    if let Value::Mapping(own) = &node.value
        && own.iter().any(|(key, node)| key.name == "logical_date" && matches!(node.value, Value::Null))
    {
        trigger.logical_date = AboutDate::Null;
    }
    for (key, node) in entries(node, "dag_id", defaults, problems)? {
        if !read::is_to_be_read(&key, node, keys::TRIGGER_DAG, "`trigger_dag`", problems) {
            continue;
        }
        match key.name.as_str() {
            "dag_id" => trigger.dag_id = filled(node, "dag_id", templates, problems)?,
            "conf" => {
                templates.check(node, problems);
                if !matches!(&node.value, Value::Mapping(_)) && !is_template(node) {
                    problems.wrong_kind(node, "conf", "a mapping, or a template of one");
                }
                trigger.conf = node.to_json();
            }
            "logical_date" => trigger.logical_date = AboutDate::At(time(node, templates, problems)?),
            "run_id" => trigger.run_id = Some(filled(node, "run_id", templates, problems)?),
            "wait" => trigger.wait = read::flag(node, "wait", problems)?,
            _ => trigger.reset = read::flag(node, "reset", problems)?,
        }
    }
    if trigger.dag_id.is_empty() {
        problems.error(node.at, "`trigger_dag` lacks its `dag_id`");
    }
    Some(trigger)
}

fn is_template(node: &Node) -> bool {
    matches!(&node.value, Value::Text(text) if text.contains("{{"))
}

pub(super) fn approve(
    node: &Node,
    defaults: &[&Mapping],
    templates: &mut Templates<'_>,
    problems: &mut Problems,
) -> Option<Approve> {
    let mut approve = Approve::new("");
    let mut default = None;
    for (key, node) in entries(node, "prompt", defaults, problems)? {
        if !read::is_to_be_read(&key, node, keys::APPROVE, "`approve`", problems) {
            continue;
        }
        match key.name.as_str() {
            "prompt" => approve.prompt = filled(node, "prompt", templates, problems)?,
            "options" => approve.options = options(node, templates, problems),
            "default" => default = read::text(node, "default", problems).map(|text| (text, node)),
            "timeout" => approve.timeout = span(node, "timeout", problems),
            _ => approve.roles = words(node, "roles", "a role", &ROLES, problems),
        }
    }
    if approve.prompt.is_empty() {
        problems.error(node.at, "`approve` lacks its `prompt`");
    }
    if let Some((default, node)) = default {
        if !approve.options.contains(&default) {
            let message = format!("`{default}` is not one of the options ({})", approve.options.join(", "));
            problems.error(node.at, message);
        } else if approve.timeout.is_none() {
            problems.error(node.at, "`default` is what is chosen when the time is over; it needs a `timeout`");
        }
        approve.default = Some(default);
    }
    Some(approve)
}

fn options(node: &Node, templates: &Templates<'_>, problems: &mut Problems) -> Vec<String> {
    let mut options: Vec<String> = Vec::new();
    for (option, node) in read::texts(node, "options", problems) {
        templates.refuse(node, "options", problems);
        if option.trim().is_empty() || options.contains(&option) {
            problems.error(node.at, format!("an option has a name of its own, not `{option}`"));
        } else {
            options.push(option);
        }
    }
    if !OPTIONS.contains(&options.len()) {
        problems.error(node.at, "`options` must be 1 to 20 texts");
    } else if options == [REJECT] {
        problems.error(node.at, "who may only reject has no choice; add another option");
    }
    options
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
