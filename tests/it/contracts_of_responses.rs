//! Retries and events of responses: clean over real runs, and what profiles change.

use serde_json::{Value, json};
use trace_diff::check::{Profile, Violation, check_capture};

use crate::contracts::cases::{SHELL, bytes, events, records, shown, violations};
use crate::contracts::retry_cases::{CODEX_500, fail_with, repeat};
use crate::mutations::read;
use crate::samples;

/// Runs whose script breaks the stream itself: a scripted server is at fault there, and it is right to say so.
const BROKEN_STREAMS: &[(&str, &str)] = &[
    // The body ends well behind a finished item, without `response.completed`.
    ("10b-stream-cut-after-item-done", "stream-end-missing"),
    // The deltas hold the placeholder of the script, the item what was put in its place.
    ("02b-write-stdin", "stream-delta-sum"),
    // A `web_search_call` is done that was never added.
    ("27-unknown-events", "stream-index"),
];

/// Whether a run is known to break this rule.
pub(crate) fn is_known(name: &str, violation: &Violation) -> bool {
    let mut runs = BROKEN_STREAMS.iter();
    runs.any(|(run, rule)| name.contains(run) && violation.rule == *rule)
}

#[test]
fn real_runs_keep_the_contracts() {
    let mut complaints = Vec::new();
    for sample in samples::fixtures().into_iter().chain(samples::corpus()) {
        for one in violations(&sample.name, sample.bytes) {
            if !is_known(&sample.name, &one) {
                complaints.push(format!("{}: {}", sample.name, shown(&one)));
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn a_capture_that_ends_early_has_no_errors() {
    for sample in samples::fixtures().into_iter().chain(samples::corpus()) {
        let text = String::from_utf8(sample.bytes).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        if lines.len() > 12 {
            continue;
        }
        for end in 1..lines.len() {
            let bytes = lines[..end].concat().into_bytes();
            for one in violations(&sample.name, bytes) {
                let is_expected = BROKEN_STREAMS.iter().any(|(_, rule)| one.rule == *rule);
                assert!(
                    is_expected || one.level.name() == "note",
                    "{} up to {end}: {}",
                    sample.name,
                    shown(&one)
                );
            }
        }
    }
}

#[test]
fn unknown_events_are_no_violation() {
    let mut records = records(SHELL);
    for at in [0, 1] {
        let event = json!({"at_ms": 1.0, "event": "response.brand_new.delta",
            "data": {"type": "response.brand_new.delta", "output_index": 77, "delta": "x"}});
        let all = events(&mut records[at]);
        for place in (0..=all.len()).rev() {
            all.insert(place, event.clone());
        }
    }
    let found: Vec<String> = violations(SHELL, bytes(&records))
        .iter()
        .map(shown)
        .collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn what_a_sub_agent_says_behind_a_fatal_failure_is_no_retry() {
    let mut records = records(CODEX_500);
    fail_with(&mut records[0], 400, "invalid_value");
    let input = records[1]["request"]["body"]["input"]
        .as_array_mut()
        .unwrap();
    let text = "<subagent_notification>\n{}\n</subagent_notification>";
    input.push(json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}));
    let found = violations(CODEX_500, bytes(&records));
    let found: Vec<String> = found.iter().map(shown).collect();
    assert_eq!(found, [""; 0]);
}

/// Repeats the failure so often, 200 ms apart and each over a connection of its own, as a machine under load makes all delays alike.
fn evenly(records: &mut Vec<Value>, retries: usize) {
    let [failed, last]: [Value; 2] = std::mem::take(records).try_into().unwrap();
    let begun = failed["started_ms"].as_f64().unwrap();
    let took = failed["response"]["ended_ms"].as_f64().unwrap() - begun;
    for number in 0..=retries {
        let mut one = if number < retries { &failed } else { &last }.clone();
        let started = (took + 200.0) * f64::from(u32::try_from(number).unwrap());
        one["seq"] = json!(number + 1);
        one["conn"] = json!(number + 1);
        one["started_ms"] = json!(started);
        one["response"]["ended_ms"] = json!(started + took);
        records.push(one);
    }
}

#[test]
fn retries_over_one_connection_are_of_one_round() {
    let late: fn(&mut Vec<Value>) = |records| {
        repeat(records, 5);
        // A round over a second connection, which comes so late that it could go on with the first.
        for (number, record) in records.iter_mut().enumerate() {
            record["conn"] = json!(1 + number / 3);
        }
    };
    let limits = "version = 1\nfrom = \"codex@0.137.0\"\n[limits]\nrequest_retries = 4\nstream_retries = 1\n";
    assert_eq!(under(limits, CODEX_500, late), [""; 0]);
}

#[test]
fn rounds_that_cannot_be_told_apart_count_as_few_as_may_be() {
    let limits = "version = 1\nfrom = \"codex@0.137.0\"\n[limits]\nrequest_retries = 3\nstream_retries = 1\n";
    let found = |change: fn(&mut Vec<Value>)| under(limits, CODEX_500, change);
    assert_eq!(found(|records| evenly(records, 7)), [""; 0]);
    let all_failed = found(|records| {
        evenly(records, 8);
        records.truncate(8);
    });
    assert_eq!(all_failed, [""; 0]);
    let over = found(|records| evenly(records, 8));
    assert!(
        over.iter().any(|rule| rule == "retry-over-limit"),
        "{over:?}"
    );
}

/// The violations of a changed fixture under a profile of the user's.
fn under(profile: &str, fixture: &str, change: fn(&mut Vec<Value>)) -> Vec<String> {
    let mut records = records(fixture);
    change(&mut records);
    let profile = Profile::parse("", profile).unwrap();
    let capture = read(fixture, bytes(&records));
    let found = check_capture(&capture, &profile).violations;
    found.iter().map(|one| one.rule.to_owned()).collect()
}

#[test]
fn what_a_profile_changes_is_checked() {
    let keep: fn(&mut Vec<Value>) = |_| {};
    let ours = |values: &str| format!("version = 1\nfrom = \"codex@0.137.0\"\n{values}");
    let check = |values: &str, change, expect: &[&str]| {
        assert_eq!(under(&ours(values), CODEX_500, change), expect, "{values}");
    };
    check("", keep, &[]);
    check("[backoff]\nbase_ms = 400\n", keep, &["retry-backoff"]);
    let never = "[limits]\nrequest_retries = 0\nstream_retries = 0\n";
    check(never, keep, &["retry-over-limit"]);
    let fatal = "[[failure]]\non = \"status\"\nstatus = [\"500-599\"]\nthen = \"fail\"\n";
    check(fatal, keep, &["retry-of-fatal"]);
    let again: fn(&mut Vec<Value>) = |records| {
        repeat(records, 3);
        records.truncate(3);
    };
    check("", again, &[]);
    check(
        "[limits]\nrequest_retries = 2\nstream_retries = 0\n",
        again,
        &[],
    );
    check(
        "[limits]\nrequest_retries = 3\nstream_retries = 0\n",
        again,
        &["retry-gave-up-early"],
    );
    let waits = "[[failure]]\non = \"status\"\nstatus = [500]\nthen = \"request\"\ndelay = [\"retry-after\"]\n";
    let asks: fn(&mut Vec<Value>) = |records| {
        let headers = records[0]["response"]["headers"].as_array_mut().unwrap();
        headers.push(json!(["Retry-After", "2"]));
    };
    check(waits, keep, &[]);
    check(waits, asks, &["retry-too-soon"]);
    let stall: fn(&mut Vec<Value>) = |records| {
        let started = records[0]["started_ms"].clone();
        let ended = records[0]["response"]["ended_ms"].clone();
        records[0]["response"] = records[1]["response"].clone();
        records[0]["response"]["ended_ms"] = ended;
        events(&mut records[0]).truncate(1);
        events(&mut records[0])[0]["at_ms"] = started;
        records[0]["response"]["ended"] = json!("stall");
    };
    check("", stall, &[]);
    check("[limits]\nidle_ms = 1000\n", stall, &["retry-idle"]);
    let many: fn(&mut Vec<Value>) = |records| repeat(records, 3);
    let generic = "version = 1\n[limits]\nrequests = 3\n";
    assert_eq!(under(generic, CODEX_500, many), ["retry-storm"]);
    assert_eq!(under("version = 1\n", CODEX_500, many), [""; 0]);
}
