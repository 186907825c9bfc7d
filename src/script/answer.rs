//! What goes over the socket for one request, byte for byte, and when.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::http::HeaderList;

/// Which part of a script answered a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepId {
    /// A `[[step]]`, counted from 0.
    Step(usize),
    /// A `[[default]]`, counted from 0.
    Default(usize),
    /// Nothing of the script: what the server says by itself (models, prewarm, 404).
    BuiltIn,
    /// Nothing of the script: the real API would refuse the request, and so does the server.
    Refused,
    /// No step fits the request.
    Violation,
}

impl fmt::Display for StepId {
    /// Writes `step 1` (counted from 1, as people do), `default 1`, `built-in`, `refused`, `violation`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepId::Step(index) => write!(f, "step {}", index + 1),
            StepId::Default(index) => write!(f, "default {}", index + 1),
            StepId::BuiltIn => f.write_str("built-in"),
            StepId::Refused => f.write_str("refused"),
            StepId::Violation => f.write_str("violation"),
        }
    }
}

/// The response to one HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which part of the script it comes from.
    pub step: StepId,
    /// What to do, first done first. The last piece is the only [`Piece::End`].
    pub pieces: Vec<Piece>,
    /// Whether all data of the events in the body is JSON as it was made, so that nobody needs to look.
    pub has_json_events: bool,
    /// Whether nothing in head and body has the looks of a secret, as [`find_secrets`](crate::capture::find_secrets) knows it,
    /// so that nobody needs to look.
    pub is_clean: bool,
}

/// One thing to do on the socket of an HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The head of the response is written. An answer without one has [`Piece::Wire`] for all bytes, or none at all.
    Head(Head),
    /// Bytes of the body, framed by the server as the head says.
    Body {
        /// The bytes, before framing.
        bytes: Bytes,
        /// Whether they go out by themselves: a chunk and a write of their own. Otherwise they may be joined with
        /// [`Piece::Body`] that follows at once.
        flush: bool,
        /// Whether an event ends with these bytes. Unless a fault cuts it, the whole event is in them.
        ends_event: bool,
    },
    /// Bytes written to the socket as they are, past all framing: a torn chunk, a lie.
    Wire(Bytes),
    /// Nothing happens for this long. What was written before is flushed.
    Wait(Duration),
    /// Nothing happens until the gate of this name is opened. What was written before is flushed.
    Gate(String),
    /// How it ends.
    End(Ending),
}

/// The head of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// The fields in order, without those of the framing (`transfer-encoding`, `content-length`), which the server
    /// adds.
    pub headers: HeaderList,
    /// How the body is delimited.
    pub framing: Framing,
}

/// How the body of a response is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `transfer-encoding: chunked`.
    Chunked,
    /// `content-length`, true or not: the body may have another length.
    Length(u64),
    /// Neither: the body ends with the connection.
    UntilClose,
}

/// How a response ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// As the framing says: the last chunk is sent. The connection is kept where its framing is intact. On a WebSocket:
    /// nothing, the connection waits for the next request.
    Complete,
    /// The connection is closed (FIN) without the end that the framing promised.
    Close,
    /// The connection is reset (RST) after the bytes before were sent.
    Reset,
    /// Nothing more is sent until the client goes, or, where given, until this long has passed; then it is closed.
    Stall(Option<Duration>),
}

impl Answer {
    /// Whether the answer keeps all promises of its head, so that any HTTP server can send it.
    ///
    /// Waiting is ordinary; wire bytes, a wrong length, a missing head, and every ending but
    /// [`Ending::Complete`] are not.
    pub fn is_ordinary(&self) -> bool {
        let mut framing = None;
        let mut length = 0;
        for piece in &self.pieces {
            match piece {
                Piece::Head(head) if framing.is_none() => framing = Some(head.framing),
                Piece::Body { bytes, .. } if framing.is_some() => length += bytes.len() as u64,
                Piece::Wait(_) | Piece::Gate(_) | Piece::End(Ending::Complete) => {}
                _ => return false,
            }
        }
        match framing {
            Some(Framing::Chunked) => true,
            Some(Framing::Length(promised)) => promised == length,
            Some(Framing::UntilClose) | None => false,
        }
    }

    /// The status of its head, if it has one.
    pub fn status(&self) -> Option<u16> {
        self.pieces.iter().find_map(|piece| match piece {
            Piece::Head(head) => Some(head.status),
            _ => None,
        })
    }

    /// The bytes of the body before framing; wire bytes are left out.
    pub fn body(&self) -> Vec<u8> {
        let bodies = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Body { bytes, .. } => Some(&bytes[..]),
            _ => None,
        });
        bodies.flatten().copied().collect()
    }

    /// How it ends.
    pub fn ending(&self) -> Ending {
        match self.pieces.last() {
            Some(Piece::End(ending)) => *ending,
            _ => Ending::Complete,
        }
    }
}

/// The response to one request on a WebSocket connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WsAnswer {
    /// Which part of the script it comes from.
    pub step: StepId,
    /// What to do, first done first. The last piece is the only [`WsPiece::End`].
    pub pieces: Vec<WsPiece>,
}

/// One thing to do on a WebSocket connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WsPiece {
    /// A frame is sent.
    Frame {
        /// The frame.
        frame: WsFrame,
        /// Whether it goes out in a write of its own. Otherwise it may be joined with what follows at once.
        flush: bool,
        /// Whether an event ends with it.
        ends_event: bool,
    },
    /// Bytes written to the socket as they are: a torn frame, reserved bits.
    Wire(Bytes),
    /// Nothing happens for this long. What was written before is flushed.
    Wait(Duration),
    /// Nothing happens until the gate of this name is opened. What was written before is flushed.
    Gate(String),
    /// How it ends.
    End(Ending),
}

/// What a WebSocket frame is (RFC 6455, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WsOpcode {
    /// A further fragment of a message.
    Continuation,
    /// Text.
    Text,
    /// Binary.
    Binary,
    /// The closing handshake.
    Close,
    /// A ping.
    Ping,
    /// A pong.
    Pong,
}

/// The code of a close frame (RFC 6455, section 7.4); any number, also one that no server may send.
pub type CloseCode = u16;

/// One frame from server to client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WsFrame {
    /// What it is.
    pub opcode: WsOpcode,
    /// Whether it is the last fragment of its message.
    pub is_final: bool,
    /// Its content; for a close frame code and reason.
    pub payload: Bytes,
}

impl WsFrame {
    /// A whole text message.
    pub fn text(text: impl Into<String>) -> Self {
        Self::whole(WsOpcode::Text, Bytes::from(text.into()))
    }

    /// A frame that is a whole message.
    pub fn whole(opcode: WsOpcode, payload: Bytes) -> Self {
        Self {
            opcode,
            is_final: true,
            payload,
        }
    }

    /// A close frame; `None` has neither code nor reason.
    pub fn close(code: Option<(CloseCode, &str)>) -> Self {
        let payload = code.map_or_else(Vec::new, |(code, reason)| {
            [&code.to_be_bytes(), reason.as_bytes()].concat()
        });
        Self::whole(WsOpcode::Close, payload.into())
    }

    /// The frame as it travels from a server: not masked.
    pub fn to_bytes(&self) -> Vec<u8> {
        let opcode = match self.opcode {
            WsOpcode::Continuation => 0x0,
            WsOpcode::Text => 0x1,
            WsOpcode::Binary => 0x2,
            WsOpcode::Close => 0x8,
            WsOpcode::Ping => 0x9,
            WsOpcode::Pong => 0xa,
        };
        let mut bytes = vec![if self.is_final { 0x80 } else { 0 } | opcode];
        match self.payload.len() {
            length @ ..126 => bytes.push(length as u8),
            length @ 126..=0xffff => {
                bytes.push(126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                bytes.push(127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&self.payload);
        bytes
    }
}

impl WsAnswer {
    /// The texts of its whole text messages.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            WsPiece::Frame { frame, .. } if frame.opcode == WsOpcode::Text && frame.is_final => {
                std::str::from_utf8(&frame.payload).ok()
            }
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(framing: Framing, pieces: &[Piece]) -> Answer {
        let head = Head {
            status: 200,
            headers: HeaderList::new(),
            framing,
        };
        let mut all = vec![Piece::Head(head)];
        all.extend_from_slice(pieces);
        Answer {
            step: StepId::Step(0),
            pieces: all,
            has_json_events: false,
            is_clean: false,
        }
    }

    fn body(text: &'static str) -> Piece {
        Piece::Body {
            bytes: Bytes::from_static(text.as_bytes()),
            flush: false,
            ends_event: false,
        }
    }

    #[test]
    fn only_answers_that_keep_their_promises_are_ordinary() {
        let end = || Piece::End(Ending::Complete);
        let check = |framing, pieces: &[Piece], expect: bool| {
            assert_eq!(
                answer(framing, pieces).is_ordinary(),
                expect,
                "{framing:?} {pieces:?}"
            );
        };
        check(
            Framing::Chunked,
            &[
                body("a"),
                Piece::Wait(Duration::ZERO),
                Piece::Gate("g".into()),
                end(),
            ],
            true,
        );
        check(Framing::Length(1), &[body("a"), end()], true);
        check(Framing::Length(2), &[body("a"), end()], false);
        check(Framing::UntilClose, &[body("a"), end()], false);
        check(
            Framing::Chunked,
            &[Piece::Wire(Bytes::from_static(b"x")), end()],
            false,
        );
        check(Framing::Chunked, &[Piece::End(Ending::Close)], false);
        let headless = Answer {
            step: StepId::BuiltIn,
            pieces: vec![Piece::End(Ending::Complete)],
            has_json_events: false,
            is_clean: false,
        };
        assert!(!headless.is_ordinary());
    }

    #[test]
    fn frames_are_written_as_the_standard_says() {
        assert_eq!(
            WsFrame::text("Hello").to_bytes(),
            b"\x81\x05Hello",
            "RFC 6455, section 5.7"
        );
        let fragment = WsFrame {
            opcode: WsOpcode::Continuation,
            is_final: false,
            payload: Bytes::from_static(b"l"),
        };
        assert_eq!(fragment.to_bytes(), b"\x00\x01l");
        assert_eq!(
            WsFrame::close(Some((1011, "x"))).to_bytes(),
            b"\x88\x03\x03\xf3x"
        );
        assert_eq!(WsFrame::close(None).to_bytes(), b"\x88\x00");
        let long = WsFrame::text("a".repeat(300)).to_bytes();
        assert_eq!(long[..4], [0x81, 126, 1, 44]);
        let longer = WsFrame::text("a".repeat(70_000)).to_bytes();
        assert_eq!(longer[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
    }
}
