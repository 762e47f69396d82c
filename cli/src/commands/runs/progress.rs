//! How far a run is, on stderr: bars in a terminal, one for the run and one for each of its task groups, and otherwise a
//! line when what it waits for changes.

use api::{DagRun, DagRunWaiting, TaskInstance, TaskInstanceCollection};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::client::{Client, Error};

/// States that a task instance stays in.
const FINISHED: [&str; 5] = ["success", "failed", "skipped", "upstream_failed", "removed"];
/// How many running tasks fit beside the bar.
const NAMED: u64 = 3;
/// Groups that have a bar of their own: more would push the others off the screen.
const GROUPS: usize = 10;
/// Task instances that are counted by group. Beyond them each look would cost more than it shows.
const COUNTED: u64 = 1_000;

/// Before it is known how many task instances there are.
const WAITING: &str = "{spinner} {elapsed}  {msg}";
/// Afterwards.
const RUNNING: &str = "{spinner} {bar:30} {pos} of {len}  {elapsed}  {msg}";
/// Of a group.
const GROUP: &str = "  {bar:30} {pos} of {len}  {msg}";

/// The bars.
pub(super) struct Progress {
    all: MultiProgress,
    bar: ProgressBar,
    groups: Vec<(String, ProgressBar)>,
    /// What the run waited for when it was last looked at, and whether that was told.
    reason: Option<(String, bool)>,
}

impl Progress {
    /// Nothing is shown yet.
    pub(super) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let bar = all.add(ProgressBar::no_length().with_style(style(WAITING)));
        Self { all, bar, groups: Vec::new(), reason: None }
    }

    /// Shows where the run is. Counted by the server: a run may have ten thousand task instances.
    pub(super) async fn show(&mut self, client: &Client, run: &DagRun) -> Result<(), Error> {
        let path = ["dags", &run.dag_id, "dagRuns", &run.dag_run_id];
        if run.state == "queued" {
            let waiting: DagRunWaiting = client.get_own(&[&path[..], &["waiting"]].concat(), &[]).await?;
            self.tell(waiting.reason.unwrap_or_default());
            return Ok(());
        }
        if self.all.is_hidden() {
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
        if total <= COUNTED {
            self.show_groups(&client.all::<TaskInstanceCollection>(&path, &[]).await?);
        }
        Ok(())
    }

    fn show_groups(&mut self, instances: &[TaskInstance]) {
        for Group { name, done, total } in groups(instances).into_iter().take(GROUPS) {
            let known = self.groups.iter().position(|(group, _)| group == name);
            let at = known.unwrap_or_else(|| {
                let bar = self.all.add(ProgressBar::new(total).with_style(style(GROUP)).with_message(name.to_owned()));
                self.groups.push((name.to_owned(), bar));
                self.groups.len() - 1
            });
            let (_, bar) = &self.groups[at];
            bar.set_length(total);
            bar.set_position(done);
        }
    }

    /// Tells what the run waits for, once, and only when it still does so at the second look: most runs start at once.
    fn tell(&mut self, reason: String) {
        if reason.is_empty() {
            return;
        }
        match &mut self.reason {
            Some((last, is_told)) if *last == reason => {
                if !std::mem::replace(is_told, true) && self.all.is_hidden() {
                    anstream::eprintln!("the run waits: {reason}");
                }
                self.bar.set_message(format!("waits: {reason}"));
            }
            _ => self.reason = Some((reason, false)),
        }
        self.bar.tick();
    }

    /// Prints in between without breaking the bars.
    pub(super) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.all.suspend(print)
    }

    /// Takes the bars away.
    pub(super) fn clear(&self) {
        for (_, bar) in &self.groups {
            bar.finish_and_clear();
        }
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("━╸ ")
}

/// How far an outermost task group is.
#[derive(Debug, PartialEq, Eq)]
struct Group<'a> {
    name: &'a str,
    done: u64,
    total: u64,
}

/// The outermost groups, in the order in which they are met.
fn groups(instances: &[TaskInstance]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for instance in instances {
        let Some((name, _)) = instance.task_id.split_once('.') else { continue };
        let at = groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
            groups.push(Group { name, done: 0, total: 0 });
            groups.len() - 1
        });
        groups[at].total += 1;
        groups[at].done += u64::from(instance.state.as_deref().is_some_and(|state| FINISHED.contains(&state)));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::{Group, groups};
    use crate::commands::runs::tree::instance;

    #[test]
    fn outermost_groups_are_counted_and_tasks_outside_of_groups_are_not() {
        let instances = [
            instance("start", -1, "success", (1, 0), None),
            instance("city.train.als", 0, "success", (1, 0), None),
            instance("city.pick", 0, "none", (0, 0), None),
            instance("report.write", -1, "skipped", (0, 0), None),
        ];
        let expected = [Group { name: "city", done: 1, total: 2 }, Group { name: "report", done: 1, total: 1 }];
        assert_eq!(groups(&instances), expected);
    }
}
