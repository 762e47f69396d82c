//! How far a run is, on stderr: a bar in a terminal, and otherwise a line when what it waits for changes.

use api::{DagRun, DagRunWaiting, TaskInstanceCollection};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::client::{Client, Error};

/// States that a task instance stays in.
const FINISHED: [&str; 5] = ["success", "failed", "skipped", "upstream_failed", "removed"];
/// How many running tasks fit beside the bar.
const NAMED: u64 = 3;

/// The bar.
pub(super) struct Progress {
    bar: ProgressBar,
    reason: Option<String>,
}

impl Progress {
    /// Nothing is shown yet.
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {bar:30} {pos} of {len}  {elapsed}  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸ "));
        Self { bar, reason: None }
    }

    /// Shows where the run is. Counted by the server: a run may have ten thousand task instances.
    pub(super) async fn show(&mut self, client: &Client, run: &DagRun) -> Result<(), Error> {
        let path = ["dags", &run.dag_id, "dagRuns", &run.dag_run_id];
        if run.state == "queued" {
            let waiting: DagRunWaiting = client.get(&[&path[..], &["waiting"]].concat(), &[]).await?;
            self.tell(waiting.reason.unwrap_or_default());
            return Ok(());
        }
        if self.bar.is_hidden() {
            return Ok(());
        }
        let path = [&path[..], &["taskInstances"]].concat();
        let (_, total) = client.list::<TaskInstanceCollection>(&path, &[], 1, 0).await?;
        let finished = FINISHED.map(|state| ("state", state.to_owned()));
        let (_, done) = client.list::<TaskInstanceCollection>(&path, &finished, 1, 0).await?;
        let running = [("state", "running".to_owned())];
        let (running, _) = client.list::<TaskInstanceCollection>(&path, &running, NAMED, 0).await?;
        let names: Vec<_> = running.iter().map(|instance| instance.task_id.as_str()).collect();
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.bar.set_message(names.join(", "));
        self.bar.tick();
        Ok(())
    }

    fn tell(&mut self, reason: String) {
        if self.reason.as_ref() == Some(&reason) {
            return;
        }
        if self.bar.is_hidden() && !reason.is_empty() {
            anstream::eprintln!("the run waits: {reason}");
        }
        self.bar.set_message(format!("waits: {reason}"));
        self.bar.tick();
        self.reason = Some(reason);
    }

    /// Prints in between without breaking the bar.
    pub(super) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
