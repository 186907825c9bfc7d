//! What a response delivered.

use crate::json::{Pointer, Value};

use super::{Body, Content};

/// An item that a response delivered.
#[derive(Debug, Clone)]
pub struct DeliveredItem {
    /// Where it stands, from the exchange.
    pub pointer: Pointer,
    /// Number of the event that delivered it, where there are events.
    pub event: Option<usize>,
    /// The item.
    pub item: Value,
}

impl Content {
    /// The items that a response delivered, in order: those of `response.output_item.done` events, of a digest, or of
    /// the body of an answer that is no stream.
    pub fn delivered_items(&self) -> Vec<DeliveredItem> {
        let response = Pointer::root().key("response");
        match self {
            Content::Events(stream) => {
                let events = stream.events.iter().enumerate();
                let done = events.filter(|(_, event)| event.kind() == "response.output_item.done");
                done.filter_map(|(number, event)| {
                    Some(DeliveredItem {
                        pointer: response.key("events").index(number).key("data").key("item"),
                        event: Some(number),
                        item: event.data.json()?.get("item")?,
                    })
                })
                .collect()
            }
            Content::Digest(digest) => listed(digest.get("output_items"), &response.key("output")),
            Content::Body(Body::Json(body)) => listed(
                body.value.get("output"),
                &response.key("body").key("output"),
            ),
            _ => Vec::new(),
        }
    }
}

fn listed(items: Option<Value>, pointer: &Pointer) -> Vec<DeliveredItem> {
    let Some(items) = items else {
        return Vec::new();
    };
    let numbered = items.node().items().enumerate();
    numbered
        .map(|(number, item)| DeliveredItem {
            pointer: pointer.index(number),
            event: None,
            item: items.part(item),
        })
        .collect()
}
