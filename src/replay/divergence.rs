//! A request that is not the recorded one.

use crate::diff::{Change, Comparison};

/// A request that says something new which the recording does not say.
#[derive(Debug, Clone)]
pub struct Divergence {
    /// The recorded exchange, numbered from 0 as in reports; `None` when nothing was recorded for the request.
    pub baseline: Option<usize>,
    /// The exchange of this run, numbered in the same way.
    pub candidate: usize,
    /// Which turn of its thread the request belongs to, from 1: each new message of the user begins one.
    pub turn: usize,
    /// How the request differs; exchanges have the numbers of the whole session.
    pub comparison: Comparison,
}

impl Divergence {
    /// The most serious difference; what the model is shown goes before header fields.
    pub fn first(&self) -> Option<&Change> {
        let changes = self.comparison.changes.iter();
        changes.min_by_key(|change| {
            let is_header = change.pointer.as_str().starts_with("/request/headers");
            (change.level, is_header)
        })
    }
}
