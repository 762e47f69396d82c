//! What flowctl costs, beside what this machine allows.
//!
//! `cargo run --release -p bench` prints the table; names of benchmarks as arguments choose among them. Each uses a
//! PostgreSQL of its own with fsync on. Compare figures of one run with each other: the machine is small and noisy.
//! `http`, `idle` and `waiting` start `target/release/flowctl`, which `just bench` builds first.

mod api;
mod dags;
mod database;
mod engine;
mod http;
mod idle;
mod parse;
mod plan;
mod processes;
mod statistics;
mod waiting;

use anyhow::{Result, bail};

/// One line of the table.
struct Row {
    what: String,
    figure: String,
    /// What the machine itself allows, measured in the same run, or the goal.
    beside: String,
}

fn row(what: impl Into<String>, figure: impl Into<String>, beside: impl Into<String>) -> Row {
    Row { what: what.into(), figure: figure.into(), beside: beside.into() }
}

const ALL: [&str; 8] = ["plan", "engine", "processes", "parse", "http", "idle", "waiting", "api"];

#[tokio::main]
async fn main() -> Result<()> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = asked.iter().find(|name| !ALL.contains(&name.as_str())) {
        bail!("no benchmark `{unknown}`; there are {}", ALL.join(", "));
    }
    println!("| what | flowctl | beside |\n| --- | --- | --- |");
    for name in ALL.into_iter().filter(|name| asked.is_empty() || asked.iter().any(|asked| asked == name)) {
        let rows = match name {
            "plan" => plan::run()?,
            "engine" => engine::run().await?,
            "processes" => processes::run().await?,
            "parse" => parse::run()?,
            "http" => http::run().await?,
            "idle" => idle::run().await?,
            "waiting" => waiting::run().await?,
            "api" => api::run().await?,
            other => bail!("no benchmark `{other}`"),
        };
        for Row { what, figure, beside } in rows {
            println!("| {what} | {figure} | {beside} |");
        }
    }
    Ok(())
}
