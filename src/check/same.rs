//! Whether two JSON values say the same, and where they differ first.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::json::{Kind, Node, Pointer};
use crate::normalize::embedded_json;

/// Members that count only where both values have them, by depth below the value and name.
pub(super) type Loose = fn(depth: usize, key: &str) -> bool;

/// A hash of what a value says: the order of members, the form of strings, members that are `null` and loose members
/// do not count.
///
/// Codex writes optional members without a value now as `null`, now not at all (0.115.0–0.169.0).
pub(super) fn meaning(node: Node<'_>, loose: Loose) -> u64 {
    meaning_at(node, loose, 0)
}

fn meaning_at(node: Node<'_>, loose: Loose, depth: usize) -> u64 {
    match node.kind() {
        Kind::String => tagged(b's', node.string().unwrap_or_default().as_bytes()),
        Kind::Array => {
            let mut all = u64::from(b'a');
            for item in node.items() {
                let item = meaning_at(item, loose, depth + 1);
                all = xxh3_64_with_seed(&item.to_le_bytes(), all);
            }
            tagged(b'a', &all.to_le_bytes())
        }
        Kind::Object => {
            let mut sum = 0_u64;
            for (key, value) in node.members().filter(|(_, value)| !value.is_null()) {
                let key = key.string().unwrap_or_default();
                if !loose(depth, &key) {
                    let value = meaning_at(value, loose, depth + 1);
                    sum = sum.wrapping_add(xxh3_64_with_seed(key.as_bytes(), value));
                }
            }
            tagged(b'o', &sum.to_le_bytes())
        }
        _ => tagged(b'n', node.text().as_bytes()),
    }
}

fn tagged(tag: u8, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, u64::from(tag))
}

/// Where two values differ first, with the texts of both there; `None` when they say the same.
///
/// Goes into JSON that travels inside a string.
pub(super) fn first_difference(a: Node<'_>, b: Node<'_>, loose: Loose) -> Option<Difference> {
    let finder = Finder { loose };
    finder.at(a, b, Pointer::root(), 0)
}

/// The first place where two values differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// From the values.
    pub(super) pointer: Pointer,
    /// What the first has there: a string without quotes, anything else as JSON.
    pub(super) a: Option<String>,
    /// What the second has there.
    pub(super) b: Option<String>,
}

struct Finder {
    loose: Loose,
}

impl Finder {
    fn at(&self, a: Node<'_>, b: Node<'_>, pointer: Pointer, depth: usize) -> Option<Difference> {
        if a.text() == b.text() {
            return None;
        }
        match (a.kind(), b.kind()) {
            (Kind::Object, Kind::Object) => self.in_members(a, b, &pointer, depth),
            (Kind::Array, Kind::Array) => self.in_items(a, b, &pointer, depth),
            (Kind::String, Kind::String) if a.string() == b.string() => None,
            (Kind::String, Kind::String) => inside(a, b, &pointer).or_else(|| both(pointer, a, b)),
            _ => both(pointer, a, b),
        }
    }

    fn in_members(
        &self,
        a: Node<'_>,
        b: Node<'_>,
        pointer: &Pointer,
        depth: usize,
    ) -> Option<Difference> {
        for (key, value) in present_members(a) {
            let below = pointer.key(&key);
            match b.get(&key).filter(|other| !other.is_null()) {
                Some(other) => {
                    if let Some(found) = self.at(value, other, below, depth + 1) {
                        return Some(found);
                    }
                }
                None if (self.loose)(depth, &key) => {}
                None => return Some(Difference::new(below, Some(value), None)),
            }
        }
        let is_new = |key: &str| a.get(key).is_none_or(Node::is_null) && !(self.loose)(depth, key);
        let (key, value) = present_members(b).find(|(key, _)| is_new(key))?;
        Some(Difference::new(pointer.key(&key), None, Some(value)))
    }

    fn in_items(
        &self,
        a: Node<'_>,
        b: Node<'_>,
        pointer: &Pointer,
        depth: usize,
    ) -> Option<Difference> {
        let (mut left, mut right) = (a.items(), b.items());
        for index in 0.. {
            let below = pointer.index(index);
            let found = match (left.next(), right.next()) {
                (Some(x), Some(y)) => self.at(x, y, below, depth + 1),
                (None, None) => return None,
                (x, y) => Some(Difference::new(below, x, y)),
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

fn present_members(object: Node<'_>) -> impl Iterator<Item = (Cow<'_, str>, Node<'_>)> {
    let members = object.members().filter(|(_, value)| !value.is_null());
    members.map(|(key, value)| (key.string().unwrap_or_default(), value))
}

fn both(pointer: Pointer, a: Node<'_>, b: Node<'_>) -> Option<Difference> {
    Some(Difference::new(pointer, Some(a), Some(b)))
}

/// The first difference of two strings that hold JSON; `None` where one does not, or only their forms differ.
fn inside(a: Node<'_>, b: Node<'_>, pointer: &Pointer) -> Option<Difference> {
    let (a, b) = (a.string()?, b.string()?);
    let (a, b) = (embedded_json(&a)?, embedded_json(&b)?);
    let finder = Finder {
        loose: |_, _| false,
    };
    finder.at(a.node(), b.node(), pointer.clone(), 0)
}

impl Difference {
    fn new(pointer: Pointer, a: Option<Node<'_>>, b: Option<Node<'_>>) -> Self {
        Self {
            pointer,
            a: a.map(shown),
            b: b.map(shown),
        }
    }
}

/// A value for a person: a string without quotes, anything else as JSON.
pub(super) fn shown(node: Node<'_>) -> String {
    match node.string() {
        Some(text) => text.into_owned(),
        None => node.text().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Value;

    fn check(a: &str, b: &str, expect: Option<(&str, Option<&str>, Option<&str>)>) {
        let (x, y) = (Value::parse(a).unwrap(), Value::parse(b).unwrap());
        let found = first_difference(x.node(), y.node(), |_, key| key == "loose");
        let found = found
            .as_ref()
            .map(|d| (d.pointer.as_str(), d.a.as_deref(), d.b.as_deref()));
        assert_eq!(found, expect, "{a} against {b}");
    }

    #[test]
    fn order_and_nulls_of_members_do_not_count() {
        check(
            r#"{"a":1,"b":null,"c":"x"}"#,
            r#"{"c":"\u0078","a":1}"#,
            None,
        );
        check("[1,2]", "[2,1]", Some(("/0", Some("1"), Some("2"))));
        check(
            r#"{"a":1}"#,
            r#"{"a":1.0}"#,
            Some(("/a", Some("1"), Some("1.0"))),
        );
    }

    #[test]
    fn loose_members_count_where_both_have_them() {
        check(r#"{"a":1,"loose":1}"#, r#"{"a":1}"#, None);
        check(
            r#"{"loose":1}"#,
            r#"{"loose":2}"#,
            Some(("/loose", Some("1"), Some("2"))),
        );
        let print = |text: &str| meaning(Value::parse(text).unwrap().node(), |depth, _| depth == 0);
        assert_eq!(print(r#"{"a":1}"#), print(r#"{"b":{}}"#));
        assert_ne!(print(r#"[{"a":1}]"#), print("[{}]"));
    }

    #[test]
    fn the_first_difference_is_found_inside_strings() {
        check(
            r#"{"arguments":"{\"cmd\":\"ls\",\"n\":1}"}"#,
            r#"{"arguments":"{\"cmd\":\"rm\",\"n\":1}"}"#,
            Some(("/arguments/cmd", Some("ls"), Some("rm"))),
        );
        check(
            r#"{"a":[1]}"#,
            r#"{"a":[1,[]]}"#,
            Some(("/a/1", None, Some("[]"))),
        );
        check(
            r#"{"a":1,"id":"x"}"#,
            r#"{"a":1}"#,
            Some(("/id", Some("x"), None)),
        );
    }

    #[test]
    fn a_string_in_another_form_of_json_differs_as_a_string() {
        check(
            r#"{"arguments":"{\"a\":1}"}"#,
            r#"{"arguments":"{ \"a\":1}"}"#,
            Some(("/arguments", Some(r#"{"a":1}"#), Some(r#"{ "a":1}"#))),
        );
    }
}
