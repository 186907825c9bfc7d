//! The headers that each request of an agent has.

use std::collections::HashSet;

use crate::check::profiles::Profile;
use crate::check::sink::Sink;
use crate::http::HeaderList;
use crate::json::Pointer;

use super::rules;
use super::sent::Sent;

/// The names under which agents send their session (Codex up to 0.125 and pycodex with an underscore).
const SESSION_HEADERS: &[&str] = &["session-id", "session_id", "conversation_id"];

/// Checks which headers are there.
pub(super) fn check(all: &[Sent<'_>], profile: &Profile, sink: &mut Sink) {
    let authorized = authorized_threads(all);
    for sent in all {
        let Some(headers) = sent.headers else {
            continue;
        };
        if sent.is_post_of_responses() && sent.is_of_known_kind(profile) {
            for name in &profile.headers.required {
                if headers.get(name).is_none() {
                    let reason = format!("which {} always sends", profile.label());
                    tell_missing(sent, name, &reason, sink);
                }
            }
        }
        check_session(sent, headers, profile, sink);
        let thread = sent.request.and_then(|one| one.facts.thread.as_deref());
        if sent.is_post_of_responses()
            && headers.get("authorization").is_none()
            && thread.is_some_and(|thread| authorized.contains(thread))
        {
            tell_missing(
                sent,
                "authorization",
                "which others of its thread have",
                sink,
            );
        }
    }
}

/// The threads of which a request has credentials: servers that need none are asked without.
fn authorized_threads<'t>(all: &[Sent<'t>]) -> HashSet<&'t str> {
    let is_authorized = |sent: &&Sent<'t>| {
        let headers = sent.headers;
        headers.is_some_and(|headers| headers.get("authorization").is_some())
    };
    let threads = all.iter().filter(is_authorized);
    threads
        .filter_map(|sent| sent.request?.facts.thread.as_deref())
        .collect()
}

fn check_session(sent: &Sent<'_>, headers: &HeaderList, profile: &Profile, sink: &mut Sink) {
    let Some(wanted) = &profile.headers.session else {
        return;
    };
    if headers.get(wanted).is_some() || !sent.is_of_known_kind(profile) {
        return;
    }
    let found = SESSION_HEADERS
        .iter()
        .find(|name| headers.get(name).is_some());
    let Some(found) = found else {
        let reason = format!("which {} always sends", profile.label());
        tell_missing(sent, wanted, &reason, sink);
        return;
    };
    let pointer = Pointer::root().key("request").key("headers").key(found);
    let mut violation = rules::SESSION_HEADER_WRONG.at(sent.exchange, pointer);
    violation.message = format!(
        "the session is named by the header {found} instead of {wanted}, as {} does, in {}",
        profile.label(),
        sent.label
    );
    violation.expected = Some(wanted.clone());
    violation.found = Some((*found).to_owned());
    sink.tell((*found).to_owned(), violation);
}

fn tell_missing(sent: &Sent<'_>, name: &str, reason: &str, sink: &mut Sink) {
    let pointer = Pointer::root().key("request").key("headers");
    let mut violation = rules::REQUIRED_HEADER_MISSING.at(sent.exchange, pointer);
    violation.message = format!("{} lacks the header {name}, {reason}", sent.label);
    violation.expected = Some(name.to_owned());
    sink.tell(name.to_owned(), violation);
}
