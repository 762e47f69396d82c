//! Collecting problems, and showing them as a compiler does.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::node::{Key, Node, Place};
use super::{Problem, Severity};
pub(super) use crate::nearest::did_you_mean;

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<Problem>,
}

impl Problems {
    /// Something at a place is wrong.
    pub(super) fn error(&mut self, at: Place, message: impl Into<String>) {
        self.push(Severity::Error, at, message.into(), None);
    }

    /// Something at a place is wrong, and this may help.
    pub(super) fn error_with_help(&mut self, at: Place, message: impl Into<String>, help: Option<String>) {
        self.push(Severity::Error, at, message.into(), help);
    }

    /// The value is not what its key takes.
    pub(super) fn wrong_kind(&mut self, node: &Node, what: &str, expected: &str) {
        self.error(node.at, format!("`{what}` must be {expected}, not {}", node.kind()));
    }

    /// Something of the language that does not run yet.
    pub(super) fn not_yet(&mut self, at: Place, what: &str) {
        self.error(at, format!("{what} is not supported yet"));
    }

    /// A key that is not in the language.
    pub(super) fn unknown_key<'k>(&mut self, key: &Key, place: &str, known: impl Iterator<Item = &'k str>) {
        self.error_with_help(key.at, format!("unknown key `{}` in {place}", key.name), did_you_mean(&key.name, known));
    }

    fn push(&mut self, severity: Severity, at: Place, message: String, help: Option<String>) {
        self.list.push(Problem {
            severity,
            message,
            line: at.line,
            column: at.column,
            length: at.length.max(1),
            snippet: String::new(),
            help,
        });
    }

    /// All of them in the file's order, each once, with their source lines.
    pub(super) fn finish(mut self, source: &str) -> Vec<Problem> {
        self.list.sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
        self.list.dedup_by(|a, b| (a.line, a.column, &a.message) == (b.line, b.column, &b.message));
        let lines: Vec<&str> = source.lines().collect();
        for problem in &mut self.list {
            let line = usize::try_from(problem.line).ok().and_then(|line| lines.get(line.checked_sub(1)?));
            if let Some(line) = line {
                let left = line.chars().count().saturating_sub(problem.column.saturating_sub(1) as usize);
                problem.length = problem.length.min(u32::try_from(left).unwrap_or(1)).max(1);
                problem.snippet = draw(problem, line, None, false);
            }
        }
        self.list
    }
}

/// Problems of a file as a terminal shows them; `path` is shown with each place.
pub fn render(problems: &[Problem], path: &str, source: &str, color: bool) -> String {
    let lines: Vec<&str> = source.lines().collect();
    let shown: Vec<String> = problems
        .iter()
        .map(|problem| {
            let line = (problem.line as usize).checked_sub(1).and_then(|line| lines.get(line)).copied();
            draw(problem, line.unwrap_or(""), Some(path), color)
        })
        .collect();
    shown.join("\n\n")
}

fn draw(problem: &Problem, line: &str, path: Option<&str>, color: bool) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let start = byte_of(line, problem.column.saturating_sub(1) as usize);
    let end = byte_of(line, problem.column.saturating_sub(1) as usize + problem.length as usize);
    let snippet = Snippet::source(line)
        .line_start(problem.line as usize)
        .annotation(AnnotationKind::Primary.span(start..end.max(start)));
    let Some(path) = path else {
        return renderer.render(&[Group::with_level(level).element(snippet)]);
    };
    let title = level.primary_title(problem.message.as_str());
    let mut group = if problem.line == 0 {
        Group::with_title(title).element(annotate_snippets::Origin::path(path))
    } else {
        title.element(snippet.path(path))
    };
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

fn byte_of(line: &str, characters: usize) -> usize {
    line.char_indices().nth(characters).map_or(line.len(), |(at, _)| at)
}
