//! What should have been sent beside what was sent.

use std::collections::HashSet;

use crate::align::common_subsequence;
use crate::responses::message_text;

use super::super::item::ItemFacts;
use super::sent::{Due, Wire, WireItem};

/// Which item due goes with which item sent, as numbers.
#[derive(Default)]
pub(super) struct Pairs {
    pub(super) equal: Vec<(usize, usize)>,
    pub(super) changed: Vec<(usize, usize)>,
    pub(super) moved: Vec<(usize, usize)>,
    pub(super) missing: Vec<usize>,
    /// With the last item due before it.
    pub(super) added: Vec<(usize, Option<usize>)>,
}

impl Pairs {
    pub(super) fn of(due: &[Due], sent: &[WireItem], wire: &Wire) -> Self {
        let a: Vec<u64> = due.iter().map(|due| wire.meaning_of(&due.facts)).collect();
        let b: Vec<u64> = sent.iter().map(|sent| sent.facts.meaning()).collect();
        let mut pairs = Self {
            equal: common_subsequence(&a, &b),
            ..Self::default()
        };
        let (mut from, mut to) = (0, 0);
        let ends = pairs.equal.clone().into_iter().chain([(a.len(), b.len())]);
        for (next_due, next_sent) in ends {
            let mut left: Vec<usize> = (from..next_due).collect();
            let between = sent.iter().enumerate().take(next_sent).skip(to);
            for (number, one) in between {
                let facts = &one.facts;
                let partner = left
                    .iter()
                    .position(|at| is_version(&due[*at].facts, facts));
                match partner {
                    Some(at) => pairs.changed.push((left.remove(at), number)),
                    None => pairs.added.push((number, next_due.checked_sub(1))),
                }
            }
            pairs.missing.extend(left);
            (from, to) = (next_due + 1, next_sent + 1);
        }
        pairs.find_moved(&a, &b);
        pairs.find_made_up(due, sent);
        pairs
    }

    /// A made-up output stands directly behind its call, the real one may stand behind further calls.
    fn find_made_up(&mut self, due: &[Due], sent: &[WireItem]) {
        let mut missing = std::mem::take(&mut self.missing);
        self.added.retain(|(number, _)| {
            let facts = &sent[*number].facts;
            let is_it = |at: &usize| due[*at].is_made_up && is_version(&due[*at].facts, facts);
            match missing.iter().position(is_it) {
                Some(at) => {
                    self.changed.push((missing.remove(at), *number));
                    false
                }
                None => true,
            }
        });
        self.missing = missing;
    }

    /// How far apart the two are.
    pub(super) fn cost(&self, due: &[Due], sent: &[WireItem]) -> usize {
        let cost = |(at, to): &(usize, usize)| {
            let due = &due[*at];
            match (due.is_made_up, is_alike(&due.facts, &sent[*to].facts)) {
                (false, true) => 1,
                _ => 3,
            }
        };
        let changed: usize = self.changed.iter().map(cost).sum();
        2 * (self.missing.len() + self.added.len()) + changed + self.moved.len()
    }

    /// What is missing here and sent there was moved.
    fn find_moved(&mut self, a: &[u64], b: &[u64]) {
        let mut missing = std::mem::take(&mut self.missing);
        self.added.retain(
            |(number, _)| match missing.iter().position(|at| a[*at] == b[*number]) {
                Some(at) => {
                    self.moved.push((missing.remove(at), *number));
                    false
                }
                None => true,
            },
        );
        self.missing = missing;
    }
}

/// Whether two items that differ are one item in two versions: answers to or calls of one id, else of one kind.
pub(super) fn is_version(a: &ItemFacts, b: &ItemFacts) -> bool {
    if a.kind != b.kind {
        return false;
    }
    let role = |facts: &ItemFacts| {
        facts
            .item
            .node()
            .get_string("role")
            .map(|role| role.into_owned())
    };
    match (&a.call_id, &b.call_id) {
        (Some(x), Some(y)) => x == y || (a.is_call() && what_is_called(a) == what_is_called(b)),
        _ => role(a) == role(b),
    }
}

/// Whether two versions are alike enough to be one item at first sight.
fn is_alike(a: &ItemFacts, b: &ItemFacts) -> bool {
    if a.call_id.is_some() || (a.id().is_some() && a.id() == b.id()) {
        return true;
    }
    let words = |facts: &ItemFacts| -> HashSet<String> {
        let text = message_text(facts.item.node());
        text.split_whitespace().map(str::to_owned).collect()
    };
    let (a, b) = (words(a), words(b));
    3 * a.intersection(&b).count() >= a.len().max(b.len())
}

/// The tool and what it is called with.
fn what_is_called(facts: &ItemFacts) -> [Option<String>; 3] {
    let node = facts.item.node();
    ["name", "arguments", "input"].map(|key| node.get(key).map(|value| value.text().to_owned()))
}
