//! What can go wrong, as data.

use std::time::Duration;

use serde_json::Value;

use super::super::answer::Ending;
use crate::http::HeaderList;

/// One fault of a step.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Only the first so many answers of the step have it.
    pub times: Option<u32>,
    /// How likely an answer has it, from 0 to 1; random, from the seed.
    pub chance: Option<f64>,
}

/// What goes wrong.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FaultKind {
    /// Another status with an error body instead of the answer.
    Status {
        /// The status.
        status: u16,
        /// The body; by default an error as the API words it.
        body: Option<String>,
        /// The error that the body holds when no body is given.
        error: ErrorInfo,
        /// When to come again.
        retry_after: Option<RetryAfter>,
        /// Further header fields.
        headers: HeaderList,
    },
    /// `response.failed` in place of what comes after an event; without one, of `response.completed`.
    Failed {
        /// The error.
        error: ErrorInfo,
        /// The last event before it.
        after_event: Option<Count>,
    },
    /// `response.incomplete` in the same way.
    Incomplete {
        /// Why: `max_output_tokens`, `content_filter`.
        reason: String,
        /// The last event before it.
        after_event: Option<Count>,
    },
    /// An `error` event in the same way.
    ErrorEvent {
        /// The error.
        error: ErrorInfo,
        /// The last event before it.
        after_event: Option<Count>,
    },
    /// The stream ends as it should, but without `response.completed`.
    NoCompleted,
    /// Nothing comes after a place, and this is how it ends.
    Cut {
        /// How.
        ending: Ending,
        /// Where.
        at: Place,
    },
    /// A pause at a place, then it goes on.
    Pause {
        /// How long.
        wait: Duration,
        /// Where.
        at: Place,
    },
    /// An event is sent again.
    Duplicate {
        /// Which.
        event: Count,
        /// How often more.
        times: u32,
    },
    /// Events are left out.
    Drop(Vec<Count>),
    /// Two events change places.
    Swap(Count, Count),
    /// All events but the first and the last come in random order.
    Shuffle,
    /// An event that no client knows is put in.
    Unknown {
        /// Its `type`.
        kind: String,
        /// The event before it.
        after_event: Count,
    },
    /// An event's data is no JSON.
    Malformed {
        /// Which.
        event: Count,
        /// The data instead; by default the first half of its own.
        data: Option<String>,
    },
    /// Comments before each event.
    Comments(String),
    /// Lines end with CR LF, or CR.
    LineEnds(&'static str),
    /// Data is spread over several `data:` lines.
    MultiLine,
    /// Events have no `event:` field.
    Nameless,
    /// `data: [DONE]` after the last event.
    Done,
    /// Another content type.
    ContentType(String),
    /// A content length that is not the body's: exactly this, or this much more or less.
    ContentLength(ContentLength),
    /// No framing: the body ends with the connection.
    UntilClose,
    /// A chunk that is none.
    BadChunk {
        /// In what way.
        kind: BadChunk,
        /// The event before it.
        after_event: Count,
    },
    /// The body is cut into parts of these sizes, over and over; random sizes when empty.
    Chunks {
        /// The sizes in bytes; each at least 1.
        sizes: Vec<u32>,
        /// The pause between two.
        every: Duration,
    },
    /// The head comes late, or a few bytes at a time.
    SlowHead {
        /// How long before the head.
        wait: Duration,
        /// How many bytes at a time, and the pause between two.
        drip: Option<(u32, Duration)>,
    },
    /// A WebSocket close frame.
    CloseFrame {
        /// Its code; `None` sends an empty close frame.
        code: Option<u16>,
        /// Its reason.
        reason: String,
        /// The event before it; without one it comes after the last.
        after_event: Option<Count>,
    },
    /// WebSocket messages in fragments of so many bytes.
    Fragments(u32),
    /// A WebSocket ping.
    Ping {
        /// The event before it.
        after_event: Count,
    },
    /// Messages are binary frames.
    BinaryFrames,
}

/// A place in the body of an answer. Events and bytes are counted as they are sent; events from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before anything.
    BeforeHead,
    /// After the head.
    AfterHead,
    /// After everything, in place of the end.
    AtEnd,
    /// After an event.
    AfterEvent(Count),
    /// After so many bytes of the body.
    AfterBytes(Count),
    /// Inside an event: after so many of its bytes, or half of them.
    InEvent(Count, Option<u64>),
    /// Inside the chunk (or the WebSocket frame) of an event: the size is sent, and half of what it promised.
    InChunk(Count),
    /// Inside the n-th character that has more than one byte.
    InCharacter(Count),
}

/// A number, or one that the seed decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// This one.
    Exact(u64),
    /// Any that the answer has.
    Random,
}

/// The error of a response, an event or a body.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ErrorInfo {
    /// `code`.
    pub code: Option<String>,
    /// `message`; by default one that fits the code.
    pub message: Option<String>,
    /// `type`.
    pub kind: Option<String>,
    /// `param`.
    pub param: Option<String>,
    /// Further members, such as `resets_in_seconds`.
    pub extra: serde_json::Map<String, Value>,
}

/// The two forms of `Retry-After` (RFC 9110, section 10.2.3), or any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryAfter {
    /// Seconds.
    Seconds(u64),
    /// The date so long after the request.
    DateIn(Duration),
    /// This text.
    Text(String),
}

/// What a `content-length` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentLength {
    /// This number.
    Exactly(u64),
    /// The true one and so much more.
    More(i64),
}

/// In what way a chunk is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadChunk {
    /// Its size is no hexadecimal number.
    Size,
    /// Its data is not followed by a line end.
    End,
    /// Its size is larger than its data.
    Longer,
    /// Its size is smaller than its data.
    Shorter,
}
