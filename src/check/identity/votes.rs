//! Which of several values is the right one: the one that most places, and else most requests, have.

use std::collections::HashMap;

use super::sent::{Place, Sent};

/// A place with what it says.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) exchange: usize,
    pub(super) place: Place,
    pub(super) value: String,
}

/// How often each value stands in the whole capture.
pub(super) struct Votes(HashMap<String, usize>);

impl Votes {
    pub(super) fn new<'t>(all: &[Sent<'t>], places: impl Iterator<Item = Place> + Clone) -> Self {
        let mut votes = HashMap::new();
        for value in all
            .iter()
            .flat_map(|sent| places.clone().filter_map(|at| sent.value(at)))
        {
            *votes.entry(value).or_insert(0) += 1;
        }
        // The key of the cache is a thread or session in every version, but none of the places that have to agree.
        for key in all.iter().filter_map(Sent::cache_key) {
            *votes.entry(key).or_insert(0) += 1;
        }
        Self(votes)
    }

    /// The place whose value the others should have; the first among equals.
    pub(super) fn winner<'n>(&self, named: &'n [Named]) -> Option<&'n Named> {
        let near = |one: &Named| {
            named
                .iter()
                .filter(|other| other.value == one.value)
                .count()
        };
        let far = |one: &Named| self.0.get(&one.value).copied().unwrap_or(0);
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
