//! Turns that end on a call which the agent should have answered.

use crate::normalize::Level;
use crate::responses::RequestKind;

use super::super::attempts::{ThreadView, View};
use super::super::item::ItemFacts;
use super::super::label::{excerpt, label, the};
use super::super::profiles::{InvalidArguments, Profile};
use super::super::request::Outcome;
use super::super::sink::Sink;
use super::rules;

/// Checks that a thread does not end on a call whose arguments are no JSON: nothing was executed that could still run.
///
/// A capture that just ends may have ended before the answer, so that this is a note there.
pub(in super::super) fn check_end(
    view: &View<'_>,
    thread: &ThreadView<'_>,
    profile: &Profile,
    sink: &mut Sink,
) {
    let last = thread.attempts.last();
    let Some(last) = last.filter(|_| is_promised(profile)) else {
        return;
    };
    let response = &last.request.response;
    if response.outcome != Outcome::Completed || last.request.facts.kind != RequestKind::Turn {
        return;
    }
    for delivered in &response.delivered {
        let facts = ItemFacts::new(delivered.item.clone());
        if facts.has_valid_arguments() || !facts.is_readable() {
            continue;
        }
        let pointer = delivered.pointer();
        let mut violation = rules::CALL_UNANSWERED.at(last.exchange(), pointer);
        if !view.is_long_past(last.exchange()) {
            violation.level = Level::Note;
        }
        violation.subject = Some(label(&facts));
        violation.expected = Some("a request with an output that tells the model".to_owned());
        violation.found = Some(excerpt(facts.item.text()));
        violation.message = format!(
            "{}, whose arguments are no JSON, is not answered behind {last}, as {} does",
            the(&facts),
            profile.label()
        );
        let cause = format!("{} {:x}", thread.id.unwrap_or_default(), facts.meaning());
        sink.tell(cause, violation);
    }
}

fn is_promised(profile: &Profile) -> bool {
    profile.items.invalid_arguments == Some(InvalidArguments::Answered)
}
