//! Responses over a WebSocket that are broken, and retries over it and behind it.

use serde_json::{Value, json};

use super::cases::Case;

const TWO_TURNS: &str = "codex-0.137.0-25e-websocket-two-turns";
const NEWEST: &str = "codex-0.169.0-25e-websocket-two-turns";

/// The exchange of the second turn: behind the handshake, the warm-up and the first turn.
const SECOND: usize = 3;

fn frames(records: &mut [Value]) -> &mut Vec<Value> {
    records[0]["response"]["frames"].as_array_mut().unwrap()
}

/// Position of the last frame of a type.
fn last(records: &mut [Value], kind: &str) -> usize {
    let found = frames(records)
        .iter()
        .rposition(|frame| frame["data"]["type"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}"))
}

/// The frames of the second turn.
fn second_turn(records: &mut [Value]) -> Vec<Value> {
    let from = last(records, "response.create");
    frames(records)[from..].to_vec()
}

/// Ends the second turn behind its first event.
fn cut_second_turn(records: &mut [Value]) -> f64 {
    let from = last(records, "response.create");
    frames(records).truncate(from + 2);
    frames(records)[from + 1]["at_ms"].as_f64().unwrap()
}

/// Lets the second turn fail, and asks again 210 ms later.
fn fail_and_retry(records: &mut [Value], code: &str) {
    let mut again = second_turn(records);
    let at = cut_second_turn(records);
    let error = json!({"code": code, "message": "no"});
    let id = &again[1]["data"]["response"]["id"];
    let response = json!({"id": id, "status": "failed", "error": error});
    let data = json!({"type": "response.failed", "sequence_number": 1, "response": response});
    let all = frames(records);
    all.push(json!({"dir": "s2c", "at_ms": at, "opcode": "text", "data_kind": "json-compact", "data": data}));
    for frame in &mut again {
        let after = frame["at_ms"].as_f64().unwrap() + 210.0;
        frame["at_ms"] = json!(after);
    }
    all.extend(again);
}

/// Breaks the connection in the second turn, and lets the agent ask again over HTTP with the whole input.
fn fall_back(records: &mut Vec<Value>) {
    let creates: Vec<Value> = frames(records)
        .iter()
        .filter(|frame| frame["data"]["type"] == "response.create")
        .map(|frame| frame["data"].clone())
        .collect();
    let answer = frames(records)
        .iter()
        .find(|frame| frame["data"]["type"] == "response.output_item.done")
        .map(|frame| frame["data"]["item"].clone())
        .unwrap();
    let input = |create: &Value| create["input"].as_array().unwrap().clone();
    let mut answer = answer;
    answer.as_object_mut().unwrap().shift_remove("id");
    let mut body = creates[2].clone();
    body["input"] = [input(&creates[1]), vec![answer], input(&creates[2])]
        .concat()
        .into();
    let members = body.as_object_mut().unwrap();
    members.shift_remove("previous_response_id");
    members.shift_remove("type");
    let metadata = members["client_metadata"].as_object_mut().unwrap();
    metadata.retain(|key, _| !key.starts_with("x-codex-ws-"));
    let answer = second_turn(records);
    let at = cut_second_turn(records);
    records[0]["response"]["ended"] = json!("closed");
    records[0]["response"]["ended_ms"] = json!(at);
    let mut headers = records[0]["request"]["headers"].as_array().unwrap().clone();
    headers.retain(|header| {
        let name = header[0].as_str().unwrap().to_lowercase();
        !name.contains("websocket") && name != "upgrade" && name != "connection"
    });
    let events: Vec<Value> = answer[1..]
        .iter()
        .map(|frame| json!({"at_ms": at + 220.0, "event": frame["data"]["type"], "data": frame["data"]}))
        .collect();
    records.push(json!({
        "format": "raw-exchange/1", "seq": 2, "conn": 2, "conn_request": 1, "transport": "http",
        "started_ms": at + 210.0, "request_done_ms": at + 210.0, "method": "POST", "path": "/v1/responses",
        "request": {"headers": headers, "body_kind": "json-compact", "body": body},
        "response": {"status": 200, "headers": [], "events": events, "ended": "complete", "ended_ms": at + 220.0},
    }));
}

pub(super) const CASES: &[Case] = &[
    Case {
        name: "output_item.done is left out",
        fixture: TWO_TURNS,
        change: |records| {
            let at = last(records, "response.output_item.done");
            frames(records).remove(at);
        },
        rules: &["stream-item-unfinished", "stream-output-differs"],
        exchange: SECOND,
        pointer: "/response/events/",
    },
    Case {
        name: "the terminal event is sent twice",
        fixture: TWO_TURNS,
        change: |records| {
            let end = frames(records).last().unwrap().clone();
            frames(records).push(end);
        },
        rules: &["stream-end-doubled"],
        exchange: SECOND,
        pointer: "/response/events/",
    },
    Case {
        name: "usage is left out",
        fixture: TWO_TURNS,
        change: |records| {
            let at = last(records, "response.completed");
            let response = &mut frames(records)[at]["data"]["response"];
            response.as_object_mut().unwrap().shift_remove("usage");
        },
        rules: &["stream-usage-missing"],
        exchange: SECOND,
        pointer: "/response/events/",
    },
    Case {
        name: "a fatal failure is tried again",
        fixture: TWO_TURNS,
        change: |records| fail_and_retry(records, "insufficient_quota"),
        rules: &["retry-of-fatal"],
        exchange: SECOND + 1,
        pointer: "",
    },
    Case {
        name: "a message is sent again with another tool",
        fixture: TWO_TURNS,
        change: |records| {
            fail_and_retry(records, "server_error");
            let at = last(records, "response.create");
            frames(records)[at]["data"]["tools"][0]["name"] = json!("other");
        },
        rules: &["retry-body-changed", "tools-changed"],
        exchange: SECOND + 1,
        pointer: "/request/body/tools/0/name",
    },
    Case {
        name: "the request over HTTP behind a broken connection has other words",
        fixture: TWO_TURNS,
        change: |records| {
            fall_back(records);
            let input = &mut records[1]["request"]["body"]["input"];
            let words = input.as_array_mut().unwrap().last_mut().unwrap();
            words["content"][0]["text"] = json!("Something else.");
        },
        rules: &[
            "retry-body-changed",
            "history-rewritten",
            "prompt-cache-broken",
        ],
        exchange: SECOND + 1,
        pointer: "/request/body/input/",
    },
    Case {
        name: "the request over HTTP behind a broken connection has previous_response_id",
        fixture: TWO_TURNS,
        change: |records| {
            fall_back(records);
            records[1]["request"]["body"]["client_metadata"]["x-codex-ws-stream-request-start-ms"] =
                json!("1795227047708");
        },
        rules: &["retry-websocket-leftover"],
        exchange: SECOND + 1,
        pointer: "/request/body/client_metadata/x-codex-ws-stream-request-start-ms",
    },
    Case {
        name: "another handshake behind HTTP 426",
        fixture: NEWEST,
        change: |records| {
            let mut refused = records[0].clone();
            refused["transport"] = json!("http");
            refused["request"]["body_kind"] = json!("empty");
            refused["response"] = json!({"status": 426, "headers": [], "ended": "complete"});
            records.insert(0, refused);
        },
        rules: &["retry-fallback"],
        exchange: 1,
        pointer: "",
    },
    Case {
        name: "the next attempt goes on from a response that the server does not have",
        fixture: NEWEST,
        change: |records| {
            let asked = last(records, "response.create");
            let mut again = frames(records)[asked].clone();
            let mut told = frames(records)[asked + 1].clone();
            let error = json!({"code": "previous_response_not_found"});
            told["data"] = json!({"type": "error", "status": 400, "error": error});
            again["at_ms"] = json!(told["at_ms"].as_f64().unwrap() + 250.0);
            frames(records).truncate(asked + 1);
            frames(records).extend([told, again]);
        },
        rules: &["retry-stale-response"],
        exchange: SECOND + 1,
        pointer: "/request/body/previous_response_id",
    },
];

/// What a correct agent does behind a failure over a WebSocket is no violation, and the attempts are of one step.
#[test]
fn attempts_over_two_transports_are_of_one_step() {
    use super::cases::{bytes, records, shown, violations};
    let told = |change: fn(&mut Vec<Value>)| {
        let mut records = records(TWO_TURNS);
        change(&mut records);
        let found = violations(TWO_TURNS, bytes(&records));
        found.iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(told(fall_back), [""; 0]);
    assert_eq!(
        told(|records| fail_and_retry(records, "server_error")),
        [""; 0]
    );
    let changed = told(|records| {
        fall_back(records);
        records[1]["request"]["body"]["tools"][0]["name"] = json!("other");
    });
    assert!(
        changed.iter().any(|one| one.contains("turn 2, attempt 2")),
        "{changed:?}"
    );
}
