//! `flowctl callbacks`: messages that DAG files asked for, and what became of them.

use std::process::ExitCode;

use api::{Callback, CallbackCollection, CallbackDetails, CallbackTry};
use clap::{Subcommand, ValueEnum};

use crate::globals::Globals;
use crate::output::{Column, Format, Page, Target, moment, print, table};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Callbacks {
    /// Messages about tasks and runs, the newest first.
    List {
        /// Of this DAG.
        #[arg(value_name = "DAG")]
        dag_id: Option<String>,
        /// Of this run.
        #[arg(long, value_name = "RUN")]
        run_id: Option<String>,
        /// Of this task.
        #[arg(long, value_name = "TASK")]
        task_id: Option<String>,
        /// In this state.
        #[arg(long)]
        state: Option<State>,
        #[command(flatten)]
        page: Page,
    },
    /// A message with the log of its delivery.
    Show {
        /// Its id, as the list has it.
        #[arg(value_name = "ID")]
        id: i64,
    },
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    /// It is to be delivered, perhaps again.
    Pending,
    /// Somebody took it.
    Success,
    /// It was given up.
    Failed,
}

const COLUMNS: [Column<Callback>; 9] = [
    Column { title: "id", cell: |callback| callback.callback_id.to_string().into() },
    Column { title: "dag", cell: |callback| callback.dag_id.as_str().into() },
    Column { title: "run", cell: |callback| callback.dag_run_id.as_str().into() },
    Column { title: "task", cell: |callback| callback.task_id.as_deref().unwrap_or_default().into() },
    Column { title: "event", cell: |callback| callback.event.as_str().into() },
    Column { title: "channel", cell: |callback| callback.channel.as_str().into() },
    Column { title: "state", cell: |callback| callback.state.as_str().into() },
    Column { title: "tries", cell: |callback| callback.tries.to_string().into() },
    Column { title: "last_error", cell: |callback| callback.last_error.as_deref().unwrap_or_default().into() },
];

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Callbacks) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    match verb {
        Callbacks::List { dag_id, run_id, task_id, state, page } => {
            let state = state.and_then(|state| Some(state.to_possible_value()?.get_name().to_owned()));
            let given = [("dag_id", dag_id), ("dag_run_id", run_id), ("task_id", task_id), ("state", state)];
            let query: Vec<_> = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            let (callbacks, total) = page.of::<CallbackCollection>(&client, &["callbacks"], &query).await?;
            globals.output().list(&callbacks, &COLUMNS, total)?;
        }
        Callbacks::Show { id } => {
            let details: CallbackDetails = client.get(&["callbacks", &id.to_string()], &[]).await?;
            let output = globals.output();
            let callback = &details.callback;
            let cells = COLUMNS.map(|column| (column.title, (column.cell)(callback)));
            let more = [
                ("happened_at", moment(Some(callback.happened_at)).into()),
                ("reason", callback.reason.as_deref().unwrap_or_default().into()),
                ("next_try_at", moment(callback.next_try_at).into()),
            ];
            output.entry(&details, &cells.into_iter().chain(more).collect::<Vec<_>>())?;
            if output.format() == Format::Table {
                let rows: Vec<_> = details.log.iter().map(line).collect();
                print(&table(&["try", "at", "answer", "error"], rows, Target::Stdout))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(tried: &CallbackTry) -> Vec<crate::output::Cell> {
    vec![
        tried.number.to_string().into(),
        moment(Some(tried.start_date)).into(),
        tried.answer.as_deref().unwrap_or_default().into(),
        tried.error.as_deref().unwrap_or_default().into(),
    ]
}
