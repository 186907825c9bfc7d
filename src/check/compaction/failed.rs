//! A compaction that failed ends its turn.

use crate::json::Pointer;

use super::answer::Answer;
use super::check::Checker;
use super::episode::{Episode, turn_id};
use super::rules;

/// Tells a turn that goes on behind a compaction that failed, or of which nothing can be made.
pub(super) fn check_failed(episode: &Episode<'_>, answer: &Answer, checker: &mut Checker<'_>) {
    let why = match (answer, episode.last().failure()) {
        (Answer::Unusable(what), _) => format!("delivered {what}"),
        (Answer::Failed, Some(failure)) => format!("failed: {}", failure.name()),
        _ => return,
    };
    let Some(after) = episode.after().filter(|_| checker.is_known()) else {
        return;
    };
    let turn = turn_id(episode.last());
    if turn.is_none() || turn != turn_id(after) {
        return;
    }
    let exchange = episode.last().request.exchange;
    let agent = checker.profile.label();
    let place = (after, Pointer::root());
    checker.tell(episode, "", rules::FAILURE_IGNORED, place, |violation| {
        violation.message = format!(
            "{after} goes on with the turn though the compaction in exchange #{exchange} {why}; {agent} ends the turn"
        );
    });
}
