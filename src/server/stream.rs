//! Ordinary responses, streamed through hyper.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use hyper::body::{Body, Frame};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use crate::capture::End;
use crate::http::HeaderList;
use crate::script::Piece;

use super::exchange::Exchange;
use super::join::joined;
use super::tap::Heads;

/// The body of a response that is being played. When it is dropped the next request may be read.
pub(super) struct PlayedBody {
    heads: Heads,
    frames: Pin<Box<dyn Stream<Item = Bytes> + Send>>,
}

impl PlayedBody {
    /// A body that is sent at once.
    pub(super) fn whole(bytes: Bytes, heads: Heads) -> Self {
        Self {
            heads,
            frames: Box::pin(stream::iter([bytes])),
        }
    }
}

impl Drop for PlayedBody {
    fn drop(&mut self) {
        self.heads.release();
    }
}

impl Body for PlayedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.get_mut().frames.as_mut().poll_next(cx);
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// The response with this head, whose body plays the pieces; `None` where hyper would not send the head as it is.
pub(super) fn head(status: u16, headers: &HeaderList) -> Option<hyper::http::response::Builder> {
    let mut builder = Response::builder().status(StatusCode::from_u16(status).ok()?);
    // hyper sends no body with these, and writes names in lower case.
    if status < 200 || matches!(status, 204 | 304) {
        return None;
    }
    let fields = builder.headers_mut()?;
    for header in headers.iter() {
        if header.name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        let value = HeaderValue::from_bytes(header.value.as_bytes()).ok()?;
        fields.append(name, value);
    }
    Some(builder)
}

/// The body that plays the pieces behind a head.
pub(super) fn body(exchange: Exchange, pieces: Vec<Piece>, heads: Heads) -> PlayedBody {
    let playing = Playing {
        exchange,
        pieces: joined(pieces),
        is_flushing: false,
    };
    let frames = stream::unfold(playing, |mut playing| async move {
        let bytes = playing.next().await?;
        Some((bytes, playing))
    });
    PlayedBody {
        heads,
        frames: Box::pin(frames),
    }
}

struct Playing {
    exchange: Exchange,
    pieces: VecDeque<Piece>,
    /// Whether what was given last is to be written before anything is joined to it.
    is_flushing: bool,
}

impl Playing {
    async fn next(&mut self) -> Option<Bytes> {
        if std::mem::take(&mut self.is_flushing) {
            // hyper writes what it has when there is nothing more for the moment.
            tokio::task::yield_now().await;
        }
        loop {
            match self.pieces.pop_front() {
                Some(Piece::Body { bytes, flush, .. }) => {
                    self.is_flushing = flush;
                    if bytes.is_empty() {
                        continue;
                    }
                    self.take_down(&bytes);
                    return Some(bytes);
                }
                Some(Piece::Wait(time)) => {
                    self.exchange.write();
                    tokio::time::sleep(time).await;
                }
                Some(Piece::Gate(name)) => {
                    self.exchange.write();
                    self.exchange.shared.gates.pass(&name).await;
                }
                // Other pieces are not ordinary and are not played here.
                Some(Piece::Head(_) | Piece::Wire(_) | Piece::End(_)) => {}
                None => {
                    self.exchange.end(End::Complete, None);
                    return None;
                }
            }
        }
    }

    /// Writes down what is about to be sent. From its last bytes on the client may take the response for complete, so
    /// then all of it is in the file.
    fn take_down(&mut self, bytes: &Bytes) {
        self.exchange.data(bytes);
        let mut rest = self.pieces.iter();
        if rest.all(|piece| matches!(piece, Piece::End(_))) {
            self.exchange.end(End::Complete, None);
        } else {
            self.exchange.write();
        }
    }
}
