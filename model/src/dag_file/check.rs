//! The keys of a DAG itself, and what must hold between them.

use jiff::tz::TimeZone;

use super::assets::Catalogue;
use super::callbacks::{self, About};
use super::graph::{self, Layout};
use super::node::{Mapping, Node, Value, mapping_to_json};
use super::pools::PoolUse;
use super::problems::Problems;
use super::task::Walk;
use super::templates::Templates;
use super::{Beside, Defaults, calendar, dates, keys, params, read, schedule};
use crate::dag::{Dag, Overlap, Schedule};
use crate::duration::Duration;
use crate::timetable::Timetable;

/// Turns a file's tree into a DAG. What comes back is only good when there are no problems.
pub(super) fn dag(
    root: &Node,
    text: &str,
    file_stem: &str,
    defaults: &Defaults,
    beside: Beside<'_>,
    problems: &mut Problems,
) -> Option<(Dag, Vec<PoolUse>)> {
    let entries = match &root.value {
        Value::Mapping(entries) => entries,
        Value::Null => {
            problems.error(root.at, "the file is empty; a DAG needs at least `tasks`");
            return None;
        }
        _ => {
            problems.error(root.at, format!("a DAG file must be a mapping with `tasks`, not {}", root.kind()));
            return None;
        }
    };
    let lines: Vec<&str> = text.lines().collect();
    let mut templates = Templates::new(&lines);
    let mut dag = Dag { timezone: defaults.timezone.clone(), ..Dag::new(file_stem, Vec::new()) };
    let zone = zone(entries, &mut dag, defaults, problems);
    // Before whatever may name one.
    let mut catalogue = Catalogue::default();
    if let Some((_, node)) =
        entries.iter().find(|(key, node)| key.name == "assets" && !matches!(node.value, Value::Null))
    {
        catalogue.describe(node, problems);
    }
    for (key, node) in entries {
        if key.name == "schedule" {
            dag.schedule = schedule::schedule(node, &zone, &mut catalogue, problems).unwrap_or(Schedule::None);
        } else if read::is_to_be_read(key, node, keys::DAG, "a DAG", problems) {
            match key.name.as_str() {
                "calendar" => dag.calendar = calendar::calendar(node, beside, problems),
                "on_success" | "on_failure" => {
                    let blocks = callbacks::notifies(node, &key.name, About::Run, &mut templates, problems);
                    callbacks::set(&mut dag.callbacks, &key.name, blocks);
                }
                "deadline" => dag.deadline = callbacks::deadline(node, About::Run, &mut templates, problems),
                _ => {}
            }
            field(&mut dag, &key.name, node, &zone, problems);
        }
    }
    let find = |name: &str| entries.iter().find(|(key, _)| key.name == name);
    relations(&dag, &find, root, file_stem, problems);
    timing(&mut dag, &find, root, problems);
    if let Some((_, node)) = find("params")
        && let Some(entries) = read::mapping(node, "params", problems)
    {
        dag.params = params::read(entries, dag.schedule != Schedule::None, problems);
    }
    if let Some((_, node)) = find("env") {
        templates.check(node, problems);
        templates.refuse_map("`map` is for tasks; the environment of the DAG is for all of them", problems);
    }
    // A run is neither retried nor skipped: what the DAG says of that is said of its tasks.
    let of_tasks: Mapping =
        entries.iter().filter(|(key, _)| matches!(key.name.as_str(), "on_retry" | "on_skipped")).cloned().collect();
    let mut walk = Walk {
        templates: &mut templates,
        catalogue: &mut catalogue,
        problems: &mut *problems,
        layout: Layout::default(),
        defaults: vec![&of_tasks],
        pools: Vec::new(),
        mapped: Vec::new(),
    };
    if let Some((_, node)) = find("default_args")
        && let Value::Mapping(entries) = &node.value
    {
        walk.default_args(entries);
        walk.defaults.push(entries);
    }
    match find("tasks") {
        Some((_, node)) => walk.tasks(node, None),
        None => walk.problems.error(root.at, "a DAG needs `tasks`"),
    }
    let (layout, pools) = (walk.layout, walk.pools);
    if let Some((key, node)) = find("tasks")
        && matches!(&node.value, Value::List(items) if items.is_empty())
    {
        problems.error(key.at, "a DAG needs at least one task");
    }
    dag.assets = catalogue.into_assets();
    (dag.tasks, dag.groups) = graph::resolve(layout, find("flow").map(|(_, node)| node), problems);
    templates.finish(&dag.tasks, &dag.groups, problems);
    Some((dag, pools))
}

/// The zone comes first: naive dates, wherever they stand, are in it.
fn zone(entries: &Mapping, dag: &mut Dag, defaults: &Defaults, problems: &mut Problems) -> TimeZone {
    let given = entries.iter().find(|(key, node)| key.name == "timezone" && !matches!(node.value, Value::Null));
    match given.map(|(_, node)| dates::timezone(node, problems)) {
        Some(Some((name, zone))) => {
            dag.timezone = name;
            zone
        }
        Some(None) => TimeZone::UTC,
        None => TimeZone::get(&defaults.timezone).unwrap_or(TimeZone::UTC),
    }
}

fn field(dag: &mut Dag, name: &str, node: &Node, zone: &TimeZone, problems: &mut Problems) {
    match name {
        "dag_id" => dag.dag_id = read::text(node, name, problems).unwrap_or_default(),
        "description" => dag.description = read::text(node, name, problems),
        "owner" => dag.owner = read::text(node, name, problems).unwrap_or_default(),
        "tags" => {
            for (tag, node) in read::texts(node, name, problems) {
                if tag.is_empty() || tag.chars().count() > 100 {
                    problems.error(node.at, "a tag has 1 to 100 characters");
                } else if !dag.tags.contains(&tag) {
                    dag.tags.push(tag);
                }
            }
        }
        "doc_md" => dag.doc_md = read::text(node, name, problems),
        "start_date" => dag.start_date = dates::instant(node, name, zone, problems),
        "end_date" => dag.end_date = dates::instant(node, name, zone, problems),
        "catchup" => calendar::catchup(dag, node, problems),
        "overlap" => dag.overlap = calendar::overlap(node, problems),
        "jitter" => dag.jitter = calendar::jitter(node, problems),
        "max_active_runs" => dag.max_active_runs = read::whole(node, name, 1, problems),
        "max_active_tasks" => dag.max_active_tasks = read::whole(node, name, 1, problems),
        "dagrun_timeout" => {
            dag.dagrun_timeout = read::duration(node, name, problems);
            if dag.dagrun_timeout.is_some_and(Duration::is_zero) {
                problems.error(node.at, "`dagrun_timeout` must be longer than nothing");
            }
        }
        "max_consecutive_failed_dag_runs" => {
            let runs: Option<u32> = read::whole(node, name, 0, problems);
            dag.max_consecutive_failed_dag_runs = runs.filter(|runs| *runs > 0);
        }
        "is_paused_upon_creation" => dag.is_paused_upon_creation = read::flag(node, name, problems),
        "env" => dag.env = read::environment(node, name, problems),
        "default_args" => {
            dag.default_args = read::mapping(node, name, problems).map(mapping_to_json).unwrap_or_default();
        }
        // `params`, `tasks` and `flow` are read once the rest is known.
        _ => {}
    }
}

fn relations<'n>(
    dag: &Dag,
    find: &impl Fn(&str) -> Option<&'n (super::node::Key, Node)>,
    root: &Node,
    file_stem: &str,
    problems: &mut Problems,
) {
    let at = |name: &str| find(name).map_or(root.at, |(_, node)| node.at);
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if dag.dag_id.is_empty() || dag.dag_id.len() > 250 || !dag.dag_id.bytes().all(is_allowed) {
        let whence = if find("dag_id").is_none() && dag.dag_id == file_stem { ", the file's name," } else { "" };
        let message =
            format!("`{}`{whence} cannot be a `dag_id`; use 1 to 250 of A-Z a-z 0-9 _ . -", dag.dag_id.escape_debug());
        problems.error(at("dag_id"), message);
    }
    if let (Some(start), Some(end)) = (dag.start_date, dag.end_date)
        && end < start
    {
        problems.error(at("end_date"), "`end_date` is before `start_date`");
    }
}

/// What must hold between the schedule and the keys that bend it.
fn timing<'n>(
    dag: &mut Dag,
    find: &impl Fn(&str) -> Option<&'n (super::node::Key, Node)>,
    root: &Node,
    problems: &mut Problems,
) {
    let at = |name: &str| find(name).map_or(root.at, |(_, node)| node.at);
    let is_timed = dag.schedule.is_timed();
    if matches!(dag.schedule, Schedule::Every { .. }) && find("start_date").is_none() {
        let help = Some("intervals of a fixed length are counted from it".to_owned());
        problems.error_with_help(at("schedule"), "a schedule that is a duration needs a `start_date`", help);
        return;
    }
    if dag.catchup && dag.catchup_window.is_none() && is_timed && find("start_date").is_none() {
        problems.error(at("catchup"), "`catchup: true` needs a `start_date` to catch up from");
    }
    if dag.catchup && dag.overlap != Overlap::Queue {
        let help = Some("`overlap: queue` runs them one after the other".to_owned());
        problems.error_with_help(
            at("overlap"),
            "`overlap` would leave out or cancel the runs that `catchup` makes up for",
            help,
        );
    }
    if dag.schedule == Schedule::Continuous {
        if dag.max_active_runs.is_some_and(|runs| runs > 1) {
            problems.error(at("max_active_runs"), "a DAG with `schedule: '@continuous'` has one run at a time");
        }
        dag.max_active_runs = Some(1);
    }
    let bends = [
        ("jitter", dag.jitter.is_some()),
        ("calendar", dag.calendar.is_some()),
        ("overlap", dag.overlap != Overlap::Queue),
        ("catchup", dag.catchup),
    ];
    if let Some((key, _)) = bends.into_iter().find(|(_, bends)| *bends)
        && matches!(dag.schedule, Schedule::Assets { cron: None, .. })
    {
        let help = Some("it bends a `cron` beside the assets".to_owned());
        problems.error_with_help(at(key), format!("`{key}` means nothing for a DAG that only assets start"), help);
        return;
    }
    if let Some(key) = ["jitter", "calendar"].into_iter().find(|key| find(key).is_some())
        && matches!(dag.schedule, Schedule::None | Schedule::Once | Schedule::Continuous)
    {
        let schedule = dag.schedule.text().map_or("no `schedule`".to_owned(), |text| format!("`schedule: '{text}'`"));
        problems.error(at(key), format!("`{key}` means nothing for a DAG with {schedule}"));
    }
    if let Err(error) = Timetable::check(dag) {
        let key = if error.to_string().starts_with("`jitter`") { "jitter" } else { "schedule" };
        if find(key).is_some() {
            problems.error(at(key), error.to_string());
        }
    }
}
