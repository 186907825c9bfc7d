//! Findings that are one thing to a reader, on one line.

use std::collections::HashMap;

use crate::report::Finding;

use super::entry::{Entry, Shared, Sign};
use super::marks::Marks;
use super::section::{PARAMETER, Section};

/// Makes the entries of a section. With `is_verbose` each finding has its own wherever it has something of its own to
/// say.
pub(super) fn entries(
    section: Section,
    findings: &[&Finding],
    marks: &Marks,
    is_verbose: bool,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = findings
        .iter()
        .map(|finding| Entry::new(section, finding))
        .collect();
    match section {
        Section::Tools => drop_required(&mut entries),
        Section::Response if !is_verbose => fold_streams(&mut entries),
        Section::Identifiers if !is_verbose => {
            entries.iter_mut().for_each(|entry| entry.detail.clear());
        }
        _ => {}
    }
    let mut entries = share_lines(entries, marks, is_verbose);
    if section == Section::Tools {
        entries = share_subjects(entries, marks);
    }
    if matches!(section, Section::Tools | Section::Input) {
        // What comes or goes as a whole, then what is in many items, then item by item in order of first appearance.
        let order: Vec<Option<String>> = entries.iter().map(|e| e.subject.clone()).collect();
        let rank = |entry: &Entry| match entry.subject.as_deref() {
            None => 0,
            Some(subject) if subject.starts_with("several ") => 1,
            _ => 2,
        };
        entries.sort_by_key(|entry| {
            let at = order.iter().position(|subject| *subject == entry.subject);
            (rank(entry), at)
        });
    }
    entries
}

/// A parameter that comes or goes is also named in `required`: that is no second finding to a reader.
fn drop_required(entries: &mut Vec<Entry>) {
    let parameters: Vec<(Sign, Option<String>, String)> = entries
        .iter()
        .filter_map(|entry| {
            let name = entry.label.strip_prefix(PARAMETER)?;
            Some((entry.sign, entry.subject.clone(), name.to_owned()))
        })
        .collect();
    entries.retain(|entry| {
        let name = entry
            .shared
            .as_ref()
            .and_then(|shared| shared.names.first());
        let is_told = |name: &String| {
            let name = name.trim_matches('"');
            let mut told = parameters.iter();
            told.any(|(sign, subject, other)| {
                *sign == entry.sign && *subject == entry.subject && other == name
            })
        };
        entry.label != "required" || !name.is_some_and(is_told)
    });
}

/// Joins what may share a line at the same place and in the same exchanges.
fn share_lines(entries: Vec<Entry>, marks: &Marks, is_verbose: bool) -> Vec<Entry> {
    let mut joined: Vec<Entry> = Vec::with_capacity(entries.len());
    let mut known: HashMap<String, Vec<usize>> = HashMap::new();
    for entry in entries {
        let Some(shared) = entry
            .shared
            .as_ref()
            .filter(|_| !is_verbose || entry.detail.is_empty())
        else {
            joined.push(entry);
            continue;
        };
        let group = known.entry(shared.key.clone()).or_default();
        let fits = |&&at: &&usize| {
            let other = &joined[at];
            marks.are_alike(other, &entry) && other.is_warning == entry.is_warning
        };
        match group.iter().find(fits) {
            Some(&at) => join(&mut joined[at], shared),
            None => {
                group.push(joined.len());
                joined.push(entry);
            }
        }
    }
    joined
}

fn join(entry: &mut Entry, with: &Shared) {
    let Some(shared) = &mut entry.shared else {
        return;
    };
    let new = with
        .names
        .iter()
        .filter(|name| !shared.names.contains(name));
    let new: Vec<String> = new.cloned().collect();
    shared.names.extend(new);
    if shared.names.len() > 1 {
        entry.text = format!(
            "{}{}{}",
            shared.before,
            shared.names.join(", "),
            shared.after
        );
        entry.detail.clear();
    }
}

/// Joins entries of several tools that say the same.
fn share_subjects(entries: Vec<Entry>, marks: &Marks) -> Vec<Entry> {
    let mut joined: Vec<Entry> = Vec::with_capacity(entries.len());
    for entry in entries {
        let same = joined.iter_mut().find(|other| {
            entry.subject.is_some()
                && other.subject.is_some()
                && other.sign == entry.sign
                && other.text == entry.text
                && other.detail == entry.detail
                && marks.are_alike(other, &entry)
        });
        let Some(other) = same else {
            joined.push(entry);
            continue;
        };
        let names = |subject: &Option<String>| {
            let subject = subject.as_deref().unwrap_or_default();
            let names = subject.strip_prefix("tools ");
            names
                .or(subject.strip_prefix("tool "))
                .unwrap_or(subject)
                .to_owned()
        };
        if other.subject != entry.subject {
            let both = format!("{}, {}", names(&other.subject), names(&entry.subject));
            other.subject = Some(format!("tools {both}"));
        }
    }
    joined
}

/// Where a streamed answer says again what the finished item says.
const REPEATED: &[&str] = &[
    "delta",
    "text",
    "part",
    "arguments",
    "input",
    "response/output",
];

/// A stream tells each text several times: in pieces, whole, in the item, in the response. One of them is enough.
fn fold_streams(entries: &mut Vec<Entry>) {
    let is_repeated = |entry: &Entry| {
        let place = entry.label.split_once(' ').map(|(_, place)| place);
        place.is_some_and(|place| {
            REPEATED
                .iter()
                .any(|repeated| place == *repeated || place.starts_with(&format!("{repeated}/")))
        })
    };
    let is_item = |entry: &Entry| {
        let place = entry.label.split_once(' ').map(|(_, place)| place);
        place.is_some_and(|place| place.starts_with("item/"))
    };
    let is_piece = |entry: &Entry| {
        let names = entry.shared.as_ref().map(|shared| &shared.names);
        entry.text.starts_with("event ")
            && names.is_some_and(|names| names.iter().all(|name| name.ends_with(".delta")))
    };
    let with_items: Vec<_> = entries
        .iter()
        .filter(|entry| is_item(entry))
        .map(|entry| entry.exchanges.clone())
        .collect();
    entries.retain(|entry| {
        !(is_repeated(entry) || is_piece(entry)) || !with_items.contains(&entry.exchanges)
    });
}
