//! Faults in what travels over HTTP.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::random::Random;
use super::select::{nth_event, positions_where};
use super::{BadChunk, ContentLength, Count, FaultError, FaultKind, Place};
use crate::script::answer::{Ending, Framing, Piece};
use crate::script::wire::{chunk, head_bytes};

/// The largest part that random chunks have.
const MAX_RANDOM_CHUNK: u64 = 64;

/// Applies a fault to the pieces; faults of other kinds change nothing.
///
/// # Errors
///
/// When the answer has no such event, byte or chunk.
pub(in crate::script) fn apply_to_pieces(
    kind: &FaultKind,
    pieces: &mut Vec<Piece>,
    random: &mut Random,
) -> Result<(), FaultError> {
    match kind {
        FaultKind::Cut { ending, at } => {
            let (mut before, _) = split(pieces, *at, fault_name(*ending), random)?;
            before.push(Piece::End(*ending));
            *pieces = before;
        }
        FaultKind::Pause { wait, at } => {
            let (mut before, after) = split(pieces, *at, "pause", random)?;
            before.push(Piece::Wait(*wait));
            before.extend(after);
            *pieces = before;
        }
        FaultKind::ContentType(value) => {
            for piece in pieces.iter_mut() {
                if let Piece::Head(head) = piece {
                    let fields = &mut head.headers.entries;
                    fields.retain(|field| !field.name.eq_ignore_ascii_case("content-type"));
                    head.headers.push("content-type", value);
                }
            }
        }
        FaultKind::ContentLength(length) => {
            let true_length = body_length(pieces);
            let said = match length {
                ContentLength::Exactly(length) => *length,
                ContentLength::More(more) => true_length.saturating_add_signed(*more),
            };
            set_framing(pieces, Framing::Length(said));
        }
        FaultKind::UntilClose => {
            set_framing(pieces, Framing::UntilClose);
            if let Some(Piece::End(ending @ Ending::Complete)) = pieces.last_mut() {
                *ending = Ending::Close;
            }
        }
        FaultKind::BadChunk { kind, after_event } => {
            bad_chunk(pieces, *kind, *after_event, random)?;
        }
        FaultKind::Chunks { sizes, every } => rechunk(pieces, sizes, *every, random),
        FaultKind::SlowHead { wait, drip } => slow_head(pieces, *wait, *drip),
        _ => {}
    }
    Ok(())
}

/// What scripts call the fault that ends an answer so.
pub(super) fn fault_name(ending: Ending) -> &'static str {
    match ending {
        Ending::Complete => "end",
        Ending::Close => "cut",
        Ending::Reset => "reset",
        Ending::Stall(_) => "stall",
    }
}

fn set_framing(pieces: &mut [Piece], framing: Framing) {
    for piece in pieces {
        if let Piece::Head(head) = piece {
            head.framing = framing;
        }
    }
}

fn is_chunked(pieces: &[Piece]) -> bool {
    pieces.iter().any(|piece| match piece {
        Piece::Head(head) => head.framing == Framing::Chunked,
        _ => false,
    })
}

fn body_length(pieces: &[Piece]) -> u64 {
    let lengths = pieces.iter().map(|piece| match piece {
        Piece::Body { bytes, .. } => bytes.len() as u64,
        _ => 0,
    });
    lengths.sum()
}

/// Positions of the pieces that end an event.
fn event_positions(pieces: &[Piece]) -> Vec<usize> {
    positions_where(pieces, |piece| {
        matches!(
            piece,
            Piece::Body {
                ends_event: true,
                ..
            }
        )
    })
}

/// The position of the n-th event's piece.
fn event_position(
    pieces: &[Piece],
    count: Count,
    fault: &'static str,
    random: &mut Random,
) -> Result<usize, FaultError> {
    nth_event(&event_positions(pieces), count, fault, random)
}

fn head_position(pieces: &[Piece]) -> Option<usize> {
    pieces
        .iter()
        .position(|piece| matches!(piece, Piece::Head(_)))
}

fn end_position(pieces: &[Piece]) -> usize {
    let end = pieces
        .iter()
        .rposition(|piece| matches!(piece, Piece::End(_)));
    end.unwrap_or(pieces.len())
}

/// What comes before a place and what comes after, the end included.
fn split(
    pieces: &[Piece],
    at: Place,
    fault: &'static str,
    random: &mut Random,
) -> Result<(Vec<Piece>, Vec<Piece>), FaultError> {
    let whole = |position: usize| (pieces[..position].to_vec(), pieces[position..].to_vec());
    let after_head = head_position(pieces).map_or(0, |at| at + 1);
    Ok(match at {
        Place::BeforeHead => whole(head_position(pieces).unwrap_or(0)),
        Place::AfterHead | Place::AfterEvent(Count::Exact(0)) => whole(after_head),
        Place::AtEnd => whole(end_position(pieces)),
        Place::AfterEvent(count) => whole(event_position(pieces, count, fault, random)? + 1),
        Place::InEvent(count, byte) => {
            let position = event_position(pieces, count, fault, random)?;
            let length = body_bytes(&pieces[position]).len() as u64;
            let byte = byte.unwrap_or(length / 2);
            if byte > length {
                return Err(FaultError::NoByte {
                    fault,
                    byte,
                    bytes: length,
                });
            }
            split_piece(pieces, position, byte as usize)
        }
        Place::InChunk(count) => split_chunk(pieces, count, fault, random)?,
        Place::AfterBytes(count) => {
            let bytes = body_length(pieces);
            let byte = match count {
                Count::Exact(byte) => byte,
                Count::Random => random.between(0, bytes),
            };
            if byte > bytes {
                return Err(FaultError::NoByte { fault, byte, bytes });
            }
            split_bytes(pieces, after_head, byte)
        }
        Place::InCharacter(count) => {
            let byte = character(&body(pieces), count, fault, random)?;
            split_bytes(pieces, after_head, byte)
        }
    })
}

fn body_bytes(piece: &Piece) -> Bytes {
    match piece {
        Piece::Body { bytes, .. } => bytes.clone(),
        _ => Bytes::new(),
    }
}

fn body(pieces: &[Piece]) -> Vec<u8> {
    let mut all = Vec::new();
    for piece in pieces {
        if let Piece::Body { bytes, .. } = piece {
            all.extend_from_slice(bytes);
        }
    }
    all
}

/// The offset behind the first byte of the n-th character that has more than one.
pub(super) fn character(
    body: &[u8],
    count: Count,
    fault: &'static str,
    random: &mut Random,
) -> Result<u64, FaultError> {
    let starts: Vec<usize> = (0..body.len()).filter(|at| body[*at] >= 0xc0).collect();
    let characters = starts.len() as u64;
    let number = match count {
        Count::Exact(number) => number,
        Count::Random => random.between(1, characters),
    };
    let start = number
        .checked_sub(1)
        .and_then(|index| starts.get(index as usize));
    start
        .map(|start| *start as u64 + 1)
        .ok_or(FaultError::NoCharacter {
            fault,
            character: number,
            characters,
        })
}

/// Splits behind so many bytes of the body.
fn split_bytes(pieces: &[Piece], after_head: usize, byte: u64) -> (Vec<Piece>, Vec<Piece>) {
    let mut left = byte;
    for (position, piece) in pieces.iter().enumerate().skip(after_head) {
        let length = body_bytes(piece).len() as u64;
        if length == 0 {
            continue;
        }
        if left < length {
            return split_piece(pieces, position, left as usize);
        }
        left -= length;
        if left == 0 {
            return (
                pieces[..=position].to_vec(),
                pieces[position + 1..].to_vec(),
            );
        }
    }
    (pieces[..after_head].to_vec(), pieces[after_head..].to_vec())
}

/// Splits inside a body piece; the first part goes out by itself.
fn split_piece(pieces: &[Piece], position: usize, byte: usize) -> (Vec<Piece>, Vec<Piece>) {
    let mut before = pieces[..position].to_vec();
    let mut after = Vec::new();
    if let Piece::Body {
        bytes,
        flush,
        ends_event,
    } = &pieces[position]
    {
        let is_whole = byte == bytes.len();
        if byte > 0 {
            before.push(Piece::Body {
                bytes: bytes.slice(..byte),
                flush: true,
                ends_event: *ends_event && is_whole,
            });
        }
        if !is_whole {
            after.push(Piece::Body {
                bytes: bytes.slice(byte..),
                flush: *flush,
                ends_event: *ends_event,
            });
        }
    }
    after.extend_from_slice(&pieces[position + 1..]);
    (before, after)
}

/// Splits inside the chunk of an event: its size and half of its data come before.
fn split_chunk(
    pieces: &[Piece],
    count: Count,
    fault: &'static str,
    random: &mut Random,
) -> Result<(Vec<Piece>, Vec<Piece>), FaultError> {
    if !is_chunked(pieces) {
        return Err(FaultError::NoChunks { fault });
    }
    let position = event_position(pieces, count, fault, random)?;
    let data = body_bytes(&pieces[position]);
    let framed = chunk(&data);
    let half = framed.len() - 2 - data.len().div_ceil(2);
    let mut before = pieces[..position].to_vec();
    before.push(Piece::Wire(framed.slice(..half)));
    let mut after = vec![Piece::Wire(framed.slice(half..))];
    after.extend_from_slice(&pieces[position + 1..]);
    Ok((before, after))
}

fn bad_chunk(
    pieces: &mut Vec<Piece>,
    kind: BadChunk,
    after_event: Count,
    random: &mut Random,
) -> Result<(), FaultError> {
    let fault = "bad_chunk";
    if !is_chunked(pieces) {
        return Err(FaultError::NoChunks { fault });
    }
    let position = match after_event {
        Count::Exact(0) => head_position(pieces).map_or(0, |at| at + 1),
        count => event_position(pieces, count, fault, random)? + 1,
    };
    if kind == BadChunk::Size {
        pieces.insert(position, Piece::Wire(Bytes::from_static(b"zz\r\n")));
        return Ok(());
    }
    let events = event_positions(pieces);
    let Some(at) = events.iter().copied().find(|at| *at >= position) else {
        return Err(FaultError::no_event(
            fault,
            events.len() as u64 + 1,
            events.len(),
        ));
    };
    let data = body_bytes(&pieces[at]);
    let (size, end) = match kind {
        BadChunk::Longer => (data.len() + 16, "\r\n"),
        BadChunk::Shorter => (data.len() / 2, "\r\n"),
        _ => (data.len(), ""),
    };
    let mut bytes = BytesMut::from(format!("{size:x}\r\n").as_bytes());
    bytes.extend_from_slice(&data);
    bytes.extend_from_slice(end.as_bytes());
    pieces[at] = Piece::Wire(bytes.freeze());
    Ok(())
}

/// Cuts each run of body pieces into parts of these sizes, going on with the sizes from run to run.
fn rechunk(pieces: &mut Vec<Piece>, sizes: &[u32], every: Duration, random: &mut Random) {
    let mut index = 0;
    let mut next_size = || {
        let size = match sizes {
            [] => random.between(1, MAX_RANDOM_CHUNK),
            sizes => u64::from(sizes[index % sizes.len()]),
        };
        index += 1;
        size.max(1) as usize
    };
    let mut out = Vec::new();
    let mut run = BytesMut::new();
    for piece in std::mem::take(pieces) {
        if let Piece::Body { bytes, .. } = piece {
            run.extend_from_slice(&bytes);
            continue;
        }
        push_parts(&mut out, &mut run, &mut next_size, every);
        out.push(piece);
    }
    push_parts(&mut out, &mut run, &mut next_size, every);
    *pieces = out;
}

fn push_parts(
    out: &mut Vec<Piece>,
    run: &mut BytesMut,
    next_size: &mut impl FnMut() -> usize,
    every: Duration,
) {
    let mut rest = std::mem::take(run).freeze();
    while !rest.is_empty() {
        let part = rest.split_to(next_size().min(rest.len()));
        out.push(Piece::Body {
            bytes: part,
            flush: true,
            ends_event: rest.is_empty(),
        });
        if !every.is_zero() && !rest.is_empty() {
            out.push(Piece::Wait(every));
        }
    }
}

fn slow_head(pieces: &mut Vec<Piece>, wait: Duration, drip: Option<(u32, Duration)>) {
    let Some(position) = head_position(pieces) else {
        return;
    };
    if let Some((size, every)) = drip {
        let framing = match &pieces[position] {
            Piece::Head(head) => head.framing,
            _ => return,
        };
        let all = std::mem::take(pieces);
        for piece in all {
            drip_piece(pieces, piece, framing, size as usize, every);
        }
    }
    if !wait.is_zero() {
        pieces.insert(position, Piece::Wait(wait));
    }
}

/// Writes a piece past all framing: the head a few bytes at a time, the rest as a server would.
fn drip_piece(out: &mut Vec<Piece>, piece: Piece, framing: Framing, size: usize, every: Duration) {
    match piece {
        Piece::Head(head) => {
            let mut rest = head_bytes(&head);
            while !rest.is_empty() {
                out.push(Piece::Wire(rest.split_to(size.min(rest.len()))));
                if !rest.is_empty() {
                    out.push(Piece::Wait(every));
                }
            }
        }
        Piece::Body { bytes, .. } if framing == Framing::Chunked => {
            out.push(Piece::Wire(chunk(&bytes)));
        }
        Piece::Body { bytes, .. } => out.push(Piece::Wire(bytes)),
        Piece::End(Ending::Complete) if framing == Framing::Chunked => {
            out.push(Piece::Wire(Bytes::from_static(b"0\r\n\r\n")));
            out.push(Piece::End(Ending::Complete));
        }
        other => out.push(other),
    }
}
