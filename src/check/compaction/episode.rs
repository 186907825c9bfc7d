//! The compactions of a thread: each with its attempts, and with the requests before and behind it.

use std::borrow::Cow;

use crate::json::Value;
use crate::responses::{RequestKind, item_type};

use super::super::attempts::{Attempt, ThreadView};
use super::super::continuation::is_summary;
use super::super::failure::Failure;
use super::super::request::Outcome;

/// In which form a compaction is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The model is asked for a summary, by a prompt at the end of the input.
    Local,
    /// `POST /responses/compact`.
    Endpoint,
    /// `POST /responses` with a `compaction_trigger` at the end of the input.
    Trigger,
}

impl Form {
    pub(super) fn of(attempt: &Attempt<'_>) -> Self {
        let request = attempt.request;
        if request.facts.endpoint == "/responses/compact" {
            return Self::Endpoint;
        }
        match request.input.iter().any(is_trigger) {
            true => Self::Trigger,
            false => Self::named(&said(attempt, "implementation").unwrap_or_default())
                .filter(|form| *form == Self::Trigger)
                .unwrap_or(Self::Local),
        }
    }

    /// The form that `compaction.implementation` of the turn metadata names (Codex 0.137.0–0.169.0).
    pub(super) fn named(implementation: &str) -> Option<Self> {
        match implementation {
            "responses" => Some(Self::Local),
            "responses_compact" => Some(Self::Endpoint),
            "responses_compaction_v2" => Some(Self::Trigger),
            _ => None,
        }
    }

    /// For messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Local => "a prompt for a summary",
            Self::Endpoint => "POST /responses/compact",
            Self::Trigger => "a compaction_trigger",
        }
    }
}

/// Whether an item asks a remote for a compaction.
pub(super) fn is_trigger(item: &Value) -> bool {
    item_type(item.node()) == "compaction_trigger"
}

/// A compaction: the attempts at it, the first one perhaps with more history than the later ones.
pub(super) struct Episode<'t> {
    pub(super) thread: &'t str,
    /// The request right before it, if that was none for a compaction.
    pub(super) before: Option<&'t Attempt<'t>>,
    /// Never empty.
    pub(super) attempts: &'t [Attempt<'t>],
    /// The request right behind it.
    pub(super) next: Option<&'t Attempt<'t>>,
    pub(super) form: Form,
}

/// The compactions of a thread, in order.
pub(super) fn episodes<'t>(thread: &'t ThreadView<'t>) -> Vec<Episode<'t>> {
    let all = &thread.attempts;
    let mut found = Vec::new();
    let mut start = 0;
    while start < all.len() {
        let mut end = start + 1;
        if is_compaction(&all[start]) {
            while end < all.len() && is_further(&all[end - 1], &all[end]) {
                end += 1;
            }
            let before = start.checked_sub(1).map(|at| &all[at]);
            found.push(Episode {
                thread: thread.id.unwrap_or_default(),
                before: before.filter(|before| !is_compaction(before)),
                attempts: &all[start..end],
                next: all.get(end),
                form: Form::of(&all[start]),
            });
        }
        start = end;
    }
    found
}

pub(super) fn is_compaction(attempt: &Attempt<'_>) -> bool {
    attempt.request.facts.kind == RequestKind::Compaction
}

/// Whether a request is a further attempt at the compaction before it.
///
/// Every compaction request of pycodex 0.1.13 has a turn id of its own, so one that was too long is known by its items.
fn is_further(last: &Attempt<'_>, next: &Attempt<'_>) -> bool {
    if !is_compaction(next) || last.request.response.outcome == Outcome::Completed {
        return false;
    }
    let is_shorter = next.request.input.len() < last.request.input.len();
    last.turn == next.turn || (is_overflow(last) && is_shorter)
}

/// Whether a request was too long for the model.
pub(super) fn is_overflow(attempt: &Attempt<'_>) -> bool {
    attempt.failure().is_some_and(Failure::is_overflow)
}

/// The turn id of a request.
pub(super) fn turn_id<'t>(attempt: &Attempt<'t>) -> Option<Cow<'t, str>> {
    attempt.request.metadata("turn_id")
}

/// What `compaction` of the turn metadata says: `trigger`, `reason`, `implementation`, `phase` (Codex 0.137.0–0.169.0).
pub(super) fn said<'t>(attempt: &Attempt<'t>, key: &str) -> Option<Cow<'t, str>> {
    attempt
        .request
        .turn_metadata()?
        .get("compaction")?
        .get_string(key)
}

impl<'t> Episode<'t> {
    pub(super) fn first(&self) -> &'t Attempt<'t> {
        &self.attempts[0]
    }

    pub(super) fn last(&self) -> &'t Attempt<'t> {
        &self.attempts[self.attempts.len() - 1]
    }

    /// The request behind it, if it goes on with a turn.
    pub(super) fn after(&self) -> Option<&'t Attempt<'t>> {
        self.next.filter(|next| !is_compaction(next))
    }

    /// The items that are to be compacted.
    pub(super) fn history(&self) -> &'t [Value] {
        history(self.first(), self.form)
    }

    /// Whether it comes in the middle of a turn; `None` where the capture does not show it.
    pub(super) fn is_in_turn(&self) -> Option<bool> {
        if let Some(phase) = said(self.last(), "phase") {
            return Some(phase == "mid_turn");
        }
        let (before, after) = (turn_id(self.before?)?, turn_id(self.after()?)?);
        Some(before == after)
    }

    /// Whether the agent decided on it because of the length of the history: it belongs to the turn behind it.
    pub(super) fn is_automatic(&self) -> bool {
        match said(self.last(), "reason") {
            Some(reason) => reason == "context_limit",
            None => {
                let id = |one: Option<&'t Attempt<'t>>| turn_id(one?);
                let after = id(self.after());
                after.is_some() && (id(Some(self.last())) == after || id(self.before) == after)
            }
        }
    }
}

/// The items of a request for a compaction without what asks for it.
pub(super) fn history<'t>(attempt: &'t Attempt<'t>, form: Form) -> &'t [Value] {
    let input: &[Value] = &attempt.request.input;
    let is_prompt = |item: &Value| match form {
        Form::Local => item.node().get_string("role").as_deref() == Some("user"),
        Form::Trigger => is_trigger(item),
        Form::Endpoint => false,
    };
    match input.split_last() {
        Some((last, rest)) if is_prompt(last) => rest,
        _ => input,
    }
}

/// Whether a history holds a summary that one before it does not.
pub(super) fn has_new_summary(before: &[Value], now: &[Value]) -> bool {
    let is_known = |item: &Value| before.iter().any(|one| one.text() == item.text());
    let mut items = now.iter();
    items.any(|item| is_summary(item.node()) && !is_known(item))
}
