//! What a reader of concatenated JSON says about bytes that are no complete record.

use std::fmt;
use std::ops::Range;

/// Why a span of bytes is no complete record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The input ends inside a record.
    Truncated,
    /// A record breaks off in the middle of the input, with or without a line break behind it.
    Torn,
    /// The end of a record whose beginning is missing.
    Headless,
    /// Text that is not JSON.
    Garbage,
    /// A run of NUL bytes, as a file system leaves them after a crash.
    Nul,
    /// A record that holds bytes that are not UTF-8.
    InvalidUtf8,
    /// A byte order mark.
    Bom,
    /// Closing brackets or braces that close nothing.
    StrayCloser,
    /// No bytes: the place from which on the input can't be read, as where compressed data is damaged.
    Unreadable,
}

impl ProblemKind {
    /// The stable kebab-case name used in output.
    pub fn name(self) -> &'static str {
        match self {
            ProblemKind::Truncated => "truncated",
            ProblemKind::Torn => "torn",
            ProblemKind::Headless => "headless",
            ProblemKind::Garbage => "garbage",
            ProblemKind::Nul => "nul",
            ProblemKind::InvalidUtf8 => "invalid-utf8",
            ProblemKind::Bom => "bom",
            ProblemKind::StrayCloser => "stray-closer",
            ProblemKind::Unreadable => "unreadable",
        }
    }
}

/// Bytes of the input that belong to no complete record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Why they are no record.
    pub kind: ProblemKind,
    /// Which bytes, counted from the start of the input.
    pub span: Range<u64>,
    /// Why the input can't be read further, where that is so; a sentence of its own.
    pub reason: Option<String>,
}

impl Problem {
    /// A problem that its bytes tell.
    pub fn new(kind: ProblemKind, span: Range<u64>) -> Self {
        Self {
            kind,
            span,
            reason: None,
        }
    }
}

impl fmt::Display for Problem {
    /// Writes one sentence for a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.span;
        let count = end - start;
        let bytes = if count == 1 { "byte" } else { "bytes" };
        match self.kind {
            ProblemKind::Truncated => write!(
                f,
                "the input ends inside a record that begins at byte {start} ({count} {bytes})"
            ),
            ProblemKind::Torn => write!(
                f,
                "the record that begins at byte {start} breaks off after {count} {bytes}"
            ),
            ProblemKind::Headless => write!(
                f,
                "{count} {bytes} at byte {start} are the end of a record whose beginning is missing"
            ),
            ProblemKind::Garbage => write!(f, "{count} {bytes} at byte {start} are not JSON"),
            ProblemKind::Nul => write!(f, "{count} NUL {bytes} at byte {start}"),
            ProblemKind::InvalidUtf8 => write!(
                f,
                "the record at byte {start} ({count} {bytes}) holds bytes that are not UTF-8"
            ),
            ProblemKind::Bom => write!(f, "byte order mark at byte {start}"),
            ProblemKind::StrayCloser => write!(
                f,
                "{count} {bytes} at byte {start} close brackets that were never opened"
            ),
            ProblemKind::Unreadable => match &self.reason {
                Some(reason) => f.write_str(reason),
                None => write!(f, "the input can't be read beyond byte {start}"),
            },
        }
    }
}

/// How an input ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tail {
    /// Behind a complete record, or with damage that is not an unfinished record.
    #[default]
    Complete,
    /// Inside a record; NUL bytes may stand for its lost rest.
    Truncated,
}

impl Tail {
    /// The word used in output: `complete` or `truncated`.
    pub fn name(self) -> &'static str {
        match self {
            Tail::Complete => "complete",
            Tail::Truncated => "truncated",
        }
    }
}

/// Totals of what a reader has delivered so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Complete records.
    pub records: u64,
    /// Problems.
    pub problems: u64,
    /// Bytes read from the input and dealt with; the size of the input once the reader has answered `None`.
    pub bytes: u64,
    /// How the input ended; meaningful once the reader has answered `None`.
    pub tail: Tail,
}
