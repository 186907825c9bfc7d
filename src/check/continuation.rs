//! Which request of a thread continues the history of which, and what differs.

use std::sync::Arc;

use crate::json::{Node, Value};
use crate::responses::{RequestKind, item_type, message_text};

use super::attempts::{Attempt, ThreadView};
use super::item::{Facts, ItemFacts};
use super::quick::QuickSet;
use super::request::Outcome;

/// What a request is to those before it in its thread.
pub(super) enum Link<'t> {
    /// The history begins here, as far as the capture shows it: the first request, one behind a compaction or a rollback,
    /// one of which a part is not known.
    Begins,
    /// It stands apart: Codex and pycodex try a compaction again without old items where it is too long for the model.
    Apart,
    /// It continues the history of an earlier one.
    Continues(Continuation<'t>),
}

/// A request and the one whose history it continues.
pub(super) struct Continuation<'t> {
    pub(super) base: &'t Attempt<'t>,
    pub(super) now: &'t Attempt<'t>,
    /// Number of items that both begin with, byte for byte.
    pub(super) same_text: usize,
    /// Number of items that both begin with, up to ids and other members that may be dropped.
    pub(super) shared: usize,
    /// The items of the base behind those.
    pub(super) old: Vec<Arc<ItemFacts>>,
    /// The items of the request behind those.
    pub(super) new: Vec<Arc<ItemFacts>>,
    /// What the response to the base delivered.
    pub(super) delivered: Vec<Arc<ItemFacts>>,
}

/// The links of a thread's requests, in order.
pub(super) fn links<'t>(thread: &'t ThreadView<'t>, facts: &mut Facts) -> Vec<Link<'t>> {
    let mut base: Option<&Attempt<'_>> = None;
    let mut last: Option<usize> = None;
    let mut links = Vec::with_capacity(thread.attempts.len());
    let mut is_failed_compaction = false;
    for now in &thread.attempts {
        let is_compaction = now.request.facts.kind == RequestKind::Compaction;
        let link = match base {
            _ if !now.request.is_whole => Link::Begins,
            _ if is_compaction && is_failed_compaction => Link::Apart,
            None => Link::Begins,
            Some(base) => {
                let same_text = match last == Some(base.exchange()) {
                    true => now.same_prefix,
                    false => base.request.input.same_prefix(&now.request.input),
                };
                let continuation = Continuation::new(base, now, same_text, facts);
                match continuation.is_rolled_back() || continuation.is_compacted() {
                    true => Link::Begins,
                    false => Link::Continues(continuation),
                }
            }
        };
        links.push(link);
        last = Some(now.exchange());
        let is_completed = now.request.response.outcome == Outcome::Completed;
        is_failed_compaction = is_compaction && !is_completed;
        if !now.request.is_whole {
            base = None;
        } else if !is_compaction {
            base = Some(now);
        } else if now.request.response.outcome != Outcome::Failed {
            base = None;
        }
    }
    links
}

impl<'t> Continuation<'t> {
    fn new(
        base: &'t Attempt<'t>,
        now: &'t Attempt<'t>,
        same_text: usize,
        facts: &mut Facts,
    ) -> Self {
        let (before, items) = (&base.request.input, &now.request.input);
        let pairs = before.iter().zip(items.iter()).skip(same_text);
        let differ = |(a, b): (&Value, &Value)| {
            a.text() != b.text() && facts.of(a).meaning() != facts.of(b).meaning()
        };
        let alike = pairs.map(differ).position(|differs| differs);
        let shared = alike.map_or(before.len().min(items.len()), |behind| same_text + behind);
        let delivered = base.request.response.delivered.iter();
        Self {
            delivered: delivered.map(|one| facts.of(&one.item)).collect(),
            base,
            now,
            same_text,
            shared,
            old: facts.of_all(&before[shared..]),
            new: facts.of_all(&items[shared..]),
        }
    }

    /// Whether turns were taken back: the last message of the user, and all that came of it, are gone.
    fn is_rolled_back(&self) -> bool {
        let Some(last) = self.old.iter().rposition(|facts| facts.is_of_user()) else {
            return false;
        };
        let gone = self.old[last..].iter().filter(|facts| !facts.is_context());
        let mut came_of_it = gone.chain(&self.delivered);
        let sent: QuickSet<u64> = self.new.iter().map(|new| new.meaning()).collect();
        !came_of_it.any(|facts| sent.contains(&facts.meaning()))
    }

    /// Whether the history was shortened by a compaction that is not in the capture: there is a summary that was not there.
    fn is_compacted(&self) -> bool {
        let mut new = self.new.iter();
        new.any(|new| {
            is_summary_of(&new.kind, new.item.node())
                && !self.old.iter().any(|old| old.meaning() == new.meaning())
        })
    }
}

/// Whether an item holds what a compaction left (Codex 0.115.0–0.169.0, pycodex 0.1.13–0.5.1).
pub(super) fn is_summary(item: Node<'_>) -> bool {
    is_summary_of(&item_type(item), item)
}

/// [`is_summary`] of an item whose type is known.
fn is_summary_of(kind: &str, item: Node<'_>) -> bool {
    match kind {
        "compaction" | "compaction_summary" | "context_compaction" => true,
        "message" => {
            message_text(item).starts_with("Another language model started to solve this problem")
        }
        _ => false,
    }
}

/// Whether the user stopped the agent after a request: Codex puts `<turn_aborted>` before what comes next
/// (0.115.0–0.169.0).
pub(super) fn is_aborted(last: &Attempt<'_>, next: &Attempt<'_>) -> bool {
    let known = last.request.input.len();
    let mut new = next.request.input.get(known..).unwrap_or(&[]).iter();
    new.any(|item| message_text(item.node()).contains("<turn_aborted>"))
}
