//! The command line: its nouns, and which function each verb ends in.

mod approvals;
mod assets;
mod backfill;
mod bulk;
mod callbacks;
pub(crate) mod conf;
mod config;
mod confirm;
mod connections;
pub(crate) mod dags;
mod db;
mod doctor;
mod events;
mod import_errors;
mod jobs;
mod login;
mod manual;
mod monitor;
pub(crate) mod place;
mod pools;
mod roles;
pub(crate) mod runs;
pub(crate) mod tasks;
mod tokens;
mod users;
mod variables;
pub(crate) mod when;
mod workers;
mod xcom;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::globals::Globals;
use crate::{import, services, standalone, tui, validate};

/// DAG workflows from YAML files: scheduled, run and shown by one binary with one PostgreSQL database.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 the server cannot be reached or refuses the credentials.
#[derive(Debug, Parser)]
#[command(name = "flowctl", version, arg_required_else_help = true, subcommand_required = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything in one process with a database of its own; Ctrl-C stops it.
    Standalone(standalone::Standalone),
    /// The scheduler of a deployment, with the local executor and the DAG processor; Ctrl-C stops it.
    Scheduler(services::Scheduler),
    /// The web server of a deployment: UI and API; Ctrl-C stops it.
    Webserver {
        /// Its port; 0 takes a free one [default: that of webserver.bind, 8080].
        #[arg(long)]
        port: Option<u16>,
    },
    /// The DAG processor of a deployment, beside `scheduler --no-dag-processor`; Ctrl-C stops it.
    DagProcessor,
    /// Checks DAG files: every problem with its place. Exit code 1 if there is any.
    Validate(validate::Validate),
    /// The JSON Schema of DAG files, for editors.
    Schema,
    /// A DAG file from what you already have. What is not understood is a comment in it, and a line on stderr.
    #[command(subcommand)]
    Import(import::Import),
    /// The metadata database.
    #[command(subcommand)]
    Db(db::Db),
    /// Local accounts, straight in the database.
    #[command(subcommand)]
    Users(users::Users),
    /// Roles of one's own, and permissions for single DAGs and tags.
    #[command(subcommand)]
    Roles(roles::Roles),
    /// Tokens for programs of one's own.
    #[command(subcommand)]
    Tokens(tokens::Tokens),
    /// What is wrong with this deployment, and what to do. Exit code 1 if anything is.
    Doctor(doctor::Doctor),
    /// The settings in force, and where each comes from.
    #[command(subcommand)]
    Config(config::Config),

    /// Gets a token for a password, and leaves it in the home for the commands that follow.
    Login(login::Login),
    /// Removes what `login` left, and revokes the token.
    Logout,
    /// The versions of this program and of the server.
    Version,
    /// Whether the server's parts are healthy. Exit code 1 if one is not.
    Health,
    /// DAGs: what is there, and starting runs of it.
    #[command(subcommand)]
    Dags(dags::Dags),
    /// Runs of DAGs.
    #[command(subcommand)]
    Runs(runs::Runs),
    /// Tasks of DAGs, and their instances in runs.
    #[command(subcommand)]
    Tasks(tasks::Tasks),
    /// Runs for past dates.
    #[command(subcommand)]
    Backfill(backfill::Backfills),
    /// What tasks leave for others.
    #[command(subcommand)]
    Xcom(xcom::Xcoms),
    /// Pools: how many tasks of all DAGs run at once in them.
    #[command(subcommand)]
    Pools(pools::Pools),
    /// Tasks that wait for a person.
    #[command(subcommand)]
    Approvals(approvals::Approvals),
    /// Messages that DAG files asked for, and what became of them.
    #[command(subcommand)]
    Callbacks(callbacks::Callbacks),
    /// Assets: what tasks update, and what DAGs wait for.
    #[command(subcommand)]
    Assets(assets::Assets),
    /// Variables: texts by name, for templates and tasks.
    #[command(subcommand)]
    Variables(variables::Variables),
    /// Connections: how to reach other systems.
    #[command(subcommand)]
    Connections(connections::Connections),
    /// The audit log: who did what.
    #[command(subcommand)]
    Events(events::Events),
    /// What the processes of the deployment do.
    #[command(subcommand)]
    Jobs(jobs::Jobs),
    /// The processes that run attempts.
    #[command(subcommand)]
    Workers(workers::Workers),
    /// DAG files that were refused.
    #[command(subcommand)]
    ImportErrors(import_errors::ImportErrors),
    /// DAGs, runs, tasks and logs in the terminal, live; `?` lists the keys.
    Tui(tui::Tui),

    /// A completion script for a shell, on stdout.
    Completions {
        /// bash, zsh, fish, elvish or powershell.
        shell: clap_complete::Shell,
    },
    /// The manual as man pages: of all commands into a folder, or of `flowctl` itself on stdout.
    Man(manual::Man),
}

/// Runs one command.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { globals, command } = arguments;
    match command {
        Command::Standalone(arguments) => standalone::run(&globals, arguments).await.map(done),
        Command::Scheduler(arguments) => services::run_scheduler(&globals, &arguments).await.map(done),
        Command::Webserver { port } => services::run_webserver(&globals, port).await.map(done),
        Command::DagProcessor => services::run_dag_processor(&globals).await.map(done),
        Command::Validate(arguments) => validate::run(&globals, &arguments),
        Command::Schema => schema(),
        Command::Import(source) => import::run(&globals, &source),
        Command::Db(verb) => db::run(&globals, verb).await,
        Command::Users(verb) => users::run(&globals, verb).await,
        Command::Roles(verb) => roles::run(&globals, verb).await,
        Command::Tokens(verb) => tokens::run(&globals, verb).await,
        Command::Doctor(arguments) => doctor::run(&globals, &arguments).await,
        Command::Config(verb) => config::run(&globals, &verb),
        Command::Login(arguments) => login::login(&globals, arguments).await,
        Command::Logout => login::logout(&globals).await,
        Command::Version => monitor::version(&globals).await,
        Command::Health => monitor::health(&globals).await,
        Command::Dags(verb) => dags::run(&globals, verb).await,
        Command::Runs(verb) => runs::run(&globals, verb).await,
        Command::Tasks(verb) => tasks::run(&globals, verb).await,
        Command::Backfill(verb) => backfill::run(&globals, verb).await,
        Command::Xcom(verb) => xcom::run(&globals, verb).await,
        Command::Variables(verb) => variables::run(&globals, verb).await,
        Command::Connections(verb) => connections::run(&globals, verb).await,
        Command::Pools(verb) => pools::run(&globals, verb).await,
        Command::Approvals(verb) => approvals::run(&globals, verb).await,
        Command::Callbacks(verb) => callbacks::run(&globals, verb).await,
        Command::Assets(verb) => assets::run(&globals, verb).await,
        Command::Events(verb) => events::run(&globals, verb).await,
        Command::Jobs(verb) => jobs::run(&globals, verb).await,
        Command::Workers(verb) => workers::run(&globals, verb).await,
        Command::ImportErrors(verb) => import_errors::run(&globals, verb).await,
        Command::Tui(arguments) => tui::run(&globals, arguments).await,
        Command::Completions { shell } => manual::completions(shell),
        Command::Man(arguments) => manual::man(&arguments),
    }
}

fn schema() -> anyhow::Result<ExitCode> {
    anstream::println!("{}", serde_json::to_string_pretty(&model::dag_file::json_schema())?);
    Ok(ExitCode::SUCCESS)
}

fn done((): ()) -> ExitCode {
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Arguments;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }

    /// Words as a shell gives them, without redirections and comments.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
        for c in line.chars() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (None, '#' | '<' | '>') if word.is_empty() => break,
                (None, ' ') => words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty())),
                (_, c) => word.push(c),
            }
        }
        words.extend(Some(word).filter(|word| !word.is_empty()));
        words
    }

    #[test]
    fn every_command_of_the_documentation_is_understood() {
        let text = include_str!("../../../docs/cli.md");
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with("flowctl ")).collect();
        assert!(lines.len() > 40, "the documentation has examples");
        for line in lines {
            if let Err(error) = Arguments::try_parse_from(words(line)) {
                panic!("{line}\n{error}");
            }
        }
    }
}
