//! How two event streams differ: which events came, in which order, what they carry.

use std::ops::Range;

use crate::align::common_subsequence;
use crate::capture::{Body, End, Event, EventStream, is_terminal};
use crate::json::Pointer;
use crate::normalize::{Scanner, TextPlace, fingerprint, text_fingerprint};

use super::body::compare_bodies;
use super::change::Level;
use super::compare::{Comparer, Row};
use super::names::LocalChange;
use super::recorder::Place;
use super::response::{became, hash};
use super::value::shown_text;

/// A number that shifts with every event before it, and padding.
const INCIDENTAL: &[&str] = &["sequence_number", "obfuscation"];

struct Streams<'s> {
    a: &'s [Event],
    b: &'s [Event],
    a_keys: Vec<u64>,
    b_keys: Vec<u64>,
    pointer: &'s Pointer,
    row: usize,
    level: Level,
    /// The agent hung up on both: how far the server got by then is chance.
    was_cut_by_agent: bool,
    /// Whether the recording of the baseline's and of the candidate's stream breaks off.
    is_cut: (bool, bool),
}

/// Compares two event streams.
pub(super) fn compare_events(
    cx: &mut Comparer<'_>,
    row: &Row,
    (a, b): (&EventStream, &EventStream),
    pointer: &Pointer,
    level: Level,
) {
    if have_same_text(&a.events, &b.events) && a.partial_tail == b.partial_tail {
        for (j, event) in a.events.iter().enumerate() {
            let pointer = pointer.index(j).key("data");
            compare_bodies(
                cx,
                row.index,
                (&event.data, &b.events[j].data),
                pointer,
                level,
            );
        }
        return;
    }
    let keys = |events: &[Event], scanner: &Scanner| {
        events.iter().map(|e| event_key(e, scanner)).collect()
    };
    let streams = Streams {
        a_keys: keys(&a.events, &cx.names.baseline),
        b_keys: keys(&b.events, &cx.names.candidate),
        a: &a.events,
        b: &b.events,
        pointer,
        row: row.index,
        level,
        was_cut_by_agent: cx.baseline.end(row.baseline) == Some(End::PeerClosed)
            && cx.candidate.end(row.candidate) == Some(End::PeerClosed),
        is_cut: (
            cx.baseline.is_cut(row.baseline),
            cx.candidate.is_cut(row.candidate),
        ),
    };
    let (a_groups, b_groups) = (delta_groups(streams.a), delta_groups(streams.b));
    let group_keys = |events: &[Event], groups: &[Range<usize>], keys: &[u64]| -> Vec<u64> {
        groups
            .iter()
            .map(|group| group_key(events, group, keys))
            .collect()
    };
    let a_group_keys = group_keys(streams.a, &a_groups, &streams.a_keys);
    let b_group_keys = group_keys(streams.b, &b_groups, &streams.b_keys);
    let mut left = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    let mut pairs = common_subsequence(&a_group_keys, &b_group_keys);
    pairs.push((a_groups.len(), b_groups.len()));
    for (x, y) in pairs {
        let span = |groups: &[Range<usize>], from: usize, to: usize| {
            if from < to {
                groups[from].start..groups[to - 1].end
            } else {
                0..0
            }
        };
        gap(
            cx,
            &streams,
            span(&a_groups, i, x),
            span(&b_groups, j, y),
            &mut left,
        );
        if x < a_groups.len() {
            same_group(cx, &streams, &a_groups[x], &b_groups[y]);
        }
        (i, j) = (x + 1, y + 1);
    }
    report_left(cx, &streams, left);
    compare_tails(cx, &streams, a, b);
}

/// Whether two streams are equal to the letter, as far as events go; their identifiers are tied all the same.
fn have_same_text(a: &[Event], b: &[Event]) -> bool {
    let is_same = |(x, y): (&Event, &Event)| {
        let is_same_data = match (&x.data, &y.data) {
            (Body::Json(x), Body::Json(y)) => x.value.text() == y.value.text(),
            (Body::Text(x), Body::Text(y)) => x == y,
            (x, y) => matches!((x, y), (Body::Empty, Body::Empty)),
        };
        x.name == y.name && is_same_data
    };
    a.len() == b.len() && a.iter().zip(b).all(is_same)
}

fn event_key(event: &Event, scanner: &Scanner) -> u64 {
    let data = match &event.data {
        Body::Json(body) => fingerprint(body.value.node(), "", scanner, INCIDENTAL),
        Body::Text(text) => text_fingerprint(text, scanner, TextPlace::default()),
        _ => 0,
    };
    data.rotate_left(1) ^ hash(&event.kind())
}

/// Cuts a stream into single events and runs of deltas of the same part.
fn delta_groups(events: &[Event]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut last_part: Option<String> = None;
    for (i, event) in events.iter().enumerate() {
        let part = delta_part(event);
        match groups.last_mut() {
            Some(group) if part.is_some() && part == last_part => group.end = i + 1,
            _ => groups.push(i..i + 1),
        }
        last_part = part;
    }
    groups
}

/// What a delta adds to: kind and position of the part.
fn delta_part(event: &Event) -> Option<String> {
    let kind = event.kind();
    let data = event.data.json()?.node();
    if !kind.ends_with(".delta") || data.get_string("delta").is_none() {
        return None;
    }
    let field = |key: &str| data.get(key).map_or("", |value| value.text());
    let fields = ["item_id", "output_index", "content_index", "summary_index"].map(field);
    Some(format!("{kind} {}", fields.join(" ")))
}

/// A run of deltas counts by the text it adds up to, a single event by itself.
fn group_key(events: &[Event], group: &Range<usize>, keys: &[u64]) -> u64 {
    if delta_part(&events[group.start]).is_none() {
        return keys[group.start];
    }
    let delta = |event: &Event| {
        event
            .data
            .json()
            .and_then(|d| Some(d.node().get_string("delta")?.into_owned()))
    };
    let text: String = events[group.clone()].iter().filter_map(delta).collect();
    hash(&format!("{}\0{text}", events[group.start].kind()))
}

fn same_group(cx: &mut Comparer<'_>, streams: &Streams<'_>, a: &Range<usize>, b: &Range<usize>) {
    let delta = |event: &Event| {
        event
            .data
            .json()
            .and_then(|d| Some(d.node().get_string("delta")?.into_owned()))
    };
    let is_same_split = a.len() == b.len()
        && a.clone()
            .zip(b.clone())
            .all(|(i, j)| delta(&streams.a[i]) == delta(&streams.b[j]));
    if is_same_split {
        for (i, j) in a.clone().zip(b.clone()) {
            compare_event(cx, streams, i, j);
        }
        return;
    }
    let kind = streams.a[a.start].kind();
    let mut change = became(
        "event-chunks",
        Level::Note,
        a.len().to_string(),
        b.len().to_string(),
    );
    change.message = format!(
        "the same text in {} {kind} events instead of {}",
        b.len(),
        a.len()
    );
    change.values = hash(&kind);
    cx.recorder.change(
        Place::new(streams.row, streams.pointer.index(b.start)),
        change,
    );
}

/// Events that belong together by kind are compared; what is left is remembered.
fn gap(
    cx: &mut Comparer<'_>,
    streams: &Streams<'_>,
    a: Range<usize>,
    b: Range<usize>,
    left: &mut (Vec<usize>, Vec<usize>),
) {
    let mut i = a.start;
    let mut j = b.start;
    let mut equal = common_subsequence(&streams.a_keys[a.clone()], &streams.b_keys[b.clone()]);
    equal.push((a.len(), b.len()));
    for (x, y) in equal {
        let (x, y) = (a.start + x, b.start + y);
        by_kind(cx, streams, i..x, j..y, left);
        if x < a.end {
            compare_event(cx, streams, x, y);
        }
        (i, j) = (x + 1, y + 1);
    }
}

fn by_kind(
    cx: &mut Comparer<'_>,
    streams: &Streams<'_>,
    a: Range<usize>,
    b: Range<usize>,
    left: &mut (Vec<usize>, Vec<usize>),
) {
    let kinds = |events: &[Event]| -> Vec<u64> { events.iter().map(|e| hash(&e.kind())).collect() };
    let mut pairs =
        common_subsequence(&kinds(&streams.a[a.clone()]), &kinds(&streams.b[b.clone()]));
    pairs.push((a.len(), b.len()));
    let (mut i, mut j) = (a.start, b.start);
    for (x, y) in pairs {
        let (x, y) = (a.start + x, b.start + y);
        left.0.extend(i..x);
        left.1.extend(j..y);
        if x < a.end {
            compare_event(cx, streams, x, y);
        }
        (i, j) = (x + 1, y + 1);
    }
}

fn compare_event(cx: &mut Comparer<'_>, streams: &Streams<'_>, i: usize, j: usize) {
    let (a, b) = (&streams.a[i], &streams.b[j]);
    let pointer = streams.pointer.index(j);
    if let (Some(x), Some(y)) = (&a.name, &b.name)
        && x != y
    {
        let place = Place::new(streams.row, pointer.key("event"));
        cx.recorder.change(
            place,
            became("event-changed", streams.level, x.clone(), y.clone()),
        );
    }
    if i == j || a.data.json().is_none() {
        compare_bodies(
            cx,
            streams.row,
            (&a.data, &b.data),
            pointer.key("data"),
            streams.level,
        );
    } else {
        compare_shifted(cx, streams, (a, b), pointer.key("data"));
    }
}

/// Compares two events that stand at different positions: their sequence numbers need not agree.
fn compare_shifted(
    cx: &mut Comparer<'_>,
    streams: &Streams<'_>,
    (a, b): (&Event, &Event),
    pointer: Pointer,
) {
    let before = cx.recorder.units.len();
    compare_bodies(cx, streams.row, (&a.data, &b.data), pointer, streams.level);
    for unit in &mut cx.recorder.units[before..] {
        unit.outcome
            .changes
            .retain(|change| change.pointer.as_str() != "/sequence_number");
    }
}

fn report_left(cx: &mut Comparer<'_>, streams: &Streams<'_>, left: (Vec<usize>, Vec<usize>)) {
    let (mut missing, mut added) = left;
    if streams.is_cut.1 {
        report_behind_cut(cx, streams, &mut missing, true);
    }
    if streams.is_cut.0 {
        report_behind_cut(cx, streams, &mut added, false);
    }
    report_other_end(cx, streams, &mut missing, &mut added);
    missing.retain(|&i| {
        let Some(at) = added
            .iter()
            .position(|&j| streams.b_keys[j] == streams.a_keys[i])
        else {
            return true;
        };
        let j = added.remove(at);
        let kind = streams.a[i].kind();
        let mut change = became(
            "event-order",
            streams.level,
            format!("at {i}"),
            format!("at {j}"),
        );
        change.message = format!("`{kind}` comes at {j} instead of {i}");
        cx.recorder
            .change(Place::new(streams.row, streams.pointer.index(j)), change);
        compare_event(cx, streams, i, j);
        false
    });
    for i in missing {
        one_sided(cx, streams, i, true);
    }
    for j in added {
        one_sided(cx, streams, j, false);
    }
}

/// What one side has behind the last event of a recording that breaks off is one note. `left` has the positions of that
/// side's events without a partner, in order.
fn report_behind_cut(
    cx: &mut Comparer<'_>,
    streams: &Streams<'_>,
    left: &mut Vec<usize>,
    is_baseline: bool,
) {
    let events = if is_baseline { streams.a } else { streams.b };
    let behind = (0..left.len())
        .rev()
        .zip((0..events.len()).rev())
        .take_while(|&(at, index)| left[at] == index)
        .count();
    let Some(&first) = left.get(left.len() - behind) else {
        return;
    };
    left.truncate(left.len() - behind);
    let who = if is_baseline { "candidate" } else { "baseline" };
    let kind = events[first].kind();
    let plural = if behind == 1 { "" } else { "s" };
    let message = format!(
        "{behind} event{plural} from `{kind}` on can't be compared: the recording of the {who} ends before"
    );
    cx.recorder.change(
        Place::new(streams.row, streams.pointer.index(first)),
        LocalChange {
            rule: "recording-cut",
            level: Level::Note,
            message,
            values: hash("behind the end"),
            ..LocalChange::default()
        },
    );
}

/// A response that ends with another event: one change, not two.
fn report_other_end(
    cx: &mut Comparer<'_>,
    streams: &Streams<'_>,
    missing: &mut Vec<usize>,
    added: &mut Vec<usize>,
) {
    let old = missing
        .iter()
        .position(|&i| is_terminal(&streams.a[i].kind()));
    let new = added
        .iter()
        .position(|&j| is_terminal(&streams.b[j].kind()));
    let (Some(old), Some(new)) = (old, new) else {
        return;
    };
    let (i, j) = (missing.remove(old), added.remove(new));
    let (a, b) = (streams.a[i].kind(), streams.b[j].kind());
    if a == b {
        missing.push(i);
        added.push(j);
        return;
    }
    let mut change = became(
        "event-changed",
        Level::Error.max(streams.level),
        a.into_owned(),
        b.into_owned(),
    );
    change.message = format!("the response ends otherwise: {}", change.message);
    cx.recorder
        .change(Place::new(streams.row, streams.pointer.index(j)), change);
}

fn one_sided(cx: &mut Comparer<'_>, streams: &Streams<'_>, index: usize, is_baseline: bool) {
    let event = if is_baseline {
        &streams.a[index]
    } else {
        &streams.b[index]
    };
    let kind = event.kind();
    let (rule, verb) = if is_baseline {
        ("event-missing", "is missing")
    } else {
        ("event-added", "is new")
    };
    let is_end = if is_terminal(&kind) {
        ", the event that ends the response,"
    } else {
        ""
    };
    let scanner = if is_baseline {
        &cx.names.baseline
    } else {
        &cx.names.candidate
    };
    let shown = match event.data.json() {
        Some(data) => shown_text(data.text(), scanner),
        None => kind.clone().into_owned(),
    };
    let (baseline, candidate) = if is_baseline {
        (Some(shown), None)
    } else {
        (None, Some(shown))
    };
    cx.recorder.change(
        Place::new(streams.row, streams.pointer.index(index)),
        LocalChange {
            rule,
            level: if streams.was_cut_by_agent {
                Level::Note
            } else {
                streams.level
            },
            baseline,
            candidate,
            message: format!("`{kind}`{is_end} {verb} in the candidate's response"),
            values: hash(&kind),
            ..LocalChange::default()
        },
    );
}

/// Bytes of an event that was never finished.
fn compare_tails(cx: &mut Comparer<'_>, streams: &Streams<'_>, a: &EventStream, b: &EventStream) {
    if streams.is_cut.0 || streams.is_cut.1 {
        return;
    }
    let tail = |stream: &EventStream| stream.partial_tail.clone().map_or(Body::Empty, Body::Text);
    let level = if streams.was_cut_by_agent {
        Level::Note
    } else {
        streams.level
    };
    let pointer = streams.pointer.key("partial_tail");
    compare_bodies(cx, streams.row, (&tail(a), &tail(b)), pointer, level);
}
