//! What a response delivered against the next request of its thread.

use std::sync::Arc;

use crate::responses::RequestKind;

use super::super::attempts::{Attempt, ThreadView};
use super::super::continuation::{Continuation, Link};
use super::super::item::{Facts, ItemFacts, delivery_difference, resent_difference};
use super::super::label::{excerpt, label, the};
use super::super::positions::Positions;
use super::super::profiles::{InvalidArguments, Profile};
use super::super::request::{Outcome, Request};
use super::super::same::Difference;
use super::super::sink::{RuleName, Sink};
use super::super::violation::Violation;
use super::executions::Executions;
use super::known::{Known, is_same, key};
use super::rules;

/// Checks, request by request of a thread, that what was delivered is sent back, and nothing else in the model's name.
pub(in super::super) fn check_deliveries<'t>(
    thread: &'t ThreadView<'t>,
    links: &[Link<'t>],
    profile: &'t Profile,
    facts: &mut Facts,
    sink: &mut Sink,
) {
    let mut walk = Walk {
        thread,
        profile,
        known: Known::default(),
        executions: Executions::default(),
        facts,
    };
    let mut last: Option<&Attempt<'_>> = None;
    for (now, link) in thread.attempts.iter().zip(links) {
        match link {
            Link::Begins => walk.learn(now),
            Link::Apart => {}
            Link::Continues(continuation) => {
                Step::new(&mut walk, continuation).check(last, sink);
            }
        }
        walk.executions
            .check(now, thread.id.unwrap_or_default(), sink);
        walk.learn_delivered(now.request);
        last = Some(now);
    }
}

/// A thread while it is walked through.
struct Walk<'f, 't> {
    thread: &'t ThreadView<'t>,
    profile: &'t Profile,
    known: Known,
    executions: Executions<'t>,
    facts: &'f mut Facts,
}

impl<'t> Walk<'_, 't> {
    /// Takes the items of an input as they are.
    fn learn(&mut self, now: &'t Attempt<'t>) {
        for item in now.request.input.iter() {
            let facts = self.facts.of(item);
            if facts.is_of_model() || facts.is_output() {
                self.known.add(&facts);
            }
        }
        self.executions.learn(now);
    }

    fn learn_delivered(&mut self, request: &'t Request) {
        for delivered in &request.response.delivered {
            let facts = self.facts.of(&delivered.item);
            self.known.add(&facts);
        }
        self.executions.learn_delivered(request);
    }

    /// Whether the agent is expected to send an item of a completed response in the next request.
    fn is_sent_back(&self, facts: &ItemFacts) -> bool {
        let items = &self.profile.items;
        let is_forgotten = items.invalid_arguments == Some(InvalidArguments::TurnEnds)
            && !facts.has_valid_arguments();
        items.sent_back.iter().any(|kind| *kind == facts.kind)
            && facts.is_readable()
            && !is_forgotten
    }

    fn tell(&self, facts: &ItemFacts, violation: Violation, sink: &mut Sink) {
        let what = match &facts.call_id {
            Some(id) => id.clone(),
            None => format!("{:x}", facts.meaning()),
        };
        sink.tell(
            format!("{} {what}", self.thread.id.unwrap_or_default()),
            violation,
        );
    }
}

fn violation(rule: RuleName, now: &Attempt<'_>, at: usize, facts: &ItemFacts) -> Violation {
    let pointer = now.request.input_pointer().index(at);
    let mut violation = rule.at(now.request.exchange, pointer);
    violation.subject = Some(label(facts));
    violation.found = Some(excerpt(facts.item.text()));
    violation
}

fn role(facts: &ItemFacts) -> Option<String> {
    let role = facts.item.node().get_string("role");
    role.map(|role| role.into_owned())
}

/// From one request to the next that continues its history.
struct Step<'w, 'f, 't> {
    walk: &'w mut Walk<'f, 't>,
    continuation: &'w Continuation<'w>,
    base: &'w Attempt<'w>,
    now: &'w Attempt<'w>,
    /// The items behind those that both begin with.
    new: Vec<NewItem<'w>>,
}

/// An item of a request behind what it shares with the one before.
struct NewItem<'w> {
    /// Its position in the input.
    at: usize,
    facts: &'w Arc<ItemFacts>,
    is_matched: bool,
}

impl<'w, 'f, 't> Step<'w, 'f, 't> {
    fn new(walk: &'w mut Walk<'f, 't>, continuation: &'w Continuation<'w>) -> Self {
        let new = continuation.new.iter().enumerate();
        let new = new.map(|(number, facts)| NewItem {
            at: continuation.shared + number,
            facts,
            is_matched: false,
        });
        Self {
            new: new.collect(),
            walk,
            continuation,
            base: continuation.base,
            now: continuation.now,
        }
    }

    fn check(mut self, last: Option<&Attempt<'_>>, sink: &mut Sink) {
        // An answer that the agent could not read counts as none.
        let is_dropped = self.new.is_empty()
            && self.now.request.facts.kind == RequestKind::Turn
            && last.is_some_and(|last| last.turn == self.now.turn);
        if !is_dropped {
            self.match_old(sink);
            self.match_delivered(sink);
            self.check_invented(sink);
        }
        let is_made = |new: &&NewItem<'_>| new.facts.is_of_model() || new.facts.is_output();
        for new in self.new.iter().filter(is_made) {
            self.walk.known.add(new.facts);
        }
    }

    /// Finds what was sent before among the new items, and what of it is sent otherwise.
    fn match_old(&mut self, sink: &mut Sink) {
        if self.continuation.old.is_empty() {
            return;
        }
        self.walk.known.settle();
        let mut left: Vec<&Arc<ItemFacts>> = Vec::new();
        let mut places: Positions<u64> = self.new.iter().map(|new| new.facts.meaning()).collect();
        for facts in &self.continuation.old {
            match places.take(&facts.meaning(), |_| true) {
                Some(at) => self.new[at].is_matched = true,
                None => left.push(facts),
            }
        }
        let named: Positions<(&str, Option<&str>)> = {
            let new = self.continuation.new.iter();
            new.map(|new| (new.kind.as_ref(), new.call_id.as_deref()))
                .collect()
        };
        for before in left {
            let known = &self.walk.known;
            let is_version = |at: &usize| {
                let new = &self.new[*at];
                !new.is_matched
                    && role(new.facts) == role(before)
                    && (before.call_id.is_some()
                        || (before.is_of_model() && !known.has(key(new.facts))))
            };
            let name = (before.kind.as_ref(), before.call_id.as_deref());
            let Some(new) = named.of(&name).find(is_version) else {
                continue;
            };
            let new = &mut self.new[new];
            new.is_matched = true;
            let (at, facts) = (new.at, new.facts);
            let is_back = known.has(key(facts));
            if let Some(difference) = resent_difference(before, facts).filter(|_| !is_back) {
                self.tell_changed(at, facts, &difference, "an earlier request", sink);
            }
        }
    }

    fn match_delivered(&mut self, sink: &mut Sink) {
        let continuation = self.continuation;
        let delivered = &continuation.delivered;
        let left = self.take_delivered(delivered);
        if left.is_empty() {
            return;
        }
        self.walk.known.settle();
        let ids: Positions<Option<&str>> = {
            let new = self.continuation.new.iter();
            new.map(|new| new.call_id.as_deref()).collect()
        };
        let is_sent = |other: &Arc<ItemFacts>| {
            other.is_call()
                && other.call_id.is_some()
                && ids.of(&other.call_id.as_deref()).next().is_some()
        };
        let has_sent_call = delivered.iter().any(is_sent);
        let is_complete = self.base.request.response.outcome == Outcome::Completed;
        for facts in left {
            match self.version_of(facts, &ids) {
                Some(at) => {
                    let new = &mut self.new[at];
                    new.is_matched = true;
                    let (at, now) = (new.at, new.facts);
                    if let Some(difference) = delivery_difference(now, facts) {
                        let difference = Difference {
                            a: difference.b,
                            b: difference.a,
                            ..difference
                        };
                        self.tell_changed(at, now, &difference, "the response", sink);
                    }
                }
                None if is_complete && self.walk.is_sent_back(facts) => {
                    self.tell_missing(facts, has_sent_call, sink);
                }
                None => {}
            }
        }
    }

    /// Finds what was delivered among the new items, and gives what is not there. Agents send it back in its order, before
    /// anything else.
    fn take_delivered<'d>(&mut self, delivered: &'d [Arc<ItemFacts>]) -> Vec<&'d Arc<ItemFacts>> {
        let is_it = |(new, facts): &(&mut NewItem<'_>, &Arc<ItemFacts>)| {
            !new.is_matched && is_same(new.facts, facts)
        };
        let pairs = self.new.iter_mut().zip(delivered).take_while(is_it);
        let in_order = pairs.map(|(new, _)| new.is_matched = true).count();
        let mut left: Vec<&Arc<ItemFacts>> = delivered[in_order..].iter().collect();
        if left.is_empty() {
            return left;
        }
        let mut places: Positions<u64> = self.new.iter().map(|new| key(new.facts)).collect();
        left.retain(|facts| {
            let at = places.take(&key(facts), |at| !self.new[at].is_matched);
            at.map(|at| self.new[at].is_matched = true).is_none()
        });
        left
    }

    /// Position among the new items of one that is another version of what was delivered.
    fn version_of(&self, delivered: &ItemFacts, ids: &Positions<Option<&str>>) -> Option<usize> {
        let is_alike = |new: &&NewItem<'_>| {
            !new.is_matched
                && new.facts.kind == delivered.kind
                && role(new.facts) == role(delivered)
        };
        if delivered.call_id.is_some() {
            let id = delivered.call_id.as_deref();
            let mut named = ids.of(&id);
            return named.find(|at| is_alike(&&self.new[*at]));
        }
        let is_free = |new: &&NewItem<'_>| !self.walk.known.has(key(new.facts));
        let has_id =
            |new: &&NewItem<'_>| delivered.id().is_some() && new.facts.id() == delivered.id();
        let position = |is_it: &dyn Fn(&&NewItem<'_>) -> bool| {
            let mut new = self.new.iter();
            new.position(|new| is_alike(&new) && is_it(&new))
        };
        position(&has_id).or_else(|| position(&is_free))
    }

    fn tell_changed(
        &self,
        at: usize,
        facts: &ItemFacts,
        difference: &Difference,
        before: &str,
        sink: &mut Sink,
    ) {
        let first = difference.pointer.segments().next();
        let is_argument = matches!(first.as_deref(), Some("arguments" | "input" | "action"));
        let rule = match () {
            () if facts.is_output() => rules::OUTPUT_ALTERED,
            () if facts.is_call() && is_argument => rules::ARGUMENTS_CHANGED,
            () => rules::ITEM_ALTERED,
        };
        let mut violation = violation(rule, self.now, at, facts);
        violation.pointer = violation.pointer.join(&difference.pointer);
        violation.expected = difference.a.as_deref().map(excerpt);
        violation.found = difference.b.as_deref().map(excerpt);
        violation.message = format!(
            "{} stands otherwise in {} than in {before}",
            the(facts),
            self.now
        );
        self.walk.tell(facts, violation, sink);
    }

    /// Tells what was delivered and is not sent; `has_sent_call` is whether a call that was delivered with it is.
    fn tell_missing(&self, facts: &ItemFacts, has_sent_call: bool, sink: &mut Sink) {
        // What the server executes itself has no id that an output could name.
        let is_client_call = facts.is_call() && facts.call_id.is_some();
        let is_parallel = is_client_call && has_sent_call;
        let rule = match is_parallel {
            true => rules::PARALLEL_CALL_LOST,
            false => rules::DELIVERED_ITEM_MISSING,
        };
        let request = self.now.request;
        let mut violation = rule.at(request.exchange, request.input_pointer());
        violation.subject = Some(label(facts));
        violation.expected = Some(excerpt(facts.item.text()));
        violation.message = match is_parallel {
            true => format!(
                "{} was delivered beside other calls in exchange #{} and is not in {}",
                the(facts),
                self.base.request.exchange,
                self.now
            ),
            false => format!(
                "{} was delivered in exchange #{} and is not in {}",
                the(facts),
                self.base.request.exchange,
                self.now
            ),
        };
        self.walk.tell(facts, violation, sink);
    }

    /// What stands there in the model's name and no response delivered.
    fn check_invented(&mut self, sink: &mut Sink) {
        let is_unknown = |new: &NewItem<'_>| !new.is_matched && new.facts.is_of_model();
        if self.new.iter().any(is_unknown) {
            self.walk.known.settle();
        }
        for (number, new) in self.new.iter().enumerate() {
            if !is_unknown(new) || self.walk.known.has(key(new.facts)) {
                continue;
            }
            if self.may_be_unrecorded(number) {
                let reason = format!(
                    "{} in exchange #{} may be of a response that is not in the capture",
                    the(new.facts),
                    self.now.request.exchange
                );
                let exchange = Some(self.now.request.exchange);
                sink.not_checked(&[rules::ITEM_INVENTED.name], exchange, reason);
                continue;
            }
            let mut violation = violation(rules::ITEM_INVENTED, self.now, new.at, new.facts);
            violation.message = format!(
                "{} stands in {} and no response delivered it",
                the(new.facts),
                self.now
            );
            self.walk.tell(new.facts, violation, sink);
        }
    }

    /// Whether an item may be of an exchange between the two that was not recorded: it begins a response of its own,
    /// behind what is known, and is answered.
    fn may_be_unrecorded(&self, number: usize) -> bool {
        if self.base.request.response.outcome == Outcome::Unknown {
            return true;
        }
        let is_of_known = |new: &NewItem<'_>| new.is_matched;
        let is_answer = |new: &NewItem<'_>| !new.facts.is_of_model();
        let behind = &self.new[number + 1..];
        let mut before = self.new[..number].iter().rev();
        let begins = before
            .find(|new| is_answer(new) || is_of_known(new))
            .is_some_and(is_answer);
        begins && behind.iter().any(is_answer) && !behind.iter().any(is_of_known)
    }
}
