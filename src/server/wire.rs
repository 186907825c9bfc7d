//! Responses written to the bare socket, byte for byte: what hyper would not send.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;

use crate::capture::{ContentKind, End};
use crate::http::HeaderList;
use crate::script::{Ending, Framing, Head, Piece, chunk, head_bytes};

use super::exchange::Exchange;
use super::framing::ChunkScan;
use super::join::joined;
use super::service::framed;
use super::tap::Tap;
use super::websocket::WebSocket;

/// How long a reset waits behind the last byte. A reset discards what the system has not sent yet.
const BEFORE_RESET: Duration = Duration::from_millis(10);
/// How long a close waits for the client to take note of it.
pub(super) const LINGER: Duration = Duration::from_millis(500);

/// A response to be written without hyper.
#[derive(Debug)]
pub(super) struct WirePlay {
    pub(super) exchange: Exchange,
    pub(super) pieces: Vec<Piece>,
    /// Whether the client means to send more requests.
    pub(super) is_keep_alive: bool,
    /// Whether only the head was asked for (`HEAD`).
    pub(super) is_bodiless: bool,
}

/// Why the socket is taken from hyper.
#[derive(Debug)]
pub(super) enum Takeover {
    /// A response that hyper would not send.
    Wire(Box<WirePlay>),
    /// A WebSocket was asked for and is granted.
    WebSocket(Box<WebSocket>),
}

impl Takeover {
    /// Does what the socket was taken for.
    pub(super) async fn play(self, tap: Tap) -> Option<Tap> {
        match self {
            Takeover::Wire(play) => {
                let mut tap = tap;
                match play.play(&mut tap).await {
                    After::KeepAlive => Some(tap),
                    After::Gone => None,
                }
            }
            Takeover::WebSocket(socket) => {
                socket.serve(tap).await;
                None
            }
        }
    }
}

/// What became of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// It can take the next request.
    KeepAlive,
    /// It is over.
    Gone,
}

/// What is being written.
struct Writing<'a> {
    tap: &'a mut Tap,
    exchange: Exchange,
    /// Bytes that go out with the next write.
    pending: Vec<u8>,
    framing: Option<Framing>,
    /// Bytes of the body so far.
    length: u64,
    /// Follows wire bytes in a chunked body.
    scan: ChunkScan,
    /// Whether the head was made of wire bytes; then the whole response is.
    is_head_wire: bool,
    /// Whether only the head is sent.
    is_bodiless: bool,
    /// Wire bytes that are no part of a head or body.
    odd: Vec<u8>,
}

/// The client has gone.
struct PeerGone;

impl WirePlay {
    /// Writes the pieces.
    async fn play(self, tap: &mut Tap) -> After {
        let mut writing = Writing {
            tap,
            exchange: self.exchange,
            pending: Vec::new(),
            framing: None,
            length: 0,
            scan: ChunkScan::default(),
            is_head_wire: false,
            is_bodiless: self.is_bodiless,
            odd: Vec::new(),
        };
        let mut ending = Ending::Complete;
        for piece in joined(self.pieces) {
            if let Piece::End(end) = piece {
                ending = end;
                break;
            }
            if writing.piece(piece).await.is_err() {
                writing.end(End::PeerClosed);
                return After::Gone;
            }
        }
        writing.finish(ending, self.is_keep_alive).await
    }
}

impl Writing<'_> {
    async fn piece(&mut self, piece: Piece) -> Result<(), PeerGone> {
        match piece {
            Piece::Head(head) => self.head(head),
            Piece::Body { .. } if self.is_bodiless => {}
            Piece::Body { bytes, flush, .. } => {
                self.length += bytes.len() as u64;
                self.exchange.data(&bytes);
                self.body(&bytes);
                if flush {
                    self.write().await?;
                }
            }
            Piece::Wire(bytes) => {
                self.wire(&bytes);
                self.pending.extend_from_slice(&bytes);
            }
            Piece::Wait(time) => {
                self.write().await?;
                self.unless_gone(tokio::time::sleep(time)).await?;
            }
            Piece::Gate(name) => {
                self.write().await?;
                let gates = self.exchange.shared.gates.clone();
                self.unless_gone(gates.pass(&name)).await?;
            }
            Piece::End(_) => {}
        }
        Ok(())
    }

    /// The head goes out with what follows it at once.
    fn head(&mut self, head: Head) {
        self.pending.extend_from_slice(&head_bytes(&head));
        let headers = framed(&head);
        self.framing = Some(head.framing);
        let content = content_kind(&headers);
        self.exchange
            .head(Some(head.status), Some(headers), content);
    }

    fn body(&mut self, bytes: &[u8]) {
        if self.framing == Some(Framing::Chunked) {
            self.pending.extend_from_slice(&chunk(bytes));
        } else {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// Writes down what wire bytes are to a client: content of the body, or nothing it could read.
    fn wire(&mut self, bytes: &Bytes) {
        match self.framing {
            None => self.wire_head(bytes),
            Some(Framing::Length(_) | Framing::UntilClose) => {
                self.length += bytes.len() as u64;
                self.exchange.data(bytes);
            }
            Some(Framing::Chunked) => {
                let mut content = Vec::new();
                let read = self
                    .scan
                    .push_data(bytes, |part| content.extend_from_slice(part));
                if self.scan.is_broken() {
                    self.odd.extend_from_slice(bytes);
                } else {
                    self.odd.extend_from_slice(&bytes[read..]);
                }
                self.exchange.data(&content.into());
            }
        }
    }

    /// Wire bytes before any head are the head, as far as they are one: then the response is written down as any other.
    fn wire_head(&mut self, bytes: &[u8]) {
        self.odd.extend_from_slice(bytes);
        let Some((head, length)) = parse_head(&self.odd) else {
            return;
        };
        let body = Bytes::from(self.odd.split_off(length));
        self.odd.clear();
        self.is_head_wire = true;
        self.framing = Some(head.framing);
        let content = content_kind(&head.headers);
        self.exchange
            .head(Some(head.status), Some(head.headers), content);
        self.wire(&body);
    }

    async fn write(&mut self) -> Result<(), PeerGone> {
        self.exchange.write();
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let written = self.tap.write_all(&pending).await;
        written.map_err(|_| PeerGone)
    }

    /// Waits for something, or for the client to go.
    async fn unless_gone(&mut self, wait: impl Future<Output = ()>) -> Result<(), PeerGone> {
        tokio::select! {
            biased;
            () = wait => Ok(()),
            () = self.tap.peer_gone() => Err(PeerGone),
        }
    }

    fn end(&mut self, end: End) {
        if self.framing.is_none() {
            self.exchange.head(None, None, ContentKind::NotRecorded);
        }
        let extra = (!self.odd.is_empty()).then(|| {
            let odd = String::from_utf8_lossy(&self.odd);
            serde_json::json!({ "wire": odd })
        });
        self.exchange.end(end, extra);
    }

    async fn finish(mut self, ending: Ending, is_keep_alive: bool) -> After {
        match ending {
            Ending::Complete => {
                let is_chunked = self.framing == Some(Framing::Chunked);
                if is_chunked && !self.is_head_wire && !self.is_bodiless {
                    self.pending.extend_from_slice(b"0\r\n\r\n");
                }
                let is_kept = match self.framing {
                    Some(Framing::Chunked | Framing::Length(_)) if self.is_bodiless => true,
                    Some(Framing::Chunked) if self.is_head_wire => self.scan.is_done(),
                    Some(Framing::Chunked) => !self.scan.is_broken(),
                    Some(Framing::Length(length)) => length == self.length,
                    Some(Framing::UntilClose) | None => false,
                };
                let is_complete = is_kept || self.framing == Some(Framing::UntilClose);
                let end = if is_complete {
                    End::Complete
                } else {
                    End::Closed
                };
                self.end(end);
                if self.write().await.is_err() {
                    After::Gone
                } else if is_keep_alive && is_kept {
                    After::KeepAlive
                } else {
                    self.close().await
                }
            }
            Ending::Close => {
                self.end(End::Closed);
                // A client that has gone before sees no close.
                let _ = self.write().await;
                self.close().await
            }
            Ending::Reset => {
                self.end(End::Reset);
                let _ = self.write().await;
                self.reset().await
            }
            Ending::Stall(time) => {
                let is_gone = self.write().await.is_err();
                if !is_gone {
                    let time = time.unwrap_or(Duration::MAX);
                    let shared = self.exchange.shared.clone();
                    let _stalled = shared.stall();
                    let _ = self.unless_gone(tokio::time::sleep(time)).await;
                }
                self.end(End::Stall);
                self.close().await
            }
        }
    }

    async fn close(self) -> After {
        close(self.tap).await;
        After::Gone
    }

    async fn reset(self) -> After {
        reset(self.tap).await;
        After::Gone
    }
}

/// Closes the sending side and gives the client time to read: when unread bytes of it are there at a close, the system
/// resets the connection instead, and what was sent last may be lost.
pub(super) async fn close(tap: &mut Tap) {
    if tap.shutdown().await.is_ok() {
        let _ = tokio::time::timeout(LINGER, tap.discard()).await;
    }
}

/// Makes the system reset the connection when the socket is dropped.
pub(super) async fn reset(tap: &Tap) {
    tokio::time::sleep(BEFORE_RESET).await;
    // A socket that is gone can't be reset.
    let _ = tap.stream().set_zero_linger();
}

/// The head at the start of these bytes with its length, once it is whole. Its header list has the fields of the framing.
fn parse_head(bytes: &[u8]) -> Option<(Head, usize)> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = response.parse(bytes).ok()? else {
        return None;
    };
    let headers: HeaderList = response
        .headers
        .iter()
        .map(|field| (field.name, String::from_utf8_lossy(field.value)))
        .collect();
    let framing = match (
        headers.get("transfer-encoding"),
        headers.get("content-length"),
    ) {
        (Some(_), _) => Framing::Chunked,
        (None, Some(length)) => Framing::Length(length.trim().parse().ok()?),
        (None, None) => Framing::UntilClose,
    };
    let head = Head {
        status: response.code?,
        headers,
        framing,
    };
    Some((head, length))
}

/// What the capture keeps of a response with these headers.
pub(super) fn content_kind(headers: &HeaderList) -> ContentKind {
    let is_stream = headers.get("content-type").is_some_and(|kind| {
        kind.trim_start()
            .to_ascii_lowercase()
            .starts_with("text/event-stream")
    });
    match is_stream {
        true => ContentKind::Events,
        false => ContentKind::Body,
    }
}
