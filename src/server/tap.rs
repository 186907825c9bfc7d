//! A layer between the socket and hyper that keeps the head of each request as it was sent.
//!
//! hyper's header map knows neither the order of fields nor the case of names. So the tap follows the framing of
//! requests far enough to tell where each head begins, and gives hyper no byte behind the current request: what has
//! arrived early stays here, also when the socket is taken back from hyper to play a response byte for byte.
//!
//! A body that came whole with its head goes past hyper, which would copy it: the head that hyper sees has the length 0.

use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use hyper::rt::ReadBufCursor;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::framing::{ChunkScan, Framing, head_length, length_digits};
use super::head::{MAX_HEAD_BYTES, RequestHead};

/// Bytes asked of the socket at once.
const READ_BYTES: usize = 64 << 10;

/// How long the next request is looked for behind a response before the thread sleeps. A client on the same machine, which
/// sleeps itself until then, sends it within this time, and to fall asleep and be woken would take as long again.
const LOOKING: Duration = Duration::from_micros(400);

/// How often the socket is asked before others are given the thread.
const LOOKS: usize = 8;

/// The head that was seen last, and whether its request is still being answered: until it is, no other head is read.
#[derive(Debug, Clone, Default)]
pub(super) struct Heads(Arc<Mutex<Current>>);

#[derive(Debug, Default)]
struct Current {
    head: Option<RequestHead>,
    /// Its body, unless hyper reads that.
    body: Option<Bytes>,
    is_busy: bool,
    /// When the request before was answered.
    answered: Option<Instant>,
    /// Who waits for the next head.
    waker: Option<Waker>,
}

impl Heads {
    /// Takes the head of the current request, and its body, unless hyper reads that.
    pub(super) fn next(&self) -> Option<(RequestHead, Option<Bytes>)> {
        let mut current = self.lock();
        let head = current.head.take()?;
        Some((head, current.body.take()))
    }

    /// Says that the current request is answered.
    pub(super) fn release(&self) {
        let mut current = self.lock();
        current.is_busy = false;
        current.answered = Some(Instant::now());
        if let Some(waker) = current.waker.take() {
            waker.wake();
        }
    }

    fn push(&self, head: RequestHead, body: Option<Bytes>) {
        let mut current = self.lock();
        current.head = Some(head);
        current.body = body;
        current.is_busy = true;
    }

    fn is_busy(&self) -> bool {
        self.lock().is_busy
    }

    /// Whether a request was answered so short a time ago that the next one may come at once.
    fn is_next_near(&self) -> bool {
        let answered = self.lock().answered;
        answered.is_some_and(|answered| answered.elapsed() < LOOKING)
    }

    /// Has the task woken when the current request is answered; false if it is already.
    fn wait(&self, cx: &Context<'_>) -> bool {
        let mut current = self.lock();
        current.waker = Some(cx.waker().clone());
        current.is_busy
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the next bytes of the connection are.
#[derive(Debug)]
enum Reading {
    /// A head, of which no end was found in the buffer's first so many bytes.
    Head(usize),
    /// A body with so many bytes to come.
    Body(u64),
    /// A body in chunks.
    Chunks(ChunkScan),
    /// Nothing that is understood.
    Rest,
}

impl Reading {
    /// What is behind a part of a body of which so many bytes are to come.
    fn body(left: u64) -> Self {
        match left {
            0 => Reading::Head(0),
            left => Reading::Body(left),
        }
    }
}

/// How many of the bytes that are there belong to a body of which so many are left.
fn within(left: u64, there: usize) -> usize {
    usize::try_from(left).map_or(there, |left| left.min(there))
}

/// A socket with the tap.
#[derive(Debug)]
pub(super) struct Tap {
    stream: TcpStream,
    heads: Heads,
    reading: Reading,
    /// What was read and not handed out, from `start` on.
    buffer: BytesMut,
    start: usize,
    /// Room for the next request while it is looked for; empty else.
    room: BytesMut,
    /// How many bytes from `start` on belong to the current request.
    ready: usize,
    is_at_end: bool,
    head_timeout: Duration,
    /// Runs while a head is incomplete.
    head_timer: Option<Pin<Box<Sleep>>>,
    began: Option<Instant>,
}

impl Tap {
    pub(super) fn new(stream: TcpStream, head_timeout: Duration) -> Self {
        Self {
            stream,
            heads: Heads::default(),
            reading: Reading::Head(0),
            buffer: BytesMut::new(),
            start: 0,
            room: BytesMut::new(),
            ready: 0,
            is_at_end: false,
            head_timeout,
            head_timer: None,
            began: None,
        }
    }

    /// The heads that are seen from now on.
    pub(super) fn heads(&self) -> Heads {
        self.heads.clone()
    }

    /// The socket itself.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// What was read of a head that is not complete.
    fn unfinished_head(&self) -> Option<&[u8]> {
        match self.reading {
            Reading::Head(_) if self.start < self.buffer.len() => Some(&self.buffer[self.start..]),
            _ => None,
        }
    }

    /// What was read of a head that never became complete.
    pub(super) fn broken_head(&self) -> Option<RequestHead> {
        let began = self.began.unwrap_or_else(Instant::now);
        self.unfinished_head()
            .map(|bytes| RequestHead::broken(bytes, began))
    }

    /// Puts bytes back that hyper had read ahead.
    pub(super) fn unread(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let rest = self.buffer.split_off(self.start);
            self.buffer = BytesMut::from(bytes);
            self.buffer.extend_from_slice(&rest);
            self.start = 0;
        }
    }

    /// Waits until the peer has closed its side or the connection broke. What it sends meanwhile is kept up to the
    /// length of a head; a peer that sends more is not read until it is its turn.
    pub(super) async fn peer_gone(&mut self) {
        while self.buffer.len() - self.start < MAX_HEAD_BYTES {
            match std::future::poll_fn(|cx| self.poll_fill(cx)).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        std::future::pending().await
    }

    /// Reads and throws away until the peer has closed its side or the connection broke.
    pub(super) async fn discard(&mut self) {
        loop {
            self.buffer.clear();
            self.start = 0;
            match std::future::poll_fn(|cx| self.poll_fill(cx)).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// Reads more into the buffer.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        loop {
            if self.stream.poll_read_ready(cx)?.is_pending() {
                if self.buffer.is_empty() && !self.heads.is_next_near() {
                    // An idle connection holds no memory.
                    self.buffer = BytesMut::new();
                    self.room = BytesMut::new();
                }
                return Poll::Pending;
            }
            self.buffer.reserve(READ_BYTES);
            let mut room = (&mut self.buffer).limit(READ_BYTES);
            // Unlike `try_read_buf`, this knows that what leaves room has emptied the socket, and does not ask it again.
            if let Poll::Ready(outcome) = pin!(self.stream.read_buf(&mut room)).poll(cx) {
                return Poll::Ready(outcome);
            }
        }
    }

    /// Asks the socket itself for the next request a few times, where nothing was read of it; says whether something came.
    /// To learn of it from the runtime takes longer.
    fn look(&mut self) -> bool {
        if self.start < self.buffer.len() {
            return false;
        }
        // Made before it is needed.
        self.room.resize(READ_BYTES, 0);
        for _ in 0..LOOKS {
            match recv(&self.stream, &mut self.room[..], RecvFlags::DONTWAIT) {
                Ok((count, _)) if count > 0 => {
                    self.room.truncate(count);
                    self.buffer = std::mem::take(&mut self.room);
                    self.start = 0;
                    return true;
                }
                // All others go first: the client, if it is on this processor, and other connections.
                Err(Errno::AGAIN) => std::thread::yield_now(),
                // The next read tells.
                _ => break,
            }
        }
        false
    }

    /// Finds out how many of the bytes in the buffer may be handed out.
    fn advance(&mut self) {
        if self.ready > 0 || self.start == self.buffer.len() {
            return;
        }
        let bytes = &self.buffer[self.start..];
        match &mut self.reading {
            Reading::Head(_) if self.heads.is_busy() => {}
            Reading::Head(seen) => {
                self.began.get_or_insert_with(Instant::now);
                match head_length(bytes, seen) {
                    Some(length) if length <= MAX_HEAD_BYTES => {
                        let began = self.began.take().unwrap_or_else(Instant::now);
                        self.take_head(length, began);
                    }
                    _ if bytes.len() > MAX_HEAD_BYTES || self.is_at_end => {
                        let began = self.began.take().unwrap_or_else(Instant::now);
                        self.heads.push(RequestHead::broken(bytes, began), None);
                        self.ready = bytes.len();
                        self.reading = Reading::Rest;
                    }
                    _ => {}
                }
            }
            Reading::Body(left) => {
                let here = within(*left, bytes.len());
                self.ready = here;
                self.reading = Reading::body(*left - here as u64);
            }
            Reading::Chunks(scan) => {
                self.ready = scan.push(bytes);
                if scan.is_broken() {
                    self.ready = bytes.len();
                    self.reading = Reading::Rest;
                } else if scan.is_done() {
                    self.reading = Reading::Head(0);
                }
            }
            Reading::Rest => self.ready = bytes.len(),
        }
    }

    /// Takes note of the head of this length that the buffer begins with.
    fn take_head(&mut self, length: usize, began: Instant) {
        let (bytes, there) = self.buffer[self.start..].split_at(length);
        let there = there.len();
        let (head, framing) = RequestHead::parse(bytes, began);
        let mut whole = None;
        self.head_timer = None;
        self.ready = length;
        self.reading = match framing {
            Framing::Length(body) => {
                let is_here = body > 0 && body == there as u64;
                if let Some(digits) = is_here.then(|| length_digits(bytes)).flatten() {
                    whole = Some(self.buffer.split_off(self.start + length).freeze());
                    self.buffer[self.start..][digits].fill(b'0');
                    Reading::Head(0)
                } else {
                    // What came of it is handed out with the head, which saves hyper one turn.
                    let here = within(body, there);
                    self.ready += here;
                    Reading::body(body - here as u64)
                }
            }
            Framing::Chunked => Reading::Chunks(ChunkScan::default()),
            Framing::Unknown => Reading::Rest,
        };
        self.heads.push(head, whole);
    }

    fn poll_head_timer(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.unfinished_head().is_none() {
            return Ok(());
        }
        let timeout = self.head_timeout;
        let timer = self
            .head_timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl hyper::rt::Read for Tap {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            this.advance();
            let count = this.ready.min(cursor.remaining());
            if count > 0 {
                cursor.put_slice(&this.buffer[this.start..this.start + count]);
                this.start += count;
                this.ready -= count;
                return Poll::Ready(Ok(()));
            }
            let kept = this.buffer.len() - this.start;
            let is_early = kept > 0 && this.heads.is_busy();
            if is_early && (this.is_at_end || kept >= MAX_HEAD_BYTES) {
                if this.heads.wait(cx) {
                    return Poll::Pending;
                }
                continue;
            }
            if this.is_at_end || cursor.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            match this.poll_fill(cx) {
                Poll::Ready(Ok(0)) => this.is_at_end = true,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if this.heads.wait(cx) => return Poll::Pending,
                // The request was answered just now, and the next one has arrived before.
                Poll::Pending if is_early => {}
                Poll::Pending => {
                    this.poll_head_timer(cx)?;
                    if this.heads.is_next_near() {
                        if this.look() {
                            continue;
                        }
                        let _ = pin!(tokio::task::yield_now()).poll(cx);
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

/// For WebSockets and for bytes that are written without hyper: the stream as it is, read-ahead bytes first.
impl AsyncRead for Tap {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let count = (this.buffer.len() - this.start).min(out.remaining());
        if count > 0 {
            out.put_slice(&this.buffer[this.start..this.start + count]);
            this.start += count;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_read(cx, out)
    }
}

macro_rules! write_through {
    ($($path:tt)*) => {
        impl $($path)* for Tap {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                slices: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
            }

            fn is_write_vectored(&self) -> bool {
                self.stream.is_write_vectored()
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.get_mut().stream).poll_flush(cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
            }
        }
    };
}

write_through!(hyper::rt::Write);
write_through!(AsyncWrite);
