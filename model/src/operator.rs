//! What a task does: one variant per operator key of the DAG file.
//!
//! Every `String` here that a person wrote is a template until [`crate::template`] has rendered it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::callback::Notify;
use crate::wait::{Approve, Event, Sensor, TriggerDag};

/// What a task does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// A shell command in its own process group.
    Bash(Bash),
    /// A callable, a script or inline code in a Python process.
    Python(Python),
    /// Nothing; the scheduler itself finishes it.
    Empty,
    /// Picks which of its direct downstream tasks go on.
    Branch(Branch),
    /// Lets what follows go on, or skips it.
    ShortCircuit(ShortCircuit),
    /// Waits for a condition.
    Sensor(Sensor),
    /// Starts a run of another DAG.
    TriggerDag(TriggerDag),
    /// Waits for a person.
    Approve(Approve),
    /// Delivers a message.
    Notify(Notify),
}

impl Operator {
    /// The key it is written under in a DAG file; Airflow's `operator` field on pages and in the API.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bash(_) => "bash",
            Self::Python(_) => "python",
            Self::Empty => "empty",
            Self::Branch(_) => "branch",
            Self::ShortCircuit(_) => "short_circuit",
            Self::Sensor(_) => "sensor",
            Self::TriggerDag(_) => "trigger_dag",
            Self::Approve(_) => "approve",
            Self::Notify(_) => "notify",
        }
    }

    /// Whether it runs in a process of its own (and so needs a slot and an executor).
    pub const fn needs_process(&self) -> bool {
        match self {
            Self::Bash(_)
            | Self::Python(_)
            | Self::Branch(Branch::Python(_))
            | Self::ShortCircuit(ShortCircuit { condition: Condition::Python(_), .. })
            | Self::Sensor(Sensor { event: Event::Python(_), .. }) => true,
            Self::Empty
            | Self::Branch(Branch::Expression(_))
            | Self::ShortCircuit(ShortCircuit { condition: Condition::Expression(_), .. })
            | Self::Sensor(_)
            | Self::TriggerDag(_)
            | Self::Approve(_)
            | Self::Notify(_) => false,
        }
    }

    /// Whether it waits without a process and a slot.
    pub const fn waits(&self) -> bool {
        match self {
            Self::Sensor(sensor) => !matches!(sensor.event, Event::Python(_)),
            Self::TriggerDag(_) | Self::Approve(_) | Self::Notify(_) => true,
            Self::Bash(_) | Self::Python(_) | Self::Empty | Self::Branch(_) | Self::ShortCircuit(_) => false,
        }
    }

    /// Whether it waits deferred, so that it holds slots of a pool that counts those.
    pub const fn defers(&self) -> bool {
        self.waits() && !matches!(self, Self::Approve(_))
    }

    /// The Python that it runs in a process.
    pub const fn python(&self) -> Option<&Python> {
        match self {
            Self::Python(python)
            | Self::Branch(Branch::Python(python))
            | Self::ShortCircuit(ShortCircuit { condition: Condition::Python(python), .. })
            | Self::Sensor(Sensor { event: Event::Python(python), .. }) => Some(python),
            Self::Bash(_)
            | Self::Empty
            | Self::Branch(Branch::Expression(_))
            | Self::ShortCircuit(ShortCircuit { condition: Condition::Expression(_), .. })
            | Self::Sensor(_)
            | Self::TriggerDag(_)
            | Self::Approve(_)
            | Self::Notify(_) => None,
        }
    }
}

/// A shell command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bash {
    /// What the shell runs (`SHELL -c COMMAND`).
    pub command: String,
    /// Working directory; relative to the DAG file's folder. Default: that folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Environment of this process, beside the task's and the DAG's.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
    /// The shell: a name on `PATH` or a path.
    pub shell: String,
    /// The exit code that means "skipped" (99 by default); none: every code but 0 fails.
    pub skip_on_exit_code: Option<i32>,
    /// How its output is decoded: an encoding label such as `utf-8` or `euc-kr`.
    pub output_encoding: String,
}

impl Bash {
    /// `command` with the defaults of the short form.
    pub fn new(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            cwd: None,
            env: IndexMap::new(),
            shell: "bash".to_owned(),
            skip_on_exit_code: Some(99),
            output_encoding: "utf-8".to_owned(),
        }
    }
}

/// A piece of Python, run in a process of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Python {
    /// What to run.
    pub call: PythonCall,
    /// Positional arguments of a callable or a script.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<serde_json::Value>,
    /// Keyword arguments of a callable or of inline code.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub kwargs: serde_json::Map<String, serde_json::Value>,
    /// The interpreter: a name on `PATH` or a path; default `python3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
}

/// The three ways to name a piece of Python.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PythonCall {
    /// `module.function`, the module found beside the DAG file.
    Callable(String),
    /// A file beside the DAG file, run as a program.
    Script(String),
    /// The body of a function; what it returns is the XCom.
    Code(String),
}

/// How a branch picks the tasks to follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Branch {
    /// A template whose value is a task id, a list of them, or null; the scheduler evaluates it.
    Expression(String),
    /// A callable that returns the same.
    Python(Python),
}

/// A question whose answer decides whether what follows goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShortCircuit {
    /// The question.
    pub condition: Condition,
    /// When the answer is no: whether everything behind it is skipped (the default), or only its direct downstream, whose
    /// own downstream then follows its trigger rules.
    pub ignore_downstream_trigger_rules: bool,
}

/// How a short circuit finds its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// A template; the scheduler evaluates it.
    Expression(String),
    /// A callable; what it returns is taken as Python takes it.
    Python(Python),
}

/// Whether a template's value means yes. A text is what is left when a template is only a part of it, so texts that say
/// no are no.
pub fn is_true(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => {
            !matches!(text.trim().to_ascii_lowercase().as_str(), "" | "false" | "none" | "null" | "0" | "no" | "off")
        }
        other => is_truthy(other),
    }
}

/// Whether Python takes a value for true.
pub fn is_truthy(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => false,
        serde_json::Value::Bool(flag) => *flag,
        serde_json::Value::Number(number) => number.as_f64() != Some(0.0),
        serde_json::Value::String(text) => !text.is_empty(),
        serde_json::Value::Array(items) => !items.is_empty(),
        serde_json::Value::Object(entries) => !entries.is_empty(),
    }
}
