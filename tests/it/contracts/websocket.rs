//! Requests over a WebSocket with their whole inputs, so that the same mutations are made in them as over HTTP.

use std::collections::HashMap;

use serde_json::Value;

use crate::mutations::Trace;

/// The items that a request stands for and those that its response delivered, by the id of the response.
type Known = HashMap<String, Vec<Value>>;

/// Gives each request that continues a response the whole input, as a client sends it that can't continue.
pub(super) fn expand(trace: &mut Trace) {
    let mut known = Known::new();
    for unit in trace.requests() {
        let before = previous(trace, unit).and_then(|id| known.get(&id).cloned());
        if let Some(mut whole) = before {
            whole.extend(trace.input(unit).iter().cloned());
            trace.body_mut(unit)["input"] = whole.into();
            let body = trace.body_mut(unit).as_object_mut().unwrap();
            body.shift_remove("previous_response_id");
        }
        learn(trace, unit, &mut known);
    }
}

/// Takes back [`expand`] for each request that still begins with what it continues in `original`; says which.
pub(super) fn fold(original: &Trace, trace: &mut Trace) -> Vec<bool> {
    let mut known = Known::new();
    let mut folded = vec![false; trace.units.len()];
    for unit in trace.requests() {
        let previous = previous(original, unit);
        learn(trace, unit, &mut known);
        let Some(before) = previous.as_ref().and_then(|id| known.get(id)) else {
            continue;
        };
        let whole = trace.input(unit);
        // As texts: an item whose members stand in another order is another one on the wire.
        let mut pairs = before.iter().zip(whole);
        let text = |item: &Value| item.to_string();
        let begins = pairs.all(|(a, b)| text(a) == text(b));
        if !begins || whole.len() < before.len() {
            continue;
        }
        let own = whole[before.len()..].to_vec();
        folded[unit] = true;
        trace.body_mut(unit)["input"] = own.into();
        trace.body_mut(unit)["previous_response_id"] = previous.into();
    }
    folded
}

fn previous(trace: &Trace, unit: usize) -> Option<String> {
    Some(
        trace.body(unit)["previous_response_id"]
            .as_str()?
            .to_owned(),
    )
}

/// Remembers what continues the response to a request that has its whole input.
fn learn(trace: &Trace, unit: usize, known: &mut Known) {
    let sends_ids = trace
        .requests()
        .iter()
        .any(|unit| trace.input(*unit).iter().any(|item| item["id"].is_string()));
    let mut items = trace.input(unit).to_vec();
    for event in 0..trace.units[unit].events.len() {
        if trace.event_type(unit, event) == "response.output_item.done" {
            let mut item = trace.event(unit, event)["data"]["item"].clone();
            if !sends_ids {
                item.as_object_mut().map(|item| item.shift_remove("id"));
            }
            items.push(item);
        }
    }
    known.extend(trace.response_id(unit).map(|id| (id.to_owned(), items)));
}
