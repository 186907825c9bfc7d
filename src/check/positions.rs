//! Items found by what they are known by, each given once.

use std::hash::Hash;

use super::quick::QuickMap;

/// Positions in a list by key; those of one key in their order.
pub(super) struct Positions<K> {
    /// The first and the last position of each key.
    ends: QuickMap<K, (usize, usize)>,
    /// For each position the next one of the same key.
    next: Vec<usize>,
}

/// What stands for no position where one is expected.
const NONE: usize = usize::MAX;

impl<K: Eq + Hash> FromIterator<K> for Positions<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let keys = keys.into_iter();
        let mut ends: QuickMap<K, (usize, usize)> = QuickMap::default();
        ends.reserve(keys.size_hint().0);
        let mut next = Vec::with_capacity(keys.size_hint().0);
        for (at, key) in keys.enumerate() {
            let (_, last) = ends.entry(key).or_insert((at, at));
            if *last != at {
                next[*last] = at;
                *last = at;
            }
            next.push(NONE);
        }
        Self { ends, next }
    }
}

impl<K: Eq + Hash> Positions<K> {
    /// Gives away the first position of a key that is still free, by the caller's own list.
    pub(super) fn take(&mut self, key: &K, is_free: impl Fn(usize) -> bool) -> Option<usize> {
        let (first, _) = self.ends.get_mut(key)?;
        while *first != NONE {
            let at = *first;
            *first = self.next[at];
            if is_free(at) {
                return Some(at);
            }
        }
        None
    }

    /// The positions of a key that were not given away.
    pub(super) fn of(&self, key: &K) -> impl Iterator<Item = usize> {
        let first = self.ends.get(key).map_or(NONE, |(first, _)| *first);
        let position = |at: usize| (at != NONE).then_some(at);
        std::iter::successors(position(first), move |at| position(self.next[*at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_position_is_given_once_in_order() {
        let mut positions: Positions<char> = "abab".chars().collect();
        assert_eq!(positions.of(&'b').collect::<Vec<_>>(), [1, 3]);
        assert_eq!(positions.take(&'a', |_| true), Some(0));
        assert_eq!(positions.take(&'b', |at| at != 1), Some(3));
        assert_eq!(positions.take(&'a', |_| true), Some(2));
        assert_eq!(positions.take(&'a', |_| true), None);
        assert_eq!(positions.take(&'c', |_| true), None);
    }
}
