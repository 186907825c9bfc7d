//! Mutations of request headers.

use serde_json::{Value, json};

use crate::mutations::pick::scope;
use crate::mutations::rng::Rng;
use crate::mutations::trace::{Trace, escape};
use crate::mutations::verdict::Expectation;

/// Set by the transport or the harness itself, not by the agent.
const TRANSPORT: [&str; 5] = ["host", "content-length", "connection", "upgrade", "date"];

/// Headers whose values are neither identifiers nor versions nor secrets.
const PLAIN: [&str; 8] = [
    "accept",
    "accept-encoding",
    "content-type",
    "originator",
    "openai-beta",
    "x-codex-beta-features",
    "x-openai-subagent",
    "x-codex-routing-hint",
];

fn name_of(header: &Value) -> String {
    header[0].as_str().unwrap_or_default().to_lowercase()
}

fn is_ours(name: &str) -> bool {
    !TRANSPORT.contains(&name) && !name.starts_with("sec-websocket")
}

/// Units that carry headers of a request to the model.
fn carriers(trace: &Trace) -> Vec<usize> {
    let asks = |unit: &usize| {
        let record = &trace.records[trace.units[*unit].record];
        record["path"]
            .as_str()
            .is_some_and(|path| path.contains("/responses"))
    };
    (0..trace.units.len())
        .filter(asks)
        .filter(|unit| !trace.headers(*unit).is_empty())
        .collect()
}

/// A header by name, and the units where it shall be changed.
fn draw(trace: &Trace, rng: &mut Rng, may: impl Fn(&str) -> bool) -> Option<(String, Vec<usize>)> {
    let unit = *rng.pick(&carriers(trace))?;
    let names: Vec<String> = trace.headers(unit).iter().map(name_of).collect();
    let allowed: Vec<String> = names.into_iter().filter(|name| may(name)).collect();
    let name = rng.pick(&allowed)?.clone();
    let having: Vec<usize> = carriers(trace)
        .into_iter()
        .filter(|unit| {
            trace
                .headers(*unit)
                .iter()
                .any(|header| name_of(header) == name)
        })
        .collect();
    let units = scope(rng, &having)?;
    Some((name, units))
}

fn place(name: &str) -> String {
    format!("/request/headers/{}", escape(name))
}

fn change_each(
    trace: &mut Trace,
    units: &[usize],
    name: &str,
    change: impl Fn(&mut Vec<Value>, usize),
) -> Option<()> {
    for unit in units {
        let headers = trace.headers_mut(*unit)?;
        let index = headers.iter().position(|header| name_of(header) == name)?;
        change(headers, index);
    }
    Some(())
}

pub(crate) fn dropped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let (name, units) = draw(trace, rng, is_ours)?;
    change_each(trace, &units, &name, |headers, index| {
        headers.remove(index);
    })?;
    Some(Expectation::new(format!("{name} in {units:?}")).at(&units, place(&name)))
}

pub(crate) fn renamed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let (name, units) = draw(trace, rng, is_ours)?;
    let other = match name.contains('-') {
        true => name.replacen('-', "_", 1),
        false => format!("x-{name}"),
    };
    change_each(trace, &units, &name, |headers, index| {
        headers[index][0] = other.as_str().into();
    })?;
    let detail = format!("{name} to {other} in {units:?}");
    Some(
        Expectation::new(detail)
            .at(&units, place(&name))
            .at(&units, place(&other)),
    )
}

pub(crate) fn value_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let (name, units) = draw(trace, rng, |name| PLAIN.contains(&name))?;
    change_each(trace, &units, &name, |headers, index| {
        let old = headers[index][1].as_str().unwrap_or_default().to_owned();
        headers[index][1] = format!("{old}-other").into();
    })?;
    Some(Expectation::new(format!("{name} in {units:?}")).at(&units, place(&name)))
}

pub(crate) fn duplicated(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let (name, units) = draw(trace, rng, |name| PLAIN.contains(&name))?;
    change_each(trace, &units, &name, |headers, index| {
        let copy = headers[index].clone();
        headers.insert(index + 1, copy);
    })?;
    Some(Expectation::new(format!("{name} in {units:?}")).at(&units, place(&name)))
}

pub(crate) fn added(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let units = scope(rng, &carriers(trace))?;
    for unit in &units {
        let headers = trace.headers_mut(*unit)?;
        headers.insert(headers.len() / 2, json!(["x-added", "yes"]));
    }
    Some(Expectation::new(format!("x-added in {units:?}")).at(&units, place("x-added")))
}

pub(crate) fn order_swapped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let units = scope(rng, &carriers(trace))?;
    let draw = rng.next() as usize;
    let mut swapped = Expectation::new(format!("two neighbours in {units:?}"));
    for unit in &units {
        let headers = trace.headers_mut(*unit)?;
        let first = draw % (headers.len() - 1);
        headers.swap(first, first + 1);
        swapped = swapped
            .at(&units, place(&name_of(&headers[first])))
            .at(&units, place(&name_of(&headers[first + 1])));
    }
    Some(swapped.at(&units, "/request/headers"))
}

pub(crate) fn case_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let (name, units) = draw(trace, rng, |_| true)?;
    change_each(trace, &units, &name, |headers, index| {
        let old = headers[index][0].as_str().unwrap_or_default();
        let upper = old.to_uppercase();
        headers[index][0] = if old == upper {
            old.to_lowercase()
        } else {
            upper
        }
        .into();
    })?;
    Some(Expectation::new(format!("{name} in {units:?}")).at(&units, place(&name)))
}

/// A field of `x-codex-turn-metadata` that says what the request is, not when or which.
pub(crate) fn metadata_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let plain = [
        "sandbox",
        "sandbox_mode",
        "thread_source",
        "turn_trigger",
        "reasoning_effort",
        "model",
    ];
    let (unit, pointer) = metadata_field(trace, rng, &plain)?;
    trace.edit(unit, &pointer, |value| *value = "other".into())?;
    Some(Expectation::new(format!("{pointer} in exchange {unit}")).at(&[unit], pointer))
}

pub(crate) fn metadata_kind_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let (unit, pointer) = metadata_field(trace, rng, &["request_kind"])?;
    trace.edit(unit, &pointer, |value| {
        *value = if *value == "turn" {
            "compaction"
        } else {
            "turn"
        }
        .into();
    })?;
    Some(Expectation::new(format!("{pointer} in exchange {unit}")).at(&[unit], pointer))
}

fn metadata_field(trace: &Trace, rng: &mut Rng, keys: &[&str]) -> Option<(usize, String)> {
    let mut fields = Vec::new();
    for unit in carriers(trace) {
        for leaf in trace.leaves(unit) {
            let (parent, key) = leaf.pointer.rsplit_once('/')?;
            if parent.ends_with("/x-codex-turn-metadata") && keys.contains(&key) {
                fields.push((unit, leaf.pointer.clone()));
            }
        }
    }
    rng.pick(&fields).cloned()
}
