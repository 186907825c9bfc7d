//! One finding in plain lines, for the forms of a report that hold text.

use std::collections::HashMap;

use super::section::Section;
use super::text::{numbers, visible};
use super::{FilePlace, Finding, Level, Source};

/// What a finding is about in one line: `header-missing at /request/headers/x in #0–#2`.
pub(super) fn heading(finding: &Finding) -> String {
    let mut line = finding.rule.clone();
    let pointer = finding.pointer.as_str();
    if !pointer.is_empty() {
        line.push_str(&format!(" at {pointer}"));
    }
    let exchanges = exchanges(finding);
    if !exchanges.is_empty() {
        line.push_str(&format!(" in {exchanges}"));
    }
    visible(&line).into_owned()
}

/// What it is about, unless its message says that.
pub(super) fn untold_subject(finding: &Finding) -> Option<String> {
    let subject = finding.subject.as_ref()?.to_string();
    (!finding.message.contains(&subject)).then_some(subject)
}

/// The exchanges that show it: `#0–#2, #3→#4`; empty for what is about a whole file.
pub(super) fn exchanges(finding: &Finding) -> String {
    let mut pairs = vec![finding.exchange];
    pairs.extend(&finding.recurs);
    pairs.retain(|pair| *pair != Default::default());
    numbers(&pairs)
}

/// `capture.jsonl:12`, or the file alone.
pub(super) fn place(place: &FilePlace) -> String {
    match place.line {
        Some(line) => format!("{}:{line}", place.path),
        None => place.path.clone(),
    }
}

/// All that a finding says below its heading and its message, a line each, safe to show on a terminal.
pub(super) fn lines(finding: &Finding) -> Vec<String> {
    let mut lines = Vec::new();
    let is_file = |subject: &String| {
        let mut file = finding.place.iter().map(|place| &place.path);
        file.any(|path| path == subject)
    };
    if let Some(subject) = untold_subject(finding).filter(|subject| !is_file(subject)) {
        lines.push(format!("about: {subject}"));
    }
    if let Some(file) = &finding.place {
        lines.push(format!("file: {}", place(file)));
    }
    if let Some(on_disk) = &finding.rollout {
        lines.push(format!(
            "on disk: record {}, bytes {}–{}{} of {}",
            on_disk.record,
            on_disk.start,
            on_disk.end,
            match on_disk.pointer.as_str() {
                "" => String::new(),
                pointer => format!(", {pointer}"),
            },
            on_disk.path
        ));
    }
    let (before, after) = sides(finding);
    for (name, value) in [(before, &finding.baseline), (after, &finding.candidate)] {
        let value = value.as_ref().map(|value| format!("{name}: {value}"));
        lines.extend(value.filter(|value| !finding.message.contains(value)));
    }
    lines.extend(finding.also.iter().map(|place| format!("also at {place}")));
    lines.extend(finding.detail.iter().cloned());
    if let Some(accepted) = &finding.accepted {
        lines.push(format!(
            "accepted by {}: {}",
            accepted.rule, accepted.reason
        ));
    }
    let shown = lines.iter().map(|line| visible(line).into_owned());
    shown.collect()
}

/// The values of a finding as a difference: line by line where that is known, else one against the other.
pub(super) fn difference(finding: &Finding) -> Vec<String> {
    let (before, after) = sides(finding);
    let values = [
        ("-", before, &finding.baseline),
        ("+", after, &finding.candidate),
    ];
    let is_told = finding.source == Source::Diff && !finding.detail.is_empty();
    let values = values.iter().filter_map(|(sign, name, value)| {
        let value = value.as_ref().filter(|_| !is_told)?;
        Some(format!("{sign} {name}: {value}"))
    });
    values.chain(finding.detail.iter().cloned()).collect()
}

/// What the two excerpts of a finding are.
pub(super) fn sides(finding: &Finding) -> (&'static str, &'static str) {
    match finding.source {
        Source::Check if finding.rollout.is_some() => ("on disk", "sent"),
        Source::Check => ("expected", "found"),
        Source::Diff | Source::Reader => ("baseline", "candidate"),
    }
}

/// Findings that no rule accepts, the most serious first, else by part of the report.
pub(super) fn ranked(findings: &[Finding]) -> Vec<&Finding> {
    let mut open: Vec<&Finding> = findings.iter().filter(|f| f.accepted.is_none()).collect();
    open.sort_by_cached_key(|finding| (finding.level, Section::of(finding)));
    open
}

/// Findings as [`ranked`] gives them, but of each level one of every kind first, so that the first few show how much
/// there is to see.
pub(super) fn varied(findings: &[Finding]) -> Vec<&Finding> {
    let mut seen: HashMap<(Level, Section, &str), usize> = HashMap::new();
    let ranked = ranked(findings).into_iter();
    let mut numbered: Vec<(usize, &Finding)> = ranked
        .map(|finding| {
            let kind = (finding.level, Section::of(finding), finding.rule.as_str());
            let count = seen.entry(kind).or_default();
            *count += 1;
            (*count, finding)
        })
        .collect();
    numbered.sort_by_key(|(number, finding)| (finding.level, *number));
    numbered.into_iter().map(|(_, finding)| finding).collect()
}

/// Findings that a rule accepts.
pub(super) fn accepted(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|f| f.accepted.is_some()).collect()
}
