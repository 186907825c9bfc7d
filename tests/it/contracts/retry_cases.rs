//! Retries that an agent should not have made, should have made, or should have made otherwise.

use serde_json::{Value, json};

use super::cases::{Case, SHELL, events, position};

pub(crate) const CODEX_500: &str = "codex-0.137.0-08-http-500-then-ok";
pub(crate) const CUT_OLD: &str = "codex-0.115.0-10b-stream-cut-after-item-done";

pub(crate) fn shift(record: &mut Value, by: f64) {
    let started = record["started_ms"].as_f64().unwrap();
    record["started_ms"] = json!(started + by);
}

pub(crate) fn fail_with(record: &mut Value, status: u16, code: &str) {
    record["response"]["status"] = json!(status);
    record["response"]["body"] = json!({"error": {"message": "no", "code": code}});
}

/// Repeats the failure until there are this many attempts in front of the last one, each after its delay.
pub(crate) fn repeat(records: &mut Vec<Value>, attempts: usize) {
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

pub(super) const CASES: &[Case] = &[
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
            let mut item = events(&mut records[0])[at]["data"]["item"].clone();
            item.as_object_mut().unwrap().shift_remove("id");
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
    Case {
        name: "the server asks for two seconds",
        fixture: CODEX_500,
        change: |records| {
            let created = events(&mut records[1])[0].clone();
            let error =
                json!({"code": "rate_limit_exceeded", "message": "Please try again in 2s."});
            let response = json!({"id": created["data"]["response"]["id"], "error": error});
            let data = json!({"type": "response.failed", "response": response});
            let failed =
                json!({"at_ms": created["at_ms"], "event": "response.failed", "data": data});
            let response = &mut records[0]["response"];
            response["status"] = json!(200);
            response["headers"] = json!([["content-type", "text/event-stream"]]);
            response.as_object_mut().unwrap().shift_remove("body");
            response["events"] = json!([created, failed]);
        },
        rules: &["retry-too-soon"],
        exchange: 1,
        pointer: "",
    },
    Case {
        name: "the second turn tries less often than the first",
        fixture: CODEX_500,
        change: |records| {
            repeat(records, 3);
            records.truncate(3);
            let metadata = records[0]["request"]["headers"].to_string();
            let (_, turn) = metadata.split_once("turn_id\\\":\\\"").unwrap();
            let turn = turn.split('\\').next().unwrap().to_owned();
            for at in 0..2 {
                let text = records[at].to_string().replace(&turn, "another-turn");
                let mut again: Value = serde_json::from_str(&text).unwrap();
                again["seq"] = json!(at + 4);
                for time in ["/started_ms", "/response/ended_ms"] {
                    let time = again.pointer_mut(time).unwrap();
                    *time = json!(time.as_f64().unwrap() + 5000.0);
                }
                records.push(again);
            }
        },
        rules: &["retry-gave-up-early"],
        exchange: 4,
        pointer: "",
    },
    Case {
        name: "an unknown client tries without end",
        fixture: CODEX_500,
        change: |records| {
            for record in records.iter_mut() {
                let headers = record["request"]["headers"].as_array_mut().unwrap();
                headers.retain(|header| header[0] != "x-codex-turn-metadata");
                let body = record["request"]["body"].as_object_mut().unwrap();
                body.shift_remove("client_metadata");
            }
            let failed = records[0].clone();
            for number in 1..31 {
                let mut again = failed.clone();
                for time in ["/started_ms", "/response/ended_ms"] {
                    let time = again.pointer_mut(time).unwrap();
                    *time = json!(time.as_f64().unwrap() + f64::from(number) * 5.0);
                }
                records.insert(records.len() - 1, again);
            }
        },
        rules: &["retry-storm"],
        exchange: 30,
        pointer: "",
    },
    Case {
        name: "a call with bad arguments is the end of the thread",
        fixture: SHELL,
        change: |records| {
            records.truncate(1);
            let at = position(&mut records[0], "response.output_item.done");
            events(&mut records[0])[at]["data"]["item"]["arguments"] = json!("{\"cmd\": ");
        },
        rules: &[
            "call-unanswered",
            "stream-delta-sum",
            "stream-output-differs",
        ],
        exchange: 0,
        pointer: "/response/events/",
    },
];
