//! Each rule is found where it is broken, and nothing else with it.

use trace_diff::check::{Profile, Violation, check_capture};
use trace_diff::report::{explain, rules};

use super::kinds::{KINDS, Kind, Place, pairs};
use crate::mutations::{read, trace_of};
use crate::samples::{self, Sample};

/// What became of the cases of one kind.
#[derive(Default)]
struct Row {
    cases: usize,
    found: usize,
    missed: Vec<String>,
    extra: Vec<String>,
}

fn run(kind: &Kind, samples: &[Sample]) -> Row {
    let mut row = Row::default();
    for sample in samples {
        let source = trace_of(sample);
        let in_frames = source
            .records
            .iter()
            .any(|r| r["response"].get("frames").is_some());
        for pair in pairs(&source).into_iter().filter(|_| !in_frames) {
            let mut trace = source.clone();
            let Some(place) = (kind.apply)(&mut trace, pair) else {
                continue;
            };
            let capture = read(&sample.name, trace.into_bytes());
            let contracts = check_capture(&capture, &Profile::of(&capture));
            judge(kind, &place, &contracts.violations, &sample.name, &mut row);
        }
    }
    row
}

fn judge(kind: &Kind, place: &Place, violations: &[Violation], name: &str, row: &mut Row) {
    row.cases += 1;
    let is_it = |one: &&Violation| {
        let pointer = one.pointer.as_str();
        let below = pointer.strip_prefix(place.pointer.as_str());
        one.rule == kind.rule
            && one.exchange == Some(place.unit)
            && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            && explain(one.rule).is_ok_and(|rule| rule.level == one.level)
            && one.message.contains("turn ")
    };
    let told = || {
        let lines = violations
            .iter()
            .map(|one| format!("{} #{:?} {}", one.rule, one.exchange, one.pointer));
        format!(
            "{name} #{} {}: {:?}",
            place.unit,
            place.pointer,
            lines.collect::<Vec<_>>()
        )
    };
    let found = violations.iter().filter(is_it).count();
    if found == 1 {
        row.found += 1;
    } else {
        row.missed.push(told());
    }
    let others = violations.iter().filter(|one| {
        let follows = kind.follows.contains(&one.rule);
        // Between attempts the same change breaks the contracts of retries, too; streams are a server's.
        let is_other = one.rule.starts_with("retry-") || one.rule.starts_with("stream-");
        !follows && !is_other && !is_it(one)
    });
    if others.count() > 0 {
        row.extra.push(told());
    }
}

fn assert_found(title: &str, samples: &[Sample], fewest: usize) {
    println!(
        "\n{title}\n{:<28} {:>6} {:>6} {:>6} {:>6}",
        "rule", "cases", "found", "missed", "extra"
    );
    let mut complaints = Vec::new();
    for kind in KINDS {
        let row = run(kind, samples);
        let (missed, extra) = (row.missed.len(), row.extra.len());
        println!(
            "{:<28} {:>6} {:>6} {missed:>6} {extra:>6}",
            kind.rule, row.cases, row.found
        );
        if row.cases < fewest {
            complaints.push(format!("{}: only {} cases", kind.rule, row.cases));
        }
        complaints.extend(
            row.missed
                .iter()
                .map(|one| format!("missed: {} {one}", kind.rule)),
        );
        complaints.extend(
            row.extra
                .iter()
                .map(|one| format!("extra: {} {one}", kind.rule)),
        );
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn each_rule_is_found_where_it_is_broken() {
    assert_found("mutations of fixtures", &samples::fixtures(), 1);
}

#[test]
fn each_rule_is_found_in_the_corpus() {
    let samples = samples::corpus();
    if !samples.is_empty() {
        assert_found("mutations of the corpus", &samples, 3);
    }
}

#[test]
fn every_rule_of_a_contract_is_broken_once() {
    let broken: Vec<&str> = KINDS.iter().map(|kind| kind.rule).collect();
    let names = crate::explain::TOOL_RULES.split_whitespace();
    let names = names.chain(crate::explain::HISTORY_RULES.split_whitespace());
    let unbroken: Vec<&str> = names.filter(|name| !broken.contains(name)).collect();
    assert!(unbroken.is_empty(), "{unbroken:?}");
    assert!(rules().count() > broken.len());
}
