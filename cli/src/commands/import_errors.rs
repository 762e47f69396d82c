//! `flowctl import-errors`.

use std::process::ExitCode;

use api::{ImportError, ImportErrorCollection};
use clap::Subcommand;

use crate::globals::Globals;
use crate::output::{Column, Format, Page, moment, print};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportErrors {
    /// DAG files that were refused, with every problem and its place.
    List {
        #[command(flatten)]
        page: Page,
    },
}

const COLUMNS: [Column<ImportError>; 3] = [
    Column { title: "file", cell: |error| error.filename.as_str().into() },
    Column { title: "since", cell: |error| moment(Some(error.timestamp)).into() },
    Column { title: "problem", cell: |error| error.stack_trace.lines().next().unwrap_or_default().into() },
];

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: ImportErrors) -> anyhow::Result<ExitCode> {
    let ImportErrors::List { page } = verb;
    let (errors, total) = page.of::<ImportErrorCollection>(&globals.client()?, &["importErrors"], &[]).await?;
    let output = globals.output();
    if output.format() == Format::Table {
        // People want the caret under the place, which no column holds.
        for error in &errors {
            print(&format!("{}, since {}\n{}\n", error.filename, moment(Some(error.timestamp)), error.stack_trace))?;
        }
        anstream::eprintln!("{} of {total}", errors.len());
    } else {
        output.list(&errors, &COLUMNS, total)?;
    }
    Ok(ExitCode::SUCCESS)
}
