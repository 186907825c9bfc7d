//! Retries and events of responses: clean over real runs, and seeded mutations that break one rule each.
// Long because: each case of the two tables takes ten lines.

use serde_json::{Value, json};
use trace_diff::check::{Profile, Violation, check_capture};
use trace_diff::report::explain;

use crate::mutations::read;
use crate::samples::{self, Sample};

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

fn violations(name: &str, bytes: Vec<u8>) -> Vec<Violation> {
    let capture = read(name, bytes);
    check_capture(&capture, &Profile::of(&capture)).violations
}

fn shown(one: &Violation) -> String {
    format!(
        "#{:?} {} {}: {}",
        one.exchange,
        one.rule,
        one.pointer.as_str(),
        one.message
    )
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

/// A fixture as JSON, one value for each exchange.
fn records(name: &str) -> Vec<Value> {
    let sample: Sample = samples::fixtures()
        .into_iter()
        .find(|sample| sample.name == name)
        .unwrap_or_else(|| panic!("no fixture {name}"));
    serde_json::Deserializer::from_slice(&sample.bytes)
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

fn bytes(records: &[Value]) -> Vec<u8> {
    let lines: Vec<String> = records.iter().map(|one| format!("{one}\n")).collect();
    lines.concat().into_bytes()
}

/// What a mutation breaks: the only rules that may be told, the exchange, and how the pointer of the first begins.
struct Case {
    name: &'static str,
    fixture: &'static str,
    change: fn(&mut Vec<Value>),
    rules: &'static [&'static str],
    exchange: usize,
    pointer: &'static str,
}

/// Whether a rule may be told; who the requests of another version say they are is told, too.
fn is_expected(case: &Case, rule: &str) -> bool {
    let mut of_identity = crate::explain::IDENTITY_RULES.split_whitespace();
    case.rules.contains(&rule) || of_identity.any(|one| one == rule)
}

fn run(cases: &[Case]) {
    let mut complaints = Vec::new();
    println!("{:<44} {:<26} verdict", "mutation", "rule");
    for case in cases {
        let mut changed = records(case.fixture);
        (case.change)(&mut changed);
        let found = violations(case.fixture, bytes(&changed));
        let first = found.iter().find(|one| one.rule == case.rules[0]);
        let verdict = match first {
            None => "missed",
            Some(one)
                if one.exchange != Some(case.exchange)
                    || !one.pointer.as_str().starts_with(case.pointer) =>
            {
                "misplaced"
            }
            Some(_) if found.iter().any(|one| !is_expected(case, one.rule)) => "extra",
            Some(_) => "found",
        };
        println!("{:<44} {:<26} {verdict}", case.name, case.rules[0]);
        assert!(explain(case.rules[0]).is_ok());
        if verdict != "found" {
            let told: Vec<String> = found.iter().map(shown).collect();
            complaints.push(format!("{}: {verdict}\n  {}", case.name, told.join("\n  ")));
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

const SHELL: &str = "codex-0.169.0-02-shell-roundtrip";

fn events(record: &mut Value) -> &mut Vec<Value> {
    record["response"]["events"].as_array_mut().unwrap()
}

fn position(record: &mut Value, kind: &str) -> usize {
    let found = events(record)
        .iter()
        .position(|event| event["event"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}"))
}

const STREAM_CASES: &[Case] = &[
    Case {
        name: "response.created behind the first item",
        fixture: SHELL,
        change: |records| {
            let created = events(&mut records[0]).remove(0);
            events(&mut records[0]).insert(1, created);
        },
        rules: &["stream-event-order"],
        exchange: 0,
        pointer: "/response/events/1/data",
    },
    Case {
        name: "the terminal event is left out",
        fixture: SHELL,
        change: |records| {
            events(&mut records[1]).pop();
        },
        rules: &["stream-end-missing", "retry-missing"],
        exchange: 1,
        pointer: "/response/events",
    },
    Case {
        name: "the terminal event is sent twice",
        fixture: SHELL,
        change: |records| {
            let last = events(&mut records[1]).last().unwrap().clone();
            events(&mut records[1]).push(last);
        },
        rules: &["stream-end-doubled"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "an item behind the end",
        fixture: SHELL,
        change: |records| {
            let at = position(&mut records[1], "response.output_item.done");
            let item = events(&mut records[1])[at].clone();
            events(&mut records[1]).push(item);
        },
        rules: &["stream-event-after-end"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "another id at the end",
        fixture: SHELL,
        change: |records| {
            let last = events(&mut records[1]).last_mut().unwrap();
            last["data"]["response"]["id"] = json!("resp_other");
        },
        rules: &["stream-id-changed"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "output_item.done is left out",
        fixture: SHELL,
        change: |records| {
            let at = position(&mut records[1], "response.output_item.done");
            events(&mut records[1]).remove(at);
        },
        rules: &["stream-item-unfinished", "stream-output-differs"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "an item is done twice",
        fixture: SHELL,
        change: |records| {
            let at = position(&mut records[1], "response.output_item.done");
            let mut item = events(&mut records[1])[at].clone();
            item["data"]
                .as_object_mut()
                .unwrap()
                .remove("sequence_number");
            events(&mut records[1]).insert(at, item);
        },
        rules: &["stream-item-doubled"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "an item has another output_index",
        fixture: SHELL,
        change: |records| {
            let at = position(&mut records[1], "response.output_item.done");
            events(&mut records[1])[at]["data"]["output_index"] = json!(4);
        },
        rules: &["stream-index", "stream-item-unfinished"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "a delta is left out",
        fixture: SHELL,
        change: |records| {
            let at = position(&mut records[1], "response.output_text.delta");
            events(&mut records[1]).remove(at);
        },
        rules: &["stream-delta-sum"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "the end lists another item",
        fixture: SHELL,
        change: |records| {
            let last = events(&mut records[1]).last_mut().unwrap();
            last["data"]["response"]["output"] = json!([{"type": "message", "id": "msg_other"}]);
        },
        rules: &["stream-output-differs"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "usage is left out",
        fixture: SHELL,
        change: |records| {
            let last = events(&mut records[1]).last_mut().unwrap();
            last["data"]["response"]
                .as_object_mut()
                .unwrap()
                .remove("usage");
        },
        rules: &["stream-usage-missing"],
        exchange: 1,
        pointer: "/response/events/",
    },
];

#[test]
fn mutations_of_events_are_found() {
    run(STREAM_CASES);
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

const CODEX_500: &str = "codex-0.137.0-08-http-500-then-ok";
const CUT_OLD: &str = "codex-0.115.0-10b-stream-cut-after-item-done";

fn shift(record: &mut Value, by: f64) {
    let started = record["started_ms"].as_f64().unwrap();
    record["started_ms"] = json!(started + by);
}

fn fail_with(record: &mut Value, status: u16, code: &str) {
    record["response"]["status"] = json!(status);
    record["response"]["body"] = json!({"error": {"message": "no", "code": code}});
}

/// Repeats the failure until there are this many attempts in front of the last one, each after its delay.
fn repeat(records: &mut Vec<Value>, attempts: usize) {
    let [failed, last]: [Value; 2] = std::mem::take(records).try_into().unwrap();
    let mut at = 0.0;
    for number in 0..attempts {
        let mut one = failed.clone();
        let took =
            one["response"]["ended_ms"].as_f64().unwrap() - one["started_ms"].as_f64().unwrap();
        one["seq"] = json!(number + 1);
        one["started_ms"] = json!(at);
        one["response"]["ended_ms"] = json!(at + took);
        at += took + 200.0 * f64::from(1_u32 << number);
        records.push(one);
    }
    let mut last = last;
    last["seq"] = json!(attempts + 1);
    last["started_ms"] = json!(at);
    last["response"]["ended_ms"] = json!(at + 5.0);
    records.push(last);
}

const RETRY_CASES: &[Case] = &[
    Case {
        name: "the retry is left out",
        fixture: CODEX_500,
        change: |records| {
            records.truncate(1);
        },
        rules: &["retry-missing"],
        exchange: 0,
        pointer: "",
    },
    Case {
        name: "the failure is HTTP 400",
        fixture: CODEX_500,
        change: |records| fail_with(&mut records[0], 400, "invalid_value"),
        rules: &["retry-of-fatal"],
        exchange: 1,
        pointer: "",
    },
    Case {
        name: "one retry too many",
        fixture: CODEX_500,
        change: |records| repeat(records, 6),
        rules: &["retry-over-limit"],
        exchange: 5,
        pointer: "",
    },
    Case {
        name: "the retry comes at once",
        fixture: CODEX_500,
        change: |records| shift(&mut records[1], -150.0),
        rules: &["retry-backoff"],
        exchange: 1,
        pointer: "",
    },
    Case {
        name: "the retry comes much too late",
        fixture: CODEX_500,
        change: |records| shift(&mut records[1], 9000.0),
        rules: &["retry-backoff"],
        exchange: 1,
        pointer: "",
    },
    Case {
        name: "the retry has other tools",
        fixture: CODEX_500,
        change: |records| {
            records[1]["request"]["body"]["tools"][0]["name"] = json!("other");
        },
        rules: &["retry-body-changed", "tools-changed"],
        exchange: 1,
        pointer: "/request/body/tools/0/name",
    },
    Case {
        name: "the retry has an item more",
        fixture: CODEX_500,
        change: |records| {
            let input = records[1]["request"]["body"]["input"]
                .as_array_mut()
                .unwrap();
            input.push(json!({"type": "message", "role": "assistant", "content": []}));
        },
        rules: &["retry-body-changed", "item-invented"],
        exchange: 1,
        pointer: "/request/body/input/3",
    },
    Case {
        name: "an old version sends what a broken stream delivered",
        fixture: CUT_OLD,
        change: |records| {
            let at = position(&mut records[0], "response.output_item.done");
            let item = events(&mut records[0])[at]["data"]["item"].clone();
            let input = records[1]["request"]["body"]["input"]
                .as_array_mut()
                .unwrap();
            input.push(item);
        },
        rules: &[
            "retry-truncated-taken",
            "stream-end-missing",
            "call-without-output",
        ],
        exchange: 1,
        pointer: "/request/body/input/3",
    },
    Case {
        name: "a new version loses what a broken stream delivered",
        fixture: CUT_OLD,
        change: |records| {
            for record in records {
                let text = record.to_string().replace("0.115.0", "0.137.0");
                *record = serde_json::from_str(&text).unwrap();
            }
        },
        rules: &["retry-partial-lost", "stream-end-missing"],
        exchange: 1,
        pointer: "/request/body/input",
    },
    Case {
        name: "previous_response_id behind a handshake",
        fixture: CODEX_500,
        change: |records| {
            let mut handshake = records[0].clone();
            handshake["method"] = json!("GET");
            handshake["request"]["body_kind"] = json!("empty");
            handshake["request"]["body"] = Value::Null;
            handshake["response"]["status"] = json!(426);
            let headers = handshake["request"]["headers"].as_array_mut().unwrap();
            headers.push(json!(["Upgrade", "websocket"]));
            records.insert(0, handshake);
            records[2]["request"]["body"]["previous_response_id"] = json!("resp_1");
        },
        rules: &["retry-websocket-leftover"],
        exchange: 2,
        pointer: "/request/body/previous_response_id",
    },
];

#[test]
fn mutations_of_retries_are_found() {
    run(RETRY_CASES);
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
    let many: fn(&mut Vec<Value>) = |records| repeat(records, 3);
    let generic = "version = 1\n[limits]\nrequests = 3\n";
    assert_eq!(under(generic, CODEX_500, many), ["retry-storm"]);
    assert_eq!(under("version = 1\n", CODEX_500, many), [""; 0]);
}
