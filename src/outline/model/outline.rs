//! What is told of an input as a whole.

use serde::{Serialize, Serializer};

use crate::json;

use super::super::text::Text;
use super::step::Position;
use super::thread::Thread;

/// What happened in a session, whatever it was read from, in the key order of its JSON form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outline {
    /// Always `trace-diff/outline`.
    pub format: &'static str,
    /// Version of the format.
    pub version: u32,
    /// What was read.
    pub input: Input,
    /// The threads, a parent before its sub-agents.
    pub threads: Vec<Thread>,
    /// Requests of a capture that belong to no thread: lists of models, handshakes, telemetry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherRequest>,
    /// What could not be read, in order of position.
    pub problems: Vec<Problem>,
    /// What a resume would make of it; only of a rollout that is damaged, or where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
    /// Why that is not told though it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume_left_out: Option<&'static str>,
    /// The model-visible history as of one record or exchange, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
}

impl Outline {
    /// Value of [`Outline::format`].
    pub const FORMAT: &'static str = "trace-diff/outline";
    /// Value of [`Outline::version`].
    pub const VERSION: u32 = 1;

    /// Makes an outline of nothing yet.
    pub fn new(input: Input) -> Self {
        Self {
            format: Self::FORMAT,
            version: Self::VERSION,
            input,
            threads: Vec::new(),
            others: Vec::new(),
            problems: Vec::new(),
            resume: None,
            resume_left_out: None,
            history: None,
        }
    }
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Input {
    /// Its path as the user gave it, or `-`.
    pub path: String,
    /// `rollout`, `exec-events`, `pycodex-result`, or the format of a capture as
    /// [`CaptureKind::name`](crate::capture::CaptureKind::name) says it.
    pub kind: String,
    /// Size in bytes after decompression, where it was counted.
    pub bytes: Option<u64>,
    /// Number of complete records, for a rollout or events.
    pub records: Option<u64>,
    /// Number of requests, for a capture.
    pub exchanges: Option<usize>,
    /// How a rollout ends: `complete` or `truncated`.
    pub tail: Option<&'static str>,
}

/// A request that is no part of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtherRequest {
    /// Number in the flat list of exchanges, from 0.
    pub exchange: usize,
    /// Method and path.
    pub request: String,
    /// Status of the response.
    pub status: Option<u16>,
}

/// Bytes or parts of the input that could not be read, and what that means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, where the input is a directory.
    pub path: Option<String>,
    /// The kind of problem: `truncated`, `torn`, `ordinal-gap`.
    pub kind: String,
    /// First byte.
    pub start: u64,
    /// Byte behind the last one.
    pub end: u64,
    /// One sentence.
    pub message: String,
    /// What is gone, one sentence each.
    pub lost: Vec<String>,
}

impl From<&json::Problem> for Problem {
    fn from(problem: &json::Problem) -> Self {
        Self {
            path: None,
            kind: problem.kind.name().to_owned(),
            start: problem.span.start,
            end: problem.span.end,
            message: problem.to_string(),
            lost: Vec::new(),
        }
    }
}

/// What would happen if a rollout were resumed now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resume {
    /// In words: who takes the file, what is sent, what can be done; one sentence each.
    pub sentences: Vec<String>,
    /// By Codex 0.169.0, in a home that does not know the thread.
    pub codex: Prediction,
    /// By pycodex 0.5.1.
    pub pycodex: Prediction,
}

/// What one reader would make of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// Whether it takes the file.
    #[serde(rename = "accepts")]
    pub is_accepted: bool,
    /// Why not.
    pub reason: Option<String>,
    /// The history that it would send, before the new prompt.
    #[serde(rename = "input")]
    pub items: Vec<RawItem>,
}

/// The model-visible history at one point.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct History {
    /// After which record, or as of which exchange.
    pub at: Position,
    /// Who reads it: `codex` or `pycodex`; `wire` for what was sent.
    pub reader: &'static str,
    /// Why the reader refuses the file, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The items, oldest first.
    pub items: Vec<HistoryItem>,
}

/// One item of a history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryItem {
    /// Position in the history, from 0.
    pub number: usize,
    /// Where it comes from; `None` for one that nothing on disk holds.
    pub at: Option<Position>,
    /// The file it comes from, where that is not the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Type of the item.
    #[serde(rename = "type")]
    pub item_type: String,
    /// Role of a message.
    pub role: Option<String>,
    /// Name of the tool that is called.
    pub name: Option<String>,
    /// What it says.
    pub text: Text,
    /// The whole item, where whole texts were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<RawItem>,
}

/// An item exactly as it stands in the input.
#[derive(Debug, Clone, PartialEq)]
pub struct RawItem(pub String);

impl Serialize for RawItem {
    /// Writes the item's own text; one that is no JSON becomes a string.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::value::RawValue::from_string(self.0.clone()) {
            Ok(raw) => raw.serialize(serializer),
            Err(_) => self.0.serialize(serializer),
        }
    }
}
