//! Items of requests and responses in a capture: where they stand, what they are recognised by.

use std::hash::{Hash, Hasher};

use xxhash_rust::xxh3::Xxh3;

use crate::capture::{Content, Exchange};
use crate::json::{Kind, Node, Raw};

use super::compaction::kind_of;
use super::item::{read_item, type_of};
use super::model::Position;
use super::text::Texts;

/// An item of a request or of a response.
#[derive(Debug, Clone, Copy)]
pub(super) struct ItemRef<'c> {
    pub(super) text: &'c str,
    /// What it is recognised by wherever it is sent again.
    pub(super) key: u64,
    exchange: usize,
    place: Place,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// Position in `input`.
    Input(usize),
    /// Number of the event that delivered it.
    Event(usize),
    /// Position in a list of the response: `output` of a body, `output_items` of a digest.
    Listed(&'static str, usize),
}

impl<'c> ItemRef<'c> {
    fn new(item: Node<'c>, exchange: usize, place: Place) -> Self {
        let text = item.text();
        Self {
            text,
            key: key_of(Raw::new(text)),
            exchange,
            place,
        }
    }

    pub(super) fn raw(&self) -> Raw<'c> {
        Raw::new(self.text)
    }

    /// What it is, of a message with whose it is.
    pub(super) fn kind(&self, texts: &mut Texts) -> String {
        let read = read_item(self.raw(), &self.position(), texts);
        kind_of(self.raw(), &read).into_owned()
    }

    pub(super) fn position(&self) -> Position {
        let pointer = match self.place {
            Place::Input(index) => format!("/request/body/input/{index}"),
            Place::Event(index) => format!("/response/events/{index}/data/item"),
            Place::Listed(list, index) => format!("/response/{list}/{index}"),
        };
        Position::Exchange {
            index: self.exchange,
            pointer,
        }
    }
}

/// The items of a request's `input`, as sent; a string stands for a message of the user.
pub(super) fn input_items(exchange: &Exchange, index: usize) -> Vec<ItemRef<'_>> {
    let input = exchange.request.body.json().map(|body| body.node());
    let input = input.and_then(|body| body.get("input"));
    let items = input.into_iter().flat_map(Node::items).enumerate();
    items
        .map(|(at, item)| ItemRef::new(item, index, Place::Input(at)))
        .collect()
}

/// The items that a response delivered whole.
pub(super) fn output_items(exchange: &Exchange, index: usize) -> Vec<ItemRef<'_>> {
    match &exchange.response.content {
        Content::Events(stream) => {
            let mut items = Vec::new();
            for (at, event) in stream.events.iter().enumerate() {
                let data = event.data.json().map(|data| data.node());
                let item = data.filter(|_| event.kind() == "response.output_item.done");
                if let Some(item) = item.and_then(|data| data.get("item")) {
                    items.push(ItemRef::new(item, index, Place::Event(at)));
                }
            }
            items
        }
        Content::Digest(digest) => {
            let items = digest.node().get("output_items");
            listed(items, "output_items", index)
        }
        Content::Body(body) => {
            let output = body.json().and_then(|body| body.node().get("output"));
            listed(output, "body/output", index)
        }
        _ => Vec::new(),
    }
}

fn listed<'c>(list: Option<Node<'c>>, name: &'static str, index: usize) -> Vec<ItemRef<'c>> {
    let items = list.into_iter().flat_map(Node::items).enumerate();
    items
        .map(|(at, item)| ItemRef::new(item, index, Place::Listed(name, at)))
        .collect()
}

/// What an item is recognised by: what it says, without the ids and notes that an agent adds or leaves out when it sends
/// an item of the server again.
fn key_of(item: Raw<'_>) -> u64 {
    let mut hash = Xxh3::new();
    type_of(item).hash(&mut hash);
    for key in [
        "role",
        "call_id",
        "name",
        "arguments",
        "input",
        "action",
        "encrypted_content",
    ] {
        let value = item.get(key).filter(|value| !value.is_null());
        hash_value(value, &mut hash);
    }
    for key in ["content", "output", "summary", "tools"] {
        let value = item.get(key).filter(|value| !value.is_null());
        match value {
            Some(list) if list.kind() == Kind::Array => {
                for part in list.items() {
                    hash_value(part.get("text").or(Some(part)), &mut hash);
                }
            }
            value => hash_value(value, &mut hash),
        }
    }
    hash.finish()
}

fn hash_value(value: Option<Raw<'_>>, hash: &mut Xxh3) {
    match value.map(|value| (value, value.string())) {
        Some((_, Some(text))) => text.hash(hash),
        Some((value, None)) => value.text().hash(hash),
        None => 0u8.hash(hash),
    }
}
