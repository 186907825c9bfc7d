//! What holds for every comparison: nothing differs from itself, the same input gives the same bytes, damage never
//! panics, and a consistent renaming changes nothing.

use std::fmt::Write;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};
use trace_diff::capture::{Capture, read_capture_bytes};
use trace_diff::diff::{Level, Options, compare};
use trace_diff::report::{
    TextOptions, comparison_report, outline_report, render_json, render_outline, render_text,
};

use crate::program::{Program, fixture};
use crate::samples;

fn read(bytes: impl Into<Vec<u8>>) -> Capture {
    read_capture_bytes("x", bytes.into()).unwrap()
}

/// Everything that a comparison can print.
fn rendered(a: &Capture, b: &Capture) -> String {
    let comparison = compare(a, b, &Options::default());
    let report = comparison_report(a, b, &comparison);
    let mut out = Vec::new();
    let verbose = TextOptions {
        is_verbose: true,
        ..TextOptions::default()
    };
    render_text(&report, &TextOptions::default(), &mut out).unwrap();
    render_text(&report, &verbose, &mut out).unwrap();
    render_json(&report, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Errors, warnings and notes of a comparison.
fn changes(a: &Capture, b: &Capture) -> Vec<String> {
    let shown = |c: &trace_diff::diff::Change| {
        format!("{} {} {}: {}", c.level.name(), c.rule, c.pointer, c.message)
    };
    compare(a, b, &Options::default())
        .changes
        .iter()
        .map(shown)
        .collect()
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z ]{0,12}",
        1 => "\\PC{0,8}",
        1 => "(sk-|call_|resp_|Bearer )[a-z0-9]{0,20}",
        1 => "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}",
        1 => "(/tmp/[a-z]{1,4}/[a-z]{1,4}|[0-9]{1,4}ms|20[0-9]{2}-01-0[1-9]|\\{\"a\":[0-9]\\})",
    ]
}

fn keys() -> impl Strategy<Value = String> {
    let known = [
        "id",
        "type",
        "name",
        "call_id",
        "role",
        "content",
        "text",
        "input",
        "tools",
        "arguments",
        "output",
        "created_at",
        "thread_id",
        "client_metadata",
        "x-codex-turn-metadata",
        "previous_response_id",
        "instructions",
        "api_key",
        "parameters",
        "properties",
    ];
    prop_oneof![3 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => texts()]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f32>().prop_map(|n| json!(n)),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((keys(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn items() -> impl Strategy<Value = Value> {
    let item = (
        prop::sample::select(vec![
            "message",
            "function_call",
            "function_call_output",
            "reasoning",
            "custom_tool_call",
            "odd",
        ]),
        prop::sample::select(vec!["user", "developer", "assistant"]),
        texts(),
        values(),
    );
    let item = item.prop_map(|(kind, role, text, other)| {
        json!({"type": kind, "role": role, "call_id": format!("call_{}", text.len()), "name": "shell",
            "arguments": text, "output": text, "content": [{"type": "input_text", "text": text}], "other": other})
    });
    prop_oneof![4 => item, 1 => values()]
}

fn headers() -> impl Strategy<Value = Value> {
    let names = [
        "host",
        "authorization",
        "session-id",
        "Session_Id",
        "x-codex-turn-metadata",
        "user-agent",
        "content-length",
        "cookie",
        "x-odd",
        "X-Odd",
        "accept",
        "date",
    ];
    let header = (prop::sample::select(names.to_vec()), texts())
        .prop_map(|(name, value)| json!([name, value]));
    prop::collection::vec(header, 0..8).prop_map(Value::from)
}

fn events() -> impl Strategy<Value = Value> {
    let kinds = [
        "response.created",
        "response.output_text.delta",
        "response.output_item.done",
        "response.completed",
        "response.failed",
        "error",
        "odd",
    ];
    let event = (prop::sample::select(kinds.to_vec()), values(), texts()).prop_map(|(kind, other, delta)| {
        json!({"at_ms": 1, "event": kind, "data": {"type": kind, "delta": delta, "item": other, "response": {"id": "resp_1"}}})
    });
    let odd = texts().prop_map(|text| json!({"at_ms": 1, "data": text}));
    prop::collection::vec(prop_oneof![5 => event, 1 => odd], 0..8).prop_map(Value::from)
}

fn frames() -> impl Strategy<Value = Value> {
    let frame = (any::<bool>(), items(), any::<bool>()).prop_map(|(is_request, item, is_text)| {
        let data = if is_request {
            json!({"type": "response.create", "model": "m", "input": [item], "previous_response_id": "resp_1"})
        } else {
            json!({"type": "response.output_item.done", "item": item})
        };
        let kind = if is_text { "json-compact" } else { "text" };
        json!({"dir": if is_request { "c2s" } else { "s2c" }, "at_ms": 1, "opcode": "text", "data_kind": kind, "data": data})
    });
    prop::collection::vec(frame, 0..6).prop_map(Value::from)
}

fn exchanges() -> impl Strategy<Value = String> {
    let body = prop_oneof![
        4 => (prop::collection::vec(items(), 0..6), values(), texts()).prop_map(|(input, other, text)| {
            json!({"model": "m", "input": input, "instructions": text, "other": other, "client_metadata": {"thread_id": text}})
        }),
        1 => values(),
    ];
    let paths = prop::sample::select(vec![
        "/v1/responses",
        "/v1/responses/compact",
        "/v1/models?client_version=1",
        "/odd",
    ]);
    let ends = prop::sample::select(vec!["complete", "closed", "reset", "peer_closed"]);
    (paths, headers(), body, (headers(), events(), frames()), ends, any::<bool>(), prop::option::of(100u16..600)).prop_map(
        |(path, sent, body, (received, events, frames), end, is_websocket, status)| {
            let mut exchange = json!({
                "format": "raw-exchange/1", "seq": 1, "transport": "http", "method": "POST", "path": path,
                "request": {"headers": sent, "body_kind": "json-compact", "body": body},
                "response": {"status": status, "headers": received, "events": events, "ended": end},
            });
            if is_websocket {
                exchange["transport"] = "ws".into();
                exchange["method"] = "GET".into();
                exchange["request"] = json!({"headers": exchange["request"]["headers"], "body_kind": "empty"});
                exchange["response"] = json!({"status": 101, "headers": [], "frames": frames, "ended": end});
            }
            exchange.to_string()
        },
    )
}

fn captures() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(exchanges(), 1..6).prop_map(|lines| lines.join("\n").into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_capture_does_not_differ_from_itself(bytes in captures()) {
        let (a, b) = (read(bytes.clone()), read(bytes));
        prop_assert_eq!(changes(&a, &b), Vec::<String>::new());
    }

    #[test]
    fn the_same_captures_give_the_same_report(a in captures(), b in captures()) {
        let first = rendered(&read(a.clone()), &read(b.clone()));
        prop_assert_eq!(first, rendered(&read(a), &read(b)));
    }

    #[test]
    fn what_one_side_lacks_the_other_has(a in captures(), b in captures()) {
        let (a, b) = (read(a), read(b));
        let (there, back) = (compare(&a, &b, &Options::default()), compare(&b, &a, &Options::default()));
        prop_assert_eq!(there.changes.iter().all(|c| c.level == Level::Note), back.changes.iter().all(|c| c.level == Level::Note));
    }
}

/// Small fixtures of several agents, with both transports.
const FIXTURES: [&str; 4] = [
    "codex-0.169.0-02-shell-roundtrip.jsonl",
    "codex-0.137.0-25e-websocket-two-turns.jsonl",
    "pycodex-0.5.1-17-autocompact-preturn.jsonl",
    "codex-0.137.0-21-subagent.jsonl",
];

fn damaged(mut bytes: Vec<u8>, edits: &[(prop::sample::Index, u8, u8, usize)]) -> Vec<u8> {
    for (place, how, value, length) in edits {
        if bytes.is_empty() {
            break;
        }
        let at = place.index(bytes.len());
        let end = (at + length).min(bytes.len());
        match how {
            0 => bytes[at] = *value,
            1 => bytes[at] ^= 1 << (value % 8),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                let to = (at * 7 + usize::from(*value)) % bytes.len();
                bytes.splice(to..to, piece);
            }
            4 => bytes[at..end].fill(0),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn damage_never_panics_and_never_hangs(
        sample in 0..FIXTURES.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0u8..6, any::<u8>(), 1usize..3000), 1..12),
    ) {
        let whole = fixture(FIXTURES[sample]);
        let start = Instant::now();
        if let Ok(capture) = read_capture_bytes("damaged", damaged(whole.clone(), &edits)) {
            let whole = read(whole);
            prop_assert!(!rendered(&whole, &capture).is_empty());
            prop_assert!(!rendered(&capture, &whole).is_empty());
            outline_report(&capture);
            render_outline(&capture);
        }
        prop_assert!(start.elapsed() < Duration::from_secs(20));
    }
}

/// Swaps digits of every UUID by one permutation: all that were equal stay equal, all others stay different.
fn renamed(text: &str) -> String {
    let is_uuid = |text: &[u8]| {
        text.len() == 36
            && text.iter().enumerate().all(|(i, b)| match i {
                8 | 13 | 18 | 23 => *b == b'-',
                _ => b.is_ascii_digit() || (b'a'..=b'f').contains(b),
            })
    };
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while at + 36 <= bytes.len() {
        if !is_uuid(&bytes[at..at + 36]) {
            at += 1;
            continue;
        }
        // The last group is random in every version.
        for byte in &mut bytes[at + 24..at + 36] {
            *byte = match *byte {
                b'0'..=b'8' => *byte + 1,
                b'9' => b'0',
                b'a'..=b'e' => *byte + 1,
                b'f' => b'a',
                other => other,
            };
        }
        at += 36;
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_consistent_renaming_changes_nothing() {
    for sample in samples::fixtures() {
        let text = String::from_utf8(sample.bytes).unwrap();
        let other = renamed(&text);
        assert_ne!(text, other, "{}", sample.name);
        let (a, b) = (read(text), read(other));
        assert_eq!(changes(&a, &b), Vec::<String>::new(), "{}", sample.name);
        assert_eq!(changes(&b, &a), Vec::<String>::new(), "{}", sample.name);
    }
}

#[test]
fn two_processes_print_the_same_bytes() {
    let program = Program::new();
    program
        .file("a.jsonl", fixture("codex-0.137.0-02-shell-roundtrip.jsonl"))
        .file("b.jsonl", fixture("codex-0.169.0-02-shell-roundtrip.jsonl"))
        .file("c.jsonl", fixture("codex-0.137.0-21-subagent.jsonl"));
    let mut seen = String::new();
    for pair in [
        ["a.jsonl", "b.jsonl"],
        ["c.jsonl", "a.jsonl"],
        ["b.jsonl", "c.jsonl"],
    ] {
        for format in ["text", "json"] {
            let arguments = [pair[0], pair[1], "--verbose", "--format", format];
            let runs: Vec<Vec<u8>> = (0..3).map(|_| program.run(&arguments).stdout).collect();
            assert!(runs.iter().all(|run| *run == runs[0]), "{arguments:?}");
            let _ = write!(seen, "{}", runs[0].len());
        }
    }
    assert!(!seen.is_empty());
}
