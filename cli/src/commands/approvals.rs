//! `flowctl approvals`: what waits for a person.

use std::process::ExitCode;

use api::{HitlDetail, HitlDetailCollection, HitlDetailResponse, UpdateHitlDetailPayload};
use clap::Subcommand;

use crate::commands::place::{Place, RunArguments};
use crate::globals::Globals;
use crate::output::{Column, Page, moment};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Approvals {
    /// Tasks that wait for a person's choice.
    List {
        /// Also those that have been answered.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        page: Page,
    },
    /// Chooses an option.
    Answer {
        #[command(flatten)]
        run: RunArguments,
        /// The task that asks.
        #[arg(value_name = "TASK")]
        task_id: String,
        /// The option, as the task names it.
        #[arg(value_name = "OPTION")]
        option: String,
        /// Which element of a mapped task.
        #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
        map_index: i32,
    },
}

const COLUMNS: [Column<HitlDetail>; 7] = [
    Column { title: "dag", cell: |detail| detail.task_instance.dag_id.as_str().into() },
    Column { title: "run", cell: |detail| detail.task_instance.dag_run_id.as_str().into() },
    Column { title: "task", cell: |detail| detail.task_instance.task_id.as_str().into() },
    Column { title: "question", cell: |detail| detail.detail.subject.as_str().into() },
    Column { title: "options", cell: |detail| detail.detail.options.join(", ").into() },
    Column { title: "until", cell: |detail| moment(detail.detail.deadline).into() },
    Column {
        title: "answer",
        cell: |detail| detail.detail.chosen_options.clone().unwrap_or_default().join(", ").into(),
    },
];

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Approvals) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    match verb {
        Approvals::List { all, page } => {
            let path = ["dags", "~", "dagRuns", "~", "hitlDetails"];
            let open = [("response_received", "false".to_owned())];
            let query = if all { &[][..] } else { &open[..] };
            let (details, total) = page.of::<HitlDetailCollection>(&client, &path, query).await?;
            globals.output().list(&details, &COLUMNS, total)?;
        }
        Approvals::Answer { run, task_id, option, map_index } => {
            let run_id = run.resolve(&client).await?;
            let element = map_index.to_string();
            let path = ["dags", &run.dag_id, "dagRuns", &run_id, "taskInstances", &task_id, &element, "hitlDetails"];
            let body =
                UpdateHitlDetailPayload { chosen_options: vec![option.clone()], params_input: serde_json::Map::new() };
            let work = async { Ok(client.patch::<HitlDetailResponse>(&path, &body).await?) };
            let place = Place::task(&run.dag_id, &run_id, &task_id);
            let answered = place.within(&client, work).await?;
            anstream::eprintln!("`{task_id}` has its answer: {option}, by {}", answered.responded_by.name);
        }
    }
    Ok(ExitCode::SUCCESS)
}
