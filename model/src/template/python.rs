//! JSON as Python prints it.

use std::fmt::Write;

use serde_json::{Number, Value};

/// What `str()` of Python gives for a value that was read from JSON: `[1, 'a']`, `{'b': None}`; a text as it is.
pub fn to_python(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::String(bare) => text.push_str(bare),
        other => write_repr(&mut text, other),
    }
    text
}

/// `repr()`.
fn write_repr(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("None"),
        Value::Bool(true) => text.push_str("True"),
        Value::Bool(false) => text.push_str("False"),
        Value::Number(number) => write_number(text, number),
        Value::String(inner) => write_text(text, inner),
        Value::Array(items) => {
            text.push('[');
            for (position, item) in items.iter().enumerate() {
                text.push_str(if position == 0 { "" } else { ", " });
                write_repr(text, item);
            }
            text.push(']');
        }
        Value::Object(entries) => {
            text.push('{');
            for (position, (key, item)) in entries.iter().enumerate() {
                text.push_str(if position == 0 { "" } else { ", " });
                write_text(text, key);
                text.push_str(": ");
                write_repr(text, item);
            }
            text.push('}');
        }
    }
}

/// Whole numbers have no point. Others have as few digits as tell them apart, and an exponent from 1e16 on and below 1e-4.
fn write_number(text: &mut String, number: &Number) {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
        text.push_str(&number.to_string());
        return;
    };
    let scientific = format!("{float:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return text.push_str(&scientific) };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    // Writing to memory does not fail.
    let _ = if (-4..16).contains(&exponent) {
        write!(text, "{float:?}")
    } else {
        write!(text, "{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
    };
}

/// In single quotes, unless only single quotes are in it; what cannot be seen is escaped.
fn write_text(text: &mut String, inner: &str) {
    let quote = if inner.contains('\'') && !inner.contains('"') { '"' } else { '\'' };
    text.push(quote);
    for letter in inner.chars() {
        // Writing to memory does not fail.
        let _ = match letter {
            '\n' => text.write_str("\\n"),
            '\r' => text.write_str("\\r"),
            '\t' => text.write_str("\\t"),
            '\\' => text.write_str("\\\\"),
            _ if letter == quote => write!(text, "\\{letter}"),
            _ if is_printable(letter) => text.write_char(letter),
            _ if u32::from(letter) <= 0xff => write!(text, "\\x{:02x}", u32::from(letter)),
            _ if u32::from(letter) <= 0xffff => write!(text, "\\u{:04x}", u32::from(letter)),
            _ => write!(text, "\\U{:08x}", u32::from(letter)),
        };
    }
    text.push(quote);
}

/// Rust and Python leave the same letters as they are; but Rust escapes one that combines with the letter before it, where
/// there is none.
fn is_printable(letter: char) -> bool {
    matches!(letter, '\'' | '"') || ['a', letter].iter().collect::<String>().escape_debug().nth(1) == Some(letter)
}

#[cfg(test)]
mod tests {
    use super::to_python;

    #[test]
    fn json_is_written_as_python_writes_it() {
        // Each as `print(json.loads(…))` of Python has it.
        for (json, expected) in [
            ("null", "None"),
            ("true", "True"),
            ("[false, null, 1, -2]", "[False, None, 1, -2]"),
            (r#""it's""#, "it's"),
            (r#"["it's", "say \"it's\"", "say \"it\""]"#, r#"["it's", 'say "it\'s"', 'say "it"']"#),
            (r#"{"b": {"a": [1.0, {}]}, "a": []}"#, "{'b': {'a': [1.0, {}]}, 'a': []}"),
            (r#"["a\nb\tc\\d\u0000\u007f\u00ad"]"#, r"['a\nb\tc\\d\x00\x7f\xad']"),
            (
                "[\"월요일 é\\u200b e\\u0301 \\u0301 😀 \\ue000 \\udb40\\udc01\"]",
                "['월요일 é\\u200b e\u{301} \u{301} 😀 \\ue000 \\U000e0001']",
            ),
            ("18446744073709551615", "18446744073709551615"),
            (
                "[1e15, 1e16, 123456789012345680.0, 1.5e300]",
                "[1000000000000000.0, 1e+16, 1.2345678901234568e+17, 1.5e+300]",
            ),
            ("[0.0001, 0.00001, 0.00012345, 1.5e-7, -0.0, 0.1]", "[0.0001, 1e-05, 0.00012345, 1.5e-07, -0.0, 0.1]"),
            ("[9999999999999998.0, 5e-324, 1e100]", "[9999999999999998.0, 5e-324, 1e+100]"),
        ] {
            let value = serde_json::from_str(json).expect(json);
            assert_eq!(to_python(&value), expected, "{json}");
        }
    }
}
