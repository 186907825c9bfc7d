//! What all conversions write alike.

use serde_json::{Map, Value, json};

use crate::http::HeaderList;
use crate::json::Raw;

/// The text of a script.
pub(super) fn script_text(
    members: Map<String, Value>,
    steps: Vec<Value>,
    defaults: Vec<Value>,
) -> String {
    let mut script = Map::new();
    script.insert("version".to_owned(), 1.into());
    script.extend(members);
    if !steps.is_empty() {
        script.insert("step".to_owned(), steps.into());
    }
    if !defaults.is_empty() {
        script.insert("default".to_owned(), defaults.into());
    }
    // A map of values always has a text.
    serde_json::to_string_pretty(&Value::Object(script)).unwrap_or_default()
}

/// An event whose data stays as it was, byte for byte: as JSON where that gives the same text again, else as a string.
pub(super) fn event(name: Option<&str>, data: &str) -> Value {
    let parsed: Option<Value> = serde_json::from_str(data).ok();
    let is_same = |value: &Value| {
        let again = value.to_string();
        value.is_object() && again == data
    };
    let exact = parsed.filter(is_same);
    match (name, exact) {
        (Some(name), Some(value)) if value.get("type").and_then(Value::as_str) == Some(name) => {
            value
        }
        (name, value) => json!({
            "event": name.map_or(Value::Bool(false), Value::from),
            "data": value.unwrap_or_else(|| data.into()),
        }),
    }
}

/// Header fields as a script writes them: pairs, so that order and repeats stay.
pub(super) fn header_pairs(headers: &HeaderList) -> Value {
    // Framing and the connection are the server's own; a coding was undone when the body was recorded.
    const OWN: &[&str] = &[
        "connection",
        "content-encoding",
        "content-length",
        "date",
        "keep-alive",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "server",
        "transfer-encoding",
        "upgrade",
    ];
    let is_kept = |name: &str| !OWN.iter().any(|own| name.eq_ignore_ascii_case(own));
    let pairs = headers
        .iter()
        .filter(|header| is_kept(&header.name) && !header.value.contains(['\r', '\n', '\0']))
        .map(|header| json!([header.name, header.value]));
    pairs.collect()
}

/// Counts of tokens as Codex writes them to disk, as a script writes them; `None` when one of the main counts is missing.
pub(super) fn usage(counts: Raw<'_>) -> Option<Value> {
    let count = |key: &str| counts.get(key).and_then(Raw::unsigned);
    Some(json!({
        "input": count("input_tokens")?,
        "cached": count("cached_input_tokens").unwrap_or(0),
        "output": count("output_tokens")?,
        "reasoning": count("reasoning_output_tokens").unwrap_or(0),
        "total": count("total_tokens")?,
    }))
}
