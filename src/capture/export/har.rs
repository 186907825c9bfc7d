//! HAR 1.2.

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::http::{SseEvent, render_sse};

use super::super::object::{ObjectText, array};
use super::super::{
    Body, Capture, Content, Direction, End, EventStream, Exchange, Frame, FrameKind, Headers,
    Recorded,
};

/// Writes a capture as HAR 1.2, with WebSocket messages as browsers and mitmproxy write them.
///
/// The format has no place for the times of events, for the form of JSON bodies that were stored again, for codes of
/// close frames and for what was not recorded of a response; times of requests count from 1970.
///
/// # Errors
///
/// What `out` reports.
pub fn render_har(capture: &Capture, out: &mut impl Write) -> io::Result<()> {
    let creator = concat!(
        r#"{"name":"trace-diff","version":""#,
        env!("CARGO_PKG_VERSION"),
        r#""}"#
    );
    write!(
        out,
        r#"{{"log":{{"version":"1.2","creator":{creator},"entries":["#
    )?;
    for (index, exchange) in capture.exchanges.iter().enumerate() {
        let separator = if index == 0 { "\n" } else { ",\n" };
        write!(out, "{separator}{}", entry(exchange)?)?;
    }
    out.write_all(b"\n]}}\n")
}

fn entry(exchange: &Exchange) -> io::Result<String> {
    let started = exchange.started_ms.as_option().copied();
    let ended = exchange.response.ended_ms.as_option().copied();
    let time = started
        .zip(ended)
        .map(|(started, ended)| (ended - started).max(0.0));
    let mut object = ObjectText::new();
    object.string("startedDateTime", &date(started.unwrap_or(0.0)));
    object.number("time", Some(time.unwrap_or(-1.0)));
    if let Recorded::Yes(connection) = exchange.connection {
        object.string("connection", &connection.to_string());
    }
    object.raw("request", &request(exchange));
    object.raw("response", &response(exchange)?);
    object.raw("cache", "{}");
    let mut timings = ObjectText::new();
    timings.raw("send", "0");
    timings.number("wait", Some(time.unwrap_or(-1.0)));
    timings.raw("receive", "0");
    object.raw("timings", &timings.finish());
    if let Content::Frames(frames) = &exchange.response.content {
        object.raw("_webSocketMessages", &array(frames.iter().map(message)));
    }
    let error = match exchange.response.end {
        Recorded::Yes(End::Closed) => "connection closed",
        Recorded::Yes(End::Reset) => "connection reset",
        Recorded::Yes(End::Stall) => "timeout",
        Recorded::Yes(End::PeerClosed) => "client closed",
        _ => return Ok(object.finish()),
    };
    object.string("_error", error);
    Ok(object.finish())
}

/// RFC 3339, to the microsecond.
fn date(ms: f64) -> String {
    let microseconds = (ms * 1000.0).round() as i64;
    jiff::Timestamp::from_microsecond(microseconds)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_string()
}

fn request(exchange: &Exchange) -> String {
    let request = &exchange.request;
    let list = request.headers.as_option().map(|headers| &headers.list);
    let host = list
        .and_then(|list| list.get("host"))
        .unwrap_or("localhost");
    let mut object = ObjectText::new();
    object.string("method", &request.method);
    object.string("url", &format!("http://{host}{}", request.target));
    object.string("httpVersion", version(exchange));
    object.raw("cookies", "[]");
    add_headers(&mut object, request.headers.as_option());
    object.raw("queryString", "[]");
    let size = match (&request.body, request.wire_body_bytes) {
        (_, Recorded::Yes(length)) => length.to_string(),
        (Body::Empty, _) => "0".to_owned(),
        _ => "-1".to_owned(),
    };
    object.raw("bodySize", &size);
    if !matches!(request.body, Body::NotRecorded | Body::Empty) {
        let mut post = ObjectText::new();
        let media_type = list.and_then(|list| list.get("content-type"));
        post.string("mimeType", media_type.unwrap_or("application/json"));
        add_body(&mut post, &request.body);
        object.raw("postData", &post.finish());
    }
    object.finish()
}

fn version(exchange: &Exchange) -> &str {
    let version = exchange.request.http_version.as_option();
    version.map_or("unknown", String::as_str)
}

fn response(exchange: &Exchange) -> io::Result<String> {
    let response = &exchange.response;
    let list = response.headers.as_option().map(|headers| &headers.list);
    let mut content = ObjectText::new();
    let media_type = list.and_then(|list| list.get("content-type"));
    let is_stream = matches!(response.content, Content::Events(_));
    let fallback = if is_stream { "text/event-stream" } else { "" };
    content.string("mimeType", media_type.unwrap_or(fallback));
    let size = match &response.content {
        Content::Body(Body::NotRecorded) | Content::NotRecorded | Content::Digest(_) => -1,
        Content::Body(body) => add_body(&mut content, body),
        Content::Events(stream) => {
            let text = stream_text(stream)?;
            content.string("text", &text);
            text.len() as i64
        }
        Content::Frames(_) => 0,
    };
    content.raw("size", &size.to_string());
    let mut object = ObjectText::new();
    let status = response.status.as_option().copied().flatten();
    object.raw("status", &status.unwrap_or(0).to_string());
    object.string("statusText", "");
    object.string("httpVersion", version(exchange));
    object.raw("cookies", "[]");
    add_headers(&mut object, response.headers.as_option());
    object.raw("content", &content.finish());
    object.string("redirectURL", "");
    object.raw("bodySize", if size == 0 { "0" } else { "-1" });
    Ok(object.finish())
}

/// Adds `text`, and `encoding` where it is needed; gives the length of the body.
fn add_body(object: &mut ObjectText, body: &Body) -> i64 {
    match body {
        Body::NotRecorded | Body::Empty => 0,
        Body::Text(text) => {
            object.string("text", text);
            text.len() as i64
        }
        Body::Json(body) => {
            object.string("text", body.value.text());
            body.value.text().len() as i64
        }
        Body::Bytes(bytes) => {
            object.string("text", &BASE64_STANDARD.encode(bytes));
            object.string("encoding", "base64");
            bytes.len() as i64
        }
    }
}

fn stream_text(stream: &EventStream) -> io::Result<String> {
    if let Some(raw) = &stream.raw {
        return Ok(raw.clone());
    }
    let mut text = Vec::new();
    for event in &stream.events {
        let data = match &event.data {
            Body::NotRecorded | Body::Empty => None,
            Body::Text(text) => Some(text.clone()),
            Body::Json(body) => Some(body.value.text().to_owned()),
            Body::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        };
        let event = SseEvent {
            name: event.name.clone(),
            data,
            ..SseEvent::default()
        };
        render_sse(&event, &mut text)?;
    }
    let tail = stream.partial_tail.as_deref().unwrap_or("");
    Ok(String::from_utf8_lossy(&text).into_owned() + tail)
}

fn message(frame: &Frame) -> String {
    let mut object = ObjectText::new();
    object.string(
        "type",
        match frame.direction {
            Direction::ClientToServer => "send",
            Direction::ServerToClient => "receive",
        },
    );
    // Seconds, as browsers write them.
    object.number("time", frame.at_ms.as_option().map(|ms| ms / 1000.0));
    let (opcode, close_reason) = match &frame.kind {
        FrameKind::Text => (1, None),
        FrameKind::Binary => (2, None),
        FrameKind::Close { reason, .. } => (8, Some(reason)),
        FrameKind::Ping => (9, None),
        FrameKind::Pong => (10, None),
    };
    object.raw("opcode", &opcode.to_string());
    let data = match (&frame.data, close_reason) {
        (_, Some(reason)) => reason.clone(),
        (Body::NotRecorded | Body::Empty, _) => String::new(),
        (Body::Text(text), _) if opcode != 2 => text.clone(),
        (Body::Json(body), _) if opcode != 2 => body.value.text().to_owned(),
        (Body::Text(text), _) => BASE64_STANDARD.encode(text),
        (Body::Json(body), _) => BASE64_STANDARD.encode(body.value.text()),
        (Body::Bytes(bytes), _) => BASE64_STANDARD.encode(bytes),
    };
    object.string("data", &data);
    object.finish()
}

fn add_headers(object: &mut ObjectText, headers: Option<&Headers>) {
    let fields = headers.into_iter().flat_map(|headers| headers.list.iter());
    let fields = fields.map(|header| {
        let mut field = ObjectText::new();
        field.string("name", &header.name);
        field.string("value", &header.value);
        field.finish()
    });
    object.raw("headers", &array(fields));
    // -1 says that headers were not seen; the length of what was sent is not known either way.
    let is_empty_list = headers.is_some_and(|headers| headers.list.is_empty());
    object.raw("headersSize", if is_empty_list { "0" } else { "-1" });
}
