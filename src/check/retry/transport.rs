//! From WebSocket to HTTP: what an agent does when it is refused, and what belongs to a WebSocket only.

use crate::capture::{FlatExchange, Transport};
use crate::check::attempts::View;
use crate::check::profiles::{OnRefused, Profile};
use crate::check::sink::{RuleName, Sink};
use crate::json::Pointer;
use crate::responses::{RequestFacts, endpoint};

const LEFTOVER: RuleName = RuleName::error("retry-websocket-leftover");
const FALLBACK: RuleName = RuleName::error("retry-fallback");

/// Checks the requests that follow a handshake.
pub(super) fn check(view: &View<'_>, profile: &Profile, sink: &mut Sink) {
    leftovers(view, sink);
    if let Some(expected) = profile.websocket.on_refused {
        after_refusals(view, expected, &profile.label(), sink);
    }
}

/// Whether an exchange asks for a WebSocket.
fn is_handshake(one: &FlatExchange<'_>) -> bool {
    let request = &one.exchange.request;
    let asks = request.headers.as_option().is_some_and(|headers| {
        let upgrade = headers.list.get("upgrade");
        upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
    });
    one.transport == Transport::Handshake || asks
}

/// The status of a handshake that was refused.
fn refused(one: &FlatExchange<'_>) -> Option<u16> {
    let status = one.exchange.response.status.as_option().copied().flatten();
    status.filter(|status| *status >= 400 && is_handshake(one))
}

/// The exchanges that asked for a WebSocket and were refused.
pub(super) fn refusals(flat: &[FlatExchange<'_>]) -> Vec<usize> {
    (0..flat.len())
        .filter(|number| refused(&flat[*number]).is_some())
        .collect()
}

/// Finds what does not follow on HTTP 426 as the profile says.
fn after_refusals(view: &View<'_>, expected: OnRefused, label: &str, sink: &mut Sink) {
    let thread = |one: &FlatExchange<'_>| {
        let request = &one.exchange.request;
        let headers = request.headers.as_option().map(|headers| &headers.list);
        RequestFacts::new(&request.target, headers, None).thread
    };
    let is_post = |one: &FlatExchange<'_>| {
        let request = &one.exchange.request;
        request.method == "POST" && endpoint(&request.target) == "/responses"
    };
    for (number, one) in view.flat.iter().enumerate() {
        if refused(one) != Some(426) {
            continue;
        }
        let owner = thread(one);
        let mut later = view.flat.iter().enumerate().skip(number + 1);
        let next = later
            .find(|(_, later)| (is_handshake(later) || is_post(later)) && thread(later) == owner);
        let Some((next, later)) = next.filter(|_| owner.is_some()) else {
            continue;
        };
        let message = match (expected, is_handshake(later)) {
            (OnRefused::Http, true) => "asks for a WebSocket again after HTTP 426",
            (OnRefused::Retry, false) => "goes over to HTTP after HTTP 426",
            _ => continue,
        };
        let message = match expected {
            OnRefused::Http => format!("{} {message}; {label} goes over to HTTP", view.place(next)),
            OnRefused::Retry => format!("{} {message}; {label} asks again", view.place(next)),
        };
        let mut violation = FALLBACK.at(next, Pointer::root());
        violation.message = message;
        sink.tell(next.to_string(), violation);
    }
}

/// Finds members of WebSocket messages in HTTP requests that follow a handshake.
fn leftovers(view: &View<'_>, sink: &mut Sink) {
    let Some(first) = view.flat.iter().position(is_handshake) else {
        return;
    };
    for (number, one) in view.flat.iter().enumerate().skip(first) {
        let request = &one.exchange.request;
        let is_post = request.method == "POST" && endpoint(&request.target) == "/responses";
        let body = request.body.json().filter(|_| is_post);
        let Some(body) = body.map(|body| body.node()) else {
            continue;
        };
        let at = Pointer::root().key("request").key("body");
        let mut found: Vec<Pointer> = ["previous_response_id", "generate", "type"]
            .into_iter()
            .filter(|key| body.get(key).is_some_and(|value| !value.is_null()))
            .map(|key| at.key(key))
            .collect();
        let metadata = body.get("client_metadata");
        for (key, _) in metadata.into_iter().flat_map(|map| map.members()) {
            let key = key.string().unwrap_or_default();
            if key.starts_with("x-codex-ws-") || key.starts_with("ws_request_header_") {
                found.push(at.key("client_metadata").key(&key));
            }
        }
        for pointer in found {
            let cause = pointer.to_string();
            let mut violation = LEFTOVER.at(number, pointer);
            violation.message = format!(
                "{}, over HTTP, holds what belongs to WebSocket messages",
                view.place(number)
            );
            sink.tell(cause, violation);
        }
    }
}
