//! Findings of a report, as a cell tells them.

use crate::report::{CellFinding, Difference, Finding, Level, Report, Section, Source};

use super::judge::Told;
use super::stable::stable;

/// The findings of a report that count or would, if they were not accepted; no notes.
pub(super) fn told(report: &Report, locations: &[String]) -> Told {
    let graves = report
        .findings
        .iter()
        .filter(|finding| finding.level != Level::Note);
    let told = graves.map(|finding| cell_finding(finding, locations));
    let (accepted, counted) = told.partition(|finding| finding.accepted.is_some());
    Told { counted, accepted }
}

fn cell_finding(finding: &Finding, locations: &[String]) -> CellFinding {
    let section = Section::of(finding);
    let is_difference = finding.source == Source::Diff;
    let stable = |text: &str| stable(text, locations);
    let difference = Difference {
        id: finding.id.clone(),
        subject: finding.subject.clone().map(|subject| subject.map(stable)),
        beside: finding.beside.clone().map(|beside| beside.map(stable)),
        label: match is_difference {
            true => stable(&section.label(finding)),
            false => String::new(),
        },
        sentence: sentence(finding, locations),
        value: match (&finding.baseline, &finding.candidate) {
            (Some(value), None) | (None, Some(value)) => Some(shortened(&stable(value))),
            _ => None,
        },
    };
    CellFinding {
        rule: finding.rule.clone(),
        level: finding.level,
        section: is_difference.then_some(section),
        message: difference.message(),
        difference: is_difference.then_some(difference),
        accepted: finding.accepted.clone(),
    }
}

/// What is said of a finding, with what stands on both sides unless that says no more.
fn sentence(finding: &Finding, locations: &[String]) -> String {
    let mut text = stable(&finding.message, locations);
    // Cut behind what is the same in every run, or the cut would not be.
    let value = |value: &Option<String>| Some(stable(value.as_ref()?, locations));
    let is_said = |value: &String| text.contains(value.as_str());
    let values = match (value(&finding.baseline), value(&finding.candidate)) {
        (Some(before), Some(after)) if before == after || is_said(&before) && is_said(&after) => {
            String::new()
        }
        (Some(before), Some(after)) => match (before.as_str(), after.as_str()) {
            ("", after) => format!(" (new: {})", shortened(after)),
            (before, "") => format!(" (gone: {})", shortened(before)),
            (before, after) => format!(" ({} → {})", shortened(before), shortened(after)),
        },
        // A difference in what one side lacks says what it is; a contract may not.
        (Some(before), None) if finding.source != Source::Diff => {
            format!(" ({} → nothing)", shortened(&before))
        }
        (None, Some(after)) if finding.source != Source::Diff => {
            format!(" (nothing → {})", shortened(&after))
        }
        _ => String::new(),
    };
    text.push_str(&values);
    text
}

fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
