//! What a command must print.

/// Whether the lines match the pattern, in which `[..]` is anything within a line and a line `...` any number of lines.
/// White space at the ends of lines does not count.
pub(super) fn matches(pattern: &[String], lines: &[&str]) -> bool {
    match pattern.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "..." => (0..=lines.len()).any(|skipped| matches(rest, &lines[skipped..])),
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, others)| line_matches(first, line) && matches(rest, others))
        }
    }
}

fn line_matches(pattern: &str, line: &str) -> bool {
    let (pattern, line) = (pattern.trim_end(), line.trim_end());
    let Some((start, rest)) = pattern.split_once("[..]") else { return pattern == line };
    let Some(line) = line.strip_prefix(start) else { return false };
    line.char_indices().map(|(at, _)| at).chain([line.len()]).any(|at| line_matches(rest, &line[at..]))
}

#[test]
fn patterns_match_what_varies_and_nothing_else() {
    let pattern = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert!(matches(&pattern(&["a [..] c", "...", "z"]), &["a b c", "x", "y", "z"]));
    assert!(matches(&pattern(&["[..]한[..]"]), &["두 한 세"]));
    assert!(matches(&pattern(&["..."]), &[]));
    assert!(!matches(&pattern(&["a [..] c"]), &["a b d"]));
    assert!(!matches(&pattern(&["a"]), &["a", "b"]));
    assert!(!matches(&pattern(&["a", "b"]), &["a"]));
}
