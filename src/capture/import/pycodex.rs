//! Capture directories of pycodex's test server: one `NNN_METHOD_path.json` per exchange.

use crate::http::HeaderList;
use crate::json::{Kind, Node, Value};

use super::super::{Capture, CaptureKind, Content, Exchange, Headers, Recorded, Request, Response};
use super::decoded::{decoded_body, decoded_content, text_member};
use super::leftovers::Leftovers;
use super::member::Member;

/// Reads the files of a capture directory, in order of their numbers.
///
/// The server (pycodex 0.1.13, `tests/fake_responses_server.py`) keeps headers as an object, so repeats are lost and
/// order is not promised; it parses JSON bodies and writes them again, and records neither times nor how a response
/// ended. `counter.txt` is its own note and must not be among `members`.
pub fn read_pycodex(path: &str, mut members: Vec<Member>) -> Capture {
    members.sort_by_cached_key(|member| (member.number(), member.path.clone()));
    let mut problems = Vec::new();
    let mut exchanges = Vec::new();
    for member in &members {
        let Some(value) = member.value(&mut problems, |path| matches!(path, [] | ["response"]))
        else {
            continue;
        };
        if value.node().get("method").is_none() {
            problems.push(
                member.problem(
                    0,
                    "unknown-record",
                    "the value at byte 0 is not an exchange (it has no method) and is left out"
                        .to_owned(),
                ),
            );
            continue;
        }
        exchanges.push(exchange(&value, member));
    }
    Capture {
        path: path.to_owned(),
        kind: CaptureKind::PycodexCapture,
        exchanges,
        problems,
    }
}

fn exchange(value: &Value, member: &Member) -> Exchange {
    let node = value.node();
    let mut extra = Leftovers::default();
    extra.add_unknown(node, &["method", "path", "headers", "body", "response"]);
    let response = node.get("response").filter(|r| r.kind() == Kind::Object);
    if let Some(response) = response {
        let mut unknown = Leftovers::default();
        unknown.add_unknown(response, &["status", "headers", "body"]);
        extra.add_nested("response", unknown);
    }
    Exchange {
        connection: Recorded::NotRecorded,
        started_ms: Recorded::NotRecorded,
        request: Request {
            method: text_member(node, "method"),
            target: text_member(node, "path"),
            http_version: Recorded::NotRecorded,
            headers: headers(node),
            body: decoded_body(value.get("body")),
            wire_body_bytes: Recorded::NotRecorded,
        },
        response: Response {
            status: response
                .and_then(|r| r.get("status"))
                .and_then(Node::unsigned)
                .and_then(|status| u16::try_from(status).ok())
                .map(Some)
                .into(),
            headers: response.map_or(Recorded::NotRecorded, headers),
            headers_ms: Recorded::NotRecorded,
            content: match response {
                Some(response) => decoded_content(
                    response.get("body").map(|body| value.part(body)),
                    headers(response).as_option(),
                ),
                None => Content::NotRecorded,
            },
            end: Recorded::NotRecorded,
            ended_ms: Recorded::NotRecorded,
        },
        extra: extra.into_value(),
        place: Some(member.place()),
    }
}

fn headers(holder: Node<'_>) -> Recorded<Headers> {
    let Some(fields) = holder.get("headers").filter(|h| h.kind() == Kind::Object) else {
        return Recorded::NotRecorded;
    };
    let list: HeaderList = fields
        .members()
        .filter_map(|(name, value)| {
            let value = value.string().unwrap_or(value.text().into());
            Some((name.string()?.into_owned(), value.into_owned()))
        })
        .collect();
    Recorded::Yes(Headers {
        list,
        has_order: false,
        has_case: true,
        has_repeats: false,
    })
}
