//! One cause, one finding: joins what recurs, and turns contradicting identifiers into changes.

use std::collections::{BTreeSet, HashMap, HashSet};

use xxhash_rust::xxh3::xxh3_64;

use crate::json::{Pointer, PointerPattern};
use crate::normalize::TextPlace;

use super::change::{Change, Comparison, ExchangePair, Level};
use super::compare::{Comparer, Options};
use super::identifiers::identifier_changes;
use super::names::{LocalChange, Names, Outcome};
use super::subject::{Subject, Thing};
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
    for (places, change) in identifier_changes(cx, &pairs) {
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
        // An exchange that one side lacks is all places at once.
        let is_in = |pattern: &PointerPattern| pointer.is_root() || pattern.matches(pointer);
        if !only.is_empty() && !only.iter().any(is_in) {
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
    /// What each change is about, everywhere it was seen; it is told at the end.
    subjects: Vec<BTreeSet<Thing>>,
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
            self.subjects.push(BTreeSet::new());
            self.changes.len() - 1
        });
        if let Some(subject) = &change.subject
            && !self.subjects[index].contains(subject)
        {
            self.subjects[index].insert(subject.clone());
        }
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
        let subjects = self.subjects.into_iter().map(Subject::of_several);
        let with_subject =
            |(change, subject): (Change, Option<Subject>)| Some(Change { subject, ..change });
        let mut changes: Vec<Option<Change>> = self
            .changes
            .into_iter()
            .zip(subjects)
            .map(with_subject)
            .collect();
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
        subject: None,
        beside: change.beside.clone().map(Subject::One),
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
