//! By what findings of a run are judged.

use std::sync::{Mutex, PoisonError};

use crate::diff::Options;
use crate::report::{CellFinding, Report, RuleUses, Standards};

use super::told::told;

/// The user's rules, and where a run took place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge<'a> {
    /// What of the rules concerns comparisons.
    pub(super) options: &'a Options,
    pub(super) standards: &'a Standards,
    /// The directories of the run, which differ in each.
    pub(super) locations: &'a [String],
    /// What the rules did so far.
    pub(super) uses: &'a Mutex<RuleUses>,
}

/// What is told of a report in a cell.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What counts.
    pub(super) counted: Vec<CellFinding>,
    /// What would, but for a rule of the user.
    pub(super) accepted: Vec<CellFinding>,
}

impl Judge<'_> {
    /// Applies the rules to a report, and tells what is left. `ignore_used` is as in [`Standards::apply`].
    pub(super) fn judged(&self, mut report: Report, ignore_used: &[bool]) -> Told {
        let uses = self.standards.apply(&mut report, ignore_used);
        let mut all = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        all.add(&uses);
        told(&report, self.locations)
    }
}

impl Told {
    /// What counts only.
    pub(super) fn of(counted: Vec<CellFinding>) -> Self {
        Self {
            counted,
            accepted: Vec::new(),
        }
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.counted.extend(other.counted);
        self.accepted.extend(other.accepted);
    }
}
