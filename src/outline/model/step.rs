//! What happens in a turn.

use std::ops::Range;

use serde::{Serialize, Serializer};

use super::super::text::Text;
use super::thread::Moment;

/// Where something stands in the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// In a record, or in damage between records.
    Record {
        /// Number of the record, from 0; of damage, of the next record.
        index: u64,
        /// Its bytes, after decompression.
        span: Range<u64>,
    },
    /// In an exchange.
    Exchange {
        /// Number in the flat list of exchanges, from 0.
        index: usize,
        /// Pointer from the exchange.
        pointer: String,
    },
    /// Somewhere in a document that is one value.
    Pointer(String),
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        match self {
            Position::Record { index, span } => {
                map.serialize_entry("record", index)?;
                map.serialize_entry("start", &span.start)?;
                map.serialize_entry("end", &span.end)?;
            }
            Position::Exchange { index, pointer } => {
                map.serialize_entry("exchange", index)?;
                map.serialize_entry("pointer", pointer)?;
            }
            Position::Pointer(pointer) => map.serialize_entry("pointer", pointer)?,
        }
        map.end()
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Where the input says so.
    pub at: Position,
    /// When.
    pub time: Option<Moment>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened, tagged by `kind` in JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum What {
    /// A message that the user wrote.
    User {
        /// What it says.
        text: Text,
    },
    /// A message that the agent put into the context: instructions, environment, notices.
    Context {
        /// `developer`, `user` or `system`.
        role: String,
        /// The tags of its parts, if they are marked so.
        tags: Vec<String>,
        /// What it says.
        text: Text,
    },
    /// A message of the model.
    Assistant {
        /// `commentary` or `final_answer`, where the model says it.
        phase: Option<String>,
        /// What it says.
        text: Text,
    },
    /// Reasoning of the model.
    Reasoning {
        /// The summary, or the text where it is not hidden.
        text: Text,
        /// Whether there is more that only the model can read.
        is_encrypted: bool,
    },
    /// A call of a tool, with what the tool answered.
    Call(Box<Call>),
    /// An output whose call is not in the input.
    Output(Box<Output>),
    /// A request was made again.
    Retry {
        /// Which attempt this is, the first retry being 1.
        attempt: usize,
        /// Why the attempt before did not do.
        reason: Text,
        /// Milliseconds between the end of the attempt before and this one.
        delay_ms: Option<f64>,
    },
    /// The history was replaced by a shorter one.
    Compaction(Box<Compaction>),
    /// Something else worth knowing.
    Event {
        /// What, in a word or two: `review`, `rollback`, `plan`.
        name: String,
        /// More about it.
        text: Text,
    },
    /// Something went wrong.
    Error {
        /// What is said about it.
        message: Text,
        /// Error code, if there is one.
        code: Option<String>,
        /// Whether it ended the turn.
        is_terminal: bool,
    },
    /// Something that is not known here, as it is.
    Unknown {
        /// `record`, `item` or `event`.
        what: &'static str,
        /// Its type.
        name: String,
        /// Its text.
        raw: Text,
    },
    /// Bytes that could not be read.
    Damage {
        /// The kind of problem: `torn`, `garbage`.
        problem: String,
        /// How many bytes.
        bytes: u64,
    },
}

/// A call of a tool.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Call {
    /// `call_id`.
    pub call_id: Option<String>,
    /// Type of the item: `function_call`, `custom_tool_call`.
    pub item_type: String,
    /// Name of the tool.
    pub name: String,
    /// Namespace of the tool, if it has one.
    pub namespace: Option<String>,
    /// What the tool is asked, as sent.
    pub arguments: Text,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<f64>,
    /// Exit code of the command that it ran.
    pub exit_code: Option<i64>,
    /// Status, where it is another than `completed`: `failed`, `declined`, `in_progress`.
    pub status: Option<String>,
    /// Whether a call of this kind has an output at all; those that the API carries out itself have none.
    pub expects_output: bool,
    /// What it answered.
    pub output: Option<Output>,
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Output {
    /// Where it stands.
    pub at: Position,
    /// `call_id`.
    pub call_id: Option<String>,
    /// Exit code of a command, as the tool tells it.
    pub exit_code: Option<i64>,
    /// Wall time of a command in milliseconds, as the tool tells it.
    pub wall_ms: Option<f64>,
    /// Number of the session in which a command is still running.
    pub session: Option<i64>,
    /// The text, or what stands for parts that are no text. Lines that a command tool puts before the command's own
    /// output are left out, unless whole texts were asked for.
    pub text: Text,
}

/// A history replaced by a shorter one.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Compaction {
    /// How: `local`, `remote`, or `unknown`.
    pub method: &'static str,
    /// Why, as the agent says it: `auto`, `manual`, or a reason.
    pub trigger: Option<String>,
    /// Items in the history before.
    pub items_before: Option<usize>,
    /// Items in the history behind it; `None` where only a summary is recorded.
    pub items_after: Option<usize>,
    /// What the new history is made of.
    pub kept: Vec<Kept>,
    /// How many items of the history before are no longer in it.
    pub dropped: Option<usize>,
    /// Of the dropped items, how many of each type.
    pub dropped_types: Vec<TypeCount>,
    /// The summary.
    pub summary: Option<Text>,
    /// Where the model's answer stands that the summary was made of.
    pub summary_at: Option<Position>,
    /// Tokens in the context before.
    pub tokens_before: Option<u64>,
    /// Tokens in the context after.
    pub tokens_after: Option<u64>,
    /// Number of the context window that begins here.
    pub window: Option<u64>,
}

/// How many items of one type there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TypeCount {
    /// Type of the item, of a message with whose it is: `user message`.
    #[serde(rename = "type")]
    pub name: String,
    /// How many.
    pub count: usize,
}

impl TypeCount {
    /// Counts `count` more of a type in a list that is in order of first appearance.
    pub(in crate::outline) fn add(list: &mut Vec<Self>, name: &str, count: usize) {
        match list.iter_mut().find(|known| known.name == name) {
            Some(known) => known.count += count,
            None => list.push(Self {
                name: name.to_owned(),
                count,
            }),
        }
    }
}

/// An item of the history after a compaction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    /// Type of the item, of a message its role.
    pub what: String,
    /// Whether it stood in the history before.
    pub is_old: bool,
    /// What it says.
    pub text: Text,
}
