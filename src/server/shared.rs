//! What all connections of a server share.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::decide::Decider;
use super::gates::Gates;
use super::options::Limits;
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
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) http_shutdown: bool,
    pub(super) recorder: Recorder,
    pub(super) decider: Decider,
    pub(super) gates: Gates,
    pub(super) phase: watch::Sender<Phase>,
    /// Held by who decodes or keeps a body beyond [`SMALL_BODY`](super::body::SMALL_BODY), so that few such bodies are in memory at once.
    pub(super) large_bodies: Semaphore,
    pub(super) requests: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) active: AtomicU64,
    started: Instant,
}

impl Shared {
    pub(super) fn new(
        limits: Limits,
        http_shutdown: bool,
        recorder: Recorder,
        decider: Decider,
    ) -> Self {
        Self {
            limits,
            http_shutdown,
            recorder,
            decider,
            gates: Gates::default(),
            phase: watch::Sender::new(Phase::Running),
            large_bodies: Semaphore::new(1),
            requests: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            active: AtomicU64::new(0),
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
        }
    }
}
