//! Differences that were told already: history is sent again with each request.

use std::collections::HashMap;

use super::replay::Origin;
use super::sent::{Due, WireItem, is_sent_as};

/// What is known to differ, each with the number of its violation.
#[derive(Default)]
pub(super) struct Excuses {
    /// Items on disk that are sent otherwise, with what is sent instead.
    changed: HashMap<(Origin, bool, u64), usize>,
    /// Items on disk that are not sent.
    missing: HashMap<(Origin, bool), usize>,
    /// Items that are sent and not on disk.
    added: HashMap<u64, usize>,
}

impl Excuses {
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.missing.is_empty() && self.added.is_empty()
    }

    /// Remembers an item that is sent otherwise.
    pub(super) fn add_changed(&mut self, due: &Due, sent: u64, violation: usize) {
        let key = (due.origin, due.is_made_up, sent);
        self.changed.entry(key).or_insert(violation);
    }

    /// Remembers an item that is not sent.
    pub(super) fn add_missing(&mut self, due: &Due, violation: usize) {
        let key = (due.origin, due.is_made_up);
        self.missing.entry(key).or_insert(violation);
    }

    /// Remembers an item that is not on disk.
    pub(super) fn add_added(&mut self, sent: u64, violation: usize) {
        self.added.entry(sent).or_insert(violation);
    }

    /// Whether the input is what is due but for differences that are known; then their violations.
    pub(super) fn explain(&self, due: &[Due], sent: &[WireItem]) -> Option<Vec<usize>> {
        let mut used = Vec::new();
        let mut sent = sent.iter().map(|item| &item.facts).peekable();
        for one in due {
            loop {
                let next = sent.peek().copied();
                if next.is_some_and(|next| is_sent_as(&one.facts, next)) {
                    sent.next();
                    break;
                }
                let next = next.map(|next| next.meaning());
                let changed =
                    next.and_then(|next| self.changed.get(&(one.origin, one.is_made_up, next)));
                if let Some(violation) = changed {
                    used.push(*violation);
                    sent.next();
                    break;
                }
                if let Some(violation) = self.missing.get(&(one.origin, one.is_made_up)) {
                    used.push(*violation);
                    break;
                }
                used.push(*self.added.get(&next?)?);
                sent.next();
            }
        }
        for left in sent {
            used.push(*self.added.get(&left.meaning())?);
        }
        used.sort_unstable();
        used.dedup();
        Some(used)
    }
}
