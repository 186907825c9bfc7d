//! Writes our own capture format: one record per fact, appended as it becomes known.

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::json::{Node, Value};

use super::object::ObjectText;
use super::redact::Redactor;
use super::shape::{CAPTURE_VERSION, LOST_END};
use super::{
    Body, Capture, CaptureProblem, Content, Direction, End, Event, EventStream, Exchange, Frame,
    FrameKind, Headers, JsonBody, Recorded, Request,
};

/// Deepest nesting of a JSON text that stands in a record as JSON; records add some levels of their own, and a reader
/// refuses more than [`MAX_DEPTH`](crate::json::MAX_DEPTH).
const MAX_EMBEDDED_DEPTH: usize = 480;

/// Number of an exchange in the file being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExchangeId(u64);

/// What a response head says.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The status; `Yes(None)` when the connection ended before a status line.
    pub status: Recorded<Option<u16>>,
    /// Header fields.
    pub headers: Recorded<&'a Headers>,
    /// When it was sent, in milliseconds on the recorder's clock.
    pub at_ms: Recorded<f64>,
    /// What follows it.
    pub content: ContentKind,
}

/// What follows a response head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentKind {
    /// It is not kept.
    NotRecorded,
    /// A whole body.
    Body,
    /// Server-sent events.
    Events,
    /// WebSocket messages.
    Frames,
    /// A digest of what was delivered.
    Digest,
}

impl ContentKind {
    /// The word in captures; `None` where nothing is said.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            ContentKind::NotRecorded => None,
            ContentKind::Body => Some("body"),
            ContentKind::Events => Some("events"),
            ContentKind::Frames => Some("frames"),
            ContentKind::Digest => Some("digest"),
        }
    }
}

/// Writes records of the format `trace-diff/capture` (see `docs/capture.md`).
///
/// Every record goes out in one `write_all`, its line end included, so that a crash costs at most the record that is
/// being written. Exchanges may be interleaved.
#[derive(Debug)]
pub struct CaptureWriter<W> {
    out: W,
    next: u64,
    redactor: Option<Redactor>,
}

impl<W: Write> CaptureWriter<W> {
    /// Writes the header record. `source` says where the traffic comes from, such as `serve`, `record` or the name of an
    /// imported format; with a redactor, secrets are replaced before anything is written.
    ///
    /// # Errors
    ///
    /// What `out` reports, as in all other methods.
    pub fn new(out: W, source: &str, redactor: Option<Redactor>) -> io::Result<Self> {
        let mut writer = Self {
            out,
            next: 0,
            redactor,
        };
        let mut record = Record::start("format", "trace-diff/capture");
        record.raw("version", &CAPTURE_VERSION.to_string());
        record.text("type", "capture");
        record.text("source", source);
        if writer.redactor.is_some() {
            record.raw("redacted", "true");
        }
        writer.write(record)?;
        Ok(writer)
    }

    /// Writes a request and opens its exchange.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn request(
        &mut self,
        request: &Request,
        connection: Recorded<u64>,
        at_ms: Recorded<f64>,
    ) -> io::Result<ExchangeId> {
        let id = ExchangeId(self.next);
        self.next += 1;
        let mut record = Record::of("request", id);
        record.time(at_ms);
        if let Recorded::Yes(connection) = connection {
            record.raw("connection", &connection.to_string());
        }
        record.text("method", &request.method);
        record.text("target", &request.target);
        if let Recorded::Yes(version) = &request.http_version {
            record.text("http_version", version);
        }
        record.headers(request.headers.as_option(), self.redactor.as_mut());
        if let Recorded::Yes(length) = request.wire_body_bytes {
            record.raw("wire_body_bytes", &length.to_string());
        }
        record.body("body", &request.body);
        self.write(record)?;
        Ok(id)
    }

    /// Writes a response head.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn head(&mut self, id: ExchangeId, head: &Head<'_>) -> io::Result<()> {
        let mut record = Record::of("head", id);
        record.time(head.at_ms);
        match head.status {
            Recorded::Yes(Some(status)) => record.raw("status", &status.to_string()),
            Recorded::Yes(None) => record.raw("status", "null"),
            Recorded::NotRecorded | Recorded::Lost => {}
        }
        record.headers(head.headers.as_option().copied(), self.redactor.as_mut());
        if let Some(name) = head.content.name() {
            record.text("content", name);
        }
        self.write(record)
    }

    /// Writes a server-sent event.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn event(&mut self, id: ExchangeId, event: &Event) -> io::Result<()> {
        let mut record = Record::of("event", id);
        record.time(event.at_ms);
        if let Some(name) = &event.name {
            record.text("name", name);
        }
        record.body("data", &event.data);
        self.write(record)
    }

    /// Writes a further piece of the stream text as sent; needed where it is not what a plain writer makes of the events.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn raw(&mut self, id: ExchangeId, text: &str) -> io::Result<()> {
        let mut record = Record::of("raw", id);
        record.text("text", text);
        self.write(record)
    }

    /// Writes the bytes behind the last complete event.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn tail(&mut self, id: ExchangeId, text: &str) -> io::Result<()> {
        let mut record = Record::of("tail", id);
        record.text("text", text);
        self.write(record)
    }

    /// Writes a WebSocket message.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn frame(&mut self, id: ExchangeId, frame: &Frame) -> io::Result<()> {
        let mut record = Record::of("frame", id);
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
        record.body("data", &frame.data);
        record.body("expanded", &frame.expanded);
        self.write(record)
    }

    /// Writes the body of a response that is not a stream.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn body(&mut self, id: ExchangeId, body: &Body) -> io::Result<()> {
        let mut record = Record::of("body", id);
        record.body("body", body);
        self.write(record)
    }

    /// Writes how a response ended and closes its exchange.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn end(
        &mut self,
        id: ExchangeId,
        end: Recorded<End>,
        at_ms: Recorded<f64>,
        extra: Option<&Value>,
    ) -> io::Result<()> {
        let mut record = Record::of("end", id);
        record.time(at_ms);
        match end {
            Recorded::Yes(end) => record.text("how", end.name()),
            Recorded::Lost => record.text("how", LOST_END),
            Recorded::NotRecorded => {}
        }
        if let Some(extra) = extra {
            record.json("extra", extra);
        }
        self.write(record)
    }

    /// Writes a whole exchange.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        let response = &exchange.response;
        let id = self.request(&exchange.request, exchange.connection, exchange.started_ms)?;
        let content = match &response.content {
            Content::NotRecorded => ContentKind::NotRecorded,
            Content::Body(_) => ContentKind::Body,
            Content::Events(_) => ContentKind::Events,
            Content::Digest(_) => ContentKind::Digest,
            Content::Frames(_) => ContentKind::Frames,
        };
        self.head(
            id,
            &Head {
                status: response.status,
                headers: response.headers.as_option().into(),
                at_ms: response.headers_ms,
                content,
            },
        )?;
        match &response.content {
            Content::NotRecorded => {}
            Content::Body(body) => self.body(id, body)?,
            Content::Events(stream) => self.stream(id, stream)?,
            Content::Digest(digest) => {
                let mut record = Record::of("digest", id);
                record.json("digest", digest);
                self.write(record)?;
            }
            Content::Frames(frames) => {
                for frame in frames {
                    self.frame(id, frame)?;
                }
            }
        }
        self.end(id, response.end, response.ended_ms, exchange.extra.as_ref())
    }

    fn stream(&mut self, id: ExchangeId, stream: &EventStream) -> io::Result<()> {
        for event in &stream.events {
            self.event(id, event)?;
        }
        if let Some(raw) = &stream.raw {
            self.raw(id, raw)?;
        }
        match &stream.partial_tail {
            Some(tail) => self.tail(id, tail),
            None => Ok(()),
        }
    }

    /// Writes a capture whole: its exchanges one after the other, then what could not be read of it.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn capture(&mut self, capture: &Capture) -> io::Result<()> {
        for exchange in &capture.exchanges {
            self.exchange(exchange)?;
        }
        for problem in &capture.problems {
            self.problem(problem)?;
        }
        Ok(())
    }

    fn problem(&mut self, problem: &CaptureProblem) -> io::Result<()> {
        let mut record = Record::start("problem", &problem.kind);
        record.text("type", "problem");
        record.text("path", &problem.path);
        record.raw("start", &problem.span.start.to_string());
        record.raw("end", &problem.span.end.to_string());
        record.text("message", &problem.message);
        self.write(record)
    }

    fn write(&mut self, record: Record) -> io::Result<()> {
        let mut text = record.object.finish();
        if let Some(redactor) = &mut self.redactor {
            text = redactor.text(text);
        }
        text.push('\n');
        self.out.write_all(text.as_bytes())
    }

    /// The output, between two records.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Gives the output back.
    pub fn into_inner(self) -> W {
        self.out
    }
}

/// A record being put together.
///
/// Its first key is one that no body of the API begins with, so that a reader never takes the inner part of a torn record
/// for a record.
struct Record {
    object: ObjectText,
}

impl Record {
    fn start(key: &str, value: &str) -> Self {
        let mut object = ObjectText::new();
        object.string(key, value);
        Self { object }
    }

    fn of(kind: &str, id: ExchangeId) -> Self {
        let mut object = ObjectText::new();
        object.raw("exchange", &id.0.to_string());
        object.string("type", kind);
        Self { object }
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

    fn body(&mut self, key: &str, body: &Body) {
        let mut form = ObjectText::new();
        match body {
            Body::NotRecorded => return,
            Body::Empty => form.string("text", ""),
            Body::Text(text) => form.string("text", text),
            Body::Bytes(bytes) => form.string("base64", &BASE64_STANDARD.encode(bytes)),
            Body::Json(JsonBody { value, is_exact }) => {
                push_json(&mut form, value);
                if !is_exact {
                    form.raw("exact", "false");
                }
            }
        }
        self.object.raw(key, &form.finish());
    }

    fn json(&mut self, key: &str, value: &Value) {
        let mut form = ObjectText::new();
        push_json(&mut form, value);
        self.object.raw(key, &form.finish());
    }
}

/// JSON stands in the record as it is, so that its text stays exact; what would break the record's line or a reader's
/// limit of nesting stands as a string.
fn push_json(form: &mut ObjectText, value: &Value) {
    let text = value.text();
    let has_line_end = memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_some();
    let is_embeddable = !has_line_end && depth(value.node()) <= MAX_EMBEDDED_DEPTH;
    if is_embeddable {
        form.raw("json", text);
    } else {
        form.string("json_text", text);
    }
}

fn depth(node: Node<'_>) -> usize {
    let values = node.items().chain(node.members().map(|(_, value)| value));
    values.map(|value| depth(value) + 1).max().unwrap_or(0)
}
