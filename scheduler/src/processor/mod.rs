//! The DAG processor: turns the files of the DAG folder into DAG versions and import errors.
//!
//! 1. The folder is listed, when the file system says that something changed and every [`RESCAN`] besides (network
//!    file systems and mounted config maps say nothing).
//!    A file that somebody is still writing is not read before it is complete: half of it could be a DAG, too.
//! 2. Files that are new or were written since are read and checked, in parallel, and those that name such a file (a
//!    calendar); no others are.
//!    A file that named a pool which did not exist is read again once there is one of that name.
//! 3. Each good file is saved (an equal content never makes a new version), each bad one becomes an import error while
//!    the last good version of its DAG stays in force. DAGs of files that are gone become stale; their history stays.

mod folder;
mod read;
#[cfg(test)]
mod tests;
mod writers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::dag_file::{Defaults, Problem};
use notify::Watcher;
use rayon::prelude::*;
use store::Store;
use store::dag::SavedDag;
use store::import_error::NewImportError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::causes::with_causes;
use crate::ports::Clock;
use folder::{Listing, Stamp};
use read::Beside;
use writers::Writers;

pub use folder::FolderError;
pub use read::ReadFile;

/// How often the folder is listed although nothing seems to have happened.
const RESCAN: Duration = Duration::from_secs(5);
/// Writers often touch a file several times: a look waits until it has been quiet for this long.
const QUIET: Duration = Duration::from_millis(20);

/// Where DAG files are and what they leave open.
#[derive(Debug, Clone)]
pub struct ProcessorConfig {
    /// The folder.
    pub folder: PathBuf,
    /// What files that do not say mean.
    pub defaults: Defaults,
    /// Whether a new DAG whose file does not say starts paused.
    pub are_paused_at_creation: bool,
}

/// Watches the DAG folder.
pub struct Processor<C> {
    store: Store,
    config: ProcessorConfig,
    clock: C,
    listing: Listing,
    /// Which DAG each good file describes; of two that describe the same one the first by path wins.
    dag_ids: BTreeMap<String, String>,
    /// The files that each file names, where it names any.
    beside: BTreeMap<String, Vec<Beside>>,
    is_first_look: bool,
    folder_is_missing: bool,
    writers: Writers,
    /// Whether the last look left files out that somebody is writing.
    is_waiting: bool,
    /// Files that were refused because of pools that do not exist, with the names of those.
    without_pool: BTreeMap<String, Vec<String>>,
    /// Files that contradict another one about an asset: read again when another one changes.
    asset_conflicts: BTreeSet<String>,
    /// Files that somebody asked for and that have not been read since.
    requested: BTreeSet<String>,
}

impl<C: Clock> Processor<C> {
    /// A processor that has not looked yet.
    pub fn new(store: Store, config: ProcessorConfig, clock: C) -> Self {
        Self {
            store,
            config,
            clock,
            listing: Listing::new(),
            dag_ids: BTreeMap::new(),
            beside: BTreeMap::new(),
            is_first_look: true,
            folder_is_missing: false,
            writers: Writers::default(),
            is_waiting: false,
            without_pool: BTreeMap::new(),
            asset_conflicts: BTreeSet::new(),
            requested: BTreeSet::new(),
        }
    }

    /// Looks whenever something changed, until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let (hints, mut hinted) = mpsc::channel::<()>(1);
        let mut watcher = watch(&self.config.folder, self.writers.clone(), hints.clone());
        let mut new_pools = None;
        loop {
            if let Err(error) = self.look().await {
                tracing::error!(error = with_causes(&error), "the DAG folder's changes were not saved; trying again");
                self.listing.clear();
                // What is gone is not in the listing either: only the database knows of it.
                self.is_first_look = true;
            }
            if watcher.is_none() || self.folder_is_missing {
                watcher = watch(&self.config.folder, self.writers.clone(), hints.clone());
            }
            if !self.without_pool.is_empty() && new_pools.is_none() {
                new_pools = self.store.listen(&[store::listen::POOL]).await.ok();
            }
            tokio::select! {
                () = stop.cancelled() => return,
                Some(()) = hinted.recv() => tokio::time::sleep(QUIET).await,
                () = a_pool(&mut new_pools), if new_pools.is_some() => {}
                () = tokio::time::sleep(self.rest()) => {}
            }
            while hinted.try_recv().is_ok() {}
        }
    }

    /// How long nothing needs to be looked at, unless there is a hint.
    fn rest(&self) -> Duration {
        if self.is_waiting { writers::SETTLED.unsigned_abs() } else { RESCAN }
    }

    /// Lists the folder and saves what changed.
    pub async fn look(&mut self) -> Result<(), store::Error> {
        // Before the folder is listed: a DAG that somebody saves meanwhile, whose file the listing does not have, is not gone.
        let known = if self.is_first_look { self.store.known_files().await? } else { Vec::new() };
        let folder = self.config.folder.clone();
        let listed = tokio::task::spawn_blocking(move || folder::list(&folder)).await;
        let mut after = match listed {
            Ok(Ok(listing)) => listing,
            Ok(Err(error)) => {
                if !std::mem::replace(&mut self.folder_is_missing, true) {
                    tracing::error!(
                        error = with_causes(&error),
                        "no DAG is changed or removed until the folder is back"
                    );
                }
                return Ok(());
            }
            Err(error) => {
                tracing::error!(error = with_causes(&error), "listing the DAG folder failed");
                return Ok(());
            }
        };
        if std::mem::take(&mut self.folder_is_missing) {
            tracing::info!("the DAG folder is back");
        }
        let mut difference = folder::difference(&self.listing, &after);
        difference.gone.extend(known.into_iter().filter(|file| !after.contains_key(file)));
        difference.gone.sort();
        difference.gone.dedup();
        // Once it can be read again the database says what should be there.
        self.is_first_look = difference.spare_hidden(&after);
        self.beside.retain(|path, _| after.contains_key(path));
        let is_stale = |beside: &[Beside]| beside.iter().any(Beside::has_changed);
        let stale = self.beside.iter().filter(|(_, beside)| is_stale(beside)).map(|(path, _)| path.clone());
        difference.changed.extend(stale);
        difference.changed.sort();
        difference.changed.dedup();
        self.look_at_pools(&mut difference, &after).await?;
        self.look_at_requests(&mut difference, &after).await?;
        if difference.gone.is_empty() && difference.changed.is_empty() {
            self.writers.nothing_changed();
            self.is_waiting = false;
            return Ok(());
        }
        self.save_gone(&mut difference).await?;
        // Behind the others, which may have been what they contradicted.
        let conflicts = std::mem::take(&mut self.asset_conflicts);
        let again = |path: &String| after.contains_key(path) && !difference.changed.contains(path);
        let again: Vec<String> = conflicts.into_iter().filter(again).collect();
        difference.changed.extend(again);
        let now = self.clock.now();
        let unfinished = self.writers.take_unfinished(&self.config.folder, &after, &mut difference.changed, now);
        self.is_waiting = !unfinished.is_empty();
        for path in &unfinished {
            after.remove(path);
        }
        let (folder, defaults) = (self.config.folder.clone(), self.config.defaults.clone());
        let (changed, listing) = (difference.changed, after.clone());
        let files = tokio::task::spawn_blocking(move || read_all(&folder, &changed, &listing, &defaults)).await;
        for mut file in files.unwrap_or_default() {
            let beside = std::mem::take(&mut file.beside);
            if beside.is_empty() {
                self.beside.remove(&file.relative);
            } else {
                self.beside.insert(file.relative.clone(), beside);
            }
            let path = file.relative.clone();
            self.save(file).await?;
            self.requested.remove(&path);
        }
        // What is being written is looked at again as if it had never been seen, and is not gone meanwhile.
        for path in unfinished {
            after.insert(path, Stamp::default());
        }
        self.listing = after;
        Ok(())
    }

    /// Files whose pools exist by now are read again.
    async fn look_at_pools(
        &mut self,
        difference: &mut folder::Difference,
        after: &Listing,
    ) -> Result<(), store::Error> {
        self.without_pool.retain(|path, _| after.contains_key(path));
        if self.without_pool.is_empty() {
            return Ok(());
        }
        let known = self.store.pool_names().await?;
        for (path, names) in &self.without_pool {
            if names.iter().all(|name| known.contains(name)) && !difference.changed.contains(path) {
                difference.changed.push(path.clone());
            }
        }
        Ok(())
    }

    /// Files that somebody asked for are read again. They are asked for until they were saved.
    async fn look_at_requests(
        &mut self,
        difference: &mut folder::Difference,
        after: &Listing,
    ) -> Result<(), store::Error> {
        self.requested.extend(self.store.take_dag_file_requests().await?);
        self.requested.retain(|path| after.contains_key(path));
        let more: Vec<String> =
            self.requested.iter().filter(|path| !difference.changed.contains(path)).cloned().collect();
        difference.changed.extend(more);
        Ok(())
    }

    /// DAGs of files that are gone become stale, and a file that was refused for its `dag_id` may now have it.
    async fn save_gone(&mut self, difference: &mut folder::Difference) -> Result<(), store::Error> {
        if difference.gone.is_empty() {
            return Ok(());
        }
        let stale = self.store.mark_files_gone(&difference.gone).await?;
        for dag_id in stale {
            tracing::info!(dag.id = dag_id, "the DAG's file is gone; the DAG is stale");
        }
        for path in &difference.gone {
            if let Some(freed) = self.dag_ids.remove(path) {
                let again = self.dag_ids.iter().filter(|(_, dag_id)| **dag_id == freed).map(|(path, _)| path.clone());
                difference.changed.extend(again.collect::<Vec<_>>());
            }
        }
        Ok(())
    }

    async fn save(&mut self, file: ReadFile) -> Result<(), store::Error> {
        self.without_pool.remove(&file.relative);
        match file.result {
            Ok(parsed) => {
                self.dag_ids.insert(file.relative.clone(), parsed.dag.dag_id.clone());
                if let Some(first) = self.first_with(&parsed.dag.dag_id, &file.relative) {
                    return self.refuse(&file.relative, &[duplicate(&parsed.dag.dag_id, &first)]).await;
                }
                let fileloc = self.config.folder.join(&file.relative);
                let saved = SavedDag {
                    parsed: &parsed,
                    relative_fileloc: &file.relative,
                    fileloc: &fileloc.to_string_lossy(),
                    source: &file.source,
                    parse_duration_ms: file.duration.as_secs_f64() * 1000.0,
                    is_paused_at_creation: parsed
                        .dag
                        .is_paused_upon_creation
                        .unwrap_or(self.config.are_paused_at_creation),
                };
                let outcome = match self.store.save_dag(&saved, self.clock.now()).await {
                    Ok(outcome) => outcome,
                    Err(store::Error::UnknownPools { names }) => {
                        let known = self.store.pool_names().await?;
                        let problems = model::dag_file::pools::unknown(&parsed, &file.source, &known);
                        self.without_pool.insert(file.relative.clone(), names);
                        // None when somebody created the pool meanwhile: then the next look reads the file again.
                        return if problems.is_empty() { Ok(()) } else { self.refuse(&file.relative, &problems).await };
                    }
                    Err(store::Error::AssetConflict { reason }) => {
                        self.asset_conflicts.insert(file.relative.clone());
                        return self.refuse(&file.relative, &[read::whole_file(reason)]).await;
                    }
                    Err(error) => return Err(error),
                };
                if outcome.is_new_version {
                    tracing::info!(
                        dag.id = parsed.dag.dag_id,
                        version = outcome.version_number,
                        file = file.relative,
                        "a new version of the DAG is in force"
                    );
                }
                Ok(())
            }
            Err(problems) => self.refuse(&file.relative, &problems).await,
        }
    }

    /// The file before `relative` in the order of paths that describes the same DAG.
    fn first_with(&self, dag_id: &str, relative: &str) -> Option<String> {
        let mut earlier = self.dag_ids.range(..relative.to_owned());
        earlier.find(|(_, other)| *other == dag_id).map(|(path, _)| path.clone())
    }

    async fn refuse(&self, relative: &str, problems: &[Problem]) -> Result<(), store::Error> {
        tracing::warn!(file = relative, problems = problems.len(), "a DAG file was refused; see the import errors");
        let path = self.config.folder.join(relative);
        let stack_trace: Vec<String> = problems.iter().map(|problem| describe(&path, problem)).collect();
        let error = NewImportError {
            filename: relative,
            dag_id: self.dag_ids.get(relative).map(String::as_str),
            stack_trace: &stack_trace.join("\n"),
            problems,
        };
        self.store.record_import_error(&error, self.clock.now()).await
    }
}

/// Waits until a pool was created.
async fn a_pool(hints: &mut Option<store::Hints>) {
    match hints {
        Some(listener) => {
            if listener.recv().await.is_err() {
                *hints = None;
            }
        }
        None => std::future::pending().await,
    }
}

/// Reads all DAG files of a folder once, as the processor does, in the order of their paths.
pub fn read_folder(folder: &Path, defaults: &Defaults) -> Result<Vec<ReadFile>, FolderError> {
    let listing = folder::list(folder)?;
    let files: Vec<String> = listing.keys().cloned().collect();
    Ok(read_all(folder, &files, &listing, defaults))
}

/// Reads one DAG file, as the processor does.
pub fn read_file(path: &Path, defaults: &Defaults) -> ReadFile {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    read::read(path.parent().unwrap_or(Path::new("")), &name, defaults)
}

/// What is wrong with a file that describes a DAG which an earlier one describes already.
pub fn duplicate(dag_id: &str, first: &str) -> Problem {
    read::whole_file(format!(
        "the DAG `{dag_id}` is already described by {first}; the first file by path wins: rename one of the two"
    ))
}

fn describe(path: &Path, problem: &Problem) -> String {
    let place = if problem.line == 0 {
        path.display().to_string()
    } else {
        format!("{}:{}:{}", path.display(), problem.line, problem.column)
    };
    let help = problem.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    if problem.snippet.is_empty() {
        format!("{place}: {}{help}", problem.message)
    } else {
        format!("{place}: {}\n{}{help}", problem.message, problem.snippet)
    }
}

fn read_all(folder: &Path, changed: &[String], listing: &Listing, defaults: &Defaults) -> Vec<ReadFile> {
    let read = |relative: &String| match listing.get(relative).and_then(|stamp| stamp.problem.clone()) {
        Some(problem) => read::refused(relative, problem),
        None => read::read(folder, relative, defaults),
    };
    changed.par_iter().map(read).collect()
}

/// Sends a hint whenever something happens below the folder; none when the folder cannot be watched.
fn watch(folder: &Path, writers: Writers, hints: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let says_something = event.as_ref().map_or(true, |event| writers.note(event));
        if says_something {
            // A full channel already holds the hint.
            let _ = hints.try_send(());
        }
    })
    .ok()?;
    watcher.watch(folder, notify::RecursiveMode::Recursive).ok()?;
    Some(watcher)
}
