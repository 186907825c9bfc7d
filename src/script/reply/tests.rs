use serde_json::Value;

use super::*;
use crate::http::HeaderList;
use crate::script::matcher::{Facts, RequestView};
use crate::script::model::{Beat, Reply};
use crate::script::names::Names;
use crate::script::template::Values;
use crate::script::{Script, StepId};

/// The events of the first step of a script that has this `reply`.
fn events(step: &str) -> Vec<Value> {
    let text = format!("version = 1\n[[step]]\n{step}");
    let script = Script::parse("", &text).unwrap_or_else(|error| panic!("{error}"));
    let Reply::Response(response) = &script.steps[0].reply else {
        panic!("no response: {step}");
    };
    let headers = HeaderList::new();
    let body = crate::json::Value::parse(
        r#"{"model":"gpt-5.5","input":[],"include":["reasoning.encrypted_content"]}"#,
    )
    .unwrap();
    let request = RequestView {
        number: 0,
        method: "POST",
        target: "/v1/responses",
        headers: &headers,
        body: Some(&body),
        now: 0,
    };
    let facts = Facts::new(request);
    let names = Names::new(StepId::Step(0), 1);
    let rendered = render_response(response, None, &facts, &names, &Values::default());
    let events = rendered.beats.iter().filter_map(|beat| match beat {
        Beat::Event(event) => {
            let data: Value = serde_json::from_str(&event.data).unwrap();
            assert_eq!(event.name.as_deref(), data["type"].as_str());
            Some(data)
        }
        _ => None,
    });
    let events: Vec<Value> = events.collect();
    for (number, event) in events.iter().enumerate() {
        // Raw events keep their own numbers and take none.
        if !events
            .iter()
            .any(|event| event["type"] == "response.hologram")
        {
            assert_eq!(event["sequence_number"], number, "{event}");
        }
    }
    events
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| {
            event["type"]
                .as_str()
                .unwrap()
                .trim_start_matches("response.")
        })
        .collect()
}

/// The events of one item, without those of the response around it.
fn item_kinds(reply: &str) -> Vec<String> {
    let events = events(&format!("deltas = 4\nreply = [{reply}]"));
    let kinds = kinds(&events);
    assert_eq!(kinds[..2], ["created", "in_progress"]);
    assert_eq!(kinds[kinds.len() - 1], "completed");
    kinds[2..kinds.len() - 1]
        .iter()
        .map(|kind| (*kind).to_owned())
        .collect()
}

#[test]
fn each_item_has_the_events_of_the_api_in_their_order() {
    let check = |reply: &str, expect: &[&str]| assert_eq!(item_kinds(reply), expect, "{reply}");
    check(
        r#"{ text = "Hello you" }"#,
        &[
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
        ],
    );
    check(
        r#"{ refusal = "No." }"#,
        &[
            "output_item.added",
            "content_part.added",
            "refusal.delta",
            "refusal.done",
            "content_part.done",
            "output_item.done",
        ],
    );
    check(
        r#"{ reasoning = ["a", "b"], raw = "c" }"#,
        &[
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "content_part.added",
            "reasoning_text.delta",
            "reasoning_text.done",
            "content_part.done",
            "output_item.done",
        ],
    );
    check(
        r#"{ call = "f", arguments = { a = 1 } }"#,
        &[
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
        ],
    );
    check(
        r#"{ custom = "apply_patch", input = "abc" }"#,
        &[
            "output_item.added",
            "custom_tool_call_input.delta",
            "custom_tool_call_input.done",
            "output_item.done",
        ],
    );
    check(
        r#"{ web_search = "rust" }"#,
        &[
            "output_item.added",
            "web_search_call.in_progress",
            "web_search_call.searching",
            "web_search_call.completed",
            "output_item.done",
        ],
    );
    check(
        r#"{ image = "aGk=", prompt = "p" }"#,
        &[
            "output_item.added",
            "image_generation_call.in_progress",
            "image_generation_call.generating",
            "image_generation_call.completed",
            "output_item.done",
        ],
    );
    for reply in [
        r#"{ shell = ["ls"] }"#,
        r#"{ tool_search = "agent" }"#,
        r#"{ compaction = "gAAA" }"#,
        "{ additional_tools = [] }",
        r#"{ item = { type = "hologram_call", x = 1 } }"#,
    ] {
        check(reply, &["output_item.added", "output_item.done"]);
    }
    check(
        r#"{ event = { type = "response.hologram" , sequence_number = 2 } }"#,
        &["hologram"],
    );
}

/// The finished item of a reply.
fn item(reply: &str) -> String {
    let events = events(&format!("reply = [{reply}]"));
    let completed = &events[events.len() - 1]["response"]["output"];
    let done = &events[events.len() - 2]["item"];
    assert_eq!(&completed[0], done);
    done.to_string()
}

#[test]
fn items_have_the_members_of_the_api() {
    let check = |reply: &str, expect: &str| assert_eq!(item(reply), expect, "{reply}");
    check(
        r#"{ text = "Hi", phase = "final_answer" }"#,
        r#"{"type":"message","id":"msg_0001_1","role":"assistant","status":"completed","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Hi"}],"phase":"final_answer"}"#,
    );
    check(
        r#"{ call = "spawn_agent", namespace = "multi_agent_v1", arguments = "not json", item_id = "fc_9" }"#,
        r#"{"type":"function_call","id":"fc_9","status":"completed","arguments":"not json","name":"spawn_agent","namespace":"multi_agent_v1","call_id":"call_0001_1"}"#,
    );
    check(
        r#"{ custom = "exec", input = "x", id = "call_7" }"#,
        r#"{"type":"custom_tool_call","id":"ctc_0001_1","status":"completed","call_id":"call_7","input":"x","name":"exec"}"#,
    );
    check(
        r#"{ shell = "ls -l", timeout_ms = 5, id = "c" }"#,
        r#"{"type":"local_shell_call","id":"lsh_0001_1","call_id":"c","status":"completed","action":{"type":"exec","command":["bash","-lc","ls -l"],"timeout_ms":5,"working_directory":null,"env":{},"user":null}}"#,
    );
    check(
        r#"{ tool_search = { query = "spawn", limit = 6 }, id = "c" }"#,
        r#"{"type":"tool_search_call","id":"tsc_0001_1","call_id":"c","status":"completed","execution":"client","arguments":{"query":"spawn","limit":6}}"#,
    );
    check(
        r#"{ web_search = "fake" }"#,
        r#"{"type":"web_search_call","id":"ws_0001_1","status":"completed","action":{"type":"search","query":"fake","queries":["fake"]}}"#,
    );
    check(
        r#"{ reasoning = "Why", encrypted = "gAAA" }"#,
        r#"{"type":"reasoning","id":"rs_0001_1","summary":[{"type":"summary_text","text":"Why"}],"encrypted_content":"gAAA"}"#,
    );
    check(
        r#"{ reasoning = [], encrypted = false }"#,
        r#"{"type":"reasoning","id":"rs_0001_1","summary":[],"encrypted_content":null}"#,
    );
    let sealed = item(r#"{ reasoning = "Why" }"#);
    assert!(
        sealed.contains(r#""encrypted_content":"gAAAAAB"#),
        "{sealed}"
    );
}

#[test]
fn an_item_begins_empty_and_its_deltas_make_it_whole() {
    let events = events(
        r#"deltas = "characters"
reply = [{ text = "né🙂" }, { call = "f", arguments = { k = "v" }, id = "call_1" }]"#,
    );
    let added: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "response.output_item.added")
        .collect();
    assert_eq!(added[0]["item"]["status"], "in_progress");
    assert_eq!(added[0]["item"]["content"], serde_json::json!([]));
    assert_eq!(added[1]["item"]["arguments"], "");
    assert_eq!(
        (&added[0]["output_index"], &added[1]["output_index"]),
        (&0.into(), &1.into())
    );
    let deltas = |kind: &str| -> String {
        let deltas = events.iter().filter(|event| event["type"] == kind);
        deltas
            .map(|event| event["delta"].as_str().unwrap())
            .collect()
    };
    assert_eq!(deltas("response.output_text.delta"), "né🙂");
    assert_eq!(
        deltas("response.function_call_arguments.delta"),
        r#"{"k":"v"}"#
    );
    assert_eq!(
        kinds(&events)
            .iter()
            .filter(|kind| **kind == "output_text.delta")
            .count(),
        3
    );
}

#[test]
fn the_response_says_what_the_step_says() {
    let events = events(
        r#"reply = "x"
id = "resp_mine"
end_turn = false
usage = { input = 10, cached = 4, output = 3, reasoning = 1 }
response = { service_tier = "priority" }"#,
    );
    let begun = &events[0]["response"];
    assert_eq!(begun["status"], "in_progress");
    assert_eq!(begun["model"], "gpt-5.5");
    assert_eq!(begun["usage"], Value::Null);
    let done = &events[events.len() - 1]["response"];
    assert_eq!(done["id"], "resp_mine");
    assert_eq!(done["end_turn"], false);
    assert_eq!(done["service_tier"], "priority");
    assert_eq!(
        done["usage"].to_string(),
        r#"{"input_tokens":10,"input_tokens_details":{"cached_tokens":4},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":13}"#
    );
}
