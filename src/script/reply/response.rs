//! A response: its object, and its events from `response.created` to `response.completed`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::items::write_item;
use super::object::{ResponseObject, json_text};
use super::writer::Writer;
use crate::json::{Kind, Node};
use crate::script::matcher::Facts;
use crate::script::model::{Beat, Entry, Response};
use crate::script::names::{Names, encrypted};
use crate::script::template::Values;

/// A response in both forms.
#[derive(Debug)]
pub(in crate::script) struct Rendered {
    /// The events, and what happens between them.
    pub(in crate::script) beats: Vec<Beat>,
    /// The response object as it is in the end.
    pub(in crate::script) response: ResponseObject,
}

/// Members of a request that are repeated in the response, unless the script has its own.
pub(in crate::script) const ECHOED: [&str; 4] = [
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "store",
];

/// Renders a response to a request.
pub(in crate::script) fn render_response(
    response: &Response,
    model: Option<&str>,
    facts: &Facts<'_>,
    names: &Names,
    values: &Values,
) -> Rendered {
    let mut object = response_object(response, model, facts, names, values);
    let mut writer = Writer::default();
    let begun = object.text();
    for kind in ["response.created", "response.in_progress"] {
        writer.event(kind, |event| event.raw("response", &begun));
    }
    for entry in &response.entries {
        match entry {
            Entry::Beat(beat) => writer.beats.push(filled(beat, values)),
            Entry::Item { item, deltas } => {
                let item = finished(item, writer.index(), facts, names, values);
                write_item(&mut writer, &item, deltas.unwrap_or(response.deltas));
            }
        }
    }
    object.set_text("status", "\"completed\"".into());
    let output = format!("[{}]", writer.output.join(","));
    object.set_text("output", output.into());
    object.set_text("usage", response.usage.to_text().into());
    if let Some(end_turn) = response.end_turn {
        object.set("end_turn", &end_turn);
    }
    extend(&mut object, &response.extra, values);
    let ended = object.text();
    writer.event("response.completed", |event| event.raw("response", &ended));
    Rendered {
        beats: writer.beats,
        response: object,
    }
}

/// The response object as it is in the beginning.
///
/// Members as the API documents them. `tools` and `instructions` stay empty instead of repeating the request's.
pub(in crate::script) fn response_object(
    response: &Response,
    model: Option<&str>,
    facts: &Facts<'_>,
    names: &Names,
    values: &Values,
) -> ResponseObject {
    let body = facts.body();
    let echoed = |key: &str, default: &'static str| {
        let member = body.and_then(|body| body.get(key));
        member.and_then(echo).map_or(default.into(), Cow::Owned)
    };
    let model = model.map_or_else(
        || echoed("model", "\"fake-model\""),
        |model| json_text(model).into(),
    );
    let id = match &response.id {
        Some(id) => values.fill(id).into_owned(),
        None => names.response_id(),
    };
    let mut object = ResponseObject::default();
    object.extend([
        ("id", json_text(&id).into()),
        ("object", "\"response\"".into()),
        ("created_at", names.created_at().to_string().into()),
        ("status", "\"in_progress\"".into()),
        ("background", "false".into()),
        ("error", "null".into()),
        ("incomplete_details", "null".into()),
        ("instructions", "null".into()),
        ("max_output_tokens", "null".into()),
        ("model", model),
        ("output", "[]".into()),
        ("parallel_tool_calls", echoed("parallel_tool_calls", "true")),
        (
            "previous_response_id",
            echoed("previous_response_id", "null"),
        ),
        ("reasoning", r#"{"effort":null,"summary":null}"#.into()),
        ("service_tier", "\"default\"".into()),
        ("store", echoed("store", "false")),
        ("temperature", "1.0".into()),
        ("text", r#"{"format":{"type":"text"}}"#.into()),
        ("tool_choice", "\"auto\"".into()),
        ("tools", "[]".into()),
        ("top_p", "1.0".into()),
        ("truncation", "\"disabled\"".into()),
        ("usage", "null".into()),
        ("user", "null".into()),
        ("metadata", "{}".into()),
    ]);
    extend(&mut object, &response.extra, values);
    object
}

/// A member of the request as JSON text on one line; `None` for one that `serde_json`, as most clients, does not read.
fn echo(member: Node<'_>) -> Option<String> {
    let text = member.text();
    // These have one form only.
    let is_same = match member.kind() {
        Kind::Null | Kind::Bool => true,
        Kind::String => !text.contains('\\'),
        Kind::Number | Kind::Array | Kind::Object => false,
    };
    if is_same {
        return Some(text.to_owned());
    }
    let value: Value = serde_json::from_str(text).ok()?;
    Some(json_text(&value))
}

fn extend(object: &mut ResponseObject, extra: &Map<String, Value>, values: &Values) {
    for (key, value) in extra {
        let mut value = value.clone();
        values.fill_value(&mut value);
        object.set(key, &value);
    }
}

/// The item with its placeholders filled and the ids it lacks, `type` and `id` first.
fn finished(
    item: &Map<String, Value>,
    index: usize,
    facts: &Facts<'_>,
    names: &Names,
    values: &Values,
) -> Map<String, Value> {
    let arguments = item.get("arguments");
    let mut filled = Value::Object(item.clone());
    values.fill_value(&mut filled);
    let Value::Object(mut item) = filled else {
        return Map::new();
    };
    // Arguments that are JSON stay it, whatever a placeholder stands for.
    if let Some(Value::String(text)) = arguments
        && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    {
        let text = values.fill_json(text).into_owned();
        item.insert("arguments".to_owned(), text.into());
    }
    let kind = item
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let id = match item.shift_remove("id") {
        Some(id) => id,
        None => names.item_id(&kind, index).into(),
    };
    if needs_call_id(&kind) && !item.contains_key("call_id") {
        item.insert("call_id".to_owned(), names.call_id(index).into());
    }
    encrypt(&mut item, &kind, id.as_str().unwrap_or_default(), facts);
    // An empty `id` says that the item has none.
    if !id.is_null() && id != "" {
        let after_type = usize::from(item.keys().next().is_some_and(|key| key == "type"));
        item.shift_insert(after_type, "id".to_owned(), id);
    }
    item
}

fn needs_call_id(kind: &str) -> bool {
    matches!(
        kind,
        "function_call" | "custom_tool_call" | "local_shell_call" | "tool_search_call"
    )
}

/// Fills in encrypted content: made up when wanted by the script, or, for reasoning, by the request's `include`.
fn encrypt(item: &mut Map<String, Value>, kind: &str, id: &str, facts: &Facts<'_>) {
    let wanted = match item.get("encrypted_content") {
        Some(Value::Bool(wanted)) => *wanted,
        Some(_) => return,
        None if kind != "reasoning" => return,
        None => {
            let include = facts.body().and_then(|body| body.get("include"));
            include.is_some_and(|include| {
                include.items().any(|name| {
                    name.string()
                        .is_some_and(|name| name == "reasoning.encrypted_content")
                })
            })
        }
    };
    let content = if wanted {
        Value::from(encrypted(id))
    } else {
        Value::Null
    };
    item.insert("encrypted_content".to_owned(), content);
}

/// A beat with its placeholders filled.
pub(in crate::script) fn filled(beat: &Beat, values: &Values) -> Beat {
    match beat {
        Beat::Event(event) => Beat::Event(crate::script::model::StreamEvent {
            name: event
                .name
                .as_ref()
                .map(|name| values.fill(name).into_owned()),
            data: values.fill_json(&event.data).into_owned(),
        }),
        Beat::Raw(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if text.contains("{{") => {
                Beat::Raw(values.fill_json(text).into_owned().into())
            }
            _ => beat.clone(),
        },
        Beat::Comment(text) => Beat::Comment(values.fill(text).into_owned()),
        other => other.clone(),
    }
}
