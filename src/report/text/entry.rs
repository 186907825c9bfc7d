//! One finding in as few lines as will do.

use crate::report::{ExchangePair, Finding, Level, Source, Subject};
use crate::responses::context_tag;

use super::escape::visible;
use super::wrap::shortened;
use crate::report::section::{PARAMETER, Section};

/// What a line begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Only the baseline has it.
    Missing,
    /// Only the candidate has it.
    Added,
    /// Both have it, otherwise.
    Changed,
}

impl Sign {
    fn of(rule: &str) -> Self {
        if rule.ends_with("-missing") {
            Sign::Missing
        } else if rule.ends_with("-added") {
            Sign::Added
        } else {
            Sign::Changed
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Sign::Missing => "-",
            Sign::Added => "+",
            Sign::Changed => "~",
        }
    }
}

/// One or more findings shown together.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) sign: Sign,
    /// Heading under which it stands: a tool, an item.
    pub(super) subject: Option<Subject>,
    /// What it says, on one (wrapped) line.
    pub(super) text: String,
    /// Lines below it.
    pub(super) detail: Vec<String>,
    /// Which exchanges.
    pub(super) exchanges: Vec<ExchangePair>,
    pub(super) is_warning: bool,
    /// How it shares a line with others, if it may.
    pub(super) shared: Option<Shared>,
    /// The place below the section.
    pub(super) label: String,
}

/// A part of a line that several findings share: `parent: name, name`.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    /// What must be equal for two entries to share a line.
    pub(super) key: String,
    /// What stands before the names, with its colon or blank.
    pub(super) before: String,
    /// What stands behind them.
    pub(super) after: String,
    pub(super) names: Vec<String>,
}

impl Entry {
    pub(super) fn new(section: Section, finding: &Finding) -> Self {
        let label = visible(&section.label(finding)).into_owned();
        let mut exchanges = vec![finding.exchange];
        exchanges.extend(&finding.recurs);
        let subject = match finding.rule.as_str() {
            "item-missing" | "item-added" | "item-moved" => None,
            _ if matches!(
                section,
                Section::Reading | Section::Contracts | Section::Rollouts
            ) =>
            {
                None
            }
            "tool-missing" | "tool-added" => tool_of(finding).0,
            _ => finding.subject.clone(),
        };
        Self {
            sign: if is_unknown(finding) || finding.rule == "rollout-missing" {
                Sign::Changed
            } else {
                Sign::of(&finding.rule)
            },
            text: visible(&text(section, finding, &label)).into_owned(),
            detail: detail(finding),
            exchanges,
            is_warning: finding.level == Level::Warning,
            shared: shared(finding, &label, subject.as_ref()),
            subject,
            label,
        }
    }
}

/// The lines below an entry; for what is on disk too, where it stands there and what.
fn detail(finding: &Finding) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(place) = &finding.rollout {
        let name = place.path.rsplit('/').next().unwrap_or_default();
        lines.push(format!(
            "on disk: record {}, bytes {}–{}{} of {name}",
            place.record,
            place.start,
            place.end,
            match place.pointer.as_str() {
                "" => String::new(),
                pointer => format!(", {pointer}"),
            }
        ));
    }
    if finding.source == Source::Check {
        let sides = [("- ", &finding.baseline), ("+ ", &finding.candidate)];
        let sides = sides
            .into_iter()
            .filter_map(|(sign, text)| Some((sign, text.as_ref()?)));
        lines.extend(sides.map(|(sign, text)| format!("{sign}{}", text.replace('\n', "↵"))));
    }
    lines.extend(finding.detail.iter().cloned());
    lines
        .iter()
        .map(|line| visible(line).into_owned())
        .collect()
}

/// Whether a finding only says that nothing can be said, as a recording ends before.
fn is_unknown(finding: &Finding) -> bool {
    finding.message.contains("can't be compared")
}

/// How a finding shares a line with others of its kind.
fn shared(finding: &Finding, label: &str, subject: Option<&Subject>) -> Option<Shared> {
    let (before, after, name) = match finding.rule.as_str() {
        _ if is_unknown(finding) => return None,
        "key-missing" | "key-added" => member(label),
        "tool-missing" | "tool-added" => {
            let name = tool_of(finding).1;
            (String::new(), String::new(), name)
        }
        "element-missing" | "element-added" => {
            let before = match label {
                "" => String::new(),
                label => format!("{label}: "),
            };
            (before, String::new(), element_name(finding))
        }
        "event-missing" | "event-added" => {
            ("events ".to_owned(), String::new(), event_name(finding))
        }
        "item-moved" => {
            let (name, place) = moved(finding)?;
            (String::new(), format!(": {place}"), name)
        }
        _ => {
            let name = label
                .strip_prefix(PARAMETER)?
                .strip_suffix("/description")?;
            let before = "descriptions of parameters ".to_owned();
            (before, String::new(), name.to_owned())
        }
    };
    let key = format!("{:?} {subject:?} {before} {after}", Sign::of(&finding.rule));
    Some(Shared {
        key,
        before,
        after: visible(&after).into_owned(),
        names: vec![visible(&name).into_owned()],
    })
}

/// A member by its parent and its name.
fn member(label: &str) -> (String, String, String) {
    let (before, name) = match (label.rsplit_once('/'), label.strip_prefix(PARAMETER)) {
        (Some((parent, name)), _) => (format!("{parent}: "), name),
        (None, Some(name)) => ("parameters ".to_owned(), name),
        (None, None) => (String::new(), label),
    };
    (before, String::new(), name.to_owned())
}

/// What a tool stands in, and its name: `additional_tools item` and `exec` for ``additional_tools item › `exec` ``.
fn tool_of(finding: &Finding) -> (Option<Subject>, String) {
    match finding.subject.as_ref().map(|one| (one, one.as_tool())) {
        Some((_, Some((outer, name)))) => (outer, name.to_owned()),
        Some((several, None)) => (None, several.to_string()),
        None => (None, String::new()),
    }
}

/// An element that one side lacks: a context part by its tag, else its text.
fn element_name(finding: &Finding) -> String {
    let value = finding.baseline.as_deref().or(finding.candidate.as_deref());
    let value = value.unwrap_or_default();
    context_tag(value).map_or_else(|| shortened(value, 60), str::to_owned)
}

fn event_name(finding: &Finding) -> String {
    let name = finding.message.split('`').nth(1).unwrap_or_default();
    let end = if finding.message.contains("ends the response") {
        " (which ends the response)"
    } else {
        ""
    };
    format!("{name}{end}")
}

/// An item that moved, and where to.
fn moved(finding: &Finding) -> Option<(String, String)> {
    let name = finding.subject.as_ref()?.to_string();
    let rest = finding.message.strip_prefix(&name)?;
    let rest = rest.strip_prefix(" comes ")?;
    let rest = rest.strip_suffix(" it").unwrap_or(rest);
    Some((name, format!("now {rest}")))
}

fn text(section: Section, finding: &Finding, label: &str) -> String {
    let value = |side: &Option<String>| shortened(side.as_deref().unwrap_or_default(), 80);
    let message = finding.message.as_str();
    let without = |words: &str| message.replacen(words, "", 1);
    // What the item says may hold these words, too.
    let item = |words: &str| message.strip_suffix(words).unwrap_or(message).to_owned();
    match finding.rule.as_str() {
        _ if is_unknown(finding) => labelled(label, message),
        "key-missing" | "header-missing" => labelled(label, &value(&finding.baseline)),
        "key-added" | "header-added" => labelled(label, &value(&finding.candidate)),
        "header-renamed" => format!(
            "{} is called {} by the candidate",
            value(&finding.baseline),
            value(&finding.candidate)
        ),
        "tool-missing" | "tool-added" => tool_of(finding).1,
        "item-missing" => item(" is not sent by the candidate"),
        "item-added" => item(" is sent by the candidate only"),
        "item-moved" => match moved(finding) {
            Some((name, place)) => format!("{name}: {place}"),
            None => message.to_owned(),
        },
        "exchange-missing" => without(" is not made by the candidate"),
        "exchange-added" => without(" is made by the candidate only"),
        "element-missing" | "element-added" => labelled(label, &element_name(finding)),
        "event-missing" | "event-added" => format!("event {}", event_name(finding)),
        "value-changed" | "header-changed" | "status-changed" | "stream-end-changed"
        | "method-changed" | "path-changed" | "endpoint-changed" | "event-changed"
            if finding.detail.is_empty() && finding.baseline.is_some() =>
        {
            let (a, b) = (value(&finding.baseline), value(&finding.candidate));
            labelled(label, &format!("{a} → {b}"))
        }
        "text-changed" | "header-changed" => text_changed(finding, label),
        _ if matches!(section, Section::Contracts | Section::Rollouts) => {
            labelled(finding.pointer.as_str(), message)
        }
        _ if section == Section::Identifiers => {
            format!("{}: {message}", identifier_place(finding))
        }
        _ if section == Section::Reading => {
            let file = finding.subject.as_ref().map(Subject::to_string);
            labelled(&file.unwrap_or_default(), message)
        }
        _ => labelled(label, message),
    }
}

fn labelled(label: &str, text: &str) -> String {
    match (label, text) {
        ("", text) => text.to_owned(),
        (label, "") => label.to_owned(),
        (label, text) => format!("{label}: {text}"),
    }
}

/// How many lines differ, unless the lines below say all.
fn text_changed(finding: &Finding, label: &str) -> String {
    let counts = finding.message.trim_start_matches("text changed: ");
    match (label, counts) {
        ("" | "text", "1 line differs") => "text changed".to_owned(),
        (label, "1 line differs") => label.to_owned(),
        ("" | "text", _) => finding.message.clone(),
        (label, counts) => format!("{label}: {counts}"),
    }
}

/// Where an identifier stands, without what every place begins with.
fn identifier_place(finding: &Finding) -> &str {
    let pointer = finding.pointer.as_str();
    let prefixes = ["/request/headers/", "/request/body/", "/request/", "/"];
    let plain = prefixes.iter().find_map(|p| pointer.strip_prefix(p));
    plain.unwrap_or(pointer)
}
