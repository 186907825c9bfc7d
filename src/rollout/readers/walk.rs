//! A second pass over a rollout whose records and damaged spans are known: their bytes in order.

use std::io::{self, BufReader, Read};

use crate::rollout::index::RolloutIndex;
use crate::rollout::source::RolloutSource;

/// Damaged bytes and white space are handed on in parts of this size.
const PART: usize = 64 << 10;

/// What stands next in a rollout.
pub(super) enum Piece<'a> {
    /// White space between records and damaged spans.
    Space(&'a [u8]),
    /// The whole text of the record of this number.
    Record(usize, &'a str),
    /// The next bytes of a damaged span; long spans come in parts.
    Damaged(&'a [u8]),
}

/// Hands every byte of the rollout to `visit`, in order.
///
/// Holds one record at a time, however long the rest is.
pub(super) fn walk(
    source: &RolloutSource,
    index: &RolloutIndex,
    mut visit: impl FnMut(Piece<'_>),
) -> io::Result<()> {
    let mut bytes = Bytes {
        source: BufReader::with_capacity(PART, source.open()?),
        at: 0,
        buffer: Vec::new(),
    };
    let mut problems = index.problems.iter().peekable();
    for record in 0..=index.entries.len() {
        while let Some((_, problem)) = problems.next_if(|(before, _)| *before <= record) {
            bytes.parts(problem.span.start, |part| visit(Piece::Space(part)))?;
            bytes.parts(problem.span.end, |part| visit(Piece::Damaged(part)))?;
        }
        let Some(entry) = index.entries.get(record) else {
            break;
        };
        bytes.parts(entry.span.start, |part| visit(Piece::Space(part)))?;
        let text = bytes.take(entry.span.end)?;
        visit(Piece::Record(record, &String::from_utf8_lossy(text)));
    }
    bytes.parts(u64::MAX, |part| visit(Piece::Space(part)))
}

struct Bytes {
    source: BufReader<Box<dyn Read + Send>>,
    at: u64,
    buffer: Vec<u8>,
}

impl Bytes {
    /// Hands on what stands before `end`, or before the end of the file.
    fn parts(&mut self, end: u64, mut visit: impl FnMut(&[u8])) -> io::Result<()> {
        while self.at < end {
            let part = self.take(end.min(self.at + PART as u64))?;
            if part.is_empty() {
                break;
            }
            visit(part);
        }
        Ok(())
    }

    /// Reads up to `end`, or the end of the file.
    fn take(&mut self, end: u64) -> io::Result<&[u8]> {
        self.buffer.clear();
        let length = end.saturating_sub(self.at);
        self.source
            .by_ref()
            .take(length)
            .read_to_end(&mut self.buffer)?;
        self.at += self.buffer.len() as u64;
        Ok(&self.buffer)
    }
}
