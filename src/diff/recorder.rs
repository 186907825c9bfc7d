//! Collects what is found in each unit, once for equal units, with the places it recurs in.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use xxhash_rust::xxh3::xxh3_128;

use crate::json::{Pointer, Value};

use super::change::Level;
use super::names::{LocalChange, Names, Outcome};
use super::value::ValueDiff;

/// Where a unit stands: row of the alignment, and pointer from the exchange.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) row: usize,
    base: Arc<Pointer>,
    index: Option<usize>,
}

impl Place {
    pub(super) fn new(row: usize, pointer: Pointer) -> Self {
        Self {
            row,
            base: Arc::new(pointer),
            index: None,
        }
    }

    /// The place of an element of a list.
    pub(super) fn element(row: usize, list: &Arc<Pointer>, index: usize) -> Self {
        Self {
            row,
            base: Arc::clone(list),
            index: Some(index),
        }
    }

    /// The pointer from the exchange.
    pub(super) fn pointer(&self) -> Pointer {
        match self.index {
            Some(index) => self.base.index(index),
            None => (*self.base).clone(),
        }
    }
}

/// What a unit is made of, as it stands in the capture.
#[derive(Debug, Clone)]
pub(super) enum Text {
    Json(Value),
    Plain(String),
}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Text::Json(value) => value.text(),
            Text::Plain(text) => text,
        }
    }
}

type Compare = Box<dyn Fn(&mut Names) -> Outcome>;

/// A part of an exchange that was compared by itself: a header, a member of a body, an item, an event.
pub(super) struct Unit {
    pub(super) outcome: Outcome,
    pub(super) places: Vec<Place>,
    /// For a unit that is the same text on both sides: it differs in nothing, but may hold identifiers that are tied to
    /// others elsewhere. Whether that matters is known at the end.
    same: Option<(Text, Compare)>,
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit")
            .field("outcome", &self.outcome)
            .field("places", &self.places)
            .finish_non_exhaustive()
    }
}

/// An item that is the same text on both sides.
#[derive(Debug)]
struct EqualItem {
    text_hash: u128,
    item: Value,
    place: Place,
}

/// All units, in order of first appearance.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub(super) units: Vec<Unit>,
    /// Most items of most requests: kept apart, as little is ever asked of them.
    equal_items: Vec<EqualItem>,
    known: HashMap<(&'static str, u128, u128), usize>,
}

/// A unit to be compared.
pub(super) struct Pair {
    /// What the comparison depends on beside the texts: the kind of unit, a key, a level.
    pub(super) context: &'static str,
    pub(super) baseline: Text,
    /// xxh3-128 of the two texts.
    pub(super) hashes: (u128, u128),
}

impl Pair {
    pub(super) fn new(context: &'static str, baseline: Text, candidate: Text) -> Self {
        let hash = |text: &Text| xxh3_128(text.as_str().as_bytes());
        let hashes = (hash(&baseline), hash(&candidate));
        Self {
            context,
            baseline,
            hashes,
        }
    }

    /// A pair whose hashes also count `key`.
    pub(super) fn keyed(context: &'static str, key: &str, baseline: Text, candidate: Text) -> Self {
        let key = xxh3_128(key.as_bytes()).rotate_left(1);
        let pair = Self::new(context, baseline, candidate);
        Self {
            hashes: (pair.hashes.0 ^ key, pair.hashes.1 ^ key),
            ..pair
        }
    }
}

impl Recorder {
    /// Compares the texts of a unit, unless the same two were compared before under the same context.
    pub(super) fn unit(
        &mut self,
        names: &mut Names,
        pair: Pair,
        place: Place,
        compare: impl Fn(&mut Names) -> Outcome + 'static,
    ) {
        let units = &mut self.units;
        let index = *self
            .known
            .entry((pair.context, pair.hashes.0, pair.hashes.1))
            .or_insert_with(|| {
                let is_same = pair.hashes.0 == pair.hashes.1;
                let outcome = if is_same {
                    Outcome::default()
                } else {
                    compare(names)
                };
                let same = is_same.then(|| (pair.baseline, Box::new(compare) as Compare));
                units.push(Unit {
                    outcome,
                    places: Vec::new(),
                    same,
                });
                units.len() - 1
            });
        self.units[index].places.push(place);
    }

    /// Records an item that is the same text on both sides.
    pub(super) fn equal_item(&mut self, text_hash: u128, item: &Value, place: Place) {
        let item = item.clone();
        self.equal_items.push(EqualItem {
            text_hash,
            item,
            place,
        });
    }

    /// Records what was found in one place only.
    pub(super) fn once(&mut self, place: Place, outcome: Outcome) {
        if !outcome.changes.is_empty() || !outcome.ties.is_empty() {
            self.units.push(Unit {
                outcome,
                places: vec![place],
                same: None,
            });
        }
    }

    /// Records a single change at a place.
    pub(super) fn change(&mut self, place: Place, change: LocalChange) {
        self.once(
            place,
            Outcome {
                changes: vec![change],
                ties: Vec::new(),
            },
        );
    }

    /// Compares those equal units after all that hold an identifier which is called otherwise elsewhere: only they can
    /// contradict the renaming.
    pub(super) fn compare_equal_units(&mut self, names: &mut Names) {
        let ties = self.units.iter().flat_map(|unit| &unit.outcome.ties);
        let mut renamed: HashSet<String> = HashSet::new();
        for tie in ties {
            let (a, b) = (
                names.baseline_ids.text(tie.pair.0),
                names.candidate_ids.text(tie.pair.1),
            );
            if a != b {
                renamed.extend([a.to_owned(), b.to_owned()]);
            }
        }
        if renamed.is_empty() {
            return;
        }
        // What may stand escaped in JSON can't be looked for in its text.
        let is_plain = |id: &String| {
            id.bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'/'))
        };
        let finder = if renamed.iter().all(is_plain) {
            AhoCorasick::new(&renamed).ok()
        } else {
            None
        };
        let may_hold_one = |text: &str| finder.as_ref().is_none_or(|finder| finder.is_match(text));
        for unit in &mut self.units {
            let Some((text, compare)) = &unit.same else {
                continue;
            };
            if may_hold_one(text.as_str()) {
                unit.outcome = compare(names);
            }
        }
        let mut units: HashMap<u128, Option<Unit>> = HashMap::new();
        let mut order = Vec::new();
        for equal in self.equal_items.drain(..) {
            let unit = units.entry(equal.text_hash).or_insert_with(|| {
                order.push(equal.text_hash);
                may_hold_one(equal.item.text()).then(|| Unit {
                    outcome: compare_values(names, &equal.item),
                    places: Vec::new(),
                    same: None,
                })
            });
            if let Some(unit) = unit {
                unit.places.push(equal.place);
            }
        }
        let found = order.iter().filter_map(|hash| units.remove(hash).flatten());
        self.units.extend(found);
    }
}

/// Ties the identifiers of an item to themselves.
fn compare_values(names: &mut Names, item: &Value) -> Outcome {
    let mut diff = ValueDiff::new(names, Level::Error, true);
    diff.value("", item.node(), item.node());
    diff.out
}
