//! The task that looks.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::attempt::{Outcome, Report};
use model::ids::{AttemptToken, TaskInstanceKey};
use model::wait::{Awaited, Look};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::entry::Entry;
use super::outside::Outside;
use super::{Command, Seen, files, http, runs, sql, trigger};
use crate::causes::with_causes;

/// Looks that are due within this are made together: ten thousand sensors cost five wakes a second.
const TOGETHER: Duration = Duration::from_millis(200);
/// Looks under way at once; a group of files, or of runs, is one.
const MAX_LOOKS: usize = 32;
/// Files that are visited in one go, and runs that one statement asks for.
const GROUP: usize = 500;
/// How often what was seen is written.
const WRITE: Duration = Duration::from_secs(2);

type Found = Vec<(AttemptToken, Seen)>;

pub(super) struct Looking {
    outside: Arc<Outside>,
    reports: mpsc::UnboundedSender<Report>,
    entries: HashMap<AttemptToken, Entry>,
    due: BTreeSet<(Timestamp, AttemptToken)>,
    looks: JoinSet<Found>,
    /// When looks were last begun.
    looked: Option<Instant>,
    seen: HashMap<AttemptToken, (TaskInstanceKey, Look)>,
}

impl Looking {
    pub(super) fn new(outside: Outside, reports: mpsc::UnboundedSender<Report>) -> Self {
        Self {
            outside: Arc::new(outside),
            reports,
            entries: HashMap::new(),
            due: BTreeSet::new(),
            looks: JoinSet::new(),
            looked: None,
            seen: HashMap::new(),
        }
    }

    pub(super) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut write = tokio::time::interval(WRITE);
        write.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let sleep = self.sleep();
            tokio::select! {
                command = commands.recv() => {
                    let Some(command) = command else { return };
                    self.take(command);
                    self.look();
                }
                Some(found) = self.looks.join_next(), if !self.looks.is_empty() => match found {
                    Ok(found) => found.into_iter().for_each(|(token, seen)| self.fold(token, seen)),
                    Err(error) => tracing::error!(%error, "a look for what tasks wait for broke off"),
                },
                () = tokio::time::sleep(sleep.unwrap_or_default()), if sleep.is_some() => self.look(),
                _ = write.tick(), if !self.seen.is_empty() => self.write().await,
            }
        }
    }

    /// How long until something is due, and others with it; none when there is nothing, or no room for it.
    fn sleep(&self) -> Option<Duration> {
        let (due, _) = self.due.first().filter(|_| self.looks.len() < MAX_LOOKS)?;
        let left = Duration::try_from(due.duration_since(self.outside.now())).unwrap_or_default();
        Some(left.max(self.looked.map_or(Duration::ZERO, |looked| TOGETHER.saturating_sub(looked.elapsed()))))
    }

    fn take(&mut self, command: Command) {
        let now = self.outside.now();
        match command {
            Command::Watch(watches) => {
                for watch in watches {
                    let token = watch.attempt.token;
                    self.forget(token);
                    let entry = Entry::new(watch, now);
                    self.due.extend(entry.due.map(|due| (due, token)));
                    self.entries.insert(token, entry);
                }
            }
            Command::Unwatch(token) => self.forget(token),
            Command::DagsMoved(dag_ids) => self.hurry(&dag_ids, now),
        }
    }

    fn forget(&mut self, token: AttemptToken) {
        if let Some(due) = self.entries.remove(&token).and_then(|entry| entry.due) {
            self.due.remove(&(due, token));
        }
        self.seen.remove(&token);
    }

    /// Looks at once for what waits for a run of one of these DAGs.
    fn hurry(&mut self, dag_ids: &[String], now: Timestamp) {
        for (token, entry) in &mut self.entries {
            if !entry.other_dag().is_some_and(|other| dag_ids.iter().any(|dag_id| dag_id == other)) {
                continue;
            }
            match entry.due {
                Some(due) => {
                    self.due.remove(&(due, *token));
                    entry.due = Some(now);
                    self.due.insert((now, *token));
                }
                None => entry.is_hurried = true,
            }
        }
    }

    /// Begins the looks that are due, as far as there is room.
    fn look(&mut self) {
        let now = self.outside.now();
        self.looked = Some(Instant::now());
        let (mut paths, mut questions) = (Vec::new(), Vec::new());
        while self.looks.len() < MAX_LOOKS {
            let Some((due, token)) = self.due.first().copied().filter(|(due, _)| *due <= now) else { break };
            self.due.remove(&(due, token));
            let Some(entry) = self.entries.get_mut(&token) else { continue };
            entry.due = None;
            let outside = Arc::clone(&self.outside);
            let Some(awaited) = &entry.awaited else {
                let reason = "a secret in what it waits for cannot be decrypted; clear the task to look it up again";
                self.looks.spawn(async move { vec![(token, Seen::failed_for_good(reason))] });
                continue;
            };
            match awaited {
                Awaited::File { path } => paths.push((token, path.clone())),
                Awaited::Run(other) => questions.push((token, runs::Asked::Other(other.clone()))),
                Awaited::Trigger(awaited) => {
                    if let Some(run_id) = entry.triggered.clone() {
                        questions.push((token, runs::Asked::Triggered(awaited.dag_id.clone(), run_id)));
                    } else {
                        let awaited = awaited.clone();
                        self.looks.spawn(async move { vec![(token, trigger::trigger(&outside, &awaited).await)] });
                    }
                }
                Awaited::Http(request) => {
                    let request = request.clone();
                    self.looks.spawn(async move { vec![(token, http::look(&outside, &request).await)] });
                }
                Awaited::Sql { conn_id, sql } => {
                    let (conn_id, sql) = (conn_id.clone(), sql.clone());
                    self.looks.spawn(async move { vec![(token, sql::look(&outside, &conn_id, &sql).await)] });
                }
                Awaited::Delivery { message } => {
                    let message = message.clone();
                    self.looks.spawn(async move { vec![(token, outside.deliver(&message, token).await)] });
                }
                // Nobody looks for these.
                Awaited::Time { .. } | Awaited::Approval(_) | Awaited::Python => {}
            }
            if paths.len() == GROUP {
                self.visit(std::mem::take(&mut paths));
            }
            if questions.len() == GROUP {
                self.ask(std::mem::take(&mut questions));
            }
        }
        if !paths.is_empty() {
            self.visit(paths);
        }
        if !questions.is_empty() {
            self.ask(questions);
        }
    }

    fn visit(&mut self, paths: Vec<(AttemptToken, String)>) {
        self.looks.spawn_blocking(move || {
            paths.into_iter().map(|(token, path)| (token, files::look(std::path::Path::new(&path)))).collect()
        });
    }

    fn ask(&mut self, questions: Vec<(AttemptToken, runs::Asked)>) {
        let outside = Arc::clone(&self.outside);
        self.looks.spawn(async move { runs::look(&outside, questions).await });
    }

    /// An attempt that is not looked for any more is left alone.
    fn fold(&mut self, token: AttemptToken, seen: Seen) {
        let now = self.outside.now();
        let Some(entry) = self.entries.get_mut(&token) else { return };
        let not_yet = match seen {
            Seen::NotYet(saw) => Ok(saw),
            Seen::Met(xcoms) => Err(entry.report(Outcome::Success, xcoms, now)),
            Seen::Triggered(run_id) if entry.waits_for_end() => {
                let saw = format!("run `{run_id}` has been created");
                entry.triggered = Some(run_id);
                // Its end may have come before anybody looked for it.
                entry.is_hurried = true;
                Ok(saw)
            }
            Seen::Triggered(run_id) => Err(entry.report(Outcome::Success, trigger::pushed(run_id), now)),
            Seen::Failed { reason, may_retry } => {
                Err(entry.report(Outcome::Failed { reason, exit_code: None, may_retry }, Vec::new(), now))
            }
        };
        match not_yet {
            Ok(saw) => {
                let (due, look) = entry.looked(now, &saw);
                self.due.insert((due, token));
                self.seen.insert(token, (entry.watch.attempt.key, look));
            }
            Err(report) => {
                self.forget(token);
                let _ = self.reports.send(report);
            }
        }
    }

    /// Writes what was seen. What cannot be written is written with what is seen next.
    async fn write(&mut self) {
        let looks: Vec<_> =
            std::mem::take(&mut self.seen).into_iter().map(|(token, (key, look))| (key, token, look)).collect();
        if let Some(store) = &self.outside.store
            && let Err(error) = store.note_looks(&looks).await
        {
            tracing::warn!(error = with_causes(&error), "what sensors saw was not written");
        }
    }
}
