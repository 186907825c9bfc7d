//! What arrives from another thread may come earlier or later, but not vanish; and threads may race.

use serde_json::Value;
use trace_diff::capture::{Capture, read_capture_bytes};
use trace_diff::diff::{Level, compare};

const BASELINE: &str = "fixtures/captures/codex-0.137.0-21-subagent.jsonl";
const CANDIDATE: &str = "fixtures/captures/codex-0.137.0-21-subagent-run2.jsonl";

/// The parent's requests that hold the notification, and the last item before it arrived.
const ARRIVAL: usize = 3;
const NEXT: usize = 4;

fn records(path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn capture(records: &[Value]) -> Capture {
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    read_capture_bytes("made", text.into_bytes()).unwrap()
}

fn input(record: &mut Value) -> &mut Vec<Value> {
    record["request"]["body"]["input"].as_array_mut().unwrap()
}

fn notification(record: &mut Value) -> usize {
    let is_one = |item: &Value| item.to_string().contains("<subagent_notification>");
    input(record).iter().position(is_one).unwrap()
}

/// Edits the candidate and tells what is found: rule and level.
fn found(edit: impl Fn(&mut Vec<Value>)) -> Vec<(&'static str, Level)> {
    let mut candidate = records(CANDIDATE);
    edit(&mut candidate);
    // Lengths that no longer fit the edited bodies are not the point here.
    for record in &mut candidate {
        record["request"]["headers"]
            .as_array_mut()
            .unwrap()
            .retain(|header| header[0] != "content-length");
    }
    let mut baseline = records(BASELINE);
    for record in &mut baseline {
        record["request"]["headers"]
            .as_array_mut()
            .unwrap()
            .retain(|header| header[0] != "content-length");
    }
    let comparison = compare(
        &capture(&baseline),
        &capture(&candidate),
        &Default::default(),
    );
    comparison
        .changes
        .iter()
        .map(|change| (change.rule, change.level))
        .collect()
}

#[test]
fn a_notification_may_come_with_the_next_request() {
    let changes = found(|records| {
        let at = notification(&mut records[ARRIVAL]);
        input(&mut records[ARRIVAL]).remove(at);
    });
    assert_eq!(changes, [("late-arrival", Level::Note)]);
}

#[test]
fn a_notification_may_come_behind_later_items() {
    let changes = found(|records| {
        let at = notification(&mut records[ARRIVAL]);
        input(&mut records[ARRIVAL]).remove(at);
        let at = notification(&mut records[NEXT]);
        let item = input(&mut records[NEXT]).remove(at);
        input(&mut records[NEXT]).push(item);
    });
    assert!(!changes.is_empty());
    assert!(
        changes
            .iter()
            .all(|change| *change == ("late-arrival", Level::Note)),
        "{changes:?}"
    );
}

#[test]
fn a_notification_that_was_there_may_not_vanish() {
    let changes = found(|records| {
        let at = notification(&mut records[NEXT]);
        input(&mut records[NEXT]).remove(at);
    });
    assert_eq!(changes, [("item-missing", Level::Error)]);
}

#[test]
fn threads_may_race() {
    let changes = found(|records| records.swap(1, 2));
    assert_eq!(changes, [("exchange-order", Level::Note)]);
}
