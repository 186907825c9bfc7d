//! Findings that are one thing to a reader, on one line.

use std::collections::HashMap;

use crate::report::{ExchangePair, Finding, Subject};

use super::entry::{Entry, Shared, Sign};
use super::marks::Marks;
use crate::report::section::{PARAMETER, Section};

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
        let order: Vec<Option<Subject>> = entries.iter().map(|e| e.subject.clone()).collect();
        let rank = |entry: &Entry| match &entry.subject {
            None => 0,
            Some(Subject::Several(_)) => 1,
            Some(_) => 2,
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
    let parameters: Vec<(Sign, Option<Subject>, String)> = entries
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
        if let (Some(known), Some(new)) = (&mut other.subject, &entry.subject)
            && known != new
        {
            *known = known.tools(new);
        }
    }
    joined
}

/// A stream tells each text several times: in pieces, whole, in the item, in the response. One of them is enough.
fn fold_streams(entries: &mut Vec<Entry>) {
    let told: Vec<(Vec<ExchangePair>, String)> = entries
        .iter()
        .filter_map(|entry| {
            let below_item = in_event(entry)?.strip_prefix("item/")?;
            Some((entry.exchanges.clone(), below_item.to_owned()))
        })
        .collect();
    entries.retain(|entry| {
        let is_told = |fits: &dyn Fn(&str) -> bool| {
            told.iter()
                .any(|(exchanges, place)| *exchanges == entry.exchanges && fits(place))
        };
        let is_text = |place: &str| {
            let first = place.split('/').next();
            matches!(first, Some("content" | "arguments" | "input" | "summary"))
        };
        if is_piece(entry) {
            return !is_told(&is_text);
        }
        let in_response = in_event(entry).and_then(|place| place.strip_prefix("response/output/"));
        let below_item = in_response.and_then(|place| place.split_once('/'));
        !below_item.is_some_and(|(_, place)| is_told(&|other| other == place))
    });
}

/// A place below the data of an event.
fn in_event(entry: &Entry) -> Option<&str> {
    entry.label.split_once(' ').map(|(_, place)| place)
}

/// Whether an entry is about a text while it comes, before the item that it makes up is whole.
fn is_piece(entry: &Entry) -> bool {
    let first = in_event(entry).and_then(|place| place.split('/').next());
    if matches!(
        first,
        Some("delta" | "text" | "part" | "arguments" | "input")
    ) {
        return true;
    }
    let names = entry.shared.as_ref().map(|shared| &shared.names);
    entry.text.starts_with("event ")
        && names.is_some_and(|names| names.iter().all(|name| name.ends_with(".delta")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{Mark, Thing};
    use crate::json::Pointer;
    use crate::report::{Level, Report, Source};

    /// A finding of a rule at a place, about a subject.
    fn finding(rule: &str, place: &str, subject: Option<Subject>) -> Finding {
        let pointer = place
            .split('/')
            .skip(1)
            .fold(Pointer::root(), |p, key| p.key(key));
        Finding {
            id: String::new(),
            source: Source::Diff,
            rule: rule.into(),
            level: Level::Error,
            exchange: ExchangePair::default(),
            pointer,
            also: Vec::new(),
            place: None,
            rollout: None,
            subject,
            beside: None,
            baseline: Some("a".into()),
            candidate: Some("b".into()),
            message: "text changed: 1 line differs".into(),
            accepted: None,
            recurs: Vec::new(),
            detail: Vec::new(),
        }
    }

    fn check(section: Section, findings: &[Finding], expect: &[&str]) {
        let marks = Marks::new(&Report::new(Vec::new(), Vec::new(), Vec::new()));
        let findings: Vec<&Finding> = findings.iter().collect();
        let texts: Vec<String> = entries(section, &findings, &marks, false)
            .into_iter()
            .map(|entry| {
                let subject = entry.subject.map_or(String::new(), |s| format!("{s}: "));
                format!("{subject}{} {}", entry.sign.text(), entry.text)
            })
            .collect();
        assert_eq!(texts, expect);
    }

    #[test]
    fn what_one_side_lacks_shares_a_line() {
        let at = |key: &str| finding("key-missing", &format!("/request/body/{key}"), None);
        check(
            Section::Body,
            &[
                at("text"),
                at("client_metadata/x"),
                at("store"),
                at("client_metadata/y"),
            ],
            &["- text, store", "- client_metadata: x, y"],
        );
    }

    #[test]
    fn a_parameter_is_told_once() {
        let at = |rule: &str, place: &str, tool: &str| {
            finding(
                rule,
                &format!("/request/body/tools/0/parameters/{place}"),
                Some(Subject::One(Thing::tool(tool))),
            )
        };
        let mut required = at("element-missing", "required/0", "a");
        required.baseline = Some("\"id\"".into());
        let descriptions = ["x", "y"].map(|name| {
            at(
                "text-changed",
                &format!("properties/{name}/description"),
                "a",
            )
        });
        check(
            Section::Tools,
            &[
                at("key-missing", "properties/id", "a"),
                required,
                descriptions[0].clone(),
                descriptions[1].clone(),
                at("key-missing", "properties/id", "b"),
            ],
            &[
                "tools `a`, `b`: - parameter id: a",
                "tool `a`: ~ descriptions of parameters x, y",
            ],
        );
    }

    #[test]
    fn only_what_is_about_several_items_stands_first() {
        let at = |subject| finding("text-changed", "/request/body/input/0/x", Some(subject));
        let item = |kind: &str| Thing::item(kind, Mark::None);
        check(
            Section::Input,
            &[
                at(Subject::One(item("several message"))),
                at(Subject::Several(vec![item("reasoning item")])),
            ],
            &["several reasoning items: ~ x", "several message: ~ x"],
        );
    }

    #[test]
    fn tools_of_any_name_share_a_line() {
        let at = |subject| {
            let place = "/request/body/tools/0/description";
            finding("text-changed", place, Some(subject))
        };
        let tool = |name: &str| Thing::tool(name);
        check(
            Section::Tools,
            &[
                at(Subject::Tools(vec![tool("x, y"), tool("tools ")])),
                at(Subject::One(tool("x"))),
                at(Subject::One(tool("x, y"))),
            ],
            &["tools `x, y`, `tools `, `x`: ~ description"],
        );
    }

    #[test]
    fn a_streamed_text_is_told_once() {
        let at = |place: &str| finding("value-changed", &format!("/response/events/{place}"), None);
        let all = [
            at("4/data/delta"),
            at("6/data/text"),
            at("8/data/item/content/0/text"),
            at("9/data/response/output/0/content/0/text"),
            at("9/data/response/output/0/status"),
        ];
        check(
            Section::Response,
            &all,
            &[
                "~ events/8 item/content/0/text: a → b",
                "~ events/9 response/output/0/status: a → b",
            ],
        );
        check(Section::Response, &all[..1], &["~ events/4 delta: a → b"]);
    }
}
