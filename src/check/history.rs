//! History growth: each input of a thread extends the one before it, byte for byte, under the same instructions and tools.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use crate::json::{Node, Pointer, Value};
use crate::responses::RequestKind;

use super::attempts::ThreadView;
use super::continuation::{Continuation, Link};
use super::item::ItemFacts;
use super::label::{excerpt, label, the};
use super::positions::Positions;
use super::quick::QuickSet;
use super::request::Request;
use super::sink::{RuleName, Sink};
use super::violation::Violation;

const HISTORY_REWRITTEN: RuleName = RuleName::error("history-rewritten");
const REASONING_DROPPED: RuleName = RuleName::error("reasoning-dropped");
const ITEM_ID_CHANGED: RuleName = RuleName::warning("item-id-changed");
const PROMPT_CACHE_BROKEN: RuleName = RuleName::warning("prompt-cache-broken");
const INSTRUCTIONS_CHANGED: RuleName = RuleName::warning("instructions-changed");
const TOOLS_CHANGED: RuleName = RuleName::warning("tools-changed");

/// All rules of this contract: each needs the requests before one.
pub(super) const ACROSS_REQUESTS: &[&str] = &[
    HISTORY_REWRITTEN.name,
    REASONING_DROPPED.name,
    ITEM_ID_CHANGED.name,
    PROMPT_CACHE_BROKEN.name,
    INSTRUCTIONS_CHANGED.name,
    TOOLS_CHANGED.name,
];

/// Checks, request by request of a thread, that history grows at its end only.
pub(super) fn check(thread: &ThreadView<'_>, links: &[Link<'_>], sink: &mut Sink) {
    for link in links {
        if let Link::Continues(continuation) = link {
            let mut growth = Growth {
                thread: thread.id.unwrap_or_default(),
                continuation,
                new_ids: OnceCell::new(),
                sink,
            };
            growth.check_ids();
            // A compaction may leave out old items, and tools (Codex, pycodex).
            if continuation.now.request.facts.kind == RequestKind::Turn {
                growth.check_items();
            }
            if growth.is_turn_after_turn() {
                growth.check_prefix();
                growth.check_setting(INSTRUCTIONS_CHANGED, "instructions");
                growth.check_setting(TOOLS_CHANGED, "tools");
            }
        }
    }
}

/// One step of a history's growth.
struct Growth<'c, 't> {
    thread: &'c str,
    continuation: &'c Continuation<'t>,
    /// The ids of the items that are new, once they were asked for.
    new_ids: OnceCell<QuickSet<Cow<'c, str>>>,
    sink: &'c mut Sink,
}

impl<'c> Growth<'c, '_> {
    /// A compaction asks with settings of its own; another model has its own, too.
    fn is_turn_after_turn(&self) -> bool {
        let (base, now) = (
            self.continuation.base.request,
            self.continuation.now.request,
        );
        let model = |request: &'_ Request| {
            request
                .body
                .get("model")
                .map(|model| model.text().to_owned())
        };
        [base, now]
            .iter()
            .all(|request| request.facts.kind == RequestKind::Turn)
            && model(base) == model(now)
    }

    /// Tells what of the base is gone or moved, and what stands before it that was not there.
    ///
    /// What became of calls and outputs, and of items in the model's name, is told by the tool round trip.
    fn check_items(&mut self) {
        let continuation = self.continuation;
        let (old, new) = (&continuation.old, &continuation.new);
        if old.is_empty() {
            return;
        }
        let mut places: Vec<Option<usize>> = vec![None; new.len()];
        let mut gone: Vec<&Arc<ItemFacts>> = Vec::new();
        let mut free: Positions<u64> = new.iter().map(|now| now.meaning()).collect();
        for (number, before) in old.iter().enumerate() {
            match free.take(&before.meaning(), |_| true) {
                Some(at) => places[at] = Some(number),
                None => gone.push(before),
            }
        }
        for before in gone {
            if before.kind == "reasoning" {
                self.tell_gone(REASONING_DROPPED, before);
            } else if !self.has_version(before) {
                self.tell_gone(HISTORY_REWRITTEN, before);
            }
        }
        let last_old = places.iter().rposition(Option::is_some).unwrap_or(0);
        let mut furthest = 0;
        for (at, place) in places.iter().enumerate().take(last_old) {
            let facts = &new[at];
            match place {
                Some(number) if *number < furthest => self.tell_at(at, facts, "moved"),
                Some(number) => furthest = *number,
                None if !facts.is_of_model() && !facts.is_output() => {
                    self.tell_at(at, facts, "new before items that were sent earlier");
                }
                None => {}
            }
        }
    }

    /// Whether the request has another version of an item, which other rules tell.
    fn has_version(&self, before: &ItemFacts) -> bool {
        let role = |facts: &ItemFacts| facts.item.node().get_string("role").map(|r| r.into_owned());
        let is_told = before.is_of_model() || before.is_output();
        let mut new = self.continuation.new.iter();
        is_told
            && new.any(|now| {
                now.kind == before.kind
                    && now.call_id == before.call_id
                    && role(now) == role(before)
            })
    }

    fn tell_gone(&mut self, rule: RuleName, before: &ItemFacts) {
        let continuation = self.continuation;
        let request = continuation.now.request;
        let mut violation = rule.at(request.exchange, request.input_pointer());
        violation.subject = Some(label(before));
        violation.expected = Some(excerpt(before.item.text()));
        violation.message = format!(
            "{} was sent in exchange #{} and is not in {}",
            the(before),
            continuation.base.request.exchange,
            continuation.now
        );
        self.tell(&format!("{:x}", before.meaning()), violation);
    }

    fn tell_at(&mut self, at: usize, facts: &ItemFacts, what: &str) {
        let continuation = self.continuation;
        let request = continuation.now.request;
        let pointer = request.input_pointer().index(continuation.shared + at);
        let mut violation = HISTORY_REWRITTEN.at(request.exchange, pointer);
        violation.subject = Some(label(facts));
        violation.found = Some(excerpt(facts.item.text()));
        violation.message = format!("{} is {what} in {}", the(facts), continuation.now);
        self.tell(&format!("{:x}", facts.meaning()), violation);
    }

    fn tell(&mut self, cause: &str, violation: Violation) {
        self.sink
            .tell(format!("{} {cause}", self.thread), violation);
    }

    /// Tells ids that an item had and has no longer, or has otherwise.
    fn check_ids(&mut self) {
        let continuation = self.continuation;
        let (base, now) = (continuation.base.request, continuation.now.request);
        let pairs = base.input.iter().zip(now.input.iter()).enumerate();
        let pairs = pairs.take(continuation.shared).skip(continuation.same_text);
        for (at, (before, item)) in pairs {
            let had = before.node().get_string("id");
            let is_sent = base.input.is_sent(at) && now.input.is_sent(at);
            if before.text() == item.text() || had.is_none() || !is_sent {
                continue;
            }
            let has = item.node().get_string("id");
            if had != has {
                self.tell_id(at, item, had.as_deref(), has.as_deref());
            }
        }
        // An id that is still there did not change, whatever has it.
        let new = &continuation.new;
        let is_there =
            |(delivered, now): &(&Arc<ItemFacts>, &Arc<ItemFacts>)| delivered.id() == now.id();
        let in_order = continuation.delivered.iter().zip(new).take_while(is_there);
        let left = &continuation.delivered[in_order.count()..];
        if left.is_empty() || self.new_ids().is_empty() {
            return;
        }
        let is_gone = |id: &Cow<'_, str>| !self.new_ids().contains(id);
        let left: Vec<_> = left
            .iter()
            .filter_map(|one| Some((one, one.id().filter(is_gone)?)))
            .collect();
        if left.is_empty() {
            return;
        }
        let places: Positions<u64> = new.iter().map(|now| now.meaning()).collect();
        for (delivered, had) in left {
            if let Some(at) = places.of(&delivered.meaning()).next()
                && let Some(has) = new[at].id()
                && had != has
            {
                let place = continuation.shared + at;
                self.tell_id(place, &new[at].item, Some(&had), Some(&has));
            }
        }
    }

    fn new_ids(&self) -> &QuickSet<Cow<'c, str>> {
        let read = || {
            let new = self.continuation.new.iter();
            new.filter_map(|now| now.id()).collect()
        };
        self.new_ids.get_or_init(read)
    }

    fn tell_id(&mut self, at: usize, item: &Value, had: Option<&str>, has: Option<&str>) {
        let request = self.continuation.now.request;
        let facts = ItemFacts::new(item.clone());
        let pointer = request.input_pointer().index(at).key("id");
        let mut violation = ITEM_ID_CHANGED.at(request.exchange, pointer);
        violation.subject = Some(label(&facts));
        violation.expected = had.map(str::to_owned);
        violation.found = has.map(str::to_owned);
        violation.message = format!(
            "the id of {} is another one in {} than before",
            the(&facts),
            self.continuation.now
        );
        self.tell(&format!("{:x}", facts.meaning()), violation);
    }

    /// Tells, of what was really sent, the first byte at which the input is no longer what was sent before, and what is sent anew because of it.
    fn check_prefix(&mut self) {
        let continuation = self.continuation;
        let (base, now) = (continuation.base.request, continuation.now.request);
        let (before, items) = (&base.input, &now.input);
        let differs = |at: &usize| {
            let is_sent = base.input.is_sent(*at) && now.input.is_sent(*at);
            is_sent && before[*at].text() != items[*at].text()
        };
        let same = (continuation.same_text..continuation.shared).find(differs);
        let same = same.unwrap_or(continuation.shared);
        let Some(broken) = before.get(same) else {
            return;
        };
        let found = items.get(same).map_or("", Value::text);
        let common = common_bytes(broken.text(), found);
        let length = |items: &[Value]| items.iter().map(|item| item.text().len()).sum::<usize>();
        let offset = length(&before[..same]) + common;
        let resent = length(&before[same..]) - common;
        let pointer = now.input_pointer().index(same);
        let mut violation = PROMPT_CACHE_BROKEN.at(now.exchange, pointer);
        violation.subject = Some(label(&ItemFacts::new(broken.clone())));
        violation.expected = Some(excerpt(broken.text()));
        violation.found = Some(excerpt(found)).filter(|found| !found.is_empty());
        violation.message = format!(
            "{} differs from exchange #{} from byte {offset} of the input's items on: {resent} bytes behind it were sent before \
             and are not a cached prefix any more",
            continuation.now, base.exchange
        );
        self.tell(&format!("{same} {offset}"), violation);
    }

    /// Tells a setting that both requests have and that differs.
    fn check_setting(&mut self, rule: RuleName, name: &str) {
        let continuation = self.continuation;
        let (base, now) = (continuation.base.request, continuation.now.request);
        let (Some(before), Some(found)) = (base.body.get(name), now.body.get(name)) else {
            return;
        };
        if before.text() == found.text() {
            return;
        }
        let pointer = Pointer::root().key("request").key("body").key(name);
        let mut violation = rule.at(now.exchange, pointer);
        violation.expected = Some(differing(before, found));
        violation.found = Some(differing(found, before));
        violation.message = format!(
            "the {name} of {} are not those of exchange #{}",
            continuation.now, base.exchange
        );
        self.tell(
            &format!("{:x}", ItemFacts::new(now.body.value.part(found)).meaning()),
            violation,
        );
    }
}

/// What a value has that the other lacks: the first element of a list, else all of it.
fn differing(one: Node<'_>, other: Node<'_>) -> String {
    let is_new = |item: &Node<'_>| !other.items().any(|known| known.text() == item.text());
    excerpt(one.items().find(is_new).unwrap_or(one).text())
}

fn common_bytes(a: &str, b: &str) -> usize {
    let pairs = a.bytes().zip(b.bytes());
    pairs.take_while(|(a, b)| a == b).count()
}
