//! Which point of a rollout each request was made at: where the history is what the request sends.

use std::collections::HashSet;
use std::io;
use std::ops::Range;

use crate::responses::RequestKind;
use crate::rollout::What;

use super::super::item::ItemFacts;
use super::super::request::Request;
use super::excuse::Excuses;
use super::habits::Habits;
use super::pairs::Pairs;
use super::replay::{Kept, Position, Replay, Texts};
use super::sent::{Due, Pairing, Wire, WireItem, all_due, due_items, is_sent_as};

/// Points at which a request may have been made that are looked at when none fits exactly.
const MOST_CANDIDATES: usize = 64;

/// The point at which a request was made.
pub(super) struct Sample {
    pub(super) position: Position,
    /// The items of the input that should stand on disk.
    pub(super) range: Range<usize>,
    /// What should have been sent.
    pub(super) due: Vec<Due>,
    pub(super) fit: Fit,
}

/// How well an input is what a history makes.
pub(super) enum Fit {
    /// In all, but for differences that are known by the numbers of their violations.
    Exact(Vec<usize>),
    /// In part: the nearest point.
    Near,
}

/// The search for the point of a request.
pub(super) struct Search<'a> {
    pub(super) request: &'a Request,
    pub(super) wire: &'a Wire,
    pub(super) habits: &'a Habits,
    pub(super) excuses: &'a Excuses,
}

impl Search<'_> {
    /// Finds the point at or behind a replay's position; the replay stands there afterwards.
    pub(super) fn find(&self, replay: &mut Replay<'_>, texts: &mut Texts) -> io::Result<Sample> {
        let mut at = replay.clone();
        let mut has_changed = true;
        loop {
            if has_changed && let Some(sample) = self.exact(&at, texts) {
                *replay = at;
                return Ok(sample);
            }
            if at.is_at_end() {
                return self.nearest(replay, texts);
            }
            has_changed = at.step(texts)?;
        }
    }

    /// The sample here, if the input is exactly what the history makes.
    fn exact(&self, at: &Replay<'_>, texts: &mut Texts) -> Option<Sample> {
        if !self.may_be_exact(at) {
            return None;
        }
        let whole = match at.is_paired() {
            true => self.exact_as(at.position, all_due(&at.items), self.habits.pairings[0]),
            false => self.exact_of(at.position, &at.items, texts),
        };
        whole.or_else(|| {
            let kept = self.habits.without_forgotten(&at.items)?;
            self.exact_of(at.position, &kept, texts)
        })
    }

    fn exact_of(&self, position: Position, kept: &[Kept], texts: &mut Texts) -> Option<Sample> {
        let mut pairings = self.habits.pairings.iter();
        pairings.find_map(|pairing| {
            if *pairing == Pairing::Keep && has_open_call(kept) {
                return None;
            }
            let due = due_items(kept, *pairing, &mut texts.facts);
            self.exact_as(position, due, *pairing)
        })
    }

    /// The sample of what is due, if it is what was sent.
    fn exact_as(&self, position: Position, due: Vec<Due>, pairing: Pairing) -> Option<Sample> {
        let first = due.first().map(|due| due.facts.meaning());
        let range = self.sent_range(first, pairing);
        let sent = &self.wire.items[range.clone()];
        let is_same = |(sent, due): (&WireItem, &Due)| is_sent_as(&due.facts, &sent.facts);
        let known = if sent.len() == due.len() && sent.iter().zip(&due).rev().all(is_same) {
            Vec::new()
        } else if self.excuses.is_empty() {
            return None;
        } else {
            self.excuses.explain(&due, sent)?
        };
        Some(Sample {
            position,
            range,
            due,
            fit: Fit::Exact(known),
        })
    }

    /// A quick look at the last items.
    fn may_be_exact(&self, at: &Replay<'_>) -> bool {
        let Some(last) = at.items.last() else {
            return true;
        };
        if !self.excuses.is_empty() || self.habits.has_forgotten() {
            return true;
        }
        let is_lone = last.facts.is_call()
            || (last.facts.is_output() && !has_call(at, last.facts.call_id.as_deref()));
        is_lone || self.ends_with(&last.facts)
    }

    /// The point whose history is nearest to the input.
    fn nearest(&self, replay: &mut Replay<'_>, texts: &mut Texts) -> io::Result<Sample> {
        let mut at = replay.clone();
        let mut best: Option<(usize, Sample, Replay<'_>)> = None;
        let mut candidates = 0;
        loop {
            if is_before_an_answer(&at) && candidates < MOST_CANDIDATES || self.ends_alike(&at) {
                candidates += 1;
                let (cost, sample) = self.weighed(&at, texts);
                if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                    best = Some((cost, sample, at.clone()));
                }
            }
            if at.is_at_end() {
                break;
            }
            at.step(texts)?;
        }
        match best {
            Some((_, sample, at)) => {
                *replay = at;
                Ok(sample)
            }
            None => Ok(self.weighed(replay, texts).1),
        }
    }

    /// Whether the history ends with the item that the input ends with.
    fn ends_alike(&self, at: &Replay<'_>) -> bool {
        let last = at.items.last();
        last.is_some_and(|last| self.ends_with(&last.facts))
    }

    /// Whether the input ends with an item, before what asks for a compaction.
    fn ends_with(&self, due: &ItemFacts) -> bool {
        let mut ends = self.wire.items.iter().rev().take(2);
        ends.any(|sent| is_sent_as(due, &sent.facts))
    }

    fn weighed(&self, at: &Replay<'_>, texts: &mut Texts) -> (usize, Sample) {
        let pairing = self.habits.pairings[0];
        let due = due_items(&at.items, pairing, &mut texts.facts);
        let first = due.first().map(|due| due.facts.meaning());
        let range = self.sent_range(first, pairing);
        let sent = &self.wire.items[range.clone()];
        let pairs = Pairs::of(&due, sent, self.wire);
        let sample = Sample {
            position: at.position,
            range,
            due,
            fit: Fit::Near,
        };
        (pairs.cost(&sample.due, sent), sample)
    }

    /// The items of the input that should stand on disk: without what is made anew for each request. `first` is what the
    /// first item due says.
    ///
    /// Before them stand base instructions that are only in the prompt (Codex 0.153 with lite models, 0.169), or all the
    /// contexts (pycodex); behind them what asks for a compaction.
    fn sent_range(&self, first: Option<u64>, pairing: Pairing) -> Range<usize> {
        let facts = &self.request.facts;
        let mut end = self.wire.items.len();
        if facts.kind == RequestKind::Compaction && facts.endpoint == "/responses" && end > 0 {
            end -= 1;
        }
        let is_prompt_only = |number: &usize| {
            let facts = &self.wire.items[*number].facts;
            let is_built = pairing != Pairing::MakeUp && facts.is_context();
            // Tools that are sent as an item, and the instructions behind them (lite models): before 0.153.4 without such ids.
            let is_tools = |number: usize| self.wire.items[number].facts.kind == "additional_tools";
            let is_lite = is_tools(*number)
                || number.checked_sub(1).is_some_and(is_tools) && facts.is_context();
            (is_built || is_lite || facts.has_name_based_id()) && Some(facts.meaning()) != first
        };
        let start = (0..end).take_while(is_prompt_only).count();
        start..end
    }
}

/// Whether a call of the last turn has no output yet: no agent asks the model then.
fn has_open_call(kept: &[Kept]) -> bool {
    let mut outputs = HashSet::new();
    for one in kept.iter().rev() {
        let facts = &one.facts;
        match facts.call_id.as_deref() {
            Some(id) if facts.is_output() => {
                outputs.insert(id);
            }
            Some(id) if facts.is_call() && !outputs.contains(id) => return true,
            _ if facts.is_of_user() => return false,
            _ => {}
        }
    }
    false
}

fn has_call(at: &Replay<'_>, id: Option<&str>) -> bool {
    let mut earlier = at.items.iter().rev();
    earlier.any(|kept| kept.facts.is_call() && kept.facts.call_id.as_deref() == id)
}

/// Whether an answer of the model, a compaction or the end of a turn or file is next: a request may stand before it.
fn is_before_an_answer(at: &Replay<'_>) -> bool {
    match at.next_what() {
        None | Some(What::TurnComplete(_) | What::TurnAborted(_) | What::Compacted { .. }) => true,
        Some(What::Item(_)) => at.next_item().is_some_and(|facts| facts.is_of_model()),
        Some(_) => false,
    }
}
