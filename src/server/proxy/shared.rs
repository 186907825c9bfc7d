//! What all connections of a proxy, or of a client, share.

use std::ops::Deref;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::capture::{Capture, Redactor, read_capture_bytes};
use crate::http::{DecodeError, decode};

use super::super::body::SMALL_BODY;
use super::super::ledger::Ledger;
use super::super::options::{Limits, StartError};
use super::super::record::{CaptureTarget, Recorder};
use super::connect::Connector;
use super::known::Known;
use super::options::ProxyError;
use super::stand_in::StandIn;
use super::upstream::Upstream;
use super::variables::ProxyVariables;

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

/// What a proxy and a client are told alike.
#[derive(Debug)]
pub(super) struct Setup<'a> {
    pub(super) upstream: Upstream,
    pub(super) variables: &'a ProxyVariables,
    pub(super) ca: Option<&'a Path>,
    pub(super) connect_time: Duration,
    pub(super) capture: CaptureTarget,
    /// Who writes the capture.
    pub(super) source: &'a str,
    pub(super) redact: bool,
    pub(super) limits: Limits,
}

impl Shared {
    /// Begins the capture of a proxy or a client that knows no answers of its own.
    ///
    /// # Errors
    ///
    /// When a proxy variable, the authorities, TLS or the capture can't be used.
    pub(super) fn new(setup: Setup<'_>) -> Result<Self, ProxyError> {
        let upstream = setup.upstream;
        let connector = Connector::new(
            upstream.clone(),
            setup.variables,
            setup.ca,
            setup.connect_time,
        )?;
        let redactor = setup.redact.then(Redactor::new);
        let recorder = Recorder::start(setup.capture, setup.source, redactor);
        Ok(Self {
            ledger: Ledger::new(recorder.map_err(StartError::Capture)?),
            limits: setup.limits,
            upstream,
            connector,
            known: None,
            stand_in: None,
            keeps_known: true,
            large_bodies: Mutex::default(),
        })
    }

    /// What was captured to memory so far; `None` with another target.
    pub(super) fn captured(&self) -> Option<Capture> {
        let written = self.recorder.memory()?;
        // Requests wait for what comes next; here nothing needs to come.
        self.recorder.write(String::new(), true);
        let bytes = written.borrow().clone();
        read_capture_bytes("-", bytes).ok()
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

/// Threads with these names for sockets and timers.
///
/// # Errors
///
/// When they can't be started.
pub(super) fn runtime(name: &str, threads: usize) -> Result<Runtime, ProxyError> {
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(threads)
        .thread_name(name)
        .enable_all();
    builder.build().map_err(ProxyError::Threads)
}

impl Deref for Shared {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        &self.ledger
    }
}
