use super::*;

/// Checks a record of this type and payload; expects why it is passed over, or nothing.
fn check_payload(name: &str, payload: &str, expect: &str) {
    let text = format!(r#"{{"timestamp":"t","type":"{name}","payload":{payload}}}"#);
    check_text(&text, expect);
}

fn check_text(text: &str, expect: &str) {
    let found = read(text).err().map(|skip| skip.to_string());
    assert_eq!(found.unwrap_or_default(), expect, "{text}");
}

fn check_item(payload: &str, expect: &str) {
    check_payload("response_item", payload, expect);
}

#[test]
fn items_have_their_fields() {
    check_item(
        r#"{"type":"message","role":"x","content":[{"type":"input_text","text":"a","b":1}]}"#,
        "",
    );
    check_item(
        r#"{"type":"message","role":"user","content":"x"}"#,
        "payload.content is no array",
    );
    check_item(
        r#"{"type":"message","role":"user","content":[{"type":"video"}]}"#,
        "payload.content[0].type is \"video\", which is unknown",
    );
    check_item(
        r#"{"type":"message","role":"user","content":[],"phase":"x"}"#,
        "payload.phase is no known word",
    );
    check_item(
        r#"{"type":"message","role":"user","content":[],"id":7}"#,
        "payload.id is no string",
    );
    check_item(r#"{"type":"brand_new","call_id":7}"#, "");
    check_item(r#"{"call_id":"x"}"#, "payload.type is missing");
    check_item(
        r#"{"type":"function_call","name":"f","arguments":{},"call_id":"c"}"#,
        "payload.arguments is no string",
    );
    check_item(
        r#"{"type":"function_call_output","call_id":"c","output":{"content":"x"}}"#,
        "payload.output is no array",
    );
    check_item(
        r#"{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"x"}]}"#,
        "",
    );
    check_item(
        r#"{"type":"reasoning","summary":[],"encrypted_content":null}"#,
        "",
    );
    check_item(
        r#"{"type":"message","role":"user","content":[],"internal_chat_message_metadata_passthrough":"x"}"#,
        "payload.internal_chat_message_metadata_passthrough is no object",
    );
}

#[test]
fn a_compaction_is_whole_or_not_there() {
    let check = |payload, expect| check_payload("compacted", payload, expect);
    check(r#"{"message":"s"}"#, "");
    check(
        r#"{"replacement_history":[]}"#,
        "payload.message is missing",
    );
    check(
        r#"{"message":"","replacement_history":[{"type":"odd"}],"window_id":3}"#,
        "",
    );
    check(
        r#"{"message":"","replacement_history":[{"type":"message","role":"user","content":""}]}"#,
        "payload.replacement_history[0].content is no array",
    );
    check(
        r#"{"message":"","replacement_history":[{"type":"odd"}],"replacement_history_metadata":[]}"#,
        "payload.replacement_history_metadata is not as long as replacement_history",
    );
    check(
        r#"{"message":"","replacement_history_metadata":null,"window_number":"2"}"#,
        "payload.window_number is no unsigned number",
    );
}

#[test]
fn envelopes_have_their_fields() {
    check_text("7", "it is no object");
    check_text("{}", "it has no type and payload");
    check_text(
        r#"{"timestamp":7,"type":"world_state","payload":{}}"#,
        "timestamp is no string",
    );
    check_text(
        r#"{"type":"world_state","payload":{}}"#,
        "timestamp is missing",
    );
    check_text(
        r#"{"timestamp":"t","ordinal":-1,"type":"world_state","payload":{}}"#,
        "ordinal is no unsigned number",
    );
    check_text(
        r#"{"timestamp":"t","ordinal":null,"type":"world_state","payload":{}}"#,
        "",
    );
    check_payload("brand_new", "{}", "its type \"brand_new\" is not known");
    check_payload("world_state", "[]", "payload is no object");
    check_payload(
        "event_msg",
        r#"{"type":"thread_rolled_back","num_turns":"1"}"#,
        "payload.num_turns is no unsigned number",
    );
    check_text(
        r#"{"timestamp":"t","type":"response_item","payload":{"type":"odd"},"metadata":"x"}"#,
        "metadata is no object",
    );
}

#[test]
fn json_is_as_strict_as_for_codex() {
    check_payload(
        "event_msg",
        r#"{"type":"x","text":"\ud800"}"#,
        "it has half of a surrogate pair as an escape",
    );
    check_payload("event_msg", r#"{"type":"x","text":"\ud83d\ude00"}"#, "");
    let nested = |depth: usize| {
        format!(
            r#"{{"type":"x","a":{}{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    check_payload("event_msg", &nested(125), "");
    check_payload(
        "event_msg",
        &nested(126),
        "it is nested more than 127 levels deep",
    );
    // The last of repeated keys counts.
    check_text(
        r#"{"timestamp":7,"type":"x","payload":{},"type":"world_state","timestamp":"t"}"#,
        "",
    );
}
