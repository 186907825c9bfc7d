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

/// The differences of an agent, in their order; members, header fields and tools that only one side sends stand together where the same
/// scenarios show them.
pub(super) fn lines(shared: &[&SharedDifference]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    // Where the line of members stands that are alike.
    let mut members: HashMap<(String, Option<Section>, &[String]), usize> = HashMap::new();
    for one in shared {
        let finding = &one.finding;
        let text = match member(one) {
            Some((beginning, member)) => {
                let key = (beginning.clone(), finding.section, &one.shown_by[..]);
                if let Some(line) = members.get(&key).and_then(|at| lines.get_mut(*at)) {
                    line.text.push_str(&format!(", {member}"));
                    continue;
                }
                members.insert(key, lines.len());
                format!("{beginning}{member}")
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

/// A member, header field or tool that only one side sends, with its value if that is short, and how its line begins; `None` for all
/// else.
fn member(one: &SharedDifference) -> Option<(String, String)> {
    const MOST: usize = 24;
    let difference = one.finding.difference.as_ref()?;
    let rule = one.finding.rule.as_str();
    match (rule, &difference.subject) {
        ("tool-added" | "tool-missing", Some(subject)) => {
            let (before, names) = subject.split_names()?;
            Some((format!("{rule}: {before}"), names))
        }
        ("key-added" | "key-missing" | "header-added" | "header-missing", None)
            if !difference.label.is_empty() =>
        {
            let value = difference.value.as_ref();
            let value = value.filter(|value| value.chars().count() <= MOST);
            let member = match value {
                Some(value) => format!("`{}` {value}", difference.label),
                None => format!("`{}`", difference.label),
            };
            Some((format!("{rule}: "), member))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{Mark, Thing};
    use crate::report::{CellFinding, Difference, Level, Subject};

    fn shared(
        rule: &str,
        subject: Option<Subject>,
        label: &str,
        names: &[&str],
    ) -> SharedDifference {
        let difference = Difference {
            id: String::new(),
            subject,
            beside: None,
            label: label.to_owned(),
            sentence: "is sent".to_owned(),
            value: Some("1".to_owned()),
        };
        SharedDifference {
            agent: "port".to_owned(),
            finding: CellFinding {
                section: Some(Section::Body),
                difference: Some(difference.clone()),
                ..CellFinding::new(rule, Level::Error, difference.message())
            },
            scenarios: names.len(),
            shown_by: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn tool(name: &str) -> Subject {
        Subject::One(Thing::tool(name))
    }

    #[test]
    fn what_only_one_side_sends_stands_together_where_the_same_scenarios_show_it() {
        let many: Vec<String> = (0..=FEW).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let item = Thing::item("search_output", Mark::Text("run `ls`".to_owned()));
        let within = Subject::One(item.tool_within("t"));
        let all = [
            shared("key-added", None, "a", &["x", "y"]),
            shared("key-added", None, "b", &["x", "y"]),
            shared("key-added", None, "c", &["x", "z"]),
            shared("tool-added", Some(tool("t")), "", &many),
            shared("tool-added", Some(tool("u")), "", &many),
            shared("tool-added", Some(within.clone()), "", &["z"]),
            shared("value-changed", None, "d", &["x", "y"]),
        ];
        let texts: Vec<String> = lines(&all.iter().collect::<Vec<_>>())
            .into_iter()
            .map(|line| format!("{} × {}", line.scenarios, line.text))
            .collect();
        let expect = [
            "2 × key-added: `a` 1, `b` 1 [x, y]",
            "2 × key-added: `c` 1 [x, z]",
            "7 × tool-added: tool `t`, `u`",
            "1 × tool-added: search_output \"run `ls`\" › `t` [z]",
            "2 × value-changed: d: is sent [x, y]",
        ];
        assert_eq!(texts, expect);
    }
}
