//! Other levels for rules, as the user wants them.

use super::Report;
use crate::normalize::LevelRule;

/// Gives the findings of rules other levels, or leaves them out; the last rule for a name counts.
///
/// To be called before [`apply_accept`](super::apply_accept); counts and verdict are those of the new levels.
pub fn apply_levels(report: &mut Report, levels: &[LevelRule]) {
    let wanted = |rule: &str| levels.iter().rev().find(|one| one.rule == rule);
    report
        .findings
        .retain_mut(|finding| match wanted(&finding.rule) {
            Some(LevelRule { level: None, .. }) => false,
            Some(LevelRule {
                level: Some(level), ..
            }) => {
                finding.level = *level;
                true
            }
            None => true,
        });
    report.switched_off = levels
        .iter()
        .filter(|one| wanted(&one.rule).is_some_and(|wanted| wanted.level.is_none()))
        .map(|one| one.rule.clone())
        .collect();
    report.switched_off.sort_unstable();
    report.switched_off.dedup();
    report.update_summary();
}
