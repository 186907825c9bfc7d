//! One finding, or several of a kind, in as few lines as will do.

use crate::report::{ExchangePair, Finding};

use super::escape::visible;
use super::section::Section;

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
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) sign: Sign,
    /// Heading under which it stands: a tool, an item.
    pub(super) subject: Option<String>,
    /// What it says, on one (wrapped) line.
    pub(super) text: String,
    /// Lines below it.
    pub(super) detail: Vec<String>,
    /// Which exchanges.
    pub(super) exchanges: Vec<ExchangePair>,
    pub(super) is_warning: bool,
    /// What must be equal for two entries to share a line.
    key: Option<String>,
    /// What it adds to a shared line.
    name: String,
}

/// Makes the entries of a section, joining members that one side lacks at the same place.
pub(super) fn entries(section: Section, findings: &[&Finding]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for finding in findings {
        let entry = Entry::new(section, finding);
        let same = entries.iter_mut().find(|other| {
            entry.key.is_some() && other.key == entry.key && other.exchanges == entry.exchanges
        });
        match same {
            Some(other) => {
                if !other.text.starts_with(&format!("{}, ", other.name)) {
                    other.text = other.name.clone();
                }
                other.text.push_str(", ");
                other.text.push_str(&entry.name);
            }
            None => entries.push(entry),
        }
    }
    if matches!(section, Section::Tools | Section::Input) {
        // Entries of one tool or item stand together, in order of first appearance.
        let order: Vec<Option<String>> = entries.iter().map(|e| e.subject.clone()).collect();
        entries.sort_by_key(|entry| order.iter().position(|subject| *subject == entry.subject));
    }
    entries
}

impl Entry {
    fn new(section: Section, finding: &Finding) -> Self {
        let sign = Sign::of(&finding.rule);
        let label = section.label(finding);
        let mut exchanges = vec![finding.exchange];
        exchanges.extend(&finding.recurs);
        let whole = finding.rule.starts_with("tool-") || finding.rule.starts_with("item-");
        let subject = if whole && sign != Sign::Changed {
            None
        } else {
            finding.subject.clone()
        };
        let name = name(finding, &label);
        let parent = label.rsplit_once('/').map_or("", |(parent, _)| parent);
        let is_joinable = matches!(
            finding.rule.as_str(),
            "key-missing"
                | "key-added"
                | "tool-missing"
                | "tool-added"
                | "element-missing"
                | "element-added"
        );
        let key = is_joinable.then(|| format!("{} {subject:?} {parent}", finding.rule));
        Self {
            sign,
            text: text(section, finding, &label),
            detail: finding
                .detail
                .iter()
                .map(|line| visible(line).into_owned())
                .collect(),
            exchanges,
            is_warning: finding.level == crate::report::Level::Warning,
            subject: subject.map(|s| visible(&s).into_owned()),
            key,
            name,
        }
    }
}

/// What a finding is called on a line that it shares.
fn name(finding: &Finding, label: &str) -> String {
    let name = match (&finding.subject, finding.rule.as_str()) {
        (Some(subject), "tool-missing" | "tool-added") => subject
            .trim_start_matches("tool ")
            .trim_matches('`')
            .to_owned(),
        (_, "element-missing") => shortened(finding.baseline.as_deref().unwrap_or(label), 48),
        (_, "element-added") => shortened(finding.candidate.as_deref().unwrap_or(label), 48),
        _ => label.to_owned(),
    };
    visible(&name).into_owned()
}

fn text(section: Section, finding: &Finding, label: &str) -> String {
    let value = |side: &Option<String>| shortened(side.as_deref().unwrap_or_default(), 80);
    let text = match finding.rule.as_str() {
        "key-missing" | "header-missing" => format!("{label}: {}", value(&finding.baseline)),
        "key-added" | "header-added" => format!("{label}: {}", value(&finding.candidate)),
        "tool-missing" | "tool-added" => name(finding, label),
        "item-missing" => finding.message.replace(" is not sent by the candidate", ""),
        "item-added" => finding
            .message
            .replace(" is sent by the candidate only", ""),
        "exchange-missing" => finding.message.replace(" is not made by the candidate", ""),
        "exchange-added" => finding
            .message
            .replace(" is made by the candidate only", ""),
        "element-missing" => format!("{label}: {}", value(&finding.baseline)),
        "element-added" => format!("{label}: {}", value(&finding.candidate)),
        "value-changed" | "header-changed" | "status-changed" | "stream-end-changed"
        | "method-changed" | "path-changed" | "endpoint-changed"
            if finding.detail.is_empty() && finding.baseline.is_some() =>
        {
            format!(
                "{label}: {} → {}",
                value(&finding.baseline),
                value(&finding.candidate)
            )
        }
        _ if section == Section::Identifiers => format!("{}: {}", finding.pointer, finding.message),
        _ if section == Section::Reading => {
            format!(
                "{}: {}",
                finding.subject.as_deref().unwrap_or_default(),
                finding.message
            )
        }
        _ if label.is_empty() => finding.message.clone(),
        _ => format!("{label}: {}", finding.message),
    };
    visible(&text).into_owned()
}

/// The beginning of a text.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text[..at].trim_end_matches('…')),
        None => text.to_owned(),
    }
}
