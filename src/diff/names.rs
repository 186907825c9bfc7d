//! What the comparison knows of both sides' dynamic values while it runs.

use std::collections::HashMap;
use std::sync::Arc;

use crate::json::Pointer;
use crate::normalize::{IdNumber, IdTable, Scanner, identifier_core};

use super::change::Level;
use super::subject::Thing;

/// Scanners and identifiers of both sides.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) baseline: Arc<Scanner>,
    pub(super) candidate: Arc<Scanner>,
    pub(super) baseline_ids: IdTable,
    pub(super) candidate_ids: IdTable,
    /// What a baseline identifier was called when it was first met in a pair.
    first_met: HashMap<IdNumber, IdNumber>,
}

impl Names {
    pub(super) fn new(baseline: Arc<Scanner>, candidate: Arc<Scanner>) -> Self {
        Self {
            baseline,
            candidate,
            ..Self::default()
        }
    }

    /// The identifiers that the candidate calls otherwise.
    pub(super) fn all_renamed(&self) -> Vec<(String, String)> {
        let pairs = self.first_met.iter().map(|(a, b)| {
            let (a, b) = (self.baseline_ids.text(*a), self.candidate_ids.text(*b));
            (a.to_owned(), b.to_owned())
        });
        let mut renamed: Vec<(String, String)> = pairs.filter(|(a, b)| a != b).collect();
        renamed.sort();
        renamed
    }

    /// What the candidate calls this identifier of the baseline, as far as seen.
    pub(super) fn renamed(&self, baseline: &str) -> Option<String> {
        let number = self.baseline_ids.find(identifier_core(baseline))?;
        self.first_met
            .get(&number)
            .map(|b| self.candidate_ids.text(*b).to_owned())
    }
}

/// A difference found in one unit, with a pointer relative to that unit.
#[derive(Debug, Clone, Default)]
pub(super) struct LocalChange {
    pub(super) rule: &'static str,
    pub(super) level: Level,
    pub(super) pointer: Pointer,
    /// What it is about, for a person: a tool by its name, an item by its first words.
    pub(super) subject: Option<Thing>,
    /// Of an item that moved, the one that it passed.
    pub(super) beside: Option<Thing>,
    pub(super) baseline: Option<String>,
    pub(super) candidate: Option<String>,
    pub(super) message: String,
    pub(super) detail: Vec<String>,
    /// Hash of the values involved, dynamic parts by class.
    pub(super) values: u64,
    /// The two texts, for rules that ignore a part of them.
    pub(super) texts: Option<Box<(String, String)>>,
}

/// Two identifiers that stand in corresponding places.
#[derive(Debug, Clone)]
pub(super) struct Tie {
    pub(super) pair: (IdNumber, IdNumber),
    pub(super) pointer: Pointer,
    pub(super) is_secret: bool,
}

/// What the comparison of one unit (a header, an item, a member of a body, an event) found.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    pub(super) changes: Vec<LocalChange>,
    pub(super) ties: Vec<Tie>,
}

impl Outcome {
    /// Notes that two identifiers correspond.
    pub(super) fn tie(
        &mut self,
        names: &mut Names,
        a: &str,
        b: &str,
        pointer: &Pointer,
        is_secret: bool,
    ) {
        let pair = (
            names.baseline_ids.number(identifier_core(a)),
            names.candidate_ids.number(identifier_core(b)),
        );
        names.first_met.entry(pair.0).or_insert(pair.1);
        self.ties.push(Tie {
            pair,
            pointer: pointer.clone(),
            is_secret,
        });
    }
}
