//! Request bodies: read to a limit, with their content codings undone.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::http::{DecodeError, decode};

use super::options::Limits;
use super::patience::Patience;
use super::shared::Shared;

/// Bodies up to this size are decoded at once; larger ones on another thread, and one at a time.
pub(super) const SMALL_BODY: u64 = 8 << 20;
/// A small body that is decoded on the spot.
const INLINE_BYTES: usize = 256 << 10;

/// Most room that is made for a body before it comes: its length is only a promise.
const KEPT_ROOM: u64 = 1 << 20;

/// How a request body arrives.
pub(super) enum Sent<'a> {
    /// It is there.
    Whole(Bytes),
    /// It is read, as long as something comes in time.
    Streamed(Incoming, &'a Patience),
}

/// A request body.
#[derive(Debug)]
pub(super) struct RequestBody {
    /// Bytes on the wire, framing not counted.
    pub(super) wire_bytes: u64,
    /// The body with its content coding undone; as sent, where that failed.
    pub(super) bytes: Bytes,
    /// What is wrong with it.
    pub(super) problem: Option<BodyProblem>,
}

/// Why a body is of no use.
#[derive(Debug)]
pub(super) enum BodyProblem {
    /// It is larger than allowed, as sent or decoded.
    TooLarge(u64),
    /// Nothing came for too long.
    Timeout(Duration),
    /// The client went away, or its framing is wrong.
    Broken(String),
    /// Its content coding can't be undone.
    Coding(DecodeError),
}

impl RequestBody {
    /// Reads a body to its end.
    pub(super) async fn read(sent: Sent<'_>, coding: Option<&str>, shared: &Shared) -> Self {
        let limit = shared.limits.body_bytes;
        let (bytes, problem) = match sent {
            Sent::Whole(bytes) if bytes.len() as u64 > limit => {
                (Bytes::new(), Some(BodyProblem::TooLarge(limit)))
            }
            Sent::Whole(bytes) => (bytes, None),
            Sent::Streamed(incoming, patience) => collect(incoming, &shared.limits, patience).await,
        };
        let wire_bytes = bytes.len() as u64;
        if let (None, Some(coding)) = (&problem, coding) {
            return match undo(coding.to_owned(), bytes.clone(), shared).await {
                Ok(bytes) => Self {
                    wire_bytes,
                    bytes: bytes.into(),
                    problem: None,
                },
                Err(error) => Self {
                    wire_bytes,
                    bytes,
                    problem: Some(match error {
                        DecodeError::TooLarge(limit) => BodyProblem::TooLarge(limit),
                        error => BodyProblem::Coding(error),
                    }),
                },
            };
        }
        Self {
            wire_bytes,
            bytes,
            problem,
        }
    }
}

async fn collect(
    mut incoming: Incoming,
    limits: &Limits,
    patience: &Patience,
) -> (Bytes, Option<BodyProblem>) {
    let (limit, pause) = (limits.body_bytes, limits.body_pause);
    let expected = incoming.size_hint().exact().unwrap_or(0);
    if expected > limit {
        // A client that asks first (`expect: 100-continue`) is not invited.
        return (Bytes::new(), Some(BodyProblem::TooLarge(limit)));
    }
    let expected = expected.min(KEPT_ROOM);
    // A body that comes in one part is not copied.
    let mut first = Bytes::new();
    let mut all = Vec::new();
    let problem = loop {
        let frame = match patience.wait(pause, incoming.frame()).await {
            None => break Some(BodyProblem::Timeout(pause)),
            Some(None) => break None,
            Some(Some(Err(error))) => break Some(BodyProblem::Broken(error.to_string())),
            Some(Some(Ok(frame))) => frame,
        };
        // Trailers are no part of the body.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if (first.len() + all.len() + data.len()) as u64 > limit {
            break Some(BodyProblem::TooLarge(limit));
        }
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve(usize::try_from(expected).unwrap_or(0));
        }
        all.extend_from_slice(&std::mem::take(&mut first));
        all.extend_from_slice(&data);
    };
    let all = if all.is_empty() { first } else { all.into() };
    (all, problem)
}

/// Undoes a coding. A body that turns out to be large waits for its turn, so that compression bombs take the memory of
/// one body, however many come.
async fn undo(coding: String, bytes: Bytes, shared: &Shared) -> Result<Vec<u8>, DecodeError> {
    let limit = shared.limits.body_bytes;
    let first = limit.min(SMALL_BODY);
    let small = match bytes.len() <= INLINE_BYTES && first <= limit {
        true => decode(&coding, &bytes, first),
        false => decode_elsewhere(coding.clone(), bytes.clone(), first).await,
    };
    match small {
        Err(DecodeError::TooLarge(_)) if limit > first => {
            // The semaphore is never closed.
            let _turn = shared.large_bodies.acquire().await;
            decode_elsewhere(coding, bytes, limit).await
        }
        decoded => decoded,
    }
}

async fn decode_elsewhere(
    coding: String,
    bytes: Bytes,
    limit: u64,
) -> Result<Vec<u8>, DecodeError> {
    let name = coding.clone();
    let decoded = tokio::task::spawn_blocking(move || decode(&coding, &bytes, limit)).await;
    decoded.unwrap_or_else(|error| {
        Err(DecodeError::Malformed {
            coding: name,
            source: std::io::Error::other(error),
        })
    })
}
