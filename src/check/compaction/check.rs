//! The contract as a whole: compaction by compaction of a thread.

use super::super::attempts::{Attempt, ThreadView};
use super::super::item::Facts;
use super::super::profiles::Profile;
use super::super::sink::{RuleName, Sink};
use super::super::violation::Violation;
use super::answer::Answer;
use super::due::check_due;
use super::episode::{Episode, Form, episodes, has_new_summary, is_compaction, turn_id};
use super::failed::check_failed;
use super::form::check_form;
use super::outcome::check_outcome;
use super::overflow::{check_given_up, check_overflow};
use super::rules;
use super::window::check_window;
use crate::json::Pointer;

/// Checks the compactions of a thread, and whether one is missing.
pub(in super::super) fn check(
    thread: &ThreadView<'_>,
    profile: &Profile,
    facts: &mut Facts,
    sink: &mut Sink,
) {
    let episodes = episodes(thread);
    let mut checker = Checker {
        profile,
        facts,
        sink,
    };
    check_due(thread, &episodes, &mut checker);
    for (number, episode) in episodes.iter().enumerate() {
        let answer = Answer::of(episode, profile);
        check_form(episode, &mut checker);
        check_doubled(
            episode,
            number.checked_sub(1).map(|at| &episodes[at]),
            &mut checker,
        );
        check_overflow(episode, &mut checker);
        if lacks_attempt(episode, &answer) {
            let exchange = episode.last().request.exchange;
            let reason = format!(
                "the history behind the compaction in exchange #{exchange} holds a summary that no attempt in the capture \
                 delivered"
            );
            checker
                .sink
                .not_checked(rules::BEHIND_FAILURE, Some(exchange), reason);
            continue;
        }
        check_given_up(episode, &mut checker);
        check_failed(episode, &answer, &mut checker);
        if checker.is_shown(episode, &answer) && check_outcome(episode, &answer, &mut checker) {
            check_window(episode, &answer, &mut checker);
        }
    }
}

/// What the checks of a compaction share.
pub(super) struct Checker<'c> {
    pub(super) profile: &'c Profile,
    pub(super) facts: &'c mut Facts,
    pub(super) sink: &'c mut Sink,
}

impl Checker<'_> {
    /// Whether the profile says how the agent compacts, so that more is promised than by the API.
    pub(super) fn is_known(&self) -> bool {
        self.profile.compaction.keeps_user_messages.is_some()
    }

    /// Tells what a request has at a place; `what` names the cause among those of the rule and the compaction.
    pub(super) fn tell(
        &mut self,
        episode: &Episode<'_>,
        what: &str,
        rule: RuleName,
        place: (&Attempt<'_>, Pointer),
        fill: impl FnOnce(&mut Violation),
    ) {
        let (attempt, pointer) = place;
        let mut violation = rule.at(attempt.request.exchange, pointer);
        fill(&mut violation);
        let first = episode.first().request.exchange;
        let cause = format!("{} {first} {what}", episode.thread);
        self.sink.tell(cause, violation);
    }

    /// Whether the capture shows what the compaction was given, what it answered, and what came of it.
    fn is_shown(&mut self, episode: &Episode<'_>, answer: &Answer) -> bool {
        let (last, Some(next)) = (episode.last(), episode.next) else {
            return false;
        };
        let exchange = last.request.exchange;
        let reason = if matches!(answer, Answer::Lost) {
            format!(
                "the capture does not show how the response to the compaction in exchange #{exchange} ended"
            )
        } else if !episode.first().request.is_whole || !next.request.is_whole {
            format!(
                "the compaction in exchange #{exchange}, or what follows it, continues a response that is not in the capture"
            )
        } else {
            return true;
        };
        self.sink
            .not_checked(rules::AFTERWARDS, Some(exchange), reason);
        false
    }
}

/// Whether an attempt of a compaction that failed is not in the capture: there is a summary, and none was delivered.
fn lacks_attempt(episode: &Episode<'_>, answer: &Answer) -> bool {
    let Some(next) = episode.next.filter(|_| matches!(answer, Answer::Failed)) else {
        return false;
    };
    let delivered = |attempt: &Attempt<'_>| !attempt.request.response.delivered.is_empty();
    !episode.attempts.iter().any(delivered)
        && has_new_summary(episode.history(), &next.request.input)
}

/// Tells a compaction of what was compacted just before, in the same turn and for the same reason.
fn check_doubled(episode: &Episode<'_>, previous: Option<&Episode<'_>>, checker: &mut Checker<'_>) {
    let Some(previous) = previous.filter(|previous| {
        let next = previous.next.map(|next| next.request.exchange);
        next == Some(episode.first().request.exchange)
            && Answer::of(previous, checker.profile).is_usable()
    }) else {
        return;
    };
    let (one, two) = (previous.last(), episode.first());
    let turn = turn_id(one);
    let reason = |attempt| super::episode::said(attempt, "reason");
    if turn.is_none() || turn != turn_id(two) || reason(one) != reason(two) {
        return;
    }
    let place = (two, Pointer::root());
    checker.tell(episode, "", rules::DOUBLED, place, |violation| {
        violation.message = format!(
            "{two} compacts again what the compaction in exchange #{} left, without anything in between",
            one.request.exchange
        );
    });
}

/// The items of a request as the history that it shows: without what asks for a compaction.
pub(super) fn shown_history<'t>(attempt: &'t Attempt<'t>) -> &'t [crate::json::Value] {
    match is_compaction(attempt) {
        true => super::episode::history(attempt, Form::of(attempt)),
        false => &attempt.request.input,
    }
}
