//! Writes the capture.
//!
//! A task that plays a response puts records together itself and writes them before it sends what they tell of: every
//! response that a client saw complete is in the capture, also when the program is killed. Records that may wait go into
//! the file with the next that may not, of whatever connection, in one call.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::capture::{CaptureWriter, Record, Redactor};

/// Bytes of records that are kept room for; a larger buffer is given back when it was written.
const KEPT_BYTES: usize = 1 << 20;

/// Where the capture goes.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum CaptureTarget {
    /// Nowhere.
    #[default]
    None,
    /// To memory, for [`Server::capture`](super::Server::capture).
    Memory,
    /// To an open file, at its end.
    File(Arc<File>),
}

/// Takes down what happens, in the order in which it is told.
#[derive(Debug)]
pub(super) struct Recorder {
    /// Replaces secrets, unless told otherwise.
    redactor: Option<Redactor>,
    is_on: bool,
    state: Mutex<State>,
    /// Whether writing failed.
    has_failed: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    /// The number of the next exchange.
    next: u64,
    /// Records that are not written yet.
    waiting: String,
    out: Out,
    /// Why nothing more is written.
    failure: Option<io::Error>,
}

#[derive(Debug)]
enum Out {
    Nowhere,
    Memory(watch::Sender<Vec<u8>>),
    File(Arc<File>),
}

impl Recorder {
    /// Writes the header record; `source` says who writes.
    ///
    /// # Errors
    ///
    /// What writing it reports.
    pub(super) fn start(
        target: CaptureTarget,
        source: &str,
        redactor: Option<Redactor>,
    ) -> io::Result<Self> {
        let out = match target {
            CaptureTarget::None => Out::Nowhere,
            CaptureTarget::Memory => Out::Memory(watch::Sender::new(Vec::new())),
            CaptureTarget::File(file) => Out::File(file),
        };
        let header = CaptureWriter::new(Vec::new(), source, redactor.clone())?.into_inner();
        let mut state = State {
            next: 0,
            waiting: String::from_utf8(header).unwrap_or_default(),
            out,
            failure: None,
        };
        state.write_out()?;
        Ok(Self {
            redactor,
            is_on: !matches!(state.out, Out::Nowhere),
            state: Mutex::new(state),
            has_failed: watch::Sender::new(false),
        })
    }

    /// Whether anything is written down.
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Takes a request down and gives the number of its exchange in the capture. It is written with what comes next.
    pub(super) fn open(&self, request: Option<Record>) -> u64 {
        let request = match &self.redactor {
            Some(redactor) => request.map(|request| request.redacted(&mut redactor.clone())),
            None => request,
        };
        // Numbers are given in the order in which requests stand in the file.
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        if let Some(request) = request
            && state.failure.is_none()
        {
            request.push_line(number, &mut state.waiting);
        }
        number
    }

    /// Gives the number of an exchange whose request is taken down later, by [`open_as`](Self::open_as).
    pub(super) fn reserve(&self) -> u64 {
        let mut state = self.lock();
        state.next += 1;
        state.next - 1
    }

    /// As [`open`](Self::open), with a number that was reserved.
    pub(super) fn open_as(&self, number: u64, request: Record) {
        let request = match &self.redactor {
            Some(redactor) => request.redacted(&mut redactor.clone()),
            None => request,
        };
        let mut state = self.lock();
        if state.failure.is_none() {
            request.push_line(number, &mut state.waiting);
        }
    }

    /// Writes records, and all that waits, to the file. When this returns they are there, unless writing failed.
    pub(super) fn write(&self, records: String) {
        let records = match &self.redactor {
            Some(redactor) if !records.is_empty() => redactor.clone().text(records),
            _ => records,
        };
        let mut state = self.lock();
        if state.failure.is_some() {
            return;
        }
        state.waiting.push_str(&records);
        if let Err(error) = state.write_out() {
            state.failure = Some(error);
            state.waiting = String::new();
            self.has_failed.send_replace(true);
        }
    }

    /// What replaces secrets in header fields.
    pub(super) fn redactor(&self) -> Option<Redactor> {
        self.redactor.clone()
    }

    /// What is written to memory, now and later; `None` with another target.
    pub(super) fn memory(&self) -> Option<watch::Receiver<Vec<u8>>> {
        match &self.lock().out {
            Out::Memory(memory) => Some(memory.subscribe()),
            _ => None,
        }
    }

    /// Whether the capture can't be written any more.
    pub(super) fn has_failed(&self) -> bool {
        *self.has_failed.borrow()
    }

    /// Returns when the capture can't be written any more.
    pub(super) async fn failed(&self) {
        // The sender lives as long as this.
        let _ = self.has_failed.subscribe().wait_for(|failed| *failed).await;
    }

    /// Why the capture is not complete, once.
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        self.lock().failure.take()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write_out(&mut self) -> io::Result<()> {
        match &mut self.out {
            Out::Nowhere => {}
            _ if self.waiting.is_empty() => {}
            Out::Memory(memory) => {
                memory.send_modify(|bytes| bytes.extend_from_slice(self.waiting.as_bytes()));
            }
            Out::File(file) => (&**file).write_all(self.waiting.as_bytes())?,
        }
        self.waiting.clear();
        self.waiting.shrink_to(KEPT_BYTES);
        Ok(())
    }
}
