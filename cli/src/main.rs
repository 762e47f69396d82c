//! The binary `flowctl`: the only crate that prints, and the only one that ends a process.

mod standalone;
mod validate;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// DAG workflows from YAML files: scheduled, run and shown by one binary with one PostgreSQL database.
#[derive(Debug, Parser)]
#[command(name = "flowctl", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything in one process with a database of its own; Ctrl-C stops it.
    Standalone(standalone::Standalone),
    /// Checks DAG files: every problem with its place. Exit code 1 if there is any.
    Validate {
        /// Files, or folders with DAG files.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// The JSON Schema of DAG files, for editors.
    Schema,
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Standalone(arguments) => standalone::run(arguments).await.map(|()| ExitCode::SUCCESS),
        Command::Validate { paths } => validate::run(&paths),
        Command::Schema => schema(),
    };
    result.unwrap_or_else(|error| {
        anstream::eprintln!("flowctl: {error:#}");
        ExitCode::FAILURE
    })
}

fn schema() -> anyhow::Result<ExitCode> {
    anstream::println!("{}", serde_json::to_string_pretty(&model::dag_file::json_schema())?);
    Ok(ExitCode::SUCCESS)
}
