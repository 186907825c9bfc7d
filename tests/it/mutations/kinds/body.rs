//! Mutations of a request body outside `input` and `tools`.

use serde_json::{Value, json};

use crate::mutations::pick::{request_with, scope, uuids};
use crate::mutations::rng::Rng;
use crate::mutations::trace::{Trace, elements, escape};
use crate::mutations::verdict::Expectation;

/// Pointers of scalars at most two levels deep, such as `/stream` and `/reasoning/effort`; no identifiers, no lists, no
/// instructions.
fn scalars(body: &Value, has: impl Fn(&Value) -> bool) -> Vec<String> {
    let skipped = [
        "input",
        "tools",
        "instructions",
        "client_metadata",
        "previous_response_id",
    ];
    let is_wanted = |value: &Value| {
        let is_scalar = !value.is_object() && !value.is_array() && !value.is_null();
        let is_id = value.as_str().is_some_and(|text| !uuids(text).is_empty());
        is_scalar && !is_id && has(value)
    };
    let mut found = Vec::new();
    for (key, value) in body.as_object().into_iter().flatten() {
        if skipped.contains(&key.as_str()) || key == "type" {
            continue;
        }
        if is_wanted(value) {
            found.push(format!("/{}", escape(key)));
        }
        for (inner, value) in value.as_object().into_iter().flatten() {
            if is_wanted(value) {
                found.push(format!("/{}/{}", escape(key), escape(inner)));
            }
        }
    }
    found
}

/// Changes one scalar in one request or in all that have it with the same value.
fn scalar(
    trace: &mut Trace,
    rng: &mut Rng,
    has: impl Fn(&Value) -> bool + Copy,
    change: impl Fn(&mut Value),
) -> Option<Expectation> {
    let (pointer, units) = draw_scalar(trace, rng, has)?;
    for unit in &units {
        change(trace.body_mut(*unit).pointer_mut(&pointer)?);
    }
    let detail = format!("{pointer} in {units:?}");
    Some(Expectation::new(detail).at(&units, format!("/request/body{pointer}")))
}

fn draw_scalar(
    trace: &Trace,
    rng: &mut Rng,
    has: impl Fn(&Value) -> bool + Copy,
) -> Option<(String, Vec<usize>)> {
    let unit = request_with(trace, rng, |trace, unit| {
        !scalars(trace.body(unit), has).is_empty()
    })?;
    let pointer = rng.pick(&scalars(trace.body(unit), has))?.clone();
    let old = trace.body(unit).pointer(&pointer).cloned();
    let having: Vec<usize> = trace
        .requests()
        .into_iter()
        .filter(|unit| trace.body(*unit).pointer(&pointer) == old.as_ref())
        .collect();
    Some((pointer, scope(rng, &having)?))
}

pub(crate) fn scalar_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    scalar(
        trace,
        rng,
        |_| true,
        |value| {
            *value = match &*value {
                Value::Bool(flag) => (!flag).into(),
                Value::String(text) => format!("{text}-other").into(),
                Value::Number(number) => (number.as_f64().unwrap_or_default() as i64 + 1).into(),
                _ => "other".into(),
            };
        },
    )
}

/// `true` to `"true"`, `1` to `"1"`.
pub(crate) fn scalar_retyped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    scalar(
        trace,
        rng,
        |value| !value.is_string(),
        |value| *value = value.to_string().into(),
    )
}

pub(crate) fn scalar_nulled(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    scalar(trace, rng, |_| true, |value| *value = Value::Null)
}

pub(crate) fn scalar_removed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let (pointer, units) = draw_scalar(trace, rng, |_| true)?;
    let (parent, key) = pointer.rsplit_once('/')?;
    for unit in &units {
        let members = trace.body_mut(*unit).pointer_mut(parent)?.as_object_mut()?;
        members.shift_remove(key)?;
    }
    let detail = format!("{pointer} in {units:?}");
    Some(Expectation::new(detail).at(&units, format!("/request/body{pointer}")))
}

pub(crate) fn key_added(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let units = scope(rng, &trace.requests())?;
    for unit in &units {
        trace.body_mut(*unit)["unheard_of"] = json!({"a": 1});
    }
    Some(Expectation::new(format!("in {units:?}")).at(&units, "/request/body/unheard_of"))
}

pub(crate) fn nested_key_added(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let keys = ["reasoning", "text", "client_metadata"];
    let objects = |trace: &Trace, unit: usize| -> Vec<&str> {
        let is_object = |key: &&str| trace.body(unit)[*key].is_object();
        keys.into_iter().filter(is_object).collect()
    };
    let unit = request_with(trace, rng, |trace, unit| !objects(trace, unit).is_empty())?;
    let key = *rng.pick(&objects(trace, unit))?;
    let having: Vec<usize> = trace
        .requests()
        .into_iter()
        .filter(|unit| trace.body(*unit)[key].is_object())
        .collect();
    let units = scope(rng, &having)?;
    for unit in &units {
        trace.body_mut(*unit)[key]["unheard_of"] = "yes".into();
    }
    let pointer = format!("/request/body/{key}/unheard_of");
    Some(Expectation::new(format!("in {key} in {units:?}")).at(&units, pointer))
}

pub(crate) fn include_removed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let having: Vec<usize> = trace
        .requests()
        .into_iter()
        .filter(|unit| !elements(&trace.body(*unit)["include"]).is_empty())
        .collect();
    let units = scope(rng, &having)?;
    for unit in &units {
        trace.body_mut(*unit)["include"].as_array_mut()?.remove(0);
    }
    let expectation = Expectation::new(format!("in {units:?}"));
    Some(expectation.below(&units, "/request/body/include"))
}

pub(crate) fn client_metadata_dropped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let keys = |trace: &Trace, unit: usize| -> Vec<String> {
        let members = trace.body(unit)["client_metadata"].as_object();
        members.map_or_else(Vec::new, |members| members.keys().cloned().collect())
    };
    let unit = request_with(trace, rng, |trace, unit| !keys(trace, unit).is_empty())?;
    let key = rng.pick(&keys(trace, unit))?.clone();
    let having: Vec<usize> = trace
        .requests()
        .into_iter()
        .filter(|unit| keys(trace, *unit).contains(&key))
        .collect();
    let units = scope(rng, &having)?;
    for unit in &units {
        trace.body_mut(*unit)["client_metadata"]
            .as_object_mut()?
            .shift_remove(&key)?;
    }
    let pointer = format!("/request/body/client_metadata/{}", escape(&key));
    Some(Expectation::new(format!("{key} in {units:?}")).at(&units, pointer))
}

/// Control: `1` written `1.0`, in a field that holds no time, no session number, no counter and no usage.
pub(crate) fn number_form(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let mut places = Vec::new();
    for unit in 0..trace.units.len() {
        for leaf in trace.leaves(unit) {
            let key = leaf.pointer.rsplit('/').next().unwrap_or_default();
            let dynamic = ["_ms", "_at", "session_id", "sequence_number", "_tokens"];
            let is_dynamic = dynamic.iter().any(|end| key.ends_with(end));
            if leaf.value.is_u64() && !is_dynamic {
                places.push((unit, leaf.pointer));
            }
        }
    }
    let (unit, pointer) = rng.pick(&places)?.clone();
    trace.edit(unit, &pointer, |value| {
        *value = value.as_f64().unwrap_or_default().into();
    })?;
    let mut expectation = Expectation::new(format!("{pointer} in exchange {unit}"));
    if let Some(string) = enclosing_string(&pointer) {
        expectation = expectation.at(&[unit], string);
    }
    Some(expectation.at(&[unit], pointer))
}

/// A number inside a string of JSON may be reported as the string's form.
fn enclosing_string(pointer: &str) -> Option<String> {
    ["/arguments/", "/output/", "/x-codex-turn-metadata/"]
        .iter()
        .find_map(|inner| Some(pointer[..pointer.find(inner)? + inner.len() - 1].to_owned()))
}

/// Control: the keys of every object of a body in another order.
pub(crate) fn key_order(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let units = scope(rng, &trace.requests())?;
    for unit in &units {
        shuffle_keys(trace.body_mut(*unit), rng);
    }
    Some(Expectation::new(format!("in {units:?}")))
}

fn shuffle_keys(value: &mut Value, rng: &mut Rng) {
    match value {
        Value::Object(members) => {
            let mut entries: Vec<(String, Value)> = std::mem::take(members).into_iter().collect();
            rng.shuffle(&mut entries);
            members.extend(entries);
            members
                .values_mut()
                .for_each(|member| shuffle_keys(member, rng));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| shuffle_keys(item, rng)),
        _ => {}
    }
}
