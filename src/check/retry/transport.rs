//! What belongs to a WebSocket only, after the agent went back to HTTP.

use crate::capture::{FlatExchange, Transport};
use crate::check::Violation;
use crate::json::Pointer;
use crate::normalize::Level;
use crate::responses::endpoint;

/// Finds members of WebSocket messages in HTTP requests that follow a handshake.
pub(super) fn leftovers(flat: &[FlatExchange<'_>]) -> Vec<Violation> {
    let is_handshake = |one: &FlatExchange<'_>| {
        let request = &one.exchange.request;
        let asks = request.headers.as_option().is_some_and(|headers| {
            let upgrade = headers.list.get("upgrade");
            upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
        });
        one.transport == Transport::Handshake || asks
    };
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
