//! Writes our own capture format: one record per fact, appended as it becomes known.

use std::io::{self, Write};

use crate::json::Value;

use super::object::ObjectText;
use super::record_text::Record;
use super::redact::Redactor;
use super::shape::CAPTURE_VERSION;
use super::{
    Body, Capture, CaptureProblem, Content, End, Event, EventStream, Exchange, Frame, Headers,
    Recorded, Request,
};

/// Number of an exchange in the file being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExchangeId(u64);

/// What a response head says.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The status; `Yes(None)` when the connection ended before a status line.
    pub status: Recorded<Option<u16>>,
    /// Header fields.
    pub headers: Recorded<&'a Headers>,
    /// When it was sent, in milliseconds on the recorder's clock.
    pub at_ms: Recorded<f64>,
    /// What follows it.
    pub content: ContentKind,
}

/// What follows a response head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentKind {
    /// It is not kept.
    NotRecorded,
    /// A whole body.
    Body,
    /// Server-sent events.
    Events,
    /// WebSocket messages.
    Frames,
    /// A digest of what was delivered.
    Digest,
}

impl ContentKind {
    /// The word in captures; `None` where nothing is said.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            ContentKind::NotRecorded => None,
            ContentKind::Body => Some("body"),
            ContentKind::Events => Some("events"),
            ContentKind::Frames => Some("frames"),
            ContentKind::Digest => Some("digest"),
        }
    }
}

/// Writes records of the format `trace-diff/capture` (see `docs/capture.md`).
///
/// Every record goes out in one `write_all`, its line end included, so that a crash costs at most the record that is
/// being written. Exchanges may be interleaved.
#[derive(Debug)]
pub struct CaptureWriter<W> {
    out: W,
    next: u64,
    redactor: Option<Redactor>,
}

impl<W: Write> CaptureWriter<W> {
    /// Writes the header record. `source` says where the traffic comes from, such as `serve`, `record` or the name of an
    /// imported format; with a redactor, secrets are replaced before anything is written.
    ///
    /// # Errors
    ///
    /// What `out` reports, as in all other methods.
    pub fn new(out: W, source: &str, redactor: Option<Redactor>) -> io::Result<Self> {
        let mut writer = Self {
            out,
            next: 0,
            redactor,
        };
        let mut record = ObjectText::new();
        record.string("format", "trace-diff/capture");
        record.raw("version", &CAPTURE_VERSION.to_string());
        record.string("type", "capture");
        record.string("source", source);
        if writer.redactor.is_some() {
            record.raw("redacted", "true");
        }
        writer.write_line(record.finish() + "\n")?;
        Ok(writer)
    }

    /// Writes a request and opens its exchange.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn request(
        &mut self,
        request: &Request,
        connection: Recorded<u64>,
        at_ms: Recorded<f64>,
    ) -> io::Result<ExchangeId> {
        let id = ExchangeId(self.next);
        self.next += 1;
        let record = Record::request(request, connection, at_ms, self.redactor.as_mut());
        self.write(id, record)?;
        Ok(id)
    }

    /// Writes a response head.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn head(&mut self, id: ExchangeId, head: &Head<'_>) -> io::Result<()> {
        let record = Record::head(head, self.redactor.as_mut());
        self.write(id, record)
    }

    /// Writes a server-sent event.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn event(&mut self, id: ExchangeId, event: &Event) -> io::Result<()> {
        self.write(id, Record::event(event))
    }

    /// Writes a further piece of the stream text as sent; needed where it is not what a plain writer makes of the events.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn raw(&mut self, id: ExchangeId, text: &str) -> io::Result<()> {
        self.write(id, Record::raw_text(text, None))
    }

    /// Writes the bytes behind the last complete event.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn tail(&mut self, id: ExchangeId, text: &str) -> io::Result<()> {
        self.write(id, Record::tail(text))
    }

    /// Writes a WebSocket message.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn frame(&mut self, id: ExchangeId, frame: &Frame) -> io::Result<()> {
        self.write(id, Record::frame(frame))
    }

    /// Writes the body of a response that is not a stream.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn body(&mut self, id: ExchangeId, body: &Body) -> io::Result<()> {
        self.write(id, Record::body(body))
    }

    /// Writes how a response ended and closes its exchange.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn end(
        &mut self,
        id: ExchangeId,
        end: Recorded<End>,
        at_ms: Recorded<f64>,
        extra: Option<&Value>,
    ) -> io::Result<()> {
        self.write(id, Record::end(end, at_ms, extra))
    }

    /// Writes a whole exchange.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        let response = &exchange.response;
        let id = self.request(&exchange.request, exchange.connection, exchange.started_ms)?;
        let content = match &response.content {
            Content::NotRecorded => ContentKind::NotRecorded,
            Content::Body(_) => ContentKind::Body,
            Content::Events(_) => ContentKind::Events,
            Content::Digest(_) => ContentKind::Digest,
            Content::Frames(_) => ContentKind::Frames,
        };
        self.head(
            id,
            &Head {
                status: response.status,
                headers: response.headers.as_option().into(),
                at_ms: response.headers_ms,
                content,
            },
        )?;
        match &response.content {
            Content::NotRecorded => {}
            Content::Body(body) => self.body(id, body)?,
            Content::Events(stream) => self.stream(id, stream)?,
            Content::Digest(digest) => self.write(id, Record::digest(digest))?,
            Content::Frames(frames) => {
                for frame in frames {
                    self.frame(id, frame)?;
                }
            }
        }
        self.end(id, response.end, response.ended_ms, exchange.extra.as_ref())
    }

    fn stream(&mut self, id: ExchangeId, stream: &EventStream) -> io::Result<()> {
        for event in &stream.events {
            self.event(id, event)?;
        }
        if let Some(raw) = &stream.raw {
            self.raw(id, raw)?;
        }
        match &stream.partial_tail {
            Some(tail) => self.tail(id, tail),
            None => Ok(()),
        }
    }

    /// Writes a capture whole: its exchanges one after the other, then what could not be read of it.
    ///
    /// # Errors
    ///
    /// What the output reports.
    pub fn capture(&mut self, capture: &Capture) -> io::Result<()> {
        for exchange in &capture.exchanges {
            self.exchange(exchange)?;
        }
        for problem in &capture.problems {
            self.problem(problem)?;
        }
        Ok(())
    }

    fn problem(&mut self, problem: &CaptureProblem) -> io::Result<()> {
        let mut record = ObjectText::new();
        record.string("problem", &problem.kind);
        record.string("type", "problem");
        record.string("path", &problem.path);
        record.raw("start", &problem.span.start.to_string());
        record.raw("end", &problem.span.end.to_string());
        record.string("message", &problem.message);
        self.write_line(record.finish() + "\n")
    }

    fn write(&mut self, id: ExchangeId, record: Record) -> io::Result<()> {
        let mut line = String::new();
        record.push_line(id.0, &mut line);
        self.write_line(line)
    }

    fn write_line(&mut self, mut line: String) -> io::Result<()> {
        if let Some(redactor) = &mut self.redactor {
            line = redactor.text(line);
        }
        self.out.write_all(line.as_bytes())
    }

    /// Gives the output back.
    pub fn into_inner(self) -> W {
        self.out
    }
}
