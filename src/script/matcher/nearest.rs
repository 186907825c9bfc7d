//! What of a request comes nearest to what was wanted.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::mismatch::lacking_member;
use super::{Difference, Facts, TextMatch};
use crate::capture::Redactor;
use crate::json::{Kind, Node};

/// How many characters of a text messages show.
const SHOWN: usize = 120;
/// How many lines are looked at for the nearest one.
const MAX_LINES: usize = 5_000;

/// The beginning of a text, with what was left out; secrets have stand-ins.
pub(super) fn clip(text: &str) -> String {
    // A secret that begins in what is shown is recognised by more than what is shown of it.
    let start: String = text.chars().take(8 * SHOWN).collect();
    let start = Redactor::new().text(start);
    match start.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", &start[..end], text.len()),
        None => start,
    }
}

/// A value of a request for a message.
pub(super) fn shown_value(node: Node<'_>) -> String {
    match node.kind() {
        Kind::Array => format!("an array of {}: {}", node.len(), clip(node.text())),
        _ => clip(node.text()),
    }
}

/// The difference to the text that is most like what was wanted; `texts` are places with their texts.
pub(super) fn nearest_text(
    expected: String,
    wanted: &TextMatch,
    texts: &[(String, String)],
    pointer: &str,
) -> Difference {
    let sought = wanted.equals.as_ref().or_else(|| {
        wanted
            .contains
            .iter()
            .find(|part| !texts.iter().any(|(_, text)| text.contains(*part)))
    });
    let surplus = || {
        let holds = |text: &str| wanted.lacks.iter().any(|part| text.contains(part));
        texts
            .iter()
            .flat_map(|(place, text)| text.lines().map(move |line| (place, line)))
            .find(|(_, line)| holds(line))
    };
    let near = match sought {
        Some(sought) => nearest_line(sought, texts),
        None => surplus(),
    };
    let whole = || match texts {
        [(place, text)] => Some((place, text.as_str())),
        _ => None,
    };
    match near.or_else(whole) {
        Some((place, line)) => Difference {
            pointer: place.clone(),
            expected,
            found: format!("{:?}", clip(line)),
        },
        None => Difference {
            pointer: pointer.to_owned(),
            expected,
            found: if texts.is_empty() {
                "no items".to_owned()
            } else {
                format!("nothing like it in {} items", texts.len())
            },
        },
    }
}

/// The line that shares most pairs of characters with the text sought, if they share a third.
fn nearest_line<'t>(sought: &str, texts: &'t [(String, String)]) -> Option<(&'t String, &'t str)> {
    let wanted = pairs(sought.lines().next().unwrap_or(sought));
    let lines = texts
        .iter()
        .rev()
        .flat_map(|(place, text)| text.lines().map(move |line| (place, line)))
        .filter(|(_, line)| !line.trim().is_empty())
        .take(MAX_LINES);
    let mut best = None;
    for (place, line) in lines {
        let score = likeness(&wanted, line);
        if best.as_ref().is_none_or(|(least, _)| score > *least) {
            best = Some((score, (place, line)));
        }
    }
    best.filter(|(score, _)| *score >= 1.0 / 3.0)
        .map(|(_, found)| found)
}

fn pairs(text: &str) -> BTreeSet<(char, char)> {
    let lower: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    lower.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

/// How much of the pairs wanted a line has; a long line is not better for its length.
fn likeness(wanted: &BTreeSet<(char, char)>, line: &str) -> f64 {
    let start: String = line.chars().take(400).collect();
    let found = pairs(&start);
    let shared = wanted.intersection(&found).count();
    shared as f64 / (wanted.len().max(1) as f64) - found.len() as f64 / 10_000.0
}

/// The difference to the item that has most of the wanted members.
pub(super) fn nearest_item(wanted: &Map<String, Value>, facts: &Facts<'_>) -> Difference {
    let score = |item: Node<'_>| {
        wanted
            .iter()
            .filter(|(key, value)| {
                let one = Map::from_iter([((*key).clone(), (*value).clone())]);
                lacking_member(&one, item).is_none()
            })
            .count()
    };
    let best = facts
        .input()
        .map(|(index, item)| (score(item), index, item))
        .max_by_key(|(score, index, _)| (*score, *index));
    let shown = clip(&Value::Object(wanted.clone()).to_string());
    match best {
        Some((score, index, item)) if score > 0 => {
            let (key, value) = lacking_member(wanted, item).unwrap_or(("", &Value::Null));
            Difference {
                pointer: format!("/request/body/input/{index}/{key}"),
                expected: format!("{} (an item with {shown})", clip(&value.to_string())),
                found: item.get(key).map_or("nothing".to_owned(), shown_value),
            }
        }
        Some((_, last, _)) => Difference {
            pointer: "/request/body/input".to_owned(),
            expected: format!("an item with {shown}"),
            found: format!("{} items, none like it", last + 1),
        },
        None => Difference {
            pointer: "/request/body/input".to_owned(),
            expected: format!("an item with {shown}"),
            found: "no items".to_owned(),
        },
    }
}
