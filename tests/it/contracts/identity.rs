//! Each rule of identity is found where it is broken, over HTTP and WebSockets, and nothing else with it.

use std::collections::BTreeMap;

use trace_diff::check::{Profile, Violation, check_capture};
use trace_diff::report::explain;

use super::identity_kinds::{KINDS, Kind, Place, follows, turns};
use crate::mutations::{Trace, read, trace_of};
use crate::samples::{self, Sample};

#[derive(Default)]
struct Row {
    cases: usize,
    found: usize,
    complaints: Vec<String>,
}

/// Rules that no run of the corpus can break.
const ONLY_IN_FIXTURES: &[&str] = &["memory-unmarked"];

/// Cases of one kind in one sample; more show the same.
const MOST: usize = 3;

fn run(kind: &Kind, samples: &[(Profile, &str, Trace)], row: &mut Row) {
    for (profile, name, source) in samples {
        let mut cases = 0;
        for unit in turns(source) {
            let mut trace = source.clone();
            let Some(place) = (kind.apply)(&mut trace, unit) else {
                continue;
            };
            let capture = read(name, trace.into_bytes());
            let contracts = check_capture(&capture, profile);
            judge(kind.rule, &place, &contracts.violations, name, row);
            cases += 1;
            if cases == MOST {
                break;
            }
        }
    }
}

fn judge(rule: &str, place: &Place, violations: &[Violation], name: &str, row: &mut Row) {
    row.cases += 1;
    let is_it = |one: &&Violation| {
        one.rule == rule
            && one.exchange == Some(place.unit)
            && (one.pointer.as_str() == place.pointer
                || place.or.as_deref() == Some(one.pointer.as_str()))
            && explain(one.rule).is_ok_and(|rule| rule.level == one.level)
    };
    // Between attempts the same change breaks the contracts of retries, too; streams are a server's.
    let is_other = |rule: &str| rule.starts_with("retry-") || rule.starts_with("stream-");
    let others =
        |one: &&Violation| !is_it(one) && !is_other(one.rule) && !follows(rule).contains(&one.rule);
    let found = violations.iter().filter(is_it).count();
    let extra: Vec<String> = violations
        .iter()
        .filter(others)
        .map(|one| format!("{} #{:?} {}", one.rule, one.exchange, one.pointer))
        .collect();
    row.found += usize::from(found == 1);
    if found != 1 || !extra.is_empty() {
        let at = format!("{name} #{} {}", place.unit, place.pointer);
        row.complaints
            .push(format!("{rule} {at}: found {found}, extra {extra:?}"));
    }
}

fn assert_found(title: &str, samples: &[Sample], fewest: usize) {
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let source = |sample: &'_ Sample| {
        let trace = trace_of(sample);
        let clean = read(&sample.name, trace.clone().into_bytes());
        (Profile::of(&clean), trace)
    };
    let sources: Vec<_> = samples
        .iter()
        .map(|sample| (source(sample), sample))
        .collect();
    let samples: Vec<_> = sources
        .into_iter()
        .map(|((profile, trace), sample)| (profile, sample.name.as_str(), trace))
        .collect();
    for kind in KINDS {
        run(kind, &samples, rows.entry(kind.rule).or_default());
    }
    println!("\n{title}\n{:<28} {:>6} {:>6}", "rule", "cases", "found");
    let mut complaints = Vec::new();
    for (rule, row) in rows {
        println!("{rule:<28} {:>6} {:>6}", row.cases, row.found);
        if row.cases < fewest && (fewest == 1 || !ONLY_IN_FIXTURES.contains(&rule)) {
            complaints.push(format!("{rule}: only {} cases", row.cases));
        }
        complaints.extend(row.complaints);
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn each_rule_of_identity_is_found_where_it_is_broken() {
    assert_found("mutations of fixtures", &samples::fixtures(), 1);
}

#[test]
fn each_rule_of_identity_is_found_in_the_corpus() {
    let samples = samples::corpus();
    if !samples.is_empty() {
        assert_found("mutations of the corpus", &samples, 2);
    }
}

#[test]
fn every_rule_of_identity_is_broken_once() {
    let broken: Vec<&str> = KINDS.iter().map(|kind| kind.rule).collect();
    let names = crate::explain::IDENTITY_RULES.split_whitespace();
    let unbroken: Vec<&str> = names.filter(|name| !broken.contains(name)).collect();
    assert!(unbroken.is_empty(), "{unbroken:?}");
}
