//! What a comparison yields.

use serde::Serialize;

use crate::json::Pointer;
pub use crate::normalize::Level;

use super::subject::Subject;

/// The exchanges of both sides that a finding is about, by index from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ExchangePair {
    /// Index of the baseline's exchange.
    pub baseline: Option<usize>,
    /// Index of the candidate's exchange (or of the trace's).
    pub candidate: Option<usize>,
}

/// One difference, told once however often it recurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Name of the rule.
    pub rule: &'static str,
    /// How much it matters.
    pub level: Level,
    /// Where it was seen first.
    pub exchange: ExchangePair,
    /// Where else: history is sent again with every request, headers too.
    pub recurs: Vec<ExchangePair>,
    /// Where in the exchange, by the candidate's indices (the baseline's for what only that has). Goes into JSON that
    /// travels inside a string as if it were JSON.
    pub pointer: Pointer,
    /// Other places of the same exchanges where the same change stands, such as `client_metadata`'s copy of a header.
    pub also: Vec<Pointer>,
    /// What it is about, for a person: a tool by its name, an item by its first words.
    pub subject: Option<Subject>,
    /// Of an item that moved, the one that it passed.
    pub beside: Option<Subject>,
    /// Excerpt of what the baseline has.
    pub baseline: Option<String>,
    /// Excerpt of what the candidate has.
    pub candidate: Option<String>,
    /// One sentence.
    pub message: String,
    /// Lines for who wants to see more.
    pub detail: Vec<String>,
    /// What makes this change this change, free of values that differ from run to run.
    pub cause: u64,
}

/// One row of the alignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlignedExchange {
    /// The exchanges; at least one side has one.
    pub pair: ExchangePair,
    /// `turn`, `retry`, `compaction`, `prewarm`, `models`, `other`.
    pub kind: &'static str,
    /// Number of changes (errors and warnings, recurring ones too) in it.
    pub changes: usize,
}

/// How two captures differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Which exchanges correspond.
    pub alignment: Vec<AlignedExchange>,
    /// The differences, most serious first within an exchange.
    pub changes: Vec<Change>,
    /// Identifiers and directories that the candidate calls otherwise: the baseline's, and what the candidate calls it.
    pub renamed: Vec<(String, String)>,
    /// For each of [`Options::ignore`](super::Options::ignore), whether it left something out.
    pub ignore_used: Vec<bool>,
}
