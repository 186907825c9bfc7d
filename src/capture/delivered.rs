//! What a response delivered.

use crate::json::{Pointer, Value};

use super::{Body, Content};

/// An item that a response delivered.
#[derive(Debug, Clone)]
pub struct DeliveredItem {
    /// Number of the event that delivered it, where there are events.
    pub event: Option<usize>,
    /// The item.
    pub item: Value,
    place: Place,
}

/// Where an item stands in a response.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// In an event of this number.
    Event(usize),
    /// In a digest, at this position of its list.
    Digest(usize),
    /// In the body, at this position of its list.
    Body(usize),
}

impl DeliveredItem {
    /// Where it stands, from the exchange.
    pub fn pointer(&self) -> Pointer {
        let response = Pointer::root().key("response");
        match self.place {
            Place::Event(number) => response.key("events").index(number).key("data").key("item"),
            Place::Digest(at) => response.key("output").index(at),
            Place::Body(at) => response.key("body").key("output").index(at),
        }
    }
}

impl Content {
    /// The items that a response delivered, in order: those of `response.output_item.done` events, of a digest, or of
    /// the body of an answer that is no stream.
    pub fn delivered_items(&self) -> Vec<DeliveredItem> {
        match self {
            Content::Events(stream) => {
                let events = stream.events.iter().enumerate();
                let done = events.filter(|(_, event)| event.kind() == "response.output_item.done");
                done.filter_map(|(number, event)| {
                    Some(DeliveredItem {
                        event: Some(number),
                        item: event.data.json()?.get("item")?,
                        place: Place::Event(number),
                    })
                })
                .collect()
            }
            Content::Digest(digest) => listed(digest.get("output_items"), Place::Digest),
            Content::Body(Body::Json(body)) => listed(body.value.get("output"), Place::Body),
            _ => Vec::new(),
        }
    }
}

fn listed(items: Option<Value>, place: fn(usize) -> Place) -> Vec<DeliveredItem> {
    let Some(items) = items else {
        return Vec::new();
    };
    let numbered = items.node().items().enumerate();
    numbered
        .map(|(number, item)| DeliveredItem {
            event: None,
            item: items.part(item),
            place: place(number),
        })
        .collect()
}
