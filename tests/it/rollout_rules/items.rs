//! Which items are sent, and how.

use serde_json::{Value, json};

use super::writer::{ALL, Writer, call, message, output};

#[test]
fn missing_outputs_are_made_up_and_orphans_left_out() {
    let custom = json!({"type": "custom_tool_call", "call_id": "d", "name": "p", "input": "x", "status": "completed"});
    let search =
        json!({"type": "tool_search_call", "call_id": "t", "execution": "client", "arguments": {}});
    let found = |id: &str, by: &str| json!({"type": "tool_search_output", "call_id": id, "status": "completed", "execution": by, "tools": []});
    let mut file = Writer::new();
    file.turn("one", &[call("a"), output("z", "orphan"), custom, search]);
    file.turn("two", &[found("u", "client"), found("v", "server")]);
    file.check(
        &ALL,
        &[
            "user: one",
            "function_call a",
            "function_call_output a aborted",
            "custom_tool_call d",
            "custom_tool_call_output d aborted",
            "tool_search_call t",
            "tool_search_output t",
            "assistant: to one",
            "user: two",
            "tool_search_output v",
            "assistant: to two",
        ],
    );
}

#[test]
fn repeated_and_early_outputs_stay() {
    let mut file = Writer::new();
    file.turn(
        "one",
        &[call("a"), output("a", "first"), output("a", "second")],
    );
    file.turn("two", &[output("b", "early"), call("b")]);
    file.turn(
        "three",
        &[call("c"), message("user", "between"), output("c", "late")],
    );
    file.check(
        &ALL,
        &[
            "user: one",
            "function_call a",
            "function_call_output a first",
            "function_call_output a second",
            "assistant: to one",
            "user: two",
            "function_call_output b early",
            "function_call b",
            "assistant: to two",
            "user: three",
            "function_call c",
            "user: between",
            "function_call_output c late",
            "assistant: to three",
        ],
    );
}

#[test]
fn ids_of_made_up_outputs_come_from_their_calls() {
    let mut with_id = call("g");
    with_id["id"] = json!("fc_77");
    let mut file = Writer::new();
    file.turn("one", &[with_id]);
    let text = |version: &str| file.predict(version).items[2].text.clone();
    assert_eq!(
        text("0.169.0"),
        r#"{"type":"function_call_output","id":"fco_eef181a8-8781-5f60-b844-6eea92ddd193","call_id":"g","output":"aborted"}"#
    );
    assert_eq!(
        text("0.137.0"),
        r#"{"type":"function_call_output","call_id":"g","output":"aborted"}"#
    );
}

#[test]
fn what_no_version_sends() {
    let snapshot = json!({"type": "ghost_snapshot", "ghost_commit": {"id": "x"}});
    let mut file = Writer::new();
    file.turn(
        "one",
        &[
            json!({"type": "brand_new"}),
            message("system", "x"),
            snapshot,
        ],
    );
    file.check(&ALL, &["user: one", "assistant: to one"]);
}

#[test]
fn long_outputs_are_cut_when_they_are_read() {
    let settings = |limit: u32| json!({"turn_id": "1", "truncation_policy": {"mode": "tokens", "limit": limit}});
    let mut file = Writer::new();
    let parts = json!({"type": "function_call_output", "call_id": "b", "output": [
        {"type": "input_text", "text": "x".repeat(36)}, {"type": "input_text", "text": "y".repeat(100)},
        {"type": "input_text", "text": "more"}]});
    file.add("turn_context", settings(10));
    file.turn(
        "one",
        &[call("a"), output("a", &"z".repeat(49)), call("b"), parts],
    );
    let prediction = file.predict("0.137.0");
    let output = |at: usize| {
        serde_json::from_str::<Value>(&prediction.items[at].text).unwrap()["output"].clone()
    };
    assert_eq!(
        output(2),
        format!("{0}…1 tokens truncated…{0}", "z".repeat(24))
    );
    let start = "x".repeat(36);
    assert_eq!(
        output(4),
        json!([{"type": "input_text", "text": start}, {"type": "input_text", "text": "yyyyyy…22 tokens truncated…yyyyyy"},
            {"type": "input_text", "text": "[omitted 1 text items ...]"}])
    );
    assert!(prediction.texts[2].is_cut);
}

#[test]
fn an_element_of_an_unknown_type_is_sent_empty() {
    let kept = json!({"message": "S", "replacement_history": [{"type": "brand_new"}, {"type": "ghost_snapshot"}, message("user", "R")]});
    let mut file = Writer::new();
    file.turn("one", &[]).add("compacted", kept);
    file.check(&ALL, &["other", "user: R"]);
}

#[test]
fn instructions_are_an_item_of_the_newest() {
    let mut file = Writer::new();
    file.turn("one", &[]);
    assert_eq!(
        file.predict("0.169.0").instructions.as_deref(),
        Some("Be good.")
    );
    assert_eq!(file.predict("0.153.4").instructions, None);
    file.item(json!({"type": "additional_tools", "role": "developer", "tools": []}));
    assert_eq!(file.predict("0.169.0").instructions, None);
}
