//! The records between one request and the next one.

use super::super::request::Request;
use super::replay::Position;
use super::stored::{StoredRecord, StoredRollout};

/// A request with the point of the rollout at which it was made.
pub(super) struct Sampled<'t> {
    pub(super) request: &'t Request,
    pub(super) position: Position,
    /// Behind all that leaves the history as it is: where what the response delivered begins.
    pub(super) before_answer: Position,
}

/// A request with the records that were written until the next one was made.
pub(super) struct Stretch<'a> {
    pub(super) request: &'a Request,
    pub(super) from: Position,
    /// Where the answer begins, see [`Sampled::before_answer`].
    pub(super) before_answer: Position,
    /// `None` for the last request.
    pub(super) until: Option<Position>,
    pub(super) files: &'a [StoredRollout],
}

/// The stretches of a thread, in order.
pub(super) fn stretches<'a>(
    files: &'a [StoredRollout],
    sampled: &'a [Sampled<'a>],
) -> Vec<Stretch<'a>> {
    let until = sampled.iter().skip(1).map(|next| Some(next.position));
    let until = until.chain([None]);
    let pairs = sampled.iter().zip(until);
    pairs
        .map(|(sampled, until)| Stretch {
            request: sampled.request,
            from: sampled.position,
            before_answer: sampled.before_answer,
            until,
            files,
        })
        .collect()
}

impl<'a> Stretch<'a> {
    /// The file that the request was made in.
    pub(super) fn file(&self) -> Option<&'a StoredRollout> {
        self.files.get(self.from.own)
    }

    /// The records of that file between the request and the next one.
    pub(super) fn records(&self) -> impl Iterator<Item = (usize, &'a StoredRecord)> {
        self.records_until(self.end())
    }

    /// The records up to the answer to the next request: requests are put where the history first was what they sent,
    /// and what is written of an earlier response may follow.
    pub(super) fn records_to_next_answer(&self) -> impl Iterator<Item = (usize, &'a StoredRecord)> {
        let records = self.file().map_or(&[][..], |file| &file.records);
        let end = self.end();
        let answer = records[end..].iter().position(StoredRecord::is_answer);
        self.records_until(answer.map_or(records.len(), |answer| end + answer))
    }

    fn end(&self) -> usize {
        let records = self.file().map_or(0, |file| file.records.len());
        match self.until {
            Some(until) if until.own == self.from.own => until.record.min(records),
            _ => records,
        }
    }

    fn records_until(
        &self,
        end: usize,
    ) -> impl Iterator<Item = (usize, &'a StoredRecord)> + use<'a> {
        let records = self.file().map_or(&[][..], |file| &file.records);
        let start = self.from.record.min(end);
        (start..).zip(&records[start..end])
    }
}
