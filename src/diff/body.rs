//! How two request bodies differ.

use crate::align::ItemMatch;
use crate::capture::{Body, JsonBody, Transport};
use crate::json::{Kind, Node, Pointer, Value};
use crate::normalize::{TextPlace, text_fingerprint};
use crate::responses::{RequestKind, message_text};

use super::change::Level;
use super::compare::{Comparer, Row};
use super::input::{ItemLists, compare_items, find_instructions, report_one_sided, values_of};
use super::limits::is_transport_member;
use super::members::{match_equal_keys, members};
use super::names::LocalChange;
use super::recorder::{Pair, Place, Text};
use super::value::ValueDiff;

/// Compares the bodies of two requests.
pub(super) fn compare_request_bodies(cx: &mut Comparer<'_>, row: &Row) {
    let (a, b) = (
        cx.baseline.flat[row.baseline].exchange.clone(),
        cx.candidate.flat[row.candidate].exchange.clone(),
    );
    let kind = cx.baseline.features[row.baseline].facts.kind;
    let is_model_request = matches!(
        kind,
        RequestKind::Turn | RequestKind::Compaction | RequestKind::Prewarm
    );
    let pointer = Pointer::root().key("request").key("body");
    match (&a.request.body, &b.request.body) {
        (Body::Json(x), Body::Json(y))
            if is_model_request && is_object(&x.value) && is_object(&y.value) =>
        {
            compare_model_request(cx, row, x, y, &pointer);
        }
        (x, y) => compare_bodies(cx, row.index, (x, y), pointer, row.level),
    }
}

fn is_object(value: &Value) -> bool {
    value.node().kind() == Kind::Object
}

/// Compares two bodies of any kind, as one unit.
pub(super) fn compare_bodies(
    cx: &mut Comparer<'_>,
    row: usize,
    (a, b): (&Body, &Body),
    pointer: Pointer,
    level: Level,
) {
    let place = Place::new(row, pointer);
    match (a, b) {
        (Body::NotRecorded, _) | (_, Body::NotRecorded) | (Body::Empty, Body::Empty) => {}
        (Body::Json(x), Body::Json(y)) => {
            let is_exact = x.is_exact && y.is_exact;
            let (x, y) = (x.value.clone(), y.value.clone());
            let pair = Pair::new(level.name(), Text::Json(x.clone()), Text::Json(y.clone()));
            cx.recorder.unit(&mut cx.names, pair, place, move |names| {
                let mut diff = ValueDiff::new(names, level, is_exact);
                diff.value("", x.node(), y.node());
                diff.out
            });
        }
        (Body::Text(x), Body::Text(y)) => {
            let (x, y) = (x.clone(), y.clone());
            let pair = Pair::new(level.name(), Text::Plain(x.clone()), Text::Plain(y.clone()));
            cx.recorder.unit(&mut cx.names, pair, place, move |names| {
                let mut diff = ValueDiff::new(names, level, true);
                diff.texts("", &x, &y, TextPlace::default());
                diff.out
            });
        }
        (Body::Bytes(x), Body::Bytes(y)) if x == y => {}
        _ => {
            let change = kind_change(a, b, level);
            cx.recorder.change(place, change);
        }
    }
}

fn kind_change(a: &Body, b: &Body, level: Level) -> LocalChange {
    let shown = |body: &Body| match body {
        Body::NotRecorded | Body::Empty => "nothing".to_owned(),
        Body::Json(_) => "JSON".to_owned(),
        Body::Text(text) => format!("text of {} bytes", text.len()),
        Body::Bytes(bytes) => format!("{} bytes that are no text", bytes.len()),
    };
    let (x, y) = (shown(a), shown(b));
    let rule = match (a, b) {
        (Body::Bytes(_), Body::Bytes(_)) => "body-changed",
        (_, Body::Empty) => "body-missing",
        _ => "body-kind-changed",
    };
    LocalChange {
        rule,
        level,
        message: format!("the body is {y} instead of {x}"),
        values: values_of(&[&x, &y]),
        baseline: Some(x),
        candidate: Some(y),
        ..LocalChange::default()
    }
}

fn compare_model_request(
    cx: &mut Comparer<'_>,
    row: &Row,
    a: &JsonBody,
    b: &JsonBody,
    pointer: &Pointer,
) {
    let is_exact = a.is_exact && b.is_exact;
    let moved = compare_input(cx, row, a, b, pointer, is_exact);
    let same_transport =
        cx.baseline.transport(row.baseline) == cx.candidate.transport(row.candidate);
    let has_inputs = both_lists(a.value.node(), b.value.node());
    let is_skipped = |key: &str| match key {
        "instructions" => moved,
        "type" => !same_transport,
        "previous_response_id" => true,
        "input" => has_inputs,
        _ => false,
    };
    let (a_members, b_members) = (members(a.value.node()), members(b.value.node()));
    let partners = match_equal_keys(&a_members, &b_members);
    let mut is_taken = vec![false; b_members.len()];
    for ((key, x), partner) in a_members.iter().zip(partners) {
        if let Some(j) = partner {
            is_taken[j] = true;
        }
        if !is_skipped(key) {
            let y = partner.map(|j| b.value.part(b_members[j].1));
            let pair = (Some(a.value.part(*x)), y);
            compare_member(cx, row, key, pair, pointer, is_exact);
        }
    }
    for ((key, y), taken) in b_members.iter().zip(is_taken) {
        if !taken && !is_skipped(key) {
            let pair = (None, Some(b.value.part(*y)));
            compare_member(cx, row, key, pair, pointer, is_exact);
        }
    }
    compare_continuation(cx, row, pointer);
}

fn both_lists(a: Node<'_>, b: Node<'_>) -> bool {
    let is_list = |body: Node<'_>| {
        body.get("input")
            .is_some_and(|input| input.kind() == Kind::Array)
    };
    is_list(a) && is_list(b)
}

/// Compares one member of two bodies, as a unit.
fn compare_member(
    cx: &mut Comparer<'_>,
    row: &Row,
    key: &str,
    (a, b): (Option<Value>, Option<Value>),
    pointer: &Pointer,
    is_exact: bool,
) {
    let has_trace_bundle = cx.limits.0.is_trace_bundle || cx.limits.1.is_trace_bundle;
    let text = |value: &Option<Value>| value.clone().map_or(Text::Plain(String::new()), Text::Json);
    let pair = Pair::keyed("member", key, text(&a), text(&b));
    let (key, level) = (key.to_owned(), row.level);
    cx.recorder.unit(
        &mut cx.names,
        pair,
        Place::new(row.index, pointer.clone()),
        move |names| {
            let mut diff = ValueDiff::new(names, level, is_exact);
            match (&a, &b) {
                (Some(a), Some(b)) => {
                    diff.pointer.push_key(&key);
                    diff.value(&key, a.node(), b.node());
                }
                (Some(a), None) => diff.member("key-missing", &key, Some(a.node()), None),
                (None, Some(b)) => diff.member("key-added", &key, None, Some(b.node())),
                (None, None) => {}
            }
            if has_trace_bundle {
                diff.out
                    .changes
                    .retain(|change| !is_transport_member(change.pointer.as_str()));
            }
            diff.out
        },
    );
}

/// Compares the inputs: as sent where both continue a response or neither does, else what they stand for. Tells
/// whether base instructions moved between `instructions` and a developer message.
fn compare_input(
    cx: &mut Comparer<'_>,
    row: &Row,
    a: &JsonBody,
    b: &JsonBody,
    pointer: &Pointer,
    is_exact: bool,
) -> bool {
    if !both_lists(a.value.node(), b.value.node()) {
        return false;
    }
    let continues = (
        cx.baseline.previous_response(row.baseline).is_some(),
        cx.candidate.previous_response(row.candidate).is_some(),
    );
    let sent = |list: &Option<Vec<_>>| list.clone().unwrap_or_default();
    let lists = (
        sent(&cx.baseline.inputs[row.baseline]),
        sent(&cx.candidate.inputs[row.candidate]),
    );
    let is_same_list = lists
        .0
        .iter()
        .map(|p| p.content())
        .eq(lists.1.iter().map(|p| p.content()));
    let (baseline, candidate, pointer) = if continues.0 == continues.1 || is_same_list {
        (lists.0, lists.1, pointer.key("input"))
    } else {
        let baseline = cx.baseline.effective_input(row.baseline);
        let candidate = cx.candidate.effective_input(row.candidate);
        (
            baseline,
            candidate,
            Pointer::root().key("request").key("effective_input"),
        )
    };
    let lists = ItemLists {
        baseline,
        candidate,
        pointer,
        row: row.index,
        exchanges: (row.baseline, row.candidate),
        level: row.level,
        is_exact,
    };
    let mut left = compare_items(cx, &lists);
    let moved = report_moved_instructions(cx, row, a, b, &lists, &mut left);
    report_one_sided(cx, &lists, &left);
    moved
}

/// One side has `instructions`, the other the same as a developer message: that is one change, told with what
/// differs in the text.
fn report_moved_instructions(
    cx: &mut Comparer<'_>,
    row: &Row,
    a: &JsonBody,
    b: &JsonBody,
    lists: &ItemLists,
    left: &mut Vec<ItemMatch>,
) -> bool {
    let text = |body: &JsonBody| {
        body.value
            .node()
            .get_string("instructions")
            .map(|t| t.into_owned())
    };
    let names = &cx.names;
    let found = match (text(a), text(b)) {
        (Some(instructions), None) => {
            let added: Vec<usize> = left
                .iter()
                .filter_map(|m| {
                    if let ItemMatch::Added(j) = m {
                        Some(*j)
                    } else {
                        None
                    }
                })
                .collect();
            find_instructions(
                &instructions,
                &names.baseline,
                &lists.candidate,
                &names.candidate,
                &added,
            )
            .map(|j| {
                (
                    ItemMatch::Added(j),
                    instructions,
                    message_text(lists.candidate[j].item.node()),
                    j,
                )
            })
        }
        (None, Some(instructions)) => {
            let missing: Vec<usize> = left
                .iter()
                .filter_map(|m| {
                    if let ItemMatch::Missing(i) = m {
                        Some(*i)
                    } else {
                        None
                    }
                })
                .collect();
            find_instructions(
                &instructions,
                &names.candidate,
                &lists.baseline,
                &names.baseline,
                &missing,
            )
            .map(|i| {
                (
                    ItemMatch::Missing(i),
                    message_text(lists.baseline[i].item.node()),
                    instructions,
                    i,
                )
            })
        }
        _ => None,
    };
    let Some((item, old, new, index)) = found else {
        return false;
    };
    left.retain(|other| *other != item);
    let place = format!("input[{index}]");
    let is_to_input = matches!(item, ItemMatch::Added(_));
    let message = if is_to_input {
        format!(
            "base instructions are sent as a developer message, {place}, instead of `instructions`"
        )
    } else {
        format!(
            "base instructions are sent as `instructions` instead of a developer message, {place}"
        )
    };
    let (x, y) = if is_to_input {
        ("instructions".to_owned(), place)
    } else {
        (place, "instructions".to_owned())
    };
    let pointer = Pointer::root()
        .key("request")
        .key("body")
        .key("instructions");
    let values = values_of(&[if is_to_input {
        "to input"
    } else {
        "to instructions"
    }]);
    cx.recorder.change(
        Place::new(row.index, pointer.clone()),
        LocalChange {
            rule: "instructions-moved",
            level: row.level,
            baseline: Some(x),
            candidate: Some(y),
            message,
            values,
            ..LocalChange::default()
        },
    );
    let pair = Pair::new(
        "instructions",
        Text::Plain(old.clone()),
        Text::Plain(new.clone()),
    );
    let level = row.level;
    cx.recorder.unit(
        &mut cx.names,
        pair,
        Place::new(row.index, pointer),
        move |names| {
            let mut diff = ValueDiff::new(names, level, true);
            diff.texts("instructions", &old, &new, TextPlace::default());
            diff.out
        },
    );
    true
}

/// `previous_response_id`: tied where both have it; where one has it and the other sends the whole input, that is a
/// change of how the turn goes on, not of what the model sees.
fn compare_continuation(cx: &mut Comparer<'_>, row: &Row, pointer: &Pointer) {
    let place = Place::new(row.index, pointer.key("previous_response_id"));
    let (a, b) = (
        cx.baseline.previous_response(row.baseline),
        cx.candidate.previous_response(row.candidate),
    );
    match (a, b) {
        (Some(a), Some(b)) => {
            let mut diff = ValueDiff::new(&mut cx.names, row.level, true);
            diff.ids(&a, &b);
            let out = diff.out;
            cx.recorder.once(place, out);
        }
        (None, None) => {}
        // A trace bundle may hold the full request that a message stands for.
        (None, Some(_)) if cx.limits.0.is_trace_bundle => {}
        (Some(_), None) if cx.limits.1.is_trace_bundle => {}
        (a, b) => {
            let both_websocket = cx.baseline.transport(row.baseline) == Transport::WebSocket
                && cx.candidate.transport(row.candidate) == Transport::WebSocket;
            let level = if both_websocket {
                row.level
            } else {
                Level::Warning
            };
            let message = if a.is_some() {
                "the candidate does not continue the previous response, as the baseline does"
            } else {
                "the candidate continues the previous response, which the baseline does not"
            };
            cx.recorder.change(
                place,
                LocalChange {
                    rule: "continuation-changed",
                    level,
                    values: text_fingerprint(message, &cx.names.baseline, TextPlace::default()),
                    baseline: a,
                    candidate: b,
                    message: message.to_owned(),
                    ..LocalChange::default()
                },
            );
        }
    }
}
