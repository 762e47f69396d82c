//! What the documentation shows is true: README.md and every page of docs/ are read for their blocks.
//!
//! * A `yaml` block with `tasks:` at its left edge is a whole DAG file: it validates; a `yaml mistake` block does not.
//! * A `yaml` or `python` block whose first line is a comment with a file name (`# hello.yaml`) is saved under it.
//! * A `console` block is a session: its lines that begin with a dollar sign are run, in order, beside the saved files,
//!   with `flowctl` on the PATH, a home of its own and a `flowctl standalone` that runs; what stands under a command
//!   is what it must print. `[..]` stands for anything within a line, a line `...` for any number of lines, and `? 1`
//!   right under a command is its exit code when that is not 0.
//! * The `nginx` block of deployment.md is started (`nginx.rs`).
//! * Other blocks (`sh`, `text`) are for reading.

mod console;
mod expected;
mod markdown;
mod nginx;

use std::path::{Path, PathBuf};
use std::process::Command;

use console::Session;
use markdown::{Block, Page};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn pages() -> Vec<Page> {
    let docs = std::fs::read_dir(root().join("docs")).expect("docs/").filter_map(Result::ok).map(|entry| entry.path());
    let mut paths: Vec<_> = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    paths.sort();
    paths.insert(0, root().join("README.md"));
    paths.iter().map(|path| Page::read(path)).collect()
}

/// Whether `flowctl validate` takes a DAG file, and what it says.
fn validate(block: &Block) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(block.file_name().unwrap_or("dag.yaml"));
    std::fs::write(&file, &block.text).expect("a DAG file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
    let checked = command.arg("validate").arg(file).env("FLOWCTL_HOME", folder.path()).output();
    let checked = checked.expect("flowctl validate");
    (checked.status.success(), String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned())
}

#[test]
fn every_dag_file_in_the_documentation_validates() {
    let mut count = 0;
    for page in pages() {
        for block in page.blocks.iter().filter(|block| block.is_dag_file()) {
            let (is_good, said) = validate(block);
            assert_eq!(is_good, !block.is_mistake(), "{}:{}\n{said}", page.path.display(), block.line);
            count += 1;
        }
    }
    assert!(count >= 10, "only {count} DAG files were found: has their mark changed?");
}

#[tokio::test]
async fn the_tutorial_does_what_it_says() {
    let page = Page::read(&root().join("docs/tutorial.md"));
    let commands = Session::start().await.follow(&page).await;
    assert!(commands >= 10, "only {commands} commands were found: has their mark changed?");
}

#[tokio::test]
async fn the_other_pages_do_what_they_say() {
    let mut commands = 0;
    for page in pages().iter().filter(|page| page.stem() != "tutorial") {
        if page.blocks.iter().any(Block::is_console) {
            commands += Session::start().await.follow(page).await;
        }
    }
    assert!(commands >= 3, "only {commands} commands were found: has their mark changed?");
}
