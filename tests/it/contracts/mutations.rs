//! Each way to break a rule, in each capture that has a place for it.

use trace_diff::check::{Profile, Violation, check_capture};
use trace_diff::report::explain;

use super::kinds::{KINDS, Kind, Place, pairs};
use super::table::Row;
use super::websocket::{expand, fold};
use crate::mutations::{Trace, read, trace_of};
use crate::samples::Sample;

/// What became of each kind of mutation in these captures.
pub(super) fn rows(samples: &[Sample]) -> Vec<Row> {
    KINDS.iter().map(|kind| run(kind, samples)).collect()
}

fn run(kind: &Kind, samples: &[Sample]) -> Row {
    let mut row = Row::new(kind.rule);
    for sample in samples {
        let original = trace_of(sample);
        let mut source = original.clone();
        expand(&mut source);
        for pair in pairs(&source) {
            let mut trace = source.clone();
            let Some(mut place) = (kind.apply)(&mut trace, pair) else {
                continue;
            };
            let folded = fold(&original, &mut trace);
            if folded[place.unit] {
                place.pointer =
                    place
                        .pointer
                        .replacen("/request/body/input", "/request/effective_input", 1);
            }
            let violations = violations(trace, &sample.name);
            judge(kind, &place, &violations, &sample.name, &mut row);
        }
    }
    row
}

fn violations(trace: Trace, name: &str) -> Vec<Violation> {
    let capture = read(name, trace.into_bytes());
    check_capture(&capture, &Profile::of(&capture)).violations
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
    if violations.iter().filter(is_it).count() == 1 {
        row.found += 1;
    } else {
        row.missed.push(told());
    }
    let mut others = violations.iter().filter(|one| {
        let follows = kind.follows.contains(&one.rule);
        // Between attempts the same change breaks the contracts of retries, too; streams are a server's.
        let is_other = one.rule.starts_with("retry-") || one.rule.starts_with("stream-");
        !follows && !is_other && !is_it(one)
    });
    if others.next().is_some() {
        row.extra.push(told());
    }
}
