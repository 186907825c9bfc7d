//! The events of one output item, by its type.

use serde_json::{Map, Value, json};

use super::object::{Members, json_text};
use super::writer::Writer;
use crate::script::model::Deltas;

/// Writes the events of a finished item and adds it to the output.
///
/// Order and members as the API documents them and as corpus captures of codex 0.115.0–0.169.0 hold them.
pub(super) fn write_item(writer: &mut Writer, item: &Map<String, Value>, deltas: Deltas) {
    let kind = text(item, "type");
    let place = Place {
        index: writer.index(),
        id: text(item, "id"),
    };
    let added = started(item, kind);
    writer.event("response.output_item.added", |event| {
        event.value("output_index", &place.index);
        event.raw("item", &added);
    });
    match kind {
        "message" => parts(writer, &place, item, deltas),
        "reasoning" => {
            summary(writer, &place, item, deltas);
            parts(writer, &place, item, deltas);
        }
        "function_call" => arguments(writer, &place, item, deltas),
        "custom_tool_call" => input(writer, &place, item, deltas),
        "web_search_call" => progress(
            writer,
            &place,
            kind,
            &["in_progress", "searching", "completed"],
        ),
        "image_generation_call" => {
            progress(
                writer,
                &place,
                kind,
                &["in_progress", "generating", "completed"],
            );
        }
        _ => {}
    }
    let item = json_text(item);
    writer.event("response.output_item.done", |event| {
        event.value("output_index", &place.index);
        event.raw("item", &item);
    });
    writer.output.push(item);
}

struct Place<'a> {
    index: usize,
    id: &'a str,
}

impl Place<'_> {
    fn add_to(&self, event: &mut Members) {
        event.string("item_id", self.id);
        event.value("output_index", &self.index);
    }
}

fn text<'a>(item: &'a Map<String, Value>, key: &str) -> &'a str {
    item.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The item as it is when it begins: without what its events bring.
fn started(item: &Map<String, Value>, kind: &str) -> String {
    let mut started = Members::new(256);
    for (key, value) in item {
        match (kind, key.as_str()) {
            ("message", "content") | ("reasoning", "summary") => started.raw(key, "[]"),
            ("function_call", "arguments") | ("custom_tool_call", "input") => {
                started.raw(key, "\"\"");
            }
            ("image_generation_call", "result") => started.raw(key, "null"),
            ("reasoning", "content") => {}
            (_, "status") => started.value(key, "in_progress"),
            _ => started.value(key, value),
        }
    }
    started.finish()
}

/// A part of an item without its text.
fn without_text(part: &Value, key: &str) -> String {
    let mut empty = Members::new(256);
    for (member, value) in part.as_object().into_iter().flatten() {
        match member == key {
            true => empty.raw(member, "\"\""),
            false => empty.value(member, value),
        }
    }
    empty.finish()
}

/// The parts of `content`: texts, refusals, raw reasoning.
fn parts(writer: &mut Writer, place: &Place<'_>, item: &Map<String, Value>, deltas: Deltas) {
    let content = item.get("content").and_then(Value::as_array);
    for (index, part) in content.into_iter().flatten().enumerate() {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
        let (key, event) = match kind {
            "refusal" => ("refusal", "response.refusal"),
            "reasoning_text" => ("text", "response.reasoning_text"),
            _ => ("text", "response.output_text"),
        };
        let whole = part.get(key).and_then(Value::as_str).unwrap_or_default();
        let begin = |event: &mut Members| {
            place.add_to(event);
            event.value("content_index", &index);
        };
        let with_text = |event: &mut Members, key: &str, text: &str| {
            begin(event);
            event.string(key, text);
            if kind == "output_text" {
                event.raw("logprobs", "[]");
            }
        };
        writer.event("response.content_part.added", |event| {
            begin(event);
            event.raw("part", &without_text(part, key));
        });
        for delta in deltas.split(whole) {
            writer.event(&format!("{event}.delta"), |event| {
                with_text(event, "delta", delta);
            });
        }
        writer.event(&format!("{event}.done"), |event| {
            with_text(event, key, whole);
        });
        writer.event("response.content_part.done", |event| {
            begin(event);
            event.value("part", part);
        });
    }
}

fn summary(writer: &mut Writer, place: &Place<'_>, item: &Map<String, Value>, deltas: Deltas) {
    let summary = item.get("summary").and_then(Value::as_array);
    for (index, part) in summary.into_iter().flatten().enumerate() {
        let whole = part.get("text").and_then(Value::as_str).unwrap_or_default();
        let mut add = |kind: &str, key: &str, value: &Value| {
            writer.event(kind, |event| {
                place.add_to(event);
                event.value("summary_index", &index);
                event.value(key, value);
            });
        };
        let empty = json!({ "type": "summary_text", "text": "" });
        add("response.reasoning_summary_part.added", "part", &empty);
        for delta in deltas.split(whole) {
            let kind = "response.reasoning_summary_text.delta";
            add(kind, "delta", &delta.into());
        }
        add(
            "response.reasoning_summary_text.done",
            "text",
            &whole.into(),
        );
        add("response.reasoning_summary_part.done", "part", part);
    }
}

fn arguments(writer: &mut Writer, place: &Place<'_>, item: &Map<String, Value>, deltas: Deltas) {
    let whole = text(item, "arguments");
    let kind = "response.function_call_arguments";
    argument_deltas(writer, kind, place, whole, deltas);
    writer.event("response.function_call_arguments.done", |event| {
        place.add_to(event);
        event.value("name", text(item, "name"));
        event.string("arguments", whole);
    });
}

fn input(writer: &mut Writer, place: &Place<'_>, item: &Map<String, Value>, deltas: Deltas) {
    let whole = text(item, "input");
    let kind = "response.custom_tool_call_input";
    argument_deltas(writer, kind, place, whole, deltas);
    writer.event("response.custom_tool_call_input.done", |event| {
        place.add_to(event);
        event.string("input", whole);
    });
}

fn argument_deltas(
    writer: &mut Writer,
    kind: &str,
    place: &Place<'_>,
    whole: &str,
    deltas: Deltas,
) {
    for delta in deltas.split(whole) {
        writer.event(&format!("{kind}.delta"), |event| {
            place.add_to(event);
            event.string("delta", delta);
        });
    }
}

fn progress(writer: &mut Writer, place: &Place<'_>, kind: &str, states: &[&str]) {
    for state in states {
        writer.event(&format!("response.{kind}.{state}"), |event| {
            event.value("output_index", &place.index);
            event.string("item_id", place.id);
        });
    }
}
