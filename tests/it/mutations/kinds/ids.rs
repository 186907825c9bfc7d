//! Mutations of identifiers that hold a capture together. Only identifiers that occur more than once are touched: what
//! occurs once may be anything.

use crate::mutations::pick::{fresh, fresh_in, occurrences, scope, uuids};
use crate::mutations::rng::Rng;
use crate::mutations::trace::{Leaf, Trace, elements};
use crate::mutations::verdict::Expectation;

/// Makes the identifier in one leaf fresh. When only one other leaf holds it, the two are tied symmetrically, and either
/// may be blamed.
fn freshen(trace: &mut Trace, rng: &mut Rng, unit: usize, leaf: &Leaf) -> Option<Expectation> {
    let text = leaf.value.as_str()?;
    let id = uuids(text).first().copied().unwrap_or(text).to_owned();
    let mut others = occurrences(trace, &id);
    others.retain(|place| *place != (unit, leaf.pointer.clone()));
    if others.is_empty() {
        return None;
    }
    let changed = text.replace(&id, &fresh_in(trace, &id, rng));
    trace.edit(unit, &leaf.pointer, |value| *value = changed.into())?;
    let detail = format!(
        "{} in exchange {unit}, held by {} others",
        leaf.pointer,
        others.len()
    );
    let mut expectation = Expectation::new(detail).at(&[unit], leaf.pointer.clone());
    if let [(other, pointer)] = others.as_slice() {
        expectation = expectation.at(&[*other], pointer.clone());
    }
    Some(expectation)
}

/// Leaves of requests that are an identifier and nothing else, or with a short prefix or suffix.
fn id_leaves(trace: &Trace, may: impl Fn(&str) -> bool) -> Vec<(usize, Leaf)> {
    let mut found = Vec::new();
    for unit in 0..trace.units.len() {
        for leaf in trace.leaves(unit) {
            let is_id = leaf
                .value
                .as_str()
                .is_some_and(|text| text.len() < 50 && uuids(text).len() == 1);
            if is_id && may(&leaf.pointer) && occurrences_of(trace, &leaf) > 1 {
                found.push((unit, leaf));
            }
        }
    }
    found
}

fn occurrences_of(trace: &Trace, leaf: &Leaf) -> usize {
    let text = leaf.value.as_str().unwrap_or_default();
    uuids(text)
        .first()
        .map_or(0, |id| occurrences(trace, id).len())
}

fn fresh_where(
    trace: &mut Trace,
    rng: &mut Rng,
    may: impl Fn(&str) -> bool,
) -> Option<Expectation> {
    let leaves = id_leaves(trace, may);
    let (unit, leaf) = rng.pick(&leaves)?;
    freshen(trace, rng, *unit, leaf)
}

pub(crate) fn fresh_in_header(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    fresh_where(trace, rng, |pointer| {
        pointer.starts_with("/request/headers/") && pointer.split('/').count() == 4
    })
}

pub(crate) fn fresh_in_body(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    fresh_where(trace, rng, |pointer| {
        pointer.starts_with("/request/body/")
            && !pointer.starts_with("/request/body/input/")
            && !pointer.contains("turn-metadata")
    })
}

pub(crate) fn fresh_in_metadata(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    fresh_where(trace, rng, |pointer| {
        pointer.contains("/x-codex-turn-metadata/")
    })
}

/// The `id` of an item that is sent again and again, in one request only.
pub(crate) fn fresh_in_item(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let mut leaves = Vec::new();
    for unit in trace.requests() {
        for leaf in trace.leaves(unit) {
            let is_input = leaf.pointer.starts_with("/request/body/input/");
            let is_tied = leaf
                .value
                .as_str()
                .is_some_and(|id| occurrences(trace, id).len() > 1);
            if is_input && leaf.pointer.ends_with("/id") && is_tied {
                leaves.push((unit, leaf));
            }
        }
    }
    let (unit, leaf) = rng.pick(&leaves)?;
    freshen(trace, rng, *unit, leaf)
}

pub(crate) fn call_id_on_call(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    call_id(trace, rng, "_call")
}

pub(crate) fn call_id_on_output(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    call_id(trace, rng, "_call_output")
}

/// The `call_id` of one side of a call in one request or in all of them; the response that made the call still has it.
fn call_id(trace: &mut Trace, rng: &mut Rng, side: &str) -> Option<Expectation> {
    let mut places = Vec::new();
    for unit in trace.requests() {
        for (index, item) in trace.input(unit).iter().enumerate() {
            let kind = item["type"].as_str().unwrap_or_default();
            if let (true, Some(id)) = (kind.ends_with(side), item["call_id"].as_str()) {
                places.push((unit, index, id.to_owned()));
            }
        }
    }
    let id = rng.pick(&places)?.2.clone();
    let having: Vec<usize> = places
        .iter()
        .filter(|place| place.2 == id)
        .map(|place| place.0)
        .collect();
    let units = scope(rng, &having)?;
    let other = fresh_in(trace, &id, rng);
    let mut expectation = Expectation::new(format!("{id} to {other} in {units:?}"));
    for (unit, index, _) in places
        .iter()
        .filter(|place| place.2 == id && units.contains(&place.0))
    {
        let pointer = format!("/request/body/input/{index}/call_id");
        trace.edit(*unit, &pointer, |value| *value = other.as_str().into())?;
        expectation = expectation.at(&units, pointer);
    }
    Some(expectation)
}

/// Two identifiers become one, everywhere.
pub(crate) fn merged(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let mut ids: Vec<String> = Vec::new();
    for unit in 0..trace.units.len() {
        for leaf in trace.leaves(unit) {
            for id in uuids(leaf.value.as_str().unwrap_or_default()) {
                if !ids.iter().any(|known| known == id) {
                    ids.push(id.to_owned());
                }
            }
        }
    }
    ids.retain(|id| occurrences(trace, id).len() > 1);
    rng.shuffle(&mut ids);
    let [kept, gone, ..] = ids.as_slice() else {
        return None;
    };
    let mut expectation = Expectation::new(format!("{gone} into {kept}"));
    for (unit, pointer) in occurrences(trace, gone)
        .into_iter()
        .chain(occurrences(trace, kept))
    {
        expectation = expectation.below(&[unit], pointer);
    }
    replace_text(trace, |text| text.replace(gone.as_str(), kept))?;
    Some(expectation)
}

/// Control: every identifier of the run gets another value, consistently, as another run would.
pub(crate) fn all_renamed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let text = serde_json::to_string(&trace.records).ok()?;
    let mut pairs: Vec<(String, String)> = Vec::new();
    for id in uuids(&text) {
        if !pairs.iter().any(|(old, _)| old == id) {
            pairs.push((id.to_owned(), fresh(id, rng)));
        }
    }
    if pairs.is_empty() {
        return None;
    }
    replace_text(trace, |text| {
        pairs
            .iter()
            .fold(text, |text, (old, new)| text.replace(old.as_str(), new))
    })?;
    Some(Expectation::new(format!("{} identifiers", pairs.len())))
}

fn replace_text(trace: &mut Trace, replace: impl FnOnce(String) -> String) -> Option<()> {
    let text = replace(serde_json::to_string(&trace.records).ok()?);
    trace.records = elements(&serde_json::from_str(&text).ok()?).to_vec();
    Some(())
}
