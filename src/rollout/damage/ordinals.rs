//! Whether the ordinals of a rollout go up, and whether one writer wrote it.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use super::order::{OrderKind, OrderProblem, other_sessions, problem};
use crate::rollout::index::{RolloutIndex, What};

/// How often records must change between two sequences before they are taken for those of two writers.
const CHANGES_OF_WRITER: usize = 3;

/// Two sequences of ordinals, each going up by one, and how often the records change between them.
#[derive(Default)]
pub(super) struct Ordinals {
    last: [Option<(u64, usize)>; 2],
    current: usize,
    changes: usize,
    pub(super) problems: Vec<OrderProblem>,
}

pub(super) fn ordinals(index: &RolloutIndex, is_repeated: &dyn Fn(usize) -> bool) -> Ordinals {
    let mut seen = Ordinals::default();
    for (record, entry) in index.entries.iter().enumerate() {
        if let Some(ordinal) = entry.ordinal.filter(|_| !is_repeated(record)) {
            seen.add(index, record, ordinal);
        }
    }
    seen
}

impl Ordinals {
    fn add(&mut self, index: &RolloutIndex, record: usize, ordinal: u64) {
        let follows = |last: Option<(u64, usize)>| {
            last.is_some_and(|(last, _)| last.checked_add(1) == Some(ordinal))
        };
        let other = 1 - self.current;
        if follows(self.last[self.current]) {
        } else if follows(self.last[other]) {
            self.current = other;
            self.changes += 1;
        } else {
            let found = match self.last[self.current] {
                None => first_ordinal(index, record, ordinal),
                Some(before) => {
                    self.current = other;
                    next_ordinal(index, before, record, ordinal)
                }
            };
            self.problems.extend(found);
        }
        self.last[self.current] = Some((ordinal, record));
    }
}

/// The first ordinal of a file is 0, or the parent's last.
fn first_ordinal(index: &RolloutIndex, record: usize, ordinal: u64) -> Option<OrderProblem> {
    let meta = index.meta();
    let base = meta.and_then(|meta| {
        let base = meta.history_base.as_ref().and_then(|base| base.end_ordinal);
        base.or(meta.forked_from_ordinal)
    });
    if ordinal == 0 || base == Some(ordinal) || is_damaged_before(index, 0, record) {
        return None;
    }
    let message = format!(
        "the file begins with ordinal {ordinal} at record {record}: what stood before it is gone"
    );
    Some(problem(
        index,
        OrderKind::OrdinalGap,
        record..record + 1,
        message,
    ))
}

fn next_ordinal(
    index: &RolloutIndex,
    (before, at): (u64, usize),
    record: usize,
    ordinal: u64,
) -> Option<OrderProblem> {
    let (kind, message) = if ordinal > before {
        if is_damaged_before(index, at + 1, record) {
            return None;
        }
        let lost = Missing {
            first: before + 1,
            last: ordinal - 1,
        };
        (
            OrderKind::OrdinalGap,
            format!("{lost} between record {at} and record {record}"),
        )
    } else if ordinal == before {
        let message = format!("record {record} has the ordinal {ordinal} of record {at} again");
        (OrderKind::OrdinalRepeat, message)
    } else {
        let message =
            format!("record {record} has the ordinal {ordinal} behind {before} of record {at}");
        (OrderKind::OrdinalBack, message)
    };
    Some(problem(index, kind, record..record + 1, message))
}

/// Ordinals that no record has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Missing {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Missing {
    /// How many they are.
    pub(super) fn count(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    /// How many records that are, in words.
    pub(super) fn records(self) -> String {
        match self.count() {
            1 => "1 record".to_owned(),
            count => format!("{count} records"),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last } = self;
        if first == last {
            write!(f, "ordinal {first} is missing")
        } else {
            write!(f, "ordinals {first} to {last} are missing")
        }
    }
}

/// Whether damaged bytes stand before `record` and behind the record before `from`.
fn is_damaged_before(index: &RolloutIndex, from: usize, record: usize) -> bool {
    let at = index.problems.partition_point(|(before, _)| *before < from);
    index
        .problems
        .get(at)
        .is_some_and(|(before, _)| *before <= record)
}

/// Records without an ordinal, between or behind others that have one.
pub(super) fn missing_ordinals(index: &RolloutIndex) -> Vec<OrderProblem> {
    let runs = runs_without_ordinal(index);
    let all = index.entries.len();
    let is_numbered = runs.iter().map(|run| run.len()).sum::<usize>() < all;
    let runs = runs.into_iter().filter(|_| is_numbered);
    runs.map(|run| {
        let message = if run.len() == 1 {
            format!("record {} has no ordinal, others have one", run.start)
        } else {
            format!(
                "records {} to {} have no ordinal, others have one",
                run.start,
                run.end - 1
            )
        };
        problem(index, OrderKind::OrdinalMissing, run, message)
    })
    .collect()
}

fn runs_without_ordinal(index: &RolloutIndex) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (record, entry) in index.entries.iter().enumerate() {
        if entry.ordinal.is_some() {
            continue;
        }
        match runs.last_mut().filter(|run| run.end == record) {
            Some(run) => run.end += 1,
            None => runs.push(record..record + 1),
        }
    }
    runs
}

/// Records that change again and again between two sequences: of ordinals, with and without ordinals, of turns.
pub(super) fn two_writers(index: &RolloutIndex) -> Option<OrderProblem> {
    let numbered = ordinals(index, &|_| false);
    let bare = runs_without_ordinal(index);
    let is_inside = |run: &&Range<usize>| run.start > 0 && run.end < index.entries.len();
    let first = if numbered.changes >= CHANGES_OF_WRITER {
        numbered.problems.first()?.records.start
    } else if bare.iter().filter(is_inside).count() >= CHANGES_OF_WRITER {
        bare.first()?.start
    } else {
        interleaved_turn(index)?
    };
    let message = match other_sessions(index, &|_| false).first() {
        Some(other) => {
            let ids = index.metas.iter().filter(|(record, _)| {
                *record == other.records.start || *record == index.metas[0].0
            });
            let ids: Vec<_> = ids.map(|(_, meta)| meta.id.as_str()).collect();
            format!(
                "records of two sessions are interleaved from record {first} on: {}",
                ids.join(" and ")
            )
        }
        None => format!("records of two writers are interleaved from record {first} on"),
    };
    Some(problem(
        index,
        OrderKind::TwoWriters,
        first..index.entries.len(),
        message,
    ))
}

/// Where a second turn begins to be written among the records of one that goes on.
fn interleaved_turn(index: &RolloutIndex) -> Option<usize> {
    let turns = index
        .entries
        .iter()
        .enumerate()
        .filter_map(|(record, entry)| {
            let turn = match entry.what {
                What::TurnStarted(turn) | What::TurnComplete(turn) | What::TurnAborted(turn) => {
                    turn
                }
                What::TurnContext(turn) => turn,
                _ => None,
            };
            turn.map(|turn| (record, turn))
        });
    let mut seen = HashSet::new();
    let mut current = None;
    let mut first = None;
    let mut returns = 0;
    for (record, turn) in turns {
        let is_new = seen.insert(turn);
        if current.is_some_and(|current| current != turn) {
            if is_new {
                first = if returns == 0 { Some(record) } else { first };
            } else {
                returns += 1;
            }
        }
        current = Some(turn);
    }
    first.filter(|_| returns >= CHANGES_OF_WRITER)
}
