//! What all connections of a server share.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::decide::Decider;
use super::former::FORMER_ROOM;
use super::gates::Gates;
use super::ledger::Ledger;
use super::options::Limits;
use super::record::Recorder;

#[derive(Debug)]
pub(super) struct Shared {
    ledger: Ledger,
    pub(super) limits: Limits,
    pub(super) http_shutdown: bool,
    pub(super) decider: Decider,
    pub(super) gates: Gates,
    /// Held by who decodes or keeps a body beyond [`SMALL_BODY`](super::body::SMALL_BODY), so that few such bodies are in memory at once.
    pub(super) large_bodies: Semaphore,
    /// Room for the bodies that [`Former`](super::former::Former) keeps, in kilobytes.
    pub(super) former_room: Arc<Semaphore>,
}

impl Shared {
    pub(super) fn new(
        limits: Limits,
        http_shutdown: bool,
        recorder: Recorder,
        decider: Decider,
    ) -> Self {
        Self {
            ledger: Ledger::new(recorder),
            limits,
            http_shutdown,
            decider,
            gates: Gates::default(),
            large_bodies: Semaphore::new(1),
            former_room: Arc::new(Semaphore::new(FORMER_ROOM)),
        }
    }
}

impl Deref for Shared {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        &self.ledger
    }
}
