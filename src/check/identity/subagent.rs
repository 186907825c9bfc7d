//! Requests of sub-agents are marked as such.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::check::attempts::{Attempt, View};
use crate::check::profiles::Profile;
use crate::check::sink::Sink;
use crate::json::{Node, Pointer, Value};
use crate::responses::{RequestKind, call_id, item_type};

use super::places::{PARENT, SUBAGENT, SUBAGENT_KIND};
use super::rules;
use super::said::Text;
use super::sent::{Place, Sent};

const SOURCE: &[Place] = &[
    Place::InHeader("thread_source"),
    Place::InClient("thread_source"),
];

/// Whether a request, or the handshake that it came by, says of itself that it is a sub-agent's.
pub(super) fn is_marked(sent: &Sent<'_>, all: &[Sent<'_>]) -> bool {
    let handshake = sent.handshake.map(|at| &all[at]);
    let is_marked = |one: &Sent<'_>| mark(one).is_some() || one.is_about_memories;
    is_marked(sent) || handshake.is_some_and(is_marked)
}

/// What a request says that only sub-agents say.
fn mark(sent: &Sent<'_>) -> Option<(Place, Text)> {
    let first = [SUBAGENT, PARENT, SUBAGENT_KIND]
        .iter()
        .find_map(|places| sent.first(places));
    first.or_else(|| {
        sent.first(SOURCE)
            .filter(|(_, source)| **source == *"subagent")
    })
}

/// Checks that requests of sub-agents have the marks that the profile names.
pub(super) fn check(view: &View<'_>, all: &[Sent<'_>], profile: &Profile, sink: &mut Sink) {
    let children = children(view);
    let mut known: HashMap<&str, String> = HashMap::new();
    for sent in all {
        let thread = sent.request.and_then(|one| one.facts.thread.as_deref());
        let (Some(thread), Some((place, value))) = (thread, mark(sent)) else {
            continue;
        };
        let said = format!("{place} of exchange #{} is {value}", sent.exchange);
        known.entry(thread).or_insert(said);
    }
    for sent in all {
        let Some(request) = sent
            .request
            .filter(|one| one.facts.kind == RequestKind::Turn)
        else {
            continue;
        };
        let Some(thread) = request.facts.thread.as_deref() else {
            continue;
        };
        let parent = children.get(thread);
        if let Some(parent) = parent {
            check_parent(sent, parent, sink);
        }
        let spawned = parent.map(|parent| format!("a call of thread {parent} spawned it"));
        let Some(because) = spawned.or_else(|| known.get(thread).cloned()) else {
            continue;
        };
        if sent.is_post_of_responses() && !sent.is_about_memories && sent.is_of_known_kind(profile)
        {
            check_marks(sent, profile, &because, sink);
        }
    }
}

/// The thread that a sub-agent names as its parent is the one that spawned it.
fn check_parent(sent: &Sent<'_>, parent: &str, sink: &mut Sink) {
    let mut named = PARENT
        .iter()
        .filter_map(|place| Some((*place, sent.value(*place)?)));
    let Some((place, named)) = named.next().filter(|(_, first)| {
        // Names that differ from each other are told by that.
        **first != *parent && named.all(|(_, other)| other == *first)
    }) else {
        return;
    };
    let mut violation = rules::SUBAGENT_MARK_MISMATCH.at(sent.exchange, place.pointer());
    violation.message = format!(
        "{place} is {named}, but a call of thread {parent} spawned the thread of {}",
        sent.label
    );
    violation.expected = Some(parent.to_owned());
    violation.found = Some(named.to_string());
    sink.tell(format!("parent {parent}"), violation);
}

fn check_marks(sent: &Sent<'_>, profile: &Profile, because: &str, sink: &mut Sink) {
    let kind = sent.first(SUBAGENT);
    let wanted = match kind.is_some_and(|(_, kind)| *kind == *"review") {
        true => &profile.headers.review,
        false => &profile.headers.subagent,
    };
    let headers = Pointer::root().key("request").key("headers");
    let missing = names(wanted, |name| {
        sent.headers.is_some_and(|list| list.get(name).is_some())
    });
    tell(sent, "its headers", (headers, missing), because, sink);
    if let Some(metadata) = sent.metadata() {
        let has = |key: &str| metadata.node().get(key).is_some_and(|node| !node.is_null());
        let missing = names(&profile.headers.subagent_metadata, has);
        tell(
            sent,
            "its turn metadata",
            (sent.metadata_at(), missing),
            because,
            sink,
        );
    }
}

/// Those that are not there.
pub(super) fn names(wanted: &[String], has: impl Fn(&str) -> bool) -> Vec<&str> {
    let names = wanted.iter().map(String::as_str);
    names.filter(|name| !has(name)).collect()
}

fn tell(
    sent: &Sent<'_>,
    what: &str,
    (pointer, missing): (Pointer, Vec<&str>),
    because: &str,
    sink: &mut Sink,
) {
    if missing.is_empty() {
        return;
    }
    let missing = missing.join(", ");
    let mut violation = rules::SUBAGENT_UNMARKED.at(sent.exchange, pointer);
    violation.message = format!(
        "{} is of a sub-agent, as {because}, but {missing} is missing in {what}",
        sent.label
    );
    violation.expected = Some(missing.clone());
    let thread = sent.request.and_then(|one| one.facts.thread.as_deref());
    sink.tell(
        format!("{} {missing}", thread.unwrap_or_default()),
        violation,
    );
}

/// The threads that calls of `spawn_agent` made, with those that called.
///
/// The output names the thread: `{"agent_id": …, "nickname": …}` (Codex 0.125.0–0.169.0, pycodex 0.1.13–0.5.1).
fn children<'v>(view: &'v View<'_>) -> HashMap<String, &'v str> {
    let requests = view.trace.requests.iter();
    let delivered = requests.flat_map(|request| &request.response.delivered);
    let calls = delivered.filter_map(|one| spawning_call(one.item.node()));
    let mut open: HashSet<String> = calls.collect();
    let mut children = HashMap::new();
    for thread in &view.threads {
        let Some(parent) = thread.id else {
            continue;
        };
        // An item that is sent again was looked at before.
        let new = |attempt: &'v Attempt<'_>| attempt.request.input.iter().skip(attempt.same_prefix);
        for item in thread.attempts.iter().flat_map(new) {
            if open.is_empty() {
                return children;
            }
            let is_known = answered(item).is_some_and(|id| open.remove(id.as_ref()));
            if let Some(child) = agent_id(item).filter(|_| is_known) {
                children.entry(child).or_insert(parent);
            }
        }
    }
    children
}

fn spawning_call(node: Node<'_>) -> Option<String> {
    let is_it = node.get("name")?.is_key("spawn_agent") && item_type(node) == "function_call";
    is_it.then(|| call_id(node).map(|id| id.into_owned()))?
}

/// The call that an output answers.
fn answered(item: &Value) -> Option<Cow<'_, str>> {
    let node = item.node();
    call_id(node).filter(|_| item_type(node) == "function_call_output")
}

fn agent_id(output: &Value) -> Option<String> {
    let text = output.node().get_string("output")?.into_owned();
    let value = Value::parse(text).ok()?;
    Some(value.node().get_string("agent_id")?.into_owned())
}
