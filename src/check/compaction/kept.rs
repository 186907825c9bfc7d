//! What a compaction keeps of the history, and what it must not keep.

use super::super::label::{excerpt, label, the};
use super::budget::{Fate, fates};
use super::check::Checker;
use super::episode::Form;
use super::items::Entry;
use super::outcome::Outcome;
use super::rules;

/// Words of a text that was cut in the middle (Codex 0.115.0–0.169.0).
const CUT: &str = "truncated";

/// Checks that what the user said stands before the summary, in its order.
pub(super) fn check_user_messages(
    outcome: &Outcome<'_, '_>,
    summary: usize,
    checker: &mut Checker<'_>,
) {
    let compaction = &checker.profile.compaction;
    let budget = match outcome.episode.form {
        Form::Local => compaction.user_message_tokens,
        Form::Trigger => compaction.remote_user_message_tokens,
        // The server says what stays.
        Form::Endpoint => return,
    };
    if compaction.keeps_user_messages == Some(true) {
        let mut kept = Kept::new(outcome, summary);
        kept.check(budget, checker);
    }
}

/// The messages of the user before and behind a compaction.
struct Kept<'o, 'e, 't> {
    outcome: &'o Outcome<'e, 't>,
    summary: usize,
    said: Vec<&'o Entry>,
    /// Those of the request behind it: position, words, whether one of before was found to be it.
    found: Vec<(usize, String, bool)>,
}

impl<'o, 'e, 't> Kept<'o, 'e, 't> {
    fn new(outcome: &'o Outcome<'e, 't>, summary: usize) -> Self {
        let found = outcome.items.iter().enumerate();
        let found = found.filter(|(_, entry)| entry.is_of_user());
        Self {
            outcome,
            summary,
            said: outcome
                .history
                .iter()
                .filter(|entry| entry.is_of_user())
                .collect(),
            found: found
                .map(|(at, entry)| (at, entry.words(), false))
                .collect(),
        }
    }

    fn check(&mut self, budget: Option<u64>, checker: &mut Checker<'_>) {
        let words: Vec<String> = self.said.iter().map(|entry| entry.words()).collect();
        let fates = fates(&words, budget);
        // The newest first, so that of equal messages those count that are nearest to the summary.
        let places: Vec<Option<usize>> = words.iter().rev().map(|words| self.take(words)).collect();
        let places: Vec<Option<usize>> = places.into_iter().rev().collect();
        let is_behind = |at: &&Option<usize>| at.is_some_and(|at| at > self.summary);
        if let Some(Some(at)) = places.iter().find(is_behind) {
            self.tell_misplaced(*at, checker);
            return;
        }
        self.check_order(&places, checker);
        for (number, (place, fate)) in places.iter().zip(&fates).enumerate() {
            match (place, fate) {
                (None, Fate::Stays) => self.tell_gone(number, &words[number], checker),
                (Some(at), Fate::Goes) => self.tell_over_budget(*at, number, budget, checker),
                _ => {}
            }
        }
    }

    /// The place of a message with these words: before the summary, else behind it, where the last message is a new one.
    fn take(&mut self, words: &str) -> Option<usize> {
        let newest = self.found.last().map(|(at, ..)| *at);
        let summary = self.summary;
        let is_old = |at: usize| at < summary || Some(at) != newest;
        let mut found = self.found.iter_mut().rev();
        let (at, _, is_taken) =
            found.find(|(at, said, is_taken)| !is_taken && is_old(*at) && said == words)?;
        *is_taken = true;
        Some(*at)
    }

    fn tell_misplaced(&self, at: usize, checker: &mut Checker<'_>) {
        let (now, items) = (self.outcome.now, &self.outcome.items);
        let place = (now, now.request.input_pointer().index(self.summary));
        let episode = self.outcome.episode;
        checker.tell(episode, "", rules::SUMMARY_MISPLACED, place, |violation| {
            violation.subject = Some(label(&items[self.summary].facts));
            violation.expected = Some(format!("behind item {at}"));
            violation.message = format!(
                "{} stands before {}, which it sums up, in {now}",
                the(&items[self.summary].facts),
                the(&items[at].facts)
            );
        });
    }

    /// Tells the first message that stands before an older one.
    fn check_order(&self, places: &[Option<usize>], checker: &mut Checker<'_>) {
        let found: Vec<usize> = places.iter().copied().flatten().collect();
        let Some(two) = found.windows(2).find(|two| two[0] > two[1]) else {
            return;
        };
        let (now, items) = (self.outcome.now, &self.outcome.items);
        let place = (now, now.request.input_pointer().index(two[1]));
        let episode = self.outcome.episode;
        checker.tell(episode, "", rules::USER_MESSAGE_MOVED, place, |violation| {
            violation.subject = Some(label(&items[two[1]].facts));
            violation.message = format!(
                "{} stands before {}, which is older, in {now}",
                the(&items[two[1]].facts),
                the(&items[two[0]].facts)
            );
        });
    }

    /// Tells a message that is gone, or another one that stands in its place.
    fn tell_gone(&mut self, number: usize, words: &str, checker: &mut Checker<'_>) {
        let facts = &self.said[number].facts;
        let exchange = self.outcome.episode.last().request.exchange;
        let (now, episode) = (self.outcome.now, self.outcome.episode);
        let summary = self.summary;
        let mut found = self.found.iter_mut();
        let altered =
            found.find(|(at, said, is_taken)| !is_taken && *at < summary && !said.contains(CUT));
        let Some((at, said, is_taken)) = altered else {
            let place = (now, now.request.input_pointer());
            checker.tell(episode, words, rules::USER_MESSAGE_LOST, place, |violation| {
                violation.subject = Some(label(facts));
                violation.expected = Some(excerpt(words));
                violation.message = format!(
                    "{} is gone after the compaction in exchange #{exchange}: it is not in {now}",
                    the(facts)
                );
            });
            return;
        };
        *is_taken = true;
        let place = (now, now.request.input_pointer().index(*at));
        checker.tell(
            episode,
            words,
            rules::USER_MESSAGE_ALTERED,
            place,
            |violation| {
                violation.subject = Some(label(facts));
                violation.expected = Some(excerpt(words));
                violation.found = Some(excerpt(said));
                violation.message = format!(
                    "{} is another one after the compaction in exchange #{exchange}, in {now}",
                    the(facts)
                );
            },
        );
    }

    fn tell_over_budget(
        &self,
        at: usize,
        number: usize,
        budget: Option<u64>,
        checker: &mut Checker<'_>,
    ) {
        let (now, facts) = (self.outcome.now, &self.said[number].facts);
        let budget = budget.unwrap_or_default();
        let place = (now, now.request.input_pointer().index(at));
        let episode = self.outcome.episode;
        checker.tell(episode, "", rules::BUDGET_EXCEEDED, place, |violation| {
            violation.subject = Some(label(facts));
            violation.message = format!(
                "{} is still in {now} though newer messages of the user take the {budget} tokens that stay after a compaction",
                the(facts)
            );
        });
    }
}

/// Tells each item of before that the summary is to stand for and that is still there.
pub(super) fn check_survivors(
    outcome: &Outcome<'_, '_>,
    summary: usize,
    checker: &mut Checker<'_>,
) {
    let keeps = checker.profile.compaction.keeps_user_messages;
    let of_server: Vec<u64> = match outcome.episode.form {
        Form::Endpoint => delivered(outcome, checker),
        _ => Vec::new(),
    };
    let prompt = outcome.episode.last().request.input.last();
    let prompt = prompt.filter(|_| outcome.episode.form != Form::Endpoint);
    let prompt = prompt.map(|prompt| checker.facts.of(prompt).meaning());
    // Behind a new message of the user there may be new items that look like old ones.
    let is_new = |entry: &Entry| entry.is_of_user() && !outcome.has(entry);
    let items = &outcome.items;
    let behind = items[summary..].iter().position(is_new);
    let end = behind.map_or(items.len(), |at| summary + at);
    for (at, entry) in items.iter().enumerate() {
        let is_replaced = entry.is_replaced() && outcome.has(entry);
        let is_named = entry.facts.call_id.is_some();
        let is_old = is_replaced && (at < end || is_named);
        let is_dropped = keeps == Some(false) && at < summary && entry.is_of_user();
        let is_prompt = Some(entry.facts.meaning()) == prompt;
        let is_allowed = at == summary || of_server.contains(&entry.facts.meaning());
        if is_allowed || !(is_old || is_dropped || is_prompt) {
            continue;
        }
        let (now, facts) = (outcome.now, &entry.facts);
        let exchange = outcome.episode.last().request.exchange;
        let place = (now, now.request.input_pointer().index(at));
        let what = format!("{:x}", facts.meaning());
        checker.tell(
            outcome.episode,
            &what,
            rules::ITEM_SURVIVED,
            place,
            |violation| {
                violation.subject = Some(label(facts));
                violation.found = Some(excerpt(facts.item.text()));
                violation.message = format!(
                    "{} is still in {now}, after the compaction in exchange #{exchange}",
                    the(facts)
                );
            },
        );
    }
}

/// Meanings of the items that the server gave in place of the history.
fn delivered(outcome: &Outcome<'_, '_>, checker: &mut Checker<'_>) -> Vec<u64> {
    let delivered = outcome.episode.last().request.response.delivered.iter();
    delivered
        .map(|one| checker.facts.of(&one.item).meaning())
        .collect()
}
