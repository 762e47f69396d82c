//! Texts that have to keep a secret for later: where it stands is marked, so that whoever stores the text can encrypt it
//! there, whoever shows it can leave it out, and whoever uses it gets it back.

use super::{MASK, Masker};

/// Begins a secret as it is. Characters of Unicode's private use, which no text of a DAG file means anything by.
const PLAIN: char = '\u{f8f0}';
/// Begins one that is encrypted.
const SEALED: char = '\u{f8f1}';
/// Ends either.
const END: char = '\u{f8f2}';

impl Masker {
    /// The text with its secrets marked.
    pub fn marked(&self, text: &str) -> String {
        let (mut marked, mut end) = (String::with_capacity(text.len()), 0);
        for range in self.find(text) {
            marked.push_str(&text[end..range.start]);
            marked.push(PLAIN);
            marked.push_str(&text[range.clone()]);
            marked.push(END);
            end = range.end;
        }
        marked.push_str(&text[end..]);
        marked
    }
}

/// Replaces what is marked; the function is told whether it is encrypted.
fn replaced(text: &str, mut with: impl FnMut(bool, &str) -> String) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find([PLAIN, SEALED]) {
        let Some(length) = rest[start..].find(END) else { break };
        let is_sealed = rest[start..].starts_with(SEALED);
        out.push_str(&rest[..start]);
        out.push_str(&with(is_sealed, &rest[start + PLAIN.len_utf8()..start + length]));
        rest = &rest[start + length + END.len_utf8()..];
    }
    out + rest
}

/// For people: stars in the place of secrets.
pub fn hidden(text: &str) -> String {
    replaced(text, |_, _| MASK.to_owned())
}

/// For the database: secrets encrypted. One that cannot be is lost, and not written as it is.
pub fn sealed(text: &str, mut seal: impl FnMut(&str) -> Option<String>) -> String {
    replaced(text, |is_sealed, secret| {
        let token = if is_sealed { Some(secret.to_owned()) } else { seal(secret) };
        format!("{SEALED}{}{END}", token.unwrap_or_default())
    })
}

/// From the database: secrets decrypted, as far as they can be.
pub fn opened(text: &str, mut open: impl FnMut(&str) -> Option<String>) -> String {
    replaced(text, |is_sealed, secret| match if is_sealed { open(secret) } else { Some(secret.to_owned()) } {
        Some(plain) => format!("{PLAIN}{plain}{END}"),
        None => format!("{SEALED}{secret}{END}"),
    })
}

/// For use: the text itself; none where a secret in it could not be decrypted.
pub fn used(text: &str) -> Option<String> {
    let mut is_whole = true;
    let text = replaced(text, |is_sealed, secret| {
        is_whole &= !is_sealed;
        secret.to_owned()
    });
    is_whole.then_some(text)
}

/// The secrets that are marked in a text, for a masker.
pub fn learn(text: &str, masker: &mut Masker) {
    replaced(text, |is_sealed, secret| {
        if !is_sealed {
            masker.learn(secret);
        }
        String::new()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_encrypted_on_its_way_and_comes_back() {
        let mut masker = Masker::default();
        masker.learn("hunter2");
        let marked = masker.marked("https://h/?token=hunter2&again=hunter2");
        assert_eq!(hidden(&marked), "https://h/?token=***&again=***");
        let stored = sealed(&marked, |secret| Some(secret.chars().rev().collect()));
        assert!(!stored.contains("hunter2") && stored.contains("2retnuh"), "{stored}");
        assert_eq!(hidden(&stored), "https://h/?token=***&again=***");
        assert_eq!(used(&stored), None);
        let opened = opened(&stored, |token| Some(token.chars().rev().collect()));
        assert_eq!(opened, marked);
        assert_eq!(used(&opened).as_deref(), Some("https://h/?token=hunter2&again=hunter2"));
        let mut again = Masker::default();
        learn(&opened, &mut again);
        assert_eq!(again.mask("hunter2"), "***");
    }

    #[test]
    fn without_a_key_a_secret_is_lost_and_not_written() {
        let mut masker = Masker::default();
        masker.learn("hunter2");
        let stored = sealed(&masker.marked("a hunter2 b"), |_| None);
        assert!(!stored.contains("hunter2"), "{stored}");
        assert_eq!(used(&opened(&stored, |token| (!token.is_empty()).then(String::new))), None);
        assert_eq!(used("no secret").as_deref(), Some("no secret"));
    }
}
