//! Makes a report of a comparison and of what the readers had to say.

use crate::capture::{Capture, CaptureProblem, flatten};
use crate::diff::Comparison;

use super::exchanges::{exchange_facts, locate, thread};
use super::mask::Mask;
use super::{AlignmentEntry, Finding, Input, Report, Role, Source, finding_id};

/// The report of a comparison of two captures.
pub fn comparison_report(
    baseline: &Capture,
    candidate: &Capture,
    comparison: &Comparison,
) -> Report {
    let inputs = vec![
        input(Role::Baseline, baseline),
        input(Role::Candidate, candidate),
    ];
    let mut mask = Mask::new(&[baseline, candidate]);
    let facts = [exchange_facts(baseline), exchange_facts(candidate)];
    let alignment = comparison
        .alignment
        .iter()
        .map(|row| AlignmentEntry {
            baseline: row.pair.baseline,
            candidate: row.pair.candidate,
            kind: row.kind.to_owned(),
            changes: row.changes,
            thread: thread(row.pair, &facts).map(|id| mask.text(id)),
        })
        .collect();
    let mut findings = reader_findings(baseline);
    findings.extend(reader_findings(candidate));
    findings.extend(comparison.changes.iter().map(|change| Finding {
        id: finding_id(&[change.rule, &format!("{:016x}", change.cause)]),
        source: Source::Diff,
        rule: change.rule.to_owned(),
        level: change.level,
        exchange: change.exchange,
        pointer: change.pointer.clone(),
        also: change.also.clone(),
        place: None,
        rollout: None,
        subject: change.subject.clone(),
        beside: change.beside.clone(),
        baseline: change.baseline.clone(),
        candidate: change.candidate.clone(),
        message: change.message.clone(),
        accepted: None,
        recurs: change.recurs.clone(),
        detail: change.detail.clone(),
    }));
    locate(&mut findings, &facts[0], &facts[1]);
    findings
        .iter_mut()
        .for_each(|finding| mask.finding(finding));
    Report::new(inputs, alignment, findings)
}

/// What was read for a role.
pub(super) fn input(role: Role, capture: &Capture) -> Input {
    Input {
        role,
        path: capture.path.clone(),
        kind: capture.kind.name().to_owned(),
        exchanges: flatten(capture).len(),
        records: None,
        problems: capture.problems.len(),
        live: None,
    }
}

/// What could not be read of a capture, as findings.
pub fn reader_findings(capture: &Capture) -> Vec<Finding> {
    let finding = |problem: &CaptureProblem| {
        let rule = format!("reader-{}", problem.kind);
        let message = format!(
            "bytes {}–{}: {}",
            problem.span.start, problem.span.end, problem.message
        );
        Finding {
            id: finding_id(&[&rule, &problem.message]),
            ..Finding::of_file(Source::Reader, rule, &problem.path, message)
        }
    };
    capture.problems.iter().map(finding).collect()
}
