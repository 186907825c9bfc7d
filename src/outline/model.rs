//! What happened in a session, as plain data; its serialised form is `schemas/outline.schema.json`, version 1.

use std::ops::Range;

use serde::{Serialize, Serializer};

use super::text::Text;

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

/// A conversation: its facts and its turns.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Thread {
    /// Thread id; `None` where the input does not say it.
    pub id: Option<String>,
    /// Session id, which sub-agents share with their root.
    pub session_id: Option<String>,
    /// For a sub-agent, the thread that started it.
    pub parent: Option<String>,
    /// For a sub-agent, what it is called: path, nickname or role.
    pub name: Option<String>,
    /// For a fork, the thread it was forked from.
    pub forked_from: Option<String>,
    /// Its file, where that is not the input: of a sub-agent.
    pub path: Option<String>,
    /// Where its history begins in another file.
    pub history_base: Option<HistoryBase>,
    /// When it began.
    pub started: Option<Moment>,
    /// Working directory.
    pub cwd: Option<String>,
    /// Version that the agent says it has.
    pub agent_version: Option<String>,
    /// Front end, as the agent names it: `codex_exec`, `codex-tui`.
    pub originator: Option<String>,
    /// What started it: `exec`, `cli`, `vscode`, `subagent`.
    pub source: Option<String>,
    /// Model last used.
    pub model: Option<String>,
    /// Provider of the model.
    pub provider: Option<String>,
    /// Tokens used over the whole thread.
    pub usage: Option<Usage>,
    /// Steps before the first turn.
    pub before: Vec<Step>,
    /// The turns, in order.
    pub turns: Vec<Turn>,
}

/// The point in another file at which a thread's history begins (paginated rollouts, codex 0.153.4 and later).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryBase {
    /// The thread whose file it is.
    pub thread_id: String,
    /// The first ordinal that is not part of the history.
    pub end_ordinal: Option<u64>,
    /// The file, if it was found.
    pub path: Option<String>,
}

/// One unit of user work.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Turn {
    /// Number in the thread, from 1.
    pub number: usize,
    /// Turn id; `None` where the input does not say it.
    pub id: Option<String>,
    /// When it began.
    pub started: Option<Moment>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<f64>,
    /// What the user asked.
    pub prompt: Option<Text>,
    /// The model's final message; of `exec --json` events and of pycodex's result always whole.
    pub answer: Option<Text>,
    /// Tokens of its requests together.
    pub usage: Option<Usage>,
    /// Number of responses that the model completed in it.
    pub responses: usize,
    /// Size of the model's context window in tokens.
    pub context_window: Option<u64>,
    /// Tokens in the context after its last response.
    pub context_used: Option<u64>,
    /// How it ended.
    pub end: End,
    /// Whether a later rollback took it out of the history.
    pub is_rolled_back: bool,
    /// The thread in whose file it stands, when the history of this thread begins there.
    pub inherited_from: Option<String>,
    /// What happened in it, in order.
    pub steps: Vec<Step>,
}

impl Turn {
    /// Tokens that were left of the context window after its last response.
    pub fn context_left(&self) -> Option<u64> {
        Some(self.context_window?.saturating_sub(self.context_used?))
    }
}

/// How a turn ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct End {
    /// In one word.
    pub kind: EndKind,
    /// What the agent or the server says about it.
    pub message: Option<Text>,
    /// Error code, if there is one.
    pub code: Option<String>,
}

impl End {
    /// An end about which nothing more is known.
    pub fn plain(kind: EndKind) -> Self {
        Self {
            kind,
            message: None,
            code: None,
        }
    }
}

/// How a turn ended, in one word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndKind {
    /// The model gave its answer.
    Completed,
    /// An error ended it.
    Failed,
    /// The user interrupted it.
    Interrupted,
    /// It ended without an answer of the model. Codex before 0.153 and pycodex don't write down that a turn failed.
    Unanswered,
    /// The agent gave it up for another reason, which the message tells.
    Aborted,
    /// Nothing says that it ended: the agent is still at it, was killed, or the rest is lost.
    #[default]
    Open,
}

impl EndKind {
    /// The word in JSON: `completed`, `failed`, `interrupted`, `unanswered`, `aborted`, `open`.
    pub fn name(self) -> &'static str {
        match self {
            EndKind::Completed => "completed",
            EndKind::Failed => "failed",
            EndKind::Interrupted => "interrupted",
            EndKind::Unanswered => "unanswered",
            EndKind::Aborted => "aborted",
            EndKind::Open => "open",
        }
    }
}

/// Tokens, as the API counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Of the input, cached ones included.
    pub input: u64,
    /// Of the input, those from the cache.
    pub cached_input: u64,
    /// Of the output, reasoning included.
    pub output: u64,
    /// Of the output, those of reasoning.
    pub reasoning_output: u64,
    /// All.
    pub total: u64,
}

impl Usage {
    /// Adds the tokens of another request.
    pub fn add(&mut self, other: &Usage) {
        self.input += other.input;
        self.cached_input += other.cached_input;
        self.output += other.output;
        self.reasoning_output += other.reasoning_output;
        self.total += other.total;
    }

    /// The tokens since an earlier count.
    pub fn since(&self, earlier: &Usage) -> Usage {
        Usage {
            input: self.input.saturating_sub(earlier.input),
            cached_input: self.cached_input.saturating_sub(earlier.cached_input),
            output: self.output.saturating_sub(earlier.output),
            reasoning_output: self
                .reasoning_output
                .saturating_sub(earlier.reasoning_output),
            total: self.total.saturating_sub(earlier.total),
        }
    }
}

/// A time as the input tells it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Moment {
    /// Date and time, as written.
    Written(String),
    /// Milliseconds on the recorder's own clock.
    Offset(f64),
}

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
    pub(super) fn add(list: &mut Vec<Self>, name: &str, count: usize) {
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
