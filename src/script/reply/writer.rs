//! Collects the events of a response.

use serde_json::{Map, Value};

use crate::script::model::{Beat, StreamEvent};

/// The events of a response so far.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) beats: Vec<Beat>,
    /// The finished items.
    pub(super) output: Vec<Value>,
    sequence: u64,
}

impl Writer {
    /// Adds an event: its type, the next sequence number, then these members.
    pub(super) fn event(&mut self, kind: &str, members: Value) {
        let mut data = Map::new();
        data.insert("type".to_owned(), kind.into());
        data.insert("sequence_number".to_owned(), self.sequence.into());
        if let Value::Object(members) = members {
            data.extend(members);
        }
        self.sequence += 1;
        self.beats.push(Beat::Event(StreamEvent {
            name: Some(kind.to_owned()),
            data: Value::Object(data).to_string(),
        }));
    }

    /// The place of the next item in the output.
    pub(super) fn index(&self) -> usize {
        self.output.len()
    }
}
