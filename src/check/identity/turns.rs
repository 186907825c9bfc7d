//! Identifiers that are used once: turns, inference calls.

use std::collections::HashMap;

use crate::check::attempts::ThreadView;
use crate::check::profiles::{CompactionTurn, Profile};
use crate::check::sink::Sink;
use crate::responses::RequestKind;

use super::places::TURN;
use super::rules;
use super::said::Text;
use super::sent::{Place, Sent};
use super::stable::Known;

const INFERENCE_ID: Place = Place::Header("x-codex-inference-call-id");

/// Checks that a compaction in the middle of a turn is named as part of it, where the agent does so.
pub(super) fn check_compactions(
    thread: &ThreadView<'_>,
    known: &Known<'_, '_>,
    profile: &Profile,
    sink: &mut Sink,
) {
    if profile.ids.compaction_in_turn != Some(CompactionTurn::Same) {
        return;
    }
    let requests: Vec<_> = known.of_thread(thread).collect();
    for three in requests.windows(3) {
        let [(_, before), (sent, whose), (_, behind)] = three else {
            continue;
        };
        let (Some(turn), Some(own)) = (&before.turn, &whose.turn) else {
            continue;
        };
        if !is_compaction(sent) || behind.turn.as_ref() != Some(turn) || own == turn {
            continue;
        }
        let place = sent.first(TURN).map_or(TURN[0], |(place, _)| place);
        let mut violation = rules::TURN_ID_CHANGED.at(sent.exchange, place.pointer());
        violation.message = format!(
            "{place} is {own} in {}, but the requests before and behind this compaction are of turn {turn}",
            sent.label
        );
        violation.expected = Some(turn.to_string());
        violation.found = Some(own.to_string());
        sink.tell(
            format!("{} {turn}", thread.id.unwrap_or_default()),
            violation,
        );
    }
}

fn is_compaction(sent: &Sent<'_>) -> bool {
    let request = sent.request;
    request.is_some_and(|request| request.facts.kind == RequestKind::Compaction)
}

/// Checks that requests whose turns began at the same time are of one turn (Codex 0.137.0 and later).
pub(super) fn check_starts(thread: &ThreadView<'_>, known: &Known<'_, '_>, sink: &mut Sink) {
    let mut turns: HashMap<Text, (&str, usize)> = HashMap::new();
    for (sent, whose) in known.of_thread(thread) {
        let (Some(turn), Some(started)) =
            (whose.turn.as_deref(), sent.meta("turn_started_at_unix_ms"))
        else {
            continue;
        };
        let (first, exchange) = *turns
            .entry(started.clone())
            .or_insert((turn, sent.exchange));
        if first == turn {
            continue;
        }
        let place = sent.first(TURN).map_or(TURN[0], |(place, _)| place);
        let mut violation = rules::TURN_ID_CHANGED.at(sent.exchange, place.pointer());
        violation.message = format!(
            "{place} is {turn} in {}, but {first} in exchange #{exchange} for the same turn, which began at {started}",
            sent.label
        );
        violation.expected = Some(first.to_owned());
        violation.found = Some(turn.to_owned());
        sink.tell(
            format!("{} {first}", thread.id.unwrap_or_default()),
            violation,
        );
    }
}

/// Where a turn was seen first.
struct Seen<'a> {
    thread: Option<&'a str>,
    exchange: usize,
    /// When it began, as the agent says.
    started: Option<Text>,
    /// Number of turns of its thread up to it; of a compaction nothing, for some agents give a turn of its own to one in
    /// the middle of another (pycodex 0.1.13).
    number: Option<usize>,
}

/// Checks that a turn id belongs to one turn of one thread.
///
/// Two turns with the same id can't be told from one in which the user said more, unless each says when it began
/// (Codex 0.137.0 and later), another turn stands between them, or they are of two threads.
pub(super) fn check_turns(threads: &[ThreadView<'_>], known: &Known<'_, '_>, sink: &mut Sink) {
    let mut seen: HashMap<&str, Seen<'_>> = HashMap::new();
    for thread in threads {
        let mut number = 0;
        let mut current: Option<&str> = None;
        for (sent, whose) in known.of_thread(thread) {
            let Some(turn) = whose.turn.as_deref() else {
                continue;
            };
            let is_counted = !is_compaction(sent);
            if is_counted && current != Some(turn) {
                number += 1;
                current = Some(turn);
            }
            let now = Seen {
                thread: thread.id,
                exchange: sent.exchange,
                started: sent.meta("turn_started_at_unix_ms"),
                number: is_counted.then_some(number),
            };
            match seen.get_mut(turn) {
                Some(first) => {
                    check_turn(sent, turn, first, &now, sink);
                    first.number = first.number.or(now.number);
                }
                None => {
                    seen.insert(turn, now);
                }
            }
        }
    }
}

fn check_turn(sent: &Sent<'_>, turn: &str, first: &Seen<'_>, now: &Seen<'_>, sink: &mut Sink) {
    let exchange = first.exchange;
    let why = if first.thread != now.thread {
        let thread = |seen: &Seen<'_>| seen.thread.unwrap_or("unknown").to_owned();
        let (a, b) = (thread(first), thread(now));
        format!(
            "of thread {a} in exchange #{exchange} and of thread {b} in {}",
            sent.label
        )
    } else if let (Some(a), Some(b)) = (&first.started, &now.started)
        && a != b
    {
        format!(
            "that began at {a} in exchange #{exchange} and of one that began at {b} in {}",
            sent.label
        )
    } else if let (Some(a), Some(b)) = (first.number, now.number)
        && a != b
    {
        format!(
            "in exchange #{exchange} and, behind another turn, in {}",
            sent.label
        )
    } else {
        return;
    };
    let place = sent.first(TURN).map_or(TURN[0], |(place, _)| place);
    let mut violation = rules::TURN_ID_REUSED.at(sent.exchange, place.pointer());
    violation.message = format!("{turn} is the id of a turn {why}");
    violation.found = Some(turn.to_owned());
    sink.tell(
        format!("{} {turn}", now.thread.unwrap_or_default()),
        violation,
    );
}

/// Checks that each inference call has an id of its own. A request that is sent again byte for byte is the same call.
pub(super) fn check_inference_ids(all: &[Sent<'_>], sink: &mut Sink) {
    let mut seen: HashMap<Text, &Sent<'_>> = HashMap::new();
    for sent in all {
        let (Some(id), Some(request)) = (sent.value(INFERENCE_ID), sent.request) else {
            continue;
        };
        let Some(first) = seen.get(&id) else {
            seen.insert(id, sent);
            continue;
        };
        let is_again = first
            .request
            .is_some_and(|one| one.body.text() == request.body.text());
        if is_again {
            continue;
        }
        let mut violation = rules::INFERENCE_ID_REUSED.at(sent.exchange, INFERENCE_ID.pointer());
        violation.message = format!(
            "{INFERENCE_ID} is {id} in {}, and in exchange #{}, which asks for something else",
            sent.label, first.exchange
        );
        violation.found = Some(id.to_string());
        sink.tell(id.to_string(), violation);
    }
}
