//! Which members JSON values of one kind have, learnt from those that were recorded.

use std::collections::{BTreeMap, BTreeSet};

use crate::json::{Kind, Node};

/// Levels of objects that are looked at.
const MAX_DEPTH: usize = 6;

/// The members of values of one kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    /// How many values were seen.
    count: usize,
    members: BTreeMap<String, Member>,
}

#[derive(Debug, Clone, Default)]
struct Member {
    /// In how many values it was seen.
    count: usize,
    kinds: BTreeSet<&'static str>,
    /// Its own members, where it is an object; those of its elements by their `type`, where it is an array.
    below: BTreeMap<String, Shape>,
}

/// What a value has otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Deviation {
    /// Paths of members that all recorded values have, and this one does not.
    pub(super) missing: Vec<String>,
    /// Paths of members that no recorded value has.
    pub(super) added: Vec<String>,
    /// Paths of members of another type, with the recorded types and this one's.
    pub(super) retyped: Vec<(String, String, &'static str)>,
}

impl Shape {
    /// Whether any value was seen.
    pub(super) fn is_known(&self) -> bool {
        self.count > 0
    }

    /// Learns a value. What stands in members that `is_opaque` names is not looked at.
    pub(super) fn learn(&mut self, value: Node<'_>, is_opaque: &dyn Fn(&str) -> bool) {
        self.learn_at(value, is_opaque, 0);
    }

    fn learn_at(&mut self, value: Node<'_>, is_opaque: &dyn Fn(&str) -> bool, depth: usize) {
        self.count += 1;
        let mut seen = BTreeSet::new();
        for (name, inner) in value.members() {
            let name = name.string().unwrap_or_default();
            if !seen.insert(name.to_string()) {
                continue;
            }
            let member = self.members.entry(name.to_string()).or_default();
            member.count += 1;
            member.kinds.insert(inner.kind().name());
            if depth < MAX_DEPTH && !is_opaque(&name) {
                for (tag, part) in parts(inner) {
                    let below = member.below.entry(tag).or_default();
                    below.learn_at(part, is_opaque, depth + 1);
                }
            }
        }
    }

    /// How a value differs from all that were learnt.
    pub(super) fn deviation(&self, value: Node<'_>) -> Deviation {
        let mut found = Deviation::default();
        if self.is_known() {
            self.compare(value, "", &mut found);
        }
        found.missing.dedup();
        found.added.dedup();
        found.retyped.dedup();
        found
    }

    fn compare(&self, value: Node<'_>, path: &str, found: &mut Deviation) {
        let null = Kind::Null.name();
        for (name, member) in &self.members {
            let path = joined(path, name);
            let is_promised = member.count == self.count && !member.kinds.contains(null);
            match value.get(name) {
                None if is_promised => found.missing.push(path),
                None => {}
                Some(inner) => {
                    let kind = inner.kind().name();
                    if kind == null && is_promised {
                        found.missing.push(path);
                        continue;
                    }
                    let is_same = member.kinds.contains(kind)
                        || kind == null
                        || member.kinds.iter().all(|kind| *kind == null);
                    if !is_same {
                        let kinds: Vec<&str> = member.kinds.iter().copied().collect();
                        found.retyped.push((path, kinds.join(" or "), kind));
                        continue;
                    }
                    for (tag, part) in parts(inner) {
                        if let Some(shape) = member.below.get(&tag) {
                            let path = match tag.as_str() {
                                "" => path.clone(),
                                tag => format!("{path}[{tag}]"),
                            };
                            shape.compare(part, &path, found);
                        }
                    }
                }
            }
        }
        for (name, inner) in value.members() {
            let name = name.string().unwrap_or_default();
            if !self.members.contains_key(name.as_ref()) && !inner.is_null() {
                found.added.push(joined(path, &name));
            }
        }
    }
}

/// The objects within a member: itself, or the elements of an array by their `type`.
fn parts(value: Node<'_>) -> Vec<(String, Node<'_>)> {
    match value.kind() {
        Kind::Object => vec![(String::new(), value)],
        Kind::Array => {
            let objects = value.items().filter(|item| item.kind() == Kind::Object);
            let tagged = objects.map(|item| {
                let tag = item.get_string("type").unwrap_or_default();
                (tag.into_owned(), item)
            });
            tagged.collect()
        }
        _ => Vec::new(),
    }
}

fn joined(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Value;

    fn deviation(recorded: &[&str], answer: &str) -> Deviation {
        let mut shape = Shape::default();
        for text in recorded {
            let value = Value::parse(*text).unwrap();
            shape.learn(value.node(), &|name| name == "opaque");
        }
        shape.deviation(Value::parse(answer).unwrap().node())
    }

    #[test]
    fn what_every_recorded_value_has_is_promised() {
        let recorded = [
            r#"{"a":1,"b":"x","c":null,"d":[{"type":"t","u":1}],"opaque":{"k":1}}"#,
            r#"{"a":2,"c":null,"d":[],"e":{"f":1},"opaque":{}}"#,
        ];
        let check = |answer: &str, missing: &[&str], added: &[&str]| {
            let found = deviation(&recorded, answer);
            assert_eq!(found.missing, missing, "{answer}");
            assert_eq!(found.added, added, "{answer}");
        };
        check(r#"{"a":1,"d":[],"opaque":{}}"#, &[], &[]);
        check(
            r#"{"a":null,"d":[{"type":"t"}]}"#,
            &["a", "d[t].u", "opaque"],
            &[],
        );
        check(
            r#"{"a":1,"d":[{"type":"t","u":1,"v":1}],"e":{},"g":1,"h":null,"opaque":{"z":1}}"#,
            &["e.f"],
            &["d[t].v", "g"],
        );
        let found = deviation(&recorded, r#"{"a":"1","d":{},"opaque":{}}"#);
        let told: Vec<_> = found
            .retyped
            .iter()
            .map(|(path, was, is)| format!("{path} {was} {is}"))
            .collect();
        assert_eq!(told, ["a number string", "d array object"]);
        assert_eq!(deviation(&[], r#"{"a":1}"#), Deviation::default());
    }

    #[test]
    fn a_member_that_was_null_may_be_anything() {
        let found = deviation(&[r#"{"a":null}"#], r#"{"a":[1]}"#);
        assert_eq!(found, Deviation::default());
    }
}
