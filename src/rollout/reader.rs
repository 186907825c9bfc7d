//! Reads a rollout record by record.

use std::io::{self, Read};

use crate::json::{Part, Problem, RecordReader, Summary};

use super::record::RolloutRecord;

/// Reads the records of a rollout in the order of the file, which is the order that counts.
///
/// Nothing is held but the record at hand. Damage is delivered in its place, see
/// [`RecordReader`](crate::json::RecordReader).
pub struct RolloutReader<R> {
    reader: RecordReader<R>,
}

/// One thing that stands in a rollout.
#[derive(Debug, Clone)]
pub enum RolloutPart<'a> {
    /// A complete record.
    Record(RolloutRecord<'a>),
    /// Bytes that belong to no complete record.
    Problem(Problem),
}

impl<R: Read> RolloutReader<R> {
    /// A reader of decompressed bytes.
    pub fn new(source: R) -> Self {
        Self {
            reader: RecordReader::new(source),
        }
    }

    /// The next part, or `None` at the end.
    ///
    /// # Errors
    ///
    /// When reading fails; damage is no error.
    pub fn next_part(&mut self) -> io::Result<Option<RolloutPart<'_>>> {
        Ok(self.reader.next_part()?.map(|part| match part {
            Part::Record(record) => RolloutPart::Record(RolloutRecord::new(&record)),
            Part::Problem(problem) => RolloutPart::Problem(problem),
        }))
    }

    /// Totals of what was delivered so far.
    pub fn summary(&self) -> Summary {
        self.reader.summary()
    }
}
