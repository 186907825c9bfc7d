//! The text of one record of our own capture format.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::json::{Node, Value};

use super::object::ObjectText;
use super::redact::Redactor;
use super::shape::LOST_END;
use super::writer::Head;
use super::{Body, Direction, End, Event, Frame, FrameKind, Headers, JsonBody, Recorded, Request};

/// Deepest nesting of a JSON text that stands in a record as JSON; records add some levels of their own, and a reader
/// refuses more than [`MAX_DEPTH`](crate::json::MAX_DEPTH).
const MAX_EMBEDDED_DEPTH: usize = 480;

/// A record of an exchange, put together before it is known which number the exchange has in the file.
///
/// What is secret in header fields is replaced when the record is made, what is secret elsewhere by
/// [`Redactor::text`] over the text of one or more records.
#[derive(Debug)]
pub struct Record {
    /// The members behind the number.
    object: ObjectText,
}

impl Record {
    fn of(kind: &str) -> Self {
        let mut object = ObjectText::new();
        object.string("type", kind);
        Self { object }
    }

    /// A request, which opens its exchange.
    pub fn request(
        request: &Request,
        connection: Recorded<u64>,
        at_ms: Recorded<f64>,
        redactor: Option<&mut Redactor>,
    ) -> Self {
        let mut record = Self::of("request");
        if let Body::Json(body) = &request.body {
            record.object.reserve(body.value.text().len() + 1024);
        }
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
        if let Body::Json(data) = &event.data {
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

    /// The record with secrets in its texts replaced.
    #[must_use]
    pub fn redacted(self, redactor: &mut Redactor) -> Self {
        let text = redactor.text(self.object.finish());
        Self {
            object: ObjectText::continued(text),
        }
    }

    /// Appends the record of the exchange with this number, its line end included.
    ///
    /// The number is the first member, one that no body of the API begins with, so that a reader never takes the inner part
    /// of a torn record for a record.
    pub fn push_line(self, exchange: u64, out: &mut String) {
        let members = self.object.finish();
        out.push_str("{\"exchange\":");
        out.push_str(&exchange.to_string());
        out.push(',');
        out.push_str(&members[1..]);
        out.push('\n');
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
        let has_line_end = memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_some();
        let is_embeddable = !has_line_end && depth(value.node()) <= MAX_EMBEDDED_DEPTH;
        if is_embeddable {
            self.raw("json", text);
        } else {
            self.text("json_text", text);
        }
    }
}

fn depth(node: Node<'_>) -> usize {
    let values = node.items().chain(node.members().map(|(_, value)| value));
    values.map(|value| depth(value) + 1).max().unwrap_or(0)
}
