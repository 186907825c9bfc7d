//! What a reader of concatenated JSON delivers.

use std::borrow::Cow;
use std::ops::Range;

use super::problem::{Problem, Summary};
use super::raw::Raw;
use super::reader::RecordReader;
use super::scanner::Scanner;
use super::syntax;

/// One complete JSON value of an input.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// Number of the record, from 0; problems are not counted.
    pub index: u64,
    /// Its bytes, counted from the start of the input.
    pub span: Range<u64>,
    /// Its text, exactly as it stands in the input.
    pub text: &'a str,
    /// Where the keys are, when the record is an object whose keys are all known already.
    pub(super) keys: Option<&'a [Range<usize>]>,
}

impl<'a> Record<'a> {
    /// The text of the string that the outermost object holds under `key`, without quotes and with its escapes.
    ///
    /// `None` when the record is no object, has no such key, or the value is not a string; the last of repeated keys
    /// counts.
    pub fn raw_string(&self, key: &str) -> Option<&'a str> {
        let text = self.get(key)?.text();
        text.strip_prefix('"')?.strip_suffix('"')
    }

    /// The value that the outermost object holds under `key`; the last of repeated keys counts.
    ///
    /// Costs next to nothing on a record that a [`RecordReader`](super::RecordReader) delivers, which knows where its
    /// keys are.
    pub fn get(&self, key: &str) -> Option<Raw<'a>> {
        match self.keys {
            Some(keys) => self.find(keys, key),
            None => {
                let mut scanner = Scanner::new(usize::MAX);
                scanner.run(self.text.as_bytes());
                self.find(scanner.keys(), key)
            }
        }
    }

    /// The members of the outermost object: names without escapes, and values; none for another kind of value.
    ///
    /// As [`get`](Self::get) costs next to nothing, but for an object of more keys than a reader remembers.
    pub fn members(&self) -> impl Iterator<Item = (Cow<'a, str>, Raw<'a>)> {
        let text = self.text;
        let known = self
            .keys
            .unwrap_or_default()
            .iter()
            .filter_map(move |span| {
                let name = &text[span.start + 1..span.end - 1];
                let value = text[span.end..].trim_ascii_start().strip_prefix(':')?;
                let name = match name.contains('\\') {
                    true => Cow::Owned(syntax::unescape(name)),
                    false => Cow::Borrowed(name),
                };
                Some((name, Raw::new(value)))
            });
        let unknown = self.keys.is_none().then(|| Raw::new(text).members());
        known.chain(unknown.into_iter().flatten())
    }

    fn find(&self, keys: &[Range<usize>], key: &str) -> Option<Raw<'a>> {
        let span = keys.iter().rev().find(|span| {
            let name = &self.text[span.start + 1..span.end - 1];
            name == key || name.contains('\\') && syntax::unescape(name) == key
        })?;
        let value = self.text[span.end..].trim_ascii_start().strip_prefix(':')?;
        Some(Raw::new(value))
    }
}

/// One thing that a reader finds in an input.
#[derive(Debug, Clone)]
pub enum Part<'a> {
    /// A complete record.
    Record(Record<'a>),
    /// Bytes that belong to no complete record.
    Problem(Problem),
}

/// Everything found in a slice.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    /// Records and problems in order of position.
    pub parts: Vec<Part<'a>>,
    /// Totals.
    pub summary: Summary,
}

/// Reads a whole input that is in memory; as [`RecordReader`], without its own buffer for the texts.
pub fn read_records(bytes: &[u8]) -> Records<'_> {
    let mut reader = RecordReader::new(bytes);
    let mut parts = Vec::new();
    // Reading from a slice does not fail, and text that was valid in the reader's buffer is so in the slice.
    while let Ok(Some(part)) = reader.next_part() {
        parts.push(match part {
            Part::Problem(problem) => Part::Problem(problem),
            Part::Record(Record { index, span, .. }) => {
                let text = &bytes[span.start as usize..span.end as usize];
                Part::Record(Record {
                    index,
                    span,
                    text: std::str::from_utf8(text).unwrap_or_default(),
                    keys: None,
                })
            }
        });
    }
    Records {
        parts,
        summary: reader.summary(),
    }
}
