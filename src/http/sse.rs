//! Server-sent events (WHATWG HTML, section 9.2): a push parser, a parser of whole texts, and a writer.

use std::borrow::Cow;
use std::io::{self, Write};

use super::plain_event::PlainEvent;

/// The fields of one block of an event stream.
///
/// The standard dispatches only blocks with data; here every block that sets a field comes out, so nothing that a
/// server sent is lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// The `event` field; `None` when absent or empty, which the standard takes as `message`.
    pub name: Option<String>,
    /// The `data` fields joined by line feeds; `None` when the block has none, so that a client does not see it.
    pub data: Option<String>,
    /// The `id` field of this block (the standard keeps it for later blocks; this does not).
    pub id: Option<String>,
    /// The `retry` field in milliseconds; a value with anything but digits is ignored.
    pub retry: Option<u64>,
}

impl SseEvent {
    /// An event with a name and data, as most servers send.
    pub fn new(name: Option<&str>, data: &str) -> Self {
        Self {
            name: name.map(str::to_owned),
            data: Some(data.to_owned()),
            ..Self::default()
        }
    }

    /// Whether there is a name or data: a block of `id` or `retry` alone tells nothing.
    pub fn is_telling(&self) -> bool {
        self.name.is_some() || self.data.is_some()
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn set(&mut self, field: &[u8], value: Cow<'_, str>) {
        match field {
            b"event" => self.name = Some(value.into_owned()).filter(|name| !name.is_empty()),
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(&value);
                }
                None => self.data = Some(value.into_owned()),
            },
            b"id" if !value.contains('\0') => self.id = Some(value.into_owned()),
            b"retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                self.retry = value.parse().ok();
            }
            _ => {}
        }
    }
}

/// An event with its place in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedEvent {
    /// The fields.
    pub event: SseEvent,
    /// Offset in bytes behind the line end that completed it, from the start of the stream. Of a closing CR LF only the
    /// CR is counted, as the event is complete before the LF arrives.
    pub end: u64,
}

/// Parses an event stream that arrives in chunks, which may be split anywhere.
///
/// Memory is bounded by the longest block. Bytes that are no UTF-8 become U+FFFD, as the standard says.
#[derive(Debug, Default)]
pub struct SseParser {
    /// The block that is not complete yet, byte for byte.
    block: Vec<u8>,
    /// Where the current line starts in `block`.
    line_start: usize,
    event: SseEvent,
    /// Bytes pushed so far that are not in `block`.
    done: u64,
    is_after_cr: bool,
}

impl SseParser {
    /// Makes a parser at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and gives the events that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<PlacedEvent> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if std::mem::take(&mut self.is_after_cr) && first == b'\n' {
                self.take_line_feed_of_pair();
                rest = &rest[1..];
                continue;
            }
            let Some(length) = memchr::memchr2(b'\r', b'\n', rest) else {
                self.block.extend_from_slice(rest);
                break;
            };
            self.block.extend_from_slice(&rest[..=length]);
            self.is_after_cr = rest[length] == b'\r';
            rest = &rest[length + 1..];
            events.extend(self.end_line());
        }
        events
    }

    /// Takes the event that `bytes` begins with, if it is a plain one (see [`is_plain_event`]) and nothing before it is left
    /// open; else nothing is taken, and [`SseParser::push`] is for these bytes.
    pub fn push_plain<'a>(&mut self, bytes: &'a [u8]) -> Option<PlainEvent<'a>> {
        if !self.block.is_empty() || self.is_after_cr {
            return None;
        }
        let event = PlainEvent::at_start(bytes)?;
        self.done += event.length as u64;
        Some(event)
    }

    /// How many bytes of the stream belong to complete blocks.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// The bytes behind the last complete block.
    pub fn tail(&self) -> &[u8] {
        &self.block
    }

    fn take_line_feed_of_pair(&mut self) {
        if self.block.is_empty() {
            self.done += 1;
        } else {
            self.block.push(b'\n');
            self.line_start = self.block.len();
        }
    }

    /// Takes in the line that `block` ends with, its line end included.
    fn end_line(&mut self) -> Option<PlacedEvent> {
        let mut line = &self.block[self.line_start..self.block.len() - 1];
        if self.done == 0 && self.line_start == 0 {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if !line.is_empty() {
            let (field, value) = split_field(line);
            self.event.set(field, lossy(value));
            self.line_start = self.block.len();
            return None;
        }
        self.done += self.block.len() as u64;
        self.block.clear();
        self.line_start = 0;
        let event = std::mem::take(&mut self.event);
        (!event.is_empty()).then_some(PlacedEvent {
            event,
            end: self.done,
        })
    }
}

/// Checking a text as a whole is many times faster than looking for what is to be replaced.
fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// Name and value of a line; a comment's name is empty.
fn split_field(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line) {
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (line, b""),
    }
}

/// An event stream, whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseText {
    /// The events, first sent first.
    pub events: Vec<PlacedEvent>,
    /// The text behind the last complete block; empty when the stream ended with a blank line.
    pub partial_tail: String,
    /// Whether an `event: NAME` line (if it has a name), one `data: DATA` line and a blank line for each event, followed
    /// by the tail, are the text exactly.
    pub is_plain: bool,
}

/// Parses the whole text of an event stream.
pub fn parse_sse(text: &str) -> SseText {
    let mut parser = SseParser::new();
    let events = parser.push(text.as_bytes());
    // The tail starts behind a line end, so it is UTF-8 as the text is.
    let partial_tail = String::from_utf8_lossy(parser.tail()).into_owned();
    let mut rest = Some(text);
    for placed in &events {
        rest = rest.and_then(|rest| strip_plain(rest, &placed.event));
    }
    SseText {
        is_plain: rest == Some(partial_tail.as_str()),
        events,
        partial_tail,
    }
}

/// Whether a plain writer makes exactly this text of an event: an `event: NAME` line (if it has a name), one
/// `data: DATA` line and a blank line.
pub fn is_plain_event(text: &str, event: &SseEvent) -> bool {
    strip_plain(text, event) == Some("")
}

/// The text behind the plain form of an event, if `text` starts with it.
fn strip_plain<'a>(mut text: &'a str, event: &SseEvent) -> Option<&'a str> {
    if let Some(name) = &event.name {
        text = text.strip_prefix("event: ")?.strip_prefix(name.as_str())?;
        text = text.strip_prefix('\n')?;
    }
    let data = event.data.as_deref()?;
    let text = text.strip_prefix("data: ")?.strip_prefix(data)?;
    text.strip_prefix("\n\n").filter(|_| !data.contains('\n'))
}

/// Writes an event with its blank line. Data is cut in lines at LF, CR or CR LF, which a reader gives back as LF; a name
/// or id must not hold any of these, so they are written as spaces.
///
/// # Errors
///
/// What the writer reports.
pub fn render_sse(event: &SseEvent, out: &mut impl Write) -> io::Result<()> {
    if let Some(name) = &event.name {
        writeln!(out, "event: {}", one_line(name))?;
    }
    if let Some(id) = &event.id {
        writeln!(out, "id: {}", one_line(id))?;
    }
    if let Some(retry) = event.retry {
        writeln!(out, "retry: {retry}")?;
    }
    if let Some(data) = &event.data {
        let data = if data.contains('\r') {
            Cow::Owned(data.replace("\r\n", "\n").replace('\r', "\n"))
        } else {
            Cow::Borrowed(data)
        };
        for line in data.split('\n') {
            writeln!(out, "data: {line}")?;
        }
    }
    writeln!(out)
}

fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(['\r', '\n']) {
        Cow::Owned(text.replace(['\r', '\n'], " "))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Events as `name|data|id|retry@end`, then the tail, then whether it is plain.
    fn check(text: &str, events: &[&str], tail: &str, is_plain: bool) {
        let parsed = parse_sse(text);
        let got: Vec<_> = parsed
            .events
            .iter()
            .map(|PlacedEvent { event, end }| {
                let part = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".to_owned());
                let retry = event.retry.map(|retry| retry.to_string());
                format!(
                    "{}|{}|{}|{}@{end}",
                    part(&event.name),
                    part(&event.data),
                    part(&event.id),
                    part(&retry)
                )
            })
            .collect();
        assert_eq!(got, events, "{text:?}");
        assert_eq!(parsed.partial_tail, tail, "{text:?}");
        assert_eq!(parsed.is_plain, is_plain, "{text:?}");
    }

    #[test]
    fn plain_streams() {
        check("", &[], "", true);
        check("event: a\ndata: {}\n\n", &["a|{}|-|-@19"], "", true);
        check(
            "data: [DONE]\n\ndata: \n\n",
            &["-|[DONE]|-|-@14", "-||-|-@22"],
            "",
            true,
        );
        check(
            "data: 1\n\nevent: b\ndata: {\"x",
            &["-|1|-|-@9"],
            "event: b\ndata: {\"x",
            true,
        );
        check("data: 1\n", &[], "data: 1\n", true);
    }

    #[test]
    fn fields_as_the_standard_reads_them() {
        check("\u{feff}data: 1\n\n", &["-|1|-|-@12"], "", false);
        check("data: \u{feff}1\n\n", &["-|\u{feff}1|-|-@12"], "", true);
        check(
            "data:1\n\ndata:  2\n\n",
            &["-|1|-|-@8", "-| 2|-|-@18"],
            "",
            false,
        );
        check("data\n\n", &["-||-|-@6"], "", false);
        check(
            "data: a\ndata:\ndata: b\n\n",
            &["-|a\n\nb|-|-@23"],
            "",
            false,
        );
        check("data: 1\nevent: x\n\n", &["x|1|-|-@18"], "", false);
        check("event: x\n\n", &["x|-|-|-@10"], "", false);
        check("event:\ndata: 1\n\n", &["-|1|-|-@16"], "", false);
        check(
            "id: 7\nretry: 10\n\nid: a\0b\nretry: 1s\ndata: x\n\n",
            &["-|-|7|10@17", "-|x|-|-@44"],
            "",
            false,
        );
        check(
            ": hello\n\n:\n\ndata: 1\n\n: more\n\n: cut",
            &["-|1|-|-@21"],
            ": cut",
            false,
        );
        check("Data: 1\n data: 2\nother: 3\n\n", &[], "", false);
        check("\n\n\ndata: 1\n\n\n", &["-|1|-|-@12"], "", false);
    }

    #[test]
    fn every_kind_of_line_end() {
        check("data: 1\r\n\r\n", &["-|1|-|-@10"], "", false);
        check(
            "data: 1\r\rdata: 2\r\r",
            &["-|1|-|-@9", "-|2|-|-@18"],
            "",
            false,
        );
        check(
            "data: 1\n\r\ndata: 2\r\n\n",
            &["-|1|-|-@9", "-|2|-|-@20"],
            "",
            false,
        );
        check(
            "data: 1\r\n\r\ndata: 2\r\n",
            &["-|1|-|-@10"],
            "data: 2\r\n",
            false,
        );
        check("data: 1\r", &[], "data: 1\r", true);
    }

    #[test]
    fn bytes_that_are_no_text_become_replacement_characters() {
        let mut parser = SseParser::new();
        assert!(parser.push(b"data: \xf0\x9f").is_empty());
        let events = parser.push(b"\x99\x82\xff\n\n");
        assert_eq!(events[0].event.data.as_deref(), Some("🙂\u{fffd}"));
    }

    #[test]
    fn writes_what_it_can_not_write_as_something_close() {
        let mut out = Vec::new();
        render_sse(&SseEvent::new(Some("a\nb"), "x\r\ny\rz"), &mut out).unwrap();
        assert_eq!(out, b"event: a b\ndata: x\ndata: y\ndata: z\n\n");
    }

    fn event() -> impl Strategy<Value = SseEvent> {
        let line = "[^\r\n]{1,12}";
        let id = "[^\r\n\0]{0,6}";
        (
            proptest::option::of(line),
            proptest::option::of("[^\r]{0,20}"),
            proptest::option::of(id),
            proptest::option::of(any::<u64>()),
        )
            .prop_map(|(name, data, id, retry)| SseEvent {
                name,
                data,
                id,
                retry,
            })
            .prop_filter("an empty block is no event", |event| !event.is_empty())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(events in proptest::collection::vec(event(), 0..6)) {
            let mut out = Vec::new();
            for event in &events {
                render_sse(event, &mut out).unwrap();
            }
            let parsed = parse_sse(std::str::from_utf8(&out).unwrap());
            let got: Vec<_> = parsed.events.into_iter().map(|placed| placed.event).collect();
            prop_assert_eq!(got, events);
            prop_assert_eq!(parsed.partial_tail, "");
        }

        #[test]
        fn any_split_gives_the_same_events(
            pieces in proptest::collection::vec(
                prop_oneof!["\u{feff}", "\r", "\n", "\r\n", "data", "event", "id", "retry", ":", ": ", "[0-9]{1,2}", "é🙂", "\\PC{0,4}"],
                0..40,
            ),
            cuts in proptest::collection::vec(0usize..200, 0..12),
        ) {
            let text = pieces.concat();
            let whole = parse_sse(&text);
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut parser = SseParser::new();
            let mut events = Vec::new();
            for pair in cuts.windows(2) {
                events.extend(parser.push(&bytes[pair[0]..pair[1]]));
            }
            prop_assert_eq!(&events, &whole.events);
            prop_assert_eq!(parser.tail(), whole.partial_tail.as_bytes());
            // What an event's end says is true: the text up to there holds the event, and one byte less does not.
            for (index, placed) in events.iter().enumerate() {
                let end = placed.end as usize;
                prop_assert_eq!(SseParser::new().push(&bytes[..end]).len(), index + 1);
                prop_assert_eq!(SseParser::new().push(&bytes[..end - 1]).len(), index);
            }
        }
    }
}
