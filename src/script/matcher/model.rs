//! Matchers as data.

use std::fmt;

use regex::Regex;
use serde_json::{Map, Value};

use crate::json::Pointer;

/// Conditions on a request; all that are given must hold.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    /// The end of the path: `/responses`, `/models`, `/responses/compact`. Without it and without a kind: requests
    /// to the model.
    pub endpoint: Option<String>,
    /// The HTTP method.
    pub method: Option<String>,
    /// What the request is for.
    pub kind: Option<Kind>,
    /// The thread: its id, or any name, which then stands for the first thread that fits it.
    pub thread: Option<String>,
    /// Which sub-agent sent it.
    pub subagent: Option<Subagent>,
    /// Header fields.
    pub headers: Vec<(String, HeaderMatch)>,
    /// Some text of a message or an output in `input`.
    pub text: TextMatch,
    /// The text of the last item of `input`.
    pub last_text: TextMatch,
    /// The text of the last message of the user in `input`.
    pub last_user: TextMatch,
    /// The body as it was sent.
    pub body: TextMatch,
    /// Items of `input`: for each there is one with these members.
    pub items: Vec<Map<String, Value>>,
    /// Members that the last item of `input` has.
    pub last_item: Option<Map<String, Value>>,
    /// Values of the body.
    pub pointers: Vec<(Pointer, PointerMatch)>,
    /// A call whose output the request holds.
    pub output_of: Option<String>,
    /// What this output says. Unlike all other conditions it does not say whose request it is: where it fails, the
    /// request is a violation.
    pub output: TextMatch,
}

/// What a request is for, as scripts say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Asks the model to go on with a turn.
    Turn,
    /// Asks for a summary or a compaction item.
    Compaction,
    /// Warms up a WebSocket connection.
    Prewarm,
    /// Opens a WebSocket connection.
    Handshake,
    /// Anything else.
    Other,
}

/// Which sub-agent sent a request (`x-openai-subagent`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subagent {
    /// Any, or none.
    Any(bool),
    /// One of this kind: `collab_spawn`, `review`.
    Named(String),
}

/// What a text must be like; all that are given must hold.
#[derive(Debug, Clone, Default)]
pub struct TextMatch {
    /// It is this.
    pub equals: Option<String>,
    /// It contains each of these.
    pub contains: Vec<String>,
    /// It contains none of these.
    pub lacks: Vec<String>,
    /// It holds a match of this expression.
    pub matches: Option<Regex>,
}

/// What a header field must be like.
#[derive(Debug, Clone)]
pub enum HeaderMatch {
    /// It is there, or not.
    Present(bool),
    /// One with this name has such a value.
    Value(TextMatch),
}

/// What a value of the body must be like.
#[derive(Debug, Clone)]
pub enum PointerMatch {
    /// It is there, or not.
    Present(bool),
    /// It equals this.
    Equals(Value),
    /// Its text, or the JSON text of a value that is no string, is like this.
    Text(TextMatch),
}

/// How a request differs from what a step wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where, from the exchange: `/request/body/input/4/output`.
    pub pointer: String,
    /// What was wanted there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Kind {
    /// The words of a script for the kinds.
    pub const WORDS: &'static [(&'static str, Kind)] = &[
        ("turn", Kind::Turn),
        ("compaction", Kind::Compaction),
        ("prewarm", Kind::Prewarm),
        ("handshake", Kind::Handshake),
    ];

    /// The word of a script for this kind.
    pub fn name(self) -> &'static str {
        let word = Self::WORDS.iter().find(|(_, kind)| *kind == self);
        word.map_or("other", |(word, _)| word)
    }
}

impl TextMatch {
    /// Text that contains this.
    pub fn containing(text: impl Into<String>) -> Self {
        Self {
            contains: vec![text.into()],
            ..Self::default()
        }
    }

    /// Text that is this.
    pub fn equal_to(text: impl Into<String>) -> Self {
        Self {
            equals: Some(text.into()),
            ..Self::default()
        }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.equals.is_none()
            && self.contains.is_empty()
            && self.lacks.is_empty()
            && self.matches.is_none()
    }
}

impl Matcher {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.endpoint.is_none()
            && self.method.is_none()
            && self.kind.is_none()
            && self.thread.is_none()
            && self.subagent.is_none()
            && self.headers.is_empty()
            && self.text.is_empty()
            && self.last_text.is_empty()
            && self.last_user.is_empty()
            && self.body.is_empty()
            && self.items.is_empty()
            && self.last_item.is_none()
            && self.pointers.is_empty()
            && self.output_of.is_none()
    }
}

impl fmt::Display for Difference {
    /// Writes three lines: place, what was wanted, what is there; no newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "at {}", self.pointer)?;
        writeln!(f, "  expected {}", self.expected)?;
        write!(f, "  found    {}", self.found)
    }
}
