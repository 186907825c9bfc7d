//! One exchange per request: a WebSocket connection is taken apart into its handshake and the requests sent over it.

use std::borrow::Cow;

use crate::json::Value;

use super::{
    Body, Capture, Content, Direction, End, Event, EventStream, Exchange, Frame, FrameKind,
    Recorded, Request, Response,
};

/// How a request travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// An HTTP request of its own.
    Http,
    /// The HTTP request that opened a WebSocket connection.
    Handshake,
    /// A message on a WebSocket connection.
    WebSocket,
}

/// One request with its response, whatever it travelled over.
#[derive(Debug, Clone)]
pub struct FlatExchange<'a> {
    /// The exchange; for a WebSocket message made from the frames of the connection.
    pub exchange: Cow<'a, Exchange>,
    /// How it travelled.
    pub transport: Transport,
    /// For a WebSocket message: position of its handshake in the flat list.
    pub handshake: Option<usize>,
    /// For a WebSocket message that continues an earlier response: the request with the whole input, where the recorder
    /// knew it.
    pub expanded: Option<Value>,
}

/// The method of a flat exchange that was a WebSocket message.
pub const WEBSOCKET_METHOD: &str = "WS";

/// Takes a capture apart into requests, in order. Reports and alignments number exchanges by this list, from 0.
///
/// A message `response.create` of the agent begins a request; the server's messages up to the next one are its events
/// (codex 0.125.0–0.169.0). Other messages, pings and close frames stay with the handshake.
pub fn flatten(capture: &Capture) -> Vec<FlatExchange<'_>> {
    let mut flat = Vec::with_capacity(capture.exchanges.len());
    for exchange in &capture.exchanges {
        match &exchange.response.content {
            Content::Frames(frames) => flatten_connection(exchange, frames, &mut flat),
            _ => flat.push(FlatExchange {
                exchange: Cow::Borrowed(exchange),
                transport: Transport::Http,
                handshake: None,
                expanded: None,
            }),
        }
    }
    flat
}

fn flatten_connection<'a>(
    connection: &'a Exchange,
    frames: &[Frame],
    flat: &mut Vec<FlatExchange<'a>>,
) {
    let handshake_index = flat.len();
    let mut remaining = Vec::new();
    let mut messages: Vec<Exchange> = Vec::new();
    let mut expanded = Vec::new();
    for frame in frames {
        if is_request(frame) {
            messages.push(message(connection, frame));
            expanded.push(frame.expanded.json().cloned());
        } else if let (
            Some(current),
            Direction::ServerToClient,
            FrameKind::Text | FrameKind::Binary,
        ) = (messages.last_mut(), frame.direction, &frame.kind)
        {
            push_event(current, frame);
        } else {
            remaining.push(frame.clone());
        }
    }
    finish(&mut messages, connection);
    flat.push(FlatExchange {
        exchange: Cow::Owned(handshake(connection, remaining)),
        transport: Transport::Handshake,
        handshake: None,
        expanded: None,
    });
    let messages = messages.into_iter().zip(expanded);
    flat.extend(messages.map(|(exchange, expanded)| FlatExchange {
        exchange: Cow::Owned(exchange),
        transport: Transport::WebSocket,
        handshake: Some(handshake_index),
        expanded,
    }));
}

/// The connection without the frames of requests and responses.
fn handshake(connection: &Exchange, remaining: Vec<Frame>) -> Exchange {
    let response = &connection.response;
    Exchange {
        request: connection.request.clone(),
        response: Response {
            content: Content::Frames(remaining),
            headers: response.headers.clone(),
            ..*response
        },
        extra: connection.extra.clone(),
        place: connection.place.clone(),
        ..*connection
    }
}

fn is_request(frame: &Frame) -> bool {
    frame.direction == Direction::ClientToServer
        && frame.data.json().is_some_and(|data| {
            data.node()
                .get_string("type")
                .is_some_and(|kind| kind == "response.create")
        })
}

fn message(connection: &Exchange, frame: &Frame) -> Exchange {
    Exchange {
        connection: connection.connection,
        started_ms: frame.at_ms,
        request: Request {
            method: WEBSOCKET_METHOD.to_owned(),
            target: connection.request.target.clone(),
            http_version: Recorded::NotRecorded,
            headers: Recorded::NotRecorded,
            body: frame.data.clone(),
            wire_body_bytes: Recorded::NotRecorded,
        },
        response: Response {
            status: Recorded::NotRecorded,
            headers: Recorded::NotRecorded,
            headers_ms: Recorded::NotRecorded,
            content: Content::Events(EventStream::default()),
            end: Recorded::NotRecorded,
            ended_ms: Recorded::NotRecorded,
        },
        extra: None,
        place: connection.place.clone(),
    }
}

fn push_event(exchange: &mut Exchange, frame: &Frame) {
    if let Content::Events(stream) = &mut exchange.response.content {
        stream.events.push(Event {
            name: None,
            data: frame.data.clone(),
            at_ms: frame.at_ms,
        });
        exchange.response.ended_ms = frame.at_ms;
    }
}

/// A request whose terminal event came ended well; the last one otherwise ended as its connection did.
fn finish(messages: &mut [Exchange], connection: &Exchange) {
    let last = messages.len().saturating_sub(1);
    for (i, message) in messages.iter_mut().enumerate() {
        let Content::Events(stream) = &message.response.content else {
            continue;
        };
        let is_terminated = stream.events.last().is_some_and(|e| is_terminal(&e.kind()));
        if is_terminated {
            message.response.end = Recorded::Yes(End::Complete);
        } else if i == last {
            message.response.end = connection.response.end;
        }
    }
}

/// Whether no event follows one of this type in a response.
pub fn is_terminal(kind: &str) -> bool {
    matches!(
        kind,
        "response.completed"
            | "response.failed"
            | "response.incomplete"
            | "response.done"
            | "error"
    )
}

impl Content {
    /// The body of a response that was not a stream.
    pub fn body(&self) -> Option<&Body> {
        match self {
            Content::Body(body) => Some(body),
            _ => None,
        }
    }
}
