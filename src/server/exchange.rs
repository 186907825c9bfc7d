//! One request on its way through the server, and what is written down of it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::capture::{ContentKind, End, Frame, Record, Recorded, Request};
use crate::http::HeaderList;
use crate::json::Value;
use crate::script::{Answer, StepId};

use super::log::Log;
use super::record::Opened;
use super::shared::Shared;

/// A request whose response has not ended. Dropped before its end, it ends as the client's doing or, when the server is
/// being stopped, as the server's.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) shared: Arc<Shared>,
    /// Its number in the capture.
    pub(super) number: u64,
    /// Whether the body was looked at, and nothing in it is secret.
    pub(super) is_clean: bool,
    /// Which part of the script answers, for the capture.
    pub(super) step: Option<StepId>,
    /// What about the request did not go as the script says.
    pub(super) violation: Option<String>,
    /// Whether nothing in the answer has the looks of a secret.
    is_answer_clean: bool,
    /// `None` where nothing is written down.
    log: Option<Log>,
    is_open: bool,
}

impl Exchange {
    /// Takes the request down. For `new` see [`Record::redacted`].
    pub(super) fn open(
        shared: Arc<Shared>,
        request: &Request,
        new: Option<Range<usize>>,
        connection: u64,
        at_ms: f64,
    ) -> Self {
        let is_on = shared.recorder.is_on();
        let record = is_on.then(|| {
            let mut redactor = shared.recorder.redactor();
            Record::request(
                request,
                Recorded::Yes(connection),
                Recorded::Yes(at_ms),
                redactor.as_mut(),
            )
        });
        let Opened { number, is_clean } = shared.recorder.open(record, new);
        shared.requests.fetch_add(1, Ordering::Relaxed);
        shared.active.fetch_add(1, Ordering::Relaxed);
        Self {
            number,
            is_clean,
            step: None,
            violation: None,
            is_answer_clean: false,
            log: is_on.then(|| Log::new(number)),
            is_open: true,
            shared,
        }
    }

    /// Says what is known of the answer to come.
    pub(super) fn know(&mut self, answer: &Answer) {
        self.is_answer_clean = answer.is_clean;
        if let Some(log) = &mut self.log {
            log.has_json_events = answer.has_json_events;
        }
    }

    /// Takes the head of the response down.
    pub(super) fn head(
        &mut self,
        status: Option<u16>,
        headers: Option<HeaderList>,
        content: ContentKind,
    ) {
        let at_ms = self.shared.now_ms();
        if let Some(log) = &mut self.log {
            let mut redactor = self.shared.recorder.redactor();
            log.head(status, headers, content, at_ms, redactor.as_mut());
        }
    }

    /// Takes bytes of the response body down.
    pub(super) fn data(&mut self, bytes: &Bytes) {
        let at_ms = self.shared.now_ms();
        if let Some(log) = self.log.as_mut().filter(|_| !bytes.is_empty()) {
            log.data(bytes, at_ms);
        }
    }

    /// Takes a WebSocket message down.
    pub(super) fn frame(&mut self, frame: &Frame) {
        if let Some(log) = &mut self.log {
            log.frame(frame);
        }
    }

    /// Writes to the file what was taken down so far.
    pub(super) fn write(&mut self) {
        if let Some(log) = &mut self.log {
            let is_clean = self.is_answer_clean && self.violation.is_none();
            self.shared.recorder.write(log.take(), is_clean);
        }
    }

    /// Writes the end, so that the whole exchange is in the file.
    pub(super) fn end(&mut self, end: End, extra: Option<serde_json::Value>) {
        if !std::mem::replace(&mut self.is_open, false) {
            return;
        }
        self.shared.active.fetch_sub(1, Ordering::Relaxed);
        let extra = self.extra(extra);
        let at_ms = self.shared.now_ms();
        if let Some(log) = &mut self.log {
            log.end(end, extra.as_ref(), at_ms);
        }
        self.write();
    }

    fn extra(&self, extra: Option<serde_json::Value>) -> Option<Value> {
        let mut members = serde_json::Map::new();
        if let Some(step) = self.step {
            members.insert("step".to_owned(), step.to_string().into());
        }
        if let Some(violation) = &self.violation {
            members.insert("violation".to_owned(), violation.as_str().into());
        }
        if let Some(serde_json::Value::Object(more)) = extra {
            members.extend(more);
        }
        (!members.is_empty()).then(|| Value::from_serde(&members.into()))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let end = match self.shared.is_stopping() {
            true => End::ServerStopped,
            false => End::PeerClosed,
        };
        self.end(end, None);
    }
}
