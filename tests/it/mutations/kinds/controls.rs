//! Changes that another run of the same agent, or another recorder, would bring: none may be an error or a warning.

use serde_json::Value;

use crate::mutations::rng::Rng;
use crate::mutations::trace::{Trace, elements};
use crate::mutations::verdict::Expectation;

/// Nothing but writing the file again.
pub(crate) fn untouched(_: &mut Trace, _: &mut Rng) -> Option<Expectation> {
    Some(Expectation::new("written again"))
}

/// Every time of the recorder and of the agent moves by some minutes.
pub(crate) fn times_shifted(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let shift = 1_000 * (60 + rng.below(600) as u64);
    for record in &mut trace.records {
        shift_recorder(record, shift as f64);
    }
    for unit in 0..trace.units.len() {
        for leaf in trace.leaves(unit) {
            if leaf.pointer.ends_with("_unix_ms") {
                let later = leaf.value.as_u64()? + shift;
                trace.edit(unit, &leaf.pointer, |value| *value = later.into())?;
            }
        }
    }
    Some(Expectation::new(format!("by {shift} ms")))
}

fn shift_recorder(value: &mut Value, shift: f64) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match (key.ends_with("_ms"), member.as_f64()) {
                    (true, Some(time)) => *member = (time + shift).into(),
                    _ if key == "body" || key == "data" => {}
                    _ => shift_recorder(member, shift),
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| shift_recorder(item, shift)),
        _ => {}
    }
}

/// New chunk identifiers and run times in the outputs of commands.
pub(crate) fn chunks_renewed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let seed = rng.next();
    let text = serde_json::to_string(&trace.records).ok()?;
    let label = "Chunk ID: ";
    let mut pieces = text.split(label);
    let mut renewed = pieces.next()?.to_owned();
    let mut places = 0;
    for piece in pieces {
        // A chunk is sent again with the history, so its new name follows from its old one.
        let number = Rng::new(seed, &piece[..6]).next() & 0x00ff_ffff;
        renewed.push_str(&format!("{label}{number:06x}{}", &piece[6..]));
        places += 1;
    }
    let renewed = renewed.replace("Wall time: 0.", "Wall time: 1.");
    trace.records = elements(&serde_json::from_str(&renewed).ok()?).to_vec();
    (places > 0).then(|| Expectation::new(format!("{places} places")))
}

/// The server listened elsewhere.
pub(crate) fn port_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let port = 20_000 + rng.below(20_000);
    let mut changed = 0;
    for unit in 0..trace.units.len() {
        for header in trace.headers_mut(unit).into_iter().flatten() {
            let is_host = header[0]
                .as_str()
                .is_some_and(|name| name.eq_ignore_ascii_case("host"));
            let host = header[1].as_str().unwrap_or_default();
            if let (true, Some((name, _))) = (is_host, host.rsplit_once(':')) {
                header[1] = format!("{name}:{port}").into();
                changed += 1;
            }
        }
    }
    (changed > 0).then(|| Expectation::new(format!("to {port}")))
}

/// The agent worked in another directory.
pub(crate) fn directory_changed(trace: &mut Trace, rng: &mut Rng) -> Option<Expectation> {
    let text = serde_json::to_string(&trace.records).ok()?;
    let start = text.find("<cwd>")? + "<cwd>".len();
    let old = text[start..start + text[start..].find("</cwd>")?].to_owned();
    let new = format!("/srv/other-{}/project", rng.below(100));
    let moved = text.replace(&old, &new);
    trace.records = elements(&serde_json::from_str(&moved).ok()?).to_vec();
    Some(Expectation::new(format!("{old} to {new}")))
}

/// The same JSON written by another serialiser: with spaces and ASCII escapes, or without.
pub(crate) fn body_form_changed(trace: &mut Trace, _: &mut Rng) -> Option<Expectation> {
    let mut changed = 0;
    for record in &mut trace.records {
        let kind = &mut record["request"]["body_kind"];
        let other = match kind.as_str() {
            Some("json-compact") => "json-python",
            Some("json-python") => "json-compact",
            _ => continue,
        };
        *kind = other.into();
        changed += 1;
    }
    (changed > 0).then(|| Expectation::new(format!("{changed} bodies")))
}
