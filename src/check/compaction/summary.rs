//! The summary, or the `compaction` item, in the history behind a compaction.

use crate::responses::message_text;
use crate::rollout::ItemClass;

use super::super::label::{excerpt, label, the};
use super::answer::Answer;
use super::check::Checker;
use super::items::Entry;
use super::outcome::Outcome;
use super::rules;

/// What stands in the place of the history.
pub(super) enum Found {
    /// What was delivered.
    At(usize),
    /// Something else that is new and looks like it.
    Other(usize),
    /// What was delivered is not known, and nothing looks like it.
    NotKnown,
    /// Nothing.
    Nowhere,
}

/// Finds what the compaction left.
pub(super) fn find_summary(outcome: &Outcome<'_, '_>, answer: &Answer) -> Found {
    let mut items = outcome.items.iter();
    let at = match answer {
        Answer::Text(text) => items.rposition(|entry| entry.says(text) && !outcome.has(entry)),
        Answer::Sealed(content) => items.rposition(|entry| entry.holds(content)),
        _ => None,
    };
    if let Some(at) = at {
        return Found::At(at);
    }
    let is_other = |entry: &Entry| entry.is_summary() && !outcome.has(entry);
    let other = outcome.items.iter().rposition(is_other);
    match (other, answer) {
        (Some(at), Answer::Unknown) => Found::At(at),
        (Some(at), _) => Found::Other(at),
        (None, Answer::Unknown) => Found::NotKnown,
        (None, _) => Found::Nowhere,
    }
}

impl Outcome<'_, '_> {
    /// Whether the item was in the history before.
    pub(super) fn has(&self, entry: &Entry) -> bool {
        self.known.contains(&entry.facts.meaning())
    }
}

impl Entry {
    fn is_message(&self) -> bool {
        self.facts.kind == "message"
            && self.facts.item.node().get_string("role").as_deref() != Some("assistant")
    }

    /// Whether it is a message to the model with this summary in it.
    fn says(&self, summary: &str) -> bool {
        self.is_message() && message_text(self.facts.item.node()).contains(summary)
    }

    fn holds(&self, content: &str) -> bool {
        let sealed = self.facts.item.node().get_string("encrypted_content");
        self.is_sealed() && sealed.as_deref() == Some(content)
    }

    fn is_sealed(&self) -> bool {
        matches!(
            self.facts.kind.as_ref(),
            "compaction" | "compaction_summary" | "context_compaction"
        )
    }

    /// Whether it is what a compaction leaves: a summary under the words that Codex and pycodex put before it, or a
    /// `compaction` item.
    pub(super) fn is_summary(&self) -> bool {
        self.class == ItemClass::Summary || self.is_sealed()
    }
}

/// Tells text behind the summary, in the message that holds it.
pub(super) fn check_end(
    outcome: &Outcome<'_, '_>,
    answer: &Answer,
    at: usize,
    checker: &mut Checker<'_>,
) {
    let Answer::Text(summary) = answer else {
        return;
    };
    let text = message_text(outcome.items[at].facts.item.node());
    let behind = text.rfind(summary.as_str());
    let behind = behind.map_or("", |start| text[start + summary.len()..].trim());
    if behind.is_empty() || checker.profile.compaction.ends_with_summary != Some(true) {
        return;
    }
    let (now, agent) = (outcome.now, checker.profile.label());
    let place = (now, now.request.input_pointer().index(at));
    checker.tell(
        outcome.episode,
        "end",
        rules::SUMMARY_ALTERED,
        place,
        |violation| {
            violation.subject = Some(label(&outcome.items[at].facts));
            violation.found = Some(excerpt(behind));
            violation.message = format!(
                "text stands behind the summary in its message in {now}; {agent} ends it with the summary"
            );
        },
    );
}

/// What the compaction delivered, for messages and as an excerpt.
fn delivered(answer: &Answer) -> (&'static str, Option<String>) {
    match answer {
        Answer::Text(text) => ("the summary", Some(excerpt(text))),
        Answer::Sealed(content) => ("the compaction item", Some(excerpt(content))),
        _ => ("the summary", None),
    }
}

pub(super) fn tell_missing(outcome: &Outcome<'_, '_>, answer: &Answer, checker: &mut Checker<'_>) {
    let (now, exchange) = (outcome.now, outcome.episode.last().request.exchange);
    let (what, expected) = delivered(answer);
    let place = (now, now.request.input_pointer());
    checker.tell(
        outcome.episode,
        "",
        rules::SUMMARY_MISSING,
        place,
        |violation| {
            violation.expected = expected;
            violation.message =
                format!("{what} that exchange #{exchange} delivered is not in the input of {now}");
        },
    );
}

pub(super) fn tell_altered(
    outcome: &Outcome<'_, '_>,
    answer: &Answer,
    at: usize,
    checker: &mut Checker<'_>,
) {
    let (now, exchange) = (outcome.now, outcome.episode.last().request.exchange);
    let (what, expected) = delivered(answer);
    let entry = &outcome.items[at];
    let place = (now, now.request.input_pointer().index(at));
    checker.tell(
        outcome.episode,
        "",
        rules::SUMMARY_ALTERED,
        place,
        |violation| {
            violation.expected = expected;
            violation.found = Some(excerpt(entry.facts.item.text()));
            violation.message = format!(
                "{} stands in {now} where {what} that exchange #{exchange} delivered has to",
                the(&entry.facts)
            );
        },
    );
}
