//! Findings of a report, as a cell tells them.

use crate::report::{CellFinding, Finding, Level, Report};

use super::stable::stable;

/// The findings that count: no notes, and nothing that is accepted.
pub(super) fn told(report: &Report, locations: &[String]) -> Vec<CellFinding> {
    let counts = |finding: &&Finding| finding.level != Level::Note && finding.accepted.is_none();
    let told = report.findings.iter().filter(counts);
    told.map(|finding| CellFinding {
        rule: finding.rule.clone(),
        level: finding.level,
        message: sentence(finding, locations),
    })
    .collect()
}

/// The message of a finding with what stands on both sides.
fn sentence(finding: &Finding, locations: &[String]) -> String {
    let mut text = match &finding.subject {
        Some(subject) => format!("{subject}: {}", finding.message),
        None => finding.message.clone(),
    };
    text = stable(&text, locations);
    // Cut behind what is the same in every run, or the cut would not be.
    let value = |value: &Option<String>| match value {
        Some(value) => shortened(&stable(value, locations)),
        None => "nothing".to_owned(),
    };
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
