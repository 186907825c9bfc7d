//! Requests over a WebSocket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use crate::capture::{Body, Direction, End, FrameKind, is_terminal};

use super::super::frames;
use super::super::stream::Stream;
use super::super::taken::Taken;
use super::answer::Reading;
use super::handle::{Answer, Client, SendError};
use super::request::{Outgoing, prepare};

/// How long the closing handshake may take.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// What came of asking for a WebSocket.
#[derive(Debug)]
pub enum Handshake<'c> {
    /// It is open.
    Open(Box<Socket<'c>>),
    /// The server answered otherwise, or not at all.
    Refused(Answer),
}

/// What came back for a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The messages of the server, up to one that ends a response.
    pub messages: Vec<String>,
    /// Whether the last of them does.
    pub is_ended: bool,
    /// Whether it took longer than [`ClientOptions::answer_time`](super::ClientOptions::answer_time).
    pub is_given_up: bool,
}

/// An open WebSocket. Dropped, it is closed without a closing handshake.
#[derive(Debug)]
pub struct Socket<'c> {
    client: &'c Client,
    stream: WebSocketStream<Stream>,
    taken: Taken,
    /// Whether the server has begun the closing handshake, which is then ended without us.
    is_closed: bool,
}

/// Connects and shakes hands.
pub(super) async fn open<'c>(
    client: &'c Client,
    outgoing: &Outgoing,
) -> Result<Handshake<'c>, SendError> {
    let connector = &client.shared.connector;
    let connected = connector.connect(true).await;
    let mut connected = connected.map_err(|error| client.unreachable(error))?;
    let route = connector.route(&connected, &outgoing.target);
    let target = client.shared.upstream.target(&outgoing.target);
    let key = generate_key();
    let added = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", key.as_str()),
    ];
    let prepared = prepare(outgoing, target, &route, &added);
    let mut taken = client.taken(prepared.head);
    taken.request_done(&[]);
    let mut reading = Reading::new(taken, true);
    let run = reading.run(&mut connected.stream, &prepared.bytes);
    let _ = timeout(client.answer_time, run).await;
    let accept = derive_accept_key(key.as_bytes());
    let is_accepted = reading.answer.headers.get("sec-websocket-accept") == Some(accept.as_str());
    if !reading.is_switched() || !is_accepted {
        return Ok(Handshake::Refused(reading.finish()));
    }
    let most = reading.taken.kept_bytes();
    let config = WebSocketConfig::default()
        .max_message_size(Some(most))
        .max_frame_size(Some(most));
    let Reading { taken, rest, .. } = reading;
    let stream =
        WebSocketStream::from_partially_read(connected.stream, rest, Role::Client, Some(config));
    Ok(Handshake::Open(Box::new(Socket {
        client,
        stream: stream.await,
        taken,
        is_closed: false,
    })))
}

impl Socket<'_> {
    /// Sends a message, and waits for one that ends a response or for the end of the connection.
    pub fn ask(&mut self, text: &str) -> Told {
        let client = self.client;
        client.runtime.block_on(self.ask_now(text))
    }

    async fn ask_now(&mut self, text: &str) -> Told {
        let by = Instant::now() + self.client.answer_time;
        self.take(Direction::ClientToServer, &Message::text(text));
        let mut told = Told::default();
        match timeout_at(by, self.stream.send(Message::text(text))).await {
            Ok(Ok(())) => {}
            // A server that reads no more may have said why.
            Ok(Err(_)) => {}
            Err(_) => told.is_given_up = true,
        }
        while !told.is_ended && !told.is_given_up {
            let message = match timeout_at(by, self.stream.next()).await {
                Err(_) => {
                    told.is_given_up = true;
                    break;
                }
                Ok(None) | Ok(Some(Err(_))) => {
                    self.taken.end(match self.is_closed {
                        true => End::Complete,
                        false => End::Closed,
                    });
                    break;
                }
                Ok(Some(Ok(message))) => message,
            };
            self.take(Direction::ServerToClient, &message);
            self.is_closed |= message.is_close();
            if let Message::Text(text) = message {
                told.is_ended = ends_response(&text);
                told.messages.push(text.to_string());
            }
        }
        told
    }

    /// Closes the connection.
    pub fn close(self) {
        let client = self.client;
        client.runtime.block_on(self.close_now());
    }

    async fn close_now(mut self) {
        let close = Message::Close(None);
        self.take(Direction::ClientToServer, &close);
        let closing = async {
            if self.stream.send(close).await.is_err() {
                return false;
            }
            while let Some(Ok(message)) = self.stream.next().await {
                self.take(Direction::ServerToClient, &message);
                if message.is_close() {
                    return true;
                }
            }
            false
        };
        let is_closed = timeout(CLOSE_TIME, closing).await.unwrap_or(false);
        self.taken.end(match is_closed {
            true => End::Complete,
            false => End::PeerClosed,
        });
    }

    /// Takes a message down.
    fn take(&mut self, direction: Direction, message: &Message) {
        let (kind, data) = match message {
            Message::Text(text) => (FrameKind::Text, Body::from_text(text.to_string())),
            Message::Binary(bytes) => (FrameKind::Binary, Body::from_bytes(bytes.to_vec())),
            Message::Ping(bytes) => (FrameKind::Ping, Body::from_bytes(bytes.to_vec())),
            Message::Pong(bytes) => (FrameKind::Pong, Body::from_bytes(bytes.to_vec())),
            Message::Close(frame) => (close_kind(frame.as_ref()), Body::Empty),
            Message::Frame(_) => return,
        };
        let problem = None;
        self.taken.message(
            direction,
            frames::Message {
                kind,
                data,
                problem,
            },
        );
        self.taken.write();
    }
}

fn close_kind(frame: Option<&CloseFrame>) -> FrameKind {
    FrameKind::Close {
        code: frame.map(|frame| frame.code.into()),
        reason: frame.map_or_else(String::new, |frame| frame.reason.to_string()),
    }
}

/// Whether a message is the last event of a response.
fn ends_response(text: &str) -> bool {
    let kind = crate::json::Raw::new(text).get_string("type");
    kind.is_some_and(|kind| is_terminal(&kind))
}
