//! `flowctl tasks logs`.

use std::process::ExitCode;
use std::time::Duration;

use api::{LogMessage, TaskInstance};
use clap::Args;

use super::TaskArguments;
use crate::client::{Client, Error};
use crate::commands::runs::{Attempt, Streams, has_ended};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::{Format, Output, moment, print};

/// How often a growing log is looked at.
const PAUSE: Duration = Duration::from_millis(250);

/// Which log.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    #[command(flatten)]
    task: TaskArguments,
    /// Goes on printing what is added, until the task has ended for good; from its first attempt on, unless --try names one.
    #[arg(long, short)]
    follow: bool,
    /// Which attempt, from 1 [default: the newest].
    #[arg(long = "try", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    try_number: Option<u32>,
    /// When each line was read from the process.
    #[arg(long)]
    timestamps: bool,
}

/// Prints a log.
pub(super) async fn run(globals: &Globals, arguments: &Logs) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let instance = arguments.task.load(&client).await?;
    let printer = Printer { output: globals.output(), timestamps: arguments.timestamps };
    match (arguments.follow, arguments.try_number) {
        (false, named) => printer.all(&read(&client, &instance, named).await?)?,
        (true, Some(named)) => follow_attempt(&client, &instance, named, printer).await?,
        (true, None) => follow_all(&client, arguments, printer).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(client: &Client, instance: &TaskInstance, named: Option<u32>) -> anyhow::Result<Vec<LogMessage>> {
    let Some(try_number) = named.or(Some(instance.try_number)).filter(|number| *number > 0) else {
        return Err(none_yet(instance).into());
    };
    Attempt::new(try_number).read(client, instance).await.map_err(|error| no_log(error, instance, try_number))
}

async fn follow_attempt(client: &Client, instance: &TaskInstance, named: u32, printer: Printer) -> anyhow::Result<()> {
    let mut attempt = Attempt::new(named);
    while !attempt.is_over {
        let added = attempt.read(client, instance).await.map_err(|error| no_log(error, instance, named))?;
        printer.lines(&added)?;
        if !attempt.is_over {
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}

async fn follow_all(client: &Client, arguments: &Logs, printer: Printer) -> anyhow::Result<()> {
    let mut streams = Streams::default();
    loop {
        // The state first: what is added after it was read is seen in the next round, or there is none.
        let instance = arguments.task.load(client).await?;
        printer.lines(&streams.added(client, &instance).await?)?;
        if has_ended(&instance) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn no_log(error: Error, instance: &TaskInstance, try_number: u32) -> anyhow::Error {
    match error {
        Error::NotFound { .. } => {
            let made = match instance.try_number {
                0 => "it has not been tried yet".to_owned(),
                1 => "it has been tried once".to_owned(),
                tries => format!("it has been tried {tries} times"),
            };
            Failure::not_found(format!("no log of attempt {try_number} of `{}`: {made}", instance.task_id)).into()
        }
        error => error.into(),
    }
}

fn none_yet(instance: &TaskInstance) -> Failure {
    let TaskInstance { dag_id, dag_run_id, task_id, .. } = instance;
    Failure::not_found(format!("`{task_id}` has no log: it has not been tried yet"))
        .hint(format!("`flowctl tasks why {dag_id} {dag_run_id} {task_id}` says what it waits for"))
}

#[derive(Debug, Clone, Copy)]
struct Printer {
    output: Output,
    timestamps: bool,
}

impl Printer {
    /// A log that is complete.
    fn all(self, messages: &[LogMessage]) -> anyhow::Result<()> {
        match self.output.format() {
            Format::Json | Format::Yaml => self.output.data(messages),
            Format::Table | Format::Plain => self.lines(messages),
        }
    }

    /// A part of a log; as JSON one message a line, because the end is not known.
    fn lines(self, messages: &[LogMessage]) -> anyhow::Result<()> {
        for message in messages {
            match self.output.format() {
                Format::Json => print(&serde_json::to_string(message)?)?,
                Format::Yaml => print(serde_saphyr::to_string(&[message])?.trim_end())?,
                Format::Table | Format::Plain if self.timestamps => {
                    print(&format!("{}  {}", moment(message.timestamp), message.event))?;
                }
                Format::Table | Format::Plain => print(&message.event)?,
            }
        }
        Ok(())
    }
}
