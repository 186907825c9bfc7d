//! What a capture does not show lowers what can be checked, and is never a violation.

use serde_json::Value;
use trace_diff::capture::{Capture, read_capture_bytes};
use trace_diff::check::{Contracts, Profile, check_capture};

use crate::samples::{self, Sample};

fn records(sample: &Sample) -> Vec<Value> {
    let values = serde_json::Deserializer::from_slice(&sample.bytes).into_iter();
    values.collect::<Result<_, _>>().unwrap()
}

fn capture(name: &str, records: &[Value]) -> Capture {
    let lines = records.iter().map(|record| format!("{record}\n"));
    read_capture_bytes(name, lines.collect::<String>().into_bytes()).unwrap()
}

fn check(name: &str, records: &[Value]) -> Contracts {
    let capture = capture(name, records);
    check_capture(&capture, &Profile::of(&capture))
}

fn assert_clean(name: &str, contracts: &Contracts) {
    let told: Vec<_> = contracts
        .violations
        .iter()
        // What a server streams is wrong whatever the capture lacks; that something may be missing is a note.
        .filter(|one| !one.rule.starts_with("stream-") && one.level.name() != "note")
        .map(|one| (one.rule, &one.message))
        .collect();
    assert!(told.is_empty(), "{name}: {told:?}");
}

fn all() -> Vec<Sample> {
    let mut all = samples::fixtures();
    all.extend(samples::corpus());
    all.retain(|sample| !sample.name.contains("24b"));
    all
}

#[test]
fn a_capture_that_begins_or_ends_in_mid_session_is_clean() {
    for sample in all() {
        let records = records(&sample);
        for cut in 1..records.len() {
            assert_clean(&sample.name, &check(&sample.name, &records[cut..]));
            assert_clean(&sample.name, &check(&sample.name, &records[..cut]));
        }
    }
}

#[test]
fn a_capture_that_lacks_an_exchange_is_clean() {
    for sample in all() {
        let records = records(&sample);
        for lost in 0..records.len() {
            let mut left = records.clone();
            left.remove(lost);
            if !left.is_empty() {
                let name = format!("{} without record {lost}", sample.name);
                assert_clean(&name, &check(&name, &left));
            }
        }
    }
}

#[test]
fn a_reordered_capture_is_clean() {
    for sample in all() {
        let mut records = records(&sample);
        records.reverse();
        assert_clean(&sample.name, &check(&sample.name, &records));
    }
}

#[test]
fn two_agents_in_one_capture_are_told_apart() {
    for two in all().windows(2) {
        let (a, b) = (records(&two[0]), records(&two[1]));
        let mut mixed = Vec::new();
        for at in 0..a.len().max(b.len()) {
            mixed.extend(a.get(at).cloned());
            mixed.extend(b.get(at).cloned());
        }
        assert_clean(
            &format!("{} and {}", two[0].name, two[1].name),
            &check("mixed", &mixed),
        );
    }
}

#[test]
fn a_damaged_capture_says_what_was_not_checked() {
    let samples = samples::fixtures();
    let sample = samples
        .iter()
        .find(|one| one.name.contains("19-multi-turn"))
        .unwrap();
    let cut = sample.bytes.len() - 500;
    let capture = read_capture_bytes("cut", sample.bytes[..cut].to_vec()).unwrap();
    let contracts = check_capture(&capture, &Profile::of(&capture));
    assert_clean("cut", &contracts);
    let mut rules = Vec::new();
    for one in &contracts.not_checked {
        assert!(
            one.reason
                .starts_with("parts of the capture could not be read, and "),
            "{}",
            one.reason
        );
        rules.extend(one.rules);
    }
    for rule in ["item-invented", "history-rewritten", "retry-missing"] {
        assert!(rules.contains(&rule), "{rule}");
    }
}
