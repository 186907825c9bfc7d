//! Which of several values is the right one: the one that most places, and else most requests, have.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::places::all_places;
use super::said::Text;
use super::sent::{Place, Sent};

/// A place with what it says.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) exchange: usize,
    pub(super) place: Place,
    pub(super) value: Text,
}

/// How often each value stands in the whole capture.
pub(super) struct Votes<'a, 't> {
    all: &'a [Sent<'t>],
    /// Counted once two places disagree.
    counts: OnceCell<HashMap<Text, usize>>,
}

impl<'a, 't> Votes<'a, 't> {
    pub(super) fn new(all: &'a [Sent<'t>]) -> Self {
        Self {
            all,
            counts: OnceCell::new(),
        }
    }

    fn count(&self) -> HashMap<Text, usize> {
        let (all, places) = (self.all, all_places());
        let mut votes = HashMap::new();
        for value in all
            .iter()
            .flat_map(|sent| places.clone().filter_map(|at| sent.value(at)))
        {
            *votes.entry(value).or_insert(0) += 1;
        }
        // The key of the cache is a thread or session in every version, but none of the places that have to agree.
        for key in all.iter().filter_map(Sent::cache_key) {
            if let Some(count) = votes.get_mut(key.as_ref()) {
                *count += 1;
            }
        }
        votes
    }

    /// The place whose value the others should have; the first among equals.
    pub(super) fn winner<'n>(&self, named: &'n [Named]) -> Option<&'n Named> {
        let first = named.first()?;
        if named.iter().all(|one| one.value == first.value) {
            return Some(first);
        }
        let near = |one: &Named| {
            named
                .iter()
                .filter(|other| other.value == one.value)
                .count()
        };
        let counts = self.counts.get_or_init(|| self.count());
        let far = |one: &Named| counts.get(&one.value).copied().unwrap_or(0);
        let mut best: Option<(&Named, (usize, usize))> = None;
        for one in named {
            let votes = (near(one), far(one));
            if best.is_none_or(|(_, most)| votes > most) {
                best = Some((one, votes));
            }
        }
        best.map(|(one, _)| one)
    }
}
