//! Which part of an exchange a finding is about.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Finding, Source, Subject};

/// The parts of the report, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// What could not be read.
    Reading,
    /// Contracts that one trace has to keep.
    Contracts,
    /// What was sent against what is on disk.
    Rollouts,
    /// Which exchanges there are, and with what they are made.
    Exchanges,
    /// Identifiers that are one on one side and several on the other.
    Identifiers,
    /// Header fields of requests.
    Headers,
    /// The JSON in `x-codex-turn-metadata`, a header and its copy in the body.
    TurnMetadata,
    /// Members of request bodies that have no part of their own.
    Body,
    /// The base instructions.
    Instructions,
    /// The tools that are offered.
    Tools,
    /// The items of the history.
    Input,
    /// What was answered.
    Response,
}

impl Section {
    /// The section of a finding.
    pub fn of(finding: &Finding) -> Self {
        let pointer = finding.pointer.as_str();
        match finding.rule.as_str() {
            _ if finding.source == Source::Reader => return Section::Reading,
            _ if finding.source == Source::Check && finding.rule.starts_with("rollout-") => {
                return Section::Rollouts;
            }
            _ if finding.source == Source::Check => return Section::Contracts,
            "method-changed" | "path-changed" | "endpoint-changed" | "continuation-changed" => {
                return Section::Exchanges;
            }
            rule if rule.starts_with("exchange-") => return Section::Exchanges,
            "recording-cut" if finding.pointer.is_root() => return Section::Exchanges,
            rule if rule.starts_with("identifier-") => return Section::Identifiers,
            _ => {}
        }
        let metadata = [
            "/request/headers/x-codex-turn-metadata/",
            "/request/body/client_metadata/x-codex-turn-metadata/",
        ];
        match pointer {
            p if metadata.iter().any(|prefix| p.starts_with(prefix)) => Section::TurnMetadata,
            p if p.starts_with("/request/headers") => Section::Headers,
            p if p.starts_with("/request/body/instructions") => Section::Instructions,
            p if p.starts_with("/request/body/tools") => Section::Tools,
            p if p.starts_with("/request/body/input")
                || p.starts_with("/request/effective_input") =>
            {
                Section::Input
            }
            p if p.starts_with("/response") => Section::Response,
            _ => Section::Body,
        }
    }

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Section::Reading => "Reading",
            Section::Contracts => "Contracts",
            Section::Rollouts => "Wire against disk",
            Section::Exchanges => "Exchanges",
            Section::Identifiers => "Identifiers",
            Section::Headers => "Request headers",
            Section::TurnMetadata => "Turn metadata (x-codex-turn-metadata)",
            Section::Body => "Request body",
            Section::Instructions => "Instructions",
            Section::Tools => "Tools",
            Section::Input => "Input items",
            Section::Response => "Responses",
        }
    }

    /// A finding's place below its section, for a person: `parameter `login` description` for
    /// `/request/body/tools/3/parameters/properties/login/description`.
    pub fn label(self, finding: &Finding) -> String {
        let pointer = finding.pointer.as_str();
        let below = |prefixes: &[&str]| {
            let found = prefixes
                .iter()
                .find_map(|prefix| pointer.strip_prefix(prefix));
            found.unwrap_or(pointer).trim_start_matches('/').to_owned()
        };
        let below_item = |prefixes: &[&str]| {
            let rest = below(prefixes);
            let is_list = rest.starts_with(|c: char| c.is_ascii_digit());
            match rest.split_once('/') {
                Some((_, label)) if is_list => label.to_owned(),
                _ if is_list => String::new(),
                _ => rest,
            }
        };
        let label = match self {
            Section::Headers => below(&["/request/headers"]),
            Section::TurnMetadata => pointer
                .split_once("/x-codex-turn-metadata/")
                .map_or(String::new(), |(_, label)| label.to_owned()),
            Section::Tools => tool_label(&below_item(&["/request/body/tools"])),
            Section::Input => item_label(
                &below_item(&["/request/body/input", "/request/effective_input"]),
                finding,
            ),
            Section::Instructions if finding.rule.starts_with("key-") => "instructions".to_owned(),
            Section::Instructions => below(&["/request/body/instructions"]),
            Section::Response => below(&["/response"]).replacen("/data/", " ", 1),
            Section::Exchanges => below(&["/request"]),
            _ => below(&["/request/body", "/request/headers", "/request"]),
        };
        let label = if finding.rule.starts_with("element-") {
            without_index(&label).to_owned()
        } else {
            label
        };
        label.replace("~1", "/").replace("~0", "~")
    }
}

/// Findings by the part of the report in which they are shown, each part in the order of the findings.
pub(super) fn by_section<'f>(findings: &[&'f Finding]) -> BTreeMap<Section, Vec<&'f Finding>> {
    let mut sections: BTreeMap<Section, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        sections
            .entry(Section::of(finding))
            .or_default()
            .push(finding);
    }
    sections
}

fn without_index(label: &str) -> &str {
    match label.rsplit_once('/') {
        Some((list, index)) if is_index(index) => list,
        None if is_index(label) => "",
        _ => label,
    }
}

fn is_index(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit())
}

/// What a parameter of a tool is called in labels.
pub(super) const PARAMETER: &str = "parameter ";

/// A place in a tool: parameters by their names, `questions[].options` for those inside others.
fn tool_label(path: &str) -> String {
    let mut segments = path.split('/').peekable();
    let mut name = String::new();
    let mut rest = Vec::new();
    while let Some(segment) = segments.next() {
        match segment {
            "parameters" if name.is_empty() && segments.peek() == Some(&"properties") => {}
            "properties" if rest.is_empty() && segments.peek().is_some() => {
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(segments.next().unwrap_or_default());
            }
            "items" if rest.is_empty() && !name.is_empty() && segments.peek().is_some() => {
                name.push_str("[]");
            }
            _ => rest.push(segment),
        }
    }
    let rest = rest.join("/");
    match (name.is_empty(), rest.is_empty()) {
        (true, _) => rest.strip_prefix("parameters/").unwrap_or(&rest).to_owned(),
        (false, true) => format!("{PARAMETER}{name}"),
        (false, false) => format!("{PARAMETER}{name}/{rest}"),
    }
}

/// A place in an item, without the numbers of content parts; nothing for the text of a part that the subject names.
fn item_label(path: &str, finding: &Finding) -> String {
    let is_named_part = finding.subject.as_ref().is_some_and(Subject::has_part);
    let segments: Vec<&str> = path
        .split('/')
        .filter(|segment| !is_index(segment))
        .collect();
    match segments.as_slice() {
        ["content", "text"] if is_named_part => String::new(),
        ["content", "text"] => "text".to_owned(),
        ["content"] if finding.rule.starts_with("element-") => String::new(),
        segments => segments.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_named() {
        let check = |path: &str, expect: &str| assert_eq!(tool_label(path), expect);
        check("description", "description");
        check("parameters/properties/login", "parameter login");
        check(
            "parameters/properties/login/description",
            "parameter login/description",
        );
        check(
            "parameters/properties/questions/items/properties/options/description",
            "parameter questions[].options/description",
        );
        check("parameters/required/0", "required/0");
        check("parameters/required", "required");
    }
}
