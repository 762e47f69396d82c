//! DAGs straight from their files, for the commands that need no server.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::dag::Dag;
use model::dag_file::render;
use scheduler::processor::{ReadFile, read_file, read_folder};

use crate::commands::when::When;
use crate::config::Settings;
use crate::failure::Failure;

/// A DAG and the file that describes it.
#[derive(Debug)]
pub(crate) struct LocalDag {
    /// The DAG.
    pub dag: Dag,
    /// Absolute path.
    pub file: PathBuf,
}

/// The DAG that `name` means: the path of a file, or a `dag_id` in the DAG folder.
pub(crate) fn find(settings: &Settings, name: &str) -> anyhow::Result<LocalDag> {
    let path = Path::new(name);
    let is_path =
        name.contains('/') || path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    if is_path {
        if !path.exists() {
            return Err(Failure::not_found(format!("there is no file {name}")).into());
        }
        return accept(path, read_file(path, &settings.dag_defaults()));
    }
    let folder = &settings.dags_folder;
    let files = read_folder(folder, &settings.dag_defaults()).map_err(|error| {
        Failure::failed(error.to_string()).hint("name the DAG's file instead, or its folder with FLOWCTL_DAGS_FOLDER")
    })?;
    let is_it = |file: &ReadFile| match &file.result {
        Ok(parsed) => parsed.dag.dag_id == name,
        // A refused file has no id but the one that its name would give it.
        Err(_) => Path::new(&file.relative).file_stem().is_some_and(|stem| stem == name),
    };
    let count = files.len();
    let mut found: Vec<ReadFile> = files.into_iter().filter(is_it).collect();
    // A good file is before a refused one; of several good ones the first by path wins, as in the DAG processor.
    found.sort_by_key(|file| file.result.is_err());
    match found.into_iter().next() {
        Some(file) => accept(&folder.join(&file.relative), file),
        None => Err(Failure::not_found(format!("no DAG `{name}` in the {count} files of {}", folder.display()))
            .hint("`flowctl dags list` shows the DAGs of a server; a path names a file")
            .into()),
    }
}

fn accept(path: &Path, file: ReadFile) -> anyhow::Result<LocalDag> {
    match file.result {
        Ok(parsed) => Ok(LocalDag { dag: parsed.dag, file: path.canonicalize().unwrap_or_else(|_| path.to_owned()) }),
        Err(problems) => {
            let color = std::io::stderr().is_terminal();
            anstream::eprintln!("{}\n", render(&problems, &path.display().to_string(), &file.source, color));
            Err(Failure::failed(format!("{} is not a DAG", path.display())).into())
        }
    }
}

impl LocalDag {
    /// Its time zone.
    pub(crate) fn zone(&self) -> TimeZone {
        TimeZone::get(&self.dag.timezone).unwrap_or(TimeZone::UTC)
    }

    /// A date as a person gives it; without an offset it is in the DAG's time zone.
    pub(crate) fn instant(&self, when: When) -> anyhow::Result<Timestamp> {
        let civil = match when {
            When::Instant(instant) => return Ok(instant),
            When::Civil(civil) => civil,
        };
        let zoned = self.zone().to_ambiguous_zoned(civil).compatible();
        Ok(zoned.map_err(|error| Failure::usage(format!("{civil} is out of range: {error}")))?.timestamp())
    }
}
