//! What the planner wants to know of a template before it can go on; the leader evaluates it and folds the answer.

use model::attempt::Attempt;
use model::operator::{Branch, Condition, Operator};
use model::wait::Awaited;

/// A template of a task whose value decides something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Question {
    /// Its `when`: does it run at all?
    When,
    /// What its branch follows.
    Branch,
    /// Whether its short circuit lets what follows go on.
    ShortCircuit,
    /// What it waits for.
    Wait,
}

/// A question about one task instance.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The task instance, and what its templates may name.
    pub attempt: Attempt,
    /// What is asked.
    pub question: Question,
}

/// What a template's value says.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The ids that a branch follows.
    Follow(Vec<String>),
    /// Yes or no.
    Holds(bool),
    /// What the task waits for.
    Awaits(Awaited),
}

impl Question {
    /// The key of the DAG file, as far as it is one.
    pub const fn key(self) -> &'static str {
        match self {
            Self::When => "when",
            Self::Branch => "branch",
            Self::ShortCircuit => "short_circuit",
            Self::Wait => "what it waits for",
        }
    }
}

impl Asked {
    /// The template; none when the task has no such key, and for what waits, which has several.
    pub fn source(&self) -> Option<&str> {
        let task = self.attempt.task();
        match (self.question, &task.operator) {
            (Question::When, _) => task.when.as_deref(),
            (Question::Branch, Operator::Branch(Branch::Expression(source))) => Some(source),
            (Question::ShortCircuit, Operator::ShortCircuit(short)) => match &short.condition {
                Condition::Expression(source) => Some(source),
                Condition::Python(_) => None,
            },
            (Question::Branch | Question::ShortCircuit | Question::Wait, _) => None,
        }
    }
}
