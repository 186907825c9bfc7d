//! Ids of items: whether those that a thread adds to its history carry ids as the agent's profile says.

use super::attempts::{Attempt, ThreadView};
use super::continuation::{Continuation, Link};
use super::item::ItemFacts;
use super::label::{excerpt, the};
use super::profiles::{ItemIds, Profile};
use super::sink::{RuleName, Sink};
use crate::responses::RequestKind;

const ITEM_ID_MISSING: RuleName = RuleName::warning("item-id-missing");
const ITEM_ID_UNEXPECTED: RuleName = RuleName::warning("item-id-unexpected");

/// All rules of this contract: each needs the requests before one.
pub(super) const ACROSS_REQUESTS: &[&str] = &[ITEM_ID_MISSING.name, ITEM_ID_UNEXPECTED.name];

/// Checks the items that each request of a thread adds to the one before. What a thread begins with may come from a file
/// of another version.
pub(super) fn check(
    thread: &ThreadView<'_>,
    links: &[Link<'_>],
    profile: &Profile,
    sink: &mut Sink,
) {
    let Some(ids) = profile.ids.items else {
        return;
    };
    for link in links {
        let Link::Continues(continuation) = link else {
            continue;
        };
        let now = continuation.now;
        let added = continuation.new.iter().enumerate();
        for (at, item) in added.map(|(at, item)| (continuation.shared + at, item)) {
            let Some((rule, what)) = judge(ids, item, at, continuation) else {
                continue;
            };
            let pointer = now.request.input_pointer.index(at).key("id");
            let mut violation = rule.at(now.exchange(), pointer);
            violation.subject = Some(item.kind.clone());
            violation.found = Some(excerpt(item.item.text()));
            violation.message = format!(
                "{} {what} in {now}, which {} does not do",
                the(item),
                profile.label()
            );
            // Whether items of a kind have ids is one habit, however many there are.
            let cause = format!("{} {} {}", thread.id.unwrap_or_default(), item.kind, what);
            sink.tell(cause, violation);
        }
    }
}

/// The rule that an added item breaks, and what is wrong with it.
fn judge(
    ids: ItemIds,
    item: &ItemFacts,
    at: usize,
    continuation: &Continuation<'_>,
) -> Option<(RuleName, &'static str)> {
    if !continuation.now.request.input.is_sent(at) {
        return None;
    }
    let is_delivered = || {
        let mut delivered = continuation.delivered.iter();
        delivered.any(|one| one.meaning == item.meaning && one.id().is_some())
    };
    match (ids, item.id().is_some()) {
        // pycodex 0.1.13 drops the ids of all items but reasoning.
        (ItemIds::Dropped, true) if item.kind != "reasoning" => {
            Some((ITEM_ID_UNEXPECTED, "has an id"))
        }
        (ItemIds::Kept | ItemIds::Made, false) if item.is_of_model() && is_delivered() => {
            Some((ITEM_ID_MISSING, "has lost the id that the response gave it"))
        }
        (ItemIds::Made, false) if is_named(item, continuation.now, at) => {
            Some((ITEM_ID_MISSING, "has no id"))
        }
        _ => None,
    }
}

/// Whether Codex gives such an item of its own an id (0.153.4, 0.169.0): all but the prompt of a local compaction.
fn is_named(item: &ItemFacts, now: &Attempt<'_>, at: usize) -> bool {
    let is_prompt =
        now.request.facts.kind == RequestKind::Compaction && at + 1 == now.request.input.len();
    match item.kind.as_str() {
        "message" => !item.is_of_model() && !is_prompt,
        "function_call_output" | "custom_tool_call_output" => true,
        _ => false,
    }
}
