//! What the model made, and outputs, as far as they have been seen.

use std::sync::Arc;

use super::super::item::ItemFacts;
use super::super::quick::QuickSet;

/// Items by what they are known by. Most are never asked for, so hashes are taken when the first is.
#[derive(Default)]
pub(super) struct Known {
    keys: QuickSet<u64>,
    waiting: Vec<Arc<ItemFacts>>,
}

/// What an item is known by: what agents keep of one that the model made, all that an output says.
pub(super) fn key(facts: &ItemFacts) -> u64 {
    match facts.is_output() {
        true => facts.meaning(),
        false => facts.delivered_meaning(),
    }
}

/// Whether two items are known by the same.
pub(super) fn is_same(a: &Arc<ItemFacts>, b: &Arc<ItemFacts>) -> bool {
    Arc::ptr_eq(a, b) || key(a) == key(b)
}

impl Known {
    pub(super) fn add(&mut self, facts: &Arc<ItemFacts>) {
        self.waiting.push(Arc::clone(facts));
    }

    /// Makes ready for [`Known::has`].
    pub(super) fn settle(&mut self) {
        self.keys
            .extend(self.waiting.drain(..).map(|facts| key(&facts)));
    }

    /// Whether an item with this key was added before the last call of [`Known::settle`].
    pub(super) fn has(&self, key: u64) -> bool {
        debug_assert!(self.waiting.is_empty(), "items wait");
        self.keys.contains(&key)
    }
}
