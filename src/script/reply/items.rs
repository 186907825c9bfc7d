//! The events of one output item, by its type.

use serde_json::{Map, Value, json};

use super::writer::Writer;
use crate::script::model::Deltas;

/// Writes the events of a finished item and adds it to the output.
///
/// Order and members as the API documents them and as corpus captures of codex 0.115.0–0.169.0 hold them.
pub(super) fn write_item(writer: &mut Writer, item: Map<String, Value>, deltas: Deltas) {
    let kind = text(&item, "type").to_owned();
    let place = Place {
        index: writer.index(),
        id: text(&item, "id").to_owned(),
    };
    let added = started(&item, &kind);
    writer.event(
        "response.output_item.added",
        json!({ "output_index": place.index, "item": added }),
    );
    match kind.as_str() {
        "message" => parts(writer, &place, &item, deltas),
        "reasoning" => {
            summary(writer, &place, &item, deltas);
            parts(writer, &place, &item, deltas);
        }
        "function_call" => arguments(writer, &place, &item, deltas),
        "custom_tool_call" => input(writer, &place, &item, deltas),
        "web_search_call" => progress(
            writer,
            &place,
            &kind,
            &["in_progress", "searching", "completed"],
        ),
        "image_generation_call" => {
            progress(
                writer,
                &place,
                &kind,
                &["in_progress", "generating", "completed"],
            );
        }
        _ => {}
    }
    let item = Value::Object(item);
    writer.event(
        "response.output_item.done",
        json!({ "output_index": place.index, "item": item }),
    );
    writer.output.push(item);
}

struct Place {
    index: usize,
    id: String,
}

fn text<'a>(item: &'a Map<String, Value>, key: &str) -> &'a str {
    item.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The item as it is when it begins: without what its events bring.
fn started(item: &Map<String, Value>, kind: &str) -> Value {
    let mut item = item.clone();
    let empty: &[(&str, Value)] = &match kind {
        "message" => [("content", json!([]))],
        "reasoning" => [("summary", json!([]))],
        "function_call" => [("arguments", json!(""))],
        "custom_tool_call" => [("input", json!(""))],
        "image_generation_call" => [("result", Value::Null)],
        _ => [("", Value::Null)],
    };
    for (key, value) in empty {
        if let Some(member) = item.get_mut(*key) {
            *member = value.clone();
        }
    }
    if kind == "reasoning" {
        item.shift_remove("content");
    }
    if let Some(status) = item.get_mut("status") {
        *status = "in_progress".into();
    }
    Value::Object(item)
}

/// The parts of `content`: texts, refusals, raw reasoning.
fn parts(writer: &mut Writer, place: &Place, item: &Map<String, Value>, deltas: Deltas) {
    let content = item.get("content").and_then(Value::as_array);
    for (index, part) in content.into_iter().flatten().enumerate() {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
        let (key, event) = match kind {
            "refusal" => ("refusal", "response.refusal"),
            "reasoning_text" => ("text", "response.reasoning_text"),
            _ => ("text", "response.output_text"),
        };
        let whole = part.get(key).and_then(Value::as_str).unwrap_or_default();
        let with = |more: Value| {
            let mut members = json!({
                "item_id": place.id,
                "output_index": place.index,
                "content_index": index,
            });
            extend(&mut members, more);
            if kind == "output_text" && members.get("part").is_none() {
                members["logprobs"] = json!([]);
            }
            members
        };
        let mut empty = part.clone();
        if let Some(text) = empty.get_mut(key) {
            *text = "".into();
        }
        writer.event(
            "response.content_part.added",
            with(json!({ "part": empty })),
        );
        for delta in deltas.split(whole) {
            writer.event(&format!("{event}.delta"), with(json!({ "delta": delta })));
        }
        writer.event(&format!("{event}.done"), with(json!({ key: whole })));
        writer.event("response.content_part.done", with(json!({ "part": part })));
    }
}

fn summary(writer: &mut Writer, place: &Place, item: &Map<String, Value>, deltas: Deltas) {
    let summary = item.get("summary").and_then(Value::as_array);
    for (index, part) in summary.into_iter().flatten().enumerate() {
        let whole = part.get("text").and_then(Value::as_str).unwrap_or_default();
        let with = |more: Value| {
            let mut members = json!({
                "item_id": place.id,
                "output_index": place.index,
                "summary_index": index,
            });
            extend(&mut members, more);
            members
        };
        let empty = json!({ "type": "summary_text", "text": "" });
        writer.event(
            "response.reasoning_summary_part.added",
            with(json!({ "part": empty })),
        );
        for delta in deltas.split(whole) {
            let delta = with(json!({ "delta": delta }));
            writer.event("response.reasoning_summary_text.delta", delta);
        }
        writer.event(
            "response.reasoning_summary_text.done",
            with(json!({ "text": whole })),
        );
        writer.event(
            "response.reasoning_summary_part.done",
            with(json!({ "part": part })),
        );
    }
}

fn arguments(writer: &mut Writer, place: &Place, item: &Map<String, Value>, deltas: Deltas) {
    let whole = text(item, "arguments");
    let members = json!({ "item_id": place.id, "output_index": place.index });
    argument_deltas(
        writer,
        "response.function_call_arguments",
        &members,
        whole,
        deltas,
    );
    let mut done = members;
    extend(
        &mut done,
        json!({ "name": text(item, "name"), "arguments": whole }),
    );
    writer.event("response.function_call_arguments.done", done);
}

fn input(writer: &mut Writer, place: &Place, item: &Map<String, Value>, deltas: Deltas) {
    let whole = text(item, "input");
    let members = json!({ "item_id": place.id, "output_index": place.index });
    argument_deltas(
        writer,
        "response.custom_tool_call_input",
        &members,
        whole,
        deltas,
    );
    let mut done = members;
    extend(&mut done, json!({ "input": whole }));
    writer.event("response.custom_tool_call_input.done", done);
}

fn argument_deltas(writer: &mut Writer, kind: &str, members: &Value, whole: &str, deltas: Deltas) {
    for delta in deltas.split(whole) {
        let mut members = members.clone();
        extend(&mut members, json!({ "delta": delta }));
        writer.event(&format!("{kind}.delta"), members);
    }
}

fn progress(writer: &mut Writer, place: &Place, kind: &str, states: &[&str]) {
    for state in states {
        let members = json!({ "output_index": place.index, "item_id": place.id });
        writer.event(&format!("response.{kind}.{state}"), members);
    }
}

fn extend(members: &mut Value, more: Value) {
    if let (Value::Object(members), Value::Object(more)) = (members, more) {
        members.extend(more);
    }
}
