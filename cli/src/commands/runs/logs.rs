//! Logs of task instances as they grow.

use std::collections::HashMap;

use anstyle::{AnsiColor, Style};
use api::{DagRun, LogContent, LogMessage, TaskInstance, TaskInstanceCollection};

use crate::client::{Client, Error};

/// Colours of the prefixes; neighbours differ.
const COLORS: [AnsiColor; 6] =
    [AnsiColor::Cyan, AnsiColor::Yellow, AnsiColor::Green, AnsiColor::Magenta, AnsiColor::Blue, AnsiColor::BrightCyan];

/// The log of one attempt, and how far it has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Which, from 1.
    pub(crate) try_number: u32,
    token: Option<String>,
    /// It has ended, and everything of it has been read.
    pub(crate) is_over: bool,
}

impl Attempt {
    /// Unread.
    pub(crate) const fn new(try_number: u32) -> Self {
        Self { try_number, token: None, is_over: false }
    }

    /// What has been added to it. Not found: it has no log, or none yet.
    pub(crate) async fn read(&mut self, client: &Client, instance: &TaskInstance) -> Result<Vec<LogMessage>, Error> {
        let mut messages = Vec::new();
        while !self.is_over {
            let part = self.part(client, instance).await?;
            let is_all = part.is_empty();
            messages.extend(part);
            if is_all {
                break;
            }
        }
        Ok(messages)
    }

    /// What has been added to it, as far as the server gives it at once; nothing when that is all for now.
    pub(crate) async fn part(&mut self, client: &Client, instance: &TaskInstance) -> Result<Vec<LogMessage>, Error> {
        let (dag_id, run_id) = (instance.dag_id.as_str(), instance.dag_run_id.as_str());
        let try_number = self.try_number.to_string();
        let path = ["dags", dag_id, "dagRuns", run_id, "taskInstances", &instance.task_id, "logs", &try_number];
        let mut query = vec![("map_index", instance.map_index.to_string())];
        query.extend(self.token.clone().map(|token| ("token", token)));
        let LogContent { content, continuation_token } = client.get(&path, &query).await?;
        self.is_over = continuation_token.is_none();
        self.token = continuation_token;
        Ok(content)
    }
}

/// The logs of all task instances of a run.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    attempts: HashMap<(String, i32), Attempt>,
    /// Of the longest name: prefixes are aligned.
    width: usize,
}

impl Streams {
    /// The lines that have been added, each with the name of its task before it.
    pub(crate) async fn read(&mut self, client: &Client, run: &DagRun) -> Result<Vec<String>, Error> {
        let path = ["dags", &run.dag_id, "dagRuns", &run.dag_run_id, "taskInstances"];
        let instances = client.all::<TaskInstanceCollection>(&path, &[]).await?;
        self.width = instances.iter().map(|instance| name(instance).len()).max().unwrap_or_default();
        let mut lines = Vec::new();
        for (position, instance) in instances.iter().enumerate() {
            let prefix = prefix(instance, position, self.width);
            for message in self.added(client, instance).await? {
                lines.push(format!("{prefix} {}", message.event));
            }
        }
        Ok(lines)
    }

    /// What attempts of one task instance have added: those from where the last look ended.
    pub(crate) async fn added(&mut self, client: &Client, instance: &TaskInstance) -> Result<Vec<LogMessage>, Error> {
        let key = (instance.task_id.clone(), instance.map_index);
        let attempt = self.attempts.entry(key).or_insert_with(|| Attempt::new(1));
        let mut added = Vec::new();
        while attempt.try_number <= instance.try_number {
            match attempt.read(client, instance).await {
                Ok(messages) => added.extend(messages),
                // What has ended without a log never has one: it needed no process, or was lost before it began.
                Err(Error::NotFound { .. }) => {
                    attempt.is_over = attempt.try_number < instance.try_number || has_ended(instance);
                }
                Err(error) => return Err(error),
            }
            if !attempt.is_over || attempt.try_number == instance.try_number {
                break;
            }
            *attempt = Attempt::new(attempt.try_number + 1);
        }
        Ok(added)
    }
}

/// Whether a task instance stays as it is.
pub(crate) fn has_ended(instance: &TaskInstance) -> bool {
    matches!(instance.state.as_deref(), Some("success" | "failed" | "skipped" | "upstream_failed" | "removed"))
}

fn name(instance: &TaskInstance) -> String {
    match instance.map_index {
        ..0 => instance.task_id.clone(),
        index => format!("{}[{index}]", instance.task_id),
    }
}

/// `extract  |`, in the task's colour.
fn prefix(instance: &TaskInstance, position: usize, width: usize) -> String {
    let style = Style::new().fg_color(Some(COLORS[position % COLORS.len()].into()));
    format!("{style}{:<width$} |{style:#}", name(instance))
}
