//! Collects the events of a response.

use super::object::Members;
use crate::script::model::{Beat, StreamEvent};

/// The events of a response so far.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) beats: Vec<Beat>,
    /// The finished items as JSON text.
    pub(super) output: Vec<String>,
    sequence: u64,
}

impl Writer {
    /// Adds an event: its type, the next sequence number, then these members.
    pub(super) fn event(&mut self, kind: &str, add_members: impl FnOnce(&mut Members)) {
        let mut members = Members::new(512);
        members.string("type", kind);
        members.value("sequence_number", &self.sequence);
        add_members(&mut members);
        self.sequence += 1;
        self.beats.push(Beat::Event(StreamEvent {
            name: Some(kind.to_owned()),
            data: members.finish(),
        }));
    }

    /// The place of the next item in the output.
    pub(super) fn index(&self) -> usize {
        self.output.len()
    }
}
