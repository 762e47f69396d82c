//! `tasks`: a tree of tasks and groups, laid out flat with full ids.

use std::sync::Arc;

use super::assets::Catalogue;
use super::callbacks::{self, About};
use super::graph::{Group, Item, Layout, Wish};
use super::keys::{self, names};
use super::limits;
use super::node::{Key, Mapping, Node, Place, Value};
use super::operator::{is_known, operator};
use super::policy;
use super::pools::PoolUse;
use super::problems::{Problems, did_you_mean};
use super::read;
use super::templates::Templates;
use crate::dag::{OnLost, Task, TaskGroup};
use crate::duration::Duration;
use crate::operator::Operator;
use crate::trigger_rule::TriggerRule;

/// Airflow's column; also what fits on a page.
const MAX_ID: usize = 250;

/// Walks `tasks`, with `default_args` from the outermost to the innermost.
pub(super) struct Walk<'n, 'p, 'l> {
    pub(super) templates: &'p mut Templates<'l>,
    pub(super) catalogue: &'p mut Catalogue,
    pub(super) problems: &'p mut Problems,
    pub(super) layout: Layout,
    pub(super) defaults: Vec<&'n Mapping>,
    /// Where pools are named.
    pub(super) pools: Vec<PoolUse>,
    /// The mapped groups around, outermost first, and the names that `map` has in each.
    pub(super) mapped: Vec<(String, Vec<String>)>,
}

impl<'n> Walk<'n, '_, '_> {
    /// Reads a list of tasks and groups that stands in `group`.
    pub(super) fn tasks(&mut self, node: &'n Node, group: Option<usize>) {
        for item in read::list(node, "tasks", self.problems) {
            match &item.value {
                Value::Mapping(entries) if entries.iter().any(|(key, _)| key.name == "group") => {
                    self.group(item, entries, group);
                }
                Value::Mapping(entries) => self.task(item, entries, group),
                _ => self
                    .problems
                    .error(item.at, format!("a task must be a mapping with `id` and an operator, not {}", item.kind())),
            }
        }
    }

    /// Checks the keys of `default_args`; their values are checked in each task they end up in.
    pub(super) fn default_args(&mut self, entries: &'n Mapping) {
        for (key, node) in entries {
            if keys::is_expand(&key.name) {
                let message = format!("`{}` cannot stand in `default_args`: each task is mapped by itself", key.name);
                self.problems.error(key.at, message);
            } else if key.name == "id" || (!is_known(keys::TASK, &key.name) && !is_known(keys::OPERATORS, &key.name)) {
                self.unknown(key, "`default_args`");
            } else if is_known(keys::TASK, &key.name) {
                read::is_to_be_read(key, node, keys::TASK, "`default_args`", self.problems);
            } else if key.name == "notify" {
                let message = "`notify` cannot stand in `default_args`: each task says its own message";
                self.problems.error(key.at, message);
            } else if !matches!(node.value, Value::Mapping(_)) {
                self.problems.wrong_kind(node, &format!("default_args.{}", key.name), "a mapping");
            } else if keys::takes(keys::OPERATORS, &key.name) == Some(keys::Takes::NotYet) {
                self.problems.not_yet(key.at, &format!("`{}`", key.name));
            }
        }
    }

    fn unknown(&mut self, key: &Key, place: &str) {
        let help = if is_known(keys::DAG, &key.name) {
            Some(format!("`{}` is a key of the DAG itself", key.name))
        } else {
            did_you_mean(&key.name, names(keys::TASK).chain(names(keys::OPERATORS)))
        };
        self.problems.error_with_help(key.at, format!("unknown key `{}` in {place}", key.name), help);
    }

    /// The full id of something in a group; nothing when its name cannot be one.
    fn full_id(&mut self, node: &Node, what: &str, group: Option<usize>) -> Option<String> {
        let id = read::text(node, what, self.problems)?;
        let is_allowed = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
        if id.is_empty() || !id.chars().all(is_allowed) {
            let message = format!("`{id}` cannot be an id; use letters, digits, `_`, `-` and `.`");
            self.problems.error(node.at, message);
            return None;
        }
        let full = match group.map(|group| &self.layout.groups[group].spec.group_id) {
            Some(outer) => format!("{outer}.{id}"),
            None => id,
        };
        if full.chars().count() > MAX_ID {
            self.problems.error(node.at, format!("an id may have {MAX_ID} characters, with its groups"));
            return None;
        }
        Some(full)
    }

    fn group(&mut self, item: &'n Node, entries: &'n Mapping, parent: Option<usize>) {
        let find = |name: &str| entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node);
        let Some(group_id) = find("group").and_then(|node| self.full_id(node, "group", parent)) else {
            return;
        };
        let position = self.layout.groups.len();
        let parent_id = parent.map(|parent| self.layout.groups[parent].spec.group_id.clone());
        let group = TaskGroup { group_id, parent: parent_id, tooltip: None, expand: None };
        let first = self.layout.tasks.len();
        self.layout.groups.push(Group { spec: group, parent, at: item.at, tasks: first..first });
        let mut inner_defaults = false;
        let expand = self.expand(entries.iter().map(|(key, node)| (key, node)), Item::Group(position));
        let is_mapped = expand.is_some();
        if let Some(expand) = expand {
            let names = expand.values().keys().cloned().collect();
            self.mapped.push((self.layout.groups[position].spec.group_id.clone(), names));
            self.layout.groups[position].spec.expand = Some(expand);
        }
        for (key, node) in entries {
            if !read::is_to_be_read(key, node, keys::GROUP, "a group", self.problems) {
                continue;
            }
            match key.name.as_str() {
                "tooltip" => {
                    self.layout.groups[position].spec.tooltip = read::text(node, "tooltip", self.problems);
                }
                "depends_on" => self.depends_on(node, Item::Group(position), parent),
                "default_args" => {
                    if let Some(entries) = read::mapping(node, "default_args", self.problems) {
                        self.default_args(entries);
                        self.defaults.push(entries);
                        inner_defaults = true;
                    }
                }
                _ => {}
            }
        }
        if let Some(node) = find("tasks") {
            self.tasks(node, Some(position));
        }
        if inner_defaults {
            self.defaults.pop();
        }
        if is_mapped {
            self.mapped.pop();
        }
        let end = self.layout.tasks.len();
        self.layout.groups[position].tasks = first..end;
        if end == first {
            self.problems.error(item.at, "a group needs `tasks`, at least one");
        }
    }

    fn depends_on(&mut self, node: &Node, downstream: Item, scope: Option<usize>) {
        for (upstream, node) in read::texts(node, "depends_on", self.problems) {
            self.layout.wishes.push(Wish {
                upstream,
                downstream,
                scope,
                at: node.at,
                is_implied: false,
                is_setup: false,
            });
        }
    }

    fn task(&mut self, item: &'n Node, own: &'n Mapping, group: Option<usize>) {
        let entries = self.with_defaults(own);
        let position = self.layout.tasks.len();
        let at = own.first().map_or(item.at, |(key, _)| key.at);
        let Some(id) = entries.iter().find(|(key, _)| key.name == "id").map(|(_, node)| *node) else {
            self.problems.error_with_help(
                at,
                "a task needs an `id`",
                Some("a group has `group` in its place".to_owned()),
            );
            return;
        };
        let full_id = self.full_id(id, "id", group);
        let mut task = Task {
            group: group.map(|group| self.layout.groups[group].spec.group_id.clone()),
            line: item.at.line,
            ..Task::new(full_id.clone().unwrap_or_default(), Operator::Empty)
        };
        task.expand = self.expand(own.iter().map(|(key, node)| (key, node)), Item::Task(position));
        let mut operators: Vec<(&Key, &Node)> = Vec::new();
        for (key, node) in entries {
            if is_known(keys::OPERATORS, &key.name) {
                operators.push((key, node));
            } else if !is_known(keys::TASK, &key.name) {
                self.unknown(key, "a task");
            } else if read::is_to_be_read(key, node, keys::TASK, "a task", self.problems) {
                if key.name == "depends_on" {
                    self.depends_on(node, Item::Task(position), group);
                } else if key.name == "teardown" {
                    let of = policy::teardown(&mut task, node, self.problems).into_iter();
                    let downstream = Item::Task(position);
                    self.layout.wishes.extend(of.map(|(upstream, node)| Wish {
                        upstream,
                        downstream,
                        scope: group,
                        at: node.at,
                        is_implied: false,
                        is_setup: true,
                    }));
                } else {
                    self.field(&mut task, key, node);
                }
            }
        }
        policy::settle(&mut task, own, self.problems);
        if let Some(operator) = self.operator(&operators, at, &task.task_id) {
            task.operator = operator;
        }
        let names = self.names_of_map(&task);
        self.templates.check_map(&names, self.problems);
        // A task whose id is unusable is left out, and with it what it depends on.
        if full_id.is_some() {
            self.layout.tasks.push((Arc::new(task), id.at));
        } else {
            self.layout.wishes.retain(|wish| wish.downstream != Item::Task(position));
        }
    }

    /// The task's own entries and, under them, those of the innermost `default_args` that have the key.
    fn with_defaults(&self, own: &'n Mapping) -> Vec<(&'n Key, &'n Node)> {
        let mut entries: Vec<(&Key, &Node)> = own.iter().map(|(key, node)| (key, node)).collect();
        for (key, node) in self.defaults.iter().rev().copied().flatten() {
            let is_default = is_known(keys::TASK, &key.name) && key.name != "id" && !keys::is_expand(&key.name);
            if is_default && !entries.iter().any(|(given, _)| given.name == key.name) {
                entries.push((key, node));
            }
        }
        entries
    }

    fn operator(&mut self, operators: &[(&Key, &Node)], at: Place, task_id: &str) -> Option<Operator> {
        let Some((key, node)) = operators.first() else {
            let help = "give it one of `bash`, `python`, `empty`, `branch`, `short_circuit`, `sensor`, `trigger_dag`, `approve`, `notify`"
                .to_owned();
            self.problems.error_with_help(
                at,
                format!("task `{task_id}` does nothing: it has no operator key"),
                Some(help),
            );
            return None;
        };
        if let Some((second, _)) = operators.get(1) {
            let message = format!(
                "task `{task_id}` has two operator keys, `{}` and `{}`; a task does one thing",
                key.name, second.name
            );
            self.problems.error(second.at, message);
        }
        let of = if matches!(key.name.as_str(), "branch" | "short_circuit") { "python" } else { key.name.as_str() };
        let defaults: Vec<&Mapping> = self
            .defaults
            .iter()
            .flat_map(|entries| entries.iter())
            .filter_map(|(key, node)| match &node.value {
                Value::Mapping(entries) if key.name == of => Some(entries),
                _ => None,
            })
            .collect();
        operator(key, node, &defaults, self.templates, self.problems)
    }

    fn field(&mut self, task: &mut Task, key: &Key, node: &Node) {
        let problems = &mut *self.problems;
        match key.name.as_str() {
            "trigger_rule" => {
                task.trigger_rule = trigger_rule(node, problems).unwrap_or(TriggerRule::AllSuccess);
            }
            "retries" => task.retries = read::whole(node, "retries", 0, problems).unwrap_or(0),
            "retry_delay" => {
                task.retry_delay = read::duration(node, "retry_delay", problems).unwrap_or(task.retry_delay);
            }
            "retry_exponential_backoff" => task.retry_exponential_backoff = policy::back_off(node, problems),
            "max_retry_delay" => task.max_retry_delay = read::duration(node, "max_retry_delay", problems),
            "retry_on" => task.retry_on = policy::retry_on(node, problems),
            "fail_on" => task.fail_on = policy::fail_on(node, problems),
            "depends_on_past" => task.depends_on_past |= read::flag(node, "depends_on_past", problems).unwrap_or(false),
            "wait_for_downstream" => {
                task.wait_for_downstream = read::flag(node, "wait_for_downstream", problems).unwrap_or(false);
                task.depends_on_past |= task.wait_for_downstream;
            }
            "ignore_first_depends_on_past" => {
                task.ignore_first_depends_on_past =
                    read::flag(node, "ignore_first_depends_on_past", problems).unwrap_or(true);
            }
            "setup" => task.setup = read::flag(node, "setup", problems).unwrap_or(false),
            "when" => {
                self.templates.check(node, problems);
                task.when = read::text(node, "when", problems);
            }
            "execution_timeout" => {
                task.execution_timeout = read::duration(node, "execution_timeout", problems);
                if task.execution_timeout.is_some_and(Duration::is_zero) {
                    problems.error(node.at, "`execution_timeout` must be longer than nothing");
                }
            }
            "priority_weight" => {
                task.priority_weight = read::whole(node, "priority_weight", i64::from(i32::MIN), problems).unwrap_or(1);
            }
            "weight_rule" => task.weight_rule = limits::weight_rule(node, problems).unwrap_or_default(),
            "pool" => {
                if let Some(pool) = limits::pool(node, problems) {
                    self.pools.push(PoolUse { pool: pool.clone(), at: node.at });
                    task.pool = pool;
                }
            }
            "pool_slots" => task.pool_slots = read::whole(node, "pool_slots", 1, problems).unwrap_or(1),
            "max_active_tis_per_dag" => {
                task.max_active_tis_per_dag = read::whole(node, "max_active_tis_per_dag", 1, problems);
            }
            "max_active_tis_per_dagrun" => {
                task.max_active_tis_per_dagrun = read::whole(node, "max_active_tis_per_dagrun", 1, problems);
            }
            "do_xcom_push" => {
                task.do_xcom_push = read::flag(node, "do_xcom_push", problems).unwrap_or(true);
            }
            "multiple_outputs" => {
                task.multiple_outputs = read::flag(node, "multiple_outputs", problems).unwrap_or(false);
            }
            "on_lost" => match read::text(node, "on_lost", problems).as_deref() {
                Some("retry") | None => {}
                Some("fail") => task.on_lost = OnLost::Fail,
                Some(other) => problems.error(node.at, format!("`on_lost` must be `retry` or `fail`, not `{other}`")),
            },
            "map_index_template" => {
                for (_, at) in self.templates.names_in(node, problems) {
                    problems
                        .error(at, "`map_index_template` cannot use XComs: elements are named before anything runs");
                }
                task.map_index_template = read::text(node, "map_index_template", problems);
            }
            name @ ("inlets" | "outlets") => {
                if self.templates.refuse_all(node, name, problems) {
                    return;
                }
                let uris = self.catalogue.references(node, name, problems);
                if name == "inlets" { task.inlets = uris } else { task.outlets = uris }
            }
            "doc_md" => task.doc_md = read::text(node, "doc_md", problems),
            "on_success" | "on_failure" | "on_retry" | "on_skipped" => {
                let blocks = callbacks::notifies(node, &key.name, About::Task, self.templates, problems);
                callbacks::set(&mut task.callbacks, &key.name, blocks);
            }
            "deadline" => task.deadline = callbacks::deadline(node, About::Task, self.templates, problems),
            "env" => {
                self.templates.check(node, problems);
                task.env = read::environment(node, "env", problems);
            }
            _ => {}
        }
    }
}

fn trigger_rule(node: &Node, problems: &mut Problems) -> Option<TriggerRule> {
    let text = read::text(node, "trigger_rule", problems)?;
    if let Ok(rule) = text.parse() {
        return Some(rule);
    }
    let help = did_you_mean(&text, keys::RULES.into_iter());
    problems.error_with_help(node.at, format!("`{text}` is not a trigger rule"), help);
    None
}
