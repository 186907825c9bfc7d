//! Who wants to see each request before it is answered.

use std::fmt;

use aho_corasick::{AhoCorasick, MatchKind};
use bytes::Bytes;

use crate::capture::Transport;
use crate::json::Value;
use crate::script::{Answer, Framing, Piece, RequestView, StepId, WsAnswer, WsPiece};

/// Sees the requests of a server, each before its answer is sent, such as to compare it with a recorded one.
///
/// Called on the threads that serve connections, for several connections at once; a request waits until it returns.
pub trait Observer: fmt::Debug + Send + Sync {
    /// Looks at a request. Gives what its answer is to call otherwise, if anything.
    ///
    /// # Errors
    ///
    /// Why the request is refused: over HTTP it gets status 400 with this text as its error, on a WebSocket the connection
    /// ends. The step that was to answer it counts as used.
    fn request(&self, seen: &Observed<'_>) -> Result<Renaming, String>;
}

/// A request that is about to be answered.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The request; of a WebSocket message the handshake with the message, as it was sent, for its body.
    pub request: RequestView<'a>,
    /// Of a WebSocket message that continues an earlier response the request with the whole input.
    pub whole: Option<&'a Value>,
    /// How it travelled.
    pub transport: Transport,
    /// Which part of the script answers it.
    pub step: StepId,
}

/// What an answer is to call otherwise than the script: identifiers and paths that only this run of an agent knows.
///
/// A text is replaced where it stands by itself: no letter, digit, `_` or `-` is before or behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Renaming {
    /// What the script has, and what is sent instead.
    pub pairs: Vec<(String, String)>,
}

impl Renaming {
    /// Applies it to a text.
    pub fn rename(&self, text: &str) -> String {
        let mut bytes = Bytes::copy_from_slice(text.as_bytes());
        if let Some(finder) = self.finder() {
            self.replace(&finder, &mut bytes);
        }
        // Whole words of UTF-8 were put in place of others.
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Applies it to the bytes of an answer; a promised length stays true where it was.
    pub(super) fn apply(&self, answer: &mut Answer) {
        let Some(finder) = self.finder() else {
            return;
        };
        // A name may stand where it is more than a string.
        answer.has_json_events = false;
        answer.is_clean = false;
        let mut grown = 0_i64;
        for piece in &mut answer.pieces {
            if let Piece::Body { bytes, .. } = piece {
                let before = bytes.len() as i64;
                self.replace(&finder, bytes);
                grown += bytes.len() as i64 - before;
            }
        }
        if let Some(Piece::Head(head)) = answer.pieces.first_mut()
            && let Framing::Length(length) = &mut head.framing
        {
            *length = length.saturating_add_signed(grown);
        }
    }

    /// Applies it to the messages of an answer.
    pub(super) fn apply_to_messages(&self, answer: &mut WsAnswer) {
        let Some(finder) = self.finder() else {
            return;
        };
        for piece in &mut answer.pieces {
            if let WsPiece::Frame { frame, .. } = piece {
                self.replace(&finder, &mut frame.payload);
            }
        }
    }

    fn finder(&self) -> Option<AhoCorasick> {
        if self.pairs.is_empty() {
            return None;
        }
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::LeftmostLongest);
        // It fails for more patterns than fit into memory.
        builder.build(self.pairs.iter().map(|(from, _)| from)).ok()
    }

    fn replace(&self, finder: &AhoCorasick, bytes: &mut Bytes) {
        let mut out = Vec::new();
        let mut copied = 0;
        for found in finder.find_iter(&bytes[..]) {
            if stands_alone(bytes, found.start(), found.end()) {
                out.extend_from_slice(&bytes[copied..found.start()]);
                out.extend_from_slice(self.pairs[found.pattern().as_usize()].1.as_bytes());
                copied = found.end();
            }
        }
        if copied > 0 {
            out.extend_from_slice(&bytes[copied..]);
            *bytes = out.into();
        }
    }
}

/// Whether no word goes on before or behind a part of a JSON text; the letter of an escape such as `\\n` is none.
fn stands_alone(bytes: &[u8], start: usize, end: usize) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let is_escape =
        start > 1 && bytes[start - 2] == b'\\' && matches!(bytes[start - 1], b'n' | b't' | b'r');
    let goes_before = start > 0 && is_word(&bytes[start - 1]) && !is_escape;
    !goes_before && !bytes.get(end).is_some_and(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_alone_is_renamed() {
        let check = |text: &'static str, expect: &str| {
            let renaming = Renaming {
                pairs: vec![
                    ("267".to_owned(), "9".to_owned()),
                    ("/w/a".to_owned(), "/x".to_owned()),
                ],
            };
            let mut bytes = Bytes::from_static(text.as_bytes());
            renaming.replace(&renaming.finder().unwrap(), &mut bytes);
            assert_eq!(String::from_utf8_lossy(&bytes), expect);
        };
        check(r#"{"id":267,"b":"/w/a/b"}"#, r#"{"id":9,"b":"/x/b"}"#);
        check(
            r#""1267 2670 x-267 /w/a-run2""#,
            r#""1267 2670 x-267 /w/a-run2""#,
        );
        check(r#""\\"id\\": 267\n267""#, r#""\\"id\\": 9\n9""#);
        check("nothing", "nothing");
    }
}
