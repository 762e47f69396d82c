//! Waiting for a run, with its progress and, if asked for, its logs.

use api::{DagRun, DagRunWaiting};

use super::follow::follow;
use super::logs::Streams;
use super::progress::Progress;
use crate::client::Client;
use crate::output::{Target, glyph, paint, print, span};

/// How many tasks of a failed run are told of; more would push the first off the screen.
const TOLD: usize = 10;

/// Waits until a run has ended, and says how: what it was then; none when Ctrl-C came first.
pub(crate) async fn run(client: &Client, dag_id: &str, run_id: &str, logs: bool) -> anyhow::Result<Option<DagRun>> {
    let mut progress = Progress::new();
    let mut streams = Streams::default();
    let ended = follow(client, dag_id, run_id, async |run: &DagRun| {
        if logs {
            for line in streams.read(client, run).await? {
                progress.suspend(|| print(&line))?;
            }
        }
        Ok(progress.show(client, run).await?)
    })
    .await;
    progress.clear();
    let ended = ended?;
    if let Some(run) = &ended {
        tell(client, run).await?;
    }
    Ok(ended)
}

/// Says how a run ended, and what of it failed.
async fn tell(client: &Client, run: &DagRun) -> anyhow::Result<()> {
    let state = paint(&run.state, &format!("{} {}", glyph(&run.state), run.state), Target::Stderr);
    let (dag_id, run_id) = (&run.dag_id, &run.dag_run_id);
    anstream::eprintln!("{state}: run `{run_id}` of `{dag_id}` took {}", span(run.duration));
    if run.state == "success" {
        return Ok(());
    }
    let waiting: DagRunWaiting = client.get_own(&["dags", dag_id, "dagRuns", run_id, "waiting"], &[]).await?;
    for ended in waiting.task_instances.iter().take(TOLD) {
        anstream::eprintln!("  {}: {}", ended.task_id, ended.reason);
    }
    anstream::eprintln!("`flowctl runs show {dag_id} {run_id}` shows its tasks");
    Ok(())
}
