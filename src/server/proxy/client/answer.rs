//! Reads the answer to one request, and writes it down as it comes.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::capture::End;

use super::super::super::framing::head_length;
use super::super::super::head::MAX_HEAD_BYTES;
use super::super::message::BodyScan;
use super::super::response::ResponseHead;
use super::super::stream::Stream;
use super::super::taken::Taken;
use super::handle::Answer;

/// How much is read at once.
const READ_BYTES: usize = 64 << 10;

/// An answer as far as it came.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) taken: Taken,
    pub(super) answer: Answer,
    /// What came and was not looked at: the beginning of a head, or what stands behind one that ends the HTTP part.
    pub(super) rest: Vec<u8>,
    state: State,
    /// Most bytes of the content that are kept.
    limit: usize,
    /// Whether the head of a WebSocket is waited for: what stands behind it is no body.
    is_handshake: bool,
}

#[derive(Debug)]
enum State {
    /// A head, of which no end was found in so many bytes.
    Head(usize),
    Body(BodyScan),
    /// Nothing that is understood.
    Raw,
    Done(End),
    /// What follows belongs to a WebSocket.
    Switched,
}

impl Reading {
    pub(super) fn new(taken: Taken, is_handshake: bool) -> Self {
        Self {
            limit: taken.kept_bytes(),
            taken,
            answer: Answer::default(),
            rest: Vec::new(),
            state: State::Head(0),
            is_handshake,
        }
    }

    /// Sends the request and reads its answer; a server may answer before it has read all.
    pub(super) async fn run(&mut self, stream: &mut Stream, request: &[u8]) {
        let (mut input, mut output) = tokio::io::split(stream);
        let write = async move {
            // A server that takes no more may still have an answer to send.
            let _ = output.write_all(request).await;
            let _ = output.flush().await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = write => {}
            () = self.read(&mut input) => {}
        }
    }

    async fn read(&mut self, input: &mut (impl AsyncRead + Unpin)) {
        let mut bytes = vec![0; READ_BYTES];
        while !self.is_over() {
            match input.read(&mut bytes).await {
                Ok(0) => self.ended(End::Closed),
                Ok(count) => self.push(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    self.ended(End::Reset);
                }
                Err(error) => {
                    self.taken.note("upstream", &error.to_string());
                    self.ended(End::Closed);
                }
            }
            self.taken.write();
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.state, State::Done(_) | State::Switched)
    }

    /// Whether what follows is a WebSocket.
    pub(super) fn is_switched(&self) -> bool {
        matches!(self.state, State::Switched)
    }

    /// Takes the end down; what was not ended is given up.
    pub(super) fn finish(mut self) -> Answer {
        let end = match self.state {
            State::Done(end) => end,
            _ => {
                self.answer.is_given_up = true;
                End::PeerClosed
            }
        };
        self.answer.is_complete = end == End::Complete;
        self.taken.end(end);
        self.answer
    }

    fn ended(&mut self, end: End) {
        let is_complete = matches!(self.state, State::Body(BodyScan::UntilClose));
        let rest = std::mem::take(&mut self.rest);
        self.taken.odd(&rest);
        self.state = State::Done(match end {
            End::Closed if is_complete => End::Complete,
            end => end,
        });
    }

    fn push(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        while !self.rest.is_empty() && !self.is_over() {
            match &mut self.state {
                State::Head(seen) => match head_length(&self.rest, seen) {
                    Some(length) if length <= MAX_HEAD_BYTES => self.take_head(length),
                    None if self.rest.len() <= MAX_HEAD_BYTES => return,
                    _ => self.state = State::Raw,
                },
                State::Body(scan) => {
                    let (taken, answer, limit) = (&mut self.taken, &mut self.answer, self.limit);
                    let count = scan.push(&self.rest, |data| {
                        taken.data(data);
                        let room = limit.saturating_sub(answer.content.len());
                        let kept = &data[..data.len().min(room)];
                        answer.content.extend_from_slice(kept);
                    });
                    let is_broken = scan.is_broken();
                    self.rest.drain(..count);
                    if is_broken {
                        self.state = State::Raw;
                    } else {
                        self.end_of_body();
                    }
                }
                State::Raw => {
                    let odd = std::mem::take(&mut self.rest);
                    self.taken.odd(&odd);
                }
                State::Done(_) | State::Switched => return,
            }
        }
    }

    fn take_head(&mut self, length: usize) {
        let Some(head) = ResponseHead::parse(&self.rest[..length]) else {
            self.state = State::Raw;
            return;
        };
        self.rest.drain(..length);
        if head.is_interim() {
            self.taken.interim(&head);
            self.state = State::Head(0);
            return;
        }
        self.answer.status = Some(head.status);
        self.answer.headers = head.headers.clone();
        self.state = match head.status {
            101 if self.is_handshake => State::Switched,
            101 => State::Raw,
            _ => State::Body(head.framing(&self.taken.request().method)),
        };
        self.taken.head(head);
        self.end_of_body();
    }

    /// The answer is complete where its body is.
    fn end_of_body(&mut self) {
        let State::Body(scan) = &self.state else {
            return;
        };
        if !scan.is_done() {
            return;
        }
        self.taken.note_trailer("trailers", scan.trailer());
        // Nobody asked for what stands behind it.
        let surplus = std::mem::take(&mut self.rest);
        self.taken.odd(&surplus);
        self.state = State::Done(match surplus.is_empty() {
            true => End::Complete,
            false => End::Closed,
        });
    }
}
