//! Identifiers that contradict the one-to-one renaming, as changes.

use std::collections::HashMap;

use crate::json::Pointer;
use crate::normalize::{Conflict, IdNumber, Pair, conflicts};

use super::change::{ExchangePair, Level};
use super::compare::Comparer;
use super::names::LocalChange;
use super::text::shortened;

/// Where a pair of identifiers stood: row and pointer.
pub(super) type Places = Vec<(usize, Pointer)>;

struct PairPlaces {
    pair: Pair,
    count: u64,
    /// The places, in order; all of them only for pairs in conflict.
    units: Vec<(usize, usize)>,
    is_secret: bool,
}

/// Every pair of identifiers with the units and ties it comes from, in order of first appearance.
fn all_pairs(cx: &Comparer<'_>) -> Vec<PairPlaces> {
    let mut index: HashMap<Pair, usize> = HashMap::new();
    let mut pairs: Vec<PairPlaces> = Vec::new();
    for (u, unit) in cx.recorder.units.iter().enumerate() {
        for (t, tie) in unit.outcome.ties.iter().enumerate() {
            let i = *index.entry(tie.pair).or_insert_with(|| {
                pairs.push(PairPlaces {
                    pair: tie.pair,
                    count: 0,
                    units: Vec::new(),
                    is_secret: false,
                });
                pairs.len() - 1
            });
            pairs[i].count += unit.places.len() as u64;
            pairs[i].units.push((u, t));
            pairs[i].is_secret |= tie.is_secret;
        }
    }
    // Of pairs with as many places the one wins that needs no renaming.
    let is_renamed = |pair: &PairPlaces| {
        let (a, b) = pair.pair;
        cx.names.baseline_ids.text(a) != cx.names.candidate_ids.text(b)
    };
    pairs.sort_by_key(is_renamed);
    pairs
}

fn places(cx: &Comparer<'_>, pair: &PairPlaces) -> Places {
    let mut places = Places::new();
    for &(u, t) in &pair.units {
        let unit = &cx.recorder.units[u];
        let below = &unit.outcome.ties[t].pointer;
        places.extend(
            unit.places
                .iter()
                .map(|place| (place.row, place.pointer().join(below))),
        );
    }
    places.sort_by_key(|(row, _)| *row);
    places
}

/// The contradictions, each with the places where it shows. `rows` are the exchanges of each row.
pub(super) fn identifier_changes(
    cx: &Comparer<'_>,
    rows: &[ExchangePair],
) -> Vec<(Places, LocalChange)> {
    let pairs = all_pairs(cx);
    let counts: Vec<(Pair, u64)> = pairs.iter().map(|p| (p.pair, p.count)).collect();
    let conflict_finder = Conflicts {
        cx,
        rows,
        by_pair: pairs.iter().map(|p| (p.pair, p)).collect(),
    };
    let found = conflicts(&counts);
    found
        .iter()
        .map(|conflict| conflict_finder.change(conflict))
        .collect()
}

struct Conflicts<'p, 'c> {
    cx: &'p Comparer<'c>,
    rows: &'p [ExchangePair],
    by_pair: HashMap<Pair, &'p PairPlaces>,
}

impl Conflicts<'_, '_> {
    fn change(&self, conflict: &Conflict) -> (Places, LocalChange) {
        let (a, b) = conflict.pair;
        let places = self.places(conflict.pair);
        // Where the baseline, and where the candidate, has the same identifier.
        let was = conflict
            .renamed_to
            .map(|other| self.elsewhere((a, other), &places, true));
        let is = conflict
            .taken_by
            .map(|other| self.elsewhere((other, b), &places, false));
        let (rule, message) = match (&was, &is) {
            (Some(was), None) => (
                "identifier-split",
                format!("an identifier of its own; in the baseline it is the one {was}"),
            ),
            (None, Some(is)) => (
                "identifier-merged",
                format!("the same identifier as {is}; in the baseline it is one of its own"),
            ),
            (Some(was), Some(is)) => (
                "identifier-split",
                format!("the same identifier as {is}; in the baseline it is the one {was}"),
            ),
            (None, None) => (
                "identifier-split",
                "contradicts the renaming of identifiers".to_owned(),
            ),
        };
        let is_secret = self
            .by_pair
            .get(&conflict.pair)
            .is_some_and(|p| p.is_secret);
        let text = |text: &str| {
            if is_secret {
                "<secret>".to_owned()
            } else {
                shortened(text, 80)
            }
        };
        let baseline = |number: IdNumber| text(self.cx.names.baseline_ids.text(number));
        let candidate = |number: IdNumber| text(self.cx.names.candidate_ids.text(number));
        let mut detail = Vec::new();
        if let Some((was, other)) = was.zip(conflict.renamed_to) {
            detail.push(format!(
                "{was}: {} became {}",
                baseline(a),
                candidate(other)
            ));
        }
        if let Some((is, other)) = is.zip(conflict.taken_by) {
            detail.push(format!("{is}: {} became {}", baseline(other), candidate(b)));
        }
        let change = LocalChange {
            rule,
            level: Level::Error,
            baseline: Some(baseline(a)),
            candidate: Some(candidate(b)),
            values: u64::from(a) + 1,
            message,
            detail,
            ..LocalChange::default()
        };
        (places, change)
    }

    fn places(&self, pair: Pair) -> Places {
        let found = self.by_pair.get(&pair);
        found
            .map(|found| places(self.cx, found))
            .unwrap_or_default()
    }

    /// A telling place of another pair: in the same exchange if there is one, else the first.
    fn elsewhere(&self, pair: Pair, here: &Places, is_baseline: bool) -> String {
        let there = self.places(pair);
        let row = here.first().map(|(row, _)| *row);
        let in_same = there.iter().find(|(other, _)| Some(*other) == row);
        let Some((other, pointer)) = in_same.or_else(|| there.first()) else {
            return "elsewhere".to_owned();
        };
        let place = plain_place(pointer);
        if Some(*other) == row {
            return format!("at {place}");
        }
        let exchange = self.rows.get(*other).copied().unwrap_or_default();
        let number = if is_baseline {
            exchange.baseline
        } else {
            exchange.candidate
        };
        number.map_or(format!("at {place}"), |n| format!("at {place} of #{n}"))
    }
}

/// A place without what every place begins with.
fn plain_place(pointer: &Pointer) -> String {
    let text = pointer.as_str();
    let known = ["/request/headers/", "/request/body/", "/request/", "/"];
    let plain = known.iter().find_map(|prefix| text.strip_prefix(prefix));
    plain.unwrap_or(text).to_owned()
}
