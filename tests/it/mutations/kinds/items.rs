//! Mutations of the items of a request's `input`.

use serde_json::{Value, json};

use crate::mutations::pick::{
    ItemTarget, are_alike, is_from_elsewhere, positions_like, request_with, with_other_letter,
};
use crate::mutations::rng::Rng;
use crate::mutations::trace::{Trace, inner_json};
use crate::mutations::verdict::Expectation;

fn pointer(index: usize) -> String {
    format!("/request/body/input/{index}")
}

fn kind_of(item: &Value) -> &str {
    item["type"].as_str().unwrap_or_default()
}

pub(crate) fn dropped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let target = ItemTarget::draw(trace, rng, |_| true)?;
    let detail = format!("{} {}", kind_of(&target.item), target.extent());
    let mut expectation = Expectation::new(detail);
    for (unit, _) in &target.places {
        for index in positions_like(trace, *unit, &target.item) {
            expectation = expectation.at(&[*unit], pointer(index));
        }
    }
    for (unit, index) in target.places.iter().rev() {
        trace.input_mut(*unit)?.remove(*index);
    }
    Some(expectation)
}

pub(crate) fn doubled(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let target = ItemTarget::draw(trace, rng, |_| true)?;
    let detail = format!("{} {}", kind_of(&target.item), target.extent());
    let mut expectation = Expectation::new(detail);
    for (unit, index) in target.places.iter().rev() {
        trace
            .input_mut(*unit)?
            .insert(index + 1, target.item.clone());
    }
    for (unit, _) in &target.places {
        for index in positions_like(trace, *unit, &target.item) {
            expectation = expectation.at(&[*unit], pointer(index));
        }
    }
    Some(expectation)
}

pub(crate) fn added(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let unit = request_with(trace, rng, |trace, unit| !trace.input(unit).is_empty())?;
    let input = trace.input_mut(unit)?;
    let index = rng.below(input.len() + 1);
    let content = json!([{"type": "input_text", "text": "An item that nobody asked for."}]);
    input.insert(
        index,
        json!({"type": "message", "role": "user", "content": content}),
    );
    let detail = format!("at {index} in exchange {unit}");
    Some(Expectation::new(detail).at(&[unit], pointer(index)))
}

/// Moves an item over at least two others, in one request.
pub(crate) fn moved(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let unit = request_with(trace, rng, |trace, unit| {
        trace.input(unit).len() >= 3 && !trace.input(unit).iter().any(is_from_elsewhere)
    })?;
    let input = trace.input_mut(unit)?;
    let length = input.len();
    let from = rng.below(length);
    let far: Vec<usize> = (0..length).filter(|to| from.abs_diff(*to) >= 2).collect();
    let to = *rng.pick(&far)?;
    let between = &input[from.min(to)..=from.max(to)];
    if between
        .iter()
        .filter(|other| are_alike(other, &input[from]))
        .count()
        > 1
    {
        return None;
    }
    let item = input.remove(from);
    let detail = format!("{} from {from} to {to} in exchange {unit}", kind_of(&item));
    input.insert(to, item);
    let mut expectation = Expectation::new(detail)
        .at(&[unit], pointer(from))
        .at(&[unit], pointer(to));
    if from.abs_diff(to) == 2 && length == 3 {
        // Of three items, the two that were passed may as well have moved.
        expectation = expectation.at(&[unit], pointer(1));
    }
    Some(expectation)
}

pub(crate) fn swapped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let unit = request_with(trace, rng, |trace, unit| {
        trace.input(unit).len() >= 2 && !trace.input(unit).iter().any(is_from_elsewhere)
    })?;
    let input = trace.input_mut(unit)?;
    let first = rng.below(input.len() - 1);
    if are_alike(&input[first], &input[first + 1]) {
        return None;
    }
    input.swap(first, first + 1);
    let detail = format!("{first} and {} in exchange {unit}", first + 1);
    Some(
        Expectation::new(detail)
            .at(&[unit], pointer(first))
            .at(&[unit], pointer(first + 1)),
    )
}

/// Applies a change to one member of an item; a comparison may blame the member or, where it decides which item goes
/// with which, the item.
fn member_changed(
    trace: &mut Trace,
    target: &ItemTarget,
    member: &str,
    is_identity: bool,
    change: impl Fn(&mut Value),
) -> Option<Expectation> {
    let detail = format!("{member} of {} {}", kind_of(&target.item), target.extent());
    let mut expectation = Expectation::new(detail);
    for (unit, index) in &target.places {
        let place = pointer(*index);
        trace.edit(*unit, &format!("{place}/{member}"), &change)?;
        expectation = expectation.below(&[*unit], format!("{place}/{member}"));
        if is_identity {
            expectation = expectation.at(&[*unit], place);
        }
    }
    Some(expectation)
}

pub(crate) fn role_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let target = ItemTarget::draw(trace, rng, |item| item["role"].is_string())?;
    let role = match target.item["role"].as_str()? {
        "developer" => "user",
        _ => "developer",
    };
    member_changed(trace, &target, "role", true, |value| *value = role.into())
}

pub(crate) fn type_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let kinds = [
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
    ];
    let target = ItemTarget::draw(trace, rng, |item| kinds.contains(&kind_of(item)))?;
    let other = match kind_of(&target.item) {
        "function_call" => "custom_tool_call",
        "custom_tool_call" => "function_call",
        "function_call_output" => "custom_tool_call_output",
        _ => "function_call_output",
    };
    member_changed(trace, &target, "type", true, |value| *value = other.into())
}

pub(crate) fn member_added(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let target = ItemTarget::draw(trace, rng, Value::is_object)?;
    target.change(trace, |item| item["unheard_of"] = true.into())?;
    let mut expectation =
        Expectation::new(format!("{} {}", kind_of(&target.item), target.extent()));
    for (unit, index) in &target.places {
        expectation = expectation.at(&[*unit], format!("{}/unheard_of", pointer(*index)));
    }
    Some(expectation)
}

pub(crate) fn part_dropped(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let parts = |item: &Value| item["content"].as_array().map_or(0, Vec::len);
    let target = ItemTarget::draw(trace, rng, |item| parts(item) > 1)?;
    let part = rng.below(parts(&target.item));
    let mut expectation = Expectation::new(format!("content/{part} {}", target.extent()));
    for (unit, index) in &target.places {
        expectation = expectation.at(&[*unit], format!("{}/content/{part}", pointer(*index)));
    }
    target.change(trace, |item| {
        item["content"]
            .as_array_mut()
            .map(|content| content.remove(part));
    })?;
    Some(expectation)
}

/// A JSON string of call arguments with a value changed that is no identifier and no session number.
pub(crate) fn arguments_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let target = ItemTarget::draw(trace, rng, |item| argument(item).is_some())?;
    let key = argument(&target.item)?;
    let member = format!("arguments/{key}");
    member_changed(trace, &target, &member, false, |value| {
        *value = match &*value {
            Value::String(text) => format!("{text} else").into(),
            Value::Number(number) => (number.as_f64().unwrap_or_default() as i64 + 1).into(),
            _ => "else".into(),
        };
    })
}

fn argument(item: &Value) -> Option<String> {
    let arguments = inner_json(item["arguments"].as_str()?)?;
    let plain = arguments.as_object()?.iter().find(|(key, value)| {
        let is_plain = match value {
            Value::String(text) => crate::mutations::pick::uuids(text).is_empty(),
            Value::Number(_) => true,
            _ => false,
        };
        is_plain && *key != "session_id" && !key.contains('/')
    });
    plain.map(|(key, _)| key.clone())
}

/// Control: the same arguments, written with white space.
pub(crate) fn arguments_spaced(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let spaced = |item: &Value| {
        let inner = inner_json(item["arguments"].as_str()?)?;
        let text = serde_json::to_string_pretty(&inner).ok()?;
        (inner.to_string() != text).then_some(text)
    };
    let target = ItemTarget::draw(trace, rng, |item| spaced(item).is_some())?;
    let text = spaced(&target.item)?;
    target.change(trace, |item| item["arguments"] = text.as_str().into())?;
    let mut expectation = Expectation::new(target.extent());
    for (unit, index) in &target.places {
        expectation = expectation.at(&[*unit], format!("{}/arguments", pointer(*index)));
    }
    Some(expectation)
}

/// One letter of a text that the agent itself writes for a person or a model.
pub(crate) fn text_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    letter_changed(trace, rng, "content/0/text", |item| {
        kind_of(item) == "message" && item["role"] != "developer"
    })
}

pub(crate) fn output_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    letter_changed(trace, rng, "output", |item| {
        kind_of(item).ends_with("_output")
    })
}

/// One letter of the base instructions: of `instructions`, or of the first developer message where the agent sends them
/// there (codex 0.169.0).
pub(crate) fn instructions_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let unit = request_with(trace, rng, |trace, unit| {
        trace.body(unit)["instructions"].is_string()
    });
    let Some(unit) = unit else {
        return letter_changed(trace, rng, "content/0/text", |item| {
            item["role"] == "developer"
        });
    };
    let old = trace.body(unit)["instructions"].clone();
    let text = with_other_letter(old.as_str()?, rng)?;
    let having: Vec<usize> = trace
        .requests()
        .into_iter()
        .filter(|unit| trace.body(*unit)["instructions"] == old)
        .collect();
    let units = if rng.coin() { vec![unit] } else { having };
    for unit in &units {
        trace.body_mut(*unit)["instructions"] = text.as_str().into();
    }
    Some(Expectation::new(format!("in {units:?}")).at(&units, "/request/body/instructions"))
}

fn letter_changed(
    trace: &mut Trace,
    rng: &mut Rng,
    member: &str,
    has: impl Fn(&Value) -> bool,
) -> Option<Expectation> {
    let at = format!("/{member}");
    let text_of = |item: &Value| item.pointer(&at).and_then(Value::as_str).map(str::to_owned);
    let target = ItemTarget::draw(trace, rng, |item| {
        let has_letters = |text: String| with_other_letter(&text, &mut Rng::new(0, "")).is_some();
        has(item) && text_of(item).is_some_and(has_letters)
    })?;
    let text = with_other_letter(&text_of(&target.item)?, rng)?;
    member_changed(trace, &target, member, false, |value| {
        *value = text.as_str().into()
    })
}
