//! The binary `flowctl`: the only crate that prints, and the only one that ends a process.
//!
//! A command is a noun with verbs: one file per noun in `commands`, a folder with one file per verb where a noun is
//! big. Their doc comments are the help text. A command gives back its exit code, or an error that `failure` turns into
//! a message, a hint and an exit code.

mod client;
mod commands;
mod config;
mod credentials;
mod examples;
mod failure;
mod globals;
mod import;
mod local_dags;
mod output;
mod secret_file;
mod services;
mod standalone;
mod test_run;
mod tui;
mod validate;

use std::process::ExitCode;

use clap::Parser;

use crate::failure::Failure;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = commands::Arguments::parse();
    match commands::run(arguments).await {
        Ok(code) => code,
        // Whoever read stdout (`| head`) has what it wanted.
        Err(error) if failure::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let failure = Failure::of(&error);
            failure.tell();
            failure.code()
        }
    }
}
