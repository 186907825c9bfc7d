//! What a fork of a thread inherits.

use crate::rollout::index::{RolloutIndex, What};
use crate::rollout::rules::Rules;
use crate::rollout::user_message::ItemClass;

/// What a fork before a user message inherits of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForkCut {
    /// The records before this number.
    Before(usize),
    /// All records: there is no such message (0.118 and later).
    Everything,
    /// Nothing: there is no such message (before).
    Nothing,
}

impl ForkCut {
    /// The number of records that the fork inherits, `None` for all; as [`History::plan`](crate::rollout::History::plan) takes
    /// it.
    pub fn until(self) -> Option<usize> {
        match self {
            Self::Before(record) => Some(record),
            Self::Everything => None,
            Self::Nothing => Some(0),
        }
    }
}

/// Where a fork strictly before the `n`-th message of the user cuts, counted from 0 and from the start of the file.
///
/// Counted are the messages that rollbacks left, by their records: what a compaction replaced still counts. A file that
/// ends in the middle of a turn is inherited up to that turn where the message is out of range (from source, version
/// about 0.16x).
pub fn fork_before_user_message(index: &RolloutIndex, n: usize, rules: &Rules) -> ForkCut {
    let mut messages = Vec::new();
    for (record, entry) in index.entries.iter().enumerate() {
        match entry.what {
            What::Item(ItemClass::UserTurn) => messages.push(record),
            What::RolledBack { turns } => {
                let turns = usize::try_from(turns).unwrap_or(usize::MAX);
                messages.truncate(messages.len().saturating_sub(turns));
            }
            _ => {}
        }
    }
    match messages.get(n) {
        Some(record) => ForkCut::Before(*record),
        None if !rules.fork_out_of_range_is_whole => ForkCut::Nothing,
        None => open_turn(index).map_or(ForkCut::Everything, ForkCut::Before),
    }
}

/// The record that began a turn which did not end.
fn open_turn(index: &RolloutIndex) -> Option<usize> {
    let entries = index.entries.iter().enumerate().rev();
    for (record, entry) in entries {
        match entry.what {
            What::TurnStarted(_) => return Some(record),
            What::TurnComplete(_) | What::TurnAborted(_) => return None,
            _ => {}
        }
    }
    None
}
