//! Answers that were recorded before, played to the client.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::capture::End;
use crate::script::{Answer, Ending, Framing, Head, Piece, chunk, head_bytes};

use super::super::join::joined;
use super::super::service::{framed, without_chunks};
use super::relay::After;
use super::response::ResponseHead;
use super::taken::Taken;

/// A response on its way.
struct Playing<'a> {
    client: &'a mut TcpStream,
    taken: Taken,
    framing: Framing,
    /// Bytes that go out with the next write.
    pending: Vec<u8>,
}

/// Writes an answer down and plays it.
pub(super) async fn play(mut answer: Answer, taken: Taken, client: &mut TcpStream) -> After {
    let request = taken.request();
    let is_keep_alive = request.is_keep_alive();
    let is_head = request.method == "HEAD";
    if request.version != Some("HTTP/1.1") {
        without_chunks(&mut answer.pieces);
    }
    let mut playing = Playing {
        client,
        taken,
        framing: Framing::UntilClose,
        pending: Vec::new(),
    };
    let mut ending = Ending::Complete;
    for piece in joined(answer.pieces) {
        let is_sent = match piece {
            Piece::Head(head) => playing.head(head),
            Piece::Body { bytes, flush, .. } if !is_head => {
                playing.taken.data(&bytes);
                match playing.framing {
                    Framing::Chunked => playing.pending.extend_from_slice(&chunk(&bytes)),
                    _ => playing.pending.extend_from_slice(&bytes),
                }
                !flush || playing.write().await
            }
            Piece::End(end) => {
                ending = end;
                true
            }
            // Recorded answers have no others.
            _ => true,
        };
        if !is_sent {
            playing.taken.end(End::PeerClosed);
            return After::Close;
        }
    }
    playing.finish(ending, is_keep_alive && !is_head).await
}

impl Playing<'_> {
    fn head(&mut self, head: Head) -> bool {
        self.pending.extend_from_slice(&head_bytes(&head));
        self.framing = head.framing;
        self.taken.head(ResponseHead {
            status: head.status,
            headers: framed(&head),
        });
        true
    }

    async fn write(&mut self) -> bool {
        self.taken.write();
        let pending = std::mem::take(&mut self.pending);
        self.client.write_all(&pending).await.is_ok()
    }

    async fn finish(mut self, ending: Ending, is_keep_alive: bool) -> After {
        let (end, after) = match ending {
            Ending::Complete => {
                if self.framing == Framing::Chunked {
                    self.pending.extend_from_slice(b"0\r\n\r\n");
                }
                match is_keep_alive && self.framing != Framing::UntilClose {
                    true => (End::Complete, After::Next),
                    false => (End::Complete, After::Close),
                }
            }
            Ending::Close => (End::Closed, After::Close),
            Ending::Reset => (End::Reset, After::Reset),
            Ending::Stall(_) => {
                if self.write().await {
                    // The client gives up, or the proxy is stopped.
                    while matches!(self.client.read(&mut [0; 1024]).await, Ok(1..)) {}
                }
                (End::Stall, After::Close)
            }
        };
        self.taken.end(end);
        match self.write().await {
            true => after,
            false => After::Close,
        }
    }
}
