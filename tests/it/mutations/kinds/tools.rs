//! Mutations of the `tools` of a request.

use serde_json::{Value, json};

use crate::mutations::pick::{request_with, scope, with_other_letter};
use crate::mutations::rng::Rng;
use crate::mutations::trace::Trace;
use crate::mutations::verdict::Expectation;

/// A tool by position, and the requests that offer the very same list where it shall be changed.
fn draw(trace: &Trace, rng: &mut Rng, has: impl Fn(&Value) -> bool) -> Option<(usize, Vec<usize>)> {
    let unit = request_with(trace, rng, |trace, unit| trace.tools(unit).iter().any(&has))?;
    let list = trace.tools(unit);
    let fitting: Vec<usize> = (0..list.len()).filter(|index| has(&list[*index])).collect();
    let index = *rng.pick(&fitting)?;
    Some((index, with_same_tools(trace, rng, unit)?))
}

fn with_same_tools(trace: &Trace, rng: &mut Rng, unit: usize) -> Option<Vec<usize>> {
    let same: Vec<usize> = trace
        .requests()
        .into_iter()
        .filter(|other| trace.tools(*other) == trace.tools(unit))
        .collect();
    match scope(rng, &same)?.as_slice() {
        [_] => Some(vec![unit]),
        all => Some(all.to_vec()),
    }
}

fn change_lists(
    trace: &mut Trace,
    units: &[usize],
    change: impl Fn(&mut Vec<Value>),
) -> Option<()> {
    for unit in units {
        change(trace.body_mut(*unit)["tools"].as_array_mut()?);
    }
    Some(())
}

fn pointer(index: usize) -> String {
    format!("/request/body/tools/{index}")
}

fn name_of(tool: &Value) -> &str {
    tool["name"]
        .as_str()
        .or(tool["type"].as_str())
        .unwrap_or_default()
}

pub(crate) fn dropped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let (index, units) = draw(trace, rng, |_| true)?;
    let detail = format!("{} in {units:?}", name_of(&trace.tools(units[0])[index]));
    change_lists(trace, &units, |tools| {
        tools.remove(index);
    })?;
    Some(Expectation::new(detail).at(&units, pointer(index)))
}

pub(crate) fn added(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let (index, units) = draw(trace, rng, |_| true)?;
    let tool = json!({"type": "function", "name": "unheard_of", "description": "A tool that nobody knows.",
        "strict": false, "parameters": {"type": "object", "properties": {}}});
    change_lists(trace, &units, |tools| tools.insert(index, tool.clone()))?;
    Some(Expectation::new(format!("at {index} in {units:?}")).at(&units, pointer(index)))
}

pub(crate) fn renamed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let (index, units) = draw(trace, rng, |tool| tool["name"].is_string())?;
    let name = format!("{}_other", name_of(&trace.tools(units[0])[index]));
    change_lists(trace, &units, |tools| {
        tools[index]["name"] = name.as_str().into()
    })?;
    Some(Expectation::new(format!("{name} in {units:?}")).below(&units, pointer(index)))
}

/// Control: the same tools in another order.
pub(crate) fn reordered(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let unit = request_with(trace, rng, |trace, unit| trace.tools(unit).len() > 1)?;
    let units = with_same_tools(trace, rng, unit)?;
    let first = rng.below(trace.tools(unit).len() - 1);
    change_lists(trace, &units, |tools| tools.swap(first, first + 1))?;
    let detail = format!("{first} and {} in {units:?}", first + 1);
    Some(Expectation::new(detail).below(&units, "/request/body/tools"))
}

/// Pointers below a tool, at least four deep, to strings that have a letter to change.
fn deep_strings(tool: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(tool, String::new(), &mut |pointer, value| {
        let changed = value
            .as_str()
            .and_then(|text| with_other_letter(text, &mut Rng::new(0, "")));
        if pointer.split('/').count() > 4 && changed.is_some() {
            found.push(pointer.to_owned());
        }
    });
    found
}

fn walk(value: &Value, pointer: String, visit: &mut impl FnMut(&str, &Value)) {
    visit(&pointer, value);
    match value {
        Value::Object(members) => {
            for (key, member) in members.iter().filter(|(key, _)| !key.contains(['/', '~'])) {
                walk(member, format!("{pointer}/{key}"), visit);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, format!("{pointer}/{index}"), visit);
            }
        }
        _ => {}
    }
}

pub(crate) fn schema_letter_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let (index, units) = draw(trace, rng, |tool| !deep_strings(tool).is_empty())?;
    let tool = trace.tools(units[0])[index].clone();
    let inner = rng.pick(&deep_strings(&tool))?.clone();
    let text = with_other_letter(tool.pointer(&inner)?.as_str()?, rng)?;
    change_at(trace, &units, index, &inner, |value| {
        *value = text.as_str().into()
    })
}

pub(crate) fn description_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let (index, units) = draw(trace, rng, |tool| tool["description"].is_string())?;
    change_at(trace, &units, index, "/description", |value| {
        *value = format!("{} Or not.", value.as_str().unwrap_or_default()).into();
    })
}

pub(crate) fn schema_type_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let typed = |tool: &Value| {
        let mut found = Vec::new();
        walk(tool, String::new(), &mut |pointer, value| {
            if pointer.starts_with("/parameters/properties/")
                && pointer.ends_with("/type")
                && value.is_string()
            {
                found.push(pointer.to_owned());
            }
        });
        found
    };
    let (index, units) = draw(trace, rng, |tool| !typed(tool).is_empty())?;
    let inner = rng.pick(&typed(&trace.tools(units[0])[index]))?.clone();
    change_at(trace, &units, index, &inner, |value| {
        *value = if *value == "string" {
            "number"
        } else {
            "string"
        }
        .into();
    })
}

pub(crate) fn required_dropped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let has = |tool: &Value| tool.pointer("/parameters/required/0").is_some();
    let (index, units) = draw(trace, rng, has)?;
    change_lists(trace, &units, |tools| {
        let required = tools[index].pointer_mut("/parameters/required");
        required
            .and_then(Value::as_array_mut)
            .map(|list| list.remove(0));
    })?;
    let place = format!("{}/parameters/required", pointer(index));
    Some(Expectation::new(format!("{place} in {units:?}")).below(&units, place))
}

fn change_at(
    trace: &mut Trace,
    units: &[usize],
    index: usize,
    inner: &str,
    change: impl Fn(&mut Value),
) -> Option<Expectation> {
    change_lists(trace, units, |tools| {
        if let Some(value) = tools[index].pointer_mut(inner) {
            change(value);
        }
    })?;
    let place = format!("{}{inner}", pointer(index));
    Some(Expectation::new(format!("{place} in {units:?}")).at(units, place))
}
