//! Writes the capture.
//!
//! A task that plays a response puts records together itself and writes them before it sends what they tell of: every
//! response that a client saw complete is in the capture, also when the program is killed. Records that may wait go into
//! the file with the next that may not, of whatever connection, in one call.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::capture::{CaptureWriter, Record, RecordPart, Redactor};

use super::growing::Growing;

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
    /// To an open file, which is emptied once all else that the start needs is there: another server may be writing it.
    Replaced(Arc<File>),
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

/// A request that was taken down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    /// The number of its exchange in the capture.
    pub(super) number: u64,
    /// Whether its body was looked at, and nothing in it is secret.
    pub(super) is_clean: bool,
}

#[derive(Debug)]
struct State {
    /// The number of the next exchange.
    next: u64,
    /// Records that are not written yet.
    waiting: Vec<RecordPart>,
    out: Out,
    /// Why nothing more is written.
    failure: Option<io::Error>,
}

#[derive(Debug)]
enum Out {
    Nowhere,
    Memory(watch::Sender<Vec<u8>>),
    File(Growing),
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
            CaptureTarget::File(file) => Out::File(Growing::new(file)),
            CaptureTarget::Replaced(file) => {
                if file.metadata()?.is_file() {
                    file.set_len(0)?;
                }
                Out::File(Growing::new(file))
            }
        };
        let header = CaptureWriter::new(Vec::new(), source, redactor.clone())?.into_inner();
        let header = String::from_utf8(header).unwrap_or_default();
        let mut state = State {
            next: 0,
            waiting: vec![RecordPart::Own(header)],
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

    /// Takes a request down. It is written with what comes next. For `new` see [`Record::redacted`].
    pub(super) fn open(&self, request: Option<Record>, new: Option<Range<usize>>) -> Opened {
        let request = match &self.redactor {
            Some(redactor) => request.map(|request| request.redacted(&mut redactor.clone(), new)),
            None => request,
        };
        let is_clean = self.redactor.is_some() && request.as_ref().is_some_and(Record::shares_text);
        // Numbers are given in the order in which requests stand in the file.
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        if let Some(request) = request
            && state.failure.is_none()
        {
            state.waiting.extend(request.into_line(number));
        }
        Opened { number, is_clean }
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
            Some(redactor) => request.redacted(&mut redactor.clone(), None),
            None => request,
        };
        let mut state = self.lock();
        if state.failure.is_none() {
            state.waiting.extend(request.into_line(number));
        }
    }

    /// Writes records, and all that waits, to the file. When this returns they are there, unless writing failed. Nothing
    /// in clean ones has the looks of a secret.
    pub(super) fn write(&self, records: String, is_clean: bool) {
        let records = match &self.redactor {
            Some(redactor) if is_clean => redactor.clone().known(records),
            Some(redactor) if !records.is_empty() => redactor.clone().text(records),
            _ => records,
        };
        let mut state = self.lock();
        if state.failure.is_some() {
            return;
        }
        if !records.is_empty() {
            state.waiting.push(RecordPart::Own(records));
        }
        if let Err(error) = state.write_out() {
            state.failure = Some(error);
            state.waiting = Vec::new();
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
            Out::Memory(memory) => memory.send_modify(|bytes| {
                for part in &self.waiting {
                    bytes.extend_from_slice(part.as_str().as_bytes());
                }
            }),
            Out::File(growing) => {
                let lengths = self.waiting.iter().map(|part| part.as_str().len() as u64);
                growing.make_room(lengths.sum());
                write_all(&mut growing.file(), &self.waiting)?;
            }
        }
        self.waiting.clear();
        Ok(())
    }
}

/// Writes all parts, in one call unless the system takes less.
fn write_all(out: &mut impl Write, parts: &[RecordPart]) -> io::Result<()> {
    let slices = parts
        .iter()
        .map(|part| IoSlice::new(part.as_str().as_bytes()));
    let mut slices: Vec<IoSlice<'_>> = slices.collect();
    let mut rest = &mut slices[..];
    while !rest.is_empty() {
        match out.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes with each call, after one that is interrupted.
    struct Slow {
        taken: Vec<u8>,
        at_once: usize,
        is_interrupted: bool,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if std::mem::take(&mut self.is_interrupted) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let length = bytes.len().min(self.at_once);
            self.taken.extend_from_slice(&bytes[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_parts_are_written_however_few_bytes_are_taken_at_once() {
        let parts = ["", "abc", "", "defgh"].map(|text| RecordPart::Own(text.to_owned()));
        for at_once in 1..10 {
            let mut out = Slow {
                taken: Vec::new(),
                at_once,
                is_interrupted: true,
            };
            write_all(&mut out, &parts).unwrap();
            assert_eq!(out.taken, b"abcdefgh");
        }
        let mut full = Slow {
            taken: Vec::new(),
            at_once: 0,
            is_interrupted: false,
        };
        let error = write_all(&mut full, &parts).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    }
}
