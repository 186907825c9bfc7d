//! The control API below `/__trace-diff/`: state, gates, shutdown. Not part of the capture.

use bytes::Bytes;
use hyper::Response;
use serde_json::json;

use crate::script::{Remaining, Violation};

use super::head::RequestHead;
use super::ledger::Phase;
use super::shared::Shared;
use super::stream::PlayedBody;
use super::tap::Heads;

const PREFIX: &str = "/__trace-diff";

/// Whether a request is for the server itself.
pub(super) fn is_control(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    path.strip_prefix(PREFIX)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Does what the request says.
pub(super) fn respond(shared: &Shared, head: &RequestHead, heads: Heads) -> Response<PlayedBody> {
    let path = head.target.split('?').next().unwrap_or_default();
    let path = path.strip_prefix(PREFIX).unwrap_or_default();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (status, body) = match (head.method.as_str(), &parts[..]) {
        ("GET", []) => (200, state(shared)),
        ("GET", ["gates"]) => (200, gates(shared)),
        ("POST", ["gates", name, "open"]) => {
            shared.gates.open(&decoded(name));
            (200, gates(shared))
        }
        ("POST", ["gates", name, "close"]) => {
            shared.gates.close(&decoded(name));
            (200, gates(shared))
        }
        ("POST", ["shutdown"]) if shared.http_shutdown => {
            shared.enter(Phase::Stopping);
            (202, json!({"stopping": true}))
        }
        ("POST", ["shutdown"]) => (
            403,
            json!({"error": {"message": "start the server with --http-shutdown to end it this way"}}),
        ),
        _ => (
            404,
            json!({"error": {"message": "no such control request"}}),
        ),
    };
    let mut text = body.to_string();
    text.push('\n');
    let mut response = Response::new(PlayedBody::whole(Bytes::from(text), heads));
    if let Ok(status) = hyper::StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
    response.headers_mut().insert(
        hyper::header::CONTENT_TYPE,
        hyper::header::HeaderValue::from_static("application/json"),
    );
    response
}

/// A part of a path with its percent signs undone; one that stands for nothing stays.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let digits = match first {
            b'%' => behind
                .get(..2)
                .and_then(|digits| std::str::from_utf8(digits).ok()),
            _ => None,
        };
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn state(shared: &Shared) -> serde_json::Value {
    let state = shared.state();
    let player = shared.decider.player();
    let violations: Vec<serde_json::Value> = player.violations().iter().map(violation).collect();
    let left: Vec<serde_json::Value> = player.remaining().iter().map(remaining).collect();
    drop(player);
    json!({
        "requests": state.requests,
        "connections": state.connections,
        "active": state.active,
        "steps_left": left,
        "violations": violations,
        "gates": gates(shared),
    })
}

fn violation(violation: &Violation) -> serde_json::Value {
    json!({
        "kind": violation.kind.name(),
        "exchange": violation.request,
        "step": violation.step.map(|step| step + 1),
        "message": violation.message,
        "difference": violation.difference.as_ref().map(ToString::to_string),
        "hint": violation.hint,
    })
}

fn remaining(remaining: &Remaining) -> serde_json::Value {
    json!({
        "step": remaining.step + 1,
        "label": remaining.label,
        "left": remaining.left,
        "optional": remaining.is_optional,
    })
}

fn gates(shared: &Shared) -> serde_json::Value {
    let waiting: serde_json::Map<String, serde_json::Value> = shared
        .gates
        .waiting()
        .into_iter()
        .map(|(name, count)| (name, count.into()))
        .collect();
    json!({"open": shared.gates.opened(), "waiting": waiting})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_the_prefix_is_for_the_server() {
        for (target, expect) in [
            ("/__trace-diff", true),
            ("/__trace-diff/gates?x=1", true),
            ("/__trace-differs", false),
            ("/v1/__trace-diff/", false),
        ] {
            assert_eq!(is_control(target), expect, "{target}");
        }
    }

    #[test]
    fn names_are_decoded() {
        for (part, expect) in [
            ("a", "a"),
            ("a%20b", "a b"),
            ("%c3%a4", "ä"),
            ("%", "%"),
            ("%zz1", "%zz1"),
        ] {
            assert_eq!(decoded(part), expect);
        }
    }
}
