//! What every record of a rollout is, without its text.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use crate::json::{Problem, Raw, Summary};

use super::reader::{RolloutPart, RolloutReader};
use super::record::{RecordKind, RolloutRecord};
use super::session::SessionMeta;
use super::source::RolloutSource;
use super::user_message::{ItemClass, classify};

/// A rollout without its texts: what each record is and where it stands.
///
/// Takes some tens of bytes for each record, so that history can be planned over a file of any size and only what
/// survives is read again.
#[derive(Debug, Clone, Default)]
pub struct RolloutIndex {
    /// One entry for each complete record, in order of the file.
    pub entries: Vec<Entry>,
    /// Every valid `session_meta` with the number of its record. Codex goes by the first one; only that one keeps its
    /// base instructions, which are long.
    pub metas: Vec<(usize, SessionMeta)>,
    /// Damaged spans, each with the number of records before it.
    pub problems: Vec<(usize, Problem)>,
    /// Ids of turns, by [`TurnNumber`].
    pub turn_ids: Vec<String>,
    /// Totals of the file.
    pub summary: Option<Summary>,
    turn_numbers: HashMap<String, TurnNumber>,
}

/// Number of a turn in its file, in order of first mention.
pub type TurnNumber = u32;

/// One record of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its bytes in the decompressed file.
    pub span: Range<u64>,
    /// Its number in the thread, where the file has them.
    pub ordinal: Option<u64>,
    /// What it is.
    pub what: What,
}

/// What a record means to the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// An item of the history.
    Item(ItemClass),
    /// The history was replaced, by this many items; by a summary alone in files before about 0.6x (`None`).
    Compacted {
        /// Length of `replacement_history`.
        replacement: Option<u32>,
        /// Whether the record numbers the context window that it opens (0.153 and later).
        has_window: bool,
        /// Whether it holds what a resume needs of the records before it (0.169).
        has_resume_metadata: bool,
    },
    /// A turn began (`task_started`, `turn_started`).
    TurnStarted(Option<TurnNumber>),
    /// A turn ended (`task_complete`, `turn_complete`), well or with an error.
    TurnComplete(Option<TurnNumber>),
    /// A turn was interrupted.
    TurnAborted(Option<TurnNumber>),
    /// The last turns were taken back (`thread_rolled_back`, up to 0.137).
    RolledBack {
        /// Number of the user's turns.
        turns: u64,
    },
    /// Settings of a turn.
    TurnContext(Option<TurnNumber>),
    /// A user message as an event (`user_message`), which is what pycodex goes by.
    UserMessageEvent,
    /// Any other event.
    Event,
    /// Any other record.
    Record(RecordKind),
}

impl RolloutIndex {
    /// Reads a rollout once from its start to its end.
    ///
    /// # Errors
    ///
    /// When reading fails; damage stands in [`problems`](Self::problems).
    pub fn read(source: &RolloutSource) -> io::Result<Self> {
        let mut reader = RolloutReader::new(source.open()?);
        let mut index = Self::default();
        while let Some(part) = reader.next_part()? {
            match part {
                RolloutPart::Record(record) => {
                    index.add_record(&record);
                }
                RolloutPart::Problem(problem) => index.add_problem(problem),
            }
        }
        index.summary = Some(reader.summary());
        Ok(index)
    }

    /// Adds the next record and gives what it is; for callers that look at the records themselves in the same pass.
    pub fn add_record(&mut self, record: &RolloutRecord<'_>) -> What {
        if record.kind == RecordKind::SessionMeta
            && let Some(mut meta) = SessionMeta::parse(record.payload)
        {
            if !self.metas.is_empty() {
                meta.base_instructions = None;
            }
            self.metas.push((self.entries.len(), meta));
        }
        let what = self.what(record);
        self.entries.push(Entry {
            span: record.span.clone(),
            ordinal: record.ordinal,
            what,
        });
        what
    }

    /// Adds the next damaged span.
    pub fn add_problem(&mut self, problem: Problem) {
        self.problems.push((self.entries.len(), problem));
    }

    /// The session's meta by Codex's rule: the first valid one.
    pub fn meta(&self) -> Option<&SessionMeta> {
        self.metas.first().map(|(_, meta)| meta)
    }

    /// The id of a turn.
    pub fn turn_id(&self, turn: TurnNumber) -> Option<&str> {
        self.turn_ids.get(turn as usize).map(String::as_str)
    }

    fn what(&mut self, record: &RolloutRecord<'_>) -> What {
        match record.kind {
            RecordKind::ResponseItem => What::Item(classify(record.payload)),
            RecordKind::Compacted => {
                let member = |key| record.payload.get(key).filter(|value| !value.is_null());
                let history = member("replacement_history");
                What::Compacted {
                    replacement: history.map(|history| history.items().count() as u32),
                    has_window: member("window_number").is_some(),
                    has_resume_metadata: member("resume_metadata").is_some(),
                }
            }
            RecordKind::TurnContext => What::TurnContext(self.turn(record.payload)),
            RecordKind::EventMsg => self.event(record.payload),
            other => What::Record(other),
        }
    }

    fn event(&mut self, payload: Raw<'_>) -> What {
        match payload.get_string("type").as_deref() {
            Some("task_started" | "turn_started") => What::TurnStarted(self.turn(payload)),
            Some("task_complete" | "turn_complete") => What::TurnComplete(self.turn(payload)),
            Some("turn_aborted") => What::TurnAborted(self.turn(payload)),
            Some("user_message") => What::UserMessageEvent,
            Some("thread_rolled_back") => What::RolledBack {
                turns: payload
                    .get("num_turns")
                    .and_then(Raw::unsigned)
                    .unwrap_or(0),
            },
            _ => What::Event,
        }
    }

    fn turn(&mut self, payload: Raw<'_>) -> Option<TurnNumber> {
        let id = payload.get_string("turn_id")?;
        if let Some(number) = self.turn_numbers.get(id.as_ref()) {
            return Some(*number);
        }
        let number = TurnNumber::try_from(self.turn_ids.len()).ok()?;
        self.turn_ids.push(id.clone().into_owned());
        self.turn_numbers.insert(id.into_owned(), number);
        Some(number)
    }
}
