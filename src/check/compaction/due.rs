//! When a compaction is due: by the tokens that responses report, and when a request was too long for the model.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::json::Pointer;

use super::super::attempts::{Attempt, ThreadView};
use super::super::profiles::OnOverflow;
use super::super::request::Outcome;
use super::check::Checker;
use super::episode::{Episode, has_new_summary, is_compaction, is_overflow, said, turn_id};
use super::estimate::{Reported, most_tokens};
use super::rules;

/// Checks that each compaction comes when it is due, and that none is missing.
pub(super) fn check_due(
    thread: &ThreadView<'_>,
    episodes: &[Episode<'_>],
    checker: &mut Checker<'_>,
) {
    let attempts = &thread.attempts;
    let state = States::of(attempts);
    let limits = Limits::of(episodes, &state, checker);
    for (at, now) in attempts.iter().enumerate() {
        let Some(before) = at.checked_sub(1).map(|at| &attempts[at]) else {
            continue;
        };
        // What follows a compaction, done or failed, is told elsewhere.
        let is_first = now.attempt == 1 && !is_compaction(before) && state.continues[at];
        if is_compaction(now) || !is_first {
            continue;
        }
        let place = Request {
            thread,
            episodes,
            before,
            now,
        };
        if place.is_due_after_overflow(checker) {
            place.tell_after_overflow(checker);
        } else if let Some(reported) = state.reported[at] {
            place.check_limit(reported, &limits, checker);
        }
    }
    for episode in episodes {
        check_early(episode, &state, attempts, checker);
        check_same_turn(episode, checker);
    }
}

/// What is known before each request of a thread.
struct States {
    /// The last report of tokens in this history.
    reported: Vec<Option<Reported>>,
    /// Whether the request continues the one before it, asking the same model.
    continues: Vec<bool>,
}

impl States {
    fn of(attempts: &[Attempt<'_>]) -> Self {
        let mut states = Self {
            reported: Vec::with_capacity(attempts.len()),
            continues: Vec::with_capacity(attempts.len()),
        };
        let mut reported = None;
        for (at, now) in attempts.iter().enumerate() {
            let before = at.checked_sub(1).map(|at| &attempts[at]);
            let continues = before.is_some_and(|before| continues(before, now));
            if !continues && !is_compaction(now) {
                reported = None;
            }
            states.continues.push(continues);
            states.reported.push(reported);
            let is_completed = now.request.response.outcome == Outcome::Completed;
            if is_compaction(now) && is_completed {
                reported = None;
            } else if !is_compaction(now) {
                reported = Reported::of(now).or(reported);
            }
        }
        states
    }
}

/// Whether a request sends all that the one before it sent, to the same model.
fn continues(before: &Attempt<'_>, now: &Attempt<'_>) -> bool {
    let (one, other) = (before.request, now.request);
    let is_known = one.is_whole && other.is_whole;
    is_known && now.same_prefix == one.input.len() && model(before) == model(now)
}

/// The tokens at which the agent compacts, at most.
struct Limits {
    /// By the model that was asked.
    by_model: HashMap<String, Limit>,
    configured: Option<u64>,
}

#[derive(Clone, Copy)]
struct Limit {
    tokens: u64,
    /// The exchange in which a compaction shows it.
    shown_by: usize,
}

impl Limits {
    /// Takes the limit from the profile, else what automatic compactions show: each was due at what was reported then.
    fn of(episodes: &[Episode<'_>], state: &States, checker: &mut Checker<'_>) -> Self {
        let mut limits = Self {
            by_model: HashMap::new(),
            configured: checker.profile.compaction.limit,
        };
        if limits.configured.is_some() {
            return limits;
        }
        // Who compacts in a turn that was too long, too, and does not say why it does, may have met one that is not in the capture.
        let compacts_when_too_long =
            checker.profile.compaction.on_overflow == Some(OnOverflow::Compact);
        let shows_limit = |episode: &&Episode<'_>| {
            let is_told = said(episode.last(), "reason").is_some();
            is_of_limit(episode) && (is_told || !compacts_when_too_long)
        };
        for episode in episodes.iter().filter(shows_limit) {
            let Some(reported) = state.before(episode) else {
                let exchange = episode.first().request.exchange;
                let reason = format!(
                    "nothing says at how many tokens the agent compacts, as no response before exchange #{exchange} reports any"
                );
                checker.sink.not_checked(rules::DUE, Some(exchange), reason);
                continue;
            };
            let tokens = reported.total + new_tokens(episode, checker);
            let limit = Limit {
                tokens,
                shown_by: episode.first().request.exchange,
            };
            let known = limits
                .by_model
                .entry(model(episode.first()).into_owned())
                .or_insert(limit);
            if tokens < known.tokens {
                *known = limit;
            }
        }
        limits
    }

    /// The limit for a request, in words, too.
    fn at(&self, attempt: &Attempt<'_>, checker: &Checker<'_>) -> Option<(u64, String)> {
        if let Some(tokens) = self.configured {
            let label = checker.profile.label();
            return Some((tokens, format!("{label} compacts from {tokens} tokens on")));
        }
        let limit = self.by_model.get(model(attempt).as_ref())?;
        let (tokens, exchange) = (limit.tokens, limit.shown_by);
        Some((
            tokens,
            format!("the compaction in exchange #{exchange} came at {tokens} tokens or fewer"),
        ))
    }
}

fn model<'t>(attempt: &Attempt<'t>) -> Cow<'t, str> {
    let model = attempt
        .request
        .body
        .get("model")
        .and_then(|model| model.string());
    model.unwrap_or_default()
}

/// Whether a compaction came because of the tokens that were reported, as far as the capture shows it.
fn is_of_limit(episode: &Episode<'_>) -> bool {
    let is_same = |other: Option<&Attempt<'_>>| {
        other.is_some_and(|other| model(other) == model(episode.first()))
    };
    let is_overflow = episode.before.is_some_and(is_overflow);
    is_same(episode.before) && is_same(episode.next) && !is_overflow && episode.is_automatic()
}

/// The most tokens that may have been counted for what came since the last report.
fn new_tokens(episode: &Episode<'_>, checker: &Checker<'_>) -> u64 {
    if checker.profile.compaction.counts_new_items == Some(false) {
        return 0;
    }
    let known = episode
        .before
        .map_or(0, |before| before.request.input.len());
    most_tokens(episode.history().get(known..).unwrap_or(&[]))
}

impl States {
    /// The last report before a compaction.
    fn before(&self, episode: &Episode<'_>) -> Option<Reported> {
        let before = episode.before?;
        Reported::of(before).or_else(|| {
            let last = self.reported.iter().flatten();
            let earlier = |one: &&Reported| one.exchange <= before.request.exchange;
            last.rev().find(earlier).copied()
        })
    }
}

/// A request that goes on with a turn, where a compaction may have been due before it.
struct Request<'a, 't> {
    thread: &'a ThreadView<'t>,
    episodes: &'a [Episode<'t>],
    before: &'a Attempt<'t>,
    now: &'a Attempt<'t>,
}

impl Request<'_, '_> {
    fn is_in_turn(&self) -> bool {
        match (turn_id(self.before), turn_id(self.now)) {
            (Some(before), Some(now)) => before == now,
            _ => self.before.turn == self.now.turn,
        }
    }

    fn is_due_after_overflow(&self, checker: &Checker<'_>) -> bool {
        let compaction = &checker.profile.compaction;
        let status = self
            .before
            .failure()
            .and_then(|failure| failure.facts.status);
        let is_told = match status {
            Some(status) => compaction.overflow_status.contains(&status),
            None => true,
        };
        if !is_overflow(self.before) || !is_told {
            return false;
        }
        match compaction.on_overflow {
            Some(OnOverflow::Fail) => !self.is_in_turn(),
            Some(OnOverflow::Compact) => self.is_in_turn() && !self.has_compacted(),
            Some(OnOverflow::GiveUp) | None => false,
        }
    }

    /// Whether there was a compaction in this turn before.
    fn has_compacted(&self) -> bool {
        let mut episodes = self.episodes.iter();
        episodes.any(|episode| episode.last().turn == self.now.turn)
    }

    fn check_limit(&self, reported: Reported, limits: &Limits, checker: &mut Checker<'_>) {
        let compaction = &checker.profile.compaction;
        // Who begins anew does not know what was reported before.
        if !self.is_in_turn() && compaction.restores_usage != Some(true) {
            return;
        }
        let exchange = reported.exchange;
        let Some((limit, why)) = limits.at(self.now, checker) else {
            if compaction
                .default_limit
                .is_some_and(|limit| reported.total >= limit)
            {
                let reason = format!(
                    "exchange #{exchange} reports {} tokens, and nothing says at how many the agent compacts",
                    reported.total
                );
                checker.sink.not_checked(rules::DUE, Some(exchange), reason);
            }
            return;
        };
        if reported.total < limit {
            return;
        }
        let what = format!(
            "exchange #{exchange} reports {} tokens, and {why}",
            reported.total
        );
        self.tell(format!("{exchange}"), &what, checker);
    }

    fn tell_after_overflow(&self, checker: &mut Checker<'_>) {
        let exchange = self.before.request.exchange;
        let agent = checker.profile.label();
        let what = format!(
            "exchange #{exchange} was too long for the model, and {agent} compacts after that"
        );
        self.tell(format!("overflow {exchange}"), &what, checker);
    }

    fn tell(&self, cause: String, what: &str, checker: &mut Checker<'_>) {
        let exchange = self.now.request.exchange;
        if has_new_summary(&self.before.request.input, &self.now.request.input) {
            let reason = format!(
                "exchange #{exchange} holds a summary, and the capture does not hold the compaction that it is of"
            );
            checker.sink.not_checked(rules::DUE, Some(exchange), reason);
            return;
        }
        let mut episodes = self.episodes.iter();
        let later = episodes.find(|episode| episode.first().request.exchange > exchange);
        let (rule, ending) = match later {
            Some(later) => (
                rules::LATE,
                format!(
                    "; the compaction comes in exchange #{}",
                    later.first().request.exchange
                ),
            ),
            None => (rules::MISSING, String::new()),
        };
        let now = self.now;
        let mut violation = rule.at(exchange, now.request.input_pointer());
        violation.message = format!("{now} is sent without a compaction before it: {what}{ending}");
        let thread = self.thread.id.unwrap_or_default();
        checker.sink.tell(format!("{thread} {cause}"), violation);
    }
}

/// Tells a compaction in the turn that was too long for the model, where the agent ends such a turn.
fn check_same_turn(episode: &Episode<'_>, checker: &mut Checker<'_>) {
    let what = match checker.profile.compaction.on_overflow {
        Some(OnOverflow::Fail) => "ends such a turn, and compacts before the next one",
        Some(OnOverflow::GiveUp) => "ends such a turn, and does not compact",
        Some(OnOverflow::Compact) | None => return,
    };
    let Some(before) = episode.before.filter(|before| is_overflow(before)) else {
        return;
    };
    if episode.is_in_turn() != Some(true) {
        return;
    }
    let (first, exchange) = (episode.first(), before.request.exchange);
    let agent = checker.profile.label();
    let place = (first, Pointer::root());
    checker.tell(episode, "turn", rules::EARLY, place, |violation| {
        violation.message = format!(
            "{first} compacts in the turn that was too long for the model in exchange #{exchange}; {agent} {what}"
        );
    });
}

/// Tells a compaction that came though fewer tokens than the limit can have been counted.
fn check_early(
    episode: &Episode<'_>,
    state: &States,
    attempts: &[Attempt<'_>],
    checker: &mut Checker<'_>,
) {
    let Some(limit) = checker
        .profile
        .compaction
        .limit
        .filter(|_| is_of_limit(episode))
    else {
        return;
    };
    let first = episode.first();
    let continues = attempts
        .iter()
        .zip(&state.continues)
        .any(|(one, continues)| one.request.exchange == first.request.exchange && *continues);
    let Some(reported) = state.before(episode).filter(|_| continues) else {
        return;
    };
    let most = reported.total + new_tokens(episode, checker);
    if most >= limit {
        return;
    }
    let exchange = reported.exchange;
    let agent = checker.profile.label();
    let place = (first, Pointer::root());
    checker.tell(episode, "", rules::EARLY, place, |violation| {
        violation.expected = Some(limit.to_string());
        violation.found = Some(reported.total.to_string());
        violation.message = format!(
            "{first} compacts though exchange #{exchange} reports {} tokens, and {agent} compacts from {limit} on",
            reported.total
        );
    });
}
