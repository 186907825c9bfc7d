//! The records of a capture file, parsed, with the damage between them.

use std::ops::Range;

use crate::json::{self, ErrorKind, ProblemKind, Value};

use super::CaptureProblem;

/// A part of a file of JSON records.
pub(super) enum Part<'a> {
    /// A complete record.
    Record(Range<u64>, Value),
    /// Bytes that are no usable record.
    Damage(Damage<'a>),
}

/// Bytes that are no usable record.
pub(super) struct Damage<'a> {
    /// Where they are in the file.
    pub(super) span: Range<u64>,
    /// The bytes as text, as far as they are UTF-8.
    pub(super) text: &'a str,
    kind: &'static str,
    what: String,
}

const TOO_DEEP: &str = "too-deep";

impl Damage<'_> {
    /// Whether this is a record after all, with too many levels of nesting.
    pub(super) fn is_too_deep(&self) -> bool {
        self.kind == TOO_DEEP
    }

    /// The problem to report, with what it means for the rest.
    pub(super) fn problem(&self, path: &str, meaning: &str) -> CaptureProblem {
        CaptureProblem {
            path: path.to_owned(),
            span: self.span.clone(),
            kind: self.kind.to_owned(),
            message: format!("{}; {meaning}", self.what),
        }
    }
}

/// Every record and every damaged span of a text, in file order; a byte order mark at its start is neither.
pub(super) fn parts(bytes: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let (lines, rest) = match whole_lines(bytes) {
        Some(lines) => (lines, &[][..]),
        None => (Vec::new(), bytes),
    };
    lines.into_iter().chain(searched_parts(rest))
}

/// The records of an undamaged file with one on each line, which need no search for where they begin and end; `None`
/// for any other.
fn whole_lines(bytes: &[u8]) -> Option<Vec<Part<'_>>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut records = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        let record = line.trim_matches([' ', '\t', '\r']);
        if !record.is_empty() {
            let from =
                (start + line.len() - line.trim_start_matches([' ', '\t', '\r']).len()) as u64;
            let value = Value::parse(record).ok()?;
            records.push(Part::Record(from..from + record.len() as u64, value));
        }
        start += line.len() + 1;
    }
    Some(records)
}

/// Every record and every damaged span of any text.
fn searched_parts(bytes: &[u8]) -> impl Iterator<Item = Part<'_>> {
    json::read_records(bytes)
        .parts
        .into_iter()
        .filter_map(move |part| match part {
            json::Part::Record(record) => Some(parsed(&record)),
            json::Part::Problem(problem) => {
                let is_mark = problem.kind == ProblemKind::Bom && problem.span.start == 0;
                let range = problem.span.start as usize..problem.span.end as usize;
                (!is_mark).then(|| {
                    Part::Damage(Damage {
                        text: valid_prefix(&bytes[range]),
                        kind: problem.kind.name(),
                        what: problem.to_string(),
                        span: problem.span,
                    })
                })
            }
        })
}

/// The reader of records knows no limits of depth and length; the tree does.
fn parsed<'a>(record: &json::Record<'a>) -> Part<'a> {
    match Value::parse(record.text) {
        Ok(value) => Part::Record(record.span.clone(), value),
        Err(error) => Part::Damage(Damage {
            span: record.span.clone(),
            text: record.text,
            kind: match error.kind {
                ErrorKind::TooDeep => TOO_DEEP,
                _ => "too-long",
            },
            what: format!(
                "the record at byte {} can't be read: {error}",
                record.span.start
            ),
        }),
    }
}

/// The bytes up to the first that is not UTF-8.
pub(super) fn valid_prefix(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // `valid_up_to` is a boundary by definition.
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or(""),
    }
}
