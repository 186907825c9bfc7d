//! JSON as Codex parses it, numbers included.

use serde_json::{Error, Value};

/// Why a text is no JSON for Codex.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is malformed.
    Malformed(Error),
    /// It holds an integer that 64 bits do not hold.
    HugeInteger,
}

/// Parses JSON of which Codex 0.169.0 takes floats of any size, but no integers beyond 64 bits.
///
/// Those before it do the opposite, like our own parser.
pub(super) fn parse(text: &str) -> Result<Value, Unread> {
    match serde_json::from_str(text) {
        Ok(value) if !holds_huge(&value) => Ok(value),
        Err(error) if !error.to_string().starts_with("number out of range") => {
            Err(Unread::Malformed(error))
        }
        _ => {
            let tame = without_huge_floats(text).ok_or(Unread::HugeInteger)?;
            serde_json::from_str(&tame).map_err(Unread::Malformed)
        }
    }
}

/// Whether a number is as large as only floats are, or integers that became one.
fn holds_huge(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.is_f64() && number.as_f64().is_some_and(|n| n.abs() >= 2e18)
        }
        Value::Array(items) => items.iter().any(holds_huge),
        Value::Object(members) => members.values().any(holds_huge),
        _ => false,
    }
}

/// The text with 0 for floats beyond the range of doubles; `None` if an integer does not fit into 64 bits.
fn without_huge_floats(text: &str) -> Option<String> {
    let mut tame = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        let (before, found) = rest.split_at(at);
        tame.push_str(before);
        let length = match found.starts_with('"') {
            true => string_length(found),
            false => {
                let end = |c: char| !matches!(c, '+' | '-' | '.' | 'e' | 'E' | '0'..='9');
                found.find(end).unwrap_or(found.len())
            }
        };
        let (token, behind) = found.split_at(length);
        let is_float = token.contains(['.', 'e', 'E']);
        if token.starts_with('"') || is_float && token.parse().is_ok_and(f64::is_finite) {
            tame.push_str(token);
        } else if is_float {
            tame.push('0');
        } else if token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok() {
            tame.push_str(token);
        } else {
            return None;
        }
        rest = behind;
    }
    tame.push_str(rest);
    Some(tame)
}

/// Bytes of the string that a text begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_read(text: &str) -> bool {
        parse(text).is_ok()
    }

    #[test]
    fn takes_floats_of_any_size() {
        assert!(is_read(r#"{"a":1e400,"b":"\"1e400","c":-1.5E-3}"#));
        assert!(is_read("[1e30, -0, 0.1]"));
        assert_eq!(parse("[1e400,7]").unwrap()[1], 7);
    }

    #[test]
    fn takes_no_integers_beyond_64_bits() {
        assert!(is_read("[18446744073709551615,-9223372036854775808]"));
        assert!(!is_read("[18446744073709551616]"));
        assert!(!is_read("[-9223372036854775809]"));
        assert!(!is_read(
            r#"{"a":1e400,"b":123456789012345678901234567890}"#
        ));
        assert!(is_read(
            r#"{"a":1e400,"b":"123456789012345678901234567890"}"#
        ));
    }

    #[test]
    fn takes_nothing_malformed() {
        assert!(!is_read("[1e400"));
        assert!(!is_read(r#"{"a":1e400,"b":"#));
        assert!(!is_read("[1e400,--1]"));
    }
}
