//! The turn metadata and `client_metadata`: both copies alike, all keys there, and the kind of request right.

use std::collections::HashSet;

use crate::check::label::excerpt;
use crate::check::profiles::Profile;
use crate::check::request::Request;
use crate::check::same::meaning;
use crate::check::sink::{RuleName, Sink};
use crate::check::turn_metadata::TURN_METADATA;
use crate::json::{Document, Kind, Node, Pointer};

use super::places::all_places;
use super::rules;
use super::sent::{Place, Sent, metadata_in_header};

/// Checks the metadata of the requests.
pub(super) fn check(all: &[Sent<'_>], profile: &Profile, sink: &mut Sink) {
    // All requests of a turn share their metadata.
    let mut complete: HashSet<*const Document> = HashSet::new();
    for sent in all {
        check_copies(sent, profile, sink);
        if !sent.is_for_model() || !sent.is_of_known_kind(profile) {
            continue;
        }
        if let Some(metadata) = sent.metadata()
            && !complete.contains(&std::ptr::from_ref(metadata.document()))
            && check_keys(sent, metadata.node(), profile, sink)
        {
            complete.insert(metadata.document());
        }
        check_client(sent, profile, sink);
        check_kind(sent, sink);
    }
}

fn cause(sent: &Sent<'_>, what: &str) -> String {
    let thread = sent.request.and_then(|one| one.facts.thread.as_deref());
    format!("{} {what}", thread.unwrap_or_default())
}

/// What has a rule of its own is told by that where both copies have it.
fn check_copies(sent: &Sent<'_>, profile: &Profile, sink: &mut Sink) {
    let Some((header, client)) = sent.copies() else {
        return;
    };
    if header.text() == client.text() {
        return;
    }
    let (header, client) = (header.node(), client.node());
    for key in keys_of(header, client) {
        let (a, b) = (header.get(&key), client.get(&key));
        let mut places = all_places();
        let has_rule = places.any(|place| matches!(place, Place::InHeader(name) if name == key));
        let is_same =
            a.map(|node| meaning(node, |_, _| false)) == b.map(|node| meaning(node, |_, _| false));
        let is_left_out = a.is_none() && profile.headers.metadata_in_body_only.contains(&key);
        if is_same || is_left_out || has_rule && a.is_some() && b.is_some() {
            continue;
        }
        let shown = |node: Option<Node<'_>>| node.map(|node| excerpt(node.text()));
        let said = |node| shown(node).unwrap_or_else(|| "missing".to_owned());
        let pointer = metadata_in_header().key(&key);
        let mut violation = rules::TURN_METADATA_MISMATCH.at(sent.exchange, pointer);
        violation.message = format!(
            "{key} in the header {TURN_METADATA} is {}, but in client_metadata.{TURN_METADATA} it is {} in {}",
            said(a),
            said(b),
            sent.label
        );
        violation.expected = shown(b);
        violation.found = shown(a);
        sink.tell(cause(sent, &key), violation);
    }
}

/// The keys of both objects, each once.
fn keys_of(a: Node<'_>, b: Node<'_>) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for (key, _) in a.members().chain(b.members()) {
        let key = key.string().unwrap_or_default();
        if !keys.iter().any(|known| *known == key) {
            keys.push(key.into_owned());
        }
    }
    keys
}

/// Checks that every key of the turn metadata that the profile names is there; whether they are. That the metadata itself is
/// there is told with the headers.
fn check_keys(sent: &Sent<'_>, metadata: Node<'_>, profile: &Profile, sink: &mut Sink) -> bool {
    let has = |key: &String| metadata.get(key).is_some_and(|node| !is_empty(node));
    let wanted = &profile.headers.metadata;
    let missing: Vec<&String> = wanted.iter().filter(|key| !has(key)).collect();
    if missing.is_empty() {
        return true;
    }
    tell_missing(
        rules::TURN_METADATA_INCOMPLETE,
        sent,
        TURN_METADATA,
        (sent.metadata_at(), &missing),
        profile,
        sink,
    );
    false
}

fn check_client(sent: &Sent<'_>, profile: &Profile, sink: &mut Sink) {
    // A unary compaction says all in its headers (Codex 0.115.0–0.137.0).
    let is_compact = |request: &Request| request.facts.endpoint == "/responses/compact";
    if sent.request.is_some_and(is_compact) {
        return;
    }
    let client = sent.client;
    let has = |key: &String| {
        let value = client.and_then(|client| client.get(key));
        value.is_some_and(|node| !is_empty(node))
    };
    let wanted = &profile.headers.client_metadata;
    let missing: Vec<&String> = wanted.iter().filter(|key| !has(key)).collect();
    if missing.is_empty() {
        return;
    }
    let body = Pointer::root().key("request").key("body");
    let pointer = match client {
        Some(_) => body.key("client_metadata"),
        None => body,
    };
    tell_missing(
        rules::CLIENT_METADATA_INCOMPLETE,
        sent,
        "client_metadata",
        (pointer, &missing),
        profile,
        sink,
    );
}

fn is_empty(node: Node<'_>) -> bool {
    node.is_null() || node.kind() == Kind::String && node.text() == "\"\""
}

fn tell_missing(
    rule: RuleName,
    sent: &Sent<'_>,
    object: &str,
    (pointer, missing): (Pointer, &[&String]),
    profile: &Profile,
    sink: &mut Sink,
) {
    let missing: Vec<&str> = missing.iter().map(|key| key.as_str()).collect();
    let missing = missing.join(", ");
    let mut violation = rule.at(sent.exchange, pointer);
    violation.message = format!(
        "{object} of {} lacks {missing}, which {} always sends",
        sent.label,
        profile.label()
    );
    violation.expected = Some(missing.clone());
    // The same is missing everywhere: that is one cause, whatever the thread.
    sink.tell(missing, violation);
}

/// A compaction is called one, and nothing else is; a warm-up is no turn.
fn check_kind(sent: &Sent<'_>, sink: &mut Sink) {
    let (Some(request), Some(metadata)) = (sent.request, sent.metadata()) else {
        return;
    };
    let Some(said) = sent.meta("request_kind") else {
        return;
    };
    let described = metadata.node().get("compaction").is_some();
    let asked = asks_for_compaction(request);
    let kind = match (said.as_ref(), asked) {
        ("compaction", None) if !described => "turn",
        ("turn" | "prewarm", Some(_)) => "compaction",
        ("turn", None) if described => "compaction",
        ("prewarm", None) => "turn",
        _ => return,
    };
    let because = match (asked, described) {
        (Some(asked), _) => asked,
        (None, true) => "it describes a compaction",
        (None, false) => "it neither asks for a summary nor describes a compaction",
    };
    let mut violation =
        rules::REQUEST_KIND_WRONG.at(sent.exchange, sent.metadata_at().key("request_kind"));
    violation.message = format!(
        "request_kind is {said}, but {} is a {kind}: {because}",
        sent.label
    );
    violation.expected = Some(kind.to_owned());
    violation.found = Some(said.to_string());
    sink.tell(cause(sent, kind), violation);
}

/// What tells, beside its metadata, that a request asks for a compaction.
fn asks_for_compaction(request: &Request) -> Option<&'static str> {
    if request.facts.endpoint == "/responses/compact" {
        return Some("it goes to /responses/compact");
    }
    request
        .asks_by_trigger()
        .then_some("its last item is a trigger")
}
