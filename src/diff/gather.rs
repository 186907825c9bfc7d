//! One cause, one finding: joins what recurs, and turns contradicting identifiers into changes.

use std::collections::{BTreeSet, HashMap, HashSet};

use xxhash_rust::xxh3::xxh3_64;

use crate::json::Pointer;
use crate::normalize::{Conflict, IdNumber, Pair, TextPlace, conflicts};

use super::change::{Change, Comparison, ExchangePair, Level};
use super::compare::{Comparer, Options};
use super::names::{LocalChange, Names, Outcome};
use super::text::compare_text;

/// Fills `comparison.changes` from what was recorded.
pub(super) fn gather(cx: &mut Comparer<'_>, options: &Options, comparison: &mut Comparison) {
    cx.recorder.compare_equal_units(&mut cx.names);
    let cx = &*cx;
    let pairs: Vec<ExchangePair> = comparison.alignment.iter().map(|row| row.pair).collect();
    let mut gathered = Gathered::default();
    let mut filter = Filter {
        options,
        used: vec![false; options.ignore.len()],
    };
    for unit in &cx.recorder.units {
        for change in &unit.outcome.changes {
            for place in &unit.places {
                let pointer = place.pointer().join(&change.pointer);
                if filter.wants(cx, &pointer, change) {
                    let general = generalise(&pointer);
                    gathered.add(place.row, pairs[place.row], pointer, general, change);
                }
            }
        }
    }
    for (places, change) in identifier_changes(cx) {
        let general = places
            .first()
            .map_or(String::new(), |(_, pointer)| generalise(pointer));
        for (row, pointer) in places {
            if filter.wants(cx, &pointer, &change) {
                gathered.add(row, pairs[row], pointer, general.clone(), &change);
            }
        }
    }
    comparison.changes = gathered.finish();
    comparison.ignore_used = filter.used;
    count_changes(comparison);
}

/// Decides which changes are told, and which rules left something out.
struct Filter<'o> {
    options: &'o Options,
    used: Vec<bool>,
}

impl Filter<'_> {
    /// Whether a change at a place is told.
    fn wants(&mut self, cx: &Comparer<'_>, pointer: &Pointer, change: &LocalChange) -> bool {
        let only = &self.options.only;
        if !only.is_empty() && !only.iter().any(|pattern| pattern.matches(pointer)) {
            return false;
        }
        let mut texts = change.texts.as_deref().cloned();
        let mut is_rewritten = false;
        for (rule, used) in self.options.ignore.iter().zip(&mut self.used) {
            if !rule.pointer.matches(pointer) {
                continue;
            }
            let Some(pattern) = &rule.pattern else {
                *used = true;
                return false;
            };
            if let Some((a, b)) = &mut texts
                && (pattern.is_match(a) || pattern.is_match(b))
            {
                *used = true;
                is_rewritten = true;
                *a = pattern.replace_all(a, "").into_owned();
                *b = pattern.replace_all(b, "").into_owned();
            }
        }
        match texts {
            Some((a, b)) if is_rewritten => !is_same_text(cx, (&a, &b)),
            _ => true,
        }
    }
}

fn is_same_text(cx: &Comparer<'_>, texts: (&str, &str)) -> bool {
    let mut names = Names::new(cx.names.baseline.clone(), cx.names.candidate.clone());
    let (mut out, root) = (Outcome::default(), Pointer::root());
    compare_text(&mut names, &mut out, &root, texts, TextPlace::default()).is_none()
}

#[derive(Default)]
struct Gathered {
    changes: Vec<Change>,
    /// Row in which each change was seen first, for sorting.
    first_rows: Vec<usize>,
    seen_rows: Vec<HashSet<usize>>,
    seen_pointers: Vec<BTreeSet<String>>,
    by_cause: HashMap<(&'static str, Level, String, u64), usize>,
}

impl Gathered {
    /// Adds a change at a place; `general` is the kind of place that, with the values, makes it the same change.
    fn add(
        &mut self,
        row: usize,
        pair: ExchangePair,
        pointer: Pointer,
        general: String,
        change: &LocalChange,
    ) {
        let values = if is_same_whatever_the_value(change.rule) {
            0
        } else {
            change.values
        };
        let key = (change.rule, change.level, general.clone(), values);
        let index = *self.by_cause.entry(key).or_insert_with(|| {
            let cause = xxh3_64(format!("{}\0{general}\0{values}", change.rule).as_bytes());
            self.changes
                .push(new_change(pair, pointer.clone(), change, cause));
            self.first_rows.push(row);
            self.seen_rows.push(HashSet::from([row]));
            self.seen_pointers
                .push(BTreeSet::from([plain_indices(&pointer)]));
            self.changes.len() - 1
        });
        let known = &mut self.changes[index];
        if self.seen_rows[index].insert(row) {
            known.recurs.push(pair);
            if row < self.first_rows[index] {
                self.first_rows[index] = row;
                known.recurs.push(known.exchange);
                known.recurs.retain(|other| *other != pair);
                known.exchange = pair;
                known.pointer = pointer.clone();
            }
        }
        if self.seen_pointers[index].insert(plain_indices(&pointer)) {
            known.also.push(pointer);
        }
    }

    fn finish(self) -> Vec<Change> {
        let mut order: Vec<usize> = (0..self.changes.len()).collect();
        order.sort_by_key(|&i| (self.changes[i].level, self.first_rows[i], i));
        let mut changes: Vec<Option<Change>> = self.changes.into_iter().map(Some).collect();
        order
            .into_iter()
            .filter_map(|i| changes[i].take())
            .map(|mut change| {
                change
                    .recurs
                    .sort_by_key(|pair| (pair.baseline.or(pair.candidate), pair.candidate));
                change
            })
            .collect()
    }
}

fn new_change(pair: ExchangePair, pointer: Pointer, change: &LocalChange, cause: u64) -> Change {
    Change {
        rule: change.rule,
        level: change.level,
        exchange: pair,
        recurs: Vec::new(),
        pointer,
        also: Vec::new(),
        subject: change.subject.clone(),
        baseline: change.baseline.clone(),
        candidate: change.candidate.clone(),
        message: change.message.clone(),
        detail: change.detail.clone(),
        cause,
    }
}

/// Changes that are one cause whatever value stands there: a member or header that one side never sends.
fn is_same_whatever_the_value(rule: &str) -> bool {
    matches!(
        rule,
        "key-missing" | "key-added" | "header-missing" | "header-added" | "header-renamed"
    )
}

/// The kind of place: indices become `*`, and the copies of the turn metadata are one.
fn generalise(pointer: &Pointer) -> String {
    let text = plain_indices(pointer);
    match text.split_once("/x-codex-turn-metadata") {
        Some((_, below)) => format!("/x-codex-turn-metadata{below}"),
        None => text,
    }
}

fn plain_indices(pointer: &Pointer) -> String {
    let is_index =
        |segment: &str| !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit());
    let mut text = String::with_capacity(pointer.as_str().len());
    for segment in pointer.as_str().split('/').skip(1) {
        text.push('/');
        text.push_str(if is_index(segment) { "*" } else { segment });
    }
    text
}

/// Counts errors and warnings per row.
fn count_changes(comparison: &mut Comparison) {
    let rows: HashMap<ExchangePair, usize> = comparison
        .alignment
        .iter()
        .enumerate()
        .map(|(i, row)| (row.pair, i))
        .collect();
    for change in comparison
        .changes
        .iter()
        .filter(|change| change.level != Level::Note)
    {
        for pair in std::iter::once(&change.exchange).chain(&change.recurs) {
            if let Some(&row) = rows.get(pair) {
                comparison.alignment[row].changes += 1;
            }
        }
    }
}

/// Where a pair of identifiers stood: row and pointer.
type Places = Vec<(usize, Pointer)>;

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

fn identifier_changes(cx: &Comparer<'_>) -> Vec<(Places, LocalChange)> {
    let pairs = all_pairs(cx);
    let counts: Vec<(Pair, u64)> = pairs.iter().map(|p| (p.pair, p.count)).collect();
    let by_pair: HashMap<Pair, &PairPlaces> = pairs.iter().map(|p| (p.pair, p)).collect();
    let found = conflicts(&counts);
    found
        .into_iter()
        .map(|conflict| {
            let here = by_pair[&conflict.pair];
            let places = places(cx, here);
            let change = identifier_change(cx, &conflict, here, &places, &by_pair);
            (places, change)
        })
        .collect()
}

fn identifier_change(
    cx: &Comparer<'_>,
    conflict: &Conflict,
    here: &PairPlaces,
    places: &Places,
    by_pair: &HashMap<Pair, &PairPlaces>,
) -> LocalChange {
    let (a, b) = conflict.pair;
    let at = places
        .first()
        .map_or(String::new(), |(_, pointer)| pointer.to_string());
    let shown = |text: &str| {
        if here.is_secret {
            "<secret>".to_owned()
        } else {
            text.to_owned()
        }
    };
    let baseline = |number: IdNumber| shown(cx.names.baseline_ids.text(number));
    let candidate = |number: IdNumber| shown(cx.names.candidate_ids.text(number));
    let elsewhere = |pair: Pair| {
        let found = by_pair
            .get(&pair)
            .map(|p| self::places(cx, p))
            .unwrap_or_default();
        let other = found.iter().map(|(_, p)| p.to_string()).find(|p| *p != at);
        other
            .or_else(|| found.first().map(|(_, p)| p.to_string()))
            .unwrap_or_default()
    };
    let mut detail = Vec::new();
    if let Some(other) = conflict.renamed_to {
        let place = elsewhere((a, other));
        detail.push(format!("baseline: {} here and at {place}", baseline(a)));
        detail.push(format!(
            "candidate: {} here, {} at {place}",
            candidate(b),
            candidate(other)
        ));
    }
    if let Some(other) = conflict.taken_by {
        let place = elsewhere((other, b));
        detail.push(format!(
            "baseline: {} here, {} at {place}",
            baseline(a),
            baseline(other)
        ));
        detail.push(format!("candidate: {} here and at {place}", candidate(b)));
    }
    let (rule, message) = match (conflict.renamed_to, conflict.taken_by) {
        (Some(other), None) => (
            "identifier-split",
            format!(
                "no longer the identifier that stands at {}",
                elsewhere((a, other))
            ),
        ),
        (None, Some(other)) => (
            "identifier-merged",
            format!(
                "the same identifier as at {}, not one of its own",
                elsewhere((other, b))
            ),
        ),
        (Some(split), Some(merged)) => (
            "identifier-split",
            format!(
                "the identifier that stands at {}, not the one at {}",
                elsewhere((merged, b)),
                elsewhere((a, split))
            ),
        ),
        (None, None) => (
            "identifier-split",
            "contradicts the renaming of identifiers".to_owned(),
        ),
    };
    LocalChange {
        rule,
        level: Level::Error,
        baseline: Some(baseline(a)),
        candidate: Some(candidate(b)),
        message,
        detail,
        values: u64::from(a) + 1,
        ..LocalChange::default()
    }
}
