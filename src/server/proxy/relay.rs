//! One exchange on its way through: bytes go both ways as they come, and are looked at in passing.
//!
//! Nothing waits for more than a head to be complete. What is known of the response is in the capture before the bytes
//! that tell it go on to the client.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::capture::{Direction, End};
use crate::http::HeaderList;

use super::super::framing::head_length;
use super::super::head::MAX_HEAD_BYTES;
use super::buffer::Buffer;
use super::frames::Compression;
use super::message::BodyScan;
use super::response::ResponseHead;
use super::stand_in::is_diverted;
use super::stream::Stream;
use super::taken::Taken;
use super::talk::Talk;

/// How long the upstream of a WebSocket may go on when the client has gone.
const LINGER: Duration = Duration::from_secs(1);
/// Most bytes of later requests that are read before it is their turn.
const MAX_EARLY: usize = 64 << 10;

/// What becomes of the client's connection after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It can take the next request.
    Next,
    /// It is closed.
    Close,
    /// It is reset.
    Reset,
    /// Nothing was sent on it: the stand-in leaves the request to the upstream.
    Elsewhere,
}

/// An exchange that is being passed on.
#[derive(Debug)]
pub(super) struct Relay<'a> {
    pub(super) client: &'a mut TcpStream,
    /// What was read of the client, from the body of this request on.
    pub(super) input: &'a mut Buffer,
    pub(super) upstream: &'a mut Stream,
    pub(super) taken: Taken,
    up: Up,
    down: Down,
    after: Option<After>,
    /// Whether the upstream is a stand-in, which may leave the request to another.
    pub(super) is_stand_in: bool,
    /// Runs when the client of a WebSocket has gone.
    linger: Option<Pin<Box<Sleep>>>,
}

/// The way of the request.
#[derive(Debug)]
struct Up {
    /// The head, and what of the body was there with it.
    first: Buffer,
    body: BodyScan,
    /// How many bytes of the input belong to the request.
    ready: usize,
    is_taken: bool,
    /// Whether written bytes may still wait in the TLS layer.
    is_unflushed: bool,
    is_client_at_end: bool,
    /// Whether nothing more can be sent to the upstream.
    is_closed: bool,
}

/// The way of the response.
#[derive(Debug)]
struct Down {
    buffer: Buffer,
    /// How many of its bytes were looked at and may go on.
    ready: usize,
    state: State,
    /// What becomes of the client's connection once all is written, when the upstream has ended.
    ended: Option<After>,
}

/// What the next bytes of the upstream are.
#[derive(Debug)]
enum State {
    /// A head, of which no end was found in so many bytes.
    Head(usize),
    Body(BodyScan),
    /// Nothing that is understood.
    Raw,
    WebSocket(Box<Talk>),
    /// No part of this response.
    Done,
}

impl<'a> Relay<'a> {
    /// A request with what of it is to be sent first, its head at least, and with the rest of its body.
    pub(super) fn new(
        client: &'a mut TcpStream,
        input: &'a mut Buffer,
        upstream: &'a mut Stream,
        taken: Taken,
        first: Vec<u8>,
        body: BodyScan,
    ) -> Self {
        let mut relay = Self {
            client,
            input,
            upstream,
            taken,
            up: Up {
                first: Buffer::default(),
                body,
                ready: 0,
                is_taken: false,
                is_unflushed: false,
                is_client_at_end: false,
                is_closed: false,
            },
            down: Down {
                buffer: Buffer::default(),
                ready: 0,
                state: State::Head(0),
                ended: None,
            },
            after: None,
            is_stand_in: false,
            linger: None,
        };
        // What came together goes on together.
        relay.scan_request();
        let mut first = first;
        first.extend_from_slice(&relay.input.rest()[..relay.up.ready]);
        relay.up.first = Buffer::from(first);
        relay.input.consume(std::mem::take(&mut relay.up.ready));
        relay
    }

    /// Begins within a WebSocket that both sides have agreed on, without extensions.
    pub(super) fn begin_websocket(&mut self) {
        self.down.state = State::WebSocket(Box::new(Talk::new(
            Compression::agreed(&HeaderList::new()),
            self.taken.kept_bytes(),
        )));
    }

    /// Passes bytes on until the exchange has ended; gives what was written down of it.
    pub(super) async fn run(mut self) -> (After, Taken) {
        let after = poll_fn(|cx| self.poll(cx)).await;
        (after, self.taken)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<After> {
        loop {
            let mut has_moved = false;
            while self.after.is_none() && self.poll_up(cx) {
                has_moved = true;
            }
            while self.after.is_none() && self.poll_down(cx) {
                has_moved = true;
            }
            if let Some(after) = self.after {
                return Poll::Ready(after);
            }
            if !has_moved && !self.poll_linger(cx) {
                return Poll::Pending;
            }
        }
    }

    /// Whether the client of a WebSocket has gone and its upstream has had time to go, too; not all do by themselves.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> bool {
        let is_websocket = matches!(self.down.state, State::WebSocket(_));
        if !is_websocket || !self.up.is_client_at_end {
            return false;
        }
        let timer = self
            .linger
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        let is_over = timer.as_mut().poll(cx).is_ready();
        if is_over {
            self.upstream_ended(End::Closed);
            self.after = Some(After::Close);
        }
        is_over
    }

    /// Does one thing for the request; false when there is nothing to do for now.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> bool {
        if self.up.is_closed {
            return self.poll_client(cx);
        }
        let unsent = self.up.first.rest().len();
        if unsent > 0 {
            let sent = self.up.first.poll_drain(unsent, self.upstream, cx);
            return self.sent(sent).is_some();
        }
        if self.up.ready > 0 {
            let sent = self.input.poll_drain(self.up.ready, self.upstream, cx);
            let sent = self.sent(sent);
            self.up.ready -= sent.unwrap_or(0);
            return sent.is_some();
        }
        if self.up.is_unflushed {
            let flushed = Pin::new(&mut *self.upstream).poll_flush(cx);
            self.up.is_unflushed = flushed.is_pending();
            return self.sent(flushed.map_ok(|()| 0)).is_some();
        }
        if self.scan_request() {
            return true;
        }
        if self.up.body.is_done() && !self.up.is_taken {
            self.up.is_taken = true;
            self.taken.request_done(self.up.body.trailer());
            return true;
        }
        if self.up.is_client_at_end {
            let shut = Pin::new(&mut *self.upstream).poll_shutdown(cx);
            self.up.is_closed = shut.is_ready();
            return self.up.is_closed;
        }
        self.poll_client(cx)
    }

    /// How many bytes went to the upstream; `None` when it takes none for now. One that takes no more may still have an
    /// answer to send.
    fn sent(&mut self, outcome: Poll<io::Result<usize>>) -> Option<usize> {
        match outcome {
            Poll::Pending => None,
            Poll::Ready(Ok(count)) => {
                self.up.is_unflushed |= count > 0;
                Some(count)
            }
            Poll::Ready(Err(_)) => {
                self.up.is_closed = true;
                Some(0)
            }
        }
    }

    /// Finds out how many bytes of the input belong to the request; false when it is known that none do.
    fn scan_request(&mut self) -> bool {
        let bytes = &self.input.rest()[self.up.ready..];
        if bytes.is_empty() || self.up.is_closed {
            return false;
        }
        if let State::WebSocket(talk) = &mut self.down.state {
            talk.take(Direction::ClientToServer, bytes, &mut self.taken);
            self.up.ready += bytes.len();
            self.taken.write();
            return true;
        }
        if self.up.body.is_done() {
            return false;
        }
        let taken = &mut self.taken;
        let count = self.up.body.push(bytes, |data| taken.request_data(data));
        self.up.ready += count;
        if self.up.body.is_broken() {
            // The upstream says what it thinks of such a body; nothing behind it is a request.
            self.taken
                .note("request_framing", "the chunks of the body are none");
            self.up.ready = self.input.rest().len();
            self.up.body = BodyScan::UntilClose;
        }
        true
    }

    /// Reads what the client sends; false when nothing came.
    fn poll_client(&mut self, cx: &mut Context<'_>) -> bool {
        let is_wanted = match &self.down.state {
            _ if self.up.is_closed => false,
            State::WebSocket(_) => true,
            _ => !self.up.body.is_done() || self.input.rest().len() < MAX_EARLY,
        };
        if !is_wanted || self.up.is_client_at_end {
            return false;
        }
        match self.input.poll_fill(self.client, cx) {
            Poll::Pending => return false,
            Poll::Ready(Ok(0)) => self.up.is_client_at_end = true,
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(_)) => {
                self.upstream.reset();
                self.client_gone();
            }
        }
        true
    }

    fn client_gone(&mut self) {
        self.taken.end(End::PeerClosed);
        self.after = Some(After::Close);
    }

    /// Does one thing for the response; false when there is nothing to do for now.
    fn poll_down(&mut self, cx: &mut Context<'_>) -> bool {
        if self.down.ready > 0 {
            return match self
                .down
                .buffer
                .poll_drain(self.down.ready, self.client, cx)
            {
                Poll::Pending => false,
                Poll::Ready(Ok(written)) => {
                    self.down.ready -= written;
                    true
                }
                Poll::Ready(Err(_)) => {
                    self.client_gone();
                    true
                }
            };
        }
        if let Some(after) = self.down.ended {
            self.after = Some(after);
            return true;
        }
        let is_done = matches!(self.down.state, State::Done);
        if is_done && (self.up.is_taken || self.up.is_closed) {
            self.after = Some(match self.up.is_closed {
                true => After::Close,
                false => After::Next,
            });
            return true;
        }
        match self.down.buffer.poll_fill(self.upstream, cx) {
            Poll::Pending => return false,
            Poll::Ready(Ok(0)) => self.upstream_ended(End::Closed),
            Poll::Ready(Ok(_)) => self.scan_response(),
            Poll::Ready(Err(error)) => match error.kind() {
                io::ErrorKind::ConnectionReset => self.upstream_ended(End::Reset),
                _ => {
                    self.taken.note("upstream", &error.to_string());
                    self.upstream_ended(End::Closed);
                }
            },
        }
        self.taken.write();
        if self.taken.is_lost() {
            // The client sees nothing that is not in the capture.
            self.after = Some(After::Close);
        }
        true
    }

    /// The upstream sends no more.
    fn upstream_ended(&mut self, end: End) {
        self.down.ended = Some(match end {
            End::Reset => After::Reset,
            _ => After::Close,
        });
        let is_complete = match &mut self.down.state {
            State::Body(BodyScan::UntilClose) => end == End::Closed,
            State::WebSocket(talk) => {
                self.taken.odd(&talk.server.take_partial());
                talk.is_closed_by_client && talk.is_closed_by_server
            }
            State::Head(_) => {
                // What came of a head goes on, too.
                let rest = self.down.buffer.rest();
                self.taken.odd(rest);
                self.down.ready = rest.len();
                false
            }
            _ => false,
        };
        self.taken.end(match end {
            _ if is_complete => End::Complete,
            _ if self.up.is_client_at_end => End::PeerClosed,
            end => end,
        });
    }

    /// Looks at what came of the upstream.
    fn scan_response(&mut self) {
        loop {
            let bytes = &self.down.buffer.rest()[self.down.ready..];
            if bytes.is_empty() {
                return;
            }
            match &mut self.down.state {
                State::Head(seen) => match head_length(bytes, seen) {
                    Some(length) if length <= MAX_HEAD_BYTES => {
                        let head = ResponseHead::parse(&bytes[..length]);
                        let Some(head) = head else {
                            self.down.state = State::Raw;
                            continue;
                        };
                        if self.is_stand_in && is_diverted(&head) {
                            self.after = Some(After::Elsewhere);
                            return;
                        }
                        self.down.ready += length;
                        self.response_head(head);
                    }
                    None if bytes.len() <= MAX_HEAD_BYTES => return,
                    _ => self.down.state = State::Raw,
                },
                State::Body(scan) => {
                    let taken = &mut self.taken;
                    let count = scan.push(bytes, |data| taken.data(data));
                    self.down.ready += count;
                    if scan.is_broken() {
                        self.taken.odd(&bytes[count.saturating_sub(1)..]);
                        self.down.ready += bytes.len() - count;
                        self.down.state = State::Raw;
                    } else if scan.is_done() {
                        self.response_done();
                    }
                }
                State::WebSocket(talk) => {
                    talk.take(Direction::ServerToClient, bytes, &mut self.taken);
                    self.down.ready += bytes.len();
                }
                State::Raw => {
                    self.taken.odd(bytes);
                    self.down.ready += bytes.len();
                }
                // Nobody asked for it. It goes on, and the connection ends with it.
                State::Done => {
                    self.down.ready += bytes.len();
                    self.down.ended = Some(After::Close);
                }
            }
        }
    }

    fn response_head(&mut self, head: ResponseHead) {
        if head.is_interim() {
            self.taken.interim(&head);
            self.down.state = State::Head(0);
            return;
        }
        let request = self.taken.request();
        let framing = head.framing(&request.method);
        let is_asked_for = request.headers.get("upgrade").is_some();
        self.down.state = match head.status {
            101 if is_asked_for => {
                let compression = Compression::agreed(&head.headers);
                State::WebSocket(Box::new(Talk::new(compression, self.taken.kept_bytes())))
            }
            101 => State::Raw,
            _ => State::Body(framing),
        };
        self.taken.head(head);
        if matches!(&self.down.state, State::Body(scan) if scan.is_done()) {
            self.response_done();
        }
    }

    fn response_done(&mut self) {
        let state = std::mem::replace(&mut self.down.state, State::Done);
        if let State::Body(scan) = state {
            self.taken.note_trailer("trailers", scan.trailer());
        }
        let surplus = &self.down.buffer.rest()[self.down.ready..];
        self.taken.odd(surplus);
        self.taken.end(match surplus.is_empty() {
            true => End::Complete,
            false => End::Closed,
        });
    }
}
