//! Recorded traffic as plain data: what every importer makes and everything above reads.

use std::borrow::Cow;
use std::ops::Range;

use crate::http::HeaderList;
use crate::json::{Document, NotParsed, Value};

use super::{CaptureProblem, FilePlace};

/// A fact that the recording program may or may not have written down.
///
/// What is [`NotRecorded`](Recorded::NotRecorded) or [`Lost`](Recorded::Lost) is never compared and never reported as a
/// difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recorded<T> {
    /// The format says so.
    Yes(T),
    /// The format has no place for it, or the writer left it out.
    #[default]
    NotRecorded,
    /// The format says so, but the file is damaged or breaks off before. Of [`Response::end`] it tells that more of the
    /// response may have been there.
    Lost,
}

impl<T> Recorded<T> {
    /// The fact, if it was recorded.
    pub fn as_option(&self) -> Option<&T> {
        match self {
            Recorded::Yes(fact) => Some(fact),
            Recorded::NotRecorded | Recorded::Lost => None,
        }
    }
}

impl<T> From<Option<T>> for Recorded<T> {
    fn from(fact: Option<T>) -> Self {
        fact.map_or(Recorded::NotRecorded, Recorded::Yes)
    }
}

/// Which program's format a capture was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CaptureKind {
    /// Our own `trace-diff/capture`.
    Capture,
    /// `raw-exchange/1`.
    RawExchange,
    /// A directory of `NNN_METHOD_path.json` files, as pycodex's test server writes.
    PycodexCapture,
    /// A dump directory of `codex responses-api-proxy --dump-dir`.
    ResponsesApiProxy,
    /// HAR 1.2.
    Har,
    /// A mitmproxy flow file.
    Mitmproxy,
    /// A rollout-trace bundle (`CODEX_ROLLOUT_TRACE_ROOT`).
    TraceBundle,
    /// One bare JSON request body.
    RequestBody,
}

impl CaptureKind {
    /// The name used in reports: `capture`, `raw-exchange`, `pycodex-capture`, `responses-api-proxy`, `har`,
    /// `mitmproxy`, `trace-bundle`, `request-body`.
    pub fn name(self) -> &'static str {
        match self {
            CaptureKind::Capture => "capture",
            CaptureKind::RawExchange => "raw-exchange",
            CaptureKind::PycodexCapture => "pycodex-capture",
            CaptureKind::ResponsesApiProxy => "responses-api-proxy",
            CaptureKind::Har => "har",
            CaptureKind::Mitmproxy => "mitmproxy",
            CaptureKind::TraceBundle => "trace-bundle",
            CaptureKind::RequestBody => "request-body",
        }
    }
}

/// Saved traffic, whole.
#[derive(Debug, Clone)]
pub struct Capture {
    /// Path as the user gave it, or `-`.
    pub path: String,
    /// The format it was read from.
    pub kind: CaptureKind,
    /// One per HTTP request or WebSocket connection, in order of arrival.
    pub exchanges: Vec<Exchange>,
    /// What could not be read, with positions.
    pub problems: Vec<CaptureProblem>,
}

/// One HTTP request with its response, or one WebSocket connection (then the response holds frames).
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Number of the TCP connection, as the recorder counted.
    pub connection: Recorded<u64>,
    /// When the request began, in milliseconds on the recorder's own clock.
    pub started_ms: Recorded<f64>,
    /// What the agent sent.
    pub request: Request,
    /// What came back.
    pub response: Response,
    /// The members of the source record that have no place in this model, as one JSON object; kept, shown, not compared.
    pub extra: Option<Value>,
    /// Where it was read from.
    pub place: Option<FilePlace>,
}

/// What the agent sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// `POST`, `GET`, …
    pub method: String,
    /// Path with query as sent, without scheme and authority: `/v1/responses`.
    pub target: String,
    /// `HTTP/1.1`, …
    pub http_version: Recorded<String>,
    /// Header fields.
    pub headers: Recorded<Headers>,
    /// The body after content codings were undone.
    pub body: Body,
    /// Length in bytes on the wire, before content codings were undone.
    pub wire_body_bytes: Recorded<u64>,
}

/// Header fields with what the recording format says about their form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// The fields.
    pub list: HeaderList,
    /// Whether the order of fields is the order on the wire.
    pub has_order: bool,
    /// Whether the letter case of names is the one on the wire.
    pub has_case: bool,
    /// Whether repeated fields were kept apart.
    pub has_repeats: bool,
}

impl Headers {
    /// Header fields of a format that keeps order, case and repeats.
    pub fn exact(list: HeaderList) -> Self {
        Self {
            list,
            has_order: true,
            has_case: true,
            has_repeats: true,
        }
    }
}

/// A body of a request, of a response that is not a stream, or the content of a frame.
#[derive(Debug, Clone)]
pub enum Body {
    /// The format did not keep it.
    NotRecorded,
    /// No bytes.
    Empty,
    /// JSON.
    Json(JsonBody),
    /// UTF-8 text that is not one JSON value.
    Text(String),
    /// Anything else.
    Bytes(Vec<u8>),
}

impl Body {
    /// Takes decoded bytes as what they are: nothing, JSON, text or bytes. Their exact form is kept.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::from_text(text),
            Err(error) => Body::Bytes(error.into_bytes()),
        }
    }

    /// As [`Body::from_bytes`], for a body that may begin and end as the JSON text `before` does; gives for JSON the part that
    /// may be new, as [`Document::parse_after`] does.
    pub fn from_bytes_after(bytes: &[u8], before: Value) -> (Self, Option<Range<usize>>) {
        if bytes.is_empty() {
            return (Body::Empty, None);
        }
        match Document::parse_after(bytes, before.into_document()) {
            Ok((document, new)) => (Self::from_value(document.value()), Some(new)),
            Err(NotParsed::NoJson(_, text)) => (Body::Text(text), None),
            Err(NotParsed::NoText) => (Body::Bytes(bytes.to_vec()), None),
        }
    }

    /// Takes decoded text as what it is: nothing, JSON or text. Its exact form is kept.
    pub fn from_text(text: String) -> Self {
        if text.is_empty() {
            return Body::Empty;
        }
        match Document::parse_owned(text) {
            Ok(document) => Body::Json(JsonBody {
                value: document.value(),
                is_exact: true,
            }),
            Err((_, text)) => Body::Text(text),
        }
    }

    /// Takes a JSON value whose text is the exact one.
    pub fn from_value(value: Value) -> Self {
        Body::Json(JsonBody {
            value,
            is_exact: true,
        })
    }

    /// The JSON value, if it is JSON.
    pub fn json(&self) -> Option<&Value> {
        match self {
            Body::Json(body) => Some(&body.value),
            _ => None,
        }
    }
}

/// A JSON body with what the format kept of its form.
#[derive(Debug, Clone)]
pub struct JsonBody {
    /// The value; its text is the recorded one.
    pub value: Value,
    /// Whether number texts, escapes and key order are as they were on the wire. False where the recorder stored the
    /// parsed value again in its own way.
    pub is_exact: bool,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status; `Yes(None)` when the connection ended before a status line.
    pub status: Recorded<Option<u16>>,
    /// Header fields.
    pub headers: Recorded<Headers>,
    /// When the head was sent, in milliseconds on the recorder's clock.
    pub headers_ms: Recorded<f64>,
    /// What followed the head.
    pub content: Content,
    /// How it ended.
    pub end: Recorded<End>,
    /// When it ended, in milliseconds on the recorder's clock.
    pub ended_ms: Recorded<f64>,
}

impl Response {
    /// A response of which a format kept nothing, or nothing yet.
    pub(crate) fn not_recorded() -> Self {
        Self {
            status: Recorded::NotRecorded,
            headers: Recorded::NotRecorded,
            headers_ms: Recorded::NotRecorded,
            content: Content::NotRecorded,
            end: Recorded::NotRecorded,
            ended_ms: Recorded::NotRecorded,
        }
    }
}

/// What follows a response head.
#[derive(Debug, Clone)]
pub enum Content {
    /// The format did not keep it.
    NotRecorded,
    /// A whole body.
    Body(Body),
    /// Server-sent events.
    Events(EventStream),
    /// Only the items that the response delivered are known (trace bundles): the digest as recorded.
    Digest(Value),
    /// WebSocket messages of both directions. Where [`Response::end`] is not recorded, the closing handshake is not
    /// among them.
    Frames(Vec<Frame>),
}

/// Server-sent events in order.
#[derive(Debug, Clone, Default)]
pub struct EventStream {
    /// The events, first sent first.
    pub events: Vec<Event>,
    /// Bytes after the last complete event.
    pub partial_tail: Option<String>,
    /// The stream text where it is not what a plain writer (`event:` line, `data:` line, blank line) would make of the
    /// events: comments, `id:`, `retry:`, CRLF, data over several lines.
    pub raw: Option<String>,
}

/// One server-sent event.
#[derive(Debug, Clone)]
pub struct Event {
    /// The `event:` field; `None` when the event had none.
    pub name: Option<String>,
    /// The `data:` field. JSON or text; empty when there was none.
    pub data: Body,
    /// When its last byte was sent or seen, in milliseconds on the recorder's clock.
    pub at_ms: Recorded<f64>,
}

impl Event {
    /// What the event is to the API: `type` of its JSON data, else the `event:` field, else `message`.
    pub fn kind(&self) -> Cow<'_, str> {
        let data = self.data.json();
        let typed = data.and_then(|data| data.node().get_string("type"));
        typed.unwrap_or_else(|| Cow::Borrowed(self.name.as_deref().unwrap_or("message")))
    }
}

/// Who sent a WebSocket message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The agent.
    ClientToServer,
    /// The API.
    ServerToClient,
}

/// What a WebSocket message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameKind {
    /// Text.
    Text,
    /// Binary.
    Binary,
    /// Ping.
    Ping,
    /// Pong.
    Pong,
    /// Close, with its code and reason if it had any.
    Close {
        /// RFC 6455 status code.
        code: Option<u16>,
        /// UTF-8 reason.
        reason: String,
    },
}

/// One WebSocket message, reassembled and unmasked.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Who sent it.
    pub direction: Direction,
    /// What it is.
    pub kind: FrameKind,
    /// Its content; for a close frame empty.
    pub data: Body,
    /// The request that the message stands for, with the whole input, where it continues a response of this connection
    /// (`previous_response_id`) and the recorder knew it. Shown, not compared.
    pub expanded: Body,
    /// When it was seen, in milliseconds on the recorder's clock.
    pub at_ms: Recorded<f64>,
}

/// How a response ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// Length reached, final chunk sent, or WebSocket closing handshake done.
    Complete,
    /// Connection closed by the server before the end.
    Closed,
    /// Connection reset by the server.
    Reset,
    /// Nothing more was sent; the agent gave up.
    Stall,
    /// The agent closed first.
    PeerClosed,
    /// The recorder stopped.
    ServerStopped,
}

impl End {
    /// The word in captures and reports: `complete`, `closed`, `reset`, `stall`, `peer_closed`, `server_stopped`.
    pub fn name(self) -> &'static str {
        match self {
            End::Complete => "complete",
            End::Closed => "closed",
            End::Reset => "reset",
            End::Stall => "stall",
            End::PeerClosed => "peer_closed",
            End::ServerStopped => "server_stopped",
        }
    }

    /// The end with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            End::Complete,
            End::Closed,
            End::Reset,
            End::Stall,
            End::PeerClosed,
            End::ServerStopped,
        ]
        .into_iter()
        .find(|end| end.name() == name)
    }
}
