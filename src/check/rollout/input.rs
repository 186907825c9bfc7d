//! What a request sends against what the history on disk makes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::json::Pointer;
use crate::normalize::Level;
use crate::responses::RequestKind;

use super::super::item::{ItemFacts, item_difference};
use super::super::label::{excerpt, label, the};
use super::super::request::{Outcome, Request};
use super::super::same::Difference;
use super::super::violation::{RolloutPlace, Violation};
use super::excuse::Excuses;
use super::label::pointer_in_record;
use super::pairs::Pairs;
use super::replay::Kept;
use super::sampling::{Fit, Sample};
use super::sent::{Due, Wire, WireItem};
use super::stored::StoredRollout;

/// Compares inputs and remembers what was told.
#[derive(Default)]
pub(super) struct InputCheck {
    pub(super) excuses: Excuses,
    /// Pairs of items that were looked at and are the same in all that counts.
    same: HashSet<(usize, usize)>,
}

/// A request at its point of a rollout.
pub(super) struct Compared<'a> {
    pub(super) request: &'a Request,
    pub(super) wire: &'a Wire,
    /// The request before it.
    pub(super) previous: Option<&'a Request>,
    pub(super) sample: &'a Sample,
    /// The whole history there.
    pub(super) kept: &'a [Kept],
    pub(super) files: &'a [StoredRollout],
}

impl InputCheck {
    /// Tells how an input differs from what is due.
    pub(super) fn compare(&mut self, compared: &Compared<'_>, violations: &mut Vec<Violation>) {
        let sample = compared.sample;
        if let Fit::Exact(known) = &sample.fit {
            for violation in known {
                violations[*violation]
                    .recurs
                    .push(compared.request.exchange);
            }
            if known.is_empty() {
                let sent = compared.sent();
                for (due, sent) in sample.due.iter().zip(sent) {
                    self.compare_pair(compared, due, sent, violations);
                }
            }
            return;
        }
        self.compare_near(compared, violations);
    }

    fn compare_near(&mut self, compared: &Compared<'_>, violations: &mut Vec<Violation>) {
        let due = &compared.sample.due;
        let sent = &compared.wire.items[compared.sample.range.clone()];
        let mut pairing = Pairs::of(due, sent, compared.wire);
        if compared.repeats_failed_compaction() {
            leave_out_oldest(due, &mut pairing.missing);
        }
        for (at, to) in pairing.equal {
            self.compare_pair(compared, &due[at], &sent[to], violations);
        }
        for (at, to) in pairing.changed {
            if !self.compare_pair(compared, &due[at], &sent[to], violations) {
                let known = violations.len() - 1;
                self.excuses
                    .add_changed(&due[at], sent[to].facts.meaning(), known);
            }
        }
        for (at, to) in pairing.moved {
            violations.push(compared.moved(&due[at], &sent[to]));
            let known = violations.len() - 1;
            self.excuses.add_missing(&due[at], known);
            self.excuses.add_added(sent[to].facts.meaning(), known);
        }
        for at in pairing.missing {
            violations.push(compared.missing(&due[at]));
            self.excuses.add_missing(&due[at], violations.len() - 1);
        }
        let mut calls: HashMap<&str, usize> = HashMap::new();
        for (to, after) in pairing.added {
            let sent = &sent[to].facts;
            let id = sent.call_id.as_deref();
            // An output that is on disk without its call goes with the call.
            let of_call = id.and_then(|id| calls.get(id)).copied();
            let known = of_call
                .filter(|_| compared.is_kept(sent))
                .unwrap_or_else(|| {
                    violations.push(compared.added(to, after));
                    violations.len() - 1
                });
            self.excuses.add_added(sent.meaning(), known);
            calls.extend(id.filter(|_| sent.is_call()).map(|id| (id, known)));
        }
    }

    /// Tells how one item is sent otherwise; true when it is not.
    fn compare_pair(
        &mut self,
        compared: &Compared<'_>,
        due: &Due,
        sent: &WireItem,
        violations: &mut Vec<Violation>,
    ) -> bool {
        // Facts are made once for each text and live as long as the check.
        let address = |facts: &Arc<ItemFacts>| Arc::as_ptr(facts) as usize;
        let pair = (address(&due.facts), address(&sent.facts));
        if self.same.contains(&pair) {
            return true;
        }
        let difference =
            item_difference(&due.facts, &sent.facts).or_else(|| compared.lost_id(due, &sent.facts));
        match difference {
            Some(difference) => {
                violations.push(compared.changed(due, sent, &difference));
                // Equal meanings: what differs is loose, and is told once.
                self.same.insert(pair);
                false
            }
            None => {
                self.same.insert(pair);
                true
            }
        }
    }
}

impl<'a> Compared<'a> {
    fn sent(&self) -> impl Iterator<Item = &'a WireItem> {
        self.wire.items[self.sample.range.clone()].iter()
    }

    /// Whether items are sent with ids: more of those that have one on disk than not.
    fn sends_ids(&self) -> bool {
        let with_id = self.sent().filter(|sent| sent.facts.id().is_some()).count();
        2 * with_id > self.sample.range.len()
    }

    /// An id that only one of disk and wire has, with an agent that sends ids. What is made up gets its id with the rest of it
    /// (0.169.0 for a call whose process was killed).
    fn lost_id(&self, due: &Due, sent: &ItemFacts) -> Option<Difference> {
        let (on_disk, on_wire) = (due.facts.id(), sent.id());
        if due.is_made_up {
            return None;
        }
        if on_disk.is_some() == on_wire.is_some() || !self.sends_ids() {
            return None;
        }
        Some(Difference {
            pointer: Pointer::root().key("id"),
            a: on_disk.map(|id| id.into_owned()),
            b: on_wire.map(|id| id.into_owned()),
        })
    }

    /// Whether the history holds such an item, though it is not sent.
    fn is_kept(&self, facts: &ItemFacts) -> bool {
        let mut kept = self.kept.iter();
        kept.any(|kept| kept.facts.meaning() == facts.meaning())
    }

    /// Whether it asks again for a compaction that failed.
    fn repeats_failed_compaction(&self) -> bool {
        let is_failed = |previous: &Request| {
            previous.facts.kind == RequestKind::Compaction
                && previous.response.outcome != Outcome::Completed
        };
        self.request.facts.kind == RequestKind::Compaction && self.previous.is_some_and(is_failed)
    }

    fn place(&self, due: &Due, below: &Pointer) -> RolloutPlace {
        let pointer = pointer_in_record(due.origin).join(below);
        self.files[due.origin.own].place(due.origin.place, pointer)
    }

    fn violation(&self, rule: &'static str, pointer: Pointer, message: String) -> Violation {
        let exchange = Some(self.request.exchange);
        Violation {
            message,
            ..Violation::new(rule, Level::Error, exchange, pointer)
        }
    }

    fn changed(&self, due: &Due, sent: &WireItem, difference: &Difference) -> Violation {
        let (rule, whence) = rule_for(due, "rollout-input-changed");
        let message = match due.is_made_up {
            true => format!(
                "{} is sent; the rollout has no output of the call",
                the(&sent.facts)
            ),
            false => format!("{} is sent otherwise than {whence} has it", the(&due.facts)),
        };
        let below = &difference.pointer;
        let mut violation = self.violation(rule, self.pointer(sent).join(below), message);
        violation.subject = Some(label(&due.facts));
        violation.place = Some(self.place(due, below));
        violation.expected = difference.a.as_deref().map(excerpt);
        violation.found = difference.b.as_deref().map(excerpt);
        violation
    }

    fn missing(&self, due: &Due) -> Violation {
        let (rule, whence) = rule_for(due, "rollout-input-missing");
        let message = format!("{} is in {whence} and not in the request", the(&due.facts));
        let mut violation = self.violation(rule, self.request.input_pointer(), message);
        violation.subject = Some(label(&due.facts));
        violation.place = Some(self.place(due, &Pointer::root()));
        violation.expected = Some(excerpt(due.facts.item.text()));
        violation
    }

    /// An item, by its number among those sent, behind the one due with the number `after`.
    fn added(&self, number: usize, after: Option<usize>) -> Violation {
        let sent = &self.wire.items[self.sample.range.start + number];
        let due = &self.sample.due;
        let after = after.map(|at| &due[at]);
        let next = match after {
            Some(after) => due
                .iter()
                .skip_while(|due| due.origin != after.origin)
                .nth(1),
            None => due.first(),
        };
        let is_element = |due: &Due| due.origin.element.is_some();
        let is_in_compaction = next.is_some_and(is_element);
        let (rule, whence) = match is_in_compaction {
            true => ("rollout-compaction-changed", "the rollout's compaction"),
            false => ("rollout-input-added", "the rollout"),
        };
        let message = match self.is_kept(&sent.facts) {
            true => format!(
                "{} is sent; {whence} has it without its call",
                the(&sent.facts)
            ),
            false => format!("{} is sent and not in {whence}", the(&sent.facts)),
        };
        let mut violation = self.violation(rule, self.pointer(sent), message);
        violation.subject = Some(label(&sent.facts));
        violation.place = Some(match (after, next) {
            (Some(due), _) => self.place(due, &Pointer::root()),
            (None, Some(due)) if is_in_compaction => self.place(due, &Pointer::root()),
            (None, Some(due)) => {
                let mut place = due.origin.place;
                place.record = place.record.saturating_sub(1);
                self.files[due.origin.own].place(place, Pointer::root())
            }
            (None, None) => {
                let position = self.sample.position;
                let record = position.record.saturating_sub(1);
                self.files[position.own].own_place(record, Pointer::root())
            }
        });
        violation.found = Some(excerpt(sent.facts.item.text()));
        violation
    }

    fn moved(&self, due: &Due, sent: &WireItem) -> Violation {
        let message = format!(
            "{} stands elsewhere in the request than in the rollout",
            the(&due.facts)
        );
        let mut violation = self.violation("rollout-input-order", self.pointer(sent), message);
        violation.subject = Some(label(&due.facts));
        violation.place = Some(self.place(due, &Pointer::root()));
        violation
    }

    /// Where an item of the input stands.
    fn pointer(&self, sent: &WireItem) -> Pointer {
        self.request.input_pointer().index(sent.number)
    }
}

/// Takes out of what is missing that which agents leave away where a compaction was too long for the model: Codex the
/// oldest items, a call with its output (0.115.0–0.169.0), pycodex the oldest output with its call (0.1.13–0.5.1).
fn leave_out_oldest(due: &[Due], missing: &mut Vec<usize>) {
    let oldest = missing
        .iter()
        .enumerate()
        .take_while(|(at, number)| at == *number)
        .count();
    let id = |number: usize| due[number].facts.call_id.as_deref();
    let pairs: HashSet<usize> = missing
        .iter()
        .filter(|number| {
            let has_partner = |other: &usize| other != *number && id(*other) == id(**number);
            id(**number).is_some() && missing.iter().any(has_partner)
        })
        .copied()
        .collect();
    missing.retain(|number| *number >= oldest && !pairs.contains(number));
}

/// What a compaction left on disk is a contract of its own.
fn rule_for(due: &Due, rule: &'static str) -> (&'static str, &'static str) {
    match due.origin.element {
        Some(_) => ("rollout-compaction-changed", "the rollout's compaction"),
        None => (rule, "the rollout"),
    }
}
