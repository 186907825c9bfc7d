//! What a server and a recording proxy keep account of: the capture, its clock, how far they are on their way to their
//! end, and counts.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use tokio::time::Instant;

use super::record::Recorder;

/// How far a server is on its way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// It serves.
    Running,
    /// It takes no new requests.
    Stopping,
}

/// What a server did so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct State {
    /// Requests that were read, control requests not counted.
    pub requests: u64,
    /// TCP connections that were accepted.
    pub connections: u64,
    /// Responses that are being played now.
    pub active: u64,
    /// Those of them that have stalled.
    pub stalled: u64,
}

#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) recorder: Recorder,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) requests: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) active: AtomicU64,
    stalled: AtomicU64,
    started: Instant,
}

impl Ledger {
    pub(super) fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            phase: watch::Sender::new(Phase::Running),
            requests: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            active: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            started: Instant::now(),
        }
    }

    /// Milliseconds on the clock of the capture.
    pub(super) fn now_ms(&self) -> f64 {
        self.ms(Instant::now())
    }

    /// A moment on the clock of the capture, in milliseconds.
    pub(super) fn ms(&self, moment: Instant) -> f64 {
        let since = moment.saturating_duration_since(self.started);
        since.as_micros() as f64 / 1000.0
    }

    /// Moves on to a later phase.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let is_later = *current < phase;
            if is_later {
                *current = phase;
            }
            is_later
        });
    }

    /// Whether the server is being ended.
    pub(super) fn is_stopping(&self) -> bool {
        *self.phase.borrow() > Phase::Running
    }

    pub(super) fn state(&self) -> State {
        State {
            requests: self.requests.load(Ordering::Relaxed),
            connections: self.connections.load(Ordering::Relaxed),
            active: self.active.load(Ordering::Relaxed),
            stalled: self.stalled.load(Ordering::Relaxed),
        }
    }

    /// Counts a response as stalled, as long as what is given is kept.
    pub(super) fn stall(&self) -> Stalled<'_> {
        self.stalled.fetch_add(1, Ordering::Relaxed);
        Stalled(self)
    }
}

/// A response that has stalled.
pub(super) struct Stalled<'a>(&'a Ledger);

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        self.0.stalled.fetch_sub(1, Ordering::Relaxed);
    }
}
