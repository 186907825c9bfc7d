//! What is left of the history behind a compaction.

use std::collections::HashSet;

use super::super::attempts::Attempt;
use super::super::label::the;
use super::answer::Answer;
use super::check::{Checker, shown_history};
use super::context::check_context;
use super::episode::{Episode, said, turn_id};
use super::items::{Entry, entries};
use super::kept::{check_survivors, check_user_messages};
use super::rules;
use super::summary::{Found, check_end, find_summary, tell_altered, tell_missing};

/// The history before a compaction and what the request behind it sends.
pub(super) struct Outcome<'e, 't> {
    pub(super) episode: &'e Episode<'t>,
    pub(super) now: &'t Attempt<'t>,
    pub(super) history: Vec<Entry>,
    pub(super) items: Vec<Entry>,
    /// Meanings of the items of the history.
    pub(super) known: HashSet<u64>,
}

/// Checks the request behind a compaction; whether it is what that compaction left.
pub(super) fn check_outcome(
    episode: &Episode<'_>,
    answer: &Answer,
    checker: &mut Checker<'_>,
) -> bool {
    let Some(now) = episode.next.filter(|_| answer.is_usable()) else {
        // What failed leaves everything as it was.
        return matches!(answer, Answer::Failed | Answer::Unusable(_));
    };
    let history = entries(episode.history(), checker.facts);
    let items = entries(shown_history(now), checker.facts);
    let known = history.iter().map(|entry| entry.facts.meaning()).collect();
    let outcome = Outcome {
        episode,
        now,
        history,
        items,
        known,
    };
    match find_summary(&outcome, answer) {
        Found::At(at) => {
            if checker.is_known() {
                outcome.check_all(at, checker);
                check_end(&outcome, answer, at, checker);
            }
            true
        }
        Found::NotKnown => false,
        Found::Other(at) if outcome.comes_of_it(checker) => {
            tell_altered(&outcome, answer, at, checker);
            true
        }
        Found::Other(_) => {
            let exchange = now.request.exchange;
            let reason = format!(
                "the history of exchange #{exchange} comes of a compaction that is not in the capture"
            );
            checker
                .sink
                .not_checked(rules::AFTERWARDS, Some(exchange), reason);
            false
        }
        Found::Nowhere => {
            if outcome.goes_on() {
                outcome.tell_without_summary(answer, checker);
            }
            false
        }
    }
}

impl Outcome<'_, '_> {
    fn check_all(&self, summary: usize, checker: &mut Checker<'_>) {
        check_user_messages(self, summary, checker);
        check_survivors(self, summary, checker);
        check_context(self, summary, checker);
    }

    /// Whether the request behind the compaction goes on from it: an agent that was stopped in between knows nothing of it.
    fn goes_on(&self) -> bool {
        let is_automatic = said(self.episode.last(), "trigger").as_deref() == Some("auto");
        let ids = (turn_id(self.episode.last()), turn_id(self.now));
        let is_of_other_turn = matches!(ids, (Some(a), Some(b)) if a != b);
        let was_stopped = is_automatic && is_of_other_turn;
        !was_stopped && !self.is_rolled_back()
    }

    /// Whether its summary, which is not the one that was delivered, stands there in its place.
    fn comes_of_it(&self, checker: &Checker<'_>) -> bool {
        let windows = super::window::numbers(self.episode.last(), self.now);
        let is_next = windows.is_none_or(|(before, now)| now == before + 1);
        let ids = (turn_id(self.episode.last()), turn_id(self.now));
        let is_same_turn = matches!(ids, (Some(a), Some(b)) if a == b);
        is_next && checker.is_known() && (windows.is_some() || is_same_turn)
    }

    /// Whether turns were taken back, the compaction with them: the history ends before a message of the user.
    fn is_rolled_back(&self) -> bool {
        let meanings = |entries: &[Entry]| -> Vec<u64> {
            entries.iter().map(|entry| entry.facts.meaning()).collect()
        };
        let (before, now) = (meanings(&self.history), meanings(&self.items));
        let shared = before.iter().zip(&now).take_while(|(a, b)| a == b).count();
        let next = self.history.get(shared);
        shared > 0 && next.is_some_and(|next| next.is_of_user() || next.context_kind().is_some())
    }

    /// Tells that nothing came of the compaction, or that what it said is not there.
    fn tell_without_summary(&self, answer: &Answer, checker: &mut Checker<'_>) {
        let is_unchanged = self.items.len() >= self.history.len()
            && self
                .history
                .iter()
                .zip(&self.items)
                .all(|(a, b)| a.facts.meaning() == b.facts.meaning())
            && self.history.iter().any(Entry::is_replaced);
        if !is_unchanged {
            tell_missing(self, answer, checker);
            return;
        }
        let (now, exchange) = (self.now, self.episode.last().request.exchange);
        let old = self.history.iter().position(Entry::is_replaced);
        let place = (now, now.request.input_pointer().index(old.unwrap_or(0)));
        let old = old.map(|at| the(&self.history[at].facts));
        checker.tell(self.episode, "", rules::NOT_APPLIED, place, |violation| {
            violation.message = format!(
                "{now} sends the history of before the compaction in exchange #{exchange}, with {}",
                old.unwrap_or_default()
            );
        });
    }
}
