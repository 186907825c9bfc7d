//! What a model sees as of any record: planned from the index, then read.

use std::io;
use std::ops::Range;

use crate::json::{Kind, Raw, Record, read_records};

use super::checkpoint::{Base, find_base};
use super::legacy_compaction::compact_by_summary;
use super::lineage::{Lineage, Place};
use super::load::{OutputBudget, TextReader};
use crate::rollout::index::What;
use crate::rollout::record::RecordKind;
use crate::rollout::rules::Rules;
use crate::rollout::user_message::{ItemClass, classify};

/// The items that a model sees, of which only the places are known.
///
/// Made by [`History::plan`]; [`load`](Self::load) and [`visit`](Self::visit) read the texts.
#[derive(Debug, Clone)]
pub struct History {
    /// The items in the order in which they are sent.
    pub items: Vec<HistoryItem>,
    /// The compaction that the history begins with; records before it do not count.
    pub base: Option<Place>,
    pub(super) output_budget: OutputBudget,
    /// Whether encrypted messages between agents are introduced by words.
    pub(super) introduces_encrypted: bool,
}

/// One item of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryItem {
    /// Where it comes from.
    pub origin: Origin,
    /// The record that it comes from; of an item that was made up, the record on whose account.
    pub place: Place,
    /// Its bytes in the decompressed file: those of the record, or of the element of a replacement history.
    pub span: Range<u64>,
    /// What it is to turns and rollbacks.
    pub class: ItemClass,
    /// The text of an item that stands in no file.
    pub(in crate::rollout) made: Option<String>,
}

/// How an item came into the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The payload of a `response_item` record.
    Record,
    /// An element of a compaction's `replacement_history`.
    Replacement {
        /// Its number there.
        element: usize,
    },
    /// The text of a `user_message` event, by which pycodex knows what the user said. Never made by [`History::plan`].
    UserMessageEvent,
    /// A message between agents that stands in a record of its own, not as an item (before 0.169).
    Communication,
    /// A message of the user that a compaction without `replacement_history` keeps, as a new item.
    KeptUserMessage {
        /// Whether the middle was cut out, to stay within 20,000 tokens.
        is_cut: bool,
    },
    /// The summary of a compaction without `replacement_history`, as a user message.
    Summary,
}

impl History {
    /// Finds out which items make the history, after Codex's own reader.
    ///
    /// `until` is the number of records of the thread's own file that count, `None` for all. Of the texts only those
    /// are read that decide something: a replacement history, and the newest user messages where a compaction left a
    /// summary only.
    ///
    /// # Errors
    ///
    /// When a file can't be read any more.
    pub fn plan(lineage: &Lineage, until: Option<usize>, rules: &Rules) -> io::Result<Self> {
        let own = counted(lineage, until, rules);
        let base = find_base(lineage, &own, rules);
        let mut replay = Replay {
            lineage,
            items: Vec::new(),
        };
        if let Some(place) = base.checkpoint {
            replay.replace(place)?;
        }
        let mut budget = None;
        for (place, entry) in lineage.entries(own) {
            if let What::TurnContext(_) = entry.what {
                budget = Some(place);
            }
            if base.replays(place) {
                replay.apply(place, &entry.what, rules)?;
            }
        }
        Ok(Self {
            items: replay.items,
            base: base.checkpoint,
            output_budget: OutputBudget::read(lineage, budget)?,
            introduces_encrypted: rules.introduces_encrypted,
        })
    }
}

/// The history while the records behind its base are played again.
struct Replay<'a> {
    lineage: &'a Lineage,
    items: Vec<HistoryItem>,
}

impl Replay<'_> {
    fn apply(&mut self, place: Place, what: &What, rules: &Rules) -> io::Result<()> {
        match *what {
            What::Item(ItemClass::NotSent) => {}
            What::Item(class) => self.push(place, Origin::Record, class),
            What::Record(RecordKind::InterAgentCommunication) if rules.knows_agent_messages => {
                self.push(place, Origin::Communication, ItemClass::AgentTurn);
            }
            What::Compacted {
                replacement: None, ..
            } => {
                let items = std::mem::take(&mut self.items);
                self.items = compact_by_summary(self.lineage, place, items, rules)?;
            }
            // It was taken back by a rollback, or it would be the base: newer versions go on with the items.
            What::Compacted { .. } if !rules.restores_compacted => self.replace(place)?,
            What::RolledBack { turns } => roll_back(&mut self.items, turns, rules),
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, place: Place, origin: Origin, class: ItemClass) {
        self.items.push(HistoryItem {
            origin,
            place,
            span: span_of(self.lineage, place),
            class,
            made: None,
        });
    }

    /// Goes on with the replacement history of a compaction alone.
    fn replace(&mut self, place: Place) -> io::Result<()> {
        let text = TextReader::new(self.lineage).record(place)?;
        let start = span_of(self.lineage, place).start;
        self.items.clear();
        let payload = Content::of(&text).payload;
        let Some(elements) = payload.get("replacement_history") else {
            return Ok(());
        };
        for (element, item) in elements.items().enumerate() {
            let class = classify(item);
            let is_unknown = class == ItemClass::NotSent;
            if is_unknown && self.is_left_out(item) {
                continue;
            }
            let item = item.text();
            let at = start + offset_in(&text, item);
            self.items.push(HistoryItem {
                origin: Origin::Replacement { element },
                place,
                span: at..at + item.len() as u64,
                class,
                made: is_unknown.then(|| UNKNOWN_ITEM.to_owned()),
            });
        }
        Ok(())
    }

    /// Whether an item that is never sent from a record is not sent from a replacement history either: snapshots of files
    /// without ordinals. Others Codex 0.125.0–0.169.0 hold as an item without content and send.
    fn is_left_out(&self, item: Raw<'_>) -> bool {
        item.get_string("type").as_deref() == Some("ghost_snapshot") && !self.lineage.is_paginated()
    }
}

/// What Codex makes of an element of a replacement history whose type it does not know.
const UNKNOWN_ITEM: &str = r#"{"type":"other"}"#;

/// The records of the thread's own file that count.
fn counted(lineage: &Lineage, until: Option<usize>, rules: &Rules) -> Range<usize> {
    let own = lineage.own();
    let end = until.unwrap_or(own.end);
    let metas = own.index.metas.iter().map(|(record, _)| *record);
    let last_meta = metas.rev().find(|record| *record < end);
    let start = last_meta.filter(|_| rules.begins_at_last_meta && lineage.is_paginated());
    start.unwrap_or(0)..end
}

/// Takes back the last turns that a user or another agent began, with the context written just before them. What
/// stands before the first turn stays.
fn roll_back(items: &mut Vec<HistoryItem>, turns: u64, rules: &Rules) {
    let begins_turn = |class: ItemClass| {
        class.is_turn() || class == ItemClass::Summary && rules.takes_summaries_for_turns
    };
    let starts: Vec<usize> = (0..items.len())
        .filter(|at| begins_turn(items[*at].class))
        .collect();
    let Some(first) = starts.first().copied().filter(|_| turns > 0) else {
        return;
    };
    let turns = usize::try_from(turns).unwrap_or(usize::MAX);
    let mut cut = starts
        .len()
        .checked_sub(turns)
        .map_or(first, |at| starts[at]);
    while cut > first && items[cut - 1].class == ItemClass::Context {
        cut -= 1;
    }
    items.truncate(cut);
}

impl Base {
    /// Whether a record stands behind the base.
    fn replays(&self, place: Place) -> bool {
        self.begins_behind.is_none_or(|base| place > base)
    }
}

/// Bytes of a record in its file.
pub(super) fn span_of(lineage: &Lineage, place: Place) -> Range<u64> {
    let entry = &lineage.files[place.file].index.entries[place.record];
    entry.span.clone()
}

/// What of a record's text makes its item: found in one pass over it.
pub(super) struct Content<'a> {
    /// The payload, or the whole record where there is no envelope.
    pub(super) payload: Raw<'a>,
    /// What stands beside it.
    pub(super) metadata: Option<Raw<'a>>,
}

impl<'a> Content<'a> {
    /// Reads a record's text; of repeated members the last counts.
    pub(super) fn of(text: &'a str) -> Self {
        let whole = Raw::new(text);
        let (mut payload, mut metadata) = (None, None);
        let mut has_type = false;
        for (key, value) in whole.members() {
            match key.as_ref() {
                "payload" => payload = Some(value),
                "metadata" => metadata = Some(value),
                "type" => has_type = value.kind() == Kind::String,
                _ => {}
            }
        }
        Self {
            payload: payload.filter(|_| has_type).unwrap_or(whole),
            metadata,
        }
    }
}

/// Reads a text that is one record.
pub(in crate::rollout) fn with_record<'a, T>(
    text: &'a str,
    read: impl FnOnce(&Record<'a>) -> T,
) -> Option<T> {
    let records = read_records(text.as_bytes());
    let part = records.parts.first()?;
    match part {
        crate::json::Part::Record(record) => Some(read(record)),
        crate::json::Part::Problem(_) => None,
    }
}

/// Where a part of a text begins in it.
fn offset_in(text: &str, part: &str) -> u64 {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize) as u64
}
