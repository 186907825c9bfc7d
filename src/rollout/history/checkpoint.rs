//! Finds the compaction that a history begins with, going backwards.

use std::ops::Range;

use super::lineage::{Lineage, Place};
use crate::rollout::index::What;
use crate::rollout::record::RecordKind;
use crate::rollout::rules::Rules;

/// Where a history begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Base {
    /// The compaction whose replacement history it begins with.
    pub(super) checkpoint: Option<Place>,
    /// The records behind this one are played again; all without one.
    pub(super) begins_behind: Option<Place>,
}

/// A turn while its records are met from the last to the first.
#[derive(Default)]
struct Turn<'a> {
    id: Option<&'a str>,
    is_turn: bool,
    checkpoint: Option<Place>,
}

/// Finds the newest compaction with a replacement history that no rollback takes back.
///
/// A rollback of `n` turns takes back the `n` newest turns that a user or another agent began. Codex groups records into
/// turns by `task_started` and the ids of turns; one without a beginning goes on into the turn before it.
pub(super) fn find_base(lineage: &Lineage, own: &Range<usize>, rules: &Rules) -> Base {
    if rules.honours_checkpoints
        && let Some(place) = bounding_checkpoint(lineage, own)
    {
        return Base {
            checkpoint: Some(place),
            begins_behind: Some(place),
        };
    }
    let mut search = Search::default();
    for (place, entry) in lineage.entries(own.clone()).rev() {
        search.meet(lineage, place, &entry.what);
        if search.found.is_some() {
            break;
        }
    }
    search.end_turn();
    let oldest_met = search.oldest_met.filter(|_| !rules.restores_compacted);
    Base {
        checkpoint: search.found,
        begins_behind: search.found.or(oldest_met),
    }
}

/// The newest compaction, where it alone says what is needed of the records before it: it holds a replacement history,
/// numbers its window, and either stands in a file with ordinals or holds the metadata that a resume needs.
fn bounding_checkpoint(lineage: &Lineage, own: &Range<usize>) -> Option<Place> {
    let is_paginated = lineage.is_paginated();
    let (place, newest) = lineage
        .entries(own.clone())
        .rev()
        .find(|(_, entry)| matches!(entry.what, What::Compacted { .. }))?;
    match newest.what {
        What::Compacted {
            replacement: Some(_),
            has_window: true,
            has_resume_metadata,
        } if has_resume_metadata || is_paginated => Some(place),
        _ => None,
    }
}

#[derive(Default)]
struct Search<'a> {
    turn: Option<Turn<'a>>,
    to_take_back: u64,
    found: Option<Place>,
    oldest_met: Option<Place>,
}

impl<'a> Search<'a> {
    fn meet(&mut self, lineage: &'a Lineage, place: Place, what: &What) {
        let index = &lineage.files[place.file].index;
        let id = |turn: Option<u32>| turn.and_then(|turn| index.turn_id(turn));
        match *what {
            What::Compacted { replacement, .. } => {
                let turn = self.turn.get_or_insert_default();
                if replacement.is_some() && turn.checkpoint.is_none() {
                    turn.checkpoint = Some(place);
                    self.oldest_met = Some(place);
                }
            }
            What::RolledBack { turns } => {
                self.to_take_back = self.to_take_back.saturating_add(turns);
            }
            What::TurnComplete(number) | What::TurnContext(number) => {
                let turn = self.turn.get_or_insert_default();
                turn.id = turn.id.or(id(number));
            }
            What::TurnAborted(number) => {
                if self.turn.is_some() || number.is_some() {
                    let turn = self.turn.get_or_insert_default();
                    turn.id = turn.id.or(id(number));
                }
            }
            What::Item(class) => {
                let turn = self.turn.get_or_insert_default();
                turn.is_turn |= class.is_turn();
            }
            What::UserMessageEvent | What::Record(RecordKind::InterAgentCommunication) => {
                self.turn.get_or_insert_default().is_turn = true;
            }
            What::TurnStarted(number) => {
                let started = id(number);
                let is_its_beginning = self.turn.as_ref().is_some_and(|turn| {
                    turn.id
                        .is_none_or(|id| started.is_none_or(|started| started == id))
                });
                if is_its_beginning {
                    self.end_turn();
                }
            }
            What::Event | What::Record(_) => {}
        }
    }

    fn end_turn(&mut self) {
        let Some(turn) = self.turn.take() else {
            return;
        };
        if self.to_take_back > 0 {
            self.to_take_back -= u64::from(turn.is_turn);
        } else if self.found.is_none() {
            self.found = turn.checkpoint;
        }
    }
}
