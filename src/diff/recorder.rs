//! Collects what is found in each unit, once for equal units, with the places it recurs in.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_128;

use crate::json::Pointer;

use super::names::{LocalChange, Outcome};

/// Where a unit stands: row of the alignment, and pointer from the exchange.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) row: usize,
    pub(super) pointer: Pointer,
}

/// A part of an exchange that was compared by itself: a header, a member of a body, an item, an event.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) outcome: Outcome,
    pub(super) places: Vec<Place>,
}

/// All units, in order of first appearance.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub(super) units: Vec<Unit>,
    known: HashMap<(&'static str, u128, u128), usize>,
}

impl Recorder {
    /// Compares two texts that make up a unit, unless the same two were compared before under the same `context`.
    pub(super) fn unit(
        &mut self,
        context: &'static str,
        (a, b): (&str, &str),
        place: Place,
        compare: impl FnOnce() -> Outcome,
    ) {
        let key = (context, xxh3_128(a.as_bytes()), xxh3_128(b.as_bytes()));
        let units = &mut self.units;
        let index = *self.known.entry(key).or_insert_with(|| {
            units.push(Unit {
                outcome: compare(),
                places: Vec::new(),
            });
            units.len() - 1
        });
        self.units[index].places.push(place);
    }

    /// Records what was found in one place only.
    pub(super) fn once(&mut self, place: Place, outcome: Outcome) {
        if !outcome.changes.is_empty() || !outcome.ties.is_empty() {
            self.units.push(Unit {
                outcome,
                places: vec![place],
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
}
