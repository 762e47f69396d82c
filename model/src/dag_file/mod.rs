//! The language of DAG files: YAML text in, a checked [`Dag`] or problems with their places out.
//!
//! 1. `yaml` reads the text into a tree of `node`s that know their places, within budgets (`events` does it for usual
//!    files, serde-saphyr for the others);
//! 2. `check` turns the tree into a [`Dag`] with the help of one file per part of the language (`task`, `operator`,
//!    `policy`, `schedule`, `params`, `dates`), collecting every problem instead of stopping at the first;
//! 3. `graph` resolves `depends_on` and `flow` into edges between tasks, and `cycles` names a cycle edge by edge;
//! 4. `hash` says whether the content is a new version.

mod assets;
#[cfg(test)]
mod assets_tests;
mod calendar;
mod callbacks;
#[cfg(test)]
mod callbacks_tests;
mod check;
mod cycles;
mod dates;
mod events;
mod expand;
mod flow;
mod graph;
mod hash;
mod keys;
mod limits;
#[cfg(test)]
mod limits_tests;
mod node;
#[cfg(test)]
mod not_yet_tests;
mod operator;
pub mod params;
mod policy;
#[cfg(test)]
mod policy_tests;
pub mod pools;
mod problems;
mod read;
mod scalar;
mod schedule;
#[cfg(test)]
mod schedule_tests;
mod schema;
mod task;
mod templates;
#[cfg(test)]
mod tests;
mod waiting;
#[cfg(test)]
mod waiting_tests;
mod yaml;

use crate::dag::Dag;
use serde::{Deserialize, Serialize};

pub use problems::render;
pub use schema::json_schema;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file is not accepted.
    Error,
    /// The file is accepted; something in it is probably not meant so.
    Warning,
}

/// Something wrong with a DAG file, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// What is wrong and what to do, lowercase, one sentence.
    pub message: String,
    /// Line from 1; 0 when the problem is the whole file's.
    pub line: u32,
    /// Column from 1, in characters; 0 when the problem is the whole file's.
    pub column: u32,
    /// How many characters the caret line covers; at least 1.
    pub length: u32,
    /// The source line with a caret under the place, as the terminal shows it without colours; empty for the whole file's.
    pub snippet: String,
    /// A hint such as "did you mean `retries`?".
    pub help: Option<String>,
}

/// What the deployment decides for files that do not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// `core.default_timezone`.
    pub timezone: String,
}

/// A file that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The DAG.
    pub dag: Dag,
    /// SHA-256 of the normalised DAG: the same content, however it is laid out, is the same version.
    pub content_hash: [u8; 32],
    /// Problems that do not keep the file from being used.
    pub warnings: Vec<Problem>,
    /// Where it names pools. Whether they exist is not known here: see [`pools::unknown`].
    pub pools: Vec<pools::PoolUse>,
}

/// Gives the text of a file by its path from the DAG file's folder, or says why it cannot be read.
pub type Beside<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Reads and checks one DAG file that names no other file. `file_stem` is the default `dag_id`.
pub fn parse(text: &str, file_stem: &str, defaults: &Defaults) -> Result<Parsed, Vec<Problem>> {
    parse_beside(text, file_stem, defaults, &|_| Err("no other file can be read here".to_owned()))
}

/// Reads and checks one DAG file, with the files that it names.
pub fn parse_beside(
    text: &str,
    file_stem: &str,
    defaults: &Defaults,
    beside: Beside<'_>,
) -> Result<Parsed, Vec<Problem>> {
    let mut problems = problems::Problems::default();
    let dag = yaml::read(text, &mut problems)
        .and_then(|root| check::dag(&root, text, file_stem, defaults, beside, &mut problems));
    let problems = problems.finish(text);
    match dag {
        Some((dag, pools)) if problems.is_empty() => {
            Ok(Parsed { content_hash: hash::content_hash(&dag), dag, warnings: Vec::new(), pools })
        }
        _ => Err(problems),
    }
}
