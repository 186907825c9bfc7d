use serde_json::{Value, json};

use super::{script_from_capture, script_from_rollout};
use crate::capture::read_capture_bytes;
use crate::rollout::RolloutSource;
use crate::script::Script;

/// The steps of a rollout's script: what each is for, and the texts, calls and contents that it says.
fn rollout_steps(records: &[Value]) -> Vec<(String, Vec<String>, Value)> {
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    let source = RolloutSource::memory("rollout.jsonl", lines.into_bytes());
    let text = script_from_rollout(&source).unwrap();
    Script::parse("", &text).unwrap_or_else(|error| panic!("{error}"));
    let script: Value = serde_json::from_str(&text).unwrap();
    let steps = script["step"].as_array().cloned().unwrap_or_default();
    steps
        .iter()
        .map(|step| {
            let kind = step["when"]["kind"].as_str().unwrap_or("turn").to_owned();
            let items = step["reply"].as_array().unwrap().iter();
            let said = items.map(|entry| {
                let item = &entry["item"];
                let text = item.pointer("/content/0/text");
                let said = text
                    .or_else(|| item.get("call_id"))
                    .or_else(|| item.get("encrypted_content"));
                said.and_then(Value::as_str).unwrap_or("?").to_owned()
            });
            (kind, said.collect(), step["usage"]["total"].clone())
        })
        .collect()
}

fn item(payload: Value) -> Value {
    json!({ "timestamp": "2026-11-21T02:04:35.000Z", "type": "response_item", "payload": payload })
}

fn said(role: &str, text: &str) -> Value {
    let kind = if role == "assistant" {
        "output_text"
    } else {
        "input_text"
    };
    item(json!({ "type": "message", "role": role, "content": [{ "type": kind, "text": text }] }))
}

fn call(id: &str) -> Value {
    item(json!({ "type": "function_call", "call_id": id, "name": "f", "arguments": "{}" }))
}

fn output(id: &str) -> Value {
    item(json!({ "type": "function_call_output", "call_id": id, "output": "x" }))
}

fn event(payload: Value) -> Value {
    json!({ "type": "event_msg", "payload": payload })
}

fn tokens(total: u64) -> Value {
    let last = json!({ "input_tokens": total, "output_tokens": 0, "total_tokens": total });
    event(json!({ "type": "token_count", "info": { "last_token_usage": last } }))
}

fn token_record(total: u64) -> Value {
    json!({ "type": "token_usage_record", "payload": {
        "response_id": format!("resp_{total}"),
        "usage": { "input_tokens": total, "output_tokens": 0, "total_tokens": total },
    } })
}

fn turn(kind: &str, said: &[&str], total: Value) -> (String, Vec<String>, Value) {
    let said = said.iter().map(|text| (*text).to_owned()).collect();
    (kind.to_owned(), said, total)
}

#[test]
fn a_response_behind_which_nothing_is_told_did_not_end_the_turn() {
    let ends = |records: &[Value]| -> Vec<Value> {
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        let source = RolloutSource::memory("rollout.jsonl", lines.into_bytes());
        let script: Value = serde_json::from_str(&script_from_rollout(&source).unwrap()).unwrap();
        let steps = script["step"].as_array().cloned().unwrap_or_default();
        steps.iter().map(|step| step["end_turn"].clone()).collect()
    };
    let begin = || event(json!({ "type": "task_started" }));
    let two = |between: Vec<Value>| {
        let before = [
            begin(),
            said("user", "go"),
            said("assistant", "One."),
            tokens(5),
        ];
        let after = [said("assistant", "Two."), tokens(6)];
        [before.to_vec(), between, after.to_vec()].concat()
    };
    assert_eq!(ends(&two(vec![])), [json!(false), Value::Null]);
    for told in [said("user", "more"), said("developer", "more"), begin()] {
        assert_eq!(ends(&two(vec![told])), [Value::Null, Value::Null]);
    }
}

#[test]
fn items_up_to_a_token_count_are_one_response() {
    let steps = rollout_steps(&[
        said("user", "go"),
        said("assistant", "Let me look."),
        call("c1"),
        call("c2"),
        token_record(10),
        output("c1"),
        output("c2"),
        event(json!({ "type": "token_count", "info": null })),
        said("assistant", "Done."),
        token_record(20),
        event(json!({ "type": "task_complete" })),
    ]);
    assert_eq!(
        steps,
        [
            turn("turn", &["Let me look.", "c1", "c2"], json!(10)),
            turn("turn", &["Done."], json!(20)),
        ]
    );
}

#[test]
fn a_local_compaction_is_the_summary_before_its_record() {
    let history = json!([{ "type": "message", "role": "user", "content": [] }]);
    let compacted = json!({ "type": "compacted", "payload": {
        "message": "Another language model started …\nSUMMARY", "replacement_history": history,
    } });
    let steps = rollout_steps(&[
        said("assistant", "First."),
        tokens(50),
        event(json!({ "type": "task_started" })),
        said("assistant", "SUMMARY"),
        tokens(3),
        compacted.clone(),
        tokens(0),
        said("user", "go on"),
        said("assistant", "Second."),
        tokens(7),
    ]);
    let expect = [
        turn("turn", &["First."], json!(50)),
        turn("compaction", &["SUMMARY"], json!(3)),
        turn("turn", &["Second."], json!(7)),
    ];
    assert_eq!(steps, expect);
    // pycodex does not write the summary as an item, nor token counts.
    let steps = rollout_steps(&[
        said("assistant", "First."),
        compacted,
        said("assistant", "Second."),
    ]);
    let nothing = || Value::Null;
    assert_eq!(
        steps,
        [
            turn("turn", &["First."], nothing()),
            turn("compaction", &["SUMMARY"], nothing()),
            turn("turn", &["Second."], nothing()),
        ]
    );
}

#[test]
fn a_remote_compaction_is_the_sealed_item_of_the_new_history() {
    let history = json!([
        { "type": "message", "role": "user", "content": [] },
        { "type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA" },
    ]);
    let compacted = json!({ "type": "compacted", "payload": {
        "message": "", "replacement_history": history,
    } });
    let steps = rollout_steps(&[
        said("assistant", "First."),
        token_record(50),
        event(json!({ "type": "task_started" })),
        token_record(3),
        compacted,
        said("user", "go on"),
        said("assistant", "Second."),
        token_record(7),
    ]);
    assert_eq!(
        steps,
        [
            turn("turn", &["First."], json!(50)),
            turn("compaction", &["gAAA"], json!(3)),
            turn("turn", &["Second."], json!(7)),
        ]
    );
}

fn exchange(seq: u64, thread: &str, response: Value) -> String {
    let body = json!({ "model": "m", "input": [] });
    json!({
        "format": "raw-exchange/1",
        "seq": seq, "conn": seq, "conn_request": 1, "transport": "http",
        "method": "POST", "path": "/v1/responses", "http_version": "HTTP/1.1",
        "request": {
            "headers": [["thread-id", thread], ["content-type", "application/json"]],
            "body_kind": "json-compact", "body": body,
        },
        "response": response,
    })
    .to_string()
}

#[test]
fn a_capture_is_played_thread_by_thread_with_its_endings() {
    let created = json!({ "type": "response.created", "response": { "id": "r" } });
    let stream = |ended: &str| {
        json!({
            "status": 200,
            "headers": [["content-type", "text/event-stream"], ["x-codex-turn-state", "s"], ["transfer-encoding", "chunked"]],
            "events": [{ "at_ms": 1, "event": "response.created", "data": created }],
            "partial_tail": "event: x",
            "ended": ended,
        })
    };
    let lines = [
        exchange(1, "a", stream("closed")),
        exchange(
            2,
            "b",
            json!({ "status": null, "headers": [], "ended": "reset" }),
        ),
        exchange(
            3,
            "a",
            json!({ "status": 500, "headers": [["retry-after", "2"]], "body": { "error": {} }, "ended": "complete" }),
        ),
    ];
    let capture = read_capture_bytes("c.jsonl", lines.join("\n").into_bytes()).unwrap();
    let text = script_from_capture(&capture);
    Script::parse("", &text).unwrap_or_else(|error| panic!("{error}"));
    let script: Value = serde_json::from_str(&text).unwrap();
    let steps = script["step"].as_array().unwrap();
    assert_eq!(steps.len(), 3, "{text}");
    assert_eq!(
        steps[0],
        json!({
            "headers": [["content-type", "text/event-stream"], ["x-codex-turn-state", "s"]],
            "events": [created, { "raw": "event: x" }],
            "fault": { "cut": "end" },
            "when": { "thread": "thread 1" },
        })
    );
    assert_eq!(steps[1]["fault"], json!({ "reset": "before_head" }));
    assert_eq!(steps[1]["when"]["thread"], "thread 2");
    assert_eq!(steps[2]["status"], 500);
    assert_eq!(steps[2]["headers"], json!([["retry-after", "2"]]));
    assert_eq!(steps[2]["body"], "{\"error\":{}}");
}
