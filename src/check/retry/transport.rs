//! From WebSocket to HTTP: what an agent does when it is refused, and what belongs to a WebSocket only.

use crate::capture::{FlatExchange, Transport};
use crate::check::Violation;
use crate::check::profiles::{OnRefused, Profile};
use crate::json::Pointer;
use crate::normalize::Level;
use crate::responses::{RequestFacts, endpoint};

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
pub(super) fn after_refusals(flat: &[FlatExchange<'_>], profile: &Profile) -> Vec<Violation> {
    let Some(expected) = profile.websocket.on_refused else {
        return Vec::new();
    };
    let thread = |one: &FlatExchange<'_>| {
        let request = &one.exchange.request;
        let headers = request.headers.as_option().map(|headers| &headers.list);
        RequestFacts::new(&request.target, headers, None).thread
    };
    let is_post = |one: &FlatExchange<'_>| {
        let request = &one.exchange.request;
        request.method == "POST" && endpoint(&request.target) == "/responses"
    };
    let mut violations = Vec::new();
    for (number, one) in flat.iter().enumerate() {
        if refused(one) != Some(426) {
            continue;
        }
        let owner = thread(one);
        let mut later = flat.iter().enumerate().skip(number + 1);
        let next = later
            .find(|(_, later)| (is_handshake(later) || is_post(later)) && thread(later) == owner);
        let Some((next, later)) = next.filter(|_| owner.is_some()) else {
            continue;
        };
        let label = profile.label();
        let message = match (expected, is_handshake(later)) {
            (OnRefused::Http, true) => {
                format!("a WebSocket is asked for again after HTTP 426; {label} goes over to HTTP")
            }
            (OnRefused::Retry, false) => {
                format!("the request goes over to HTTP after HTTP 426; {label} asks again")
            }
            _ => continue,
        };
        let mut violation =
            Violation::new("retry-fallback", Level::Error, Some(next), Pointer::root());
        violation.message = message;
        violations.push(violation);
    }
    violations
}

/// Finds members of WebSocket messages in HTTP requests that follow a handshake.
pub(super) fn leftovers(flat: &[FlatExchange<'_>]) -> Vec<Violation> {
    let Some(first) = flat.iter().position(is_handshake) else {
        return Vec::new();
    };
    let mut violations: Vec<Violation> = Vec::new();
    for (number, one) in flat.iter().enumerate().skip(first) {
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
            if let Some(known) = violations.iter_mut().find(|one| one.pointer == pointer) {
                known.recurs.push(number);
                continue;
            }
            let rule = "retry-websocket-leftover";
            let mut violation = Violation::new(rule, Level::Error, Some(number), pointer);
            "an HTTP request holds what belongs to WebSocket messages"
                .clone_into(&mut violation.message);
            violations.push(violation);
        }
    }
    violations
}
