//! A DAG as it is stored and run: everything the file says, checked, with defaults applied and edges resolved.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::asset::Asset;
use crate::asset::due::AssetSchedule;
use crate::calendar::Calendar;
use crate::callback::{Callbacks, Deadline};
use crate::duration::Duration;
use crate::ids::TaskIndex;
use crate::mapping::Expand;
use crate::operator::Operator;
use crate::pool::{DEFAULT_POOL, WeightRule};
use crate::trigger_rule::TriggerRule;

/// A checked DAG. Its serialised form is the `spec` of a `dag_version`, and its hash decides whether a file's new
/// content is a new version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dag {
    /// Its name, `[A-Za-z0-9_.-]{1,250}`.
    pub dag_id: String,
    /// One line for lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who answers for it; `airflow` when the file does not say, as in Airflow.
    pub owner: String,
    /// In the file's order, without repetition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Markdown for its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_md: Option<String>,
    /// When it runs by itself.
    pub schedule: Schedule,
    /// IANA name; where cron, days and naive dates of the file are read.
    pub timezone: String,
    /// No run covers anything before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Timestamp>,
    /// No scheduled run has a logical date after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<Timestamp>,
    /// Whether intervals that were missed are run.
    pub catchup: bool,
    /// How far back intervals that were missed are run; none: to `start_date`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catchup_window: Option<Duration>,
    /// What becomes of a scheduled run that is due while the one before is not finished.
    #[serde(default, skip_serializing_if = "Overlap::is_queue")]
    pub overlap: Overlap,
    /// Scheduled runs are created up to so much later, each by an amount of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Duration>,
    /// The days on which the schedule fires; none: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
    /// Unfinished runs at once; none: the configured `max_active_runs_per_dag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_runs: Option<u32>,
    /// Task instances of one run that hold a slot at once; none: the configured `max_active_tasks_per_dag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_tasks: Option<u32>,
    /// A run that takes longer, from its start, fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dagrun_timeout: Option<Duration>,
    /// So many runs in a row that failed pause the DAG; none: it is never paused by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_consecutive_failed_dag_runs: Option<u32>,
    /// Overrides the configured `dags_are_paused_at_creation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_paused_upon_creation: Option<bool>,
    /// Assets that the file describes, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<Asset>,
    /// Parameters of a run, in the file's order.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub params: IndexMap<String, Param>,
    /// Environment of every process task; values are templates.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
    /// The file's `default_args`, already merged into the tasks; kept to be shown.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub default_args: serde_json::Map<String, serde_json::Value>,
    /// Messages about its runs; those of its tasks, which a DAG may also say, are in the tasks.
    #[serde(default, skip_serializing_if = "Callbacks::is_empty")]
    pub callbacks: Callbacks,
    /// When a run should have finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// In the file's order. Shared, because each attempt carries its task.
    pub tasks: Vec<Arc<Task>>,
    /// Task groups, outer before inner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<TaskGroup>,
}

impl Dag {
    /// A DAG of these tasks that says nothing else: it runs only by trigger, in UTC, and belongs to `airflow`.
    pub fn new(dag_id: impl Into<String>, tasks: Vec<Arc<Task>>) -> Self {
        Self {
            dag_id: dag_id.into(),
            description: None,
            owner: "airflow".to_owned(),
            tags: Vec::new(),
            doc_md: None,
            schedule: Schedule::None,
            timezone: "UTC".to_owned(),
            start_date: None,
            end_date: None,
            catchup: false,
            catchup_window: None,
            overlap: Overlap::Queue,
            jitter: None,
            calendar: None,
            max_active_runs: None,
            max_active_tasks: None,
            dagrun_timeout: None,
            max_consecutive_failed_dag_runs: None,
            is_paused_upon_creation: None,
            assets: Vec::new(),
            params: IndexMap::new(),
            env: IndexMap::new(),
            default_args: serde_json::Map::new(),
            callbacks: Callbacks::default(),
            deadline: None,
            tasks,
            groups: Vec::new(),
        }
    }

    /// The position of a task, by its full id (`group.task` inside a group).
    pub fn index_of(&self, task_id: &str) -> Option<TaskIndex> {
        let position = self.tasks.iter().position(|task| task.task_id == task_id)?;
        u32::try_from(position).ok().map(TaskIndex)
    }

    /// The task at an index of this DAG version.
    pub fn task(&self, index: TaskIndex) -> &Arc<Task> {
        &self.tasks[index.at()]
    }

    /// Whether a task or a group of it is mapped.
    pub fn is_mapped(&self) -> bool {
        self.tasks.iter().any(|task| task.expand.is_some()) || self.groups.iter().any(|group| group.expand.is_some())
    }

    /// For each task, the tasks that directly depend on it.
    pub fn downstream(&self) -> Vec<Vec<TaskIndex>> {
        let mut downstream = vec![Vec::new(); self.tasks.len()];
        for (position, task) in (0..).zip(&self.tasks) {
            for upstream in &task.upstream {
                downstream[upstream.at()].push(TaskIndex(position));
            }
        }
        downstream
    }

    /// The tasks whose end is the end of the run: those without a downstream. Teardowns do not count, nor does a task stop
    /// being one of these because of a teardown behind it, unless the teardown's failure is to fail the run.
    pub fn leaves(&self, downstream: &[Vec<TaskIndex>]) -> Vec<TaskIndex> {
        let counts = |index: &TaskIndex| self.task(*index).teardown.is_none_or(|of| of.on_failure_fail_dagrun);
        let all = || (0..).map(TaskIndex).take(self.tasks.len());
        let leaves: Vec<TaskIndex> =
            all().filter(|index| counts(index) && !downstream[index.at()].iter().any(&counts)).collect();
        if leaves.is_empty() {
            // A DAG of teardowns only.
            return all().filter(|index| downstream[index.at()].is_empty()).collect();
        }
        leaves
    }

    /// For each task, its weight with those of the relatives that its weight rule counts.
    pub fn priority_weights(&self) -> Vec<i32> {
        let downstream = self.downstream();
        let weigh = |position: usize| match self.tasks[position].weight_rule {
            WeightRule::Absolute => i64::from(self.tasks[position].priority_weight),
            WeightRule::Downstream => self.weight_along(position, |at| &downstream[at]),
            WeightRule::Upstream => self.weight_along(position, |at| &self.tasks[at].upstream),
        };
        let clamp = |weight: i64| i32::try_from(weight).unwrap_or(if weight < 0 { i32::MIN } else { i32::MAX });
        (0..self.tasks.len()).map(|position| clamp(weigh(position))).collect()
    }

    /// The weight of a task and of all that are reached from it.
    fn weight_along<'a>(&self, position: usize, next: impl Fn(usize) -> &'a Vec<TaskIndex>) -> i64 {
        let mut seen = vec![false; self.tasks.len()];
        let mut stack = vec![position];
        seen[position] = true;
        let mut weight = 0_i64;
        while let Some(at) = stack.pop() {
            weight += i64::from(self.tasks[at].priority_weight);
            for index in next(at) {
                if !std::mem::replace(&mut seen[index.at()], true) {
                    stack.push(index.at());
                }
            }
        }
        weight
    }
}

/// When a DAG runs by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Only by trigger.
    None,
    /// One run, at `start_date` or as soon as the DAG is known.
    Once,
    /// One run after the other.
    Continuous,
    /// Data intervals between consecutive firings of a cron expression (presets are stored as what they stand for).
    /// `text` is what the file says, for lists and pages.
    Cron {
        /// Five fields, or six with leading seconds.
        expression: String,
        /// What the file says: the expression itself or a preset such as `@daily`.
        text: String,
    },
    /// Intervals of a fixed length counted from `start_date`.
    Every {
        /// The length.
        interval: Duration,
        /// What the file says.
        text: String,
    },
    /// A run at each firing of any of several cron expressions; its data interval is that instant.
    Crons {
        /// In the file's order.
        expressions: Vec<String>,
    },
    /// A run at each firing of a cron expression; its data interval is what lies before it.
    CronTrigger {
        /// Five fields, or six with leading seconds.
        expression: String,
        /// How much before the firing.
        interval: Duration,
    },
    /// A run at each of these instants.
    At {
        /// Ascending, each once.
        instants: Vec<Timestamp>,
    },
    /// A run when assets were updated; with a `cron` also at each of its firings, whichever comes.
    Assets {
        /// Which assets.
        #[serde(flatten)]
        assets: AssetSchedule,
        /// The firings.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cron: Option<CronPoints>,
    },
}

/// The firings of a cron expression; the data interval of a run is what lies before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CronPoints {
    /// Five fields, or six with leading seconds.
    pub expression: String,
    /// How much before the firing.
    pub interval: Duration,
}

/// What a list has room for.
const MAX_CONDITION: usize = 60;

impl Schedule {
    /// What a list shows of it: as in the file where that is short; none when the DAG runs only by trigger.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Once => Some("@once".to_owned()),
            Self::Continuous => Some("@continuous".to_owned()),
            Self::Cron { text, .. } | Self::Every { text, .. } => Some(text.clone()),
            Self::Crons { expressions } => Some(expressions.join(", ")),
            Self::CronTrigger { expression, .. } => Some(expression.clone()),
            Self::At { instants } if instants.len() == 1 => Some("at 1 time".to_owned()),
            Self::At { instants } => Some(format!("at {} times", instants.len())),
            Self::Assets { assets, cron } => {
                let condition = Some(assets.condition.to_string()).filter(|text| text.len() <= MAX_CONDITION);
                let condition = condition.unwrap_or_else(|| format!("{} assets", assets.condition.uris().len()));
                Some(match cron {
                    Some(cron) => format!("{condition} or {}", cron.expression),
                    None => condition,
                })
            }
        }
    }

    /// Whether it comes again and again, so that a range of dates has runs of it (Airflow's `periodic`).
    pub const fn is_periodic(&self) -> bool {
        match self {
            Self::None | Self::Once | Self::Continuous | Self::At { .. } | Self::Assets { cron: None, .. } => false,
            Self::Cron { .. }
            | Self::Every { .. }
            | Self::Crons { .. }
            | Self::CronTrigger { .. }
            | Self::Assets { cron: Some(_), .. } => true,
        }
    }

    /// The assets that it waits for.
    pub const fn assets(&self) -> Option<&AssetSchedule> {
        match self {
            Self::Assets { assets, .. } => Some(assets),
            Self::None
            | Self::Once
            | Self::Continuous
            | Self::Cron { .. }
            | Self::Every { .. }
            | Self::Crons { .. }
            | Self::CronTrigger { .. }
            | Self::At { .. } => None,
        }
    }

    /// Whether the clock alone makes runs of it.
    pub const fn is_timed(&self) -> bool {
        !matches!(self, Self::None | Self::Assets { cron: None, .. })
    }
}

/// What becomes of a scheduled run that is due while an earlier scheduled run of the DAG is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is created all the same, as far as `max_active_runs` allows.
    #[default]
    Queue,
    /// It is left out.
    Skip,
    /// The earlier one is cancelled.
    CancelRunning,
}

impl Overlap {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    const fn is_queue(&self) -> bool {
        matches!(self, Self::Queue)
    }
}

/// A group of tasks: structure for pages and ids, without a state of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskGroup {
    /// Full id, `outer.inner`.
    pub group_id: String,
    /// The group around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Shown on hover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tooltip: Option<String>,
    /// All its tasks run once for each element of this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expand: Option<Expand>,
}

/// A parameter of a run: its JSON Schema and its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// What the parameter is when a run does not give it; none: the run must give it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
    /// JSON Schema of its values, without the default.
    pub schema: serde_json::Value,
}

/// One task of a DAG.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the language of its own")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Full id: `group.task` inside a group.
    pub task_id: String,
    /// The innermost group it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Direct upstream tasks, ascending, without repetition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstream: Vec<TaskIndex>,
    /// What it does.
    pub operator: Operator,
    /// When it may run, given how its upstreams ended.
    pub trigger_rule: TriggerRule,
    /// How many attempts may follow a failed first one.
    pub retries: u32,
    /// How long after a failed attempt the next one is made; default 300 s.
    pub retry_delay: Duration,
    /// What the delay is multiplied with from one retry to the next; none: it stays the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_exponential_backoff: Option<f64>,
    /// The delay does not grow beyond it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retry_delay: Option<Duration>,
    /// Only such failures are tried again; none: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_on: Option<RetryOn>,
    /// Such failures are never tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<FailOn>,
    /// It waits until the same task of the previous run succeeded or was skipped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub depends_on_past: bool,
    /// It also waits for what directly follows that task in the previous run; implies `depends_on_past`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wait_for_downstream: bool,
    /// Whether `depends_on_past` lets a task that no earlier run had go on (the default).
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub ignore_first_depends_on_past: bool,
    /// It makes something that the tasks behind it need.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub setup: bool,
    /// It takes away what its setups (its direct upstreams that are some) made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teardown: Option<Teardown>,
    /// A template; when it is false once the task could start, the task is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// An attempt that takes longer is stopped and has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_timeout: Option<Duration>,
    /// Its own weight in the order in which ready tasks get slots (greater first); default 1.
    pub priority_weight: i32,
    /// Whose weights count with its own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub weight_rule: WeightRule,
    /// The pool whose slots it holds.
    #[serde(default = "default_pool", skip_serializing_if = "is_default_pool")]
    pub pool: String,
    /// How many of them.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub pool_slots: u32,
    /// Instances of it that hold a slot at once, over all runs of the DAG.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_tis_per_dag: Option<u32>,
    /// Instances of it that hold a slot at once, in one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_tis_per_dagrun: Option<u32>,
    /// Whether what it returns or prints last becomes the XCom `return_value`; default true.
    pub do_xcom_push: bool,
    /// Whether each key of a mapping that it returns becomes an XCom of its own too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multiple_outputs: bool,
    /// What becomes of it when its attempt is lost with its worker: run again (the default), or fail.
    #[serde(default)]
    pub on_lost: OnLost,
    /// Assets that it reads, by their URIs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inlets: Vec<String>,
    /// Assets that its success updates, by their URIs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outlets: Vec<String>,
    /// Environment of its process, over the DAG's; values are templates.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
    /// Markdown for its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_md: Option<String>,
    /// It runs once for each element of this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expand: Option<Expand>,
    /// What each element is called; a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_index_template: Option<String>,
    /// Messages about it.
    #[serde(default, skip_serializing_if = "Callbacks::is_empty")]
    pub callbacks: Callbacks,
    /// When it should have finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// Line of the file on which it starts, from 1; where template errors at run time point to.
    pub line: u32,
}

impl Task {
    /// A root task that says nothing but what it does: Airflow's defaults for everything else.
    pub fn new(task_id: impl Into<String>, operator: Operator) -> Self {
        Self {
            task_id: task_id.into(),
            group: None,
            upstream: Vec::new(),
            operator,
            trigger_rule: TriggerRule::AllSuccess,
            retries: 0,
            retry_delay: Duration::from_secs(300),
            retry_exponential_backoff: None,
            max_retry_delay: None,
            retry_on: None,
            fail_on: None,
            depends_on_past: false,
            wait_for_downstream: false,
            ignore_first_depends_on_past: true,
            setup: false,
            teardown: None,
            when: None,
            execution_timeout: None,
            priority_weight: 1,
            weight_rule: WeightRule::Downstream,
            pool: default_pool(),
            pool_slots: 1,
            max_active_tis_per_dag: None,
            max_active_tis_per_dagrun: None,
            do_xcom_push: true,
            multiple_outputs: false,
            on_lost: OnLost::Retry,
            inlets: Vec::new(),
            outlets: Vec::new(),
            env: IndexMap::new(),
            doc_md: None,
            expand: None,
            map_index_template: None,
            callbacks: Callbacks::default(),
            deadline: None,
            line: 1,
        }
    }
}

fn default_pool() -> String {
    DEFAULT_POOL.to_owned()
}

fn is_default_pool(pool: &str) -> bool {
    pool == DEFAULT_POOL
}

const fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_one(number: &u32) -> bool {
    *number == 1
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde takes")]
const fn is_yes(flag: &bool) -> bool {
    *flag
}

/// What makes a task a teardown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Teardown {
    /// Whether its failure fails the run; by default a teardown says nothing about how a run ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_failure_fail_dagrun: bool,
}

/// Which failures are tried again: those that one of these names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RetryOn {
    /// Of the process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exit_codes: Vec<i32>,
    /// Whether an attempt that took longer than `execution_timeout` is tried again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub timeout: bool,
    /// A regular expression, looked for in the failure's reason and the last lines of the attempt's output.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// Which failures are never tried again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FailOn {
    /// Of the process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exit_codes: Vec<i32>,
    /// A regular expression, looked for in the failure's reason and the last lines of the attempt's output.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// What becomes of a task instance whose attempt was lost with its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLost {
    /// A new attempt, which does not consume a retry.
    #[default]
    Retry,
    /// It fails: for what must not run twice.
    Fail,
}
