//! Mutations of whole exchanges and request lines, and of requests sent over a WebSocket.

use serde_json::Value;

use crate::mutations::pick::{fresh_in, is_from_elsewhere, request_with};
use crate::mutations::rng::Rng;
use crate::mutations::trace::{Carrier, Trace};
use crate::mutations::verdict::{Exchanges, Expectation, Pattern};

/// HTTP requests to the model. Connections are left alone: their numbers move as one.
fn requests(trace: &Trace) -> Vec<usize> {
    let mut units = trace.requests();
    units.retain(|unit| trace.units[*unit].carrier == Carrier::Http);
    units
}

/// Requests that nobody could tell from the one given: retries.
fn twins(trace: &Trace, unit: usize) -> Vec<usize> {
    let same = |other: &usize| {
        let response = |unit: usize| &trace.records[trace.units[unit].record]["response"];
        trace.body(*other) == trace.body(unit)
            && response(*other)["status"] == response(unit)["status"]
    };
    requests(trace).into_iter().filter(same).collect()
}

fn renumber(trace: &mut Trace) {
    for (index, record) in trace.records.iter_mut().enumerate() {
        record["seq"] = (index + 1).into();
    }
}

pub(crate) fn dropped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let units = requests(trace);
    if units.len() < 2 {
        return None;
    }
    let unit = *rng.pick(&units)?;
    let expectation = Expectation::new(format!("exchange {unit}")).or(
        Exchanges::BaselineOnly(twins(trace, unit)),
        Pattern::Exchange,
    );
    trace.records.remove(trace.units[unit].record);
    renumber(trace);
    Some(expectation)
}

pub(crate) fn added(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let unit = *rng.pick(&requests(trace))?;
    let index = trace.units[unit].record;
    let mut copy = trace.records[index].clone();
    let input = copy["request"]["body"]["input"].as_array_mut()?;
    let is_user =
        |item: &&mut Value| item["role"] == "user" && item["content"][0]["text"].is_string();
    let message = input.iter_mut().rev().find(is_user)?;
    message["content"][0]["text"] =
        "A prompt that the other run never had, about something else.".into();
    trace.records.insert(index + 1, copy);
    renumber(trace);
    let expectation = Expectation::new(format!("after exchange {unit}"));
    Some(expectation.or(Exchanges::CandidateOnly(vec![unit + 1]), Pattern::Exchange))
}

/// The same exchange twice: an extra retry.
pub(crate) fn doubled(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let unit = *rng.pick(&requests(trace))?;
    let mut either = twins(trace, unit);
    either.push(unit + 1);
    either.extend(either.clone().into_iter().map(|twin| twin + 1));
    let index = trace.units[unit].record;
    let copy = trace.records[index].clone();
    trace.records.insert(index + 1, copy);
    renumber(trace);
    let expectation = Expectation::new(format!("exchange {unit}"));
    Some(expectation.or(Exchanges::CandidateOnly(either), Pattern::Exchange))
}

pub(crate) fn method_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let unit = *rng.pick(&requests(trace))?;
    trace.records[trace.units[unit].record]["method"] = "PUT".into();
    Some(Expectation::new(format!("in exchange {unit}")).at(&[unit], "/request/method"))
}

/// Another prefix or a query; the endpoint stays, so that the exchanges still correspond.
pub(crate) fn path_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let unit = *rng.pick(&requests(trace))?;
    let path = &mut trace.records[trace.units[unit].record]["path"];
    let old = path.as_str()?.to_owned();
    let new = if rng.coin() {
        format!("{old}?trace=1")
    } else {
        format!("/api{old}")
    };
    *path = new.as_str().into();
    Some(Expectation::new(format!("{new} in exchange {unit}")).at(&[unit], "/request/path"))
}

fn sent_over_websocket(trace: &Trace, unit: usize) -> bool {
    matches!(trace.units[unit].carrier, Carrier::Frame(_))
}

pub(crate) fn frame_item_dropped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let unit = request_with(trace, rng, |trace, unit| {
        sent_over_websocket(trace, unit)
            && !trace.input(unit).is_empty()
            && !trace.input(unit).iter().any(is_from_elsewhere)
    })?;
    let index = rng.below(trace.input(unit).len());
    trace.input_mut(unit)?.remove(index);
    let detail = format!("{index} in exchange {unit}");
    Some(Expectation::new(detail).at(&[unit], format!("/request/body/input/{index}")))
}

/// The identifier of the response that a request continues, which the server sent before.
pub(crate) fn previous_response_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let unit = request_with(trace, rng, |trace, unit| {
        sent_over_websocket(trace, unit) && trace.body(unit)["previous_response_id"].is_string()
    })?;
    let id = trace.body(unit)["previous_response_id"]
        .as_str()?
        .to_owned();
    let other = fresh_in(trace, &id, rng);
    trace.body_mut(unit)["previous_response_id"] = other.into();
    let pointer = "/request/body/previous_response_id";
    Some(Expectation::new(format!("{id} in exchange {unit}")).at(&[unit], pointer))
}

pub(crate) fn previous_response_dropped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let unit = request_with(trace, rng, |trace, unit| {
        sent_over_websocket(trace, unit) && trace.body(unit)["previous_response_id"].is_string()
    })?;
    trace
        .body_mut(unit)
        .as_object_mut()?
        .shift_remove("previous_response_id")?;
    let pointer = "/request/body/previous_response_id";
    Some(Expectation::new(format!("in exchange {unit}")).at(&[unit], pointer))
}
