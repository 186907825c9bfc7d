//! The request before on the same connection. An agent sends with each request all that it has sent before, so most of a
//! body was parsed and looked through already.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::capture::Body;
use crate::json::Value;

use super::exchange::Exchange;

/// Kilobytes of memory for the bodies that a server keeps, all connections together.
pub(super) const FORMER_ROOM: usize = 16 << 10;
/// Most bytes of memory for one of them.
const MAX_KEPT: usize = 2 << 20;

/// What is kept of the request before.
#[derive(Debug, Default)]
pub(super) struct Former(Mutex<Option<Kept>>);

#[derive(Debug)]
struct Kept {
    body: Value,
    /// Whether nothing in it is secret.
    is_clean: bool,
    _room: OwnedSemaphorePermit,
}

impl Former {
    /// Takes the bytes of a body as what they are. Where a part of it is given, too, nothing outside of that is secret.
    pub(super) fn parse(&self, bytes: Bytes) -> (Body, Option<Range<usize>>) {
        match self.kept().take() {
            Some(kept) => {
                let (body, new) = Body::from_bytes_after(&bytes, kept.body);
                (body, new.filter(|_| kept.is_clean))
            }
            None => (Body::from_bytes(bytes.into()), None),
        }
    }

    /// Keeps the body of a request that was taken down, instead of the one before.
    pub(super) fn keep(&self, body: &Body, exchange: &Exchange) {
        let mut kept = self.kept();
        *kept = None;
        let Some(body) = body.json() else {
            return;
        };
        let bytes = body.document().footprint();
        if bytes > MAX_KEPT {
            return;
        }
        let permits = bytes.div_ceil(1 << 10) as u32;
        let room = exchange.shared.former_room.clone();
        *kept = room.try_acquire_many_owned(permits).ok().map(|room| Kept {
            body: body.clone(),
            is_clean: exchange.is_clean,
            _room: room,
        });
    }

    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
