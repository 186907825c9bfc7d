//! What pycodex makes of a rollout: a second view of the same file, beside that of Codex.

use std::collections::HashSet;
use std::io;
use std::ops::Range;

use super::pycodex_bounds::{Bounds, bounds};
use super::pycodex_item::{Items, Kept, user_event};
use super::shape::last;
use crate::json::{Kind, Raw};
use crate::rollout::history::Place;
use crate::rollout::history::{HistoryItem, Origin, with_record};
use crate::rollout::index::{RolloutIndex, What};
use crate::rollout::record::{Layout, RecordKind, RolloutRecord};
use crate::rollout::sessions::RolloutName;
use crate::rollout::source::RolloutSource;
use crate::rollout::user_message::ItemClass;

/// Which version of pycodex reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PycodexReader {
    /// 0.1.13: reads the whole file and keeps calls without an output.
    V0_1,
    /// 0.3.3 to 0.5.1: begins at the last compaction, leaves out calls without an output, keeps ids.
    V0_3,
}

impl PycodexReader {
    /// The reader of a version such as `0.5.1`; of an unknown one the newest.
    pub fn named(version: &str) -> Self {
        let is_old = version == "0.1" || version.starts_with("0.1.");
        if is_old { Self::V0_1 } else { Self::V0_3 }
    }
}

/// A rollout as pycodex resumes it.
///
/// Its reader takes JSON values one after the other, however they are laid out, and ends without a word at the first
/// place that is none. The user's words come from `user_message` events, which Codex does not write since 0.153.
#[derive(Debug, Clone, Default)]
pub struct PycodexView {
    /// Why pycodex does not resume the file; `None` when it does.
    pub refusal: Option<PycodexRefusal>,
    /// The session that it goes on with: of the last `session_meta`, else of the file's name.
    pub session_id: String,
    /// What it would send, without the context that stands before it and the prompt behind it; nothing when refused.
    pub items: Vec<PycodexItem>,
    /// Calls that are left out because they have no output.
    pub dropped_calls: Vec<PycodexItem>,
    /// The byte at which it ends to read though more follows.
    pub stopped_at: Option<u64>,
    /// Number of the record that it begins to read at.
    pub first: usize,
}

/// One item of pycodex's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PycodexItem {
    /// Where it comes from. Of a record that holds bytes that are not UTF-8, which pycodex reads with replacement
    /// characters, the place is that of the next record and the span its own.
    pub item: HistoryItem,
    /// The item as it would be sent, as JSON.
    pub text: String,
}

/// Why pycodex does not resume a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PycodexRefusal {
    /// It does not decompress.
    #[error("it does not read compressed files")]
    Compressed,
    /// Nothing can be decoded where it begins to read.
    #[error("it begins to read at byte {0}, and nothing there is JSON")]
    Undecodable(u64),
    /// The file holds no object.
    #[error("there is no record in the file")]
    Empty,
    /// What begins at this byte is nested too deep for Python.
    #[error("what begins at byte {0} is nested deeper than Python reads")]
    TooDeep(u64),
    /// Nothing that it reads is part of a history.
    #[error(
        "it finds no history: no user_message event, and no compaction with a replacement_history"
    )]
    NoHistory,
    /// Neither the file's name nor a `session_meta` names the session.
    #[error("neither the file's name nor a session_meta holds an id")]
    NoSessionId,
    /// 0.1.13 resumes what it lists, and lists files with a `user_message` event.
    #[error("it does not list files without a user_message event")]
    NotListed,
}

impl PycodexView {
    /// Reads the first `until` records of a rollout (`None`: all) as pycodex does.
    ///
    /// # Errors
    ///
    /// When the file can't be read.
    pub fn read(
        source: &RolloutSource,
        index: &RolloutIndex,
        reader: PycodexReader,
        until: Option<usize>,
    ) -> io::Result<Self> {
        if source.is_compressed() {
            return Ok(Self {
                refusal: Some(PycodexRefusal::Compressed),
                ..Self::default()
            });
        }
        let until = until.unwrap_or(usize::MAX).min(index.entries.len());
        let bounds = bounds(source, index, reader, until)?;
        let mut view = Self {
            session_id: session_id(source, index, &bounds),
            stopped_at: bounds.stopped_at,
            first: bounds.first,
            refusal: bounds.refusal.clone(),
            ..Self::default()
        };
        if view.refusal.is_some() {
            return Ok(view);
        }
        let history = history(source, index, reader, &bounds)?;
        view.items = history.items;
        if reader == PycodexReader::V0_3 {
            view.drop_calls();
        }
        if view.items.is_empty() {
            view.refusal = Some(PycodexRefusal::NoHistory);
        } else if view.session_id.is_empty() {
            view.refusal = Some(PycodexRefusal::NoSessionId);
        } else if reader == PycodexReader::V0_1 && !history.has_user_event {
            view.refusal = Some(PycodexRefusal::NotListed);
        }
        if view.refusal.is_some() {
            view.items.clear();
        }
        Ok(view)
    }

    /// Leaves out calls of which no output stands anywhere.
    fn drop_calls(&mut self) {
        let call_id =
            |item: &PycodexItem| Raw::new(&item.text).get_string("call_id").map(String::from);
        let is = |item: &PycodexItem, class| item.item.class == class;
        let outputs = self.items.iter().filter(|item| is(item, ItemClass::Output));
        let answered: HashSet<String> = outputs.filter_map(call_id).collect();
        let items = std::mem::take(&mut self.items);
        let has_output = |item: &PycodexItem| {
            !is(item, ItemClass::Call) || call_id(item).is_some_and(|id| answered.contains(&id))
        };
        (self.items, self.dropped_calls) = items.into_iter().partition(has_output);
    }
}

/// The id of the last `session_meta` that is read, else the one in the file's name.
fn session_id(source: &RolloutSource, index: &RolloutIndex, bounds: &Bounds) -> String {
    // Where it begins at a compaction, it looks at the first record of the file as well.
    let metas = index
        .metas
        .iter()
        .filter(|(record, _)| *record == 0 || (bounds.first..bounds.end).contains(record));
    let named = metas
        .map(|(_, meta)| meta.id.trim())
        .rfind(|id| !id.is_empty());
    if let Some(id) = named {
        return id.to_owned();
    }
    let name = source.path.file_name().and_then(|name| name.to_str());
    let name = name.and_then(RolloutName::parse);
    name.and_then(|name| name.segment_id.or(name.thread_id))
        .unwrap_or_default()
}

#[derive(Default)]
struct Rebuilt {
    items: Vec<PycodexItem>,
    has_user_event: bool,
}

/// The history of the records inside the bounds.
fn history(
    source: &RolloutSource,
    index: &RolloutIndex,
    reader: PycodexReader,
    bounds: &Bounds,
) -> io::Result<Rebuilt> {
    let is_compacted = |what: &What| {
        matches!(
            what,
            What::Compacted {
                replacement: Some(_),
                ..
            }
        )
    };
    let is_event = |record: usize| index.entries[record].what == What::UserMessageEvent;
    let range = bounds.first..bounds.end;
    // What stands before the last replacement does not count, whatever it holds.
    let last = range
        .clone()
        .rfind(|&record| is_compacted(&index.entries[record].what));
    let start = last
        .filter(|_| bounds.replaced.is_empty())
        .unwrap_or(range.start);
    let is_read =
        |what: &What| matches!(what, What::Item(_) | What::UserMessageEvent) || is_compacted(what);
    let records = (start..range.end).map(|record| (record, &index.entries[record]));
    let records = records.filter(|(_, entry)| is_read(&entry.what));
    let mut places: Vec<Part> = records
        .map(|(record, entry)| Part {
            record,
            span: entry.span.clone(),
        })
        .collect();
    let replaced = bounds.replaced.iter().cloned();
    places.extend(replaced.map(|(record, span)| Part { record, span }));
    places.sort_by_key(|part| part.span.start);
    let spans: Vec<_> = places.iter().map(|part| part.span.clone()).collect();
    let mut replay = Replay {
        items: Items::new(reader),
        has_user_turn: false,
        rebuilt: Rebuilt::default(),
    };
    source.read_spans(&spans, |at, text| {
        let part = &places[at];
        let whole = text.as_str();
        let done = with_record(whole, |record| {
            replay.add(part, &text, &RolloutRecord::new(record))
        });
        debug_assert!(done.is_some(), "a span of a record is a record");
    })?;
    replay.rebuilt.has_user_event = range.clone().any(is_event);
    Ok(replay.rebuilt)
}

/// A record to read, and its number.
struct Part {
    record: usize,
    span: Range<u64>,
}

struct Replay {
    items: Items,
    has_user_turn: bool,
    rebuilt: Rebuilt,
}

impl Replay {
    fn add(&mut self, part: &Part, text: &str, record: &RolloutRecord<'_>) {
        if record.layout != Layout::Envelope || record.payload.kind() != Kind::Object {
            return;
        }
        match record.kind {
            RecordKind::Compacted => self.replace(part, text, record.payload),
            RecordKind::EventMsg => {
                let name = last(record.payload, "type").and_then(Raw::string);
                if name.as_deref() == Some("user_message") {
                    let kept = user_event(record.payload);
                    self.push(part, Origin::UserMessageEvent, part.span.clone(), kept);
                    self.has_user_turn = true;
                }
            }
            RecordKind::ResponseItem if self.has_user_turn => {
                if let Some(kept) = self.items.read(record.payload, false) {
                    self.push(part, Origin::Record, part.span.clone(), kept);
                }
            }
            _ => {}
        }
    }

    /// Goes on with the replacement history of a compaction alone; one without it changes nothing.
    fn replace(&mut self, part: &Part, text: &str, payload: Raw<'_>) {
        let history = last(payload, "replacement_history");
        let Some(history) = history.filter(|history| history.kind() == Kind::Array) else {
            return;
        };
        self.rebuilt.items.clear();
        self.items.forget();
        for (element, item) in history.items().enumerate() {
            if item.kind() != Kind::Object {
                continue;
            }
            let Some(kept) = self.items.read(item, true) else {
                continue;
            };
            let item = item.text();
            let offset = (item.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
            let start = part.span.start + offset as u64;
            let span = start..start + item.len() as u64;
            self.push(part, Origin::Replacement { element }, span, kept);
        }
        let mut items = self.rebuilt.items.iter();
        self.has_user_turn = items.any(|item| item.item.class == ItemClass::UserTurn);
    }

    fn push(&mut self, part: &Part, origin: Origin, span: Range<u64>, kept: Kept) {
        self.rebuilt.items.push(PycodexItem {
            item: HistoryItem {
                origin,
                place: Place {
                    file: 0,
                    record: part.record,
                },
                span,
                class: kept.class,
                made: None,
            },
            text: kept.text,
        });
    }
}

#[cfg(test)]
mod tests;
