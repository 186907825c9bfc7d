//! One entry of a HAR as an exchange.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::http::{HeaderList, decode};
use crate::json::{Kind, Node, Value};

use super::super::{
    Body, CaptureProblem, Content, Direction, End, Exchange, Frame, FrameKind, Headers, Recorded,
    Request, Response,
};
use super::MAX_DECODED;
use super::leftovers::Leftovers;
use super::shared::{announced_length, content_of, end_of_error};

/// Reads entries; collects what is wrong with them.
pub(super) struct EntryReader<'a> {
    pub(super) path: &'a str,
    /// Where the entry stands in the file.
    pub(super) start: u64,
    /// Start of the first entry in milliseconds since 1970.
    pub(super) base_ms: &'a mut Option<f64>,
    pub(super) problems: &'a mut Vec<CaptureProblem>,
}

impl EntryReader<'_> {
    fn problem(&mut self, node: Node<'_>, message: &str) {
        let span = node.span();
        let span = self.start + span.start as u64..self.start + span.end as u64;
        let message = format!("{message} (entry at byte {})", self.start);
        self.problems.push(CaptureProblem {
            path: self.path.to_owned(),
            span,
            kind: "incomplete-exchange".to_owned(),
            message,
        });
    }

    /// The exchange; `None` (and a problem) without a request.
    pub(super) fn read(&mut self, entry: &Value) -> Option<Exchange> {
        let entry = entry.node();
        let sent = entry
            .get("request")
            .filter(|sent| sent.kind() == Kind::Object);
        let Some(sent) = sent else {
            self.problem(entry, "the entry has no request and is left out");
            return None;
        };
        let mut extra = Leftovers::default();
        extra.add_unknown(
            entry,
            &["time", "request", "response", "_webSocketMessages"],
        );
        let mut sent_extra = Leftovers::default();
        sent_extra.add_unknown(
            sent,
            &["method", "httpVersion", "headers", "bodySize", "postData"],
        );
        if let Some(post) = sent.get("postData") {
            let mut post_extra = Leftovers::default();
            post_extra.add_unknown(post, &["text", "encoding"]);
            sent_extra.add_nested("postData", post_extra);
        }
        extra.add_nested("request", sent_extra);

        let started = self.started(entry);
        let request = self.request(sent);
        let mut response = match entry
            .get("response")
            .filter(|received| received.kind() == Kind::Object)
        {
            Some(received) => self.response(received, &mut extra),
            None => {
                self.problem(entry, "the entry has no response");
                no_response()
            }
        };
        if let Some(messages) = entry.get("_webSocketMessages") {
            response.content = Content::Frames(self.frames(messages, &mut extra));
        } else if let (Some(started), Some(time)) =
            (started, entry.get("time").and_then(Node::number))
        {
            // Of a WebSocket, `time` is that of the handshake.
            response.ended_ms = Some(started + time).filter(|_| time >= 0.0).into();
        }
        if let Some(end) = entry
            .get_string("_error")
            .and_then(|error| end_of_error(&error))
        {
            response.end = Recorded::Yes(end);
        }
        Some(Exchange {
            connection: entry
                .get_string("connection")
                .and_then(|number| number.parse().ok())
                .into(),
            started_ms: started.into(),
            request,
            response,
            extra: extra.into_value(),
            place: None,
        })
    }

    /// Milliseconds since the first entry began.
    fn started(&mut self, entry: Node<'_>) -> Option<f64> {
        let text = entry.get("startedDateTime")?;
        let Some(time) = text
            .string()
            .and_then(|time| time.parse::<jiff::Timestamp>().ok())
        else {
            self.problem(text, "`startedDateTime` is no RFC 3339 time");
            return None;
        };
        let epoch_ms = time.as_microsecond() as f64 / 1000.0;
        Some(epoch_ms - *self.base_ms.get_or_insert(epoch_ms))
    }

    fn request(&mut self, sent: Node<'_>) -> Request {
        let (headers, pseudo) = self.headers(sent);
        let string = |key| {
            sent.get_string(key)
                .map(Cow::into_owned)
                .filter(|text| !text.is_empty())
        };
        let method = string("method").or_else(|| pseudo.get(":method").map(str::to_owned));
        let target = string("url")
            .map(|url| target_of(&url).into_owned())
            .or_else(|| pseudo.get(":path").map(str::to_owned));
        if method.is_none() || target.is_none() {
            self.problem(sent, "the request has no method or no URL");
        }
        let method = method.unwrap_or_default();
        let size = sent.get("bodySize").and_then(Node::unsigned);
        let body = self.request_body(sent, &method, size, headers.as_ref());
        Request {
            method,
            target: target.unwrap_or_default(),
            http_version: http_version(sent),
            headers: headers.into(),
            body,
            wire_body_bytes: size.into(),
        }
    }

    fn request_body(
        &mut self,
        sent: Node<'_>,
        method: &str,
        size: Option<u64>,
        headers: Option<&Headers>,
    ) -> Body {
        let post = sent.get("postData");
        if let Some(bytes) = post
            .and_then(|post| self.text(post))
            .filter(|bytes| !bytes.is_empty())
        {
            return Body::from_bytes(undo_coding(bytes, headers));
        }
        let has_parameters = post
            .and_then(|post| post.get("params"))
            .is_some_and(|list| !list.is_empty());
        let announced = headers.and_then(|headers| announced_length(&headers.list));
        let is_bodiless = matches!(method, "GET" | "HEAD" | "OPTIONS" | "DELETE" | "CONNECT");
        match size.or(announced) {
            _ if has_parameters => Body::NotRecorded,
            Some(0) => Body::Empty,
            None if is_bodiless => Body::Empty,
            _ => Body::NotRecorded,
        }
    }

    /// The bytes of a `text` member, which `encoding` may say to be base64.
    fn text(&mut self, holder: Node<'_>) -> Option<Vec<u8>> {
        let node = holder.get("text")?;
        let text = node.string()?;
        if holder.get_string("encoding").as_deref() != Some("base64") {
            return Some(text.into_owned().into_bytes());
        }
        let decoded = BASE64_STANDARD.decode(text.as_bytes());
        if let Err(error) = &decoded {
            self.problem(
                node,
                &format!("a body is not base64 ({error}) and counts as not recorded"),
            );
        }
        decoded.ok()
    }

    /// The header list without HTTP/2's pseudo headers, and those; no list where none was written down.
    fn headers(&mut self, holder: Node<'_>) -> (Option<Headers>, HeaderList) {
        let mut list = HeaderList::new();
        let mut pseudo = HeaderList::new();
        let Some(fields) = holder
            .get("headers")
            .filter(|fields| fields.kind() == Kind::Array)
        else {
            return (None, pseudo);
        };
        for field in fields.items() {
            match (field.get_string("name"), field.get_string("value")) {
                (Some(name), Some(value)) if name.starts_with(':') => pseudo.push(name, value),
                (Some(name), Some(value)) => list.push(name, value),
                _ => self.problem(field, "a header has no name or no value and is left out"),
            }
        }
        // Browsers leave the list empty and say -1 where they did not see the headers.
        let is_unknown =
            fields.is_empty() && holder.get("headersSize").and_then(Node::unsigned).is_none();
        ((!is_unknown).then(|| Headers::exact(list)), pseudo)
    }

    fn response(&mut self, received: Node<'_>, extra: &mut Leftovers) -> Response {
        let mut leftovers = Leftovers::default();
        leftovers.add_unknown(received, &["status", "httpVersion", "headers", "content"]);
        let content = received.get("content");
        if let Some(content) = content {
            let mut content_extra = Leftovers::default();
            content_extra.add_unknown(content, &["text", "encoding", "mimeType"]);
            leftovers.add_nested("content", content_extra);
        }
        extra.add_nested("response", leftovers);
        let end = received
            .get_string("_error")
            .and_then(|error| end_of_error(&error));
        let status = received
            .get("status")
            .and_then(Node::unsigned)
            .and_then(|status| u16::try_from(status).ok());
        if status == Some(0) {
            return Response {
                status: Recorded::Yes(None),
                content: Content::Body(Body::Empty),
                end: end.into(),
                ..no_response()
            };
        }
        let (headers, pseudo) = self.headers(received);
        let status = status.or_else(|| pseudo.get(":status")?.parse().ok());
        if status.is_none() {
            self.problem(received, "the response has no status");
        }
        Response {
            status: status.map(Some).into(),
            content: self.content(received, content, status, headers.as_ref()),
            headers: headers.into(),
            end: end.into(),
            ..no_response()
        }
    }

    fn content(
        &mut self,
        received: Node<'_>,
        content: Option<Node<'_>>,
        status: Option<u16>,
        headers: Option<&Headers>,
    ) -> Content {
        let bytes = content.and_then(|content| self.text(content));
        let media_type = headers
            .and_then(|headers| headers.list.get("content-type"))
            .map(Cow::Borrowed)
            .or_else(|| content.and_then(|content| content.get_string("mimeType")));
        if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
            return content_of(undo_coding(bytes, headers), media_type.as_deref());
        }
        let size = |holder: Node<'_>, key| holder.get(key).and_then(Node::number);
        let sizes = [
            content.and_then(|content| size(content, "size")),
            size(received, "bodySize"),
        ];
        let announced = headers.and_then(|headers| announced_length(&headers.list));
        let has_none = matches!(status, Some(204 | 304))
            || announced == Some(0)
            || sizes == [Some(0.0), Some(0.0)];
        // What follows an upgrade is not in the response.
        let is_upgrade = status == Some(101);
        if sizes.iter().flatten().any(|&size| size > 0.0) || is_upgrade || !has_none {
            Content::NotRecorded
        } else {
            content_of(Vec::new(), media_type.as_deref())
        }
    }

    /// WebSocket messages as Chrome and mitmproxy write them; others stay in `extra`.
    fn frames(&mut self, messages: Node<'_>, extra: &mut Leftovers) -> Vec<Frame> {
        let mut frames = Vec::with_capacity(messages.len());
        let mut others = Vec::new();
        for message in messages.items() {
            match self.frame(message) {
                Some(frame) => frames.push(frame),
                None => others.push(message.text()),
            }
        }
        if !others.is_empty() {
            self.problem(
                messages,
                &format!(
                    "{} WebSocket messages have no known direction or opcode",
                    others.len()
                ),
            );
            extra.add("\"_webSocketMessages\"", &format!("[{}]", others.join(",")));
        }
        frames
    }

    fn frame(&mut self, message: Node<'_>) -> Option<Frame> {
        let direction = match message.get_string("type").as_deref() {
            Some("send") => Direction::ClientToServer,
            Some("receive") => Direction::ServerToClient,
            _ => return None,
        };
        let data = message.get_string("data").unwrap_or_default();
        let opcode = message.get("opcode").map_or(Some(1), Node::unsigned)?;
        let kind = match opcode {
            1 => FrameKind::Text,
            2 => FrameKind::Binary,
            8 => FrameKind::Close {
                code: None,
                reason: data.clone().into_owned(),
            },
            9 => FrameKind::Ping,
            10 => FrameKind::Pong,
            _ => return None,
        };
        let data = match &kind {
            FrameKind::Close { .. } => Body::Empty,
            FrameKind::Binary => match BASE64_STANDARD.decode(data.as_bytes()) {
                Ok(bytes) => Body::from_bytes(bytes),
                Err(_) => Body::from_text(data.into_owned()),
            },
            _ => Body::from_text(data.into_owned()),
        };
        let seen_ms = message
            .get("time")
            .and_then(Node::number)
            .map(|seconds| seconds * 1000.0);
        Some(Frame {
            direction,
            kind,
            data,
            expanded: Body::NotRecorded,
            at_ms: seen_ms
                .zip(*self.base_ms)
                .map(|(seen, base)| seen - base)
                .into(),
        })
    }
}

fn no_response() -> Response {
    Response {
        status: Recorded::NotRecorded,
        headers: Recorded::NotRecorded,
        headers_ms: Recorded::NotRecorded,
        content: Content::NotRecorded,
        end: Recorded::<End>::NotRecorded,
        ended_ms: Recorded::NotRecorded,
    }
}

/// HAR wants bodies decoded, but some programs write them as they were on the wire; zstd and gzip are known by their
/// first bytes.
fn undo_coding(bytes: Vec<u8>, headers: Option<&Headers>) -> Vec<u8> {
    let is_coded = bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || bytes.starts_with(&[0x1f, 0x8b]);
    headers
        .filter(|_| is_coded)
        .and_then(|headers| headers.list.joined("content-encoding"))
        .and_then(|coding| decode(&coding, &bytes, MAX_DECODED).ok())
        .unwrap_or(bytes)
}

/// Path and query of a URL, as an HTTP/1.1 request line has them.
fn target_of(url: &str) -> Cow<'_, str> {
    let Some((_, rest)) = url.split_once("://") else {
        return Cow::Borrowed(url);
    };
    let rest = rest.split('#').next().unwrap_or_default();
    match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('/') => Cow::Owned(rest[at..].to_owned()),
        Some(at) => Cow::Owned(format!("/{}", &rest[at..])),
        None => Cow::Borrowed("/"),
    }
}

fn http_version(holder: Node<'_>) -> Recorded<String> {
    let version = holder.get_string("httpVersion").unwrap_or_default();
    match version.to_ascii_lowercase().as_str() {
        "" | "unknown" => Recorded::NotRecorded,
        "h2" => Recorded::Yes("HTTP/2".to_owned()),
        "h3" => Recorded::Yes("HTTP/3".to_owned()),
        other => Recorded::Yes(other.to_ascii_uppercase()),
    }
}
