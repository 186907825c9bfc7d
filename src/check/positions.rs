//! Items found by what they are known by, each given once.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Positions in a list by key; those of one key in their order.
pub(super) struct Positions<K>(HashMap<K, VecDeque<usize>>);

impl<K: Eq + Hash> FromIterator<K> for Positions<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut by_key: HashMap<K, VecDeque<usize>> = HashMap::new();
        for (at, key) in keys.into_iter().enumerate() {
            by_key.entry(key).or_default().push_back(at);
        }
        Self(by_key)
    }
}

impl<K: Eq + Hash> Positions<K> {
    /// Gives away the first position of a key that is still free, by the caller's own list.
    pub(super) fn take(&mut self, key: &K, is_free: impl Fn(usize) -> bool) -> Option<usize> {
        let positions = self.0.get_mut(key)?;
        while let Some(at) = positions.pop_front() {
            if is_free(at) {
                return Some(at);
            }
        }
        None
    }

    /// The positions of a key that were not given away.
    pub(super) fn of(&self, key: &K) -> impl Iterator<Item = usize> {
        self.0.get(key).into_iter().flatten().copied()
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
