//! What two agents do differently in one scenario.

use crate::capture::Capture;
use crate::diff::compare;
use crate::report::{CellFinding, Finding, Level, apply_accept, comparison_report};

use super::case::Accepting;
use super::stable::stable;

/// Differences that count, of a candidate from the baseline.
pub(super) fn differences(
    baseline: &Capture,
    candidate: &Capture,
    accepting: Option<&Accepting>,
    locations: &[String],
) -> Vec<CellFinding> {
    let options = accepting.map(|one| one.options.clone()).unwrap_or_default();
    let comparison = compare(baseline, candidate, &options);
    let mut report = comparison_report(baseline, candidate, &comparison);
    if let Some(one) = accepting {
        apply_accept(&mut report, &one.rules, one.today, &comparison.ignore_used);
    }
    let counts = |finding: &&Finding| finding.level != Level::Note && finding.accepted.is_none();
    let told = report.findings.iter().filter(counts);
    told.map(|finding| CellFinding {
        rule: finding.rule.clone(),
        level: finding.level,
        message: stable(&sentence(finding), locations),
    })
    .collect()
}

/// The message of a finding with what stands on both sides.
fn sentence(finding: &Finding) -> String {
    let mut text = match &finding.subject {
        Some(subject) => format!("{subject}: {}", finding.message),
        None => finding.message.clone(),
    };
    let value = |value: &Option<String>| value.as_deref().map_or("nothing".to_owned(), shortened);
    if finding.baseline.is_some() || finding.candidate.is_some() {
        let (before, after) = (value(&finding.baseline), value(&finding.candidate));
        text.push_str(&format!(" ({before} → {after})"));
    }
    text
}

fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
