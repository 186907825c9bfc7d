//! The queue of the thread that writes the capture.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::record::Fact;

/// One thing to be done by the thread.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) exchange: u64,
    pub(super) fact: Fact,
    pub(super) at_ms: f64,
    /// Permits of the queue that it holds.
    pub(super) cost: u32,
    /// Told once the record is in the file.
    pub(super) written: Option<oneshot::Sender<()>>,
}

/// What waits for the thread. Waking a thread costs as much as writing a record, so it is woken only when someone waits
/// for it or nothing more comes soon; then it finds many records at once.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    entries: VecDeque<Entry>,
    /// Whether the thread sleeps.
    is_asleep: bool,
    /// Whether nothing more comes.
    is_finished: bool,
    /// Whether the thread has ended.
    is_gone: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry; the thread takes it when it is woken.
    pub(super) fn push(&self, entry: Entry) {
        let mut state = self.lock();
        // Who waits for an entry that is dropped goes on.
        if !state.is_gone {
            state.entries.push_back(entry);
        }
    }

    /// Wakes the thread, if it sleeps.
    pub(super) fn wake(&self) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.is_asleep, false) {
            drop(state);
            self.woken.notify_one();
        }
    }

    /// All that waits, when there is something; `None` when nothing more comes.
    pub(super) fn take(&self) -> Option<VecDeque<Entry>> {
        let mut state = self.lock();
        loop {
            if !state.entries.is_empty() {
                return Some(std::mem::take(&mut state.entries));
            }
            if state.is_finished {
                return None;
            }
            state.is_asleep = true;
            let woken = self.woken.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
            state.is_asleep = false;
        }
    }

    /// Says that nothing more comes.
    pub(super) fn finish(&self) {
        self.lock().is_finished = true;
        self.wake();
    }

    /// Drops what waits and all that comes.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.is_gone = true;
        state.entries.clear();
    }
}
