//! The records of one exchange, put together as its response is played.

use bytes::Bytes;

use crate::capture::{
    Body, ContentKind, End, Event, Frame, Head, Headers, Record, Recorded, push_event,
};
use crate::http::{HeaderList, PlacedEvent, SseParser, is_plain_event};
use crate::json::{Checker, Value};

/// What is known of a response so far, and the records of it that are not written.
#[derive(Debug)]
pub(super) struct Log {
    exchange: u64,
    records: String,
    content: ContentKind,
    events: SseParser,
    checker: Checker,
    /// All bytes of the response body so far.
    body: Vec<u8>,
    /// How many of them belong to events so far.
    seen: usize,
    /// Whether they are what a plain writer makes of the events.
    is_plain: bool,
}

impl Log {
    pub(super) fn new(exchange: u64) -> Self {
        Self {
            exchange,
            records: String::new(),
            content: ContentKind::NotRecorded,
            events: SseParser::new(),
            checker: Checker::new(),
            body: Vec::new(),
            seen: 0,
            is_plain: true,
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
        self.body.extend_from_slice(bytes);
        if self.content == ContentKind::Events {
            self.records.reserve(2 * bytes.len());
            for placed in self.plain_events(bytes, at_ms) {
                let end = usize::try_from(placed.end).unwrap_or(usize::MAX);
                let text = self.body.get(std::mem::replace(&mut self.seen, end)..end);
                let text = text.and_then(|text| std::str::from_utf8(text).ok());
                self.is_plain &= text.is_some_and(|text| is_plain_event(text, &placed.event));
                if !placed.event.is_telling() {
                    continue;
                }
                let event = Event {
                    name: placed.event.name,
                    data: placed.event.data.map_or(Body::Empty, Body::from_text),
                    at_ms: Recorded::Yes(at_ms),
                };
                self.push(Record::event(&event));
            }
        }
    }

    /// Takes plain events down, and gives the parser what is behind them.
    fn plain_events(&mut self, mut bytes: &[u8], at_ms: f64) -> Vec<PlacedEvent> {
        while let Some(event) = self.events.push_plain(bytes) {
            bytes = &bytes[event.length..];
            let end = usize::try_from(self.events.done()).unwrap_or(usize::MAX);
            // What comes before may be blocks that set no field.
            self.is_plain &= std::mem::replace(&mut self.seen, end) + event.length == end;
            push_event(
                self.exchange,
                event,
                at_ms,
                &mut self.checker,
                &mut self.records,
            );
        }
        self.events.push(bytes)
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
                // Blocks that set no field are behind no event.
                let tail = self.events.tail();
                let is_plain = self.is_plain && self.seen + tail.len() == body.len();
                let tail = String::from_utf8_lossy(tail).into_owned();
                if !is_plain {
                    self.push(Record::raw_text(&String::from_utf8_lossy(&body)));
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
