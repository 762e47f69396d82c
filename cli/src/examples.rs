//! The example DAGs: every file of `dags/`, in the binary.

use std::path::Path;

use anyhow::Context;

/// Path below the DAG folder, and content.
const EXAMPLES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/examples.rs"));

/// Writes them into a folder.
pub(crate) fn write_to(folder: &Path) -> anyhow::Result<()> {
    for (name, content) in EXAMPLES {
        let path = folder.join(name);
        let written =
            path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, content));
        written.with_context(|| format!("the example {} cannot be written", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_yaml_example_is_a_dag_and_has_what_it_names_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        write_to(folder.path()).unwrap();
        let mut dags = 0;
        for (name, content) in
            EXAMPLES.iter().filter(|(name, _)| Path::new(name).extension().is_some_and(|extension| extension == "yaml"))
        {
            let defaults = model::dag_file::Defaults { timezone: "UTC".to_owned() };
            let text = std::str::from_utf8(content).unwrap();
            let stem = Path::new(name).file_stem().unwrap().to_str().unwrap();
            let parsed = model::dag_file::parse(text, stem, &defaults);
            assert!(parsed.is_ok(), "{name}: {parsed:?}");
            dags += 1;
        }
        assert!(dags >= 4);
        assert!(folder.path().join("simple_tutorial.py").is_file());
    }
}
