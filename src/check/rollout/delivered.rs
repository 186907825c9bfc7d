//! What responses delivered against what the rollout holds.

use std::sync::Arc;

use crate::capture::DeliveredItem;
use crate::json::{Pointer, Value};
use crate::normalize::Level;
use crate::responses::{RequestKind, is_from_other_thread};
use crate::rollout::{RecordKind, Version, What};

use super::super::item::{Facts, ItemFacts, delivery_difference};
use super::super::label::{excerpt, label, the};
use super::super::request::{Outcome, Request};
use super::super::same::Difference;
use super::super::violation::Violation;
use super::pairs::is_version;
use super::replay::Position;
use super::stored::StoredRollout;
use super::stretch::Sampled;

/// What is known of a thread when its items are compared.
pub(super) struct Delivery<'a> {
    pub(super) files: &'a [StoredRollout],
    /// In the order in which they were made.
    pub(super) sampled: &'a [Sampled<'a>],
    /// Whether responses may be missing: the capture is damaged or does not hold all requests.
    pub(super) is_partial: bool,
    /// Whether the capture has no local compactions: rollout-trace bundles.
    pub(super) lacks_compactions: bool,
}

/// An item in a record that a model made.
struct Made<'a> {
    at: Position,
    facts: &'a ItemFacts,
    /// Whether the turn that it is in has a request in the capture.
    is_judged: bool,
    is_matched: bool,
}

/// A delivered item that waits for its record.
struct Waiting<'a> {
    request: &'a Request,
    item: &'a DeliveredItem,
    facts: Arc<ItemFacts>,
    is_required: bool,
}

impl Delivery<'_> {
    /// Tells which items were lost, changed or invented between the responses and the disk.
    pub(super) fn check(&self, facts: &mut Facts, violations: &mut Vec<Violation>) {
        let mut late: Vec<Waiting<'_>> = Vec::new();
        for (number, sampled) in self.sampled.iter().enumerate() {
            let mut made = self.made_after(number);
            let request = sampled.request;
            let delivered = request.response.delivered.iter();
            let waiting: Vec<Waiting<'_>> = delivered
                .map(|item| {
                    let facts = facts.of(&item.item);
                    Waiting {
                        request,
                        item,
                        is_required: self.is_required(number)
                            && facts.is_kept_by(self.is_pycodex()),
                        facts,
                    }
                })
                .collect();
            late.retain(|one| take_equal(one, &mut made).is_none());
            let mut left = Vec::new();
            for one in waiting {
                match take_equal(&one, &mut made) {
                    Some(record) => violations.extend(self.lost_id(&one, record)),
                    None => left.push(one),
                }
            }
            for one in left {
                let found = self.match_versions(&one, &mut made, sampled);
                match found {
                    Fate::Told(violation) => violations.push(*violation),
                    Fate::Late => late.push(one),
                }
            }
            let invented = made
                .iter()
                .filter(|made| made.is_judged && !made.is_matched);
            violations.extend(invented.filter_map(|made| self.invented(made, sampled)));
            if number + 1 == self.sampled.len() {
                violations.extend(self.not_sent(&made, sampled));
            }
        }
    }

    /// The items that a model made between a request and the next one.
    fn made_after(&self, number: usize) -> Vec<Made<'_>> {
        let from = self.sampled[number].before_answer;
        let until = self.sampled.get(number + 1).map(|next| next.before_answer);
        let mut made: Vec<Made<'_>> = Vec::new();
        let mut turns = 0;
        let mut at = from;
        while until.is_none_or(|until| at < until) {
            let Some(file) = self.files.get(at.own) else {
                break;
            };
            let Some(entry) = file.index().entries.get(at.record) else {
                at = Position {
                    own: at.own + 1,
                    record: 0,
                };
                turns += 1;
                continue;
            };
            turns += usize::from(file.begins_turn(entry.what));
            let item = file.records[at.record].item.as_deref();
            if let Some(facts) = item.filter(|facts| facts.is_of_model()) {
                made.push(Made {
                    at,
                    facts,
                    is_judged: turns == 0,
                    is_matched: false,
                });
            }
            if file.begins_turn(entry.what) {
                // What a turn without requests of its own holds was delivered elsewhere.
                made.iter_mut()
                    .filter(|made| !made.is_judged)
                    .for_each(|made| made.is_matched = true);
            }
            at.record += 1;
        }
        // The last turn of the stretch is that of the next request.
        let has_next = until.is_some();
        made.iter_mut()
            .for_each(|made| made.is_judged |= has_next && !made.is_matched);
        made
    }

    /// Whether all that a response delivered has to be on disk. What came before a stream broke off may be there
    /// (Codex) or not; of a compaction that failed nothing is, and Codex up to 0.135 and pycodex keep its
    /// result only.
    fn is_required(&self, number: usize) -> bool {
        let sampled = &self.sampled[number];
        let facts = &sampled.request.facts;
        sampled.request.response.outcome == Outcome::Completed
            && !self.is_asked_again(number)
            && match facts.kind {
                RequestKind::Compaction => {
                    let file = &self.files[sampled.before_answer.own];
                    let keeps_summary = file.is_since(Version(0, 136, 0));
                    facts.endpoint == "/responses" && keeps_summary && self.compacts(number)
                }
                _ => true,
            }
    }

    /// Whether the next request asks for the same again, so that the agent took this response for none: one without an id
    /// is unreadable to Codex, one with an event that is no JSON to pycodex.
    fn is_asked_again(&self, number: usize) -> bool {
        let request = self.sampled[number].request;
        let Some(next) = self.sampled.get(number + 1) else {
            return false;
        };
        let (one, next) = (&request.input, &next.request.input);
        !request.response.delivered.is_empty()
            && one.len() == next.len()
            && one.last().map(Value::text) == next.last().map(Value::text)
    }

    fn is_pycodex(&self) -> bool {
        self.files.iter().any(|file| file.is_pycodex)
    }

    /// Whether a compaction was recorded before the next request.
    fn compacts(&self, number: usize) -> bool {
        let from = self.sampled[number].before_answer;
        let until = self.sampled.get(number + 1).map(|next| next.before_answer);
        let records = &self.files[from.own].records;
        let end = match until {
            Some(until) if until.own == from.own => until.record.min(records.len()),
            _ => records.len(),
        };
        let between = records.get(from.record..end).unwrap_or_default();
        between
            .iter()
            .any(|record| record.kind == RecordKind::Compacted)
    }

    /// An id that was delivered and is not on disk, where nearly all other items have theirs.
    fn lost_id(&self, one: &Waiting<'_>, made: &Made<'_>) -> Option<Violation> {
        let delivered = one.facts.id()?;
        if made.facts.id().is_some() {
            return None;
        }
        let records = self.files[made.at.own].records.iter();
        let items = records.filter_map(|record| record.item.as_ref());
        let (with, without): (Vec<_>, Vec<_>) = items
            .filter(|facts| facts.is_of_model())
            .partition(|facts| facts.id().is_some());
        let difference = Difference {
            pointer: Pointer::root().key("id"),
            a: None,
            b: Some(delivered.into_owned()),
        };
        (with.len() > 3 * without.len()).then(|| self.changed(one, made, &difference))
    }

    /// What became of an item of which there is no equal: it stands there otherwise, or not at all.
    fn match_versions(
        &self,
        one: &Waiting<'_>,
        made: &mut [Made<'_>],
        sampled: &Sampled<'_>,
    ) -> Fate {
        let is_near = |made: &&mut Made<'_>| {
            let is_named = made.facts.call_id.is_some() || made.facts.id() == one.facts.id();
            !made.is_matched
                && made.is_judged
                && (one.is_required || is_named)
                && is_version(made.facts, &one.facts)
        };
        if let Some(made) = made.iter_mut().find(is_near)
            && let Some(difference) = delivery_difference(made.facts, &one.facts)
        {
            made.is_matched = true;
            return Fate::Told(Box::new(self.changed(one, made, &difference)));
        }
        if one.is_required {
            return Fate::Told(Box::new(self.lost(one, made, sampled)));
        }
        Fate::Late
    }

    /// What stands behind the last request's point of the rollout and before its answer, and was not sent.
    fn not_sent(&self, made: &[Made<'_>], sampled: &Sampled<'_>) -> Vec<Violation> {
        let from = sampled.before_answer;
        let answer = made
            .iter()
            .find(|made| made.is_matched && made.at.own == from.own);
        let end = answer.map_or(from.record, |answer| answer.at.record);
        let records = from.record..end.max(self.doubled(from));
        let file = &self.files[from.own];
        let with_items =
            records.filter_map(|number| Some((number, file.records[number].item.as_ref()?)));
        let own = with_items
            .filter(|(_, facts)| !facts.is_of_model() && !is_from_other_thread(facts.item.node()));
        own.map(|(number, facts)| {
            let pointer = Pointer::root().key("request").key("body").key("input");
            let mut violation = self.violation("rollout-input-missing", sampled.request, pointer);
            violation.place = Some(file.own_place(number, Pointer::root().key("payload")));
            violation.subject = Some(label(facts));
            violation.expected = Some(excerpt(facts.item.text()));
            violation.message = format!(
                "{} is in the rollout before the answer and not in the request",
                the(facts)
            );
            violation
        })
        .collect()
    }

    /// The end of a record here that repeats the item before it within its turn.
    fn doubled(&self, at: Position) -> usize {
        let file = &self.files[at.own];
        let items = |numbers: std::ops::Range<usize>| {
            let records = file.records.get(numbers).unwrap_or_default();
            records.iter().filter_map(|record| record.item.as_ref())
        };
        let begins = |number: &usize| {
            let entry = file.index().entries.get(*number);
            entry.is_some_and(|entry| matches!(entry.what, What::TurnStarted(_)))
        };
        let Some(begin) = (0..at.record).rev().find(begins) else {
            return at.record;
        };
        let last = items(begin..at.record).next_back();
        let next = items(at.record..at.record + 1).next();
        let is_double = last
            .zip(next)
            .is_some_and(|(a, b)| a.meaning() == b.meaning());
        at.record + usize::from(is_double)
    }

    fn violation(&self, rule: &'static str, request: &Request, pointer: Pointer) -> Violation {
        let level = if self.is_partial {
            Level::Note
        } else {
            Level::Error
        };
        Violation::new(rule, level, Some(request.exchange), pointer)
    }

    fn changed(&self, one: &Waiting<'_>, made: &Made<'_>, difference: &Difference) -> Violation {
        let pointer = one.item.pointer().join(&difference.pointer);
        let in_record = Pointer::root().key("payload").join(&difference.pointer);
        let mut violation = self.violation("rollout-delivery-changed", one.request, pointer);
        violation.level = Level::Error;
        violation.place = Some(self.files[made.at.own].own_place(made.at.record, in_record));
        violation.subject = Some(label(&one.facts));
        violation.expected = difference.a.as_deref().map(excerpt);
        violation.found = difference.b.as_deref().map(excerpt);
        violation.message = format!(
            "{} stands otherwise in the rollout than it was delivered",
            the(&one.facts)
        );
        violation
    }

    fn lost(&self, one: &Waiting<'_>, made: &[Made<'_>], sampled: &Sampled<'_>) -> Violation {
        let pointer = one.item.pointer();
        let mut violation = self.violation("rollout-delivery-missing", one.request, pointer);
        let last = made.iter().rev().find(|made| made.is_matched);
        let behind = last.map_or(sampled.before_answer, |made| Position {
            record: made.at.record + 1,
            ..made.at
        });
        let record = behind.record.saturating_sub(1);
        violation.level = Level::Error;
        violation.place = Some(self.files[behind.own].own_place(record, Pointer::root()));
        violation.subject = Some(label(&one.facts));
        violation.found = Some(excerpt(one.facts.item.text()));
        violation.message = format!(
            "{} was delivered and is not in the rollout",
            the(&one.facts)
        );
        violation
    }

    fn invented(&self, made: &Made<'_>, sampled: &Sampled<'_>) -> Option<Violation> {
        if self.lacks_compactions && self.is_before_compaction(made.at) {
            return None;
        }
        let pointer = Pointer::root().key("response");
        let mut violation = self.violation("rollout-item-invented", sampled.request, pointer);
        let in_record = Pointer::root().key("payload");
        let place = self.files[made.at.own].own_place(made.at.record, in_record);
        violation.place = Some(place);
        violation.subject = Some(label(made.facts));
        violation.expected = Some(excerpt(made.facts.item.text()));
        violation.message = format!(
            "{} is in the rollout and no response of the capture delivered it",
            the(made.facts)
        );
        Some(violation)
    }

    /// Whether the next thing that happens to the history is a compaction.
    fn is_before_compaction(&self, at: Position) -> bool {
        let entries = self.files[at.own].index().entries.iter();
        let mut next = entries.skip(at.record + 1).map(|entry| entry.what);
        let next = next.find(|what| matches!(what, What::Item(_) | What::Compacted { .. }));
        matches!(next, Some(What::Compacted { .. }))
    }
}

/// What became of a delivered item.
enum Fate {
    Told(Box<Violation>),
    /// It may still come: of a response that broke off, 0.115 writes it while the next one is under way.
    Late,
}

/// Takes the record that is what was delivered.
fn take_equal<'m, 'a>(one: &Waiting<'_>, made: &'m mut [Made<'a>]) -> Option<&'m Made<'a>> {
    let is_same = |made: &&mut Made<'_>| {
        !made.is_matched && delivery_difference(made.facts, &one.facts).is_none()
    };
    let record = made.iter_mut().find(is_same)?;
    record.is_matched = true;
    Some(record)
}
