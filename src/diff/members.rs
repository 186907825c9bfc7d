//! Members of two objects that go together.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::json::Node;

/// A key without escapes, and its value.
pub(super) type Member<'a> = (Cow<'a, str>, Node<'a>);

/// The members of an object in order; repeated keys are kept.
pub(super) fn members(node: Node<'_>) -> Vec<Member<'_>> {
    node.members()
        .map(|(key, value)| (key.string().unwrap_or_default(), value))
        .collect()
}

/// The candidate's member for each of the baseline's: the same key at its n-th appearance.
pub(super) fn match_equal_keys(a: &[Member<'_>], b: &[Member<'_>]) -> Vec<Option<usize>> {
    let mut is_taken = vec![false; b.len()];
    let index: Option<HashMap<&str, usize>> = (b.len() > 16).then(|| {
        b.iter()
            .enumerate()
            .rev()
            .map(|(j, (key, _))| (key.as_ref(), j))
            .collect()
    });
    let mut partners: Vec<Option<usize>> = Vec::with_capacity(a.len());
    for (i, (key, _)) in a.iter().enumerate() {
        let likely = if a.len() == b.len() && b[i].0 == *key {
            Some(i)
        } else {
            None
        };
        let first = || match &index {
            Some(index) => index.get(key.as_ref()).copied(),
            None => b.iter().position(|(other, _)| other == key),
        };
        let partner = likely
            .or_else(first)
            .and_then(|from| (from..b.len()).find(|&j| !is_taken[j] && b[j].0 == *key));
        if let Some(j) = partner {
            is_taken[j] = true;
        }
        partners.push(partner);
    }
    partners
}
