//! The one-to-one renaming of identifiers between two captures.

use std::collections::HashMap;

use super::shapes::{UUID_LENGTH, is_uuid_at};

/// An identifier of one side, as a number.
pub type IdNumber = u32;

/// Numbers the identifiers of one capture in order of first appearance.
#[derive(Debug, Default)]
pub struct IdTable {
    numbers: HashMap<String, IdNumber>,
    texts: Vec<String>,
}

impl IdTable {
    /// Gives the number of an identifier, a new one when it is seen for the first time.
    pub fn number(&mut self, text: &str) -> IdNumber {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = self.texts.len() as IdNumber;
        self.numbers.insert(text.to_owned(), number);
        self.texts.push(text.to_owned());
        number
    }

    /// Finds the number of an identifier that was seen before.
    pub fn find(&self, text: &str) -> Option<IdNumber> {
        self.numbers.get(text).copied()
    }

    /// Gives the identifier with this number.
    ///
    /// # Panics
    ///
    /// When the number was not given by this table.
    pub fn text(&self, number: IdNumber) -> &str {
        &self.texts[number as usize]
    }
}

/// Takes the UUID out of an identifier such as `msg_<uuid>`, else gives the identifier: what is the same UUID behind
/// another prefix is the same identifier.
pub fn identifier_core(id: &str) -> &str {
    match id.rsplit_once('_') {
        Some((_, uuid)) if uuid.len() == UUID_LENGTH && is_uuid_at(uuid.as_bytes(), 0) => uuid,
        _ => id,
    }
}

/// A pair of identifiers that stood in corresponding places: baseline, candidate.
pub type Pair = (IdNumber, IdNumber);

/// Why a pair does not fit the renaming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The pair that does not fit.
    pub pair: Pair,
    /// What the baseline identifier is called in the candidate elsewhere: then the candidate splits what was one.
    pub renamed_to: Option<IdNumber>,
    /// Which baseline identifier the candidate's one stands for elsewhere: then the candidate merges two.
    pub taken_by: Option<IdNumber>,
}

/// Finds the renaming that explains most places, and the pairs that contradict it.
///
/// `pairs` holds each pair once with the number of places it stood in, in order of first appearance. The pair with the
/// most places wins, then the earlier; what is left over is in conflict. Order of the answer: as in `pairs`.
pub fn conflicts(pairs: &[(Pair, u64)]) -> Vec<Conflict> {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(pairs[i].1), i));
    let mut forward = HashMap::new();
    let mut backward = HashMap::new();
    let mut is_kept = vec![false; pairs.len()];
    for i in order {
        let (a, b) = pairs[i].0;
        if !forward.contains_key(&a) && !backward.contains_key(&b) {
            forward.insert(a, b);
            backward.insert(b, a);
            is_kept[i] = true;
        }
    }
    let left_over = pairs.iter().zip(is_kept).filter(|(_, kept)| !kept);
    left_over
        .map(|(&((a, b), _), _)| Conflict {
            pair: (a, b),
            renamed_to: forward.get(&a).copied(),
            taken_by: backward.get(&b).copied(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_renaming_with_most_places_wins() {
        let conflict = |pair, renamed_to, taken_by| Conflict {
            pair,
            renamed_to,
            taken_by,
        };
        assert_eq!(conflicts(&[((0, 5), 3), ((1, 6), 1)]), []);
        assert_eq!(
            conflicts(&[((0, 9), 1), ((0, 5), 3)]),
            [conflict((0, 9), Some(5), None)]
        );
        assert_eq!(
            conflicts(&[((0, 5), 3), ((1, 5), 2)]),
            [conflict((1, 5), None, Some(0))]
        );
        assert_eq!(
            conflicts(&[((0, 5), 1), ((0, 6), 1)]),
            [conflict((0, 6), Some(5), None)],
            "the earlier wins a tie"
        );
    }
}
