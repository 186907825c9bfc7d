//! Bytes that were read from one side and not written to the other.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

/// Bytes asked of a socket at once.
const READ_BYTES: usize = 64 << 10;

/// Bytes on their way.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, start: 0 }
    }
}

impl Buffer {
    /// The bytes.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Forgets the first so many of them.
    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// Gives the memory back, if there are no bytes.
    pub(super) fn release(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
    }

    /// Reads more behind the bytes that are here, and says how many; none at the end.
    pub(super) fn poll_fill<R: AsyncRead + Unpin>(
        &mut self,
        from: &mut R,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.start > READ_BYTES {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.reserve(READ_BYTES);
        let mut room = (&mut self.bytes).limit(READ_BYTES);
        // This future keeps nothing between polls.
        pin!(from.read_buf(&mut room)).poll(cx)
    }

    /// Writes some of the first so many bytes, and says how many.
    pub(super) fn poll_drain<W: AsyncWrite + Unpin>(
        &mut self,
        count: usize,
        to: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let bytes = &self.bytes[self.start..self.start + count];
        let written = match pin!(to).poll_write(cx, bytes) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(written)) => written,
            other => return other,
        };
        self.consume(written);
        Poll::Ready(Ok(written))
    }
}
