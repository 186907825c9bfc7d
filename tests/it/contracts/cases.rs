//! Single mutations of fixtures: what each breaks, and where that shows.

use serde_json::Value;
use trace_diff::check::{Profile, Violation, check_capture};

use super::table::Row;
use crate::mutations::read;
use crate::samples::{self, Sample};

pub(crate) fn violations(name: &str, bytes: Vec<u8>) -> Vec<Violation> {
    let capture = read(name, bytes);
    let mut violations = check_capture(&capture, &Profile::of(&capture)).violations;
    // Records that are put together from others call themselves by ids that do not fit: that contract has its own harness.
    let of_identity: Vec<&str> = crate::explain::IDENTITY_RULES.split_whitespace().collect();
    violations.retain(|one| !of_identity.contains(&one.rule));
    violations
}

pub(crate) fn shown(one: &Violation) -> String {
    format!(
        "#{:?} {} {}: {}",
        one.exchange,
        one.rule,
        one.pointer.as_str(),
        one.message
    )
}

/// A fixture as JSON, one value for each exchange.
pub(crate) fn records(name: &str) -> Vec<Value> {
    let sample: Sample = samples::fixtures()
        .into_iter()
        .find(|sample| sample.name == name)
        .unwrap_or_else(|| panic!("no fixture {name}"));
    serde_json::Deserializer::from_slice(&sample.bytes)
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

pub(crate) fn bytes(records: &[Value]) -> Vec<u8> {
    let lines: Vec<String> = records.iter().map(|one| format!("{one}\n")).collect();
    lines.concat().into_bytes()
}

/// What a mutation breaks: the only rules that may be told, the exchange, and how the pointer of the first begins.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) fixture: &'static str,
    pub(crate) change: fn(&mut Vec<Value>),
    pub(crate) rules: &'static [&'static str],
    pub(crate) exchange: usize,
    pub(crate) pointer: &'static str,
}

/// Makes each case and looks for what it breaks.
pub(super) fn run(cases: &[Case]) -> Vec<Row> {
    cases.iter().map(row).collect()
}

fn row(case: &Case) -> Row {
    let mut changed = records(case.fixture);
    (case.change)(&mut changed);
    let found = violations(case.fixture, bytes(&changed));
    let mut row = Row::new(case.rules[0]);
    row.cases = 1;
    let told = || {
        let lines: Vec<String> = found.iter().map(shown).collect();
        format!(
            "{} of {}:\n  {}",
            case.name,
            case.fixture,
            lines.join("\n  ")
        )
    };
    let is_it = |one: &&Violation| {
        one.rule == case.rules[0]
            && one.exchange == Some(case.exchange)
            && one.pointer.as_str().starts_with(case.pointer)
            && (one.message.contains("turn ") || one.message.contains("exchange #"))
    };
    match found.iter().find(is_it) {
        Some(_) => row.found = 1,
        None => row.missed.push(told()),
    }
    if found.iter().any(|one| !case.rules.contains(&one.rule)) {
        row.extra.push(told());
    }
    row
}

pub(crate) const SHELL: &str = "codex-0.169.0-02-shell-roundtrip";

pub(crate) fn events(record: &mut Value) -> &mut Vec<Value> {
    record["response"]["events"].as_array_mut().unwrap()
}

pub(crate) fn position(record: &mut Value, kind: &str) -> usize {
    let found = events(record)
        .iter()
        .position(|event| event["event"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}"))
}
