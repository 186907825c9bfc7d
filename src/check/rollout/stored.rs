//! A rollout with the records that the contract looks at.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::json::{Pointer, Value};
use crate::rollout::{
    Lineage, Place, RecordKind, RolloutIndex, RolloutPart, RolloutReader, RolloutRecord,
    RolloutSource, Version, What,
};

use super::super::item::{Facts, ItemFacts};
use super::super::violation::RolloutPlace;
use super::check::CheckedRollout;

/// One of a thread's own rollouts, in memory.
pub(super) struct StoredRollout {
    /// The file and those that it inherits from.
    pub(super) lineage: Lineage,
    /// What is looked at, by number of the record.
    pub(super) records: Vec<StoredRecord>,
    has_turn_events: bool,
    /// Whether a port wrote it that keeps less on disk than Codex: no contexts, no usage, no turns.
    pub(super) is_pycodex: bool,
}

/// One record.
pub(super) struct StoredRecord {
    pub(super) kind: RecordKind,
    /// The payload of a record of usage, of a turn or of a compaction.
    pub(super) payload: Option<Value>,
    /// The item that it holds.
    pub(super) item: Option<Arc<ItemFacts>>,
}

impl StoredRollout {
    /// Reads a rollout once, and indexes what it inherits from; `find` finds files by the ids in their names.
    ///
    /// # Errors
    ///
    /// When the file can't be read; damage stands in the index.
    pub(super) fn read(
        source: RolloutSource,
        find: impl FnMut(&str) -> Option<PathBuf>,
        facts: &mut Facts,
    ) -> io::Result<Self> {
        let mut reader = RolloutReader::new(source.open()?);
        let mut index = RolloutIndex::default();
        let mut records = Vec::new();
        let mut is_pycodex = false;
        while let Some(part) = reader.next_part()? {
            let record = match part {
                RolloutPart::Record(record) => record,
                RolloutPart::Problem(problem) => {
                    index.add_problem(problem);
                    continue;
                }
            };
            index.add_record(&record);
            // pycodex 0.1.13–0.5.1 writes the offset as `+00:00`, Codex `Z`.
            if record.kind == RecordKind::SessionMeta && index.metas.len() == 1 {
                let time = record.timestamp.as_deref();
                is_pycodex = time.is_some_and(|time| !time.ends_with('Z'));
            }
            records.push(StoredRecord::new(&record, facts));
        }
        index.summary = Some(reader.summary());
        let entries = &index.entries;
        let has_turn_events = entries
            .iter()
            .any(|entry| matches!(entry.what, What::TurnStarted(_)));
        Ok(Self {
            has_turn_events,
            lineage: Lineage::of(source, Arc::new(index), find),
            records,
            is_pycodex,
        })
    }

    /// The index of the file itself.
    pub(super) fn index(&self) -> &RolloutIndex {
        &self.lineage.own().index
    }

    /// Whether a turn begins with such a record: by its event, in files without these with the user's message.
    pub(super) fn begins_turn(&self, what: What) -> bool {
        match what {
            What::TurnStarted(_) => true,
            What::Item(class) => class.is_turn() && !self.has_turn_events,
            _ => false,
        }
    }

    /// Whether each response has a record of its tokens: in files of Codex 0.153.0 and later, not 0.152.0.
    pub(super) fn has_usage_records(&self) -> bool {
        let is_usage = |record: &StoredRecord| record.kind == RecordKind::TokenUsageRecord;
        self.is_since(Version(0, 153, 0)) || self.records.iter().any(is_usage)
    }

    /// Whether this version of Codex or a later one wrote the file, not a port.
    pub(super) fn is_since(&self, version: Version) -> bool {
        let meta = self.index().meta();
        let written = meta.and_then(|meta| Version::parse(meta.cli_version.as_deref()?));
        !self.is_pycodex && written.is_some_and(|written| written >= version)
    }

    /// What a report says of the file.
    pub(super) fn summary(&self) -> CheckedRollout {
        let index = self.index();
        CheckedRollout {
            path: self
                .lineage
                .own()
                .source
                .path
                .to_string_lossy()
                .into_owned(),
            records: index.entries.len(),
            problems: index
                .problems
                .iter()
                .map(|(_, problem)| problem.clone())
                .collect(),
        }
    }

    /// A place in a record of the file or of one that it inherits from.
    pub(super) fn place(&self, place: Place, pointer: Pointer) -> RolloutPlace {
        let file = &self.lineage.files[place.file];
        let entry = file.index.entries.get(place.record);
        let span = entry.map_or(0..0, |entry| entry.span.clone());
        RolloutPlace {
            path: file.source.path.to_string_lossy().into_owned(),
            record: place.record,
            start: span.start,
            end: span.end,
            pointer,
        }
    }

    /// A place in a record of the file itself.
    pub(super) fn own_place(&self, record: usize, pointer: Pointer) -> RolloutPlace {
        let file = self.lineage.files.len() - 1;
        self.place(Place { file, record }, pointer)
    }
}

impl StoredRecord {
    /// Whether a model made it, or a compaction.
    pub(super) fn is_answer(&self) -> bool {
        self.kind == RecordKind::Compacted
            || self.item.as_ref().is_some_and(|facts| facts.is_of_model())
    }

    /// The payload of an event of this type.
    pub(super) fn event(&self, kind: &str) -> Option<&Value> {
        let payload = self.payload.as_ref()?;
        let is_event = self.kind == RecordKind::EventMsg;
        let is_kind = payload
            .node()
            .get("type")
            .is_some_and(|name| name.is_key(kind));
        (is_event && is_kind).then_some(payload)
    }

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
        let text = Some(record.payload.text()).filter(|_| is_needed);
        let payload = text.and_then(|text| Value::parse(text).ok());
        let is_item = record.kind == RecordKind::ResponseItem;
        Self {
            kind: record.kind,
            item: payload
                .as_ref()
                .filter(|_| is_item)
                .map(|item| facts.of(item)),
            payload: payload.filter(|_| !is_item),
        }
    }
}

/// Events that say something of usage and turns.
const NEEDED_EVENTS: [&str; 2] = ["token_count", "task_complete"];
