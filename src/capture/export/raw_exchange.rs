//! `raw-exchange/1`: one JSON object per HTTP request or WebSocket connection.

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::json::{Kind, Node, Value, string_length};

use super::super::object::{ObjectText, array, push_quoted};
use super::super::{
    Body, Capture, Content, Direction, Event, EventStream, Exchange, Frame, FrameKind, Headers,
    JsonBody, Recorded,
};

/// Writes a capture as `raw-exchange/1`, one record per exchange.
///
/// The format has no place for problems, for the marks that say what of header lists was not recorded, and for digests.
///
/// # Errors
///
/// What `out` reports.
pub fn render_raw_exchange(capture: &Capture, out: &mut impl Write) -> io::Result<()> {
    for (index, exchange) in capture.exchanges.iter().enumerate() {
        let mut record = render_exchange(exchange, index);
        record.push('\n');
        out.write_all(record.as_bytes())?;
    }
    Ok(())
}

fn render_exchange(exchange: &Exchange, index: usize) -> String {
    let extra = exchange.extra.as_ref().map(Value::node);
    let part = |key: &str| {
        extra
            .and_then(|extra| extra.get(key))
            .filter(|part| part.kind() == Kind::Object)
    };
    let request = &exchange.request;
    let is_websocket = matches!(exchange.response.content, Content::Frames(_));
    let mut record = ObjectText::new();
    record.string("format", "raw-exchange/1");
    if extra.is_none_or(|extra| extra.get("seq").is_none()) {
        record.raw("seq", &(index + 1).to_string());
    }
    if let Recorded::Yes(connection) = exchange.connection {
        record.raw("conn", &connection.to_string());
    }
    record.string("transport", if is_websocket { "ws" } else { "http" });
    record.number("started_ms", exchange.started_ms.as_option().copied());
    record.string("method", &request.method);
    record.string("path", &request.target);
    if let Recorded::Yes(version) = &request.http_version {
        record.string("http_version", version);
    }
    add_members(&mut record, extra, &["request", "response", "frames"]);
    record.raw("request", &render_request(exchange, part("request")));
    if has_response(exchange) {
        let response = render_response(exchange, part("response"), part("frames"));
        record.raw("response", &response);
    }
    record.finish()
}

fn has_response(exchange: &Exchange) -> bool {
    let response = &exchange.response;
    !matches!(response.content, Content::NotRecorded)
        || response.status.as_option().is_some()
        || response.headers.as_option().is_some()
        || response.end.as_option().is_some()
}

/// Puts members that an importer had no place for back where they came from.
fn add_members(object: &mut ObjectText, extra: Option<Node<'_>>, except: &[&str]) {
    let Some(extra) = extra else { return };
    for (key, value) in extra.members() {
        if !except.iter().any(|name| key.is_key(name)) {
            let key = key.text();
            object.raw(&key[1..key.len() - 1], &compact(value.text()));
        }
    }
}

fn render_request(exchange: &Exchange, extra: Option<Node<'_>>) -> String {
    let request = &exchange.request;
    let mut object = ObjectText::new();
    add_headers(&mut object, request.headers.as_option());
    if let Recorded::Yes(length) = request.wire_body_bytes {
        object.raw("wire_body_bytes", &length.to_string());
    }
    add_members(&mut object, extra, &["body_kind"]);
    let known_kind = extra.and_then(|extra| extra.get_string("body_kind"));
    match &request.body {
        Body::NotRecorded => {}
        Body::Empty => {
            object.string("body_kind", "empty");
            object.raw("body", "null");
        }
        Body::Text(text) => {
            object.string("body_kind", "text");
            object.string("body", text);
        }
        Body::Bytes(bytes) => {
            object.string("body_kind", "base64");
            object.string("body", &BASE64_STANDARD.encode(bytes));
        }
        Body::Json(body) => add_json_body(&mut object, body, known_kind.as_deref()),
    }
    object.finish()
}

fn add_json_body(object: &mut ObjectText, body: &JsonBody, known_kind: Option<&str>) {
    let text = body.value.text();
    let compacted = compact(text);
    match known_kind {
        Some(kind @ ("json-compact" | "json-python" | "json-python-utf8")) if body.is_exact => {
            object.string("body_kind", kind);
        }
        _ if body.is_exact && compacted.len() == text.len() => {
            object.string("body_kind", "json-compact");
        }
        // Without its text, a body of this kind is known to be stored again in another form.
        _ => {
            object.string("body_kind", "json-other");
            if body.is_exact {
                object.string("body_text", text);
            }
        }
    }
    object.raw("body", &compacted);
}

fn render_response(
    exchange: &Exchange,
    extra: Option<Node<'_>>,
    frames_extra: Option<Node<'_>>,
) -> String {
    let response = &exchange.response;
    let mut object = ObjectText::new();
    match response.status {
        Recorded::Yes(Some(status)) => object.raw("status", &status.to_string()),
        Recorded::Yes(None) => object.raw("status", "null"),
        Recorded::NotRecorded | Recorded::Lost => {}
    }
    add_headers(&mut object, response.headers.as_option());
    object.number("headers_ms", response.headers_ms.as_option().copied());
    match &response.content {
        Content::NotRecorded => {}
        Content::Digest(digest) => object.raw("digest", &compact(digest.text())),
        Content::Body(body) => add_response_body(&mut object, body),
        Content::Events(stream) => add_stream(&mut object, stream),
        Content::Frames(frames) => {
            let frames = frames.iter().enumerate().map(|(index, frame)| {
                let extra = frames_extra.and_then(|extra| extra.get(&index.to_string()));
                render_frame(frame, extra)
            });
            object.raw("frames", &array(frames));
        }
    }
    add_members(&mut object, extra, &[]);
    if let Recorded::Yes(end) = response.end {
        object.string("ended", end.name());
    }
    object.number("ended_ms", response.ended_ms.as_option().copied());
    object.finish()
}

fn add_response_body(object: &mut ObjectText, body: &Body) {
    match body {
        Body::NotRecorded | Body::Empty => {}
        Body::Bytes(bytes) => {
            object.string("body_kind", "base64");
            object.string("body", &BASE64_STANDARD.encode(bytes));
        }
        Body::Text(_) | Body::Json(_) => {
            if let Some(json) = json_or_text(body) {
                object.raw("body", &json);
            }
        }
    }
}

fn add_stream(object: &mut ObjectText, stream: &EventStream) {
    match &stream.raw {
        // It holds everything: events and what stands behind them.
        Some(raw) => object.string("raw_stream", raw),
        None => {
            object.raw("events", &array(stream.events.iter().map(render_event)));
            if let Some(tail) = &stream.partial_tail {
                object.string("partial_tail", tail);
            }
        }
    }
}

fn render_event(event: &Event) -> String {
    let mut object = ObjectText::new();
    object.number("at_ms", event.at_ms.as_option().copied());
    if let Some(name) = &event.name {
        object.string("event", name);
    }
    if let Some(data) = json_or_text(&event.data) {
        object.raw("data", &data);
    }
    object.finish()
}

fn render_frame(frame: &Frame, extra: Option<Node<'_>>) -> String {
    let mut object = ObjectText::new();
    object.string(
        "dir",
        match frame.direction {
            Direction::ClientToServer => "c2s",
            Direction::ServerToClient => "s2c",
        },
    );
    object.number("at_ms", frame.at_ms.as_option().copied());
    let opcode = match &frame.kind {
        FrameKind::Text => "text",
        FrameKind::Binary => "binary",
        FrameKind::Ping => "ping",
        FrameKind::Pong => "pong",
        FrameKind::Close { .. } => "close",
    };
    object.string("opcode", opcode);
    if let FrameKind::Close { code, reason } = &frame.kind {
        if let Some(code) = code {
            object.raw("code", &code.to_string());
        }
        object.string("reason", reason);
    }
    match &frame.data {
        Body::NotRecorded | Body::Empty => {}
        Body::Bytes(bytes) => {
            object.string("data_kind", "base64");
            object.string("data", &BASE64_STANDARD.encode(bytes));
        }
        body => {
            if let Some(json) = json_or_text(body) {
                object.raw("data", &json);
            }
        }
    }
    add_members(&mut object, extra, &[]);
    object.finish()
}

fn add_headers(object: &mut ObjectText, headers: Option<&Headers>) {
    let Some(headers) = headers else { return };
    let fields = headers.list.iter().map(|header| {
        let mut field = "[".to_owned();
        push_quoted(&mut field, &header.name);
        field.push(',');
        push_quoted(&mut field, &header.value);
        field.push(']');
        field
    });
    object.raw("headers", &array(fields));
}

/// JSON as JSON if the format then means its exact text, anything else as a string.
fn json_or_text(body: &Body) -> Option<String> {
    let mut quoted = String::new();
    match body {
        Body::NotRecorded | Body::Empty => return None,
        Body::Text(text) => push_quoted(&mut quoted, text),
        Body::Bytes(bytes) => push_quoted(&mut quoted, &String::from_utf8_lossy(bytes)),
        Body::Json(JsonBody { value, .. }) => {
            let text = value.text();
            let means_itself = !matches!(value.node().kind(), Kind::String | Kind::Null);
            if means_itself && compact(text).len() == text.len() {
                return Some(text.to_owned());
            }
            push_quoted(&mut quoted, text);
        }
    }
    Some(quoted)
}

/// A JSON text without the white space between its parts.
fn compact(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'"' {
            let end = string_length(&bytes[at..]).map_or(bytes.len(), |length| at + length);
            out.push_str(&text[at..end]);
            at = end;
        } else {
            let length = bytes[at..].iter().take_while(|b| **b != b'"').count();
            out.extend(text[at..at + length].split_ascii_whitespace());
            at += length;
        }
    }
    out
}
