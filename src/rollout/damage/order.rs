//! Whether the records of a rollout stand in the order in which one writer writes them.

use std::ops::Range;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use super::ordinals::{missing_ordinals, ordinals, two_writers};
use crate::rollout::index::{Entry, RolloutIndex, What};
use crate::rollout::record::{RecordKind, RolloutRecord};
use crate::rollout::sessions::RolloutName;

/// What is wrong with the order of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum OrderKind {
    /// Ordinals are missing between two records, and no damaged bytes stand there.
    OrdinalGap,
    /// A record has the ordinal of the one before it.
    OrdinalRepeat,
    /// A record has a lower ordinal than the one before it.
    OrdinalBack,
    /// A record has no ordinal though others of the file have one.
    OrdinalMissing,
    /// A record stands in the file twice, byte for byte.
    DuplicatedRecord,
    /// Records that follow each other stand in the file twice, byte for byte.
    DuplicatedBlock,
    /// Records of two writers are interleaved.
    TwoWriters,
    /// A `session_meta` that is neither the file's own nor that of the thread it was forked from.
    SecondSessionMeta,
    /// The file is named after another thread than its `session_meta` says.
    IdNotInName,
}

impl OrderKind {
    /// The stable kebab-case name used in output.
    pub fn name(self) -> &'static str {
        match self {
            OrderKind::OrdinalGap => "ordinal-gap",
            OrderKind::OrdinalRepeat => "ordinal-repeat",
            OrderKind::OrdinalBack => "ordinal-back",
            OrderKind::OrdinalMissing => "ordinal-missing",
            OrderKind::DuplicatedRecord => "duplicated-record",
            OrderKind::DuplicatedBlock => "duplicated-block",
            OrderKind::TwoWriters => "two-writers",
            OrderKind::SecondSessionMeta => "second-session-meta",
            OrderKind::IdNotInName => "id-not-in-name",
        }
    }
}

/// Records that don't stand where one writer would have written them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderProblem {
    /// What is wrong.
    pub kind: OrderKind,
    /// Numbers of the records that are concerned.
    pub records: Range<usize>,
    /// Their bytes.
    pub span: Range<u64>,
    /// One sentence for a person.
    pub message: String,
}

/// Collects what the checks of the order need; holds eight bytes for each record.
///
/// What Codex does by itself is no problem: a fork or revert begins at its parent's ordinal (0.153 and later) or copies
/// the parent's records with their `session_meta` (before), and a record that follows a torn one has its ordinal.
#[derive(Debug, Clone, Default)]
pub struct OrderCheck {
    /// A hash of each record's text; the lowest bit says whether its text can stand in a file only once.
    hashes: Vec<u64>,
}

impl OrderCheck {
    /// A check that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next record of the file.
    pub fn add(&mut self, record: &RolloutRecord<'_>) {
        let hash = xxh3_64(record.text.as_bytes());
        self.hashes.push(hash & !1 | u64::from(is_unique(record)));
    }

    /// What is wrong with the file that `index` was made of, in order of position; all its records were added.
    pub fn finish(self, index: &RolloutIndex, path: &Path) -> Vec<OrderProblem> {
        let repeats = self.repeats(index);
        let mut repeated = vec![false; self.hashes.len()];
        for run in &repeats {
            repeated[run.records.clone()].fill(true);
        }
        let is_repeated = |record: usize| repeated.get(record) == Some(&true);
        let mut problems: Vec<_> = repeats.iter().map(|run| run.problem(index)).collect();
        match two_writers(index) {
            Some(problem) => problems.push(problem),
            None => {
                problems.extend(ordinals(index, &is_repeated).problems);
                problems.extend(missing_ordinals(index));
                problems.extend(other_sessions(index, &is_repeated));
            }
        }
        problems.extend(other_name(index, path));
        problems.sort_by_key(|problem| (problem.records.start, problem.kind));
        problems
    }

    /// Runs of records that stand in the file before, byte for byte.
    fn repeats(&self, index: &RolloutIndex) -> Vec<Run> {
        let previous = self.previous();
        let mut runs = Vec::new();
        let mut at = 0;
        while at < previous.len() {
            let Some(original) = previous[at] else {
                at += 1;
                continue;
            };
            let (repeats, originals) = (&self.hashes[at..], &self.hashes[original as usize..]);
            let equal = repeats.iter().zip(originals).take_while(|(a, b)| a == b);
            let length = equal.count();
            let records = at..at + length;
            if self.is_written_twice(index, &records, original as usize) {
                runs.push(Run {
                    records,
                    original: original as usize,
                });
            }
            at += length;
        }
        runs
    }

    /// For each record the last one before it with the same text.
    fn previous(&self) -> Vec<Option<u32>> {
        let mut order: Vec<u32> = (0..self.hashes.len() as u32).collect();
        order.sort_unstable_by_key(|&record| (self.hashes[record as usize], record));
        let mut previous = vec![None; order.len()];
        for pair in order.windows(2) {
            if self.hashes[pair[0] as usize] == self.hashes[pair[1] as usize] {
                previous[pair[1] as usize] = Some(pair[0]);
            }
        }
        previous
    }

    /// Whether a run of equal records is no coincidence: agents write some events and, copying a parent, some items
    /// twice in one millisecond.
    fn is_written_twice(&self, index: &RolloutIndex, run: &Range<usize>, original: usize) -> bool {
        if self.hashes[run.clone()].iter().any(|hash| hash & 1 == 1) {
            return true;
        }
        let is_item =
            |entry: &Entry| matches!(entry.what, What::Item { .. } | What::Compacted { .. });
        index.metas.len() < 2
            && original + run.len() == run.start
            && index
                .entries
                .get(run.clone())
                .is_some_and(|run| run.iter().any(is_item))
    }
}

/// Whether no writer writes the text of this record twice.
fn is_unique(record: &RolloutRecord<'_>) -> bool {
    if record.ordinal.is_some() {
        return true;
    }
    let has = |key| record.payload.get_string(key).is_some();
    match record.kind {
        RecordKind::ResponseItem => has("id") || has("call_id"),
        RecordKind::EventMsg => {
            let name = record.payload_type();
            let is_bound = matches!(
                name.as_deref(),
                Some(
                    "task_started"
                        | "turn_started"
                        | "task_complete"
                        | "turn_complete"
                        | "turn_aborted"
                )
            );
            is_bound && has("turn_id")
        }
        RecordKind::SessionMeta => true,
        _ => false,
    }
}

/// Records that repeat as many others before them.
struct Run {
    records: Range<usize>,
    original: usize,
}

impl Run {
    fn problem(&self, index: &RolloutIndex) -> OrderProblem {
        let Range { start, end } = self.records;
        let until = self.original + self.records.len();
        let (kind, message) = if self.records.len() == 1 {
            let message = format!("record {start} is record {} again", self.original);
            (OrderKind::DuplicatedRecord, message)
        } else {
            let message = format!(
                "records {start} to {} are records {} to {} again",
                end - 1,
                self.original,
                until - 1
            );
            (OrderKind::DuplicatedBlock, message)
        };
        problem(index, kind, self.records.clone(), message)
    }
}

pub(super) fn problem(
    index: &RolloutIndex,
    kind: OrderKind,
    records: Range<usize>,
    message: String,
) -> OrderProblem {
    let place = |record: usize| index.entries.get(record).map(|entry| &entry.span);
    let start = place(records.start).map_or(0, |span| span.start);
    let end = place(records.end.saturating_sub(1)).map_or(start, |span| span.end);
    OrderProblem {
        kind,
        records,
        span: start..end,
        message,
    }
}

/// Metas of sessions that the file does not descend from.
pub(super) fn other_sessions(
    index: &RolloutIndex,
    is_repeated: &dyn Fn(usize) -> bool,
) -> Vec<OrderProblem> {
    let mut found = Vec::new();
    for pair in index.metas.windows(2) {
        let [(_, before), (record, meta)] = pair else {
            continue;
        };
        let parents = [&before.forked_from_id, &before.parent_thread_id];
        let is_parent = parents.into_iter().flatten().any(|id| *id == meta.id);
        if is_parent || is_repeated(*record) {
            continue;
        }
        let whose = if index.metas[0].1.id == meta.id {
            "the file's own again".to_owned()
        } else {
            format!("that of another session, {}", meta.id)
        };
        let message = format!(
            "the session_meta at record {record} is {whose}; Codex goes by the first one, pycodex by the last"
        );
        found.push(problem(
            index,
            OrderKind::SecondSessionMeta,
            *record..record + 1,
            message,
        ));
    }
    found
}

/// The name of a rollout holds its thread's id.
fn other_name(index: &RolloutIndex, path: &Path) -> Option<OrderProblem> {
    let (record, meta) = index.metas.first()?;
    let id = RolloutName::parse(path.file_name()?.to_str()?)?.thread_id?;
    if id.eq_ignore_ascii_case(&meta.id) {
        return None;
    }
    let message = format!(
        "the file is named after {id}, its session_meta says {}",
        meta.id
    );
    Some(problem(
        index,
        OrderKind::IdNotInName,
        *record..record + 1,
        message,
    ))
}

#[cfg(test)]
mod tests;
