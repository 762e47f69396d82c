//! What a process wrote to the file `$FLOWCTL_XCOM`.
//!
//! `key=value` on a line, or `key<<END`, lines, `END`. A value that is JSON is kept as JSON, anything else as text:
//! `count=3` is the number, `name=seoul` the text, `zip="03"` the text `03`. A key that comes twice has its last value.

use model::xcom::XComValue;
use serde_json::Value;

/// Reads the file's text.
pub(crate) fn parse(text: &str) -> Result<Vec<XComValue>, String> {
    let mut found: Vec<XComValue> = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        let (key, value) = match (line.find('='), line.find("<<")) {
            (equals, Some(block)) if equals.is_none_or(|equals| block < equals) => {
                let end = line[block + 2..].trim();
                let mut body = Vec::new();
                loop {
                    match lines.next() {
                        Some((_, line)) if line.trim_end() == end => break,
                        Some((_, line)) => body.push(line),
                        None => {
                            return Err(format!("line {number}: the block of `{}` has no end `{end}`", &line[..block]));
                        }
                    }
                }
                (&line[..block], body.join("\n"))
            }
            (Some(equals), _) => (&line[..equals], line[equals + 1..].to_owned()),
            (None, _) => {
                return Err(format!("line {number}: `{line}` is neither key=value nor key<<END"));
            }
        };
        let key = key.trim();
        if key.is_empty() {
            return Err(format!("line {number}: the key is missing"));
        }
        let value = serde_json::from_str(&value).unwrap_or(Value::String(value));
        found.retain(|known| known.key != key);
        found.push(XComValue { key: key.to_owned(), value });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        parse(text).map(|found| found.iter().map(|x| format!("{}={}", x.key, x.value)).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn lines_and_blocks_are_read() {
        assert_eq!(
            read("count=3\nname=서울\n\nzip=\"03\"\nurl=a=b").unwrap(),
            r#"count=3 name="서울" zip="03" url="a=b""#
        );
        assert_eq!(read("text<<END\none\ntwo=2\nEND\nlist<<E\n[1,\n2]\nE").unwrap(), r#"text="one\ntwo=2" list=[1,2]"#);
        assert_eq!(read("n=1\nn=2").unwrap(), "n=2");
        assert_eq!(read("empty=").unwrap(), r#"empty="""#);
        assert_eq!(read("shift=1<<2").unwrap(), r#"shift="1<<2""#);
    }

    #[test]
    fn what_cannot_be_read_names_the_line() {
        assert_eq!(read("a=1\nhello").unwrap_err(), "line 2: `hello` is neither key=value nor key<<END");
        assert_eq!(read("a<<END\nx").unwrap_err(), "line 1: the block of `a` has no end `END`");
        assert_eq!(read("=1").unwrap_err(), "line 1: the key is missing");
    }
}
