//! The fenced blocks of a Markdown file.

use std::path::{Path, PathBuf};

/// A file.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) path: PathBuf,
    pub(super) blocks: Vec<Block>,
}

/// A fenced block of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    /// What stands after the opening fence.
    pub(super) info: String,
    pub(super) text: String,
    /// Line of the file in which its text begins, from 1.
    pub(super) line: usize,
}

impl Page {
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path: path.to_owned(), blocks: blocks(&text) }
    }

    pub(super) fn stem(&self) -> &str {
        self.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
    }
}

impl Block {
    /// Whether it is a DAG file, and not a part of one.
    pub(super) fn is_dag_file(&self) -> bool {
        matches!(self.info.as_str(), "yaml" | "yaml mistake")
            && self.text.lines().any(|line| line.starts_with("tasks:"))
    }

    /// Whether it shows a mistake.
    pub(super) fn is_mistake(&self) -> bool {
        self.info == "yaml mistake"
    }

    pub(super) fn is_console(&self) -> bool {
        self.info == "console"
    }

    /// The name that it is to be saved under.
    pub(super) fn file_name(&self) -> Option<&str> {
        let name = self.text.lines().next()?.strip_prefix("# ")?;
        let extension = Path::new(name).extension()?.to_str()?;
        (matches!(extension, "yaml" | "py" | "sh") && !name.contains([' ', '/'])).then_some(name)
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(Block { info: info.trim().to_owned(), text: String::new(), line: index + 2 });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert_eq!(open, None, "a block that is not closed");
    blocks
}

#[test]
fn blocks_are_found_with_their_info_and_line() {
    let found = blocks("one\n```yaml\n# a.yaml\ntasks: []\n```\n```\nplain\n```\n");
    let yaml = Block { info: "yaml".to_owned(), text: "# a.yaml\ntasks: []\n".to_owned(), line: 3 };
    assert!(yaml.is_dag_file());
    assert_eq!(yaml.file_name(), Some("a.yaml"));
    assert_eq!(found, [yaml, Block { info: String::new(), text: "plain\n".to_owned(), line: 7 }]);
}
