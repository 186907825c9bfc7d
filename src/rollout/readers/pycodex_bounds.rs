//! Where pycodex begins and ends to read a rollout.

use std::io;
use std::ops::Range;

use memchr::memmem;

use super::pycodex::{PycodexReader, PycodexRefusal};
use super::walk::{Piece, walk};
use crate::json::{Document, ProblemKind};
use crate::rollout::index::{Entry, RolloutIndex, What};
use crate::rollout::record::RecordKind;
use crate::rollout::source::RolloutSource;

/// The bytes by which 0.3.3 and later find the last compaction, wherever they stand.
const COMPACTED: &[u8] = b",\"type\":\"compacted\",\"payload\":";
/// How the record that they stand in must begin, on a line of its own.
const LINE_START: &[u8] = b"\n{\"timestamp\":\"";

/// Levels of arrays and objects that Python 3.11 reads with its limit of 1000 calls, less those that are open when
/// pycodex reads a file.
const MAX_NESTING: usize = 950;

/// How much of damaged bytes is looked at; a record that holds other bytes than UTF-8 is read as a whole.
const HEAD: u64 = 64 << 10;

/// How many records before a compaction are looked at for the beginning of its line.
const MAX_ON_A_LINE: usize = 64;

/// Which records pycodex reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Bounds {
    /// Number of the first record.
    pub(super) first: usize,
    /// Number behind the last record.
    pub(super) end: usize,
    /// Spans that are records for pycodex, which replaces bytes that are not UTF-8, with the number of records before.
    pub(super) replaced: Vec<(usize, Range<u64>)>,
    /// Where it ends though more follows.
    pub(super) stopped_at: Option<u64>,
    pub(super) refusal: Option<PycodexRefusal>,
}

/// Finds out where pycodex begins and ends in the first `until` records.
pub(super) fn bounds(
    source: &RolloutSource,
    index: &RolloutIndex,
    reader: PycodexReader,
    until: usize,
) -> io::Result<Bounds> {
    let start = match reader {
        PycodexReader::V0_1 => None,
        PycodexReader::V0_3 => checkpoint(source, index, until)?,
    };
    let mut found = read_on(source, index, start.clone().unwrap_or_default(), until)?;
    // It looks at the first record of the file for the session, before it begins at the compaction.
    if start.is_some() && found.refusal.is_none() {
        let first = read_on(source, index, Start::default(), until)?;
        let is_later = matches!(first.refusal, Some(PycodexRefusal::TooDeep(_))) && first.end > 0;
        found.refusal = first.refusal.filter(|_| !is_later);
    }
    if found.refusal.is_none() {
        found.refusal = too_deep(source, index, &found)?.map(PycodexRefusal::TooDeep);
    }
    Ok(found)
}

/// Where reading begins: at a record, or inside damage before it.
#[derive(Debug, Clone, Default)]
struct Start {
    record: usize,
    byte: u64,
}

/// Goes on from a place to the first damage that is no JSON for Python either.
fn read_on(
    source: &RolloutSource,
    index: &RolloutIndex,
    start: Start,
    until: usize,
) -> io::Result<Bounds> {
    let mut found = Bounds {
        first: start.record,
        end: until,
        ..Bounds::default()
    };
    let has_object = |end: usize| {
        let entries = index.entries.get(start.record..end).unwrap_or_default();
        entries
            .iter()
            .any(|entry| entry.what != What::Record(RecordKind::Unknown))
            || has_plain_object(source, entries)
    };
    let problems = index
        .problems
        .iter()
        .filter(|(_, problem)| problem.span.end > start.byte);
    for (before, problem) in problems.take_while(|(before, _)| *before <= until) {
        let from = problem.span.start.max(start.byte);
        let is_whole = problem.kind == ProblemKind::InvalidUtf8;
        let end = if is_whole {
            problem.span.end
        } else {
            problem.span.end.min(from + HEAD)
        };
        let text = source.read_span(from..end)?;
        let text = text.trim_matches(is_python_space);
        if text.is_empty() {
            continue;
        }
        if is_whole && Document::parse(text).is_ok() {
            found.replaced.push((*before, problem.span.clone()));
            continue;
        }
        found.end = (*before).max(start.record);
        if nesting(text.as_bytes()) > MAX_NESTING {
            found.refusal = Some(PycodexRefusal::TooDeep(from));
        } else if has_object(found.end) || !found.replaced.is_empty() {
            found.stopped_at = Some(from);
        } else {
            found.refusal = Some(PycodexRefusal::Undecodable(start.byte));
        }
        return Ok(found);
    }
    if found.replaced.is_empty() && !has_object(found.end) {
        found.refusal = Some(PycodexRefusal::Empty);
    }
    Ok(found)
}

/// Whether one of the records that mean nothing to the history is an object at all.
fn has_plain_object(source: &RolloutSource, entries: &[Entry]) -> bool {
    let first = |entry: &Entry| entry.span.start..entry.span.start + 1;
    let spans: Vec<_> = entries.iter().map(first).collect();
    let mut has_object = false;
    let read = source.read_spans(&spans, |_, text| has_object |= text == "{");
    read.is_ok() && has_object
}

/// What `str.isspace` of Python says.
fn is_python_space(symbol: char) -> bool {
    symbol.is_whitespace() || matches!(symbol, '\u{1c}'..='\u{1f}')
}

/// Where 0.3.3 and later begin: at the last record of a compaction that its writer could have written.
fn checkpoint(
    source: &RolloutSource,
    index: &RolloutIndex,
    until: usize,
) -> io::Result<Option<Start>> {
    let is_compaction =
        |record: &usize| matches!(index.entries[*record].what, What::Compacted { .. });
    let mut last = (0..until).rev().find(is_compaction);
    if let Some(record) = last {
        let span = &index.entries[record].span;
        let head = span.start..span.end.min(span.start + HEAD);
        let is_plain = has_words(&source.read_span(head)?);
        last = last.filter(|_| is_plain);
    }
    match torn_compaction(source, index, last.map_or(0, |record| record + 1), until)? {
        Some(torn) if begins_line(source, torn.byte)? => {
            Ok(is_behind_object(source, index, &torn)?.then_some(torn))
        }
        Some(torn) => line_of(source, index, torn.record.checked_sub(1)),
        None => line_of(source, index, last),
    }
}

fn has_words(text: &str) -> bool {
    memmem::find(text.as_bytes(), COMPACTED).is_some()
}

/// The last damaged span behind the first `from` records that holds the words of a compaction.
fn torn_compaction(
    source: &RolloutSource,
    index: &RolloutIndex,
    from: usize,
    until: usize,
) -> io::Result<Option<Start>> {
    let problems = index
        .problems
        .iter()
        .filter(|(before, _)| (from..=until).contains(before));
    let starts: Vec<_> = problems
        .map(|(before, problem)| (*before, problem.span.clone()))
        .collect();
    let heads = starts
        .iter()
        .map(|(_, span)| span.start..span.end.min(span.start + HEAD));
    let heads: Vec<_> = heads.collect();
    let mut found = None;
    source.read_spans(&heads, |at, text| {
        if has_words(&text) {
            let (record, span) = &starts[at];
            found = Some(Start {
                record: *record,
                byte: span.start,
            });
        }
    })?;
    Ok(found)
}

/// The beginning of the line that a record stands on, if it is written as pycodex looks for it.
fn line_of(
    source: &RolloutSource,
    index: &RolloutIndex,
    record: Option<usize>,
) -> io::Result<Option<Start>> {
    let Some(record) = record else {
        return Ok(None);
    };
    for record in (record.saturating_sub(MAX_ON_A_LINE)..=record).rev() {
        let byte = index.entries[record].span.start;
        if begins_line(source, byte)? {
            let start = Start { record, byte };
            return Ok(is_behind_object(source, index, &start)?.then_some(start));
        }
    }
    Ok(None)
}

/// Whether what stands at this byte begins as the line of a record does.
fn begins_line(source: &RolloutSource, byte: u64) -> io::Result<bool> {
    let Some(before) = byte.checked_sub(1) else {
        return Ok(false);
    };
    match source.read_span(before..before + LINE_START.len() as u64) {
        Ok(text) => Ok(text.as_bytes() == LINE_START),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether nothing or an object stands before the place.
fn is_behind_object(
    source: &RolloutSource,
    index: &RolloutIndex,
    start: &Start,
) -> io::Result<bool> {
    let record = start
        .record
        .checked_sub(1)
        .map(|before| index.entries[before].span.end);
    let problems = index.problems.iter().map(|(_, problem)| problem.span.end);
    let problem = problems.filter(|end| *end <= start.byte).max();
    let Some(end) = record.max(problem) else {
        return Ok(true);
    };
    let before = source.read_span(end.saturating_sub(HEAD)..end)?;
    Ok(before.trim_ascii_end().ends_with('}'))
}

/// Where the first record begins that is nested too deep for Python.
fn too_deep(
    source: &RolloutSource,
    index: &RolloutIndex,
    bounds: &Bounds,
) -> io::Result<Option<u64>> {
    let can_be = |span: &Range<u64>| span.end - span.start > 2 * MAX_NESTING as u64;
    let read = bounds.first..bounds.end;
    if !index
        .entries
        .get(read.clone())
        .unwrap_or_default()
        .iter()
        .any(|entry| can_be(&entry.span))
    {
        return Ok(None);
    }
    let mut found = None;
    walk(source, index, |piece| {
        if let Piece::Record(record, text) = piece
            && found.is_none()
            && read.contains(&record)
            && nesting(text.as_bytes()) > MAX_NESTING
        {
            found = Some(index.entries[record].span.start);
        }
    })?;
    Ok(found)
}

/// How deep JSON is nested.
fn nesting(text: &[u8]) -> usize {
    if memchr::memchr2_iter(b'[', b'{', text)
        .nth(MAX_NESTING)
        .is_none()
    {
        return 0;
    }
    let (mut depth, mut deepest, mut at) = (0_usize, 0, 0);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => at += string_length(&text[at..]),
            _ => {}
        }
        deepest = deepest.max(depth);
        at += 1;
    }
    deepest
}

/// Where the string that the text begins with has its last quote.
fn string_length(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = text
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        at += found;
        if text[at] == b'"' {
            return at;
        }
        at += 2;
    }
    text.len()
}
