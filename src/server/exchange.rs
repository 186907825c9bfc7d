//! One request on its way through the server, and what is written down of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::capture::{ContentKind, End, Frame};
use crate::http::HeaderList;
use crate::json::Value;
use crate::script::StepId;

use super::record::Fact;
use super::shared::Shared;

/// A request whose response has not ended. Dropped before its end, it ends as the client's doing or, when the server is
/// being stopped, as the server's.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) shared: Arc<Shared>,
    /// Its number in the capture.
    pub(super) number: u64,
    /// Which part of the script answers, for the capture.
    pub(super) step: Option<StepId>,
    /// What about the request did not go as the script says.
    pub(super) violation: Option<String>,
    is_open: bool,
}

impl Exchange {
    /// Writes the request down.
    pub(super) async fn open(
        shared: Arc<Shared>,
        request: crate::capture::Request,
        connection: u64,
        at_ms: f64,
    ) -> Self {
        let fact = Fact::Request(Box::new(request), connection);
        let number = shared.recorder.open(at_ms, fact).await;
        shared.requests.fetch_add(1, Ordering::Relaxed);
        shared.active.fetch_add(1, Ordering::Relaxed);
        Self {
            shared,
            number,
            step: None,
            violation: None,
            is_open: true,
        }
    }

    /// Writes the head of the response down.
    pub(super) async fn head(
        &self,
        status: Option<u16>,
        headers: Option<HeaderList>,
        content: ContentKind,
    ) {
        let head = Fact::Head {
            status,
            headers,
            content,
        };
        self.tell(head).await;
    }

    /// Writes bytes of the response body down.
    pub(super) async fn data(&self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.tell(Fact::Data(bytes)).await;
        }
    }

    /// Writes bytes of the response body down and returns when they are in the file.
    pub(super) async fn last_data(&self, bytes: Bytes) {
        let at_ms = self.shared.now_ms();
        let recorder = &self.shared.recorder;
        let fact = Fact::Data(bytes);
        recorder.tell_and_wait(self.number, at_ms, fact).await;
    }

    /// Writes a WebSocket message down.
    pub(super) async fn frame(&self, frame: Frame) {
        self.tell(Fact::Frame(Box::new(frame))).await;
    }

    /// Writes a WebSocket message down and returns when it is in the file.
    pub(super) async fn last_frame(&self, frame: Frame) {
        let at_ms = self.shared.now_ms();
        let recorder = &self.shared.recorder;
        let fact = Fact::Frame(Box::new(frame));
        recorder.tell_and_wait(self.number, at_ms, fact).await;
    }

    /// Has what was told so far written soon: nothing more is told for a while.
    pub(super) fn pause(&self) {
        self.shared.recorder.wake();
    }

    /// Writes the end down and returns when the whole exchange is in the file.
    pub(super) async fn end(&mut self, end: End, extra: Option<serde_json::Value>) {
        if !self.close() {
            return;
        }
        let fact = Fact::End {
            end,
            extra: self.extra(extra),
        };
        let at_ms = self.shared.now_ms();
        let recorder = &self.shared.recorder;
        recorder.tell_and_wait(self.number, at_ms, fact).await;
    }

    async fn tell(&self, fact: Fact) {
        let recorder = &self.shared.recorder;
        if recorder.is_on() {
            recorder.tell(self.number, self.shared.now_ms(), fact).await;
        }
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

    /// Says that the end is being written; false if it was before.
    fn close(&mut self) -> bool {
        let was_open = std::mem::replace(&mut self.is_open, false);
        if was_open {
            self.shared.active.fetch_sub(1, Ordering::Relaxed);
        }
        was_open
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.close() {
            return;
        }
        let end = match self.shared.is_stopping() {
            true => End::ServerStopped,
            false => End::PeerClosed,
        };
        let fact = Fact::End {
            end,
            extra: self.extra(None),
        };
        let at_ms = self.shared.now_ms();
        self.shared.recorder.tell_now(self.number, at_ms, fact);
    }
}
