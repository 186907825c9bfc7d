//! What the agent knows of the length of the history when it decides on a compaction.

use crate::json::Value;

use super::super::attempts::Attempt;

/// The tokens that a response reported.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported {
    pub(super) total: u64,
    pub(super) exchange: usize,
}

impl Reported {
    /// `usage.total_tokens` of a response that was completed.
    pub(super) fn of(attempt: &Attempt<'_>) -> Option<Self> {
        let (_, usage) = attempt.request.response.usage.as_ref()?;
        Some(Self {
            total: usage.node().get("total_tokens")?.unsigned()?,
            exchange: attempt.request.exchange,
        })
    }
}

/// The most tokens that an agent may count for items.
///
/// Codex estimates 4 bytes for each (0.125.0–0.169.0 compact when 19,500 reported tokens and an output pass 20,000); half
/// of that leaves room for what it counts otherwise.
pub(super) fn most_tokens(items: &[Value]) -> u64 {
    let bytes: usize = items.iter().map(|item| item.text().len()).sum();
    bytes as u64 / 2
}
