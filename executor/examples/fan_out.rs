//! How many processes a second the local executor starts and reports, beside `xargs -P2`.
//!
//! `cargo run --release -p executor --example fan_out [COUNT] [COMMAND]`
#![allow(clippy::print_stdout, reason = "it prints a table")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use executor::LocalExecutor;
use model::attempt::{AttemptEvent, Outcome};
use model::ids::AttemptToken;

#[allow(dead_code, reason = "shared with the worker's tests, which use more of it")]
#[path = "../../worker/tests/it/fixture.rs"]
mod fixture;

const ROUNDS: usize = 3;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(5000);
    let command = arguments.next().unwrap_or_else(|| "true".to_owned());
    for _ in 0..ROUNDS {
        show("flowctl", count, executor(count, &command)?);
        show("xargs -P2 true", count, xargs(count, &["true"])?);
        show("xargs -P2 bash -c", count, xargs(count, &["bash", "-c", &command])?);
    }
    Ok(())
}

fn show(name: &str, count: u32, took: Duration) {
    println!("{name:20} {count} in {took:?}: {:.0}/s", f64::from(count) / took.as_secs_f64());
}

fn executor(count: u32, command: &str) -> std::io::Result<Duration> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let world = fixture::World::new();
    let attempts: Vec<_> = (0..i64::from(count))
        .map(|token| fixture::attempt(fixture::bash(command), AttemptToken(token + 1), &world.dags()))
        .collect();
    Ok(runtime.block_on(async {
        let started = Instant::now();
        let (reports, mut reported) = tokio::sync::mpsc::unbounded_channel();
        let executor = LocalExecutor::start(world.known.clone(), world.config.clone(), 2, reports);
        for attempt in attempts {
            executor.submit(attempt);
        }
        let mut left = count;
        while left > 0
            && let Some(report) = reported.recv().await
        {
            if let AttemptEvent::Finished(finished) = report.event {
                assert_eq!(finished.outcome, Outcome::Success);
                left -= 1;
            }
        }
        started.elapsed()
    }))
}

fn xargs(count: u32, command: &[&str]) -> std::io::Result<Duration> {
    let started = Instant::now();
    let script = format!("seq {count} | xargs -P2 -n1 \"$@\"");
    Command::new("sh").args(["-c", &script, "sh"]).args(command).stdout(Stdio::null()).status()?;
    Ok(started.elapsed())
}
