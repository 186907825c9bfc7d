//! The ids of input items: dropped, kept or made as the profile says.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_128;

use crate::check::attempts::{Attempt, ThreadView};
use crate::check::item::ItemFacts;
use crate::check::label::{label, the};
use crate::check::profiles::{ItemIds, Profile};
use crate::check::quick::QuickSet;
use crate::check::request::Request;
use crate::check::sink::{RuleName, Sink};
use crate::json::{Node, Value};
use crate::responses::RequestKind;

use super::rules;

/// Checks the ids of a thread's items, each where it is sent first.
///
/// A session that was begun by an older version holds items without ids, which stay so. Therefore no item counts that the
/// first request of a capture sends, unless the agent says that the history is new, or none at all has an id.
pub(super) fn check(thread: &ThreadView<'_>, profile: &Profile, sink: &mut Sink) {
    let Some(ids) = profile.ids.items else {
        return;
    };
    let mut checker = Checker {
        ids,
        profile,
        seen: QuickSet::default(),
        sink,
    };
    let mut before: Option<(&Attempt<'_>, bool)> = None;
    for now in &thread.attempts {
        if now.request.is_whole {
            checker.check(before, now);
            before = Some((now, true));
        } else {
            before = before.map(|(before, _)| (before, false));
        }
    }
}

struct Checker<'c> {
    ids: ItemIds,
    profile: &'c Profile,
    /// Hashes of the texts of items that were sent.
    seen: QuickSet<u128>,
    sink: &'c mut Sink,
}

impl Checker<'_> {
    /// Checks a request; `before` is the last one that is known as a whole, and whether it is the one before.
    fn check(&mut self, before: Option<(&Attempt<'_>, bool)>, now: &Attempt<'_>) {
        let request = now.request;
        let known = match before {
            Some((before, true)) => now.same_prefix.min(before.request.input.len()),
            Some((before, false)) => before.request.input.same_prefix(&request.input),
            None => 0,
        };
        let before = before.map(|(before, _)| before);
        let items = request.input.iter().enumerate().skip(known);
        // What a message on a WebSocket continues was not sent by the agent.
        let continued = request.input.len() - own_items(request).min(request.input.len());
        let fresh: Vec<(usize, &Value)> = items
            .filter(|(_, item)| self.seen.insert(xxh3_128(item.text().as_bytes())))
            .filter(|(at, _)| *at >= continued)
            .collect();
        match self.ids {
            ItemIds::Dropped => self.check_dropped(now, &fresh, |_| false),
            ItemIds::OfReasoning => {
                let is_reasoning = |facts: &ItemFacts| facts.kind == "reasoning";
                self.check_dropped(now, &fresh, is_reasoning);
                self.check_kept(before, now, &fresh, is_reasoning);
            }
            ItemIds::Kept => self.check_kept(before, now, &fresh, |_| true),
            ItemIds::Made | ItemIds::MadeButTools
                if before.is_none() && !begins_history(request) => {}
            ItemIds::Made | ItemIds::MadeButTools => self.check_made(now, &fresh),
        }
    }

    fn check_dropped(
        &mut self,
        now: &Attempt<'_>,
        fresh: &[(usize, &Value)],
        may_have: impl Fn(&ItemFacts) -> bool,
    ) {
        for (at, item) in fresh {
            let Some(id) = id_of(item) else {
                continue;
            };
            let facts = ItemFacts::new((*item).clone());
            if may_have(&facts) {
                continue;
            }
            let message = format!(
                "{} has the id {id} in {now}, but {} sends it without one",
                the(&facts),
                self.profile.label()
            );
            self.tell(rules::ITEM_ID_UNEXPECTED, now, (*at, &facts), message);
        }
    }

    /// Tells items that a response delivered with an id and that are sent back without one.
    fn check_kept(
        &mut self,
        before: Option<&Attempt<'_>>,
        now: &Attempt<'_>,
        fresh: &[(usize, &Value)],
        is_kept: impl Fn(&ItemFacts) -> bool,
    ) {
        let Some(before) = before else {
            return;
        };
        let delivered = &before.request.response.delivered;
        for one in delivered.iter().filter(|one| id_of(&one.item).is_some()) {
            let facts = ItemFacts::new(one.item.clone());
            if !is_kept(&facts) {
                continue;
            }
            let meaning = facts.delivered_meaning();
            for (at, item) in fresh.iter().filter(|(_, item)| id_of(item).is_none()) {
                let facts = ItemFacts::new((*item).clone());
                if facts.delivered_meaning() == meaning {
                    let message = format!(
                        "{} has no id in {now}, but the server gave it {} in exchange #{}",
                        the(&facts),
                        id_of(&one.item).unwrap_or_default(),
                        before.request.exchange
                    );
                    self.tell(rules::ITEM_ID_MISSING, now, (*at, &facts), message);
                }
            }
        }
    }

    /// Tells items without an id. What asks for a compaction never has one.
    fn check_made(&mut self, now: &Attempt<'_>, fresh: &[(usize, &Value)]) {
        let request = now.request;
        let is_compaction = request.facts.kind == RequestKind::Compaction;
        let last = request.input.len().wrapping_sub(1);
        for (at, item) in fresh.iter().filter(|(_, item)| id_of(item).is_none()) {
            if is_compaction && *at == last {
                continue;
            }
            let facts = ItemFacts::new((*item).clone());
            if self.ids == ItemIds::MadeButTools && facts.kind == "additional_tools" {
                continue;
            }
            let message = format!(
                "{} has no id in {now}, but {} gives one to every item",
                the(&facts),
                self.profile.label()
            );
            self.tell(rules::ITEM_ID_MISSING, now, (*at, &facts), message);
        }
    }

    fn tell(
        &mut self,
        rule: RuleName,
        now: &Attempt<'_>,
        (at, facts): (usize, &ItemFacts),
        message: String,
    ) {
        let request = now.request;
        let item = request.input_pointer().index(at);
        let found = id_of(&facts.item);
        let pointer = match found {
            Some(_) => item.key("id"),
            None => item,
        };
        let mut violation = rule.at(request.exchange, pointer);
        violation.subject = Some(label(facts));
        violation.found = found.map(Cow::into_owned);
        violation.message = message;
        // All items of a type are one cause: what writes them leaves the id out, or does not.
        let kind = &facts.kind;
        let role = facts.item.node().get_string("role").unwrap_or_default();
        self.sink.tell(format!("{kind} {role}"), violation);
    }
}

/// Number of items in the body itself.
fn own_items(request: &Request) -> usize {
    let input = request.body.get("input");
    input.map_or(0, Node::len)
}

fn id_of(item: &Value) -> Option<Cow<'_, str>> {
    let id = item.node().get_string("id")?;
    (!id.is_empty()).then_some(id)
}

/// Whether a request holds no item of an older version: it says so, or it is one of which no item has an id.
fn begins_history(request: &Request) -> bool {
    let said = request.metadata("history_initialization");
    let has_none = || {
        let is_turn = request.facts.kind == RequestKind::Turn;
        let mut items = request.input.iter();
        is_turn
            && !items
                .clone()
                .any(|item| ItemFacts::new(item.clone()).is_of_model())
            && items.all(|item| id_of(item).is_none())
    };
    said.is_some_and(|said| said == "new") || has_none()
}
