//! What a compaction delivered against the record that it left.

use crate::capture::DeliveredItem;
use crate::json::{Pointer, Value};
use crate::normalize::Level;
use crate::responses::{RequestKind, item_type, message_text};
use crate::rollout::RecordKind;

use super::super::label::excerpt;
use super::super::request::{Outcome, Request};
use super::super::violation::Violation;
use super::stretch::Stretch;

/// Tells where the record of a compaction does not hold what the model delivered: the summary, or the `compaction` item.
///
/// Holds for Codex 0.115.0–0.169.0, local and remote, and pycodex 0.1.13–0.5.1. A compaction that left no record failed.
pub(super) fn check_compaction(stretch: &Stretch<'_>, violations: &mut Vec<Violation>) {
    let request = stretch.request;
    if request.facts.kind != RequestKind::Compaction
        || request.response.outcome != Outcome::Completed
    {
        return;
    }
    let mut records = stretch.records();
    let Some((number, record)) = records.find(|(_, record)| record.kind == RecordKind::Compacted)
    else {
        return;
    };
    let (Some(payload), Some(file)) = (&record.payload, stretch.file()) else {
        return;
    };
    let kept = Kept::of(payload);
    let summary = request
        .response
        .delivered
        .iter()
        .rfind(|one| is_summary(one));
    let (pointer, message) = match summary {
        Some(one) if kept.holds(one) => return,
        Some(one) => (
            one.pointer(),
            "the rollout's compaction does not hold the summary that was delivered",
        ),
        None if kept.has_no_summary_of(request) => return,
        None => (
            Pointer::root().key("response"),
            "the rollout has a compaction though its response delivered no summary",
        ),
    };
    let exchange = Some(request.exchange);
    let mut violation = Violation::new(
        "rollout-compaction-changed",
        Level::Error,
        exchange,
        pointer,
    );
    violation.message = message.to_owned();
    violation.place = Some(file.own_place(number, Pointer::root().key("payload")));
    violation.expected = kept.text.last().map(|text| excerpt(text));
    violation.found = summary.map(|summary| excerpt(&said(summary)));
    violations.push(violation);
}

/// Whether an item carries what a compaction says: an assistant's message, or an encrypted item.
fn is_summary(one: &DeliveredItem) -> bool {
    let node = one.item.node();
    match item_type(node).as_ref() {
        "compaction" | "compaction_summary" | "context_compaction" => true,
        "message" => node.get_string("role").as_deref() == Some("assistant"),
        _ => false,
    }
}

fn said(one: &DeliveredItem) -> String {
    let node = one.item.node();
    match node.get_string("encrypted_content") {
        Some(encrypted) => encrypted.into_owned(),
        None => message_text(node),
    }
}

/// The texts that a compaction left.
struct Kept {
    text: Vec<String>,
}

impl Kept {
    fn of(payload: &Value) -> Self {
        let message = payload.node().get_string("message");
        let mut text: Vec<String> = message.into_iter().map(|text| text.into_owned()).collect();
        let history = payload.node().get("replacement_history");
        for item in history.into_iter().flat_map(|history| history.items()) {
            text.push(match item.get_string("encrypted_content") {
                Some(encrypted) => encrypted.into_owned(),
                None => message_text(item),
            });
        }
        Self { text }
    }

    /// Whether this is what becomes of a request to which the model says nothing: old versions of Codex go on with these
    /// words, others and pycodex with what the model said last before (0.115.0–0.169.0, pycodex 0.1.13–0.2.7).
    fn has_no_summary_of(&self, request: &Request) -> bool {
        let is_said = |item: &&Value| {
            let node = item.node();
            item_type(node) == "message" && node.get_string("role").as_deref() == Some("assistant")
        };
        let last = request.input.iter().rfind(is_said);
        let last = last.map(|item| message_text(item.node()));
        let last = last
            .as_deref()
            .map(str::trim)
            .filter(|last| !last.is_empty());
        self.text.iter().any(|text| {
            // pycodex 0.2.7 says behind it where the whole history is.
            text.contains("(no summary available)") || last.is_some_and(|last| text.contains(last))
        })
    }

    fn holds(&self, one: &DeliveredItem) -> bool {
        let said = said(one);
        let said = said.trim();
        self.text.iter().any(|text| text.contains(said))
    }
}
