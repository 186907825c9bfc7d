//! The rules by their names.

use super::super::sink::RuleName;

pub(super) const MISSING: RuleName = RuleName::error("compaction-missing");
pub(super) const LATE: RuleName = RuleName::error("compaction-late");
pub(super) const EARLY: RuleName = RuleName::warning("compaction-early");
pub(super) const DOUBLED: RuleName = RuleName::error("compaction-doubled");

pub(super) const FORM: RuleName = RuleName::error("compaction-form");
pub(super) const PROMPT: RuleName = RuleName::error("compaction-prompt");
pub(super) const TOOLS: RuleName = RuleName::error("compaction-tools");
pub(super) const PARALLEL_CALLS: RuleName = RuleName::warning("compaction-parallel-calls");
pub(super) const MODEL: RuleName = RuleName::error("compaction-model");
pub(super) const HISTORY_CUT: RuleName = RuleName::error("compaction-history-cut");

pub(super) const NOT_APPLIED: RuleName = RuleName::error("compaction-not-applied");
pub(super) const SUMMARY_MISSING: RuleName = RuleName::error("compaction-summary-missing");
pub(super) const SUMMARY_ALTERED: RuleName = RuleName::error("compaction-summary-altered");
pub(super) const SUMMARY_MISPLACED: RuleName = RuleName::error("compaction-summary-misplaced");
pub(super) const USER_MESSAGE_LOST: RuleName = RuleName::error("compaction-user-message-lost");
pub(super) const USER_MESSAGE_ALTERED: RuleName =
    RuleName::error("compaction-user-message-altered");
pub(super) const USER_MESSAGE_MOVED: RuleName = RuleName::error("compaction-user-message-moved");
pub(super) const BUDGET_EXCEEDED: RuleName = RuleName::warning("compaction-budget-exceeded");
pub(super) const ITEM_SURVIVED: RuleName = RuleName::error("compaction-item-survived");
pub(super) const CONTEXT_MISSING: RuleName = RuleName::error("compaction-context-missing");
pub(super) const CONTEXT_MISPLACED: RuleName = RuleName::warning("compaction-context-misplaced");

pub(super) const WINDOW: RuleName = RuleName::error("compaction-window");

pub(super) const OVERFLOW_RETRY: RuleName = RuleName::error("compaction-overflow-retry");
pub(super) const OVERFLOW_GIVEN_UP: RuleName = RuleName::error("compaction-overflow-given-up");
pub(super) const FAILURE_IGNORED: RuleName = RuleName::error("compaction-failure-ignored");

/// The rules about when a compaction is due.
pub(super) const DUE: &[&str] = &[MISSING.name, LATE.name, EARLY.name];

/// The rules about what is left of the history.
pub(super) const AFTERWARDS: &[&str] = &[
    NOT_APPLIED.name,
    SUMMARY_MISSING.name,
    SUMMARY_ALTERED.name,
    SUMMARY_MISPLACED.name,
    USER_MESSAGE_LOST.name,
    USER_MESSAGE_ALTERED.name,
    USER_MESSAGE_MOVED.name,
    BUDGET_EXCEEDED.name,
    ITEM_SURVIVED.name,
    CONTEXT_MISSING.name,
    CONTEXT_MISPLACED.name,
    WINDOW.name,
];

/// All rules of this contract: each may need the requests before or behind a compaction.
pub(in super::super) const ACROSS_REQUESTS: &[&str] = &[
    MISSING.name,
    LATE.name,
    EARLY.name,
    DOUBLED.name,
    FORM.name,
    PROMPT.name,
    TOOLS.name,
    PARALLEL_CALLS.name,
    MODEL.name,
    HISTORY_CUT.name,
    NOT_APPLIED.name,
    SUMMARY_MISSING.name,
    SUMMARY_ALTERED.name,
    SUMMARY_MISPLACED.name,
    USER_MESSAGE_LOST.name,
    USER_MESSAGE_ALTERED.name,
    USER_MESSAGE_MOVED.name,
    BUDGET_EXCEEDED.name,
    ITEM_SURVIVED.name,
    CONTEXT_MISSING.name,
    CONTEXT_MISPLACED.name,
    WINDOW.name,
    OVERFLOW_RETRY.name,
    OVERFLOW_GIVEN_UP.name,
    FAILURE_IGNORED.name,
];

/// The rules about what follows a compaction that failed.
pub(super) const BEHIND_FAILURE: &[&str] =
    &[OVERFLOW_GIVEN_UP.name, FAILURE_IGNORED.name, WINDOW.name];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_a_part_are_rules_of_the_contract() {
        for name in [DUE, AFTERWARDS, BEHIND_FAILURE].concat() {
            assert!(ACROSS_REQUESTS.contains(&name), "{name}");
        }
    }
}
