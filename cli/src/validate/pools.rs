//! Pools that files name. Which there are, only a server knows, or who calls.

use std::collections::BTreeSet;

use model::dag_file::pools::unknown;
use serde_json::Value;

use super::Checked;
use crate::failure::Failure;

/// The names that `--pools` gives: as they are, or the keys of a JSON file after an `@`.
pub(super) fn known(given: &[String]) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for word in given {
        let Some(file) = word.strip_prefix('@') else {
            names.push(word.trim().to_owned());
            continue;
        };
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::usage(format!("the file {file} of --pools cannot be read: {error}")))?;
        let Ok(Value::Object(pools)) = serde_json::from_str(&text) else {
            let hint = "`flowctl pools export FILE` writes one";
            return Err(Failure::usage(format!("the file {file} of --pools does not hold pools")).hint(hint).into());
        };
        names.extend(pools.into_iter().map(|(name, _)| name));
    }
    Ok(names)
}

/// Adds the pools that a file names and that do not exist to its problems.
pub(super) fn check(file: &mut Checked, known: &[String]) {
    if let Some(parsed) = &file.parsed {
        file.problems.extend(unknown(parsed, &file.source, known));
    }
}

/// Says which pools the files need, on stderr: they may be missing where the files go.
pub(super) fn tell(files: &[Checked]) {
    let names: BTreeSet<_> =
        files.iter().filter_map(|file| file.parsed.as_ref()).flat_map(model::dag_file::Parsed::pool_names).collect();
    if !names.is_empty() {
        let names = names.into_iter().collect::<Vec<_>>().join("`, `");
        anstream::eprintln!("not checked: the server needs the pools `{names}` (--pools checks them)");
    }
}
