//! Looking at a run again and again until it has ended.
//!
//! 1. The run is read;
//! 2. the caller shows what it wants of it;
//! 3. when the run had ended before that, the caller has seen everything, and it is over;
//! 4. else a pause, short at first, never much shorter than what a look costs.
//!
//! A server that goes away for a while (a restart) is waited for. Ctrl-C ends the looking, not the run.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use api::DagRun;

use crate::client::{Client, Error};
use crate::commands::place::Place;
use crate::failure::Code;

/// So that a run of some milliseconds is over at once for who waits.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// So that a run of hours costs the server little.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A server that is restarted is back by then.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks at a run until it has ended: what it was then; none when Ctrl-C came first.
pub(super) async fn follow(
    client: &Client,
    dag_id: &str,
    run_id: &str,
    mut show: impl AsyncFnMut(&DagRun) -> anyhow::Result<()>,
) -> anyhow::Result<Option<DagRun>> {
    let work = async {
        let path = ["dags", dag_id, "dagRuns", run_id];
        let mut pause = FIRST_PAUSE;
        let mut unanswered_since = None;
        loop {
            let began = Instant::now();
            let look = async {
                let run: DagRun = client.get(&path, &[]).await?;
                show(&run).await?;
                anyhow::Ok(run)
            };
            match look.await {
                Ok(run) if has_ended(&run) => return Ok(run),
                Ok(_) => unanswered_since = None,
                Err(error) => bear(error, &mut unanswered_since)?,
            }
            tokio::time::sleep(pause.max(began.elapsed() * 2)).await;
            pause = (pause * 5 / 4).min(LONGEST_PAUSE);
        }
    };
    tokio::select! {
        run = Place::run(dag_id, run_id).within(client, work) => run.map(Some),
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| None).map_err(Into::into),
    }
}

/// Whether a run stays as it is.
pub(crate) fn has_ended(run: &DagRun) -> bool {
    matches!(run.state.as_str(), "success" | "failed")
}

/// The exit code of a run that was followed; says how to resume what Ctrl-C ended.
pub(crate) fn exit_code(dag_id: &str, run_id: &str, ended: Option<&DagRun>) -> ExitCode {
    match ended {
        Some(run) if run.state == "success" => ExitCode::SUCCESS,
        Some(_) => ExitCode::FAILURE,
        None => {
            anstream::eprintln!(
                "no longer waiting; the run goes on: `flowctl runs watch {dag_id} {run_id}` resumes, `flowctl runs \
                 cancel {dag_id} {run_id}` stops it"
            );
            Code::Interrupted.into()
        }
    }
}

/// Lets pass that a server does not answer for a while.
fn bear(error: anyhow::Error, unanswered_since: &mut Option<Instant>) -> anyhow::Result<()> {
    match error.downcast_ref() {
        Some(Error::Unreachable { .. } | Error::Broken { .. } | Error::Refused { status: 502..=504, .. }) => {}
        _ => return Err(error),
    }
    if unanswered_since.is_none() {
        anstream::eprintln!("{error}; trying again for {} s", PATIENCE.as_secs());
    }
    if unanswered_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE { Err(error) } else { Ok(()) }
}
