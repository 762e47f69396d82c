//! Whether a file is there.

use std::io::ErrorKind;
use std::path::Path;

use super::Seen;

/// A file, or a folder with something in it. A path that does not exist as it stands is a pattern (`*`, `?`, `[a-z]`, `**`),
/// as Airflow's file sensor takes it; one file that fits is enough.
pub(super) fn look(path: &Path) -> Seen {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => match std::fs::read_dir(path).map(|mut entries| entries.next().is_some()) {
            Ok(true) => Seen::Met(Vec::new()),
            Ok(false) => Seen::NotYet("the folder is empty".to_owned()),
            Err(error) => Seen::NotYet(format!("the folder cannot be read: {error}")),
        },
        Ok(_) => Seen::Met(Vec::new()),
        Err(error) if error.kind() == ErrorKind::NotFound => look_for_pattern(path),
        Err(error) => Seen::NotYet(format!("it cannot be looked at: {error}")),
    }
}

fn look_for_pattern(path: &Path) -> Seen {
    let nothing = || Seen::NotYet("it does not exist".to_owned());
    let Some(pattern) = path.to_str().filter(|path| path.contains(['*', '?', '['])) else { return nothing() };
    match glob::glob(pattern) {
        Ok(found) => found
            .flatten()
            .next()
            .map_or_else(|| Seen::NotYet("no file fits the pattern".to_owned()), |_| Seen::Met(Vec::new())),
        // A name that only looks like a pattern.
        Err(_) => nothing(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Seen, look};

    #[test]
    fn a_pattern_is_met_by_one_file_that_fits_and_a_name_that_looks_like_one_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(look(&at("part-*.csv")), Seen::NotYet("no file fits the pattern".to_owned()));
        std::fs::create_dir(at("day")).unwrap();
        std::fs::write(at("day/part-1.csv"), "x").unwrap();
        assert_eq!(look(&at("part-*.csv")), Seen::NotYet("no file fits the pattern".to_owned()));
        assert_eq!(look(&at("*/part-?.csv")), Seen::Met(Vec::new()));
        assert_eq!(look(&at("**/part-[0-9].csv")), Seen::Met(Vec::new()));
        std::fs::write(at("[x"), "").unwrap();
        assert_eq!(look(&at("[x")), Seen::Met(Vec::new()));
        assert_eq!(look(Path::new("/no/such/file")), Seen::NotYet("it does not exist".to_owned()));
    }
}
