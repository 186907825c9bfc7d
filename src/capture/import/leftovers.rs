//! Members of a source record that have no place in the model.

use crate::json::{Node, Value};

/// Gathers members as the text of one JSON object.
#[derive(Default)]
pub(super) struct Leftovers {
    text: String,
}

impl Leftovers {
    /// Takes the members of an object that are not `known`, under their keys and with their texts.
    pub(super) fn add_unknown(&mut self, object: Node<'_>, known: &[&str]) {
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
    pub(super) fn into_value(self) -> Option<Value> {
        if self.text.is_empty() {
            return None;
        }
        // Made of texts of parsed values, so it parses, unless it is nested too deeply with the level added here.
        Value::parse(format!("{{{}}}", self.text)).ok()
    }
}
