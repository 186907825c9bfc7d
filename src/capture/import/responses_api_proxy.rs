//! Dump directories of `codex responses-api-proxy --dump-dir`: `<n>-<unix ms>-request.json` and `-response.json`.

use std::collections::BTreeMap;

use crate::http::HeaderList;
use crate::json::{Kind, Node, Value};

use super::super::{
    Capture, CaptureKind, CaptureProblem, Content, Exchange, Headers, Recorded, Request, Response,
};
use super::decoded::{decoded_body, decoded_content, text_member};
use super::leftovers::Leftovers;
use super::member::Member;

/// Reads the files of a dump directory, in order of their numbers.
///
/// The proxy (codex 0.125.0 and later) keeps header lists as received but writes `[REDACTED]` for `authorization` and
/// `cookie`, parses JSON bodies and writes them again, and keeps the time of the request only.
pub fn read_responses_api_proxy(path: &str, mut members: Vec<Member>) -> Capture {
    members.sort_by_cached_key(|member| (member.number(), member.path.clone()));
    let mut problems = Vec::new();
    let mut pairs: BTreeMap<Key, Pair<'_>> = BTreeMap::new();
    for member in &members {
        let Some(value) = member.value(&mut problems, |path| path.is_empty()) else {
            continue;
        };
        let pair = pairs.entry(key(member)).or_default();
        let node = value.node();
        if node.get("method").is_some() {
            pair.request = Some((member, value));
        } else if node.get("status").is_some() {
            pair.response = Some((member, value));
        } else {
            problems.push(
                member.problem(
                    0,
                    "unknown-record",
                    "the value at byte 0 is neither a request nor a response and is left out"
                        .to_owned(),
                ),
            );
        }
    }
    let exchanges = pairs
        .into_iter()
        .filter_map(|(key, pair)| pair.exchange(&key, &mut problems))
        .collect();
    Capture {
        path: path.to_owned(),
        kind: CaptureKind::ResponsesApiProxy,
        exchanges,
        problems,
    }
}

/// Number and time of an exchange; files without a number go last, each by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    number: u64,
    unix_ms: Option<u64>,
    name: Option<String>,
}

fn key(member: &Member) -> Key {
    let mut parts = member.file_name().split('-');
    let numbers = (parts.next(), parts.next());
    let parse = |part: Option<&str>| part.and_then(|part| part.parse().ok());
    match (parse(numbers.0), parse(numbers.1)) {
        (Some(number), unix_ms) => Key {
            number,
            unix_ms,
            name: None,
        },
        (None, _) => Key {
            number: u64::MAX,
            unix_ms: None,
            name: Some(member.path.clone()),
        },
    }
}

#[derive(Default)]
struct Pair<'a> {
    request: Option<(&'a Member, Value)>,
    response: Option<(&'a Member, Value)>,
}

impl Pair<'_> {
    fn exchange(self, key: &Key, problems: &mut Vec<CaptureProblem>) -> Option<Exchange> {
        let Some((member, request)) = self.request else {
            let (member, _) = self.response?;
            problems.push(member.problem(
                0,
                "incomplete-exchange",
                "there is no request file for this response, which is left out".to_owned(),
            ));
            return None;
        };
        if self.response.is_none() {
            problems.push(member.problem(
                member.bytes.len(),
                "incomplete-exchange",
                "there is no response file for this request; its response is not known".to_owned(),
            ));
        }
        let mut extra = Leftovers::default();
        extra.add_unknown(request.node(), &["method", "url", "headers", "body"]);
        let response = self.response.map(|(_, value)| value);
        if let Some(response) = &response {
            let mut unknown = Leftovers::default();
            unknown.add_unknown(response.node(), &["status", "headers", "body"]);
            extra.add_nested("response", unknown);
        }
        Some(Exchange {
            connection: Recorded::NotRecorded,
            started_ms: key.unix_ms.map(|ms| ms as f64).into(),
            request: Request {
                method: text_member(request.node(), "method"),
                target: text_member(request.node(), "url"),
                http_version: Recorded::NotRecorded,
                headers: headers(request.node()),
                body: decoded_body(request.get("body")),
                wire_body_bytes: Recorded::NotRecorded,
            },
            response: read_response(response.as_ref()),
            extra: extra.into_value(),
            place: Some(member.place()),
        })
    }
}

fn read_response(response: Option<&Value>) -> Response {
    let node = response.map(Value::node);
    let headers = node.map_or(Recorded::NotRecorded, headers);
    Response {
        status: node
            .and_then(|node| node.get("status"))
            .and_then(Node::unsigned)
            .and_then(|status| u16::try_from(status).ok())
            .map(Some)
            .into(),
        headers_ms: Recorded::NotRecorded,
        content: match response {
            Some(response) => decoded_content(response.get("body"), headers.as_option()),
            None => Content::NotRecorded,
        },
        headers,
        end: Recorded::NotRecorded,
        ended_ms: Recorded::NotRecorded,
    }
}

fn headers(holder: Node<'_>) -> Recorded<Headers> {
    let Some(fields) = holder.get("headers").filter(|h| h.kind() == Kind::Array) else {
        return Recorded::NotRecorded;
    };
    let list: HeaderList = fields
        .items()
        .filter_map(|field| {
            let name = field.get_string("name")?.into_owned();
            Some((name, field.get_string("value")?.into_owned()))
        })
        .collect();
    Recorded::Yes(Headers::exact(list))
}
