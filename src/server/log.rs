//! The records of one exchange, put together as its response is played.

use bytes::Bytes;

use crate::capture::{
    Body, ContentKind, End, Event, EventBeginning, Frame, Head, Headers, Record, Recorded,
    push_event,
};
use crate::http::{HeaderList, SseParser, is_plain_event};
use crate::json::{Checker, Value};

/// What is known of a response so far, and the records of it that are not written.
#[derive(Debug)]
pub(super) struct Log {
    exchange: u64,
    records: String,
    content: ContentKind,
    events: SseParser,
    checker: Checker,
    /// Whether all data of events is known to be JSON.
    pub(super) has_json_events: bool,
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
            checker: Checker::new(),
            has_json_events: false,
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
        if self.content == ContentKind::Events {
            self.records.reserve(bytes.len() + bytes.len() / 2);
            let mut raw = Raw::default();
            // There are none where the beginning of an event is held.
            let plain = self.plain_events(bytes, at_ms, &mut raw);
            let bytes = &bytes[plain..];
            self.start += plain as u64;
            self.body.extend_from_slice(bytes);
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
        } else {
            self.body.extend_from_slice(bytes);
        }
    }

    /// Takes plain events down that the bytes begin with, and says how many bytes those have.
    fn plain_events(&mut self, bytes: &[u8], at_ms: f64, raw: &mut Raw) -> usize {
        let mut at = 0;
        let beginning = EventBeginning::new(self.exchange, at_ms);
        while let Some(event) = self.events.push_plain(&bytes[at..]) {
            if !self.is_plain {
                raw.take(&bytes[at..at + event.length], self.count);
            }
            at += event.length;
            self.count += 1;
            let checker = (!self.has_json_events).then_some(&mut self.checker);
            push_event(&beginning, event, checker, &mut self.records);
        }
        at
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Content, EventStream, Request, read_capture_bytes};
    use crate::http::{SseEvent, render_sse};
    use proptest::prelude::*;

    const HEADER: &str = r#"{"format":"trace-diff/capture","version":1,"type":"capture"}"#;

    /// What a reader makes of a stream that came in these pieces, and the text of the records.
    fn written(pieces: &[&[u8]]) -> (EventStream, String) {
        let mut log = Log::new(0);
        let request = Request {
            method: "GET".to_owned(),
            target: "/".to_owned(),
            http_version: Recorded::NotRecorded,
            headers: Recorded::NotRecorded,
            body: Body::Empty,
            wire_body_bytes: Recorded::NotRecorded,
        };
        let request = Record::request(&request, Recorded::NotRecorded, Recorded::NotRecorded, None);
        log.push(request);
        log.head(Some(200), None, ContentKind::Events, 0.0, None);
        for piece in pieces {
            log.data(&Bytes::copy_from_slice(piece), 0.0);
        }
        log.end(End::Complete, None, 0.0);
        let text = format!("{HEADER}\n{}", log.take());
        let capture = read_capture_bytes("-", text.clone().into_bytes()).unwrap();
        assert!(capture.problems.is_empty(), "{:?}", capture.problems);
        match capture.exchanges[0].response.content.clone() {
            Content::Events(stream) => (stream, text),
            other => panic!("{other:?}"),
        }
    }

    /// The text of a stream, which must not be lost.
    fn text_of(stream: &EventStream) -> String {
        if let Some(raw) = &stream.raw {
            return raw.clone();
        }
        let mut text = Vec::new();
        for event in &stream.events {
            let data = match &event.data {
                Body::Json(data) => data.value.text().to_owned(),
                Body::Text(data) => data.clone(),
                _ => String::new(),
            };
            render_sse(&SseEvent::new(event.name.as_deref(), &data), &mut text).unwrap();
        }
        let tail = stream.partial_tail.as_deref().unwrap_or_default();
        String::from_utf8(text).unwrap() + tail
    }

    #[test]
    fn only_what_is_not_plain_is_written_twice() {
        let check = |stream: &str, expect: &[&str]| {
            let (read, records) = written(&[stream.as_bytes()]);
            assert_eq!(text_of(&read), stream);
            let raw = records
                .lines()
                .filter(|line| line.contains("\"type\":\"raw\""));
            let raw: Vec<_> = raw.map(|line| line[14..].trim_end_matches('}')).collect();
            assert_eq!(raw, expect, "{stream:?}");
        };
        check("data: 1\n\ndata: 2\n\n", &[]);
        check(
            "data: 1\n\n: ping\n\ndata: 2\n\n",
            &[r#""type":"raw","after":1,"text":": ping\n\ndata: 2\n\n""#],
        );
        check(": a\n\n", &[r#""type":"raw","text":": a\n\n""#]);
    }

    proptest! {
        #[test]
        fn no_text_is_lost(
            pieces in proptest::collection::vec(
                prop_oneof!["\r", "\n", "\n\n", "data: 1\n\n", "event: a\ndata: \\{\\}\n\n", "data", "id", ": ", "é🙂"],
                0..30,
            ),
            cuts in proptest::collection::vec(0usize..200, 0..12),
        ) {
            let text = pieces.concat();
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(text_of(&written(&parts).0), text);
        }
    }
}
