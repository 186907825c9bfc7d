//! Steps and defaults.

use std::panic::Location;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::fault::FaultBuilder;
use super::{Entries, MatcherBuilder, forms};
use crate::script::model::{Deltas, Usage};

/// A step of a script, or a default. Each method sets a key that `docs/script.md` lists for steps.
#[derive(Debug, Clone)]
#[must_use]
pub struct StepBuilder {
    pub(super) members: Map<String, Value>,
    /// Where it is written, for messages.
    pub(super) place: &'static Location<'static>,
}

/// A step that gives an empty response, to begin with. Messages name it by the line of this call.
#[track_caller]
pub fn step() -> StepBuilder {
    StepBuilder {
        members: Map::new(),
        place: Location::caller(),
    }
}

impl StepBuilder {
    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.members.insert(key.to_owned(), value.into());
        self
    }

    fn push(mut self, key: &str, value: Value) -> Self {
        let all = self.members.entry(key).or_insert_with(|| json!([]));
        if let Value::Array(all) = all {
            all.push(value);
        }
        self
    }

    fn with_extract(mut self, name: String, source: Value) -> Self {
        let all = self.members.entry("extract").or_insert_with(|| json!({}));
        all[name] = source;
        self
    }

    /// Sets what messages call it.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with("name", name.into())
    }

    /// Says whose requests it is for: others are left to other steps.
    pub fn when(self, request: MatcherBuilder) -> Self {
        self.with("when", request.0)
    }

    /// Says what a request that is for it must hold: else it is a violation.
    pub fn expect(self, request: MatcherBuilder) -> Self {
        self.with("expect", request.0)
    }

    /// Takes a text out of the request, for `{{name}}`: the last match of a regular expression in the body, its first group
    /// if it has one.
    pub fn extract(self, name: impl Into<String>, pattern: impl Into<String>) -> Self {
        self.with_extract(name.into(), pattern.into().into())
    }

    /// Takes the value at a pointer into the body out of the request, for `{{name}}`.
    pub fn extract_pointer(self, name: impl Into<String>, pointer: impl Into<String>) -> Self {
        self.with_extract(name.into(), json!({ "pointer": pointer.into() }))
    }

    /// Takes a header field out of the request, for `{{name}}`.
    pub fn extract_header(self, name: impl Into<String>, header: impl Into<String>) -> Self {
        self.with_extract(name.into(), json!({ "header": header.into() }))
    }

    /// Waits before anything is sent.
    pub fn wait(self, time: Duration) -> Self {
        self.with("wait", forms::duration(time))
    }

    /// Waits at a gate before anything is sent.
    pub fn gate(self, name: impl Into<String>) -> Self {
        self.with("gate", name.into())
    }

    /// Answers with a response made of these entries: a text, an entry, or several.
    pub fn reply(self, entries: impl Into<Entries>) -> Self {
        self.with("reply", entries.into().into_json())
    }

    /// Answers with exactly these events.
    pub fn events(self, events: impl Into<Entries>) -> Self {
        self.with("events", events.into().into_json())
    }

    /// Answers with exactly this text of the stream, or parts of it.
    pub fn raw(self, parts: impl Into<Entries>) -> Self {
        self.with("raw", parts.into().into_json())
    }

    /// Answers with this status and no stream.
    pub fn status(self, status: u16) -> Self {
        self.with("status", status)
    }

    /// Answers with this body and no stream; one that is no text is sent as JSON.
    pub fn body(self, body: impl Into<Value>) -> Self {
        self.with("body", body)
    }

    /// Adds a header field to the answer.
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.push("headers", json!([name.into(), value.into()]))
    }

    /// Sets the response's id.
    pub fn id(self, id: impl Into<String>) -> Self {
        self.with("id", id.into())
    }

    /// Sets the counts of tokens; a number is the total.
    pub fn usage(self, usage: impl Into<Usage>) -> Self {
        self.with("usage", forms::usage(usage.into()))
    }

    /// Says whether the model ended its turn: `false` makes Codex ask again.
    pub fn end_turn(self, is_ended: bool) -> Self {
        self.with("end_turn", is_ended)
    }

    /// Says how texts are cut into deltas.
    pub fn deltas(self, deltas: Deltas) -> Self {
        self.with("deltas", forms::deltas(deltas))
    }

    /// Sets further members of the response object.
    pub fn response(self, members: impl Into<Value>) -> Self {
        self.with("response", members)
    }

    /// Says whether every event goes out by itself.
    pub fn flush(self, is_flushed: bool) -> Self {
        self.with("flush", is_flushed)
    }

    /// Adds something that goes wrong; faults apply in the order in which they are added.
    pub fn fault(self, fault: FaultBuilder) -> Self {
        self.push("fault", fault.into_json())
    }

    /// Answers so often.
    pub fn repeat(self, times: u32) -> Self {
        self.with("repeat", times)
    }

    /// Answers any number of times, also none.
    pub fn repeat_any(self) -> Self {
        self.with("repeat", "any")
    }

    /// Lets it stay unused, so that nothing waits for it.
    pub fn optional(self) -> Self {
        self.with("optional", true)
    }

    /// Says whether `{{name}}` is replaced in its texts.
    pub fn templates(self, are_filled: bool) -> Self {
        self.with("templates", are_filled)
    }
}
