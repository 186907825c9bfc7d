//! Puts what contracts found into a report.

use std::cmp::Ordering;

use crate::capture::Capture;
use crate::check::{CheckedRollout, Contracts, RolloutCheck, Violation};
use crate::diff::{ExchangePair, Options};
use crate::json::Problem;
use crate::normalize::{Scanner, TextPlace, text_fingerprint};

use super::exchanges::{exchange_facts, in_file, locate};
use super::mask::Mask;
use super::{Finding, Input, NotChecked, Report, Role, Source, Subject, finding_id};

/// Adds rollouts and what they show to the report of the capture that they belong to.
///
/// `options` leave out places as they do in a comparison. The summary and the verdict are those of all.
pub fn add_rollout_check(
    report: &mut Report,
    capture: &Capture,
    check: &RolloutCheck,
    options: &Options,
) {
    report.inputs.extend(check.rollouts.iter().map(input));
    let problems = check.rollouts.iter().flat_map(|rollout| {
        let problems = rollout.problems.iter();
        problems.map(|problem| reader_finding(rollout, problem))
    });
    add_findings(
        report,
        capture,
        problems.collect(),
        &check.violations,
        options,
    );
}

/// Adds what contracts say of a capture to its report; `options` leave out places as they do in a comparison.
pub fn add_contracts(
    report: &mut Report,
    capture: &Capture,
    contracts: &Contracts,
    options: &Options,
) {
    add_findings(report, capture, Vec::new(), &contracts.violations, options);
    let mut mask = Mask::new(&[capture]);
    report
        .not_checked
        .extend(contracts.not_checked.iter().map(|one| NotChecked {
            rules: one.rules.iter().map(|rule| (*rule).to_owned()).collect(),
            exchange: one.exchange,
            reason: mask.text(&one.reason),
        }));
}

/// Puts findings behind those of the readers, `problems` first.
fn add_findings(
    report: &mut Report,
    capture: &Capture,
    problems: Vec<Finding>,
    violations: &[Violation],
    options: &Options,
) {
    let told = violations.iter().filter(|one| is_told(one, options));
    let mut found: Vec<Finding> = told.map(finding).collect();
    found.sort_by(by_weight_and_place);
    let mut new = problems;
    new.extend(found);
    locate(&mut new, &[], &exchange_facts(capture));
    let mut mask = Mask::new(&[capture]);
    new.iter_mut().for_each(|finding| mask.finding(finding));
    let is_reading = |finding: &Finding| finding.source == Source::Reader;
    let readers = report.findings.iter().take_while(|one| is_reading(one));
    let at = readers.count();
    report.findings.splice(at..at, new);
    report.update_summary();
}

fn by_weight_and_place(a: &Finding, b: &Finding) -> Ordering {
    let key = |finding: &Finding| {
        let exchange = finding.exchange.candidate.unwrap_or(usize::MAX);
        (finding.level, exchange)
    };
    key(a).cmp(&key(b))
}

fn is_told(violation: &Violation, options: &Options) -> bool {
    let is_in = |pattern: &crate::json::PointerPattern| pattern.matches(&violation.pointer);
    let is_ignored = options
        .ignore
        .iter()
        .any(|rule| rule.pattern.is_none() && is_in(&rule.pointer));
    (options.only.is_empty() || options.only.iter().any(is_in)) && !is_ignored
}

fn input(rollout: &CheckedRollout) -> Input {
    Input {
        role: Role::Rollout,
        path: rollout.path.clone(),
        kind: "rollout".to_owned(),
        exchanges: 0,
        records: Some(rollout.records),
        problems: rollout.problems.len(),
        live: None,
    }
}

fn finding(violation: &Violation) -> Finding {
    let pair = |exchange: usize| ExchangePair {
        baseline: None,
        candidate: Some(exchange),
    };
    Finding {
        id: id(violation),
        source: Source::Check,
        rule: violation.rule.to_owned(),
        level: violation.level,
        exchange: violation.exchange.map_or_else(ExchangePair::default, pair),
        pointer: violation.pointer.clone(),
        also: Vec::new(),
        place: violation
            .place
            .as_ref()
            .map(|on_disk| in_file(&on_disk.path)),
        rollout: violation.place.clone(),
        subject: violation.subject.as_ref().map(Subject::named),
        beside: None,
        baseline: violation.expected.clone(),
        candidate: violation.found.clone(),
        message: violation.message.clone(),
        accepted: None,
        recurs: violation
            .recurs
            .iter()
            .map(|exchange| pair(*exchange))
            .collect(),
        detail: violation.detail.clone(),
    }
}

/// The rule, the kind of place, and the values with dynamic parts by their class only.
fn id(violation: &Violation) -> String {
    let scanner = Scanner::default();
    let print = |text: &Option<String>| {
        let place = TextPlace {
            is_tool_output: false,
            has_versions: false,
        };
        let print = text
            .as_ref()
            .map(|text| text_fingerprint(text, &scanner, place));
        format!("{print:x?}")
    };
    let is_number = |segment: &str| segment.bytes().all(|byte| byte.is_ascii_digit());
    let steps = violation.pointer.segments();
    let place: Vec<_> = steps.filter(|segment| !is_number(segment)).collect();
    finding_id(&[
        violation.rule,
        &place.join("/"),
        &print(&violation.expected),
        &print(&violation.found),
    ])
}

fn reader_finding(rollout: &CheckedRollout, problem: &Problem) -> Finding {
    let rule = format!("reader-{}", problem.kind.name());
    Finding::of_file(Source::Reader, rule, &rollout.path, problem.to_string())
}
