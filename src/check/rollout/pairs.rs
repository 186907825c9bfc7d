//! What should have been sent beside what was sent.

use crate::align::common_subsequence;

use super::item::ItemFacts;
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
        let b: Vec<u64> = sent.iter().map(|sent| sent.facts.meaning).collect();
        let mut pairs = Self {
            equal: common_subsequence(&a, &b),
            ..Self::default()
        };
        let (mut from, mut to) = (0, 0);
        let ends = pairs.equal.clone().into_iter().chain([(a.len(), b.len())]);
        for (next_due, next_sent) in ends {
            let mut left: Vec<usize> = (from..next_due).collect();
            for number in to..next_sent {
                let facts = &sent[number].facts;
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
    pub(super) fn cost(&self, due: &[Due]) -> usize {
        let made_up = self.changed.iter().filter(|(at, _)| due[*at].is_made_up);
        let one_sided = self.missing.len() + self.added.len() + made_up.count();
        2 * one_sided + self.changed.len() + self.moved.len()
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

/// The tool and what it is called with.
fn what_is_called(facts: &ItemFacts) -> [Option<String>; 3] {
    let node = facts.item.node();
    ["name", "arguments", "input"].map(|key| node.get(key).map(|value| value.text().to_owned()))
}
