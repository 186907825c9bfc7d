//! What an attempt asks for, compared with the one before.

use crate::check::attempts::Attempt;
use crate::check::profiles::PartialItems;
use crate::check::same::{first_difference, meaning};
use crate::json::{Node, Pointer, Value};
use crate::responses::{call_id, is_call, is_from_other_thread, item_type};

/// A rule that is broken, where, and how.
pub(super) type Told = (&'static str, Pointer, String);

/// Members that a request over another connection, or made anew, may have otherwise.
const OF_THE_ATTEMPT: &[&str] = &[
    "input",
    "client_metadata",
    "previous_response_id",
    "type",
    "generate",
    "stream",
];

/// Members of items that are made anew with each request, or that versions drop on the way.
fn loose(depth: usize, key: &str) -> bool {
    matches!(
        (depth, key),
        (
            0,
            "id" | "status" | "internal_chat_message_metadata_passthrough"
        ) | (2, "annotations" | "logprobs")
    )
}

fn strict(_: usize, _: &str) -> bool {
    false
}

/// Compares an attempt with the one that failed before it.
pub(super) fn compare(
    one: &Attempt<'_>,
    next: &Attempt<'_>,
    partial: Option<PartialItems>,
) -> Vec<Told> {
    let mut told = members(one, next);
    told.extend(stale(one, next));
    if one.request.is_whole && next.request.is_whole {
        told.extend(input(one, next, partial));
    }
    told
}

fn members(one: &Attempt<'_>, next: &Attempt<'_>) -> Vec<Told> {
    let body = |attempt: &Attempt<'_>| attempt.flat.exchange.request.body.json().cloned();
    let (Some(a), Some(b)) = (body(one), body(next)) else {
        return Vec::new();
    };
    let at = Pointer::root().key("request").key("body");
    let mut told = Vec::new();
    for (key, value) in a.node().members() {
        let key = key.string().unwrap_or_default();
        if OF_THE_ATTEMPT.contains(&key.as_ref()) {
            continue;
        }
        let difference = match b.node().get(&key) {
            Some(other) => first_difference(value, other, strict).map(|one| one.pointer),
            None => Some(Pointer::root()),
        };
        if let Some(below) = difference {
            let message = format!("{key} of {next} is another one than in the attempt before");
            told.push(("retry-body-changed", at.key(&key).join(&below), message));
        }
    }
    for (key, _) in b.node().members() {
        let key = key.string().unwrap_or_default();
        if !OF_THE_ATTEMPT.contains(&key.as_ref()) && a.node().get(&key).is_none() {
            let message = format!("{key} of {next} was not in the attempt before");
            told.push(("retry-body-changed", at.key(&key), message));
        }
    }
    told
}

/// Whether two attempts have the same JSON in other bytes.
pub(super) fn is_in_other_bytes(one: &Attempt<'_>, next: &Attempt<'_>) -> bool {
    let (a, b) = (one.request.body.node(), next.request.body.node());
    matches!((one.bytes(), next.bytes()), (Some(a), Some(b)) if a != b)
        && meaning(a, strict) == meaning(b, strict)
}

/// The server said that it does not have the response, and the attempt names one again.
fn stale(one: &Attempt<'_>, next: &Attempt<'_>) -> Option<Told> {
    let code = one.failure()?.facts.code.as_deref();
    let body = next.flat.exchange.request.body.json()?.node();
    let id = body.get_string("previous_response_id")?;
    (code == Some("previous_response_not_found")).then(|| {
        let at = Pointer::root()
            .key("request")
            .key("body")
            .key("previous_response_id");
        let message = format!("{next} goes on from {id}, and the server does not have it");
        ("retry-stale-response", at, message)
    })
}

fn is_same(a: Node<'_>, b: Node<'_>) -> bool {
    a.text() == b.text() || meaning(a, loose) == meaning(b, loose)
}

/// The input of a retry is that of the attempt before, and behind it what the broken stream delivered.
fn input(one: &Attempt<'_>, next: &Attempt<'_>, partial: Option<PartialItems>) -> Vec<Told> {
    let (old, new) = (&one.request.input, &next.request.input);
    let at = &next.request.input_pointer();
    let same = old
        .iter()
        .zip(new.iter())
        .take_while(|(a, b)| is_same(a.node(), b.node()))
        .count();
    if same < old.len() {
        let message = format!("the input of {next} is not that of the attempt before");
        return vec![("retry-body-changed", at.index(same), message)];
    }
    let added = &new[old.len()..];
    let delivered = &one.request.response.delivered;
    let is_delivered = |item: &Value| {
        delivered
            .iter()
            .any(|one| is_same(one.item.node(), item.node()))
    };
    let is_output = |item: &Value| {
        let id = call_id(item.node());
        let of_call = |one: &crate::capture::DeliveredItem| {
            is_call(&item_type(one.item.node())) && call_id(one.item.node()) == id
        };
        id.is_some() && delivered.iter().any(of_call)
    };
    let mut told = Vec::new();
    for (number, item) in added.iter().enumerate() {
        let place = at.index(old.len() + number);
        let is_own = is_guidance(item.node()) || is_from_other_thread(item.node());
        if is_delivered(item) || is_output(item) {
            if partial == Some(PartialItems::Dropped) {
                let message = format!(
                    "{next} sends an item of the broken stream as if the response had been complete"
                );
                told.push(("retry-truncated-taken", place, message));
            }
        } else if !is_own {
            let message =
                format!("the input of {next} has an item that the broken stream did not deliver");
            told.push(("retry-body-changed", place, message));
        }
    }
    if partial == Some(PartialItems::Kept) {
        for one in delivered {
            let is_kept = added
                .iter()
                .any(|item| is_same(one.item.node(), item.node()));
            if !is_kept && is_kept_kind(&item_type(one.item.node())) {
                let kind = item_type(one.item.node());
                let message =
                    format!("a {kind} that the broken stream delivered is lost in {next}");
                told.push(("retry-partial-lost", at.clone(), message));
            }
        }
    }
    told
}

/// Whether an attempt has what another thread said since the one before.
pub(super) fn has_news(one: &Attempt<'_>, next: &Attempt<'_>) -> bool {
    let known = one.request.input.len();
    let new = next.request.input.get(known..).unwrap_or(&[]);
    new.iter().any(|item| is_from_other_thread(item.node()))
}

/// What Codex tells the model after a response that a filter stopped (0.169.0).
fn is_guidance(item: Node<'_>) -> bool {
    let role = item.get_string("role");
    role.is_some_and(|role| role == "developer")
}

/// Items that every version sends back; others it may not know.
fn is_kept_kind(kind: &str) -> bool {
    matches!(kind, "message" | "function_call" | "custom_tool_call")
}
