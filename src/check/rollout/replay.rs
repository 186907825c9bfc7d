//! A thread's rollout files played forward: the history as of each record.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Arc;

use crate::json::Value;
use crate::rollout::{
    History, HistoryItem, ItemClass, Lineage, Origin as HistoryOrigin, Place, RecordKind, Rules,
    What,
};

use super::super::item::{Facts, ItemFacts};
use super::stored::StoredRollout;

/// Where an item of a history stands on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Origin {
    /// Number of the thread's own file in whose lineage it stands.
    pub(super) own: usize,
    /// The record.
    pub(super) place: Place,
    /// Number in `replacement_history`, for what a compaction left.
    pub(super) element: Option<usize>,
}

/// One item of a history.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) origin: Origin,
    pub(super) facts: Arc<ItemFacts>,
}

/// A position between records: those of the file before `record` have been seen, and all of earlier files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Position {
    /// Number among the thread's own files.
    pub(super) own: usize,
    pub(super) record: usize,
}

/// The history as of a position, moving forward.
#[derive(Clone)]
pub(super) struct Replay<'f> {
    files: &'f [StoredRollout],
    rules: Rules,
    pub(super) position: Position,
    pub(super) items: Vec<Kept>,
    /// Ids of calls that have no output, and of outputs that have no call.
    lone: BTreeSet<String>,
}

/// The items that were read, by where they stand.
#[derive(Default)]
pub(super) struct Texts {
    pub(super) facts: Facts,
    known: HashMap<Origin, Arc<ItemFacts>>,
}

impl<'f> Replay<'f> {
    /// Before the first record of the first of a thread's own files.
    pub(super) fn new(
        files: &'f [StoredRollout],
        rules: Rules,
        texts: &mut Texts,
    ) -> io::Result<Self> {
        let mut new = Self {
            files,
            rules,
            position: Position::default(),
            items: Vec::new(),
            lone: BTreeSet::new(),
        };
        if !files.is_empty() {
            new.plan(texts)?;
        }
        Ok(new)
    }

    /// Whether each call has its output and each output its call.
    pub(super) fn is_paired(&self) -> bool {
        self.lone.is_empty()
    }

    /// The next record: what it is; `None` at the end of a file.
    pub(super) fn next_what(&self) -> Option<What> {
        let file = self.files.get(self.position.own)?;
        Some(file.index().entries.get(self.position.record)?.what)
    }

    /// Whether there is nothing behind the position.
    pub(super) fn is_at_end(&self) -> bool {
        self.next_what().is_none() && self.position.own + 1 >= self.files.len()
    }

    /// The position before the next record that changes the history, or that begins a turn unless `crosses_turns`.
    pub(super) fn before_next_change(&self, crosses_turns: bool) -> Position {
        let mut at = self.position;
        let entries = self.files.get(at.own).map(|file| &file.index().entries);
        let rest = entries.and_then(|entries| entries.get(at.record..));
        let same = rest.unwrap_or_default().iter();
        let stays = |what: What| {
            let begins_turn = matches!(what, What::TurnStarted(_));
            !changes_history(what) && (crosses_turns || !begins_turn)
        };
        at.record += same.take_while(|entry| stays(entry.what)).count();
        at
    }

    /// The item in the next record.
    pub(super) fn next_item(&self) -> Option<&'f ItemFacts> {
        let file = self.files.get(self.position.own)?;
        file.records.get(self.position.record)?.item.as_deref()
    }

    /// Moves behind the next record, or before the first record of the next file. Tells whether the history changed.
    ///
    /// # Errors
    ///
    /// When a file can't be read any more.
    pub(super) fn step(&mut self, texts: &mut Texts) -> io::Result<bool> {
        let record = self.position.record;
        let Some(what) = self.next_what() else {
            self.position = Position {
                own: self.position.own + 1,
                record: 0,
            };
            self.plan(texts)?;
            return Ok(true);
        };
        self.position.record += 1;
        match what {
            what if !changes_history(what) => return Ok(false),
            What::Item(_) => self.push(record),
            _ => self.plan(texts)?,
        }
        Ok(true)
    }

    fn push(&mut self, record: usize) {
        let own = self.position.own;
        let file = &self.files[own];
        let place = Place {
            file: file.lineage.files.len() - 1,
            record,
        };
        let origin = Origin {
            own,
            place,
            element: None,
        };
        if let Some(facts) = &file.records[record].item {
            pair(&mut self.lone, facts);
            self.items.push(Kept {
                origin,
                facts: Arc::clone(facts),
            });
        }
    }

    /// Takes the history from the rules of the agent, not from the items before.
    fn plan(&mut self, texts: &mut Texts) -> io::Result<()> {
        let lineage = &self.files[self.position.own].lineage;
        let history = History::plan(lineage, Some(self.position.record), &self.rules)?;
        self.items = texts.read(self.position.own, lineage, &history)?;
        self.lone.clear();
        for kept in &self.items {
            pair(&mut self.lone, &kept.facts);
        }
        Ok(())
    }
}

/// Takes an item into account among those that lack their other half.
fn pair(lone: &mut BTreeSet<String>, facts: &ItemFacts) {
    let Some(id) = &facts.call_id else {
        return;
    };
    let is_half = facts.is_call() || facts.is_output();
    if is_half && !(facts.is_output() && lone.remove(id)) {
        lone.insert(id.clone());
    }
}

/// Whether the history behind a record is another one than before it.
fn changes_history(what: What) -> bool {
    match what {
        What::Item(class) => class != ItemClass::NotSent,
        What::Compacted { .. }
        | What::RolledBack { .. }
        | What::Record(RecordKind::InterAgentCommunication) => true,
        _ => false,
    }
}

impl Texts {
    /// The items of a history; only those that are not known yet are read.
    fn read(&mut self, own: usize, lineage: &Lineage, history: &History) -> io::Result<Vec<Kept>> {
        let origin = |item: &HistoryItem| Origin {
            own,
            place: item.place,
            element: match item.origin {
                HistoryOrigin::Replacement { element } => Some(element),
                _ => None,
            },
        };
        // Made-up items of one compaction share its record; they are few, and new with each.
        let is_known = |known: &HashMap<_, _>, item: &HistoryItem| {
            is_in_a_file(item) && known.contains_key(&origin(item))
        };
        let mut unknown = history.clone();
        unknown.items.retain(|item| !is_known(&self.known, item));
        let mut made = Vec::new();
        unknown.visit(lineage, |item, text| {
            // A record is JSON, and so is what is made of it.
            let Ok(value) = Value::parse(text.text) else {
                return;
            };
            let facts = self.facts.of(&value);
            if is_in_a_file(item) {
                self.known.insert(origin(item), facts);
            } else {
                made.push(facts);
            }
        })?;
        let mut made = made.into_iter();
        let kept = history.items.iter().filter_map(|item| {
            let origin = origin(item);
            let facts = if is_in_a_file(item) {
                self.known.get(&origin).cloned()
            } else {
                made.next()
            };
            facts.map(|facts| Kept { origin, facts })
        });
        Ok(kept.collect())
    }
}

fn is_in_a_file(item: &HistoryItem) -> bool {
    matches!(
        item.origin,
        HistoryOrigin::Record | HistoryOrigin::Replacement { .. } | HistoryOrigin::Communication
    )
}
