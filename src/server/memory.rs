//! A capture that is kept in memory, seen from outside.

use std::sync::Arc;

use tokio::sync::watch;

use super::shared::Shared;

/// The records of a capture in memory, now and later.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    written: watch::Receiver<Vec<u8>>,
    shared: Arc<Shared>,
}

impl Memory {
    /// `None` for a server that writes elsewhere.
    pub(super) fn new(shared: &Arc<Shared>) -> Option<Self> {
        Some(Self {
            written: shared.recorder.memory()?,
            shared: shared.clone(),
        })
    }

    /// The records of all that happened so far.
    pub(crate) fn records(&mut self) -> Vec<u8> {
        // Requests wait for what comes next; here nothing needs to come.
        self.shared.recorder.write(String::new(), true);
        self.written.borrow_and_update().clone()
    }

    /// Returns when there are more records than [`records`](Self::records) gave.
    pub(crate) async fn grown(&mut self) {
        // The sender lives as long as this.
        let _ = self.written.changed().await;
    }
}
