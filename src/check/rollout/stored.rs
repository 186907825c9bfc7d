//! A rollout with the records that the contract looks at.

use std::io;
use std::sync::Arc;

use crate::json::{Pointer, Problem, Value};
use crate::rollout::{
    RecordKind, RolloutIndex, RolloutPart, RolloutReader, RolloutRecord, RolloutSource,
};

use super::super::violation::RolloutPlace;
use super::item::{Facts, ItemFacts};

/// One rollout in memory.
pub(super) struct StoredRollout {
    pub(super) path: String,
    pub(super) index: RolloutIndex,
    /// What is looked at, by number of the record.
    pub(super) records: Vec<StoredRecord>,
    /// Whether a port wrote it that keeps less on disk than Codex: no contexts, no usage, no turns.
    pub(super) is_pycodex: bool,
}

/// One record.
pub(super) struct StoredRecord {
    pub(super) kind: RecordKind,
    /// The payload of a record of usage, of a turn or of a compaction.
    pub(super) payload: Option<Value>,
    /// The item that it holds, or the items that a compaction left.
    pub(super) items: Vec<Arc<ItemFacts>>,
}

impl StoredRollout {
    /// Reads a rollout once.
    ///
    /// # Errors
    ///
    /// When the file can't be read; damage stands in the index.
    pub(super) fn read(source: &RolloutSource, facts: &mut Facts) -> io::Result<Self> {
        let mut reader = RolloutReader::new(source.open()?);
        let mut new = Self {
            path: source.path.to_string_lossy().into_owned(),
            index: RolloutIndex::default(),
            records: Vec::new(),
            is_pycodex: false,
        };
        while let Some(part) = reader.next_part()? {
            let record = match part {
                RolloutPart::Record(record) => record,
                RolloutPart::Problem(problem) => {
                    new.index.add_problem(problem);
                    continue;
                }
            };
            new.index.add_record(&record);
            // pycodex 0.1.13–0.5.1 writes the offset as `+00:00`, Codex `Z`.
            if record.kind == RecordKind::SessionMeta && new.index.metas.len() == 1 {
                new.is_pycodex = !record.timestamp.is_some_and(|time| time.ends_with('Z'));
            }
            new.records.push(StoredRecord::new(&record, facts));
        }
        new.index.summary = Some(reader.summary());
        Ok(new)
    }

    /// A place in a record.
    pub(super) fn place(&self, record: usize, pointer: Pointer) -> RolloutPlace {
        let span = self.index.entries.get(record).map(|entry| entry.span.clone());
        let span = span.unwrap_or_default();
        RolloutPlace {
            path: self.path.clone(),
            record,
            start: span.start,
            end: span.end,
            pointer,
        }
    }

    /// The damaged spans.
    pub(super) fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.index.problems.iter().map(|(_, problem)| problem)
    }
}

impl StoredRecord {
    fn new(record: &RolloutRecord<'_>, facts: &mut Facts) -> Self {
        let is_needed = match record.kind {
            RecordKind::ResponseItem
            | RecordKind::Compacted
            | RecordKind::TokenUsageRecord
            | RecordKind::TurnContext => true,
            RecordKind::EventMsg => {
                let kind = record.payload.get_string("type");
                kind.is_some_and(|kind| NEEDED_EVENTS.contains(&kind.as_ref()))
            }
            _ => false,
        };
        let payload = Value::parse(if is_needed { record.payload.text() } else { "" }).ok();
        let mut new = Self {
            kind: record.kind,
            payload: None,
            items: Vec::new(),
        };
        match (record.kind, payload) {
            (RecordKind::ResponseItem, Some(item)) => new.items.push(facts.of(&item)),
            (RecordKind::Compacted, Some(payload)) => {
                if let Some(history) = payload.get("replacement_history") {
                    let items = history.node().items();
                    new.items = items.map(|item| facts.of(&history.part(item))).collect();
                }
                new.payload = Some(payload);
            }
            (_, payload) => new.payload = payload,
        }
        new
    }
}

/// Events that say something of usage and turns.
const NEEDED_EVENTS: [&str; 3] = ["token_count", "task_started", "turn_started"];
