//! A thread's rollout files played forward: the history as of each record.

use std::sync::Arc;

use crate::rollout::What;

use super::item::ItemFacts;
use super::stored::StoredRollout;

/// Where an item of a history stands on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Origin {
    /// Number of the file among those of the check.
    pub(super) file: usize,
    pub(super) record: usize,
    /// Number in `replacement_history`, for what a compaction left.
    pub(super) replacement: Option<usize>,
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
    /// Number of the file among those of the thread.
    pub(super) file: usize,
    pub(super) record: usize,
}

/// The history as of a position, moving forward.
#[derive(Clone)]
pub(super) struct Replay<'f> {
    files: &'f [StoredRollout],
    /// The files of the thread, oldest first.
    own: &'f [usize],
    pub(super) position: Position,
    pub(super) items: Vec<Kept>,
}

impl<'f> Replay<'f> {
    /// Before the first record of the first of a thread's files.
    pub(super) fn new(files: &'f [StoredRollout], own: &'f [usize]) -> Self {
        Self {
            files,
            own,
            position: Position::default(),
            items: Vec::new(),
        }
    }

    /// The file that the position is in.
    pub(super) fn file(&self) -> Option<&'f StoredRollout> {
        Some(&self.files[*self.own.get(self.position.file)?])
    }

    /// The next record: what it is.
    pub(super) fn next_what(&self) -> Option<What> {
        let entry = self.file()?.index.entries.get(self.position.record)?;
        Some(entry.what)
    }

    /// Moves behind the next record; false at the end of the last file.
    pub(super) fn step(&mut self) -> bool {
        let Some(file) = self.file() else {
            return false;
        };
        let Some(entry) = file.index.entries.get(self.position.record) else {
            if self.position.file + 1 >= self.own.len() {
                return false;
            }
            self.position = Position {
                file: self.position.file + 1,
                record: 0,
            };
            self.items.clear();
            return true;
        };
        let record = self.position.record;
        self.position.record += 1;
        match entry.what {
            What::Item { .. } => self.push(file, record, false),
            What::Compacted { replacement: Some(_) } => {
                self.items.clear();
                self.push(file, record, true);
            }
            _ => {}
        }
        true
    }

    /// Appends the items of a record.
    fn push(&mut self, file: &StoredRollout, record: usize, is_replacement: bool) {
        let number = self.own[self.position.file];
        for (at, facts) in file.records[record].items.iter().enumerate() {
            self.items.push(Kept {
                origin: Origin {
                    file: number,
                    record,
                    replacement: is_replacement.then_some(at),
                },
                facts: Arc::clone(facts),
            });
        }
    }
}
