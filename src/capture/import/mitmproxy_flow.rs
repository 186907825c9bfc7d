//! One mitmproxy flow as an exchange.

use std::borrow::Cow;
use std::ops::Range;

use crate::http::{HeaderList, decode};
use crate::json::Value;

use super::super::{
    Body, CaptureProblem, Content, Direction, End, Exchange, FilePlace, Frame, FrameKind, Headers,
    Recorded, Request, Response,
};
use super::MAX_DECODED;
use super::shared::{content_of, end_of_error, latin1_or_utf8};
use super::tnetstring::Tnet;

/// Turns flows into exchanges; collects these and what is wrong.
pub(super) struct FlowReader<'a> {
    path: &'a str,
    /// Start of the first flow in milliseconds since 1970.
    base_ms: Option<f64>,
    /// Client connections in order of appearance.
    connections: Vec<Vec<u8>>,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) problems: Vec<CaptureProblem>,
}

impl<'a> FlowReader<'a> {
    pub(super) fn new(path: &'a str) -> Self {
        Self {
            path,
            base_ms: None,
            connections: Vec::new(),
            exchanges: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn problem(&mut self, span: &Range<u64>, kind: &str, message: &str) {
        self.problems.push(CaptureProblem {
            path: self.path.to_owned(),
            span: span.clone(),
            kind: kind.to_owned(),
            message: format!("{message} (flow at byte {})", span.start),
        });
    }

    /// Takes a flow that stands at `span`.
    pub(super) fn read(&mut self, flow: &Tnet<'_>, span: Range<u64>) {
        let Some(sent) = flow
            .get("request")
            .filter(|sent| matches!(sent, Tnet::Dict(_)))
        else {
            let kind = flow.get("type").map(Tnet::key_text).unwrap_or_default();
            let message = format!("a flow of type `{kind}` is no HTTP exchange and is left out");
            return self.problem(&span, "unknown-record", &message);
        };
        let started_ms = self.time(sent.get("timestamp_start"));
        let request = self.request(sent, &span);
        let failure = flow
            .get("error")
            .and_then(|error| error.get("msg"))
            .map(Tnet::key_text);
        let mut response = self.response(flow.get("response"), failure.as_deref(), &span);
        let websocket = flow
            .get("websocket")
            .filter(|websocket| matches!(websocket, Tnet::Dict(_)));
        if let Some(websocket) = websocket {
            response.content = Content::Frames(self.frames(websocket, &span));
            response.ended_ms = self.time(websocket.get("timestamp_end"));
            // The closing handshake is not among the messages, and the connection to the other side is closed by the proxy.
            response.end = Recorded::NotRecorded;
        }
        let exchange = Exchange {
            connection: self.connection(flow).into(),
            started_ms,
            request,
            response,
            extra: extra(flow),
            place: Some(FilePlace {
                path: self.path.to_owned(),
                line: None,
            }),
        };
        self.exchanges.push(exchange);
    }

    /// Milliseconds since the first request began.
    fn time(&mut self, seconds: Option<&Tnet<'_>>) -> Recorded<f64> {
        let epoch_ms = seconds
            .and_then(Tnet::number)
            .map(|seconds| seconds * 1000.0);
        epoch_ms
            .map(|epoch_ms| epoch_ms - *self.base_ms.get_or_insert(epoch_ms))
            .into()
    }

    /// The number of the agent's connection, from 1.
    fn connection(&mut self, flow: &Tnet<'_>) -> Option<u64> {
        let id = flow.get("client_conn")?.get("id")?.bytes()?;
        let known = self.connections.iter().position(|known| known == id);
        let index = known.unwrap_or_else(|| {
            self.connections.push(id.to_vec());
            self.connections.len() - 1
        });
        Some(index as u64 + 1)
    }

    fn request(&mut self, sent: &Tnet<'_>, span: &Range<u64>) -> Request {
        let text = |key: &str| {
            sent.get(key)
                .and_then(Tnet::bytes)
                .map(|bytes| latin1_or_utf8(bytes).into_owned())
        };
        if text("method").is_none() || text("path").is_none() {
            self.problem(
                span,
                "incomplete-exchange",
                "the request has no method or no path",
            );
        }
        let headers = headers(sent);
        let content = sent.get("content").and_then(Tnet::bytes);
        let body = match content {
            Some(content) => Body::from_bytes(self.decoded(content, headers.as_ref(), span)),
            None => Body::NotRecorded,
        };
        Request {
            method: text("method").unwrap_or_default(),
            target: text("path").unwrap_or_default(),
            http_version: text("http_version").into(),
            headers: headers.into(),
            body,
            wire_body_bytes: content.map(|content| content.len() as u64).into(),
        }
    }

    /// Content without its codings; as it is, and a problem, where they can't be undone.
    fn decoded(&mut self, content: &[u8], headers: Option<&Headers>, span: &Range<u64>) -> Vec<u8> {
        let coding = headers
            .and_then(|headers| headers.list.joined("content-encoding"))
            .unwrap_or(Cow::Borrowed("identity"));
        decode(&coding, content, MAX_DECODED).unwrap_or_else(|error| {
            let message =
                format!("a body is kept as it was on the wire, as decoding failed: {error}");
            self.problem(span, "undecoded-body", &message);
            content.to_vec()
        })
    }

    fn response(
        &mut self,
        received: Option<&Tnet<'_>>,
        failure: Option<&str>,
        span: &Range<u64>,
    ) -> Response {
        let mut response = Response {
            status: Recorded::NotRecorded,
            headers: Recorded::NotRecorded,
            headers_ms: Recorded::NotRecorded,
            content: Content::NotRecorded,
            end: failure.and_then(end_of_error).into(),
            ended_ms: Recorded::NotRecorded,
        };
        let Some(received) = received.filter(|received| matches!(received, Tnet::Dict(_))) else {
            if failure.is_some() {
                response.status = Recorded::Yes(None);
                response.content = Content::Body(Body::Empty);
            }
            return response;
        };
        let headers = headers(received);
        response.status = received
            .get("status_code")
            .and_then(Tnet::number)
            .map(|code| Some(code as u16))
            .into();
        response.headers_ms = self.time(received.get("timestamp_start"));
        response.ended_ms = self.time(received.get("timestamp_end"));
        if let Some(content) = received.get("content").and_then(Tnet::bytes) {
            let media_type = headers
                .as_ref()
                .and_then(|headers| headers.list.get("content-type"));
            response.content =
                content_of(self.decoded(content, headers.as_ref(), span), media_type);
        }
        if failure.is_none() && is_complete(&response, headers.as_ref()) {
            response.end = Recorded::Yes(End::Complete);
        }
        response.headers = headers.into();
        response
    }

    fn frames(&mut self, websocket: &Tnet<'_>, span: &Range<u64>) -> Vec<Frame> {
        let messages = websocket.get("messages").map_or(&[][..], Tnet::items);
        let mut frames = Vec::with_capacity(messages.len());
        for message in messages {
            match self.frame(message.items()) {
                Some(frame) => frames.push(frame),
                None => self.problem(
                    span,
                    "incomplete-exchange",
                    "a WebSocket message has no known form and is left out",
                ),
            }
        }
        frames
    }

    /// A message is opcode, whether the client sent it, content, time, whether it was dropped and whether it was injected.
    fn frame(&mut self, message: &[Tnet<'_>]) -> Option<Frame> {
        let [opcode, from_client, content, rest @ ..] = message else {
            return None;
        };
        let kind = match opcode.number()? as u8 {
            1 => FrameKind::Text,
            2 => FrameKind::Binary,
            9 => FrameKind::Ping,
            10 => FrameKind::Pong,
            _ => return None,
        };
        Some(Frame {
            direction: if from_client.boolean()? {
                Direction::ClientToServer
            } else {
                Direction::ServerToClient
            },
            kind,
            data: Body::from_bytes(content.bytes()?.to_vec()),
            expanded: Body::NotRecorded,
            at_ms: self.time(rest.first()),
        })
    }
}

/// Whether the response came to the end that its own framing sets. Without framing it ends with the connection, and
/// nothing says whether that was meant.
fn is_complete(response: &Response, headers: Option<&Headers>) -> bool {
    let has = |name| headers.is_some_and(|headers| headers.list.get(name).is_some());
    response.ended_ms.as_option().is_some() && (has("content-length") || has("transfer-encoding"))
}

fn headers(message: &Tnet<'_>) -> Option<Headers> {
    let Tnet::List(fields) = message.get("headers")? else {
        return None;
    };
    let text = |part: Option<&Tnet<'_>>| Some(latin1_or_utf8(part?.bytes()?).into_owned());
    let list: HeaderList = fields
        .iter()
        .filter_map(|field| Some((text(field.items().first())?, text(field.items().get(1))?)))
        .collect();
    Some(Headers::exact(list))
}

/// What of a flow has no place in the model.
fn extra(flow: &Tnet<'_>) -> Option<Value> {
    const IN_MESSAGE: &[&str] = &[
        "method",
        "path",
        "http_version",
        "headers",
        "content",
        "status_code",
        "messages",
    ];
    let Tnet::Dict(members) = flow else {
        return None;
    };
    let mut extra = serde_json::Map::new();
    for (key, value) in members {
        let key = key.key_text();
        let json = match (key.as_str(), value) {
            ("request" | "response" | "websocket", Tnet::Dict(parts)) => parts
                .iter()
                .map(|(name, part)| (name.key_text(), part))
                .filter(|(name, _)| !IN_MESSAGE.contains(&name.as_str()))
                .map(|(name, part)| (name, part.to_json()))
                .collect(),
            (_, Tnet::Null) => continue,
            _ => value.to_json(),
        };
        extra.insert(key, json);
    }
    Some(Value::from_serde(&extra.into()))
}
