//! What the harness measured, per kind.

use super::adapter::{Finding, Level};
use super::kinds::Kind;
use super::verdict::{Class, Exchanges, Expectation, Pattern, Verdict};

/// Fewer cases than this prove nothing about a kind.
const MIN_CASES: usize = 3;
/// One cause, one finding.
const MAX_MEDIAN: usize = 1;
const MAX_FINDINGS: usize = 3;
/// Cases shown in full per kind.
const SHOWN: usize = 4;

pub(crate) struct Row {
    kind: &'static Kind,
    skipped: usize,
    verdicts: Vec<Verdict>,
    /// Errors and warnings of each case.
    serious: Vec<usize>,
    notes: usize,
    shown: Vec<String>,
}

impl Row {
    pub(crate) fn new(kind: &'static Kind) -> Self {
        Self {
            kind,
            skipped: 0,
            verdicts: Vec::new(),
            serious: Vec::new(),
            notes: 0,
            shown: Vec::new(),
        }
    }

    pub(crate) fn skip(&mut self) {
        self.skipped += 1;
    }

    pub(crate) fn record(
        &mut self,
        subject: &str,
        expectation: &Expectation,
        verdict: Verdict,
        findings: &[Finding],
    ) {
        let serious = findings.iter().filter(|f| f.level != Level::Note).count();
        self.verdicts.push(verdict);
        self.serious.push(serious);
        self.notes += findings.len() - serious;
        let is_wrong = verdict != Verdict::Found || self.is_too_many(serious);
        if is_wrong && self.shown.len() < SHOWN {
            self.shown
                .push(describe(subject, expectation, verdict, findings));
        }
    }

    fn is_too_many(&self, serious: usize) -> bool {
        match self.kind.class {
            Class::Divergence | Class::Form => serious > MAX_FINDINGS,
            Class::Note | Class::Quiet => serious > 0,
        }
    }

    fn count(&self, wanted: Verdict) -> usize {
        self.verdicts
            .iter()
            .filter(|verdict| **verdict == wanted)
            .count()
    }

    fn median(&self) -> usize {
        let mut sorted = self.serious.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    fn max(&self) -> usize {
        self.serious.iter().copied().max().unwrap_or_default()
    }

    fn complaint(&self) -> Option<&'static str> {
        let is_found = self.count(Verdict::Found) == self.verdicts.len();
        match self.kind.class {
            _ if self.verdicts.len() < MIN_CASES => Some("too few cases"),
            _ if self.count(Verdict::FalseAlarm) > 0 => Some("false alarms"),
            _ if !is_found => Some("not all found"),
            Class::Divergence | Class::Form if self.median() > MAX_MEDIAN => {
                Some("median too high")
            }
            Class::Divergence | Class::Form if self.max() > MAX_FINDINGS => Some("cascade"),
            _ => None,
        }
    }
}

/// Prints the table with the cases that went wrong; says which kinds did.
pub(crate) fn print(title: &str, rows: &[Row]) -> Vec<String> {
    println!("\n{title}");
    println!(
        "{:<32} {:>6} {:>6} {:>6} {:>9} {:>6} {:>6} {:>6} {:>4} {:>6}",
        "kind", "cases", "skip", "found", "elsewhere", "missed", "alarms", "median", "max", "notes"
    );
    for row in rows {
        println!(
            "{:<32} {:>6} {:>6} {:>6} {:>9} {:>6} {:>6} {:>6} {:>4} {:>6}  {}",
            row.kind.name,
            row.verdicts.len(),
            row.skipped,
            row.count(Verdict::Found),
            row.count(Verdict::Elsewhere),
            row.count(Verdict::Missed),
            row.count(Verdict::FalseAlarm),
            row.median(),
            row.max(),
            row.notes,
            row.complaint().unwrap_or_default(),
        );
    }
    for case in rows
        .iter()
        .flat_map(|row| row.shown.iter().map(move |case| (row.kind.name, case)))
    {
        println!("\n{}: {}", case.0, case.1);
    }
    rows.iter()
        .filter_map(|row| Some(format!("{title}: {}: {}", row.kind.name, row.complaint()?)))
        .collect()
}

fn describe(
    subject: &str,
    expectation: &Expectation,
    verdict: Verdict,
    findings: &[Finding],
) -> String {
    let mut text = format!("{verdict:?} · {subject} · {}", expectation.detail);
    for place in expectation.places.iter().take(6) {
        let exchanges = match &place.exchanges {
            Exchanges::Among(units) => format!("{units:?}"),
            Exchanges::BaselineOnly(units) => format!("baseline only {units:?}"),
            Exchanges::CandidateOnly(units) => format!("candidate only {units:?}"),
        };
        let pointer = match &place.pointer {
            Pattern::At(pointer) => pointer.clone(),
            Pattern::Below(pointer) => format!("{pointer}…"),
            Pattern::Exchange => "the exchange".to_owned(),
        };
        text.push_str(&format!("\n    expected {exchanges} {pointer}"));
    }
    for finding in findings.iter().take(8) {
        text.push_str(&format!(
            "\n    {:?} {} {:?}/{:?} +{} {}",
            finding.level,
            finding.rule,
            finding.baseline,
            finding.candidate,
            finding.recurs,
            finding.pointer
        ));
    }
    if findings.len() > 8 {
        text.push_str(&format!("\n    and {} more", findings.len() - 8));
    }
    text
}
