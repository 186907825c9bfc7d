//! What a capture does not show lowers what can be checked, and is never a violation.

use std::collections::BTreeSet;

use serde_json::Value;
use trace_diff::capture::read_capture_bytes;
use trace_diff::check::{Contracts, Profile, check_capture};

use crate::mutations::trace_of;
use crate::samples::{self, Sample};

fn records(sample: &Sample) -> Vec<Value> {
    let values = serde_json::Deserializer::from_slice(&sample.bytes).into_iter();
    values.collect::<Result<_, _>>().unwrap()
}

fn text(records: &[Value]) -> Vec<u8> {
    let lines = records.iter().map(|record| format!("{record}\n"));
    lines.collect::<String>().into_bytes()
}

fn check(name: &str, bytes: Vec<u8>) -> Contracts {
    let capture = read_capture_bytes(name, bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
    check_capture(&capture, &Profile::of(&capture))
}

/// Rules about what does not follow, or comes late: without a certain sign of it they are notes, which fail nothing.
const NOTES: &[&str] = &[
    "retry-missing",
    "retry-gave-up-early",
    "retry-backoff",
    "call-unanswered",
];

/// A capture whose damaged forms must not have other violations.
struct Whole {
    name: String,
    records: Vec<Value>,
    /// The rules that the whole capture breaks.
    broken: BTreeSet<&'static str>,
}

impl Whole {
    fn new(sample: &Sample) -> Self {
        let contracts = check(&sample.name, sample.bytes.clone());
        assert_eq!(contracts.not_checked, [], "{}", sample.name);
        Self {
            name: sample.name.clone(),
            records: records(sample),
            broken: contracts.violations.iter().map(|one| one.rule).collect(),
        }
    }

    /// Checks what is left, and demands that nothing is told that the whole capture does not have.
    fn assert_quiet(&self, what: &str, bytes: Vec<u8>) -> Contracts {
        let contracts = check(&self.name, bytes);
        let told: Vec<_> = contracts
            .violations
            .iter()
            .filter(|one| !self.broken.contains(one.rule))
            .filter(|one| !(NOTES.contains(&one.rule) && one.level.name() == "note"))
            .map(|one| (one.rule, one.exchange, &one.message))
            .collect();
        assert!(told.is_empty(), "{} {what}: {told:?}", self.name);
        contracts
    }

    fn assert_quiet_records(&self, what: &str, records: &[Value]) {
        if !records.is_empty() {
            self.assert_quiet(what, text(records));
        }
    }
}

/// Floods of retries are left out: what is left of them is the same again.
fn all() -> Vec<Whole> {
    let mut all = samples::fixtures();
    all.extend(samples::corpus());
    all.retain(|sample| !sample.name.contains("24b"));
    all.iter().map(Whole::new).collect()
}

#[test]
fn a_capture_that_begins_or_ends_in_mid_session_is_clean() {
    for whole in all() {
        for cut in 1..whole.records.len() {
            let (first, last) = whole.records.split_at(cut);
            whole.assert_quiet_records(&format!("up to {cut}"), first);
            whole.assert_quiet_records(&format!("from {cut} on"), last);
        }
    }
}

#[test]
fn a_capture_that_lacks_an_exchange_is_clean() {
    for whole in all() {
        for lost in 0..whole.records.len() {
            let mut left = whole.records.clone();
            left.remove(lost);
            whole.assert_quiet_records(&format!("without record {lost}"), &left);
        }
    }
}

/// Messages of a WebSocket with what answers them are taken out one by one, and all but the first or last ones.
#[test]
fn a_connection_that_lacks_a_message_is_clean_and_says_so() {
    let mut continued = 0;
    let mut samples = samples::fixtures();
    samples.extend(samples::corpus());
    for sample in samples.iter().filter(|one| one.name.contains("websocket")) {
        let whole = Whole::new(sample);
        let trace = trace_of(sample);
        for unit in trace.requests() {
            let Some(frame) = trace.frame_of(unit) else {
                continue;
            };
            let record = trace.units[unit].record;
            let lost: BTreeSet<usize> = trace.units[unit]
                .events
                .iter()
                .copied()
                .chain([frame])
                .collect();
            let without = |is_lost: &dyn Fn(usize) -> bool| {
                let mut records = whole.records.clone();
                let frames = records[record]["response"]["frames"]
                    .as_array_mut()
                    .unwrap();
                let mut at = 0;
                frames.retain(|_| {
                    at += 1;
                    !is_lost(at - 1)
                });
                text(&records)
            };
            let contracts = whole.assert_quiet(
                &format!("without message {unit}"),
                without(&|at| lost.contains(&at)),
            );
            whole.assert_quiet(&format!("up to message {unit}"), without(&|at| at > frame));
            whole.assert_quiet(
                &format!("from message {unit} on"),
                without(&|at| at < frame),
            );
            let id = trace.response_id(unit);
            let mut later = trace.requests().into_iter().filter(|later| *later > unit);
            let is_continued = later.any(|later| {
                id.is_some() && trace.body(later)["previous_response_id"].as_str() == id
            });
            if is_continued {
                continued += 1;
                let reasons = contracts.not_checked.iter().map(|one| one.reason.as_str());
                let reasons: Vec<&str> = reasons.collect();
                let is_said = reasons.iter().any(|reason| {
                    reason.ends_with("continues a response that is not in the capture")
                });
                let is_warm_up = trace.body(unit)["generate"] == false;
                assert!(is_said || is_warm_up, "{} {unit}: {reasons:?}", whole.name);
            }
        }
    }
    assert!(continued > 1);
}

#[test]
fn a_reordered_capture_is_clean() {
    for whole in all() {
        let mut records = whole.records.clone();
        records.reverse();
        whole.assert_quiet("in reverse", text(&records));
        let half = records.len() / 2;
        records.rotate_left(half);
        whole.assert_quiet("in reverse by halves", text(&records));
    }
}

#[test]
fn two_agents_in_one_capture_are_told_apart() {
    let all = all();
    for (at, one) in all.iter().enumerate() {
        // A neighbour is mostly a run of the same agent, one far away is of another.
        for other in [
            &all[(at + 1) % all.len()],
            &all[(at + all.len() / 2) % all.len()],
        ] {
            // A fixture and the run that it was made of are of one thread.
            let run = |whole: &Whole| whole.name.replace('/', "-");
            if run(one) == run(other) {
                continue;
            }
            let (a, b) = (&one.records, &other.records);
            let mut mixed = Vec::new();
            for at in 0..a.len().max(b.len()) {
                mixed.extend(a.get(at).cloned());
                mixed.extend(b.get(at).cloned());
            }
            let both = Whole {
                name: format!("{} and {}", one.name, other.name),
                records: Vec::new(),
                broken: one.broken.union(&other.broken).copied().collect(),
            };
            both.assert_quiet("mixed", text(&mixed));
        }
    }
}

#[test]
fn a_damaged_capture_is_clean_and_says_what_was_not_checked() {
    for whole in all() {
        let lines: Vec<Vec<u8>> = whole
            .records
            .iter()
            .map(|one| text(std::slice::from_ref(one)))
            .collect();
        for torn in 0..lines.len() {
            let half = &lines[torn][..lines[torn].len() / 2];
            let before = lines[..torn].concat();
            let cut = [before.as_slice(), half].concat();
            let mid = [cut.as_slice(), b"\n", lines[torn + 1..].concat().as_slice()].concat();
            if torn > 0 {
                let contracts = whole.assert_quiet(&format!("cut in record {torn}"), cut);
                assert_damage_is_told(&whole.name, &contracts);
            }
            if lines.len() > 1 {
                let contracts = whole.assert_quiet(&format!("torn in record {torn}"), mid);
                assert_damage_is_told(&whole.name, &contracts);
            }
        }
    }
}

fn assert_damage_is_told(name: &str, contracts: &Contracts) {
    let is_damage = |reason: &str| {
        reason.starts_with("parts of the capture could not be read, and ")
            || reason.starts_with("the capture does not hold the body of exchange #")
    };
    let told = contracts.not_checked.iter();
    let told: Vec<&str> = told
        .filter(|one| is_damage(&one.reason))
        .flat_map(|one| one.rules.iter().copied())
        .collect();
    for rule in ["item-invented", "history-rewritten", "retry-missing"] {
        assert!(told.contains(&rule), "{name}: {rule}");
    }
}
