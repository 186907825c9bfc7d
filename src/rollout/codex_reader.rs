//! What Codex's own reader makes of a rollout: whether it opens the file, and which records it passes over.

use std::fmt;
use std::io;

use super::codex_record::{Skip, Taken, read};
use super::index::{RolloutIndex, What};
use super::record::RecordKind;
use super::source::RolloutSource;
use super::walk::{Piece, walk};

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
    /// Bytes that are not UTF-8 stand here.
    InvalidUtf8(u64),
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
        Ok(lines.finish())
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
            Piece::Damaged(_, bytes) => self.add_damaged(bytes),
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
        let found = match (self.first_taken, self.last_taken) {
            _ if view.refusal.is_some() => None,
            (None, _) if view.skipped.is_empty() && !self.has_other_before => Some(Refusal::Empty),
            (None, _) => match skipped_meta() {
                Some(meta) => Some(Refusal::NoSessionMeta(Some(meta))),
                None => Some(Refusal::Empty),
            },
            (Some((false, _)), _) => Some(Refusal::NoSessionMeta(skipped_meta())),
            _ if self.has_other_before => Some(Refusal::FirstLine),
            _ if self.utf8.invalid.is_some() => self.utf8.invalid.map(Refusal::InvalidUtf8),
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
mod tests {
    use super::*;

    const META: &str = r#"{"timestamp":"t","ordinal":0,"type":"session_meta","payload":{"id":"01a1fbd9-5e66-7a92-9d96-2f6102d7e1ff","timestamp":"t","cwd":"/","originator":"o","cli_version":"v","history_mode":"paginated"}}"#;

    fn event(ordinal: u64) -> String {
        format!(
            r#"{{"timestamp":"t","ordinal":{ordinal},"type":"event_msg","payload":{{"type":"x"}}}}"#
        )
    }

    fn view(bytes: &[u8]) -> CodexView {
        let source = RolloutSource::memory("m", bytes.to_vec());
        let index = RolloutIndex::read(&source).unwrap();
        CodexView::read(&source, &index).unwrap()
    }

    /// Expects the name of the refusal or an empty text, and the records passed over with the names of the reasons.
    fn check(bytes: impl AsRef<[u8]>, refusal: &str, skipped: &[(usize, &str)]) {
        let view = view(bytes.as_ref());
        let found: Vec<_> = view
            .skipped
            .iter()
            .map(|skipped| (skipped.record, skipped.why.name()))
            .collect();
        let text = String::from_utf8_lossy(bytes.as_ref());
        let why = view.refusal.as_ref().map_or("", Refusal::name);
        assert_eq!((why, found.as_slice()), (refusal, skipped), "{text}");
    }

    #[test]
    fn a_line_is_one_record() {
        let (a, b) = (event(1), event(2));
        check(format!("{META}\n{a}\r\n\n \t{b} \n"), "", &[]);
        check(
            format!("{META}\n{a}{b}"),
            "",
            &[(1, "shared-line"), (2, "shared-line")],
        );
        check(
            format!("{META}\n{a} {b}\n"),
            "",
            &[(1, "shared-line"), (2, "shared-line")],
        );
        check(format!("{META}\n{a}]\n{b}\n"), "", &[(1, "shared-line")]);
        check(format!("{META}\n{a}\0\0\n{b}\n"), "", &[(1, "shared-line")]);
        check(
            format!("{META}\n\u{feff}{a}\n{b}\n"),
            "",
            &[(1, "shared-line")],
        );
        check(
            format!("{META}\n{}{b}\n{b}", &a[..40]),
            "",
            &[(1, "shared-line")],
        );
        check(format!("{META}\n{}\n{b}\n", &a[..40]), "", &[]);
        check(format!("{META}\n{b}\n\0\0\0"), "", &[]);
        let pretty = a.replace(',', ",\n ");
        check(
            format!("{META}\n{pretty}\n{b}\n"),
            "",
            &[(1, "several-lines")],
        );
    }

    #[test]
    fn a_file_begins_with_its_meta() {
        let a = event(1);
        check("", "empty", &[]);
        check(" \n", "empty", &[]);
        check("{\"timestamp\":", "empty", &[]);
        check(
            format!("{META}{a}"),
            "no-session-meta",
            &[(0, "shared-line"), (1, "shared-line")],
        );
        check(&a, "no-session-meta", &[]);
        check(format!("{a}\n{META}"), "no-session-meta", &[]);
        check(format!("oh no\n{META}"), "first-line", &[]);
        check(format!("[1]\n{META}"), "first-line", &[(0, "no-envelope")]);
        check(
            format!("\u{feff}{META}\n{a}"),
            "no-session-meta",
            &[(0, "shared-line")],
        );
        let check_meta = |from: &str, to: &str, refusal, skipped: &[(usize, &str)]| {
            check(format!("{}\n{a}", META.replace(from, to)), refusal, skipped);
        };
        check_meta("\"cwd\":\"/\",", "", "no-session-meta", &[(0, "field")]);
        check_meta("01a1fbd9", "x", "no-session-meta", &[(0, "field")]);
        check_meta("paginated", "quantum", "history-mode", &[]);
        check_meta("\"paginated\"", "null", "history-mode", &[]);
        check_meta("paginated", "legacy", "", &[]);
    }

    #[test]
    fn bytes_that_are_not_utf_8_close_the_file() {
        let at = META.len() as u64 + 1;
        for (rest, place) in [
            (&b"{\"timestamp\":\"\xff\"}\n"[..], at + 14),
            (b"garbage \xe2\x82", at + 8),
            (b"garbage \xe2\x82\n{}", at + 8),
        ] {
            let bytes = [META.as_bytes(), b"\n", rest].concat();
            assert_eq!(
                view(&bytes).refusal,
                Some(Refusal::InvalidUtf8(place)),
                "{rest:?}"
            );
        }
        check(format!("{META}\ngarbage \u{20ac}\n"), "", &[]);
    }

    #[test]
    fn the_last_record_of_a_paginated_file_has_an_ordinal() {
        let bare = event(1).replace("\"ordinal\":1,", "");
        check(format!("{META}\n{bare}\n"), "no-last-ordinal", &[]);
        check(format!("{META}\n{bare}\n{}\n", event(2)), "", &[]);
        let broken = bare.replace("\"t\"", "7");
        check(
            format!("{META}\n{}\n{broken}\n", event(1)),
            "",
            &[(2, "field")],
        );
        let legacy = META.replace("paginated", "legacy");
        check(format!("{legacy}\n{bare}\n"), "", &[]);
    }

    #[test]
    fn a_second_meta_ends_the_way_back() {
        let text = format!("{META}\n{}\n{META}\n{}\n", event(1), event(2));
        let paginated = view(text.as_bytes());
        assert_eq!(paginated.first, 2);
        assert!(!paginated.takes(1) && paginated.takes(3));
        let legacy = view(text.replace("paginated", "legacy").as_bytes());
        assert_eq!(legacy.first, 0);
        // One that does not count ends nothing.
        let at = META.len();
        let other = [&text[..at], &text[at..].replace("paginated", "quantum")].concat();
        let view = view(other.as_bytes());
        assert_eq!((view.first, view.refusal, view.skipped.len()), (0, None, 1));
    }

    #[test]
    fn what_is_not_taken_means_nothing_in_the_index() {
        let item = r#"{"timestamp":"t","ordinal":1,"type":"response_item","payload":{"type":"message","role":"user","content":[]}}"#;
        let text = format!("{META}\n{item}\n{item}{item}\n");
        let source = RolloutSource::memory("m", text.into_bytes());
        let index = RolloutIndex::read(&source).unwrap();
        let seen = CodexView::read(&source, &index).unwrap().index(&index);
        let is_item = |at: usize| matches!(seen.entries[at].what, What::Item { .. });
        assert_eq!([is_item(1), is_item(2), is_item(3)], [true, false, false]);
        assert_eq!(seen.metas.len(), 1);
    }
}
