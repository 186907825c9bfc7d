//! Differences that several scenarios show, as lines for a person.

use std::collections::HashMap;

use crate::report::Section;

use super::SharedDifference;

/// A line of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The part of an exchange that it is about.
    pub(super) section: Option<Section>,
    /// How many scenarios show it.
    pub(super) scenarios: usize,
    /// What they show, and which they are if they are few.
    pub(super) text: String,
    names: Vec<String>,
}

/// As many scenarios are named.
const FEW: usize = 6;

/// The differences of an agent, in their order; members and header fields that only one side sends stand together where as many
/// scenarios show them.
pub(super) fn lines(shared: &[&SharedDifference]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    // Where the line of members stands that are alike.
    let mut members: HashMap<(&str, Option<Section>, &[String]), usize> = HashMap::new();
    for one in shared {
        let finding = &one.finding;
        let text = match member(one) {
            Some(member) => {
                let key = (finding.rule.as_str(), finding.section, &one.shown_by[..]);
                if let Some(line) = members.get(&key).and_then(|at| lines.get_mut(*at)) {
                    line.text.push_str(&format!(", {member}"));
                    continue;
                }
                members.insert(key, lines.len());
                format!("{}: {member}", finding.rule)
            }
            None => format!("{}: {}", finding.rule, finding.message),
        };
        lines.push(Line {
            section: finding.section,
            scenarios: one.scenarios,
            text,
            names: match one.shown_by.len() {
                ..=FEW => one.shown_by.clone(),
                _ => Vec::new(),
            },
        });
    }
    for line in &mut lines {
        if !line.names.is_empty() {
            line.text.push_str(&format!(" [{}]", line.names.join(", ")));
        }
    }
    lines
}

/// A member or header field that only one side sends, with its value if that is short; `None` for all else.
fn member(one: &SharedDifference) -> Option<String> {
    const MOST: usize = 24;
    let rules = ["key-added", "key-missing", "header-added", "header-missing"];
    let difference = one.finding.difference.as_ref();
    let difference = difference.filter(|_| rules.contains(&one.finding.rule.as_str()))?;
    if difference.subject.is_some() || difference.label.is_empty() {
        return None;
    }
    let value = difference.value.as_ref();
    let value = value.filter(|value| value.chars().count() <= MOST);
    Some(match value {
        Some(value) => format!("`{}` {value}", difference.label),
        None => format!("`{}`", difference.label),
    })
}
