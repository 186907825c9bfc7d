//! What all connections of a proxy, or of a client, share.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use crate::http::{DecodeError, decode};

use super::super::body::SMALL_BODY;
use super::super::ledger::Ledger;
use super::super::options::Limits;
use super::super::record::Recorder;
use super::connect::Connector;
use super::known::Known;
use super::stand_in::StandIn;
use super::upstream::Upstream;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) ledger: Ledger,
    pub(super) limits: Limits,
    pub(super) upstream: Upstream,
    pub(super) connector: Connector,
    pub(super) known: Option<Known>,
    pub(super) stand_in: Option<StandIn>,
    /// Whether what is answered from there is written down.
    pub(super) keeps_known: bool,
    /// Held by who decodes a large body, so that few such bodies are in memory at once.
    pub(super) large_bodies: Mutex<()>,
}

impl Shared {
    /// What a proxy or a client shares that knows no answers of its own.
    pub(super) fn new(
        recorder: Recorder,
        limits: Limits,
        upstream: Upstream,
        connector: Connector,
    ) -> Self {
        Self {
            ledger: Ledger::new(recorder),
            limits,
            upstream,
            connector,
            known: None,
            stand_in: None,
            keeps_known: true,
            large_bodies: Mutex::default(),
        }
    }

    /// Most bytes of a body or message that are kept.
    pub(super) fn kept_bytes(&self) -> usize {
        usize::try_from(self.limits.body_bytes).unwrap_or(usize::MAX)
    }

    /// Undoes the content coding of a body. Large ones are decoded one at a time, so that compression bombs take the
    /// memory of one body, however many come.
    pub(super) fn decoded(&self, coding: &str, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let limit = self.limits.body_bytes;
        match decode(coding, bytes, limit.min(SMALL_BODY)) {
            Err(DecodeError::TooLarge(_)) if limit > SMALL_BODY => {
                let turn = self.large_bodies.lock();
                let _turn = turn.unwrap_or_else(PoisonError::into_inner);
                decode(coding, bytes, limit)
            }
            decoded => decoded,
        }
    }
}

impl Deref for Shared {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        &self.ledger
    }
}
