//! Faults in what travels over a WebSocket.

use bytes::Bytes;

use super::pieces::{character, fault_name};
use super::random::Random;
use super::select::{nth_event, positions_where};
use super::{Count, FaultError, FaultKind, Place};
use crate::script::answer::{Ending, WsFrame, WsOpcode, WsPiece};

/// Applies a fault to the frames; faults of other kinds change nothing.
///
/// # Errors
///
/// When the answer has no such event or byte.
pub(in crate::script) fn apply_to_frames(
    kind: &FaultKind,
    pieces: &mut Vec<WsPiece>,
    random: &mut Random,
) -> Result<(), FaultError> {
    match kind {
        FaultKind::Cut { ending, at } => {
            let (mut before, _) = split(pieces, *at, fault_name(*ending), random)?;
            before.push(WsPiece::End(*ending));
            *pieces = before;
        }
        FaultKind::Pause { wait, at } => {
            let (mut before, after) = split(pieces, *at, "pause", random)?;
            before.push(WsPiece::Wait(*wait));
            before.extend(after);
            *pieces = before;
        }
        FaultKind::CloseFrame {
            code,
            reason,
            after_event,
        } => {
            let at = match after_event {
                Some(count) => Place::AfterEvent(*count),
                None => Place::AtEnd,
            };
            let (mut before, _) = split(pieces, at, "close", random)?;
            before.push(WsPiece::Frame {
                frame: WsFrame::close(code.map(|code| (code, reason.as_str()))),
                flush: true,
                ends_event: false,
            });
            before.push(WsPiece::End(Ending::Close));
            *pieces = before;
        }
        FaultKind::Ping { after_event } => {
            let (mut before, after) =
                split(pieces, Place::AfterEvent(*after_event), "ping", random)?;
            before.push(WsPiece::Frame {
                frame: WsFrame::whole(WsOpcode::Ping, Bytes::from_static(b"trace-diff")),
                flush: true,
                ends_event: false,
            });
            before.extend(after);
            *pieces = before;
        }
        _ => reframe(kind, pieces),
    }
    Ok(())
}

/// Faults in the form of frames.
fn reframe(kind: &FaultKind, pieces: &mut Vec<WsPiece>) {
    match kind {
        FaultKind::Fragments(size) => {
            let all = std::mem::take(pieces);
            for piece in all {
                push_fragments(pieces, piece, (*size).max(1) as usize);
            }
        }
        FaultKind::BinaryFrames => {
            for piece in pieces.iter_mut() {
                if let WsPiece::Frame { frame, .. } = piece
                    && frame.opcode == WsOpcode::Text
                {
                    frame.opcode = WsOpcode::Binary;
                }
            }
        }
        _ => {}
    }
}

/// Positions of the frames that end an event.
fn event_positions(pieces: &[WsPiece]) -> Vec<usize> {
    positions_where(pieces, |piece| {
        matches!(
            piece,
            WsPiece::Frame {
                ends_event: true,
                ..
            }
        )
    })
}

/// The position of the n-th event's last frame.
fn event_position(
    pieces: &[WsPiece],
    count: Count,
    fault: &'static str,
    random: &mut Random,
) -> Result<usize, FaultError> {
    nth_event(&event_positions(pieces), count, fault, random)
}

/// The data of messages; control frames have none that counts.
fn payload(piece: &WsPiece) -> &[u8] {
    match piece {
        WsPiece::Frame { frame, .. }
            if matches!(
                frame.opcode,
                WsOpcode::Text | WsOpcode::Binary | WsOpcode::Continuation
            ) =>
        {
            &frame.payload
        }
        _ => &[],
    }
}

fn end_position(pieces: &[WsPiece]) -> usize {
    let end = pieces
        .iter()
        .rposition(|piece| matches!(piece, WsPiece::End(_)));
    end.unwrap_or(pieces.len())
}

/// What comes before a place and what comes after, the end included. A frame is torn, not made shorter: what comes
/// before begins it with its true length.
fn split(
    pieces: &[WsPiece],
    at: Place,
    fault: &'static str,
    random: &mut Random,
) -> Result<(Vec<WsPiece>, Vec<WsPiece>), FaultError> {
    let whole = |position: usize| (pieces[..position].to_vec(), pieces[position..].to_vec());
    Ok(match at {
        Place::BeforeHead | Place::AfterHead | Place::AfterEvent(Count::Exact(0)) => whole(0),
        Place::AtEnd => whole(end_position(pieces)),
        Place::AfterEvent(count) => whole(event_position(pieces, count, fault, random)? + 1),
        Place::InEvent(count, byte) => {
            let position = event_position(pieces, count, fault, random)?;
            let length = payload(&pieces[position]).len() as u64;
            let byte = byte.unwrap_or(length / 2);
            if byte > length {
                return Err(FaultError::NoByte {
                    fault,
                    byte,
                    bytes: length,
                });
            }
            tear(pieces, position, byte as usize)
        }
        Place::InChunk(count) => {
            let position = event_position(pieces, count, fault, random)?;
            let half = payload(&pieces[position]).len() / 2;
            tear(pieces, position, half)
        }
        Place::AfterBytes(count) => {
            let bytes: u64 = pieces.iter().map(|piece| payload(piece).len() as u64).sum();
            let byte = match count {
                Count::Exact(byte) => byte,
                Count::Random => random.between(0, bytes),
            };
            if byte > bytes {
                return Err(FaultError::NoByte { fault, byte, bytes });
            }
            tear_at(pieces, byte)
        }
        Place::InCharacter(count) => {
            let all: Vec<u8> = pieces.iter().flat_map(payload).copied().collect();
            tear_at(pieces, character(&all, count, fault, random)?)
        }
    })
}

fn tear_at(pieces: &[WsPiece], byte: u64) -> (Vec<WsPiece>, Vec<WsPiece>) {
    let mut left = byte as usize;
    for (position, piece) in pieces.iter().enumerate() {
        let length = payload(piece).len();
        if length == 0 {
            continue;
        }
        if left < length {
            return tear(pieces, position, left);
        }
        left -= length;
        if left == 0 {
            return (
                pieces[..=position].to_vec(),
                pieces[position + 1..].to_vec(),
            );
        }
    }
    (Vec::new(), pieces.to_vec())
}

/// Splits a frame behind so many bytes of its payload; both parts travel as they are.
fn tear(pieces: &[WsPiece], position: usize, byte: usize) -> (Vec<WsPiece>, Vec<WsPiece>) {
    let mut before = pieces[..position].to_vec();
    let mut after = Vec::new();
    if let WsPiece::Frame { frame, .. } = &pieces[position] {
        let bytes = Bytes::from(frame.to_bytes());
        let at = bytes.len() - frame.payload.len() + byte;
        before.push(WsPiece::Wire(bytes.slice(..at)));
        after.push(WsPiece::Wire(bytes.slice(at..)));
    }
    after.extend_from_slice(&pieces[position + 1..]);
    (before, after)
}

fn push_fragments(out: &mut Vec<WsPiece>, piece: WsPiece, size: usize) {
    let (frame, ends_event) = match piece {
        WsPiece::Frame {
            frame, ends_event, ..
        } if matches!(frame.opcode, WsOpcode::Text | WsOpcode::Binary)
            && frame.is_final
            && frame.payload.len() > size =>
        {
            (frame, ends_event)
        }
        other => return out.push(other),
    };
    let mut rest = frame.payload;
    let mut opcode = frame.opcode;
    while !rest.is_empty() {
        let part = rest.split_to(size.min(rest.len()));
        out.push(WsPiece::Frame {
            frame: WsFrame {
                opcode,
                is_final: rest.is_empty(),
                payload: part,
            },
            flush: true,
            ends_event: ends_event && rest.is_empty(),
        });
        opcode = WsOpcode::Continuation;
    }
}
