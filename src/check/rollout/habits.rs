//! What an agent is known to do otherwise than its rollout says.

use std::sync::Arc;

use crate::rollout::Version;

use super::super::item::{Facts, ItemFacts, delivery_difference};
use super::super::request::{Outcome, Request};
use super::replay::Kept;
use super::sent::Pairing;
use super::stored::StoredRollout;

/// The habits of the agent that wrote a thread's rollouts.
pub(super) struct Habits {
    /// How it deals with calls and outputs that lack their other half, the likeliest way first; never empty.
    pub(super) pairings: &'static [Pairing],
    /// Whether it writes items of a response that broke off and does not send them again (Codex 0.115.0–0.120.0).
    forgets_broken: bool,
    /// Those items.
    broken: Vec<Arc<ItemFacts>>,
}

impl Habits {
    pub(super) fn of(files: &[StoredRollout]) -> Self {
        let is_pycodex = files.iter().any(|file| file.is_pycodex);
        let keeps = |file: &StoredRollout| file.is_since(Version(0, 121, 0));
        Self {
            pairings: match is_pycodex {
                true => &[Pairing::Drop, Pairing::Keep, Pairing::MakeUp],
                false => &[Pairing::MakeUp],
            },
            forgets_broken: !is_pycodex && !files.iter().any(keeps),
            broken: Vec::new(),
        }
    }

    /// Remembers what a response delivered before it broke off.
    pub(super) fn learn(&mut self, request: &Request, facts: &mut Facts) {
        if self.forgets_broken && request.response.outcome != Outcome::Completed {
            let delivered = request.response.delivered.iter();
            self.broken.extend(delivered.map(|one| facts.of(&one.item)));
        }
    }

    /// Whether there is anything that it has forgotten.
    pub(super) fn has_forgotten(&self) -> bool {
        !self.broken.is_empty()
    }

    /// The history without items that the agent has forgotten; `None` where there are none.
    pub(super) fn without_forgotten(&self, kept: &[Kept]) -> Option<Vec<Kept>> {
        let is_forgotten = |kept: &Kept| {
            let mut broken = self.broken.iter();
            broken.any(|broken| delivery_difference(&kept.facts, broken).is_none())
        };
        if self.broken.is_empty() || !kept.iter().any(is_forgotten) {
            return None;
        }
        Some(
            kept.iter()
                .filter(|kept| !is_forgotten(kept))
                .cloned()
                .collect(),
        )
    }
}
