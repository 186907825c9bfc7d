//! The text of one record of our own capture format.

use std::ops::Range;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::http::PlainEvent;
use crate::json::{Checker, Value};

use super::object::ObjectText;
use super::redact::Redactor;
use super::shape::LOST_END;
use super::writer::Head;
use super::{Body, Direction, End, Event, Frame, FrameKind, Headers, JsonBody, Recorded, Request};

/// Deepest nesting of a JSON text that stands in a record as JSON; records add some levels of their own, and a reader
/// refuses more than [`MAX_DEPTH`](crate::json::MAX_DEPTH).
const MAX_EMBEDDED_DEPTH: usize = 480;

/// Shortest JSON text, in bytes, that a record shares with its value instead of holding a copy.
const MIN_SHARED: usize = 4 << 10;

/// A record of an exchange, put together before it is known which number the exchange has in the file.
///
/// What is secret in header fields is replaced when the record is made, what is secret elsewhere by
/// [`Redactor::text`] over the text of one or more records.
#[derive(Debug)]
pub struct Record {
    /// The text up to and with the last long JSON text in it.
    before: Vec<RecordPart>,
    /// What is behind that.
    object: ObjectText,
}

/// What the records of server-sent events begin with that come at the same time.
#[derive(Debug)]
pub struct EventBeginning(String);

impl EventBeginning {
    /// The beginning for events of the exchange with this number, seen at this time.
    pub fn new(exchange: u64, at_ms: f64) -> Self {
        let mut record = ObjectText::behind(String::with_capacity(64));
        record.unsigned("exchange", exchange);
        record.string("type", "event");
        record.number("at_ms", Some(at_ms));
        Self(record.split())
    }
}

/// Appends the record of a server-sent event as [`Record::event`] and [`Record::push_line`] do, without a copy of its data.
/// Data that is known to be JSON needs no `checker`.
pub fn push_event(
    beginning: &EventBeginning,
    event: PlainEvent<'_>,
    checker: Option<&mut Checker>,
    out: &mut String,
) {
    out.push_str(&beginning.0);
    let mut record = ObjectText::begun(std::mem::take(out));
    if let Some(name) = event.name {
        record.string("name", name);
    }
    record.open("data");
    let depth = match checker {
        Some(checker) => checker.depth(event.data),
        // JSON can't be nested deeper than it has brackets, and few events are so long that they could have too many.
        None => match event.data.len() / 2 {
            half if half <= MAX_EMBEDDED_DEPTH => Ok(half),
            _ => match memchr::memchr2_iter(b'[', b'{', event.data.as_bytes()).count() {
                count if count <= MAX_EMBEDDED_DEPTH => Ok(count),
                _ => Checker::new().depth(event.data),
            },
        },
    };
    match depth {
        Ok(depth) if depth <= MAX_EMBEDDED_DEPTH => record.raw("json", event.data),
        Ok(_) => record.string("json_text", event.data),
        Err(_) => record.string("text", event.data),
    }
    record.close();
    *out = record.finish();
    out.push('\n');
}

/// A part of the text of a record.
#[derive(Debug)]
pub enum RecordPart {
    /// A text of its own.
    Own(String),
    /// The text of a JSON value.
    Shared(Value),
}

impl RecordPart {
    /// The text.
    pub fn as_str(&self) -> &str {
        match self {
            RecordPart::Own(text) => text,
            RecordPart::Shared(value) => value.text(),
        }
    }

    fn redacted(self, redactor: &mut Redactor, new: Option<&Range<usize>>) -> Self {
        match self {
            RecordPart::Own(text) => RecordPart::Own(redactor.text(text)),
            RecordPart::Shared(value) => {
                let new = new.cloned().unwrap_or(0..value.text().len());
                match redactor.replaced(value.text(), new) {
                    Some(text) => RecordPart::Own(text),
                    None => RecordPart::Shared(value),
                }
            }
        }
    }
}

impl Record {
    fn of(kind: &str) -> Self {
        let mut object = ObjectText::new();
        object.string("type", kind);
        Self {
            before: Vec::new(),
            object,
        }
    }

    /// A request, which opens its exchange.
    pub fn request(
        request: &Request,
        connection: Recorded<u64>,
        at_ms: Recorded<f64>,
        redactor: Option<&mut Redactor>,
    ) -> Self {
        let mut record = Self::of("request");
        record.object.reserve(1024);
        record.time(at_ms);
        if let Recorded::Yes(connection) = connection {
            record.raw("connection", &connection.to_string());
        }
        record.text("method", &request.method);
        record.text("target", &request.target);
        if let Recorded::Yes(version) = &request.http_version {
            record.text("http_version", version);
        }
        record.headers(request.headers.as_option(), redactor);
        if let Recorded::Yes(length) = request.wire_body_bytes {
            record.raw("wire_body_bytes", &length.to_string());
        }
        record.body_under("body", &request.body);
        record
    }

    /// A response head.
    pub fn head(head: &Head<'_>, redactor: Option<&mut Redactor>) -> Self {
        let mut record = Self::of("head");
        record.time(head.at_ms);
        match head.status {
            Recorded::Yes(Some(status)) => record.raw("status", &status.to_string()),
            Recorded::Yes(None) => record.raw("status", "null"),
            Recorded::NotRecorded | Recorded::Lost => {}
        }
        record.headers(head.headers.as_option().copied(), redactor);
        if let Some(name) = head.content.name() {
            record.text("content", name);
        }
        record
    }

    /// A server-sent event.
    pub fn event(event: &Event) -> Self {
        let mut record = Self::of("event");
        if let Body::Json(data) = &event.data
            && data.value.text().len() < MIN_SHARED
        {
            record.object.reserve(data.value.text().len() + 128);
        }
        record.time(event.at_ms);
        if let Some(name) = &event.name {
            record.text("name", name);
        }
        record.body_under("data", &event.data);
        record
    }

    /// A further piece of the stream text as sent; needed where it is not what a plain writer makes of the events.
    ///
    /// The first piece may leave the text before it out, if that is what a plain writer makes of the first `after` events.
    pub fn raw_text(text: &str, after: Option<u64>) -> Self {
        let mut record = Self::of("raw");
        if let Some(after) = after.filter(|after| *after > 0) {
            record.raw("after", &after.to_string());
        }
        record.text("text", text);
        record
    }

    /// The bytes behind the last complete event.
    pub fn tail(text: &str) -> Self {
        let mut record = Self::of("tail");
        record.text("text", text);
        record
    }

    /// A WebSocket message.
    pub fn frame(frame: &Frame) -> Self {
        let mut record = Self::of("frame");
        record.time(frame.at_ms);
        record.text(
            "from",
            match frame.direction {
                Direction::ClientToServer => "client",
                Direction::ServerToClient => "server",
            },
        );
        let kind = match &frame.kind {
            FrameKind::Text => "text",
            FrameKind::Binary => "binary",
            FrameKind::Ping => "ping",
            FrameKind::Pong => "pong",
            FrameKind::Close { .. } => "close",
        };
        record.text("kind", kind);
        if let FrameKind::Close { code, reason } = &frame.kind {
            if let Some(code) = code {
                record.raw("code", &code.to_string());
            }
            record.text("reason", reason);
        }
        record.body_under("data", &frame.data);
        record.body_under("expanded", &frame.expanded);
        record
    }

    /// The body of a response that is not a stream.
    pub fn body(body: &Body) -> Self {
        let mut record = Self::of("body");
        record.body_under("body", body);
        record
    }

    /// What a response delivered, where its events are not known.
    pub(super) fn digest(digest: &Value) -> Self {
        let mut record = Self::of("digest");
        record.json("digest", digest);
        record
    }

    /// How a response ended, which closes its exchange.
    pub fn end(end: Recorded<End>, at_ms: Recorded<f64>, extra: Option<&Value>) -> Self {
        let mut record = Self::of("end");
        record.time(at_ms);
        match end {
            Recorded::Yes(end) => record.text("how", end.name()),
            Recorded::Lost => record.text("how", LOST_END),
            Recorded::NotRecorded => {}
        }
        if let Some(extra) = extra {
            record.json("extra", extra);
        }
        record
    }

    /// The record with secrets in its texts replaced. Where a `new` part is given, all long JSON texts but that part of them were
    /// looked at before, in another text ([`Body::from_bytes_after`]) in which nothing is secret.
    #[must_use]
    pub fn redacted(mut self, redactor: &mut Redactor, new: Option<Range<usize>>) -> Self {
        let parts = self.before.into_iter();
        let redacted = parts.map(|part| part.redacted(redactor, new.as_ref()));
        self.before = redacted.collect();
        self.object.redact(redactor);
        self
    }

    /// Whether there is a long JSON text in it, as it was given.
    pub fn shares_text(&self) -> bool {
        let is_shared = |part: &RecordPart| matches!(part, RecordPart::Shared(_));
        self.before.iter().any(is_shared)
    }

    /// The parts of the record of the exchange with this number, its line end included.
    ///
    /// The number is the first member, one that no body of the API begins with, so that a reader never takes the inner part
    /// of a torn record for a record.
    pub fn into_line(self, exchange: u64) -> Vec<RecordPart> {
        let mut parts = self.before;
        parts.push(RecordPart::Own(self.object.finish() + "\n"));
        if let Some(RecordPart::Own(first)) = parts.first_mut() {
            first.replace_range(..1, &format!("{{\"exchange\":{exchange},"));
        }
        parts
    }

    /// Appends the record of the exchange with this number, its line end included.
    pub fn push_line(self, exchange: u64, out: &mut String) {
        for part in self.into_line(exchange) {
            out.push_str(part.as_str());
        }
    }

    fn raw(&mut self, key: &str, json: &str) {
        self.object.raw(key, json);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.object.string(key, value);
    }

    fn time(&mut self, at_ms: Recorded<f64>) {
        self.object.number("at_ms", at_ms.as_option().copied());
    }

    fn headers(&mut self, headers: Option<&Headers>, mut redactor: Option<&mut Redactor>) {
        let Some(headers) = headers else { return };
        self.object.key("headers");
        self.object.push("[");
        for (i, header) in headers.list.iter().enumerate() {
            self.object.push(if i == 0 { "[" } else { ",[" });
            self.object.push_string(&header.name);
            self.object.push(",");
            match &mut redactor {
                Some(redactor) => {
                    let value = redactor.header(&header.name, &header.value);
                    self.object.push_string(&value);
                }
                None => self.object.push_string(&header.value),
            }
            self.object.push("]");
        }
        self.object.push("]");
        let lacks: Vec<&str> = [
            (headers.has_order, "\"order\""),
            (headers.has_case, "\"case\""),
            (headers.has_repeats, "\"repeats\""),
        ]
        .into_iter()
        .filter(|(has, _)| !has)
        .map(|(_, name)| name)
        .collect();
        if !lacks.is_empty() {
            self.raw("headers_lack", &format!("[{}]", lacks.join(",")));
        }
    }

    fn body_under(&mut self, key: &str, body: &Body) {
        if matches!(body, Body::NotRecorded) {
            return;
        }
        self.object.open(key);
        match body {
            Body::NotRecorded => {}
            Body::Empty => self.text("text", ""),
            Body::Text(text) => self.text("text", text),
            Body::Bytes(bytes) => self.text("base64", &BASE64_STANDARD.encode(bytes)),
            Body::Json(JsonBody { value, is_exact }) => {
                self.push_json(value);
                if !is_exact {
                    self.raw("exact", "false");
                }
            }
        }
        self.object.close();
    }

    fn json(&mut self, key: &str, value: &Value) {
        self.object.open(key);
        self.push_json(value);
        self.object.close();
    }

    /// JSON stands in the record as it is, so that its text stays exact; what would break the record's line or a reader's
    /// limit of nesting stands as a string.
    fn push_json(&mut self, value: &Value) {
        let text = value.text();
        let has_line_end = value.document().has_line_end()
            && memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_some();
        let is_embeddable = !has_line_end && value.document().depth() <= MAX_EMBEDDED_DEPTH;
        if is_embeddable && text.len() >= MIN_SHARED {
            self.object.key("json");
            self.before.push(RecordPart::Own(self.object.split()));
            self.before.push(RecordPart::Shared(value.clone()));
        } else if is_embeddable {
            self.raw("json", text);
        } else {
            self.text("json_text", text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::MAX_DEPTH;

    #[test]
    fn a_plain_event_has_the_record_of_any_event() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let mut checker = Checker::new();
        for data in [
            "{\"a\":[1]}",
            "",
            "no JSON \"é\"",
            "7",
            &nested(MAX_DEPTH),
            &nested(MAX_DEPTH + 1),
        ] {
            for name in [None, Some("response.created")] {
                let event = Event {
                    name: name.map(str::to_owned),
                    data: Body::from_text(data.to_owned()),
                    at_ms: Recorded::Yes(1.5),
                };
                let (mut expect, mut line) = ("before\n".to_owned(), "before\n".to_owned());
                Record::event(&event).push_line(7, &mut expect);
                let plain = PlainEvent {
                    name,
                    data,
                    length: 0,
                };
                let beginning = EventBeginning::new(7, 1.5);
                push_event(&beginning, plain, Some(&mut checker), &mut line);
                assert_eq!(line, expect);
                if checker.depth(data).is_ok() {
                    let mut known = "before\n".to_owned();
                    push_event(&beginning, plain, None, &mut known);
                    assert_eq!(known, expect);
                }
            }
        }
    }

    #[test]
    fn a_long_text_is_shared_and_stands_in_its_place() {
        let text = format!("{{\"k\":\"{}\"}}", "x".repeat(MIN_SHARED));
        let request = Request {
            method: "POST".to_owned(),
            target: "/".to_owned(),
            http_version: Recorded::NotRecorded,
            headers: Recorded::NotRecorded,
            body: Body::from_text(text.clone()),
            wire_body_bytes: Recorded::NotRecorded,
        };
        let record = || Record::request(&request, Recorded::Yes(3), Recorded::NotRecorded, None);
        let start = "{\"exchange\":12,\"type\":\"request\",\"connection\":3,\"method\":\"POST\",\"target\":\"/\"";
        let expect = format!("{start},\"body\":{{\"json\":{text}}}}}\n");
        let mut line = String::new();
        record().push_line(12, &mut line);
        assert_eq!(line, expect);
        let parts = record().redacted(&mut Redactor::new(), None).into_line(12);
        assert!(matches!(&parts[..], [_, RecordPart::Shared(_), _]));
        assert_eq!(
            parts.iter().map(RecordPart::as_str).collect::<String>(),
            expect
        );
    }
}
