//! Which parts of a body go out together.

use std::collections::VecDeque;

use bytes::BytesMut;

use crate::script::Piece;

/// Most bytes of a chunk that is made of several pieces, or of a part of one.
const CHUNK_BYTES: usize = 64 << 10;

/// Joins parts of the body that nothing separates, and cuts long ones, so that the end of a response is never written
/// down long before it is reached. What goes out by itself stays as it is.
pub(super) fn joined(pieces: Vec<Piece>) -> VecDeque<Piece> {
    let mut out = VecDeque::with_capacity(pieces.len());
    let mut pieces = VecDeque::from(pieces);
    while let Some(piece) = pieces.pop_front() {
        let Piece::Body {
            mut bytes,
            flush: false,
            ends_event,
        } = piece
        else {
            out.push_back(piece);
            continue;
        };
        if next_length(&pieces).is_some_and(|length| bytes.len() + length <= CHUNK_BYTES) {
            let room: usize = (bytes.len() + joinable_length(&pieces)).min(CHUNK_BYTES);
            let mut all = BytesMut::with_capacity(room);
            all.extend_from_slice(&bytes);
            while next_length(&pieces).is_some_and(|length| all.len() + length <= CHUNK_BYTES) {
                if let Some(Piece::Body { bytes, .. }) = pieces.pop_front() {
                    all.extend_from_slice(&bytes);
                }
            }
            bytes = all.freeze();
        }
        let mut part = |bytes| {
            out.push_back(Piece::Body {
                bytes,
                flush: false,
                ends_event,
            });
        };
        while bytes.len() > CHUNK_BYTES {
            part(bytes.split_to(CHUNK_BYTES));
        }
        if !bytes.is_empty() {
            part(bytes);
        }
    }
    out
}

/// Length of all pieces that can be joined to what comes before.
fn joinable_length(pieces: &VecDeque<Piece>) -> usize {
    let lengths = pieces.iter().map_while(|piece| match piece {
        Piece::Body {
            bytes,
            flush: false,
            ..
        } => Some(bytes.len()),
        _ => None,
    });
    lengths.sum()
}

/// Length of the next piece, if it can be joined to what comes before.
fn next_length(pieces: &VecDeque<Piece>) -> Option<usize> {
    match pieces.front() {
        Some(Piece::Body {
            bytes,
            flush: false,
            ..
        }) => Some(bytes.len()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::time::Duration;

    #[test]
    fn only_what_nothing_separates_is_joined() {
        let body = |length: usize, flush| Piece::Body {
            bytes: Bytes::from(vec![b'x'; length]),
            flush,
            ends_event: false,
        };
        let wait = || Piece::Wait(Duration::ZERO);
        let check = |pieces: Vec<Piece>, expect: &[usize]| {
            let lengths: Vec<usize> = joined(pieces)
                .iter()
                .map(|piece| match piece {
                    Piece::Body { bytes, .. } => bytes.len(),
                    _ => 0,
                })
                .collect();
            assert_eq!(lengths, expect);
        };
        check(vec![body(1, false), body(2, false), body(3, false)], &[6]);
        check(
            vec![body(1, false), body(2, true), body(3, false)],
            &[1, 2, 3],
        );
        check(vec![body(1, true), body(2, true)], &[1, 2]);
        check(vec![body(1, false), wait(), body(2, false)], &[1, 0, 2]);
        check(vec![body(0, false), wait()], &[0]);
        check(
            vec![body(65_530, false), body(6, false), body(1, false)],
            &[65_536, 1],
        );
        check(vec![body(140_000, false)], &[65_536, 65_536, 8_928]);
        check(vec![body(140_000, true)], &[140_000]);
    }
}
