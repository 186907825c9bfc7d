//! The records of one exchange, put together as its response is played.

use bytes::Bytes;

use crate::capture::{Body, ContentKind, End, Event, Frame, Head, Headers, Record, Recorded};
use crate::http::{HeaderList, SseParser, is_plain_event};
use crate::json::Value;

/// What is known of a response so far, and the records of it that are not written.
#[derive(Debug)]
pub(super) struct Log {
    exchange: u64,
    records: String,
    content: ContentKind,
    events: SseParser,
    /// How many events were written.
    count: u64,
    /// The bytes of the response body so far; of a stream those that were not looked at yet.
    body: Vec<u8>,
    /// Where in the stream those begin.
    start: u64,
    /// Whether what came before them is what a plain writer makes of the events.
    is_plain: bool,
    /// Whether text of the stream was written.
    has_raw: bool,
}

impl Log {
    pub(super) fn new(exchange: u64) -> Self {
        Self {
            exchange,
            records: String::new(),
            content: ContentKind::NotRecorded,
            events: SseParser::new(),
            count: 0,
            body: Vec::new(),
            start: 0,
            is_plain: true,
            has_raw: false,
        }
    }

    /// The records so far; they are taken out.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.records)
    }

    /// Takes the head of the response down.
    pub(super) fn head(
        &mut self,
        status: Option<u16>,
        headers: Option<HeaderList>,
        content: ContentKind,
        at_ms: f64,
        redactor: Option<&mut crate::capture::Redactor>,
    ) {
        self.content = content;
        let headers = headers.map(Headers::exact);
        let head = Head {
            status: Recorded::Yes(status),
            headers: headers.as_ref().into(),
            at_ms: Recorded::Yes(at_ms),
            content,
        };
        self.push(Record::head(&head, redactor));
    }

    /// Takes bytes of the response body down; they become events or a body, as the head says.
    pub(super) fn data(&mut self, bytes: &Bytes, at_ms: f64) {
        if self.content == ContentKind::NotRecorded {
            return;
        }
        self.body.extend_from_slice(bytes);
        if self.content == ContentKind::Events {
            self.records.reserve(2 * bytes.len());
            let mut raw = Raw::default();
            // How far the bytes at hand were looked at.
            let mut at = 0;
            for placed in self.events.push(bytes) {
                let end = usize::try_from(placed.end - self.start).unwrap_or(usize::MAX);
                let block = self.body.get(at..end).unwrap_or_default();
                at = end;
                let text = std::str::from_utf8(block).ok();
                self.is_plain &= text.is_some_and(|text| is_plain_event(text, &placed.event));
                if !self.is_plain {
                    raw.take(block, self.count);
                }
                if !placed.event.is_telling() {
                    continue;
                }
                let event = Event {
                    name: placed.event.name,
                    data: placed.event.data.map_or(Body::Empty, Body::from_text),
                    at_ms: Recorded::Yes(at_ms),
                };
                self.count += 1;
                self.push(Record::event(&event));
            }
            // What stands before the block that has begun belongs to no event.
            let idle = self.body.len().saturating_sub(self.events.tail().len());
            if idle > at {
                self.is_plain = false;
                raw.take(&self.body[at..idle], self.count);
                at = idle;
            }
            self.body.drain(..at);
            self.start += at as u64;
            self.push_raw(raw);
        }
    }

    /// Text that is kept beside the events, from the first block on that a plain writer would have written otherwise.
    fn push_raw(&mut self, raw: Raw) {
        if !raw.text.is_empty() {
            let after = (!std::mem::replace(&mut self.has_raw, true)).then_some(raw.after);
            self.push(Record::raw_text(&raw.text, after));
        }
    }

    /// Bytes that are kept in memory until more comes or the response ends.
    pub(super) fn held(&self) -> usize {
        self.body.len() + self.records.len()
    }

    /// Forgets the body, which is larger than what is kept; the rest of it is not taken down.
    pub(super) fn lose_body(&mut self) {
        self.content = ContentKind::NotRecorded;
        self.body = Vec::new();
        self.events = SseParser::new();
    }

    /// Takes a WebSocket message down.
    pub(super) fn frame(&mut self, frame: &Frame) {
        self.push(Record::frame(frame));
    }

    /// Takes the end of the response down.
    pub(super) fn end(&mut self, end: End, extra: Option<&Value>, at_ms: f64) {
        let body = std::mem::take(&mut self.body);
        match self.content {
            ContentKind::Events => {
                let tail = String::from_utf8_lossy(&body);
                if !self.is_plain && !tail.is_empty() {
                    self.push(Record::raw_text(&tail, None));
                }
                if !tail.is_empty() {
                    self.push(Record::tail(&tail));
                }
            }
            ContentKind::Body => self.push(Record::body(&Body::from_bytes(body))),
            _ => {}
        }
        self.push(Record::end(Recorded::Yes(end), Recorded::Yes(at_ms), extra));
    }

    fn push(&mut self, record: Record) {
        record.push_line(self.exchange, &mut self.records);
    }
}

/// A piece of the text of a stream.
#[derive(Debug, Default)]
struct Raw {
    text: String,
    /// How many events stand before it.
    after: u64,
}

impl Raw {
    fn take(&mut self, bytes: &[u8], count: u64) {
        if self.text.is_empty() {
            self.after = count;
        }
        self.text.push_str(&String::from_utf8_lossy(bytes));
    }
}
