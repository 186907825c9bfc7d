//! Members of a source record that have no place in the model.

use crate::json::{Node, Value};

/// Gathers members as the text of one JSON object.
#[derive(Default)]
pub(in crate::capture) struct Leftovers {
    text: String,
}

impl Leftovers {
    /// Takes the members of an object that are not `known`, under their keys and with their texts.
    pub(in crate::capture) fn add_unknown(&mut self, object: Node<'_>, known: &[&str]) {
        for (key, value) in object.members() {
            if !known.iter().any(|name| key.is_key(name)) {
                self.add(key.text(), value.text());
            }
        }
    }

    /// Takes the members of another object as one member.
    pub(super) fn add_nested(&mut self, key: &str, nested: Leftovers) {
        if !nested.text.is_empty() {
            let quoted = serde_json::Value::from(key).to_string();
            self.add(&quoted, &format!("{{{}}}", nested.text));
        }
    }

    /// Takes the members of a record that are not `known`, as one member under the record's type.
    pub(in crate::capture) fn add_unknown_of(
        &mut self,
        kind: &str,
        record: Node<'_>,
        known: &[&str],
    ) {
        let mut unknown = Leftovers::default();
        unknown.add_unknown(record, known);
        self.add_nested(kind, unknown);
    }

    /// Takes a record whole, as a member under its type.
    pub(in crate::capture) fn add_record(&mut self, kind: &str, record: Node<'_>) {
        self.add(&serde_json::Value::from(kind).to_string(), record.text());
    }

    /// The object, with the members of another one before its own.
    pub(in crate::capture) fn merged_with(self, first: Option<&Value>) -> Option<Value> {
        let Some(first) = first else {
            return self.into_value();
        };
        if self.text.is_empty() {
            return Some(first.clone());
        }
        let mut merged = Leftovers::default();
        merged.add_unknown(first.node(), &[]);
        merged.text.push(',');
        merged.text.push_str(&self.text);
        merged.into_value()
    }

    /// Takes one member; both parts are JSON text.
    pub(super) fn add(&mut self, quoted_key: &str, value: &str) {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        self.text.push_str(quoted_key);
        self.text.push(':');
        self.text.push_str(value);
    }

    /// The object, if it has a member.
    pub(in crate::capture) fn into_value(self) -> Option<Value> {
        if self.text.is_empty() {
            return None;
        }
        // Made of texts of parsed values, so it parses, unless it is nested too deeply with the level added here.
        Value::parse(format!("{{{}}}", self.text)).ok()
    }
}
