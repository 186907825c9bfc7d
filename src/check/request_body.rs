//! The body of a request, with the members at hand that rules ask for again and again.

use crate::json::{Node, Value};

/// Members of which every rule's look at a request would else go through the whole body.
const AT_HAND: [&str; 6] = [
    "model",
    "input",
    "instructions",
    "tools",
    "prompt_cache_key",
    "client_metadata",
];

/// A body as it was sent.
pub(super) struct RequestBody {
    pub(super) value: Value,
    /// In the order of [`AT_HAND`].
    members: [Option<Value>; AT_HAND.len()],
}

impl RequestBody {
    pub(super) fn new(value: &Value) -> Self {
        let mut members = [const { None }; AT_HAND.len()];
        for (name, member) in value.node().members() {
            // The last of repeated keys counts, as in [`Node::get`].
            if let Some(at) = AT_HAND.iter().position(|key| name.is_key(key)) {
                members[at] = Some(value.part(member));
            }
        }
        Self {
            value: value.clone(),
            members,
        }
    }

    pub(super) fn node(&self) -> Node<'_> {
        self.value.node()
    }

    pub(super) fn text(&self) -> &str {
        self.value.text()
    }

    /// The member `key`.
    pub(super) fn get(&self, key: &str) -> Option<Node<'_>> {
        match AT_HAND.iter().position(|known| *known == key) {
            Some(at) => self.members[at].as_ref().map(Value::node),
            None => self.node().get(key),
        }
    }
}
