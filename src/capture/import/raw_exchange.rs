//! `raw-exchange/1`: one JSON object per HTTP request or WebSocket connection.

use std::ops::Range;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::http::HeaderList;
use crate::json::{Kind, Node, Value};

use super::super::place::Lines;
use super::super::problem::counted;
use super::super::records::{Damage, Part, parts};
use super::super::salvage::salvage;
use super::super::{
    Body, Capture, CaptureKind, CaptureProblem, Content, Direction, End, Event, EventStream,
    Exchange, Frame, FrameKind, Headers, JsonBody, Recorded, Request, Response,
};
use super::event_stream;
use super::leftovers::Leftovers;
use super::shared::is_event_stream;

/// Reads the text of a `raw-exchange/1` file.
///
/// Damage becomes problems. Of a record that is cut off, the request (if it is complete) and the events or frames before
/// the cut are used; how its response ended is then not recorded.
pub fn read_raw_exchange(path: &str, bytes: &[u8]) -> Capture {
    let mut reader = Reader {
        path,
        bytes,
        lines: Lines::new(),
        exchanges: Vec::new(),
        problems: Vec::new(),
    };
    for part in parts(bytes) {
        match part {
            Part::Record(span, record) => reader.take_record(span, &record),
            Part::Damage(damage) => reader.take_damage(&damage),
        }
    }
    Capture {
        path: path.to_owned(),
        kind: CaptureKind::RawExchange,
        exchanges: reader.exchanges,
        problems: reader.problems,
    }
}

struct Reader<'a> {
    path: &'a str,
    bytes: &'a [u8],
    lines: Lines,
    exchanges: Vec<Exchange>,
    problems: Vec<CaptureProblem>,
}

impl Reader<'_> {
    fn take_record(&mut self, span: Range<u64>, record: &Value) {
        let mut notes = Vec::new();
        match exchange(record, &mut notes) {
            Some(exchange) => self.push(exchange, span.start),
            None => notes.push((
                "unknown-record",
                "is not an exchange (it has no request) and is left out".to_owned(),
            )),
        }
        for (kind, note) in notes {
            self.problems.push(CaptureProblem {
                path: self.path.to_owned(),
                span: span.clone(),
                kind: kind.to_owned(),
                message: format!("the record at byte {} {note}", span.start),
            });
        }
    }

    fn push(&mut self, mut exchange: Exchange, start: u64) {
        exchange.place = Some(self.lines.place(self.path, self.bytes, start));
        self.exchanges.push(exchange);
    }

    fn take_damage(&mut self, damage: &Damage<'_>) {
        let meaning = match self.salvage_exchange(damage.text) {
            Some(exchange) => {
                let body = match exchange.request.body {
                    Body::NotRecorded => " without its body",
                    _ => "",
                };
                let meaning = format!(
                    "of exchange {} the request{body} and {} can be used",
                    self.exchanges.len(),
                    describe(&exchange.response.content)
                );
                self.push(exchange, damage.span.start);
                meaning
            }
            None => "the exchange that stood there is lost".to_owned(),
        };
        self.problems.push(damage.problem(self.path, &meaning));
    }

    fn salvage_exchange(&self, text: &str) -> Option<Exchange> {
        let salvaged = salvage(text, |path| {
            matches!(
                path,
                [] | ["request"] | ["response"] | ["response", "events" | "frames"]
            )
        })?;
        let mut exchange = exchange(&salvaged.value, &mut Vec::new())?;
        let response = salvaged.value.node().get("response");
        exchange.response.end = Recorded::Lost;
        match &exchange.response.content {
            Content::Events(stream) if stream.events.is_empty() => {
                exchange.response.content = Content::NotRecorded;
            }
            Content::Body(_) if response.is_none_or(|r| r.get("body").is_none()) => {
                exchange.response.content = Content::NotRecorded;
            }
            _ => {}
        }
        Some(exchange)
    }
}

fn describe(content: &Content) -> String {
    match content {
        Content::Events(stream) => counted(stream.events.len(), "event"),
        Content::Frames(frames) => counted(frames.len(), "frame"),
        Content::Body(_) => "the response body".to_owned(),
        _ => "nothing of the response".to_owned(),
    }
}

/// What is odd about a record: kind and message.
type Notes = Vec<(&'static str, String)>;

fn exchange(record: &Value, notes: &mut Notes) -> Option<Exchange> {
    let node = record.node();
    let sent = node.get("request").filter(|r| r.kind() == Kind::Object)?;
    let received = node.get("response");
    let mut extra = Leftovers::default();
    extra.add_unknown(
        node,
        &[
            "format",
            "conn",
            "transport",
            "started_ms",
            "method",
            "path",
            "http_version",
            "request",
            "response",
        ],
    );
    let mut sent_extra = Leftovers::default();
    sent_extra.add_unknown(sent, &["headers", "wire_body_bytes", "body", "body_text"]);
    extra.add_nested("request", sent_extra);
    let is_websocket = node.get_string("transport").as_deref() == Some("ws");
    let request = Request {
        method: text(node, "method"),
        target: text(node, "path"),
        http_version: string(node, "http_version").into(),
        headers: headers(sent),
        body: body(record, sent, notes),
        wire_body_bytes: sent.get("wire_body_bytes").and_then(Node::unsigned).into(),
    };
    let response = match received {
        Some(received) => response(record, received, is_websocket, &mut extra, notes),
        None => Response::not_recorded(),
    };
    Some(Exchange {
        connection: node.get("conn").and_then(Node::unsigned).into(),
        started_ms: time(node, "started_ms"),
        request,
        response,
        extra: extra.into_value(),
        place: None,
    })
}

fn response(
    record: &Value,
    received: Node<'_>,
    is_websocket: bool,
    extra: &mut Leftovers,
    notes: &mut Notes,
) -> Response {
    let ended = received.get("ended");
    let end = ended
        .and_then(Node::string)
        .and_then(|name| End::from_name(&name));
    let mut leftovers = Leftovers::default();
    leftovers.add_unknown(
        received,
        &[
            "status",
            "headers",
            "headers_ms",
            "events",
            "raw_stream",
            "partial_tail",
            "body",
            "body_text",
            "frames",
            "ended",
            "ended_ms",
        ],
    );
    if let (Some(ended), None) = (ended, end) {
        leftovers.add("\"ended\"", ended.text());
    }
    extra.add_nested("response", leftovers);
    let headers = headers(received);
    let content = if let Some(list) = received.get("frames") {
        frames(record, list, extra, notes)
    } else if is_websocket && received.get("body").is_none() {
        Content::Frames(Vec::new())
    } else {
        http_content(record, received, headers.as_option(), notes)
    };
    Response {
        status: match received.get("status") {
            Some(status) if status.is_null() => Recorded::Yes(None),
            Some(status) => status
                .unsigned()
                .and_then(|status| u16::try_from(status).ok())
                .map(Some)
                .into(),
            None => Recorded::NotRecorded,
        },
        headers,
        headers_ms: time(received, "headers_ms"),
        content,
        end: end.into(),
        ended_ms: time(received, "ended_ms"),
    }
}

fn http_content(
    record: &Value,
    received: Node<'_>,
    headers: Option<&Headers>,
    notes: &mut Notes,
) -> Content {
    let partial_tail = string(received, "partial_tail").filter(|tail| !tail.is_empty());
    if let Some(raw) = received.get_string("raw_stream") {
        return Content::Events(event_stream(&raw));
    }
    if let Some(list) = received.get("events") {
        return Content::Events(EventStream {
            events: list.items().map(|item| event(record, item)).collect(),
            partial_tail,
            raw: None,
        });
    }
    if received.get("body").is_some() || received.get("body_text").is_some() {
        return Content::Body(body(record, received, notes));
    }
    let is_stream = headers
        .and_then(|headers| headers.list.get("content-type"))
        .is_some_and(is_event_stream);
    if is_stream || partial_tail.is_some() {
        return Content::Events(EventStream {
            partial_tail,
            ..EventStream::default()
        });
    }
    Content::Body(Body::Empty)
}

fn event(record: &Value, item: Node<'_>) -> Event {
    Event {
        name: string(item, "event"),
        data: item
            .get("data")
            .map_or(Body::Empty, |data| json_or_text(record, data)),
        at_ms: time(item, "at_ms"),
    }
}

fn frames(record: &Value, list: Node<'_>, extra: &mut Leftovers, notes: &mut Notes) -> Content {
    let mut frames = Vec::with_capacity(list.len());
    let mut leftovers = Leftovers::default();
    for (index, item) in list.items().enumerate() {
        let mut unknown = Leftovers::default();
        unknown.add_unknown(
            item,
            &[
                "dir",
                "at_ms",
                "opcode",
                "bytes",
                "data_kind",
                "data",
                "data_text",
                "code",
                "reason",
            ],
        );
        leftovers.add_nested(&index.to_string(), unknown);
        frames.push(frame(record, item, notes));
    }
    extra.add_nested("frames", leftovers);
    Content::Frames(frames)
}

fn frame(record: &Value, item: Node<'_>, notes: &mut Notes) -> Frame {
    let opcode = item.get_string("opcode");
    let kind = match opcode.as_deref() {
        Some("text") => FrameKind::Text,
        Some("binary") => FrameKind::Binary,
        Some("ping") => FrameKind::Ping,
        Some("pong") => FrameKind::Pong,
        Some("close") => FrameKind::Close {
            code: item
                .get("code")
                .and_then(Node::unsigned)
                .and_then(|code| u16::try_from(code).ok()),
            reason: text(item, "reason"),
        },
        other => {
            notes.push((
                "unknown-frame",
                format!("has a frame of unknown kind {other:?}, which is taken as binary"),
            ));
            FrameKind::Binary
        }
    };
    let data_kind = item.get_string("data_kind");
    let data = match (data_kind.as_deref(), item.get_string("data_text")) {
        (Some("base64"), text) => base64_body(text.or(item.get_string("data")), notes),
        (_, Some(text)) => Body::from_text(text.into_owned()),
        _ => item
            .get("data")
            .map_or(Body::Empty, |data| json_or_text(record, data)),
    };
    Frame {
        direction: match item.get_string("dir").as_deref() {
            Some("c2s") => Direction::ClientToServer,
            _ => Direction::ServerToClient,
        },
        kind,
        data,
        expanded: Body::NotRecorded,
        at_ms: time(item, "at_ms"),
    }
}

/// The body of a request or of a response that is not a stream; responses carry no `body_kind`.
fn body(record: &Value, holder: Node<'_>, notes: &mut Notes) -> Body {
    let kind = holder.get_string("body_kind");
    let value = holder.get("body");
    let exact_text = holder.get_string("body_text");
    match kind.as_deref() {
        Some("empty") => Body::Empty,
        Some("base64") => base64_body(value.and_then(Node::string).or(exact_text), notes),
        Some("json-compact" | "json-python" | "json-python-utf8") => {
            value.map_or(Body::NotRecorded, |value| json(record, value, true))
        }
        Some("json-other") => match (exact_text, value) {
            (Some(text), _) => Body::from_text(text.into_owned()),
            (None, Some(value)) => json(record, value, false),
            (None, None) => Body::NotRecorded,
        },
        _ => match (exact_text, value) {
            (Some(text), _) => Body::from_text(text.into_owned()),
            (None, Some(value)) if value.is_null() => Body::Empty,
            (None, Some(value)) => json_or_text(record, value),
            (None, None) => Body::NotRecorded,
        },
    }
}

/// JSON that stands in the record as JSON, or text that stands there as a string.
fn json_or_text(record: &Value, value: Node<'_>) -> Body {
    match value.string() {
        Some(text) => Body::from_text(text.into_owned()),
        None => json(record, value, true),
    }
}

fn json(record: &Value, value: Node<'_>, is_exact: bool) -> Body {
    Body::Json(JsonBody {
        value: record.part(value),
        is_exact,
    })
}

fn base64_body(text: Option<std::borrow::Cow<'_, str>>, notes: &mut Notes) -> Body {
    let Some(text) = text else {
        return Body::NotRecorded;
    };
    match BASE64_STANDARD.decode(text.as_bytes()) {
        Ok(bytes) => Body::from_bytes(bytes),
        Err(error) => {
            notes.push((
                "bad-base64",
                format!("has a body that is not base64 ({error}); the body counts as not recorded"),
            ));
            Body::NotRecorded
        }
    }
}

fn headers(holder: Node<'_>) -> Recorded<Headers> {
    holder
        .get("headers")
        .filter(|list| list.kind() == Kind::Array)
        .map(|list| Headers::exact(list.items().filter_map(header).collect::<HeaderList>()))
        .into()
}

fn header(field: Node<'_>) -> Option<(String, String)> {
    let mut parts = field.items();
    let name = parts.next()?.string()?.into_owned();
    let value = parts.next()?.string()?.into_owned();
    Some((name, value))
}

fn string(holder: Node<'_>, key: &str) -> Option<String> {
    holder.get_string(key).map(std::borrow::Cow::into_owned)
}

fn text(holder: Node<'_>, key: &str) -> String {
    string(holder, key).unwrap_or_default()
}

fn time(holder: Node<'_>, key: &str) -> Recorded<f64> {
    holder.get(key).and_then(Node::number).into()
}
