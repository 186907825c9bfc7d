//! The context window that requests name before and behind a compaction.

use std::borrow::Cow;

use crate::json::Pointer;

use super::super::attempts::Attempt;
use super::answer::Answer;
use super::check::Checker;
use super::episode::Episode;
use super::rules;

const HEADER: &str = "x-codex-window-id";

/// Checks that a compaction opens a new window, and one that failed does not.
pub(super) fn check_window(episode: &Episode<'_>, answer: &Answer, checker: &mut Checker<'_>) {
    let Some(next) = episode.next else {
        return;
    };
    if checker.profile.ids.has_windows != Some(true) {
        return;
    }
    check_own(episode, checker);
    let is_done = answer.is_usable();
    let exchange = episode.last().request.exchange;
    let outcome = if is_done { "is done" } else { "failed" };
    if let (Some((_, before)), Some((pointer, now))) = (number(episode.last()), number(next)) {
        let expected = before + u64::from(is_done);
        // What was taken back takes its windows with it.
        if now > expected || (is_done && now < expected) {
            checker.tell(episode, "number", rules::WINDOW, (next, pointer), |violation| {
                violation.expected = Some(expected.to_string());
                violation.found = Some(now.to_string());
                violation.message = format!(
                    "{next} is in context window {now} instead of {expected}, though the compaction in exchange \
                     #{exchange} {outcome}"
                );
            });
            return;
        }
    }
    let key = "context_window_id";
    let id = |attempt: &Attempt<'_>| attempt.request.metadata(key).map(Cow::into_owned);
    if let (Some(before), Some(now)) = (id(episode.last()), id(next))
        && (before == now) == is_done
        && is_done
    {
        let pointer = next.request.turn_metadata_at().key(key);
        checker.tell(episode, "id", rules::WINDOW, (next, pointer), |violation| {
            violation.found = Some(now);
            violation.message = format!(
                "{next} has the context window id of before, though the compaction in exchange #{exchange} {outcome}"
            );
        });
    }
}

/// The request for a compaction belongs to the old window.
fn check_own(episode: &Episode<'_>, checker: &mut Checker<'_>) {
    let before = episode.before.and_then(number);
    let (Some((_, before)), Some((pointer, now))) = (before, number(episode.first())) else {
        return;
    };
    if now == before + 1 {
        let first = episode.first();
        checker.tell(episode, "own", rules::WINDOW, (first, pointer), |violation| {
            violation.expected = Some(before.to_string());
            violation.found = Some(now.to_string());
            violation.message = format!(
                "{first} is in context window {now} already, which only its compaction is to open"
            );
        });
    }
}

/// The numbers of the windows of two requests.
pub(super) fn numbers(one: &Attempt<'_>, other: &Attempt<'_>) -> Option<(u64, u64)> {
    Some((number(one)?.1, number(other)?.1))
}

/// The number in `<thread>:<number>`, with its place (Codex 0.125.0–0.169.0).
fn number(attempt: &Attempt<'_>) -> Option<(Pointer, u64)> {
    let request = Pointer::root().key("request");
    let exchange = &attempt.flat.exchange;
    // The headers of a WebSocket are those of its handshake.
    let headers = exchange.request.headers.as_option();
    let headers = headers.filter(|_| attempt.flat.handshake.is_none());
    let in_header = headers.and_then(|headers| headers.list.get(HEADER));
    let (pointer, text) = match in_header {
        Some(text) => (request.key("headers").key(HEADER), text.to_owned()),
        None => {
            let metadata = attempt.request.body.get("client_metadata")?;
            let text = metadata.get_string(HEADER)?.into_owned();
            let pointer = request.key("body").key("client_metadata").key(HEADER);
            (pointer, text)
        }
    };
    let (_, number) = text.rsplit_once(':')?;
    Some((pointer, number.parse().ok()?))
}
