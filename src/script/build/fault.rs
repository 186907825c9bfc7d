//! What goes wrong: a function for each fault, and methods for what may be said of it.
//!
//! ```
//! use trace_diff::script::build::{fault, step};
//!
//! let retried = step()
//!     .reply("After two tries.")
//!     .fault(fault::status(429).retry_after(2).code("rate_limit_exceeded").times(2));
//! let torn = step().reply("Half a word").fault(fault::reset().in_event(3));
//! # let _ = (retried, torn);
//! ```

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::forms;
use crate::script::fault::BadChunk;
pub use crate::script::fault::Count;

/// A fault. Each method sets a key that `docs/script.md` lists for some faults; one that a fault does not have is a mistake
/// that [`build`](super::ScriptBuilder::build) reports.
#[derive(Debug, Clone)]
#[must_use]
pub struct FaultBuilder {
    kind: &'static str,
    value: Value,
    /// What stands beside the fault and not in it.
    beside: Map<String, Value>,
}

/// Answers with this status instead.
pub fn status(status: u16) -> FaultBuilder {
    FaultBuilder::new("status", status)
}

/// Ends the stream with `response.failed` and this code.
pub fn failed(code: impl Into<String>) -> FaultBuilder {
    FaultBuilder::new("failed", json!({ "code": code.into() }))
}

/// Ends the stream with `response.incomplete` for this reason: `max_output_tokens`, `content_filter`.
pub fn incomplete(reason: impl Into<String>) -> FaultBuilder {
    FaultBuilder::new("incomplete", json!({ "reason": reason.into() }))
}

/// Ends the stream with an `error` event and this code.
pub fn error(code: impl Into<String>) -> FaultBuilder {
    FaultBuilder::new("error", json!({ "code": code.into() }))
}

/// Leaves out the last event; the stream ends well.
pub fn no_completed() -> FaultBuilder {
    FaultBuilder::new("no_completed", true)
}

/// Closes the connection at a place.
pub fn cut() -> FaultBuilder {
    FaultBuilder::new("cut", json!({}))
}

/// Resets the connection at a place.
pub fn reset() -> FaultBuilder {
    FaultBuilder::new("reset", json!({}))
}

/// Sends nothing more after a place, until the client goes.
pub fn stall() -> FaultBuilder {
    FaultBuilder::new("stall", json!({}))
}

/// Ends the stream well at a place.
pub fn end() -> FaultBuilder {
    FaultBuilder::new("end", json!({}))
}

/// Waits at a place.
pub fn pause(time: Duration) -> FaultBuilder {
    FaultBuilder::new("pause", json!({ "wait": forms::duration(time) }))
}

/// Sends an event again.
pub fn duplicate(event: impl Into<Count>) -> FaultBuilder {
    FaultBuilder::new("duplicate", json!({ "event": forms::count(event.into()) }))
}

/// Leaves out events.
pub fn drop<C: Into<Count>>(events: impl IntoIterator<Item = C>) -> FaultBuilder {
    let events: Value = events
        .into_iter()
        .map(|event| forms::count(event.into()))
        .collect();
    FaultBuilder::new("drop", events)
}

/// Lets two events change places.
pub fn swap(first: impl Into<Count>, second: impl Into<Count>) -> FaultBuilder {
    let events = json!([forms::count(first.into()), forms::count(second.into())]);
    FaultBuilder::new("swap", events)
}

/// Mixes all events but the first and the last.
pub fn shuffle() -> FaultBuilder {
    FaultBuilder::new("shuffle", true)
}

/// Puts in an event that nobody knows, after an event.
pub fn unknown() -> FaultBuilder {
    FaultBuilder::new("unknown", json!({}))
}

/// Sends half of an event's JSON.
pub fn malformed(event: impl Into<Count>) -> FaultBuilder {
    FaultBuilder::new("malformed", json!({ "event": forms::count(event.into()) }))
}

/// Sends a comment before each event.
pub fn comments(text: impl Into<String>) -> FaultBuilder {
    FaultBuilder::new("comments", text.into())
}

/// Ends lines with `crlf` or `cr`.
pub fn line_ends(word: impl Into<String>) -> FaultBuilder {
    FaultBuilder::new("line_ends", word.into())
}

/// Spreads data over several `data:` lines.
pub fn multi_line() -> FaultBuilder {
    FaultBuilder::new("multi_line", true)
}

/// Leaves out the `event:` fields.
pub fn nameless() -> FaultBuilder {
    FaultBuilder::new("nameless", true)
}

/// Sends `data: [DONE]` at the end.
pub fn done() -> FaultBuilder {
    FaultBuilder::new("done", true)
}

/// Sends another content type.
pub fn content_type(content_type: impl Into<String>) -> FaultBuilder {
    FaultBuilder::new("content_type", content_type.into())
}

/// Sends this content length, true or not.
pub fn content_length(length: u64) -> FaultBuilder {
    FaultBuilder::new("content_length", length)
}

/// Sends a content length that is so much more or less than the body's.
pub fn content_length_off_by(difference: i64) -> FaultBuilder {
    FaultBuilder::new("content_length", format!("{difference:+}"))
}

/// Sends a body without framing, which ends with the connection.
pub fn until_close() -> FaultBuilder {
    FaultBuilder::new("until_close", true)
}

/// Sends a chunk that is none, after an event.
pub fn bad_chunk(kind: BadChunk) -> FaultBuilder {
    let word = match kind {
        BadChunk::Size => "size",
        BadChunk::End => "end",
        BadChunk::Longer => "longer",
        BadChunk::Shorter => "shorter",
    };
    FaultBuilder::new("bad_chunk", json!({ "kind": word }))
}

/// Cuts the body into parts of these sizes, over and over.
pub fn chunks(sizes: impl IntoIterator<Item = u32>) -> FaultBuilder {
    let sizes: Value = sizes.into_iter().collect();
    FaultBuilder::new("chunks", json!({ "sizes": sizes }))
}

/// Cuts the body into parts of random sizes.
pub fn random_chunks() -> FaultBuilder {
    FaultBuilder::new("chunks", json!({ "sizes": "random" }))
}

/// Sends so many bytes at a time, with a pause between.
pub fn trickle(bytes: u32, every: Duration) -> FaultBuilder {
    let value = json!({ "bytes": bytes, "every": forms::duration(every) });
    FaultBuilder::new("trickle", value)
}

/// Sends the head late.
pub fn slow_head(time: Duration) -> FaultBuilder {
    FaultBuilder::new("slow_head", json!({ "wait": forms::duration(time) }))
}

/// Sends the head so many bytes at a time, with a pause between.
pub fn head_in_drops(bytes: u32, every: Duration) -> FaultBuilder {
    let value = json!({ "bytes": bytes, "every": forms::duration(every) });
    FaultBuilder::new("slow_head", value)
}

/// Sends a WebSocket close frame with this code.
pub fn close(code: u16) -> FaultBuilder {
    FaultBuilder::new("close", json!({ "code": code }))
}

/// Sends an empty WebSocket close frame.
pub fn close_without_code() -> FaultBuilder {
    FaultBuilder::new("close", json!({}))
}

/// Sends WebSocket messages in fragments of so many bytes.
pub fn fragments(bytes: u32) -> FaultBuilder {
    FaultBuilder::new("fragments", bytes)
}

/// Sends a WebSocket ping, after an event.
pub fn ping() -> FaultBuilder {
    FaultBuilder::new("ping", json!({}))
}

/// Sends binary WebSocket frames.
pub fn binary() -> FaultBuilder {
    FaultBuilder::new("binary", true)
}

impl FaultBuilder {
    fn new(kind: &'static str, value: impl Into<Value>) -> Self {
        Self {
            kind,
            value: value.into(),
            beside: Map::new(),
        }
    }

    fn beside(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.beside.insert(key.to_owned(), value.into());
        self
    }

    /// Sets a key inside of the fault; a fault that has none gets it beside, where the mistake is seen.
    fn inside(mut self, key: &str, value: impl Into<Value>) -> Self {
        match &mut self.value {
            Value::Object(members) => members.insert(key.to_owned(), value.into()),
            _ => self.beside.insert(key.to_owned(), value.into()),
        };
        self
    }

    fn at(self, place: &str) -> Self {
        self.inside("at", place)
    }

    /// Only the first so many answers of the step have it; the step then answers once more.
    pub fn times(self, times: u32) -> Self {
        self.beside("times", times)
    }

    /// An answer has it with this likelihood, from 0 to 1, as the seed decides.
    pub fn chance(self, chance: f64) -> Self {
        self.beside("chance", chance)
    }

    /// Before anything.
    pub fn before_head(self) -> Self {
        self.at("before_head")
    }

    /// After the head.
    pub fn after_head(self) -> Self {
        self.at("after_head")
    }

    /// After everything, in place of the end.
    pub fn at_end(self) -> Self {
        self.at("end")
    }

    /// After this event, counted from 1.
    pub fn after_event(self, event: impl Into<Count>) -> Self {
        self.inside("after_event", forms::count(event.into()))
    }

    /// After so many bytes of the body.
    pub fn after_bytes(self, bytes: impl Into<Count>) -> Self {
        self.inside("after_bytes", forms::count(bytes.into()))
    }

    /// In the middle of this event, or at another [`byte`](Self::byte) of it.
    pub fn in_event(self, event: impl Into<Count>) -> Self {
        self.inside("in_event", forms::count(event.into()))
    }

    /// After so many bytes of the event.
    pub fn byte(self, byte: u64) -> Self {
        self.inside("byte", byte)
    }

    /// Inside of the chunk of this event: its size is sent, and half of it.
    pub fn in_chunk(self, event: impl Into<Count>) -> Self {
        self.inside("in_chunk", forms::count(event.into()))
    }

    /// Inside of the so many-th character that has more than one byte.
    pub fn in_character(self, character: impl Into<Count>) -> Self {
        self.inside("in_character", forms::count(character.into()))
    }

    /// How long a stall lasts.
    pub fn lasting(self, time: Duration) -> Self {
        self.inside("for", forms::duration(time))
    }

    /// How often more an event is sent.
    pub fn again(self, times: u32) -> Self {
        self.inside("times", times)
    }

    /// The code of the error.
    pub fn code(self, code: impl Into<String>) -> Self {
        self.inside("code", code.into())
    }

    /// The message of the error.
    pub fn message(self, message: impl Into<String>) -> Self {
        self.inside("message", message.into())
    }

    /// The `type`: of the error, or of an unknown event.
    pub fn of_type(self, name: impl Into<String>) -> Self {
        self.inside("type", name.into())
    }

    /// The `param` of the error.
    pub fn param(self, param: impl Into<String>) -> Self {
        self.inside("param", param.into())
    }

    /// Further members of the error.
    pub fn extra(self, members: impl Into<Value>) -> Self {
        self.inside("extra", members)
    }

    /// The body that comes with a status in place of an error.
    pub fn body(self, body: impl Into<Value>) -> Self {
        self.inside("body", body)
    }

    /// A header field that comes with a status.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let all = self.beside.entry("headers").or_insert_with(|| json!([]));
        if let Value::Array(all) = all {
            all.push(json!([name.into(), value.into()]));
        }
        self
    }

    /// When to come again, in seconds.
    pub fn retry_after(self, seconds: u64) -> Self {
        self.inside("retry_after", seconds)
    }

    /// When to come again, as the date that is so far ahead.
    pub fn retry_after_date(self, ahead: Duration) -> Self {
        self.inside("retry_after", json!({ "date": forms::duration(ahead) }))
    }

    /// When to come again, as any text.
    pub fn retry_after_text(self, text: impl Into<String>) -> Self {
        self.inside("retry_after", text.into())
    }

    /// The data of a malformed event.
    pub fn data(self, data: impl Into<String>) -> Self {
        self.inside("data", data.into())
    }

    /// The reason in a close frame.
    pub fn reason(self, reason: impl Into<String>) -> Self {
        self.inside("reason", reason.into())
    }

    /// The pause between two parts.
    pub fn every(self, time: Duration) -> Self {
        self.inside("every", forms::duration(time))
    }

    pub(super) fn into_json(self) -> Value {
        let mut members = Map::new();
        members.insert(self.kind.to_owned(), self.value);
        members.extend(self.beside);
        members.into()
    }
}
