//! A capture that is kept in memory, seen from outside.

use tokio::sync::watch;

use super::record::Recorder;

/// The records of a capture in memory, now and later.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    records: watch::Receiver<Vec<u8>>,
    recorder: Recorder,
}

impl Memory {
    /// `None` for a recorder that writes elsewhere.
    pub(super) fn new(recorder: &Recorder) -> Option<Self> {
        Some(Self {
            records: recorder.memory()?,
            recorder: recorder.clone(),
        })
    }

    /// The records so far.
    pub(crate) fn records(&mut self) -> Vec<u8> {
        self.records.borrow_and_update().clone()
    }

    /// Returns when there are more records than [`records`](Self::records) gave; false when there will never be.
    pub(crate) async fn grown(&mut self) -> bool {
        self.records.changed().await.is_ok()
    }

    /// Returns when all that happened so far is among the records.
    pub(crate) async fn settled(&self) {
        self.recorder.settled().await;
    }
}
