//! What may be mutated: targets whose change an observer of the traffic can tell from another run of the same agent.

use serde_json::Value;

use super::rng::Rng;
use super::trace::Trace;

/// One of the units, or all of them: a slip in one place, or an agent that behaves so always.
pub(crate) fn scope(rng: &mut Rng, units: &[usize]) -> Option<Vec<usize>> {
    let one = *rng.pick(units)?;
    Some(if rng.coin() {
        vec![one]
    } else {
        units.to_vec()
    })
}

/// Any request of a trace that has the asked property.
pub(crate) fn request_with(
    trace: &Trace,
    rng: &mut Rng,
    has: impl Fn(&Trace, usize) -> bool,
) -> Option<usize> {
    let units: Vec<usize> = trace
        .requests()
        .into_iter()
        .filter(|unit| has(trace, *unit))
        .collect();
    rng.pick(&units).copied()
}

/// The text with one letter changed, inside a word of letters only: never in a number, path, date, tag or identifier.
pub(crate) fn with_other_letter(text: &str, rng: &mut Rng) -> Option<String> {
    let mut places = Vec::new();
    let mut start = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let letters = word.trim_end();
        if letters.len() >= 3 && letters.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            places.extend(start..start + letters.len());
        }
        start += word.len();
    }
    let place = *rng.pick(&places)?;
    let mut bytes = text.as_bytes().to_vec();
    let old = bytes[place];
    let first = if old.is_ascii_uppercase() { b'A' } else { b'a' };
    bytes[place] = first + (old - first + 1 + rng.below(25) as u8) % 26;
    String::from_utf8(bytes).ok()
}

/// Positions in the text where a UUID starts.
pub(crate) fn uuids(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let is_word = |index: usize| {
        bytes
            .get(index)
            .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-')
    };
    let mut found = Vec::new();
    let mut start = 0;
    while start + 36 <= bytes.len() {
        let starts_word = start == 0 || !is_word(start - 1);
        if starts_word && is_uuid(&bytes[start..start + 36]) && !is_word(start + 36) {
            found.push(&text[start..start + 36]);
            start += 36;
        } else {
            start += 1;
        }
    }
    found
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(byte),
    })
}

/// Another identifier of the same shape: each digit and each hexadecimal letter after the first few characters drawn
/// again, at least the last of them. The version of a UUID stays.
pub(crate) fn fresh(id: &str, rng: &mut Rng) -> String {
    let tail = if uuids(id).is_empty() { 2 } else { 12 };
    let last = id.rfind(|c: char| c.is_ascii_digit() || ('a'..='f').contains(&c));
    let keep = last
        .expect("something of an identifier can be drawn again")
        .min(id.len() - tail);
    loop {
        let drawn: String = id
            .char_indices()
            .map(|(index, character)| match character {
                _ if index < keep => character,
                '0'..='9' => char::from(b'0' + rng.below(10) as u8),
                'a'..='f' => char::from(b'a' + rng.below(6) as u8),
                other => other,
            })
            .collect();
        if drawn != id {
            return drawn;
        }
    }
}

/// A fresh identifier that the trace does not hold.
pub(crate) fn fresh_in(trace: &Trace, id: &str, rng: &mut Rng) -> String {
    loop {
        let drawn = fresh(id, rng);
        if occurrences(trace, &drawn).is_empty() {
            return drawn;
        }
    }
}

/// Where a string occurs as a leaf or inside one: unit and pointer.
pub(crate) fn occurrences(trace: &Trace, id: &str) -> Vec<(usize, String)> {
    (0..trace.units.len())
        .flat_map(|unit| {
            trace
                .leaves(unit)
                .into_iter()
                .filter(|leaf| leaf.value.as_str().is_some_and(|text| text.contains(id)))
                .map(move |leaf| (unit, leaf.pointer))
        })
        .collect()
}

/// Whether an item came from another thread, so that the moment at which it enters the history is chance.
pub(crate) fn is_from_elsewhere(item: &Value) -> bool {
    item["type"] == "agent_message" || item.to_string().contains("<subagent_notification>")
}

/// Whether two items differ only in identifiers, so that nobody can say which of them was dropped or moved.
pub(crate) fn are_alike(one: &Value, other: &Value) -> bool {
    let plain = |item: &Value| {
        let mut item = item.clone();
        if let Some(members) = item.as_object_mut() {
            members.retain(|key, _| {
                key != "id" && key != "internal_chat_message_metadata_passthrough"
            });
        }
        let text = item.to_string();
        uuids(&text)
            .into_iter()
            .fold(text.clone(), |text, id| text.replace(id, "*"))
    };
    plain(one) == plain(other)
}

/// Positions in a request's input of items like the one given.
pub(crate) fn positions_like(trace: &Trace, unit: usize, item: &Value) -> Vec<usize> {
    let input = trace.input(unit).iter().enumerate();
    input
        .filter(|(_, other)| are_alike(item, other))
        .map(|(index, _)| index)
        .collect()
}

/// An item of some request's input with every place where the very same item was sent, or only one of them.
pub(crate) struct ItemTarget {
    /// Unit and position in its input.
    pub(crate) places: Vec<(usize, usize)>,
    pub(crate) item: Value,
}

impl ItemTarget {
    /// Draws an item with the asked property; not one from another thread.
    pub(crate) fn draw(trace: &Trace, rng: &mut Rng, has: impl Fn(&Value) -> bool) -> Option<Self> {
        let mut all = Vec::new();
        for unit in trace.requests() {
            for (index, item) in trace.input(unit).iter().enumerate() {
                if has(item) && !is_from_elsewhere(item) {
                    all.push((unit, index));
                }
            }
        }
        let (unit, index) = *rng.pick(&all)?;
        let item = trace.input(unit)[index].clone();
        let places = if rng.coin() {
            vec![(unit, index)]
        } else {
            all.into_iter()
                .filter(|(unit, index)| trace.input(*unit)[*index] == item)
                .collect()
        };
        Some(Self { places, item })
    }

    /// Changes the item wherever it was sent.
    pub(crate) fn change(&self, trace: &mut Trace, change: impl Fn(&mut Value)) -> Option<()> {
        for (unit, index) in &self.places {
            change(trace.input_mut(*unit)?.get_mut(*index)?);
        }
        Some(())
    }

    pub(crate) fn units(&self) -> Vec<usize> {
        self.places.iter().map(|(unit, _)| *unit).collect()
    }

    /// `in 3 requests` or `in exchange 2`.
    pub(crate) fn extent(&self) -> String {
        match self.places.as_slice() {
            [(unit, _)] => format!("in exchange {unit}"),
            many => format!("in {} requests", many.len()),
        }
    }
}
