//! The straight way from YAML's events to the tree, for files without anything unusual.
//!
//! serde-saphyr knows anchors, merge keys, tags and budgets, and says well what is wrong; it costs three quarters of
//! the time that a DAG file takes. Most files need none of it: this reads their events directly. Whatever it is not sure
//! about (an anchor, a tag, a key given twice, an error) it leaves to serde-saphyr by giving nothing.

use serde_json::Number;
use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span};

use super::node::{Key, Mapping, Node, Place, Value};

/// A list or mapping whose end has not been seen.
enum Open {
    List(Vec<Node>),
    Mapping(Mapping, Option<Key>),
}

/// Reads one document of usual YAML. `max_depth` and `max_nodes` are the budgets of the slow way.
pub(super) fn read(text: &str, max_depth: usize, max_nodes: usize) -> Option<Node> {
    let mut options = Options::default();
    options.emit_comments = false;
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut tree = Tree { open: Vec::new(), root: None, nodes: 0, max_depth, max_nodes };
    let mut documents = 0;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.ok()?;
        match event {
            Event::StreamStart | Event::DocumentEnd => {}
            Event::StreamEnd => break,
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return None;
                }
            }
            Event::Scalar(value, style, 0, None) => tree.scalar(value.into_owned(), style, span)?,
            Event::SequenceStart(_, 0, None) => tree.start(Open::List(Vec::new()), span)?,
            Event::MappingStart(_, 0, None) => tree.start(Open::Mapping(Vec::new(), None), span)?,
            Event::SequenceEnd | Event::MappingEnd => tree.end()?,
            _ => return None,
        }
    }
    tree.root
}

struct Tree {
    open: Vec<(Open, Place)>,
    root: Option<Node>,
    nodes: usize,
    max_depth: usize,
    max_nodes: usize,
}

impl Tree {
    fn start(&mut self, open: Open, span: Span) -> Option<()> {
        self.open.push((open, place(span)));
        (self.open.len() < self.max_depth).then_some(())
    }

    fn end(&mut self) -> Option<()> {
        let (open, at) = self.open.pop()?;
        let value = match open {
            Open::List(items) => Value::List(items),
            Open::Mapping(entries, None) => Value::Mapping(entries),
            Open::Mapping(_, Some(_)) => return None,
        };
        self.put(Node { value, at })
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, span: Span) -> Option<()> {
        let value = if style == ScalarStyle::Plain { plain(text)? } else { Value::Text(text) };
        let at = place(span);
        if let Some((Open::Mapping(entries, key @ None), _)) = self.open.last_mut() {
            let Value::Text(name) = value else { return None };
            if name == "<<" || is_given(entries, &name) {
                return None;
            }
            *key = Some(Key { name, at });
            return Some(());
        }
        self.put(Node { value, at })
    }

    fn put(&mut self, node: Node) -> Option<()> {
        self.nodes += 1;
        if self.nodes > self.max_nodes {
            return None;
        }
        match self.open.last_mut() {
            Some((Open::List(items), _)) => items.push(node),
            Some((Open::Mapping(entries, key), _)) => entries.push((key.take()?, node)),
            None if self.root.is_none() => self.root = Some(node),
            None => return None,
        }
        Some(())
    }
}

/// Mappings of DAG files are small; a large one is left to the slow way, which looks keys up by hash.
fn is_given(entries: &Mapping, name: &str) -> bool {
    entries.len() > 64 || entries.iter().any(|(key, _)| key.name == name)
}

fn place(span: Span) -> Place {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Place { line: small(span.start.line()), column: small(span.start.col() + 1), length: small(span.len()) }
}

/// What a plain scalar means; what looks like a number is left to serde-saphyr's rules.
fn plain(text: String) -> Option<Value> {
    Some(match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if !may_be_number(&text) => Value::Text(text),
        _ => match whole(&text) {
            Some(number) => Value::Number(Number::from(number)),
            None => serde_saphyr::from_str_with_options(&text, super::yaml::options(text.len())).ok()?,
        },
    })
}

fn may_be_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_numeric = |byte: &u8| byte.is_ascii_hexdigit() || b"xob_.+-".contains(byte);
    // Durations and days are the usual texts that begin as a number does.
    let is_day = bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-';
    bytes.first().is_some_and(|first| first.is_ascii_digit() || b"+-.".contains(first))
        && !is_day
        // Without a digit it is a text, and `...` or `---` alone would be the end or the start of a document.
        && (bytes.iter().all(is_numeric) && bytes.iter().any(u8::is_ascii_digit) || is_infinite_or_nan(text))
}

fn is_infinite_or_nan(text: &str) -> bool {
    let letters = text.trim_start_matches(['+', '-', '.']);
    letters.eq_ignore_ascii_case("inf") || letters.eq_ignore_ascii_case("nan")
}

fn whole(text: &str) -> Option<i64> {
    let is_usual = text == "0" || (text.len() < 18 && !text.starts_with('0'));
    if is_usual && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slow(text: &str) -> Option<Node> {
        serde_saphyr::from_str_with_options(text, super::super::yaml::options(text.len())).ok()
    }

    fn same(text: &str) {
        if let Some(quick) = read(text, 64, 1000) {
            assert_eq!(format!("{quick:?}"), format!("{:?}", slow(text).unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_usual_is_read_directly() {
        for text in [
            include_str!("../../../dags/simple_tutorial.yaml"),
            include_str!("../../../dags/etl_daily.yaml"),
            include_str!("../../../dags/branching.yaml"),
            "a: [1, -2, 0, 007, 1.5, 1e3, 0x1f, 1_000, .inf, 5m, 1d, 2026-01-01, '1', \"\\n\", ~, , x y, -, +1]",
            "a: |\n  x\n   y\nb: >-\n  x\n  y\n\nc:\nd: {}\n",
            "- 1",
            "[..., ---, -.-, +a]",
            "한글: 🎉 # comment",
        ] {
            same(text);
        }
        assert!(read(include_str!("../../../dags/etl_daily.yaml"), 64, 1000).is_some());
    }

    #[test]
    fn what_is_not_usual_is_left_to_the_slow_way() {
        for text in [
            "a: &x 1",
            "a: *x",
            "a: !!str 1",
            "a: 1\na: 2",
            "<<: {a: 1}",
            "1: a",
            "? [a]\n: b",
            "a: 1\n---\nb: 1",
            "a: [",
            "",
        ] {
            assert!(read(text, 64, 1000).is_none(), "{text}");
        }
        assert!(read(&format!("{}{}", "[".repeat(65), "]".repeat(65)), 64, 1000).is_none());
        assert!(read(&"- a\n".repeat(1001), 64, 1000).is_none());
    }

    proptest! {
        #[test]
        fn both_ways_say_the_same(text in "[-a-c0-9:{}\\[\\],|>'\"#&*!~.+exn \n]{0,60}") {
            same(&text);
        }

        #[test]
        fn scalars_mean_the_same(text in "[-+.0-9a-fxonsmhINF_]{1,8}") {
            same(&format!("a: {text}"));
        }
    }
}
