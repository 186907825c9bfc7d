//! The user's rules, applied to a report.

use jiff::civil::Date;

use super::{Report, RuleUses, UnusedRule, apply_accept, apply_levels};
use crate::normalize::{LevelRule, Rules};

/// By which rules a report is judged.
#[derive(Debug, Clone)]
pub struct Standards {
    /// The rules file.
    pub rules: Rules,
    /// Levels of rules, of the file and of the command line; the last one for a name counts.
    pub levels: Vec<LevelRule>,
    /// The day on which rules expire or not.
    pub today: Date,
}

impl Standards {
    /// Gives findings the levels that are wanted and marks those that are accepted; `ignore_used` is what the comparison says of
    /// the rules that leave places out, empty without a comparison.
    /// Gives what the rules did.
    pub fn apply(&self, report: &mut Report, ignore_used: &[bool]) -> RuleUses {
        apply_levels(report, &self.levels);
        apply_accept(report, &self.rules, self.today, ignore_used)
    }

    /// The rules that did nothing to all reports together, or have expired.
    pub fn unused(&self, uses: &RuleUses) -> Vec<UnusedRule> {
        uses.unused(&self.rules, self.today)
    }
}
