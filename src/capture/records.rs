//! The records of a capture file, parsed, with the damage between them.

use std::ops::Range;

use crate::json::Value;

use super::CaptureProblem;

/// A part of a file of JSON records.
pub(super) enum Part<'a> {
    /// A complete record.
    Record(Range<u64>, Value),
    /// Bytes that are no complete record.
    Damage(Damage<'a>),
}

/// Bytes that are no complete record.
pub(super) struct Damage<'a> {
    /// Stable kebab-case kind.
    pub(super) kind: &'static str,
    /// Where they are in the file.
    pub(super) span: Range<u64>,
    /// The bytes as text, as far as they are UTF-8.
    pub(super) text: &'a str,
}

impl Damage<'_> {
    /// The problem to report, with what it means for the rest.
    pub(super) fn problem(&self, path: &str, meaning: &str) -> CaptureProblem {
        CaptureProblem {
            path: path.to_owned(),
            span: self.span.clone(),
            kind: self.kind.to_owned(),
            message: format!("{} at byte {}; {meaning}", self.what(), self.span.start),
        }
    }

    fn what(&self) -> &'static str {
        match self.kind {
            "truncated" => "the file ends inside the record that begins",
            "torn" => "broken record",
            _ => "bytes that are no record",
        }
    }
}

/// Every record and every damaged span of a text, in file order.
pub(super) fn parts(bytes: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let mut start = 0;
    bytes
        .split_inclusive(|&b| b == b'\n')
        .filter_map(move |line| {
            let span = start as u64..(start + line.len()) as u64;
            start += line.len();
            let text = valid_prefix(line);
            if text.trim().is_empty() {
                return None;
            }
            Some(match Value::parse(text) {
                Ok(value) => Part::Record(span, value),
                Err(_) => Part::Damage(Damage {
                    kind: if line.ends_with(b"\n") {
                        "torn"
                    } else {
                        "truncated"
                    },
                    span,
                    text,
                }),
            })
        })
}

/// The bytes up to the first that is not UTF-8.
pub(super) fn valid_prefix(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // `valid_up_to` is a boundary by definition.
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or(""),
    }
}
