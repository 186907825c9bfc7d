//! A WebSocket that is answered from what was recorded, until a message comes that is not known.
//!
//! It is granted here, without extensions, so that the upstream need not be asked for it. Where a message is not known, the
//! upstream is asked for a WebSocket as the client asked, and answers from there on. A message that continues a response
//! which only the recording has would mean nothing to it: then the connection ends, and agents send the whole anew (Codex
//! 0.125.0–0.169.0).

use std::collections::VecDeque;
use std::future::poll_fn;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::capture::{Body, Direction, End, FrameKind};
use crate::http::HeaderList;
use crate::json::Value;

use super::super::head::{MAX_HEAD_BYTES, RequestHead};
use super::buffer::Buffer;
use super::frames::{Compression, FrameScan, Message};
use super::relay::After;
use super::response::ResponseHead;
use super::shared::Shared;
use super::stream::Stream;
use super::taken::Taken;

/// First bytes of frames that are whole messages.
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PONG: u8 = 0x8a;

/// What becomes of a WebSocket.
pub(super) enum Left {
    /// It has ended.
    Ended(After),
    /// These messages were not recorded; they are written down nowhere yet.
    Unknown(Vec<Message>),
}

/// A WebSocket in use.
pub(super) struct KnownSocket<'a> {
    client: &'a mut TcpStream,
    input: &'a mut Buffer,
    /// What is written down of it.
    pub(super) taken: Taken,
    scan: FrameScan,
    waiting: VecDeque<Message>,
    granted: Option<ResponseHead>,
    keeps_known: bool,
    /// How many messages were answered.
    answered: u64,
}

/// The head that grants a WebSocket of which messages are known; `None` where none are, or what is asked for is none.
pub(super) fn granted(shared: &Shared, request: &RequestHead) -> Option<ResponseHead> {
    let own = shared.known.as_ref()?.socket(&request.target)?;
    let key = request.headers.get("sec-websocket-key")?;
    let is_websocket = request
        .headers
        .get("upgrade")?
        .eq_ignore_ascii_case("websocket");
    let mut headers = HeaderList::new();
    headers.push("connection", "Upgrade");
    headers.push("upgrade", "websocket");
    headers.push("sec-websocket-accept", derive_accept_key(key.as_bytes()));
    for field in own.iter() {
        headers.push(field.name.as_str(), field.value.as_str());
    }
    is_websocket.then_some(ResponseHead {
        status: 101,
        headers,
    })
}

impl<'a> KnownSocket<'a> {
    /// A WebSocket that is granted with this head. With `keeps_known` it is written down from its beginning, else from the
    /// first message on that is not known.
    pub(super) fn new(
        client: &'a mut TcpStream,
        input: &'a mut Buffer,
        taken: Taken,
        granted: ResponseHead,
        keeps_known: bool,
    ) -> Self {
        let none = Compression::agreed(&HeaderList::new());
        Self {
            scan: FrameScan::new(none, true, taken.kept_bytes()),
            client,
            input,
            taken,
            waiting: VecDeque::new(),
            granted: Some(granted),
            keeps_known,
            answered: 0,
        }
    }

    /// Answers messages until one is not known, or the connection ends.
    pub(super) async fn serve(&mut self) -> Left {
        let mut head = "HTTP/1.1 101 Switching Protocols\r\n".to_owned();
        for field in self.granted.iter().flat_map(|head| head.headers.iter()) {
            head.push_str(&format!("{}: {}\r\n", field.name, field.value));
        }
        head.push_str("\r\n");
        self.taken.set_kept(self.keeps_known);
        self.taken.note("answered_by", "capture");
        if self.keeps_known {
            self.take_head_down();
        }
        if self.client.write_all(head.as_bytes()).await.is_err() {
            return self.ended(End::PeerClosed, After::Close);
        }
        loop {
            while let Some(message) = self.waiting.pop_front() {
                if let Some(left) = self.take(message).await {
                    return left;
                }
            }
            if self.scan.is_broken() {
                self.taken.note("websocket", "what was sent is no frame");
                return self.ended(End::Closed, After::Close);
            }
            if !self.read().await {
                return self.ended(End::PeerClosed, After::Close);
            }
        }
    }

    /// Reads what comes next; false when nothing does.
    async fn read(&mut self) -> bool {
        let (input, client) = (&mut *self.input, &mut *self.client);
        if !matches!(poll_fn(|cx| input.poll_fill(client, cx)).await, Ok(1..)) {
            return false;
        }
        let waiting = &mut self.waiting;
        let bytes = input.rest();
        self.scan.push(bytes, |message| waiting.push_back(message));
        let count = bytes.len();
        input.consume(count);
        input.release();
        true
    }

    /// Answers a message; gives what becomes of the WebSocket where that is its end here.
    async fn take(&mut self, message: Message) -> Option<Left> {
        match &message.kind {
            FrameKind::Text | FrameKind::Binary => match self.taken.known_reply(&message) {
                Some(reply) => {
                    self.answered += 1;
                    self.taken.message(Direction::ClientToServer, message);
                    return self.reply(reply.texts, reply.end).await;
                }
                None => return Some(self.leave(message).await),
            },
            FrameKind::Ping => {
                let answer = frame(PONG, &payload(&message.data), false);
                self.taken.message(Direction::ClientToServer, message);
                self.send(&answer).await
            }
            FrameKind::Close { code, .. } => {
                let answer = frame(
                    CLOSE,
                    &code.map_or_else(Vec::new, |code| code.to_be_bytes().to_vec()),
                    false,
                );
                self.taken.message(Direction::ClientToServer, message);
                let _ = self.send(&answer).await;
                Some(self.ended(End::Complete, After::Close))
            }
            _ => {
                self.taken.message(Direction::ClientToServer, message);
                None
            }
        }
    }

    /// Sends what was recorded, which is written down before.
    async fn reply(&mut self, texts: Vec<Bytes>, end: Option<End>) -> Option<Left> {
        let mut out = Vec::new();
        for text in texts {
            out.extend(frame(TEXT, &text, false));
            let message = Message {
                kind: FrameKind::Text,
                data: Body::from_bytes(text.to_vec()),
                problem: None,
            };
            self.taken.message(Direction::ServerToClient, message);
        }
        self.taken.write();
        let left = self.send(&out).await;
        match (left, end) {
            (Some(left), _) => Some(left),
            (None, Some(End::Reset)) => Some(self.ended(End::Reset, After::Reset)),
            (None, Some(end)) => Some(self.ended(end, After::Close)),
            (None, None) => None,
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Option<Left> {
        match self.client.write_all(bytes).await {
            Ok(()) => None,
            Err(_) => Some(self.ended(End::PeerClosed, After::Close)),
        }
    }

    /// Leaves a message, and those behind it, to the upstream.
    async fn leave(&mut self, message: Message) -> Left {
        let continues = |data: &Value| {
            data.node()
                .get("previous_response_id")
                .is_some_and(|id| !id.is_null())
        };
        if message.data.json().is_some_and(continues) {
            let problem = "a message that continues a recorded response was not recorded: it is to be sent anew";
            self.taken.note("websocket", problem);
            return self.ended(End::Closed, After::Close);
        }
        self.waiting.push_front(message);
        // The upstream is given whole messages, and then the bytes as they come.
        while !self.scan.is_between_messages() && !self.scan.is_broken() {
            if !self.read().await {
                break;
            }
        }
        if !self.keeps_known {
            self.taken.set_kept(true);
            self.take_head_down();
        }
        self.taken.set_from_stand_in(false);
        self.taken.note_known_messages(self.answered);
        Left::Unknown(self.waiting.drain(..).collect())
    }

    fn take_head_down(&mut self) {
        self.taken.request_done(&[]);
        if let Some(head) = self.granted.take() {
            self.taken.head(head);
        }
        self.taken.write();
    }

    fn ended(&mut self, end: End, after: After) -> Left {
        self.taken.note_known_messages(self.answered);
        self.taken.end(end);
        Left::Ended(after)
    }
}

/// The bytes of a frame; from a client, masked with zeros.
fn frame(first: u8, payload: &[u8], is_of_client: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 14);
    out.push(first);
    let mask = if is_of_client { 0x80 } else { 0 };
    match payload.len() {
        length @ 0..126 => out.push(mask | length as u8),
        length @ 126..0x1_0000 => {
            out.push(mask | 126);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(mask | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    if is_of_client {
        out.extend([0; 4]);
    }
    out.extend_from_slice(payload);
    out
}

fn payload(data: &Body) -> Vec<u8> {
    match data {
        Body::Json(json) => json.value.text().as_bytes().to_vec(),
        Body::Text(text) => text.as_bytes().to_vec(),
        Body::Bytes(bytes) => bytes.to_vec(),
        Body::Empty | Body::NotRecorded => Vec::new(),
    }
}

/// Messages as a client sends them.
pub(super) fn as_sent(messages: &[Message]) -> Vec<u8> {
    let first = |kind: &FrameKind| match kind {
        FrameKind::Text => Some(TEXT),
        FrameKind::Binary => Some(BINARY),
        // What is said about the connection was said about this side of it.
        _ => None,
    };
    let frames = messages
        .iter()
        .filter_map(|message| Some(frame(first(&message.kind)?, &payload(&message.data), true)));
    frames.flatten().collect()
}

/// A head without the extensions that it offers.
pub(super) fn without_extensions(head: &[u8]) -> Vec<u8> {
    let name = b"sec-websocket-extensions";
    let offers = |line: &&[u8]| {
        line.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let lines = head.split_inclusive(|byte| *byte == b'\n');
    lines
        .filter(|line| !offers(line))
        .flatten()
        .copied()
        .collect()
}

/// Asks the upstream for a WebSocket.
///
/// # Errors
///
/// Why there is none.
pub(super) async fn ask(upstream: &mut Stream, head: &[u8]) -> Result<(), String> {
    let asked = async {
        upstream.write_all(head).await?;
        upstream.flush().await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") && answer.len() < MAX_HEAD_BYTES {
            answer.push(upstream.read_u8().await?);
        }
        Ok::<_, std::io::Error>(answer)
    };
    let answer = asked.await.map_err(|error| error.to_string())?;
    match ResponseHead::parse(&answer) {
        Some(head) if head.status == 101 => Ok(()),
        Some(head) => Err(format!("it grants no WebSocket: status {}", head.status)),
        None => Err("it grants no WebSocket: its answer is no head".to_owned()),
    }
}
