//! Which part of an exchange a finding is about.

use crate::report::{Finding, Source};

/// The parts of the report, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    Reading,
    Exchanges,
    Identifiers,
    Headers,
    TurnMetadata,
    Body,
    Instructions,
    Tools,
    Input,
    Response,
}

impl Section {
    /// The section of a finding.
    pub(super) fn of(finding: &Finding) -> Self {
        let pointer = finding.pointer.as_str();
        match finding.rule.as_str() {
            _ if finding.source == Source::Reader => return Section::Reading,
            "method-changed" | "path-changed" | "endpoint-changed" | "continuation-changed" => {
                return Section::Exchanges;
            }
            rule if rule.starts_with("exchange-") => return Section::Exchanges,
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
    pub(super) fn title(self) -> &'static str {
        match self {
            Section::Reading => "Reading",
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

    /// A finding's place below its section: `description` for `/request/body/tools/3/description`.
    pub(super) fn label(self, finding: &Finding) -> String {
        let pointer = finding.pointer.as_str();
        let below = |prefixes: &[&str]| {
            let found = prefixes
                .iter()
                .find_map(|prefix| pointer.strip_prefix(prefix));
            found.unwrap_or(pointer).trim_start_matches('/').to_owned()
        };
        let below_item = |prefixes: &[&str]| {
            let rest = below(prefixes);
            rest.split_once('/')
                .map_or(String::new(), |(_, label)| label.to_owned())
        };
        let label = match self {
            Section::Headers => below(&["/request/headers"]),
            Section::TurnMetadata => pointer
                .split_once("/x-codex-turn-metadata/")
                .map_or(String::new(), |(_, label)| label.to_owned()),
            Section::Tools => below_item(&["/request/body/tools"]),
            Section::Input => below_item(&["/request/body/input", "/request/effective_input"]),
            Section::Instructions => below(&["/request/body/instructions"]),
            Section::Response => below(&["/response"]),
            Section::Exchanges => below(&["/request"]),
            _ => below(&["/request/body", "/request"]),
        };
        label.replace("~1", "/").replace("~0", "~")
    }
}
