//! How two responses differ: status, headers, events, end.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64;

use crate::capture::{
    Body, Content, Direction, Event, EventStream, Frame, FrameKind, Response, Transport,
    is_terminal,
};
use crate::json::Pointer;

use super::body::compare_bodies;
use super::change::Level;
use super::compare::{Comparer, Row};
use super::events::compare_events;
use super::headers::{HeaderPair, compare_headers};
use super::input::{ItemLists, compare_items, report_one_sided, values_of};
use super::names::LocalChange;
use super::recorder::Place;

/// Compares the responses of two exchanges, as far as both were recorded.
pub(super) fn compare_responses(cx: &mut Comparer<'_>, row: &Row) {
    let level = row.level.max(Level::Warning);
    let (a, b) = (
        cx.baseline.flat[row.baseline].exchange.clone(),
        cx.candidate.flat[row.candidate].exchange.clone(),
    );
    let (a, b) = (&a.response, &b.response);
    let pointer = Pointer::root().key("response");
    if let (Some(x), Some(y)) = (a.status.as_option(), b.status.as_option())
        && x != y
    {
        let shown =
            |status: &Option<u16>| status.map_or("no status line".to_owned(), |s| s.to_string());
        let place = Place::new(row.index, pointer.key("status"));
        cx.recorder.change(
            place,
            became("status-changed", row.level, shown(x), shown(y)),
        );
    }
    if let (Some(x), Some(y)) = (a.headers.as_option(), b.headers.as_option()) {
        let pair = HeaderPair {
            baseline: x,
            candidate: y,
            pointer: pointer.key("headers"),
            row: row.index,
            level,
            body_bytes: (None, None),
        };
        compare_headers(&mut cx.names, &mut cx.recorder, &pair);
    }
    compare_content(cx, row, (&a.content, &b.content), &pointer, level);
    // How a message of a WebSocket connection ended is only known from its events.
    if cx.candidate.transport(row.candidate) == Transport::WebSocket {
        return;
    }
    let ends = (
        cx.baseline.end(row.baseline),
        cx.candidate.end(row.candidate),
    );
    if let (Some(x), Some(y)) = ends
        && x != y
    {
        let place = Place::new(row.index, pointer.key("end"));
        let change = became(
            "stream-end-changed",
            row.level,
            x.name().to_owned(),
            y.name().to_owned(),
        );
        cx.recorder.change(place, change);
    }
}

/// How a response ended, in a few words: `answered 401`, `response.failed`, `stream without an end event`.
pub(super) fn end_name(response: &Response) -> String {
    let status = response.status.as_option();
    match (status, &response.content) {
        (Some(None), _) => "no answer".to_owned(),
        (_, Content::Events(stream)) if !stream.events.is_empty() => {
            let mut kinds = stream.events.iter().map(Event::kind);
            let end = kinds.rfind(|kind| is_terminal(kind));
            end.map_or_else(|| "stream without an end event".to_owned(), Cow::into_owned)
        }
        (Some(Some(status)), _) => format!("answered {status}"),
        (None, _) => "answer not recorded".to_owned(),
    }
}

/// A change of a scalar that both sides have.
pub(super) fn became(rule: &'static str, level: Level, a: String, b: String) -> LocalChange {
    LocalChange {
        rule,
        level,
        message: format!("{a} became {b}"),
        values: values_of(&[&a, &b]),
        baseline: Some(a),
        candidate: Some(b),
        ..LocalChange::default()
    }
}

fn compare_content(
    cx: &mut Comparer<'_>,
    row: &Row,
    (a, b): (&Content, &Content),
    pointer: &Pointer,
    level: Level,
) {
    match (a, b) {
        (Content::NotRecorded, _) | (_, Content::NotRecorded) => {}
        (Content::Events(x), Content::Events(y)) => {
            compare_events(cx, row, (x, y), &pointer.key("events"), level);
        }
        (Content::Body(x), Content::Body(y)) => {
            compare_bodies(cx, row.index, (x, y), pointer.key("body"), level);
        }
        (Content::Frames(x), Content::Frames(y)) => {
            // Recorders that do not tell how a connection ended leave its closing handshake out (HAR, mitmproxy).
            let has_ends = cx.baseline.end(row.baseline).is_some()
                && cx.candidate.end(row.candidate).is_some();
            let (x, y) = (frames_as_events(x, has_ends), frames_as_events(y, has_ends));
            compare_events(cx, row, (&x, &y), &pointer.key("frames"), level);
        }
        (Content::Digest(_), _) | (_, Content::Digest(_)) => {
            compare_output(cx, row, (a, b), pointer, level)
        }
        // A stream with nothing in it and an empty body are the same bytes.
        (Content::Events(stream), Content::Body(Body::Empty))
        | (Content::Body(Body::Empty), Content::Events(stream))
            if stream.events.is_empty() => {}
        _ => {
            let place = Place::new(row.index, pointer.key("body"));
            let shown = |content: &Content| match content {
                Content::Events(_) => "an event stream",
                Content::Frames(_) => "WebSocket messages",
                _ => "a body",
            };
            let change = became(
                "body-kind-changed",
                level,
                shown(a).to_owned(),
                shown(b).to_owned(),
            );
            cx.recorder.change(place, change);
        }
    }
}

/// Compares the items that two responses delivered.
fn compare_output(
    cx: &mut Comparer<'_>,
    row: &Row,
    (a, b): (&Content, &Content),
    pointer: &Pointer,
    level: Level,
) {
    let items = |content: &Content| {
        let delivered = content.delivered_items().into_iter();
        delivered.map(|delivered| delivered.item)
    };
    let baseline = cx.baseline.print_all(items(a));
    let candidate = cx.candidate.print_all(items(b));
    let lists = ItemLists {
        baseline,
        candidate,
        pointer: pointer.key("output"),
        row: row.index,
        exchanges: (row.baseline, row.candidate),
        level,
        is_exact: false,
    };
    let before = cx.recorder.units.len();
    let left = compare_items(cx, &lists);
    report_one_sided(cx, &lists, &left);
    let is_digest = |content: &Content| matches!(content, Content::Digest(_));
    if is_digest(a) != is_digest(b) {
        let lost_rule = if is_digest(a) {
            "key-added"
        } else {
            "key-missing"
        };
        for unit in &mut cx.recorder.units[before..] {
            unit.outcome
                .changes
                .retain(|change| !is_lost_in_digest(change, lost_rule));
        }
    }
}

/// Whether a change says no more than that a digest was written by the agent, from its own types (codex 0.125.0 to
/// 0.169.0): members that these do not know are gone, and optional ones without a value are there as `null`.
fn is_lost_in_digest(change: &LocalChange, lost_rule: &str) -> bool {
    let is_member = matches!(change.rule, "key-added" | "key-missing");
    let value = change.baseline.as_deref().or(change.candidate.as_deref());
    is_member && (change.rule == lost_rule || value == Some("null"))
}

/// Messages of a connection that belong to no request, as events whose name tells who sent what; close frames only
/// `with_close`.
fn frames_as_events(frames: &[Frame], with_close: bool) -> EventStream {
    let event = |frame: &Frame| {
        let who = match frame.direction {
            Direction::ClientToServer => "agent",
            Direction::ServerToClient => "server",
        };
        let what = match &frame.kind {
            FrameKind::Text => "text".to_owned(),
            FrameKind::Binary => "binary".to_owned(),
            FrameKind::Ping => "ping".to_owned(),
            FrameKind::Pong => "pong".to_owned(),
            FrameKind::Close { code, reason } => {
                format!(
                    "close {} {reason}",
                    code.map_or("without code".to_owned(), |c| c.to_string())
                )
            }
        };
        Event {
            name: Some(format!("{who} {what}")),
            data: frame.data.clone(),
            at_ms: frame.at_ms,
        }
    };
    let is_compared = |frame: &&Frame| match frame.kind {
        FrameKind::Ping | FrameKind::Pong => false,
        FrameKind::Close { .. } => with_close,
        FrameKind::Text | FrameKind::Binary => true,
    };
    EventStream {
        events: frames.iter().filter(is_compared).map(event).collect(),
        ..EventStream::default()
    }
}

/// Hash of a text, for keys of events.
pub(super) fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}
