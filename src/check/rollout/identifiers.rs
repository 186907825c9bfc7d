//! Ids that a request names against those that the rollout has.

use crate::json::{Pointer, Value};
use crate::normalize::Level;
use crate::responses::RequestKind;
use crate::rollout::{RecordKind, What};

use super::super::violation::Violation;
use super::stored::StoredRollout;
use super::stretch::Stretch;

/// Tells where requests name another thread, session, turn or context window than the rollout.
pub(super) fn check_identifiers(
    thread: Option<&str>,
    stretches: &[Stretch<'_>],
    violations: &mut Vec<Violation>,
) {
    if let (Some(thread), Some(first)) = (thread, stretches.first()) {
        for file in first.files {
            violations.extend(other_thread(thread, file, first.request.exchange));
        }
    }
    let mut told: Vec<Violation> = Vec::new();
    for stretch in stretches {
        let found = [session(stretch), turn(stretch), window(stretch)];
        for violation in found.into_iter().flatten() {
            let is_same = |other: &&mut Violation| {
                other.place == violation.place && other.found == violation.found
            };
            match told.iter_mut().find(is_same) {
                Some(other) => other.recurs.push(stretch.request.exchange),
                None => told.push(violation),
            }
        }
    }
    violations.append(&mut told);
}

/// A rollout that has the thread's id in its name and another one in its `session_meta`.
fn other_thread(thread: &str, file: &StoredRollout, exchange: usize) -> Option<Violation> {
    let (record, meta) = file.index().metas.first()?;
    if meta.id == thread {
        return None;
    }
    let pointer = Pointer::root().key("request");
    let mut violation = violation(exchange, pointer, "thread");
    violation.place = Some(file.own_place(*record, Pointer::root().key("payload").key("id")));
    violation.expected = Some(meta.id.clone());
    violation.found = Some(thread.to_owned());
    Some(violation)
}

fn violation(exchange: usize, pointer: Pointer, what: &str) -> Violation {
    let mut violation = Violation::new("rollout-id-changed", Level::Error, Some(exchange), pointer);
    violation.message = format!("the request names another {what} than the rollout");
    violation
}

/// The session: the id of the tree of threads.
fn session(stretch: &Stretch<'_>) -> Option<Violation> {
    let sent = stretch.request.metadata("session_id")?.into_owned();
    let file = stretch.file()?;
    let (record, meta) = file.index().metas.first()?;
    let written = meta.session_id.as_ref()?;
    if *written == sent {
        return None;
    }
    let pointer = stretch.request.turn_metadata_at().key("session_id");
    let mut violation = violation(stretch.request.exchange, pointer, "session");
    let below = Pointer::root().key("payload").key("session_id");
    violation.place = Some(file.own_place(*record, below));
    violation.expected = Some(written.clone());
    violation.found = Some(sent);
    Some(violation)
}

/// The turn: one that began before the answer. Requests are put where the history first was what they sent, and a turn
/// may begin behind that with a compaction.
fn turn(stretch: &Stretch<'_>) -> Option<Violation> {
    let sent = stretch.request.metadata("turn_id")?.into_owned();
    let file = stretch.file()?;
    let index = file.index();
    let began = |number: usize| match index.entries[number].what {
        What::TurnStarted(Some(turn)) => Some((number, index.turn_id(turn)?)),
        _ => None,
    };
    let end = |record: usize| record.min(index.entries.len());
    let before = (0..end(stretch.from.record)).rev().find_map(began);
    let mut candidates: Vec<(usize, &str)> = before.into_iter().collect();
    let behind = stretch.from.record..end(stretch.before_answer.record);
    candidates.extend(behind.filter_map(began));
    let (record, written) = match stretch.request.facts.kind {
        RequestKind::Compaction => *candidates.last()?,
        _ => *candidates.first()?,
    };
    if candidates.iter().any(|(_, id)| *id == sent) {
        return None;
    }
    let pointer = stretch.request.turn_metadata_at().key("turn_id");
    let mut violation = violation(stretch.request.exchange, pointer, "turn");
    let below = Pointer::root().key("payload").key("turn_id");
    violation.place = Some(file.own_place(record, below));
    violation.expected = Some(written.to_owned());
    violation.found = Some(sent);
    Some(violation)
}

/// The context window: that of the last compaction, before the first one that of the `session_meta` (0.153 and later).
/// Forks go on in the window of their parent.
fn window(stretch: &Stretch<'_>) -> Option<Violation> {
    let sent = stretch.request.metadata("context_window_id")?.into_owned();
    let file = stretch.file()?;
    let until = stretch.from.record.min(file.records.len());
    let mut compactions = file.records[..until].iter().enumerate().rev();
    let compacted = compactions.find(|(_, record)| record.kind == RecordKind::Compacted);
    let (record, below, written) = match compacted {
        Some((number, record)) => {
            let payload: &Value = record.payload.as_ref()?;
            let id = payload.node().get_string("window_id")?.into_owned();
            (number, Pointer::root().key("payload").key("window_id"), id)
        }
        None if file.lineage.files.len() > 1 => return None,
        None => {
            let (number, meta) = file.index().metas.first()?;
            let below = Pointer::root()
                .key("payload")
                .key("context_window")
                .key("window_id");
            (*number, below, meta.window_id.clone()?)
        }
    };
    if written == sent {
        return None;
    }
    let pointer = stretch.request.turn_metadata_at().key("context_window_id");
    let mut violation = violation(stretch.request.exchange, pointer, "context window");
    violation.place = Some(file.own_place(record, below));
    violation.expected = Some(written);
    violation.found = Some(sent);
    Some(violation)
}
