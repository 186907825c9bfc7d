//! Whether Codex reads a line of a rollout as a record: its field types, as measured on 0.169.0.

use std::fmt;

use serde_json::Value;

use super::order::is_uuid;
use super::shape::{Field, Shape, Variant, check, may, must};

/// Why Codex passes over a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skip {
    /// Something else stands on its line: another record or damaged bytes.
    SharedLine,
    /// It goes over several lines.
    SeveralLines,
    /// It is no JSON for Codex: nested more than 127 levels deep, or with an unpaired surrogate.
    Json(String),
    /// It is no object, or has no `type` and `payload`.
    NoEnvelope(String),
    /// Its `type`, or that of its payload, is not known to Codex.
    UnknownType(String),
    /// A field is missing or of another type than Codex expects.
    Field(String),
}

impl Skip {
    /// The stable kebab-case name used in output.
    pub fn name(&self) -> &'static str {
        match self {
            Skip::SharedLine => "shared-line",
            Skip::SeveralLines => "several-lines",
            Skip::Json(_) => "json",
            Skip::NoEnvelope(_) => "no-envelope",
            Skip::UnknownType(_) => "unknown-type",
            Skip::Field(_) => "field",
        }
    }
}

impl fmt::Display for Skip {
    /// Writes the end of a sentence that begins with the record.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Skip::SharedLine => f.write_str("something else stands on its line"),
            Skip::SeveralLines => f.write_str("it goes over several lines"),
            Skip::Json(what) | Skip::NoEnvelope(what) | Skip::Field(what) => f.write_str(what),
            Skip::UnknownType(name) => write!(f, "its type {name:?} is not known"),
        }
    }
}

/// What Codex reads of a record that it takes.
pub(super) struct Taken {
    /// Whether it is a `session_meta`, whose `history_mode` may be unknown.
    pub(super) meta: Option<Meta>,
    /// Whether it has an ordinal.
    pub(super) has_ordinal: bool,
}

/// What decides whether Codex opens a file.
pub(super) struct Meta {
    /// The `history_mode` that Codex does not know, as JSON.
    pub(super) unknown_mode: Option<String>,
    pub(super) is_paginated: bool,
}

const ID: Field = may("id", Shape::Text);
const CALL_ID: Field = must("call_id", Shape::Text);
const TEXT: &[Field] = &[must("text", Shape::Text)];
const IMAGE: &[Field] = &[must("image_url", Shape::Text), may("detail", Shape::Text)];
const SEALED: &[Field] = &[must("encrypted_content", Shape::Text)];

const CONTENT: Shape = Shape::Array(&Shape::Tagged(&[
    ("input_text", TEXT),
    ("output_text", TEXT),
    ("input_image", IMAGE),
    ("input_audio", &[must("audio_url", Shape::Text)]),
]));
const OUTPUT: Shape = Shape::Either(
    &Shape::Text,
    &Shape::Array(&Shape::Tagged(&[
        ("input_text", TEXT),
        ("input_image", IMAGE),
        ("input_audio", &[must("audio_url", Shape::Text)]),
        ("encrypted_content", SEALED),
    ])),
);
const PHASE: Shape = Shape::Word(&["commentary", "final_answer"]);
const SUMMARY: Shape = Shape::Array(&Shape::Tagged(&[("summary_text", TEXT)]));
const THOUGHT: Shape = Shape::Array(&Shape::Tagged(&[("reasoning_text", TEXT), ("text", TEXT)]));
const AGENT_CONTENT: Shape = Shape::Array(&Shape::Tagged(&[
    ("input_text", TEXT),
    ("encrypted_content", SEALED),
]));
const LOCAL_ACTION: Shape = Shape::Tagged(&[(
    "exec",
    &[
        must("command", Shape::Array(&Shape::Text)),
        may("timeout_ms", Shape::Unsigned),
    ],
)]);

/// Items of the history; every other type is read as `other`, whose content is lost.
const ITEMS: &[Variant] = &[
    (
        "message",
        &[
            ID,
            must("role", Shape::Text),
            must("content", CONTENT),
            may("phase", PHASE),
        ],
    ),
    (
        "reasoning",
        &[
            ID,
            must("summary", SUMMARY),
            may("content", THOUGHT),
            may("encrypted_content", Shape::Text),
        ],
    ),
    (
        "function_call",
        &[
            ID,
            must("name", Shape::Text),
            must("arguments", Shape::Text),
            CALL_ID,
        ],
    ),
    (
        "function_call_output",
        &[ID, CALL_ID, must("output", OUTPUT)],
    ),
    (
        "custom_tool_call",
        &[
            ID,
            CALL_ID,
            must("name", Shape::Text),
            must("input", Shape::Text),
        ],
    ),
    (
        "custom_tool_call_output",
        &[ID, CALL_ID, must("output", OUTPUT)],
    ),
    (
        "local_shell_call",
        &[
            ID,
            may("call_id", Shape::Text),
            must("status", Shape::Text),
            must("action", LOCAL_ACTION),
        ],
    ),
    (
        "tool_search_call",
        &[
            ID,
            may("call_id", Shape::Text),
            must("execution", Shape::Text),
            must("arguments", Shape::Any),
        ],
    ),
    (
        "tool_search_output",
        &[
            ID,
            may("call_id", Shape::Text),
            must("status", Shape::Text),
            must("execution", Shape::Text),
            must("tools", Shape::Array(&Shape::Any)),
        ],
    ),
    ("web_search_call", &[ID, may("status", Shape::Text)]),
    (
        "image_generation_call",
        &[ID, must("status", Shape::Text), must("result", Shape::Text)],
    ),
    ("compaction", SEALED),
    ("compaction_summary", SEALED),
    (
        "context_compaction",
        &[may("encrypted_content", Shape::Text)],
    ),
    (
        "agent_message",
        &[
            ID,
            must("author", Shape::Text),
            must("recipient", Shape::Text),
            must("content", AGENT_CONTENT),
        ],
    ),
    (
        "additional_tools",
        &[ID, must("tools", Shape::Array(&Shape::Any))],
    ),
];

const PASSTHROUGH: Shape = Shape::Object(&[may(
    "internal_chat_message_metadata_passthrough",
    Shape::Object(&[]),
)]);

const METADATA: Shape = Shape::Object(&[
    may("history_sequence", Shape::Unsigned),
    may("sampled_through_sequence", Shape::Unsigned),
    may("client_authored", Shape::Bool),
    may("user_input_order", Shape::Unsigned),
    may("retained_source", Shape::Object(&[])),
    may("fallback_token_limit_override", Shape::Unsigned),
]);

const ENVELOPE: Shape = Shape::Object(&[
    must("timestamp", Shape::Text),
    may("ordinal", Shape::Unsigned),
]);

const SESSION_META: Shape = Shape::Object(&[
    must("id", Shape::Text),
    must("timestamp", Shape::Text),
    must("cwd", Shape::Text),
    must("originator", Shape::Text),
    must("cli_version", Shape::Text),
    may("history_base", HISTORY_BASE),
]);

const HISTORY_BASE: Shape = Shape::Object(&[
    must("thread_id", Shape::Text),
    must("end_ordinal_exclusive", Shape::Unsigned),
    must("end_byte_offset", Shape::Unsigned),
]);

const COMPACTED: Shape = Shape::Object(&[
    must("message", Shape::Text),
    may("replacement_history", Shape::Array(&Shape::Object(&[]))),
    may("replacement_history_metadata", Shape::Array(&Shape::Any)),
    may("window_number", Shape::Unsigned),
    may("window_id", Shape::Either(&Shape::Text, &Shape::Unsigned)),
    may("retained_context", Shape::Object(&[])),
]);

const EVENT: Shape = Shape::Object(&[must("type", Shape::Text)]);
const BOUND: Shape = Shape::Object(&[must("turn_id", Shape::Text)]);
const ROLLED_BACK: Shape = Shape::Object(&[must("num_turns", Shape::Unsigned)]);

/// Reads the text of one record as Codex does.
///
/// # Errors
///
/// Why Codex passes over the record.
pub(super) fn read(text: &str) -> Result<Taken, Skip> {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => return Err(Skip::Json(json_reason(&error))),
    };
    let field = |what: String| Skip::Field(what.trim_start().to_owned());
    let Some(record) = value.as_object() else {
        return Err(Skip::NoEnvelope("it is no object".to_owned()));
    };
    let (Some(Value::String(name)), Some(payload)) = (record.get("type"), record.get("payload"))
    else {
        return Err(Skip::NoEnvelope("it has no type and payload".to_owned()));
    };
    check(&value, ENVELOPE).map_err(field)?;
    let in_payload = |error: String| field(format!("payload{}{error}", joint(&error)));
    let mut meta = None;
    match name.as_str() {
        "session_meta" => meta = Some(read_meta(payload).map_err(in_payload)?),
        "response_item" => {
            read_item(payload).map_err(in_payload)?;
            let metadata = record.get("metadata").filter(|value| !value.is_null());
            metadata
                .map_or(Ok(()), |value| check(value, METADATA))
                .map_err(|error| field(format!("metadata{}{error}", joint(&error))))?;
        }
        "compacted" => read_compacted(payload).map_err(in_payload)?,
        "event_msg" => read_event(payload).map_err(in_payload)?,
        "dynamic_tools_updated"
        | "inter_agent_communication"
        | "inter_agent_communication_metadata"
        | "turn_context"
        | "token_usage_record"
        | "world_state"
        | "security_risk_score"
        | "realtime_item" => check(payload, Shape::Object(&[])).map_err(in_payload)?,
        other => return Err(Skip::UnknownType(other.to_owned())),
    }
    Ok(Taken {
        meta,
        has_ordinal: record.get("ordinal").is_some_and(Value::is_u64),
    })
}

fn joint(inner: &str) -> &'static str {
    if inner.starts_with([' ', '[']) {
        ""
    } else {
        "."
    }
}

/// What is wrong with a text that our reader takes for JSON, in few words.
fn json_reason(error: &serde_json::Error) -> String {
    let words = error.to_string();
    if words.starts_with("recursion limit") {
        return "it is nested more than 127 levels deep".to_owned();
    }
    if words.contains("surrogate") || words.contains("end of hex escape") {
        return "it has half of a surrogate pair as an escape".to_owned();
    }
    let end = words.find(" at line").unwrap_or(words.len());
    format!("it is no JSON for Codex: {}", &words[..end])
}

fn read_meta(payload: &Value) -> Result<Meta, String> {
    check(payload, SESSION_META)?;
    if !payload["id"].as_str().is_some_and(is_uuid) {
        return Err("id is no UUID".to_owned());
    }
    let mode = payload.get("history_mode");
    let word = mode.map_or(Some("legacy"), Value::as_str);
    Ok(Meta {
        unknown_mode: match word {
            Some("legacy" | "paginated") => None,
            _ => mode.map(Value::to_string),
        },
        is_paginated: word == Some("paginated"),
    })
}

fn read_item(payload: &Value) -> Result<(), String> {
    check(payload, PASSTHROUGH)?;
    let Some(name) = payload.get("type").and_then(Value::as_str) else {
        return Err("type is missing".to_owned());
    };
    if ITEMS.iter().any(|(known, _)| *known == name) {
        return check(payload, Shape::Tagged(ITEMS));
    }
    Ok(())
}

fn read_compacted(payload: &Value) -> Result<(), String> {
    check(payload, COMPACTED)?;
    let list = |key| payload.get(key).and_then(Value::as_array);
    let items = list("replacement_history");
    for (at, item) in items.into_iter().flatten().enumerate() {
        read_item(item)
            .map_err(|error| format!("replacement_history[{at}]{}{error}", joint(&error)))?;
    }
    match list("replacement_history_metadata") {
        Some(metadata) if metadata.len() != items.map_or(0, Vec::len) => {
            Err("replacement_history_metadata is not as long as replacement_history".to_owned())
        }
        _ => Ok(()),
    }
}

fn read_event(payload: &Value) -> Result<(), String> {
    check(payload, EVENT)?;
    match payload["type"].as_str() {
        Some("thread_rolled_back") => check(payload, ROLLED_BACK),
        Some("task_started" | "turn_started" | "task_complete" | "turn_complete") => {
            check(payload, BOUND)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
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
}
