//! What belongs to a WebSocket only, after the agent went back to HTTP.

use crate::capture::{FlatExchange, Transport};
use crate::check::attempts::View;
use crate::check::sink::{RuleName, Sink};
use crate::json::Pointer;
use crate::responses::endpoint;

const LEFTOVER: RuleName = RuleName::error("retry-websocket-leftover");

/// Finds members of WebSocket messages in HTTP requests that follow a handshake.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    let is_handshake = |one: &FlatExchange<'_>| {
        let request = &one.exchange.request;
        let asks = request.headers.as_option().is_some_and(|headers| {
            let upgrade = headers.list.get("upgrade");
            upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
        });
        one.transport == Transport::Handshake || asks
    };
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
