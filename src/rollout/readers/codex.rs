//! What Codex's own reader makes of a rollout: whether it opens the file, and which records it passes over.

use std::fmt;
use std::io;

use super::codex_record::{Skip, Taken, read};
use super::walk::{Piece, walk};
use crate::rollout::index::{RolloutIndex, What};
use crate::rollout::record::RecordKind;
use crate::rollout::session::SessionMeta;
use crate::rollout::sessions::RolloutName;
use crate::rollout::source::RolloutSource;

/// A rollout as the reader of Codex 0.169.0 sees it.
///
/// That reader goes by lines: a line that is not exactly one valid record is passed over without a word. Measured
/// with the real program on some two hundred kinds of damage; older versions differ in details.
#[derive(Debug, Clone, Default)]
pub struct CodexView {
    /// Why Codex does not open the file; `None` when it does.
    pub refusal: Option<Refusal>,
    /// The records that it passes over, in order.
    pub skipped: Vec<Skipped>,
    /// Number of the record that the history begins at: of a paginated file the last `session_meta`, because Codex
    /// reads backwards and stops there; else 0.
    pub first: usize,
}

/// A record that Codex passes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Number of the record.
    pub record: usize,
    /// Why.
    pub why: Skip,
}

/// Why Codex does not open a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// No line is a record.
    Empty,
    /// The first line is no record, though a `session_meta` follows.
    FirstLine,
    /// The first record is not a valid `session_meta`; why the `session_meta` of this number is not valid.
    NoSessionMeta(Option<(usize, Skip)>),
    /// The `history_mode` is neither `legacy` nor `paginated`.
    HistoryMode(String),
    /// Bytes that are not UTF-8 stand here. Paginated files are refused for it only where a `thread_settings_applied`
    /// event is read, which 0.169 writes in every turn, and by a home that does not know the thread.
    InvalidUtf8(u64),
    /// The name ends in `.zst` and the bytes are not compressed, or the other way round.
    Compression,
    /// The file is paginated, and its name, which begins with `rollout-`, holds no id.
    NoIdInName,
    /// The file is paginated, but its last record of this number has no ordinal.
    NoLastOrdinal(usize),
}

impl Refusal {
    /// The stable kebab-case name used in output.
    pub fn name(&self) -> &'static str {
        match self {
            Refusal::Empty => "empty",
            Refusal::FirstLine => "first-line",
            Refusal::NoSessionMeta(_) => "no-session-meta",
            Refusal::HistoryMode(_) => "history-mode",
            Refusal::InvalidUtf8(_) => "invalid-utf8",
            Refusal::Compression => "compression",
            Refusal::NoIdInName => "no-id-in-name",
            Refusal::NoLastOrdinal(_) => "no-last-ordinal",
        }
    }
}

impl fmt::Display for Refusal {
    /// Writes one sentence for a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Empty => f.write_str("no line of the file is a record"),
            Refusal::FirstLine => f.write_str("the first line is no record"),
            Refusal::NoSessionMeta(None) => f.write_str("the first record is no session_meta"),
            Refusal::NoSessionMeta(Some((record, why))) => {
                write!(
                    f,
                    "the session_meta at record {record} does not count: {why}"
                )
            }
            Refusal::HistoryMode(mode) => write!(f, "the history_mode {mode} is unknown"),
            Refusal::InvalidUtf8(at) => {
                write!(
                    f,
                    "the bytes at {at} are not UTF-8, for which the whole file is refused"
                )
            }
            Refusal::Compression => {
                f.write_str("the file's name does not tell whether its bytes are compressed")
            }
            Refusal::NoIdInName => f.write_str("the file's name holds no thread id"),
            Refusal::NoLastOrdinal(record) => write!(
                f,
                "the last record, {record}, has no ordinal though the thread's records are numbered"
            ),
        }
    }
}

impl CodexView {
    /// Reads the rollout once more, as Codex does.
    ///
    /// # Errors
    ///
    /// When reading fails.
    pub fn read(source: &RolloutSource, index: &RolloutIndex) -> io::Result<Self> {
        let mut lines = Lines::new(index);
        walk(source, index, |piece| lines.add(piece))?;
        let mut view = lines.finish();
        view.refusal = by_name(source, index).or(view.refusal);
        Ok(view)
    }

    /// Whether Codex takes the record of this number for the history.
    pub fn takes(&self, record: usize) -> bool {
        record >= self.first && self.skip(record).is_none()
    }

    /// Why Codex passes over the record, if it does.
    pub fn skip(&self, record: usize) -> Option<&Skip> {
        let at = self
            .skipped
            .binary_search_by_key(&record, |skipped| skipped.record);
        at.ok().map(|at| &self.skipped[at].why)
    }

    /// The index by which the history is what Codex makes of the file: with the same numbers, but what Codex does not
    /// take means nothing.
    pub fn index(&self, index: &RolloutIndex) -> RolloutIndex {
        let mut seen = index.clone();
        let nothing = What::Record(RecordKind::Unknown);
        for entry in seen.entries.iter_mut().take(self.first) {
            entry.what = nothing;
        }
        for skipped in &self.skipped {
            if let Some(entry) = seen.entries.get_mut(skipped.record) {
                entry.what = nothing;
            }
        }
        seen.metas
            .retain(|(record, _)| self.skip(*record).is_none());
        seen
    }
}

/// What is wrong with the file before it is opened.
fn by_name(source: &RolloutSource, index: &RolloutIndex) -> Option<Refusal> {
    let name = source.path.file_name()?.to_str()?;
    if source.is_compressed() != name.ends_with(".zst") {
        return Some(Refusal::Compression);
    }
    let has_no_id = RolloutName::parse(name).is_some_and(|name| name.thread_id.is_none());
    let is_paginated = index.meta().is_some_and(SessionMeta::is_paginated);
    (has_no_id && is_paginated).then_some(Refusal::NoIdInName)
}

/// Goes over the bytes of a file line by line.
pub(super) struct Lines<'a> {
    index: &'a RolloutIndex,
    view: CodexView,
    /// Whether only white space stands on the line so far.
    is_clean: bool,
    /// The record that stands on the line, as long as nothing else does.
    pending: Option<(usize, Result<Taken, Skip>)>,
    /// The first record that Codex takes: whether it is a valid `session_meta`, and its number.
    first_taken: Option<(bool, usize)>,
    last_taken: Option<(usize, bool)>,
    is_paginated: bool,
    last_base: usize,
    last_settings: Option<usize>,
    /// Whether anything stands before the first record that Codex takes.
    has_other_before: bool,
    /// The byte at which the next piece begins.
    at: u64,
    utf8: Utf8,
}

impl<'a> Lines<'a> {
    pub(super) fn new(index: &'a RolloutIndex) -> Self {
        Self {
            index,
            view: CodexView::default(),
            is_clean: true,
            pending: None,
            first_taken: None,
            last_taken: None,
            is_paginated: false,
            last_base: 0,
            last_settings: None,
            has_other_before: false,
            at: 0,
            utf8: Utf8::default(),
        }
    }

    pub(super) fn add(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Space(bytes) => {
                if bytes.contains(&b'\n') {
                    self.end_line();
                }
                self.at += bytes.len() as u64;
            }
            Piece::Record(record, text) => {
                self.add_record(record, text);
                self.at += text.len() as u64;
            }
            Piece::Damaged(bytes) => self.add_damaged(bytes),
        }
    }

    fn add_record(&mut self, record: usize, text: &str) {
        self.utf8.end(self.at);
        if let Some((other, _)) = self.pending.take() {
            self.skip(other, Skip::SharedLine);
        }
        if text.contains('\n') {
            self.skip(record, Skip::SeveralLines);
        } else if self.is_clean {
            self.pending = Some((record, read(text)));
        } else {
            self.skip(record, Skip::SharedLine);
        }
        self.is_clean = false;
    }

    fn add_damaged(&mut self, bytes: &[u8]) {
        self.utf8.add(self.at, bytes);
        self.at += bytes.len() as u64;
        self.has_other_before |= self.first_taken.is_none();
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let first_line = memchr::memchr(b'\n', bytes);
        let begins_with_line = first_line.is_some_and(|at| bytes[..at].iter().all(is_space));
        if begins_with_line {
            self.end_line();
        } else if let Some((record, _)) = self.pending.take() {
            self.skip(record, Skip::SharedLine);
        }
        let last_line = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        let is_blank = bytes[last_line..].iter().all(is_space);
        self.is_clean = is_blank && (first_line.is_some() || self.is_clean);
    }

    fn end_line(&mut self) {
        self.is_clean = true;
        let Some((record, read)) = self.pending.take() else {
            return;
        };
        match read {
            Ok(taken) => self.take(record, taken),
            Err(why) => self.skip(record, why),
        }
    }

    fn take(&mut self, record: usize, taken: Taken) {
        if let Some(meta) = taken.meta {
            match (self.first_taken, meta.unknown_mode) {
                (None, Some(mode)) => {
                    self.view.refusal = Some(Refusal::HistoryMode(mode));
                }
                (Some(_), Some(mode)) => {
                    let why = format!("payload.history_mode is {mode}, which is unknown");
                    return self.skip(record, Skip::Field(why));
                }
                (None, None) => self.is_paginated = meta.is_paginated,
                (Some(_), None) if self.is_paginated => self.view.first = record,
                (Some(_), None) => {}
            }
            self.first_taken.get_or_insert((true, record));
        } else {
            self.first_taken.get_or_insert((false, record));
        }
        self.last_taken = Some((record, taken.has_ordinal));
        if taken.is_base {
            self.last_base = record;
        }
        if taken.is_settings {
            self.last_settings = Some(record);
        }
    }

    fn skip(&mut self, record: usize, why: Skip) {
        self.has_other_before |= self.first_taken.is_none();
        self.view.skipped.push(Skipped { record, why });
    }

    pub(super) fn finish(mut self) -> CodexView {
        self.end_line();
        self.utf8.end(self.at);
        let mut view = self.view;
        let skipped_meta = || {
            let mut metas = view.skipped.iter().filter(|skipped| {
                let entry = self.index.entries.get(skipped.record);
                entry.is_some_and(|entry| entry.what == What::Record(RecordKind::SessionMeta))
            });
            metas
                .next()
                .map(|skipped| (skipped.record, skipped.why.clone()))
        };
        let begin = self.last_base.max(view.first);
        let reads_settings =
            !self.is_paginated || self.last_settings.is_some_and(|record| record >= begin);
        let found = match (self.first_taken, self.last_taken) {
            _ if view.refusal.is_some() => None,
            (None, _) if view.skipped.is_empty() && !self.has_other_before => Some(Refusal::Empty),
            (None, _) => match skipped_meta() {
                Some(meta) => Some(Refusal::NoSessionMeta(Some(meta))),
                None => Some(Refusal::Empty),
            },
            (Some((false, _)), _) => Some(Refusal::NoSessionMeta(skipped_meta())),
            _ if self.has_other_before => Some(Refusal::FirstLine),
            _ if self.utf8.invalid.is_some() && reads_settings => {
                self.utf8.invalid.map(Refusal::InvalidUtf8)
            }
            (_, Some((record, false))) if self.is_paginated => Some(Refusal::NoLastOrdinal(record)),
            _ => None,
        };
        view.refusal = view.refusal.or(found);
        view
    }
}

/// Finds the first bytes that are not UTF-8, in parts.
#[derive(Default)]
struct Utf8 {
    /// The bytes of a character that the last part ended in.
    open: Vec<u8>,
    invalid: Option<u64>,
}

impl Utf8 {
    /// Takes in bytes that begin at `at`, which is where the last ones ended or behind text.
    fn add(&mut self, at: u64, bytes: &[u8]) {
        if self.invalid.is_some() {
            return;
        }
        let start = at - self.open.len() as u64;
        let joined = [&self.open, bytes].concat();
        self.open.clear();
        if let Err(error) = std::str::from_utf8(&joined) {
            let valid = error.valid_up_to();
            if error.error_len().is_some() {
                self.invalid = Some(start + valid as u64);
            } else {
                self.open.extend_from_slice(&joined[valid..]);
            }
        }
    }

    /// Says that what follows, at `at`, begins a character.
    fn end(&mut self, at: u64) {
        if !self.open.is_empty() {
            self.invalid = self.invalid.or(Some(at - self.open.len() as u64));
            self.open.clear();
        }
    }
}

#[cfg(test)]
mod tests;
