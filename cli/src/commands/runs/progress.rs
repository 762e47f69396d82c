//! How far a run is, on stderr: a bar in a terminal, and otherwise a line when what it waits for changes.

use api::{DagRun, DagRunWaiting, TaskInstanceCollection};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::client::{Client, Error};

/// States that a task instance stays in.
const FINISHED: [&str; 5] = ["success", "failed", "skipped", "upstream_failed", "removed"];
/// How many running tasks fit beside the bar.
const NAMED: u64 = 3;

/// Before it is known how many task instances there are.
const WAITING: &str = "{spinner} {elapsed}  {msg}";
/// Afterwards.
const RUNNING: &str = "{spinner} {bar:30} {pos} of {len}  {elapsed}  {msg}";

/// The bar.
pub(super) struct Progress {
    bar: ProgressBar,
    /// What the run waited for when it was last looked at, and whether that was told.
    reason: Option<(String, bool)>,
}

impl Progress {
    /// Nothing is shown yet.
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style(WAITING));
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
        self.bar.set_message(names.join(", "));
        self.bar.set_style(style(RUNNING));
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.bar.tick();
        Ok(())
    }

    /// Tells what the run waits for, once, and only when it still does so at the second look: most runs start at once.
    fn tell(&mut self, reason: String) {
        match &mut self.reason {
            Some((last, is_told)) if *last == reason => {
                if !std::mem::replace(is_told, true) && self.bar.is_hidden() {
                    anstream::eprintln!("the run waits: {reason}");
                }
                self.bar.set_message(format!("waits: {reason}"));
            }
            _ => self.reason = Some((reason, false)),
        }
        self.bar.tick();
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

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("━╸ ")
}
