//! What is written down of one exchange as it goes by.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use serde_json::json;

use crate::capture::{self, Body, ContentKind, Direction, End, Frame, Headers, Record, Recorded};
use crate::http::{HeaderList, PushDecoder};
use crate::json::Value;
use crate::script::Answer;

use super::super::head::RequestHead;
use super::super::log::Log;
use super::super::wire::content_kind;
use super::frames::Message;
use super::known::KnownReply;
use super::response::ResponseHead;
use super::shared::Shared;

/// Bodies up to this size are decoded and parsed at once; for larger ones other connections are served elsewhere.
const QUICK_BYTES: usize = 256 << 10;
/// Most content that a piece of a response may decode to.
const MAX_STEP: usize = 64 << 20;
/// Most bytes that are no part of any message and are kept.
const MAX_ODD: usize = 64 << 10;
/// Most heads before the final one that are kept.
const MAX_INTERIM: usize = 16;
/// Most bytes of a response that wait for the request to be complete.
const MAX_HELD: usize = 4 << 20;

/// One exchange. Dropped before its end, it ends as the client's doing or, when the proxy is being stopped, as ours.
#[derive(Debug)]
pub(super) struct Taken {
    shared: Arc<Shared>,
    connection: u64,
    head: RequestHead,
    /// Content of the request body.
    body: Vec<u8>,
    body_bytes: u64,
    is_body_complete: bool,
    /// The body with its content coding undone, where that was done before the request is written down.
    decoded: Option<Body>,
    /// Whether the exchange is written down.
    is_kept: bool,
    /// `None` until it is known which number the exchange has.
    log: Option<Log>,
    number: u64,
    is_request_written: bool,
    /// Undoes the content coding of the response.
    coding: Coding,
    is_open: bool,
    odd: Vec<u8>,
    interim: Vec<serde_json::Value>,
    extra: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug)]
enum Coding {
    None,
    /// Decoded as it comes.
    Push(PushDecoder),
    /// Decoded at the end.
    Whole(String, Vec<u8>),
    /// It can't be decoded.
    Failed,
}

impl Taken {
    pub(super) fn new(shared: Arc<Shared>, head: RequestHead, connection: u64) -> Self {
        shared.requests.fetch_add(1, Ordering::Relaxed);
        shared.active.fetch_add(1, Ordering::Relaxed);
        Self {
            connection,
            head,
            body: Vec::new(),
            body_bytes: 0,
            is_body_complete: false,
            decoded: None,
            is_kept: shared.recorder.is_on(),
            log: None,
            number: 0,
            is_request_written: false,
            coding: Coding::None,
            is_open: true,
            odd: Vec::new(),
            interim: Vec::new(),
            extra: serde_json::Map::new(),
            shared,
        }
    }

    fn is_on(&self) -> bool {
        self.is_kept
    }

    /// Most bytes of a body or message that are kept.
    pub(super) fn kept_bytes(&self) -> usize {
        self.shared.kept_bytes()
    }

    /// The head of the request.
    pub(super) fn request(&self) -> &RequestHead {
        &self.head
    }

    /// Takes content of the request body down.
    pub(super) fn request_data(&mut self, bytes: &[u8]) {
        self.body_bytes += bytes.len() as u64;
        let is_wanted = self.is_on() || self.shared.known.is_some();
        if is_wanted && self.body_bytes <= self.shared.limits.body_bytes {
            self.body.extend_from_slice(bytes);
        }
    }

    /// The request is complete, with these lines behind its body.
    pub(super) fn request_done(&mut self, trailer: &[u8]) {
        self.is_body_complete = true;
        self.note_trailer("request_trailers", trailer);
        self.open();
    }

    /// The number of the exchange, once its request is written down.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Says whether the answer is a stand-in's.
    pub(super) fn set_from_stand_in(&mut self, is_from_stand_in: bool) {
        match is_from_stand_in {
            true => self.note("answered_by", "capture"),
            false => drop(self.extra.remove("answered_by")),
        }
    }

    /// The answer to the request that was recorded before, if its body has come whole and there is one. Where such exchanges are not
    /// kept, nothing is written down.
    pub(super) fn known_answer(&mut self) -> Option<Answer> {
        let shared = self.shared.clone();
        let known = shared.known.as_ref()?;
        let body = self.request_body();
        let found = known.find(&self.head, &self.as_written(&body));
        self.decoded = Some(body);
        let found = found?;
        if !shared.keeps_known {
            self.is_kept = false;
        }
        self.note("answered_by", "capture");
        self.extra
            .insert("recorded_as".to_owned(), found.number.into());
        Some(found.answer)
    }

    /// Says whether what comes is written down.
    pub(super) fn set_kept(&mut self, is_kept: bool) {
        self.is_kept = is_kept && self.shared.recorder.is_on();
    }

    /// What a message on this WebSocket was answered when it was recorded before.
    pub(super) fn known_reply(&self, message: &Message) -> Option<KnownReply> {
        let known = self.shared.known.as_ref()?;
        known.find_message(&self.head.target, &self.as_written(&message.data))
    }

    /// Writes the request down, as far as it came.
    fn open(&mut self) {
        if std::mem::replace(&mut self.is_request_written, true) || !self.is_on() {
            return;
        }
        if !self.is_body_complete {
            self.note("request", "incomplete");
        }
        match self.body.len() > QUICK_BYTES {
            true => tokio::task::block_in_place(|| self.open_now()),
            false => self.open_now(),
        }
    }

    fn open_now(&mut self) {
        let body = match self.decoded.take() {
            Some(body) => body,
            None => self.request_body(),
        };
        let head = &self.head;
        let request = capture::Request {
            method: head.method.clone(),
            target: head.target.clone(),
            http_version: head.version.map(str::to_owned).into(),
            headers: Recorded::Yes(Headers::exact(head.headers.clone())),
            body,
            wire_body_bytes: Recorded::Yes(self.body_bytes),
        };
        let mut redactor = self.shared.recorder.redactor();
        let record = Record::request(
            &request,
            Recorded::Yes(self.connection),
            Recorded::Yes(self.shared.ms(head.began)),
            redactor.as_mut(),
        );
        match self.log {
            Some(_) => self.shared.recorder.open_as(self.number, record),
            None => {
                self.number = self.shared.recorder.open(Some(record), None).number;
                self.log = Some(Log::new(self.number));
            }
        }
    }

    /// The body with its content coding undone; as sent, where that fails.
    fn request_body(&mut self) -> Body {
        if let Some(bytes) = &self.head.broken {
            return Body::from_bytes(bytes.clone());
        }
        if self.body_bytes > self.body.len() as u64 {
            self.note("request_body", "larger than what is kept");
            return Body::NotRecorded;
        }
        let body = std::mem::take(&mut self.body);
        let Some(coding) = self.head.headers.joined("content-encoding") else {
            return Body::from_bytes(body);
        };
        match self.shared.decoded(&coding, &body) {
            Ok(decoded) => Body::from_bytes(decoded),
            Err(error) => {
                let error = error.to_string();
                self.note("request_coding", &error);
                Body::from_bytes(body)
            }
        }
    }

    /// A body as the capture has it, with secrets replaced.
    fn as_written(&self, body: &Body) -> Body {
        let text = match body {
            Body::Json(json) => json.value.text(),
            Body::Text(text) => text,
            _ => return body.clone(),
        };
        let Some(mut redactor) = self.shared.recorder.redactor() else {
            return body.clone();
        };
        for field in self.head.headers.iter() {
            redactor.header(&field.name, &field.value);
        }
        Body::from_text(redactor.text(text.to_owned()))
    }

    /// The log of the response. A response that comes before its request is complete waits in it.
    fn log(&mut self) -> Option<&mut Log> {
        if !self.is_on() {
            return None;
        }
        if self.log.is_none() {
            self.number = self.shared.recorder.reserve();
            self.log = Some(Log::new(self.number));
        }
        self.log.as_mut()
    }

    /// Takes a head down that is not the final one.
    pub(super) fn interim(&mut self, head: &ResponseHead) {
        if self.is_on() && self.interim.len() < MAX_INTERIM {
            let headers = self.pairs(&head.headers);
            self.interim
                .push(json!({"status": head.status, "headers": headers}));
        }
    }

    /// Takes the head of the response down.
    pub(super) fn head(&mut self, head: ResponseHead) {
        let content = match head.status {
            101 => ContentKind::Frames,
            _ => content_kind(&head.headers),
        };
        if content != ContentKind::Frames
            && let Some(coding) = head.headers.joined("content-encoding")
            && !coding.trim().eq_ignore_ascii_case("identity")
        {
            let push = PushDecoder::new(&coding, MAX_STEP);
            self.coding = match push.filter(|_| content == ContentKind::Events) {
                Some(push) => Coding::Push(push),
                None => Coding::Whole(coding.into_owned(), Vec::new()),
            };
        }
        self.take_head(Some(head.status), Some(head.headers), content);
    }

    fn take_head(
        &mut self,
        status: Option<u16>,
        headers: Option<HeaderList>,
        content: ContentKind,
    ) {
        let at_ms = self.shared.now_ms();
        let mut redactor = self.shared.recorder.redactor();
        if let Some(log) = self.log() {
            log.head(status, headers, content, at_ms, redactor.as_mut());
        }
    }

    /// Takes content of the response body down.
    pub(super) fn data(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || !self.is_on() {
            return;
        }
        let limit = self.shared.kept_bytes();
        match &mut self.coding {
            Coding::None => self.content(bytes),
            Coding::Failed => {}
            Coding::Whole(_, whole) if whole.len() + bytes.len() > limit => {
                self.coding = Coding::Failed;
                self.note("body", "larger than what is kept");
            }
            Coding::Whole(_, whole) => whole.extend_from_slice(bytes),
            Coding::Push(decoder) => match decoder.push(bytes) {
                Ok(decoded) => self.content(&decoded),
                Err(error) => {
                    self.coding = Coding::Failed;
                    self.note("coding", &error.to_string());
                }
            },
        }
    }

    /// Takes decoded content down.
    fn content(&mut self, bytes: &[u8]) {
        let at_ms = self.shared.now_ms();
        let bytes = Bytes::copy_from_slice(bytes);
        let limit = self.shared.kept_bytes();
        let Some(log) = self.log().filter(|_| !bytes.is_empty()) else {
            return;
        };
        log.data(&bytes, at_ms);
        if log.held() > limit {
            log.lose_body();
            self.note("body", "larger than what is kept");
        }
    }

    /// Takes a WebSocket message down.
    pub(super) fn message(&mut self, direction: Direction, message: Message) {
        if let Some(problem) = message.problem {
            self.note("websocket", problem);
        }
        let frame = Frame {
            direction,
            kind: message.kind,
            data: message.data,
            expanded: Body::NotRecorded,
            at_ms: Recorded::Yes(self.shared.now_ms()),
        };
        if let Some(log) = self.log() {
            log.frame(&frame);
        }
    }

    /// Takes bytes of the upstream down that are no part of a response.
    pub(super) fn odd(&mut self, bytes: &[u8]) {
        let room = MAX_ODD.saturating_sub(self.odd.len()).min(bytes.len());
        self.odd.extend_from_slice(&bytes[..room]);
    }

    /// Notes something about the exchange.
    pub(super) fn note(&mut self, key: &str, value: &str) {
        self.extra.insert(key.to_owned(), value.into());
    }

    /// Notes how many messages of a WebSocket were answered from what was recorded before.
    pub(super) fn note_known_messages(&mut self, count: u64) {
        self.extra.insert("known_messages".to_owned(), count.into());
    }

    /// Notes the lines behind a body.
    pub(super) fn note_trailer(&mut self, key: &str, lines: &[u8]) {
        let lines = String::from_utf8_lossy(lines);
        let fields: HeaderList = lines
            .split('\r')
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name, value.trim()))
            .collect();
        if !fields.is_empty() {
            let pairs = self.pairs(&fields);
            self.extra.insert(key.to_owned(), pairs);
        }
    }

    /// Fields as pairs, secrets replaced.
    fn pairs(&self, headers: &HeaderList) -> serde_json::Value {
        let mut redactor = self.shared.recorder.redactor();
        let pair = |field: &crate::http::Header| {
            let value = match &mut redactor {
                Some(redactor) => redactor.header(&field.name, &field.value).into_owned(),
                None => field.value.clone(),
            };
            json!([field.name, value])
        };
        headers.iter().map(pair).collect()
    }

    /// Writes to the file what was taken down so far, if the request is.
    pub(super) fn write(&mut self) {
        if !self.is_on() {
            return;
        }
        if !self.is_request_written {
            let held = self.log.as_ref().map_or(0, Log::held);
            if held < MAX_HELD {
                return;
            }
            self.open();
        }
        if let Some(log) = &mut self.log {
            self.shared.recorder.write(log.take(), false);
        }
    }

    /// Whether the capture can't be written any more.
    pub(super) fn is_lost(&self) -> bool {
        self.is_on() && self.shared.recorder.has_failed()
    }

    /// Writes the end, so that the whole exchange is in the file.
    pub(super) fn end(&mut self, end: End) {
        if !std::mem::replace(&mut self.is_open, false) {
            return;
        }
        self.shared.active.fetch_sub(1, Ordering::Relaxed);
        if !self.is_on() {
            return;
        }
        self.open();
        self.finish_coding();
        if !self.odd.is_empty() {
            let odd = String::from_utf8_lossy(&std::mem::take(&mut self.odd)).into_owned();
            self.note("wire", &odd);
        }
        if !self.interim.is_empty() {
            let interim = std::mem::take(&mut self.interim).into();
            self.extra.insert("interim".to_owned(), interim);
        }
        let extra = std::mem::take(&mut self.extra);
        let extra = (!extra.is_empty()).then(|| Value::from_serde(&extra.into()));
        let at_ms = self.shared.now_ms();
        if let Some(log) = self.log() {
            log.end(end, extra.as_ref(), at_ms);
        }
        self.write();
    }

    fn finish_coding(&mut self) {
        let Coding::Whole(coding, whole) = std::mem::replace(&mut self.coding, Coding::None) else {
            return;
        };
        match self.shared.decoded(&coding, &whole) {
            Ok(decoded) => self.content(&decoded),
            Err(error) => {
                self.note("coding", &error.to_string());
                self.content(&whole);
            }
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let end = match self.shared.is_stopping() {
            true => End::ServerStopped,
            false => End::PeerClosed,
        };
        self.end(end);
    }
}
