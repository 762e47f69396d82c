//! Texts from a server, as a terminal may show them.

use std::borrow::Cow;

use ratatui::style::Style;
use ratatui::text::Span;

/// Columns from one tab stop to the next.
const TAB: usize = 8;

/// How many columns of a terminal a text takes.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// A text as one line without anything that a terminal would obey: escape sequences and control characters are taken
/// out, what was overwritten after a carriage return too, tabs become blanks, and what would turn the direction of the
/// text becomes `�`, so that nobody takes one name for another.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_odd) {
        return Cow::Borrowed(text);
    }
    let plain = anstream::adapter::strip_str(text).to_string();
    // What a progress bar wrote last.
    let last = plain.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
    let mut cleaned = String::with_capacity(last.len());
    for part in last.split_inclusive('\t') {
        let words = part.strip_suffix('\t');
        let shown = words.unwrap_or(part).chars().filter(|c| !c.is_control());
        cleaned.extend(shown.map(|c| if is_odd(c) { '\u{fffd}' } else { c }));
        if words.is_some() {
            let blanks = TAB - width(&cleaned) % TAB;
            cleaned.extend(std::iter::repeat_n(' ', blanks));
        }
    }
    Cow::Owned(cleaned)
}

/// Control characters, and those that turn the direction of what follows.
fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A cleaned text in at most so many columns; `…` stands for what is left out at its end.
pub(super) fn fit(text: &str, columns: usize) -> String {
    let text = clean(text);
    if width(&text) <= columns {
        return text.into_owned();
    }
    let mut fitted = cut(&text, 0, columns.saturating_sub(1));
    if columns > 0 {
        fitted.push('…');
    }
    fitted
}

/// The columns of a cleaned text from `from` on, `columns` of them at most. Half of a wide character is none of it.
pub(super) fn cut(text: &str, from: usize, columns: usize) -> String {
    let (mut at, mut kept) = (0, String::new());
    for grapheme in Span::raw(text).styled_graphemes(Style::default()) {
        let end = at + width(grapheme.symbol);
        if at >= from && end <= from + columns {
            kept.push_str(grapheme.symbol);
        }
        if end >= from + columns {
            break;
        }
        at = end;
    }
    kept
}

/// A cleaned text in lines of at most so many columns, broken between words where there are any.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in clean(text).split(' ') {
        let mut word = word.to_owned();
        let line = lines.last_mut().expect("there is one");
        let gap = usize::from(!line.is_empty());
        if width(line) + gap + width(&word) <= columns {
            line.extend(std::iter::repeat_n(' ', gap));
            line.push_str(&word);
            continue;
        }
        if line.is_empty() {
            lines.pop();
        }
        while columns > 0 && width(&word) > columns {
            let head = cut(&word, 0, columns);
            // A character that is wider than the line.
            if head.is_empty() {
                break;
            }
            word = word.split_off(head.len());
            lines.push(head);
        }
        lines.push(word);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{clean, cut, fit, width, wrap};

    #[test]
    fn nothing_that_a_terminal_obeys_is_left_of_a_text() {
        assert_eq!(clean("\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}text"), "red text");
        assert_eq!(clean("\u{1b}[2J\u{1b}[Hgone"), "gone");
        assert_eq!(clean("a\u{8}b\0c\u{9b}31md\u{85}e"), "abc31mde");
        assert_eq!(clean("user\u{202e}cod.exe"), "user\u{fffd}cod.exe");
        assert_eq!(clean("첫 실행 ✓"), "첫 실행 ✓");
    }

    #[test]
    fn of_a_progress_bar_the_last_state_is_left_and_tabs_go_to_their_stops() {
        assert_eq!(clean(" 10%\r 50%\r100%\r"), "100%");
        assert_eq!(clean("a\tb\t한글\tc"), "a       b       한글    c");
    }

    #[test]
    fn wide_characters_are_counted_as_two_columns_and_never_halved() {
        assert_eq!(width("한글"), 4);
        assert_eq!(fit("한글이름", 8), "한글이름");
        assert_eq!(fit("한글이름", 7), "한글이…");
        assert_eq!(fit("한글이름", 6), "한글…");
        assert_eq!(fit("abc", 0), "");
        assert_eq!(cut("한글이름", 1, 4), "글");
        assert_eq!(cut("abcdef", 2, 3), "cde");
    }

    #[test]
    fn long_texts_are_broken_between_words_and_long_words_anywhere() {
        assert_eq!(wrap("it waits for `load`", 10), ["it waits", "for `load`"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(wrap("한", 1), ["한"]);
    }
}
