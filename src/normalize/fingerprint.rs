//! Hashes of values in which everything dynamic is replaced by its class.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::json::{Kind, Node, Value};

use super::place::{self, Place};
use super::token::{Class, Scanner, TextPlace};

/// Hashes a text in which dynamic parts count by their class only.
pub fn text_fingerprint(text: &str, scanner: &Scanner, place: TextPlace) -> u64 {
    let tokens = scanner.scan(text, place);
    if tokens.is_empty() {
        return xxh3_64(text.as_bytes());
    }
    let mut hash = Xxh3::new();
    let mut from = 0;
    for token in tokens {
        hash.update(&text.as_bytes()[from..token.range.start]);
        hash.update(token.class.placeholder().as_bytes());
        from = token.range.end;
    }
    hash.update(&text.as_bytes()[from..]);
    hash.digest()
}

/// Hashes a JSON value: dynamic parts count by class, key order and the form of numbers do not count, JSON inside
/// strings counts as JSON.
///
/// `key` is the object key under which the value stands, and `skip` tells which members of this (outermost) object
/// are left out.
pub fn fingerprint(node: Node<'_>, key: &str, scanner: &Scanner, skip: &[&str]) -> u64 {
    match node.kind() {
        Kind::Null => 1,
        Kind::Bool => 2 + u64::from(node.text() == "true"),
        Kind::Number => number_fingerprint(node, key),
        Kind::String => string_fingerprint(&node.string().unwrap_or_default(), key, scanner),
        Kind::Array => {
            let mut hash = Xxh3::with_seed(5);
            for item in node.items() {
                hash.update(&fingerprint(item, key, scanner, &[]).to_le_bytes());
            }
            hash.digest()
        }
        Kind::Object => {
            let mut sum = 6u64;
            for (name, value) in node.members() {
                let name = name.string().unwrap_or_default();
                if skip.contains(&name.as_ref()) {
                    continue;
                }
                let mut hash =
                    Xxh3::with_seed(text_fingerprint(&name, scanner, TextPlace::default()));
                hash.update(&fingerprint(value, &name, scanner, &[]).to_le_bytes());
                sum = sum.wrapping_add(hash.digest());
            }
            sum
        }
    }
}

fn class_fingerprint(class: Class) -> u64 {
    xxh3_64(class.placeholder().as_bytes())
}

fn number_fingerprint(node: Node<'_>, key: &str) -> u64 {
    match place::of_key(key, node.text()) {
        Place::Id => class_fingerprint(Class::PlacedId),
        Place::Whole(class) => class_fingerprint(class),
        _ => match node.number() {
            Some(number) if number.is_finite() => number.to_bits() ^ 4,
            _ => xxh3_64(node.text().as_bytes()),
        },
    }
}

fn string_fingerprint(text: &str, key: &str, scanner: &Scanner) -> u64 {
    match place::of_key(key, text) {
        Place::Id => return class_fingerprint(Class::PlacedId),
        Place::Whole(class) => return class_fingerprint(class),
        _ => {}
    }
    if let Some(value) = embedded_json(text) {
        return fingerprint(value.node(), "", scanner, &[]) ^ 7;
    }
    text_fingerprint(text, scanner, text_place(key))
}

/// Says which extra shapes count in a text under this key.
pub fn text_place(key: &str) -> TextPlace {
    TextPlace {
        is_tool_output: key == "output",
        has_versions: false,
    }
}

/// Parses a text that is a JSON object or array; other texts, numbers in strings too, are none.
pub fn embedded_json(text: &str) -> Option<Value> {
    let trimmed = text.trim();
    let is_object = trimmed.starts_with('{') && trimmed.ends_with('}');
    let is_array = trimmed.starts_with('[') && trimmed.ends_with(']');
    if is_object || is_array {
        Value::parse(text).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str, is_equal: bool) {
        let print = |text: &str| {
            fingerprint(
                Value::parse(text).unwrap().node(),
                "",
                &Scanner::default(),
                &["id"],
            )
        };
        assert_eq!(print(a) == print(b), is_equal, "{a} {b}");
    }

    #[test]
    fn only_what_is_not_dynamic_counts() {
        check(r#"{"a":1,"b":[true]}"#, r#"{"b":[true],"a":1.0}"#, true);
        check(r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, false);
        check(r#"{"a":"1"}"#, r#"{"a":1}"#, false);
        check(r#"{"id":"x1","t":"a"}"#, r#"{"id":"x2","t":"a"}"#, true);
        check(r#"{"call_id":"x1"}"#, r#"{"call_id":"x2"}"#, true);
        check(
            r#"{"output":"took 0.1s"}"#,
            r#"{"output":"took 0.2s"}"#,
            true,
        );
        check(r#"{"text":"took 0.1s"}"#, r#"{"text":"took 0.2s"}"#, false);
        check(
            r#"{"arguments":"{\"a\": 1}"}"#,
            r#"{"arguments":"{\"a\":1}"}"#,
            true,
        );
        check(
            r#"{"arguments":"{\"a\": 1}"}"#,
            r#"{"arguments":"{\"a\":2}"}"#,
            false,
        );
    }
}
