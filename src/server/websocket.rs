//! Responses over a WebSocket: tungstenite reads what the client sends; what is sent goes out frame by frame, as bytes,
//! because scripts send what no library would.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::capture::{Body, ContentKind, Direction, End, Frame, FrameKind, Recorded};
use crate::http::HeaderList;
use crate::script::{Conversation, Ending, Piece, WsAnswer, WsFrame, WsOpcode, WsPiece};

use super::exchange::Exchange;
use super::head::RequestHead;
use super::tap::Tap;
use super::wire::{self, LINGER};

/// Bytes asked of the socket at once.
const READ_BYTES: usize = 16 << 10;
/// Messages that are kept while a response is being played; a client that sends more is not read until it is its turn.
const MAX_EARLY: usize = 64;

/// Whether a request asks for a WebSocket, so that one could be made of it (RFC 6455, section 4.2.1).
pub(super) fn is_asked_for(head: &RequestHead) -> bool {
    let has = |name: &str, word: &str| {
        head.headers.get_all(name).any(|value| {
            value
                .split(',')
                .any(|v| v.trim().eq_ignore_ascii_case(word))
        })
    };
    head.method == "GET"
        && head.version == Some("HTTP/1.1")
        && has("upgrade", "websocket")
        && has("connection", "upgrade")
        && head.headers.get("sec-websocket-version") == Some("13")
        && head.headers.get("sec-websocket-key").is_some()
}

/// A WebSocket that was asked for and is granted.
#[derive(Debug)]
pub(super) struct WebSocket {
    pub(super) exchange: Exchange,
    /// The request that asked for it.
    pub(super) head: RequestHead,
    /// Further fields of the response head.
    pub(super) headers: HeaderList,
    /// What is waited for before the response head.
    pub(super) before: Vec<Piece>,
}

/// A message of the client, which is to be answered.
struct Asked {
    kind: FrameKind,
    data: Body,
    at_ms: f64,
}

/// Why nothing more is played.
enum Stop {
    /// The connection ended so for the capture, with what is odd about it.
    Ended(End, Option<String>),
    /// The script ends it.
    Ending(Ending),
}

impl WebSocket {
    /// Shakes hands and answers messages until the connection ends.
    pub(super) async fn serve(self, mut tap: Tap) {
        for piece in self.before {
            match piece {
                Piece::Wait(time) => tokio::time::sleep(time).await,
                Piece::Gate(name) => self.exchange.shared.gates.pass(&name).await,
                _ => {}
            }
        }
        let key = self.head.headers.get("sec-websocket-key");
        let mut headers = HeaderList::new();
        headers.push("connection", "Upgrade");
        headers.push("upgrade", "websocket");
        let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
        headers.push("sec-websocket-accept", accept);
        headers.entries.extend(self.headers.entries);
        let mut text = "HTTP/1.1 101 Switching Protocols\r\n".to_owned();
        for header in headers.iter() {
            text.push_str(&format!("{}: {}\r\n", header.name, header.value));
        }
        text.push_str("\r\n");
        let mut exchange = self.exchange;
        exchange.head(Some(101), Some(headers), ContentKind::Frames);
        exchange.write();
        if tap.write_all(text.as_bytes()).await.is_err() {
            return;
        }
        let most = usize::try_from(exchange.shared.limits.body_bytes).unwrap_or(usize::MAX);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .max_message_size(Some(most))
            .max_frame_size(Some(most));
        let stream = WebSocketStream::from_raw_socket(tap, Role::Server, Some(config)).await;
        let talk = Talk {
            stream,
            exchange,
            head: self.head,
            conversation: Conversation::default(),
            early: VecDeque::new(),
            fragments: None,
            odd: Vec::new(),
            is_closing: false,
        };
        talk.run().await;
    }
}

/// A WebSocket in use.
struct Talk {
    stream: WebSocketStream<Tap>,
    exchange: Exchange,
    head: RequestHead,
    conversation: Conversation,
    /// Messages that came while a response was being played.
    early: VecDeque<Asked>,
    /// The message that was begun and not ended.
    fragments: Option<(WsOpcode, Vec<u8>)>,
    /// Bytes that are no frames.
    odd: Vec<u8>,
    /// Whether a close frame was sent.
    is_closing: bool,
}

impl Talk {
    async fn run(mut self) {
        let stop = loop {
            let request = match self.early.pop_front() {
                Some(request) => request,
                None => match self.read().await {
                    Ok(Some(request)) => request,
                    Ok(None) => continue,
                    Err(stop) => break stop,
                },
            };
            if let Err(stop) = self.respond(request).await {
                break stop;
            }
        };
        self.finish(stop).await;
    }

    /// Reads one message. Text and binary messages are given, to be written down with what they stand for; all else is written
    /// down.
    async fn read(&mut self) -> Result<Option<Asked>, Stop> {
        self.exchange.write();
        let message = match self.stream.next().await {
            None => return Err(Stop::Ended(End::PeerClosed, None)),
            Some(Err(error)) => return Err(self.failed(&error).await),
            Some(Ok(message)) => message,
        };
        let (kind, data) = match message {
            Message::Text(text) => (FrameKind::Text, Body::from_text(text.as_str().to_owned())),
            Message::Binary(bytes) => (FrameKind::Binary, Body::from_bytes(bytes.into())),
            Message::Ping(bytes) => {
                self.frame_of_client(FrameKind::Ping, Body::from_bytes(bytes.to_vec()));
                // The pong is queued by now.
                let _ = self.stream.flush().await;
                self.frame_of_server(FrameKind::Pong, Body::from_bytes(bytes.into()));
                return Ok(None);
            }
            Message::Pong(bytes) => (FrameKind::Pong, Body::from_bytes(bytes.into())),
            Message::Close(close) => return Err(self.closed_by_client(close).await),
            // Only `Frame` is left, which is never read.
            Message::Frame(_) => return Ok(None),
        };
        if kind == FrameKind::Pong {
            self.frame_of_client(kind, data);
            return Ok(None);
        }
        let at_ms = self.exchange.shared.now_ms();
        Ok(Some(Asked { kind, data, at_ms }))
    }

    /// The client began the closing handshake, or ended it.
    async fn closed_by_client(
        &mut self,
        close: Option<tokio_tungstenite::tungstenite::protocol::CloseFrame>,
    ) -> Stop {
        let kind = FrameKind::Close {
            code: close.as_ref().map(|close| close.code.into()),
            reason: close.map_or_else(String::new, |close| close.reason.as_str().to_owned()),
        };
        self.frame_of_client(kind.clone(), Body::Empty);
        if !self.is_closing {
            // tungstenite has queued the same frame as an answer.
            self.frame_of_server(kind, Body::Empty);
            let _ = self.stream.flush().await;
        }
        Stop::Ended(End::Complete, None)
    }

    /// The client broke the protocol or went away.
    async fn failed(&mut self, error: &Error) -> Stop {
        let code: u16 = match error {
            Error::ConnectionClosed | Error::AlreadyClosed => {
                return Stop::Ended(End::Complete, None);
            }
            Error::Capacity(_) => 1009,
            Error::Utf8(_) => 1007,
            Error::Protocol(
                tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )
            | Error::Io(_) => return Stop::Ended(End::PeerClosed, None),
            _ => 1002,
        };
        let frame = WsFrame::close(Some((code, "")));
        let kind = FrameKind::Close {
            code: Some(code),
            reason: String::new(),
        };
        self.frame_of_server(kind, Body::Empty);
        // Who breaks the protocol may be gone already.
        let _ = self.stream.get_mut().write_all(&frame.to_bytes()).await;
        Stop::Ended(End::Closed, Some(error.to_string()))
    }

    async fn respond(&mut self, asked: Asked) -> Result<(), Stop> {
        let shared = self.exchange.shared.clone();
        let reply = shared.decider.reply(
            &mut self.conversation,
            self.exchange.number,
            &self.head,
            asked.data.json(),
        );
        let mut frame = self.frame(Direction::ClientToServer, asked.kind, asked.data);
        frame.at_ms = Recorded::Yes(asked.at_ms);
        if let Some(expanded) = reply.expanded {
            frame.expanded = Body::from_value(expanded);
        }
        self.exchange.frame(&frame);
        self.play(reply.answer).await
    }

    async fn play(&mut self, answer: WsAnswer) -> Result<(), Stop> {
        let mut pending = Vec::new();
        let mut pieces = VecDeque::from(answer.pieces);
        while let Some(piece) = pieces.pop_front() {
            match piece {
                WsPiece::Frame { frame, flush, .. } => {
                    pending.extend_from_slice(&frame.to_bytes());
                    self.take_down(frame);
                    if flush {
                        self.write(&mut pending).await?;
                    }
                }
                WsPiece::Wire(bytes) => {
                    self.odd.extend_from_slice(&bytes);
                    pending.extend_from_slice(&bytes);
                }
                WsPiece::Wait(time) => {
                    self.write(&mut pending).await?;
                    self.while_reading(tokio::time::sleep(time)).await?;
                }
                WsPiece::Gate(name) => {
                    self.write(&mut pending).await?;
                    let gates = self.exchange.shared.gates.clone();
                    self.while_reading(gates.pass(&name)).await?;
                }
                WsPiece::End(ending) => {
                    self.write(&mut pending).await?;
                    return match ending {
                        Ending::Complete => Ok(()),
                        ending => Err(Stop::Ending(ending)),
                    };
                }
            }
        }
        self.write(&mut pending).await
    }

    /// Waits for something, and meanwhile reads what the client sends.
    async fn while_reading(&mut self, wait: impl Future<Output = ()>) -> Result<(), Stop> {
        tokio::pin!(wait);
        loop {
            if self.early.len() >= MAX_EARLY {
                wait.await;
                return Ok(());
            }
            tokio::select! {
                biased;
                () = &mut wait => return Ok(()),
                read = self.read() => if let Some(request) = read? {
                    self.early.push_back(request);
                },
            }
        }
    }

    async fn write(&mut self, pending: &mut Vec<u8>) -> Result<(), Stop> {
        self.exchange.write();
        let bytes = std::mem::take(pending);
        if bytes.is_empty() {
            return Ok(());
        }
        // Pongs that are queued go first, whole.
        let written = match self.stream.flush().await {
            Ok(()) => self.stream.get_mut().write_all(&bytes).await.is_ok(),
            Err(_) => false,
        };
        match written {
            true => Ok(()),
            false => Err(Stop::Ended(End::PeerClosed, None)),
        }
    }

    /// Writes a frame down, once its message is complete.
    fn take_down(&mut self, frame: WsFrame) {
        let (opcode, payload) = match (frame.opcode, self.fragments.take()) {
            (WsOpcode::Continuation, Some((opcode, mut payload))) => {
                payload.extend_from_slice(&frame.payload);
                (opcode, Bytes::from(payload))
            }
            (opcode, before) => {
                self.fragments = before;
                (opcode, frame.payload)
            }
        };
        if !frame.is_final {
            self.fragments = Some((opcode, payload.into()));
            return;
        }
        let (kind, data) = match opcode {
            WsOpcode::Text => (FrameKind::Text, Body::from_bytes(payload.into())),
            WsOpcode::Binary | WsOpcode::Continuation => {
                (FrameKind::Binary, Body::from_bytes(payload.into()))
            }
            WsOpcode::Ping => (FrameKind::Ping, Body::from_bytes(payload.into())),
            WsOpcode::Pong => (FrameKind::Pong, Body::from_bytes(payload.into())),
            WsOpcode::Close => {
                self.is_closing = true;
                (close_kind(&payload), Body::Empty)
            }
        };
        let frame = self.frame(Direction::ServerToClient, kind, data);
        self.exchange.frame(&frame);
    }

    fn frame_of_client(&mut self, kind: FrameKind, data: Body) {
        let frame = self.frame(Direction::ClientToServer, kind, data);
        self.exchange.frame(&frame);
    }

    fn frame_of_server(&mut self, kind: FrameKind, data: Body) {
        let frame = self.frame(Direction::ServerToClient, kind, data);
        self.exchange.frame(&frame);
    }

    fn frame(&self, direction: Direction, kind: FrameKind, data: Body) -> Frame {
        Frame {
            direction,
            kind,
            data,
            expanded: Body::NotRecorded,
            at_ms: Recorded::Yes(self.exchange.shared.now_ms()),
        }
    }

    async fn finish(mut self, stop: Stop) {
        let (end, problem, is_reset) = match stop {
            Stop::Ended(end, problem) => (end, problem, false),
            Stop::Ending(Ending::Reset) => (End::Reset, None, true),
            Stop::Ending(Ending::Stall(time)) => {
                let time = time.unwrap_or(Duration::MAX);
                let shared = self.exchange.shared.clone();
                let _stalled = shared.stall();
                // What the client does meanwhile is written down.
                let _ = self.while_reading(tokio::time::sleep(time)).await;
                (End::Stall, None, false)
            }
            Stop::Ending(Ending::Close | Ending::Complete) => (self.part().await, None, false),
        };
        let mut extra = serde_json::Map::new();
        if let Some(problem) = problem {
            extra.insert("violation".to_owned(), problem.into());
        }
        let unsent = self.fragments.take().map(|(_, bytes)| bytes);
        let odd = [unsent.unwrap_or_default(), std::mem::take(&mut self.odd)].concat();
        if !odd.is_empty() {
            let odd = String::from_utf8_lossy(&odd).into_owned();
            extra.insert("wire".to_owned(), odd.into());
        }
        self.exchange.end(end, Some(extra.into()));
        let tap = self.stream.get_mut();
        match is_reset {
            true => wire::reset(tap).await,
            false => wire::close(tap).await,
        }
    }

    /// Ends the connection: after a close frame the client is given time to answer it.
    async fn part(&mut self) -> End {
        if !self.is_closing {
            return End::Closed;
        }
        let answered = async {
            loop {
                if let Err(stop) = self.read().await {
                    return stop;
                }
            }
        };
        match tokio::time::timeout(LINGER, answered).await {
            Ok(Stop::Ended(end, _)) => end,
            _ => End::Closed,
        }
    }
}

pub(super) fn close_kind(payload: &[u8]) -> FrameKind {
    match payload {
        [high, low, reason @ ..] => FrameKind::Close {
            code: Some(u16::from_be_bytes([*high, *low])),
            reason: String::from_utf8_lossy(reason).into_owned(),
        },
        _ => FrameKind::Close {
            code: None,
            reason: String::new(),
        },
    }
}
