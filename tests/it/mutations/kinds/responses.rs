//! Mutations of responses: events, how the stream ended, status, headers.

use serde_json::{Value, json};

use crate::mutations::pick::with_other_letter;
use crate::mutations::rng::Rng;
use crate::mutations::trace::{Carrier, Trace};
use crate::mutations::verdict::Expectation;

fn pointer(event: usize) -> String {
    format!("/response/events/{event}")
}

/// A unit and one of its events that has the asked property.
fn draw(
    trace: &Trace,
    rng: &mut Rng,
    has: impl Fn(usize, usize) -> bool,
) -> Option<(usize, usize)> {
    let mut found = Vec::new();
    for (index, unit) in trace.units.iter().enumerate() {
        found.extend(
            (0..unit.events.len())
                .map(|event| (index, event))
                .filter(|place| has(place.0, place.1)),
        );
    }
    rng.pick(&found).copied()
}

fn is_terminal(trace: &Trace, unit: usize, event: usize) -> bool {
    event + 1 == trace.units[unit].events.len()
}

fn describe(trace: &Trace, unit: usize, event: usize) -> String {
    format!(
        "{} {event} in exchange {unit}",
        trace.event_type(unit, event)
    )
}

pub(crate) fn event_dropped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let place = draw(trace, rng, |_, _| true)?;
    drop_event(trace, place)
}

/// The same for what a server sent over a WebSocket.
pub(crate) fn frame_dropped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let place = draw(trace, rng, |unit, _| {
        trace.units[unit].carrier != Carrier::Http
    })?;
    drop_event(trace, place)
}

fn drop_event(trace: &mut Trace, (unit, event): (usize, usize)) -> Option<Expectation> {
    let expectation = Expectation::new(describe(trace, unit, event)).at(&[unit], pointer(event));
    let position = trace.units[unit].events[event];
    trace.stream_mut(unit)?.remove(position);
    Some(expectation)
}

pub(crate) fn event_doubled(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let (unit, event) = draw(trace, rng, |_, _| true)?;
    let position = trace.units[unit].events[event];
    let copy = trace.event(unit, event).clone();
    let detail = describe(trace, unit, event);
    trace.stream_mut(unit)?.insert(position + 1, copy);
    Some(
        Expectation::new(detail)
            .at(&[unit], pointer(event))
            .at(&[unit], pointer(event + 1)),
    )
}

/// Swaps two neighbouring events of different types.
pub(crate) fn events_swapped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let (unit, event) = draw(trace, rng, |unit, event| {
        !is_terminal(trace, unit, event)
            && trace.event_type(unit, event) != trace.event_type(unit, event + 1)
    })?;
    let (first, second) = (
        trace.units[unit].events[event],
        trace.units[unit].events[event + 1],
    );
    let detail = describe(trace, unit, event);
    trace.stream_mut(unit)?.swap(first, second);
    Some(
        Expectation::new(detail)
            .at(&[unit], pointer(event))
            .at(&[unit], pointer(event + 1)),
    )
}

/// One letter of a text, or the status of an item: never times, identifiers, counters, padding or usage.
pub(crate) fn event_field_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let fields = [
        "text", "delta", "status", "name", "role", "message", "model",
    ];
    let mut places = Vec::new();
    for unit in 0..trace.units.len() {
        for leaf in trace.leaves(unit) {
            let key = leaf.pointer.rsplit('/').next().unwrap_or_default();
            let text = leaf.value.as_str().unwrap_or_default();
            let other = with_other_letter(text, rng);
            if let (true, true, Some(other)) = (
                leaf.pointer.starts_with("/response/"),
                fields.contains(&key),
                other,
            ) {
                places.push((unit, leaf.pointer, other));
            }
        }
    }
    let (unit, place, other) = rng.pick(&places)?.clone();
    trace.edit(unit, &place, |value| *value = other.into())?;
    Some(Expectation::new(format!("{place} in exchange {unit}")).at(&[unit], place))
}

pub(crate) fn event_key_dropped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let keys = [
        "item",
        "part",
        "logprobs",
        "output_index",
        "content_index",
        "text",
        "delta",
    ];
    let has = |trace: &Trace, unit: usize, event: usize, key: &str| {
        trace.event(unit, event)["data"].get(key).is_some()
    };
    let (unit, event) = draw(trace, rng, |unit, event| {
        keys.iter().any(|key| has(trace, unit, event, key))
    })?;
    let present: Vec<&str> = keys
        .into_iter()
        .filter(|key| has(trace, unit, event, key))
        .collect();
    let key = *rng.pick(&present)?;
    trace.edit(unit, &format!("/response/events/{event}/data"), |data| {
        if let Some(members) = data.as_object_mut() {
            members.shift_remove(key);
        }
    })?;
    let detail = format!("{key} of {}", describe(trace, unit, event));
    Some(Expectation::new(detail).at(&[unit], format!("{}/data/{key}", pointer(event))))
}

/// `response.completed` becomes `response.failed`, with the response object of a failure.
pub(crate) fn terminal_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let (unit, event) = draw(trace, rng, |unit, event| {
        trace.event_type(unit, event) == "response.completed"
    })?;
    let position = trace.units[unit].events[event];
    let terminal = &mut trace.stream_mut(unit)?[position];
    if terminal["event"].is_string() {
        terminal["event"] = "response.failed".into();
    }
    terminal["data"]["type"] = "response.failed".into();
    terminal["data"]["response"]["status"] = "failed".into();
    terminal["data"]["response"]["error"] =
        json!({"code": "server_error", "message": "It failed."});
    let expectation = Expectation::new(describe(trace, unit, event));
    Some(expectation.below(&[unit], pointer(event)))
}

/// HTTP units that got a response.
fn answered(trace: &Trace, has: impl Fn(&Value) -> bool) -> Vec<usize> {
    let is_http = |unit: &usize| trace.units[*unit].carrier == Carrier::Http;
    (0..trace.units.len())
        .filter(is_http)
        .filter(|unit| has(&trace.records[trace.units[*unit].record]["response"]))
        .collect()
}

pub(crate) fn end_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let units = answered(trace, |response| {
        response["ended"].is_string() && response["events"].is_array()
    });
    let unit = *rng.pick(&units)?;
    let record = trace.units[unit].record;
    let ended = &mut trace.records[record]["response"]["ended"];
    let others = if *ended == "complete" {
        ["closed", "reset"]
    } else {
        ["complete", "stall"]
    };
    let detail = format!("{ended} in exchange {unit}");
    *ended = others[rng.below(2)].into();
    Some(Expectation::new(detail).at(&[unit], "/response/end"))
}

pub(crate) fn status_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let unit = *rng.pick(&answered(trace, |response| response["status"].is_u64()))?;
    let record = trace.units[unit].record;
    let status = &mut trace.records[record]["response"]["status"];
    let detail = format!("{status} in exchange {unit}");
    *status = (status.as_u64()? + 1).into();
    Some(Expectation::new(detail).at(&[unit], "/response/status"))
}

pub(crate) fn response_header_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let is_type = |header: &Value| {
        header[0]
            .as_str()
            .is_some_and(|name| name.eq_ignore_ascii_case("content-type"))
    };
    let unit = *rng.pick(&answered(trace, |response| {
        response["headers"]
            .as_array()
            .is_some_and(|headers| headers.iter().any(is_type))
    }))?;
    let record = trace.units[unit].record;
    let headers = trace.records[record]["response"]["headers"].as_array_mut()?;
    headers.iter_mut().find(|header| is_type(header))?[1] = "application/x-other".into();
    let expectation = Expectation::new(format!("content-type in exchange {unit}"));
    Some(expectation.at(&[unit], "/response/headers/content-type"))
}
