//! Whether Codex reads a line of a rollout as a record: its field types, as measured on 0.169.0.

mod numbers;

use std::fmt;

use super::shape::{Field, Shape, Variant, check, last, may, must};
use crate::json::{Kind, Raw};
use crate::rollout::sessions::is_uuid;

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

impl Skip {
    /// Whether the record is passed over for its place alone, so that it counts once it stands on a line of its own.
    pub fn is_layout(&self) -> bool {
        matches!(self, Skip::SharedLine | Skip::SeveralLines)
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
    /// Whether it is a compaction that bounds what is read.
    pub(super) is_base: bool,
    /// Whether it is a `thread_settings_applied` event.
    pub(super) is_settings: bool,
}

/// What decides whether Codex opens a file.
pub(super) struct Meta {
    /// The `history_mode` that Codex does not know, as JSON.
    pub(super) unknown_mode: Option<String>,
    pub(super) is_paginated: bool,
}

/// Levels of arrays and objects that Codex reads.
const MAX_NESTING: usize = 127;

const ID: Field = may("id", Shape::Text);
const CALL_ID: Field = must("call_id", Shape::Text);
const STATUS: Field = may("status", Shape::Text);
const NAMESPACE: Field = may("namespace", Shape::Text);
const NOTE: Field = may(
    "internal_chat_message_metadata_passthrough",
    Shape::Object(&[]),
);
const TEXT: &[Field] = &[must("text", Shape::Text)];
const SAID: &[Field] = &[
    must("text", Shape::Text),
    may("annotations", Shape::Any),
    may("logprobs", Shape::Any),
];
const IMAGE: &[Field] = &[must("image_url", Shape::Text), may("detail", Shape::Text)];
const AUDIO: &[Field] = &[must("audio_url", Shape::Text)];
const SEALED: &[Field] = &[ID, must("encrypted_content", Shape::Text), NOTE];

const CONTENT: Shape = Shape::Array(&Shape::Tagged(&[
    ("input_text", TEXT),
    ("output_text", SAID),
    ("input_image", IMAGE),
    ("input_audio", AUDIO),
]));
const OUTPUT: Shape = Shape::Either(
    &Shape::Text,
    &Shape::Array(&Shape::Tagged(&[
        ("input_text", TEXT),
        ("input_image", IMAGE),
        ("input_audio", AUDIO),
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
        may("working_directory", Shape::Text),
        may("env", Shape::Any),
        may("user", Shape::Text),
    ],
)]);

const MESSAGE: &[Field] = &[
    ID,
    STATUS,
    must("role", Shape::Text),
    must("content", CONTENT),
    may("phase", PHASE),
    NOTE,
];
const REASONING: &[Field] = &[
    ID,
    must("summary", SUMMARY),
    may("content", THOUGHT),
    may("encrypted_content", Shape::Text),
    NOTE,
];
const FUNCTION_CALL: &[Field] = &[
    ID,
    STATUS,
    must("name", Shape::Text),
    NAMESPACE,
    must("arguments", Shape::Text),
    CALL_ID,
    may("encrypted_function_args", Shape::Any),
    NOTE,
];
const CUSTOM_CALL: &[Field] = &[
    ID,
    STATUS,
    CALL_ID,
    must("name", Shape::Text),
    NAMESPACE,
    must("input", Shape::Text),
    NOTE,
];
const CALL_OUTPUT: &[Field] = &[
    ID,
    CALL_ID,
    may("name", Shape::Text),
    NAMESPACE,
    must("output", OUTPUT),
    NOTE,
];
const LOCAL_CALL: &[Field] = &[
    ID,
    may("call_id", Shape::Text),
    must("status", Shape::Text),
    must("action", LOCAL_ACTION),
    NOTE,
];
const SEARCH_CALL: &[Field] = &[
    ID,
    may("call_id", Shape::Text),
    STATUS,
    must("execution", Shape::Text),
    must("arguments", Shape::Any),
    NOTE,
];
const SEARCH_OUTPUT: &[Field] = &[
    ID,
    may("call_id", Shape::Text),
    must("status", Shape::Text),
    must("execution", Shape::Text),
    must("tools", Shape::Array(&Shape::Any)),
    NOTE,
];
const IMAGE_CALL: &[Field] = &[
    ID,
    must("status", Shape::Text),
    may("revised_prompt", Shape::Text),
    must("result", Shape::Text),
    NOTE,
];
const AGENT_MESSAGE: &[Field] = &[
    ID,
    must("author", Shape::Text),
    must("recipient", Shape::Text),
    must("content", AGENT_CONTENT),
    NOTE,
];

/// Items of the history; every other type is read as `other`, whose content is lost.
const ITEMS: &[Variant] = &[
    ("message", MESSAGE),
    ("reasoning", REASONING),
    ("function_call", FUNCTION_CALL),
    ("function_call_output", CALL_OUTPUT),
    ("custom_tool_call", CUSTOM_CALL),
    ("custom_tool_call_output", CALL_OUTPUT),
    ("local_shell_call", LOCAL_CALL),
    ("tool_search_call", SEARCH_CALL),
    ("tool_search_output", SEARCH_OUTPUT),
    (
        "web_search_call",
        &[ID, STATUS, may("action", Shape::Any), NOTE],
    ),
    ("image_generation_call", IMAGE_CALL),
    ("compaction", SEALED),
    ("compaction_summary", SEALED),
    (
        "context_compaction",
        &[ID, may("encrypted_content", Shape::Text), NOTE],
    ),
    ("agent_message", AGENT_MESSAGE),
    (
        "additional_tools",
        &[
            ID,
            may("role", Shape::Text),
            must("tools", Shape::Array(&Shape::Any)),
            NOTE,
        ],
    ),
];

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

/// Reads the text of one record as Codex does. The text is valid JSON.
///
/// # Errors
///
/// Why Codex passes over the record.
pub(super) fn read(text: &str) -> Result<Taken, Skip> {
    check_json(text)?;
    let field = |what: String| Skip::Field(what.trim_start().to_owned());
    let value = Raw::new(text);
    if value.kind() != Kind::Object {
        return Err(Skip::NoEnvelope("it is no object".to_owned()));
    }
    let (mut name, mut payload, mut metadata, mut ordinal) = (None, None, None, None);
    for (key, value) in value.members() {
        match key.as_ref() {
            "type" => name = value.string(),
            "payload" => payload = Some(value),
            "metadata" => metadata = Some(value).filter(|value| !value.is_null()),
            "ordinal" => ordinal = value.unsigned(),
            _ => {}
        }
    }
    let (Some(name), Some(payload)) = (name, payload) else {
        return Err(Skip::NoEnvelope("it has no type and payload".to_owned()));
    };
    check(value, ENVELOPE).map_err(field)?;
    let in_payload = |error: String| field(format!("payload{}{error}", joint(&error)));
    let mut meta = None;
    match name.as_ref() {
        "session_meta" => meta = Some(read_meta(payload).map_err(in_payload)?),
        "response_item" => {
            read_item(payload).map_err(in_payload)?;
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
    let is_list = |value: Raw<'_>| value.kind() == Kind::Array;
    Ok(Taken {
        meta,
        has_ordinal: ordinal.is_some(),
        is_base: name == "compacted" && last(payload, "replacement_history").is_some_and(is_list),
        is_settings: name == "event_msg" && is_settings(payload),
    })
}

/// Whether an event is a `thread_settings_applied` as 0.169 writes it; that of 0.153.4 has no workspace roots and is
/// passed over.
fn is_settings(event: Raw<'_>) -> bool {
    let has_roots = || {
        let settings = event.get("thread_settings")?;
        settings.get("runtime_workspace_roots")
    };
    event.get_string("type").as_deref() == Some("thread_settings_applied")
        && has_roots().is_some_and(|roots| roots.kind() == Kind::Array)
}

/// Whether the JSON parser of Codex takes the text, which is JSON: it has a limit to nesting and wants characters.
fn check_json(text: &str) -> Result<(), Skip> {
    if numbers::has_huge_integer(text) {
        return Err(Skip::Json("it has an integer beyond 64 bits".to_owned()));
    }
    let bytes = text.as_bytes();
    let is_deep = memchr::memchr2_iter(b'[', b'{', bytes)
        .nth(MAX_NESTING)
        .is_some();
    let has_surrogate = |kind: &[u8]| memchr::memmem::find(bytes, kind).is_some();
    if !is_deep && !has_surrogate(b"\\ud") && !has_surrogate(b"\\uD") {
        return Ok(());
    }
    let Err(error) = serde_json::from_str::<serde_json::Value>(text) else {
        return Ok(());
    };
    let words = error.to_string();
    if words.starts_with("recursion limit") {
        Err(Skip::Json(
            "it is nested more than 127 levels deep".to_owned(),
        ))
    } else if words.contains("surrogate") || words.contains("end of hex escape") {
        Err(Skip::Json(
            "it has half of a surrogate pair as an escape".to_owned(),
        ))
    } else {
        // A number too large for `f64`, which Codex reads.
        Ok(())
    }
}

fn joint(inner: &str) -> &'static str {
    if inner.starts_with([' ', '[']) {
        ""
    } else {
        "."
    }
}

fn read_meta(payload: Raw<'_>) -> Result<Meta, String> {
    check(payload, SESSION_META)?;
    let id = last(payload, "id").and_then(Raw::string);
    if !id.is_some_and(|id| is_uuid(&id)) {
        return Err("id is no UUID".to_owned());
    }
    let mode = last(payload, "history_mode");
    let word = mode.map(Raw::string);
    let is = |known| matches!(&word, Some(Some(word)) if word == known);
    let is_known = word.is_none() || is("legacy") || is("paginated");
    Ok(Meta {
        unknown_mode: mode
            .filter(|_| !is_known)
            .map(|mode| mode.text().to_owned()),
        is_paginated: is("paginated"),
    })
}

fn read_item(payload: Raw<'_>) -> Result<(), String> {
    check(payload, Shape::Object(&[NOTE]))?;
    let Some(name) = last(payload, "type").and_then(Raw::string) else {
        return Err("type is missing".to_owned());
    };
    match ITEMS.iter().find(|(known, _)| *known == name) {
        Some((_, fields)) => check(payload, Shape::Object(fields)),
        None => Ok(()),
    }
}

/// Whether Codex takes an item that a response delivers, by the types of its fields; an item that it can't read is
/// dropped without a word (measured on 0.169.0).
///
/// # Errors
///
/// What is wrong with the item, as the end of a sentence that begins with it.
pub fn check_codex_item(item: &str) -> Result<(), String> {
    let item = Raw::new(item);
    let name = last(item, "type").and_then(Raw::string);
    read_item(item)?;
    match name.filter(|name| codex_item_fields(name).is_none()) {
        Some(name) => Err(format!("type is {name:?}, which is unknown")),
        None => Ok(()),
    }
}

/// The fields that Codex 0.169.0 reads of items of a type; `None` for a type that it does not know.
pub fn codex_item_fields(kind: &str) -> Option<impl Iterator<Item = &'static str>> {
    let (_, fields) = ITEMS.iter().find(|(known, _)| *known == kind)?;
    Some(fields.iter().map(|field| field.name()))
}

fn read_compacted(payload: Raw<'_>) -> Result<(), String> {
    check(payload, COMPACTED)?;
    let list = |key| last(payload, key).filter(|list| list.kind() == Kind::Array);
    let items = list("replacement_history");
    let mut count = 0;
    for (at, item) in items.into_iter().flat_map(Raw::items).enumerate() {
        count += 1;
        read_item(item)
            .map_err(|error| format!("replacement_history[{at}]{}{error}", joint(&error)))?;
    }
    match list("replacement_history_metadata") {
        Some(metadata) if metadata.items().count() != count => {
            Err("replacement_history_metadata is not as long as replacement_history".to_owned())
        }
        _ => Ok(()),
    }
}

fn read_event(payload: Raw<'_>) -> Result<(), String> {
    if payload.kind() != Kind::Object {
        return Err(" is no object".to_owned());
    }
    match payload.get_string("type").as_deref() {
        None => check(payload, EVENT),
        Some("thread_rolled_back") => check(payload, ROLLED_BACK),
        Some("task_started" | "turn_started" | "task_complete" | "turn_complete") => {
            check(payload, BOUND)
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
