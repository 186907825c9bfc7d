//! What a contract yields.

use serde::Serialize;

use crate::json::Pointer;
use crate::normalize::Level;

/// A contract that one trace does not keep, told once however often it recurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Name of the rule, in kebab case.
    pub rule: &'static str,
    /// How much it matters.
    pub level: Level,
    /// The first exchange in which it was seen; `None` for what no exchange shows.
    pub exchange: Option<usize>,
    /// Further exchanges that show the same, as history is sent again.
    pub recurs: Vec<usize>,
    /// Where in the exchange.
    pub pointer: Pointer,
    /// Where on disk, for contracts that tie an exchange to a rollout.
    pub place: Option<RolloutPlace>,
    /// What it is about, for a person: an item by its first words, a thread.
    pub subject: Option<String>,
    /// Excerpt of what the contract asks for; of a rollout's contracts what the rollout has.
    pub expected: Option<String>,
    /// Excerpt of what the exchange has; `None` when it has nothing.
    pub found: Option<String>,
    /// One sentence.
    pub message: String,
    /// Lines for who wants to see more.
    pub detail: Vec<String>,
}

impl Violation {
    /// A violation of which only the rule, its weight and the place in the exchange are known yet.
    pub(super) fn new(
        rule: &'static str,
        level: Level,
        exchange: Option<usize>,
        pointer: Pointer,
    ) -> Self {
        Self {
            rule,
            level,
            exchange,
            recurs: Vec::new(),
            pointer,
            place: None,
            subject: None,
            expected: None,
            found: None,
            message: String::new(),
            detail: Vec::new(),
        }
    }
}

/// A place in a rollout.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RolloutPlace {
    /// Path of the file as it was found.
    pub path: String,
    /// Number of the record, from 0. For what is missing: of the record behind which it was expected.
    pub record: usize,
    /// First byte of the record in the (decompressed) file.
    pub start: u64,
    /// The byte behind the record.
    pub end: u64,
    /// Where in the record: `/payload/replacement_history/3`; the root for the whole record.
    pub pointer: Pointer,
}
