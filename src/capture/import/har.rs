//! HAR 1.2, as browsers, mitmproxy and other proxies export it: the file and its entries.

use std::ops::Range;

use memchr::{memchr3, memmem};

use crate::json::{Document, ErrorKind, Kind, Value, string_length};

use super::super::place::Lines;
use super::super::salvage::salvage;
use super::super::{Capture, CaptureKind, CaptureProblem, Exchange};
use super::har_entry::EntryReader;

/// Whether a file that begins with these bytes is a HAR: an object with a `log` object in it.
pub fn detect_har(head: &[u8]) -> bool {
    let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head);
    if !head.trim_ascii_start().starts_with(b"{") {
        return false;
    }
    match value_of_key(head, "\"log\"", 1) {
        Some(log) if head.get(log) == Some(&b'{') => {
            let log = &head[log..];
            let known = ["\"entries\"", "\"creator\"", "\"version\""];
            known.iter().any(|key| value_of_key(log, key, 1).is_some())
        }
        _ => false,
    }
}

/// Reads a HAR. Entries are read one by one, so that damage costs the entries it is in and no others.
pub fn read_har(path: &str, bytes: Vec<u8>) -> Capture {
    let mut reader = Reader {
        path,
        text: String::new(),
        base_ms: None,
        lines: Lines::new(),
        exchanges: Vec::new(),
        problems: Vec::new(),
        budget: bytes.len().saturating_mul(16),
    };
    reader.text = reader.take_text(bytes);
    reader.read();
    Capture {
        path: path.to_owned(),
        kind: CaptureKind::Har,
        exchanges: reader.exchanges,
        problems: reader.problems,
    }
}

struct Reader<'a> {
    path: &'a str,
    text: String,
    /// Start of the first entry in milliseconds since 1970.
    base_ms: Option<f64>,
    lines: Lines,
    exchanges: Vec<Exchange>,
    problems: Vec<CaptureProblem>,
    /// Bytes that the search for the next entry behind damage may still look at: it keeps reading linear.
    budget: usize,
}

impl Reader<'_> {
    fn problem(&mut self, span: Range<usize>, kind: &str, message: String) {
        self.problems.push(CaptureProblem {
            path: self.path.to_owned(),
            span: span.start as u64..span.end as u64,
            kind: kind.to_owned(),
            message,
        });
    }

    /// The text, with `?` for each byte that is no UTF-8, so that offsets stay those of the file.
    fn take_text(&mut self, bytes: Vec<u8>) -> String {
        let bytes = match String::from_utf8(bytes) {
            Ok(text) => return text,
            Err(error) => error.into_bytes(),
        };
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            let bad = chunk.invalid().len();
            if bad > 0 {
                let at = text.len();
                self.problem(
                    at..at + bad,
                    "invalid-utf8",
                    format!("{bad} bytes at byte {at} are no UTF-8 and are read as `?`"),
                );
                text.extend(std::iter::repeat_n('?', bad));
            }
        }
        text
    }

    fn read(&mut self) {
        let bytes = self.text.as_bytes();
        let Some(open) = entries_array(bytes) else {
            let is_cut = bytes.trim_ascii_start().starts_with(b"{")
                && value_end(bytes, 0) == Err(bytes.len());
            let (kind, what) = if is_cut {
                ("truncated", "the HAR ends before its entries")
            } else {
                ("garbage", "there is no `entries` array, so this is no HAR")
            };
            return self.problem(0..self.text.len(), kind, what.to_owned());
        };
        if let Some(close) = self.read_entries(open + 1) {
            self.check_frame(open, close);
        }
    }

    /// Reads the entries from behind `[` on; gives the place of `]`.
    fn read_entries(&mut self, mut at: usize) -> Option<usize> {
        loop {
            let rest = &self.text.as_bytes()[at..];
            at += rest
                .iter()
                .take_while(|&&b| b.is_ascii_whitespace() || b == b',')
                .count();
            match self.text.as_bytes().get(at) {
                None => {
                    self.problem(
                        at..at,
                        "truncated",
                        format!("the HAR ends at byte {at}, before the end of its entries"),
                    );
                    return None;
                }
                Some(b']') => return Some(at),
                Some(b'{') => at = self.read_entry(at),
                Some(_) => {
                    let rest = &self.text.as_bytes()[at..];
                    let end = at + memchr3(b',', b'{', b']', rest).unwrap_or(rest.len());
                    self.problem(
                        at..end,
                        "garbage",
                        format!("what stands at byte {at} is no entry and is left out"),
                    );
                    at = end;
                }
            }
        }
    }

    /// Reads the entry that begins at `start`, or reports why it can't be read; gives the place to go on.
    fn read_entry(&mut self, start: usize) -> usize {
        let end = value_end(self.text.as_bytes(), start);
        let broken_at = match end {
            Ok(end) => match Value::parse(&self.text[start..end]) {
                Ok(entry) => {
                    self.take_entry(start, &entry);
                    return end;
                }
                Err(error) => start + error.offset,
            },
            Err(broken_at) => broken_at,
        };
        let next = self.next_entry(start + 1).or(end.ok());
        let to = next.unwrap_or(self.text.len());
        if broken_at >= self.text.len() && next.is_none() {
            let what_is_left = self.take_cut_entry(start);
            self.problem(
                start..to,
                "truncated",
                format!(
                    "the HAR ends inside the entry that begins at byte {start}; {what_is_left}"
                ),
            );
        } else {
            self.problem(
                start..to,
                "torn",
                format!("the entry at byte {start} is broken at byte {broken_at} and is lost"),
            );
        }
        to
    }

    /// Takes what is complete of an entry that the file ends in, if its request is; says what that is.
    fn take_cut_entry(&mut self, start: usize) -> &'static str {
        let salvaged = salvage(&self.text[start..], |path| {
            matches!(path, [] | ["response"] | ["_webSocketMessages"])
        });
        let Some(salvaged) = salvaged else {
            return "that entry is lost";
        };
        // What is missing is missing because of the cut, which is reported already.
        let mut problems = Vec::new();
        let mut reader = EntryReader {
            path: self.path,
            start: start as u64,
            base_ms: &mut self.base_ms,
            problems: &mut problems,
        };
        match reader.read(&salvaged.value) {
            Some(exchange) => {
                self.push(exchange, start);
                "its request and what is complete of its response are used"
            }
            None => "that entry is lost",
        }
    }

    fn take_entry(&mut self, start: usize, entry: &Value) {
        let mut reader = EntryReader {
            path: self.path,
            start: start as u64,
            base_ms: &mut self.base_ms,
            problems: &mut self.problems,
        };
        if let Some(exchange) = reader.read(entry) {
            self.push(exchange, start);
        }
    }

    fn push(&mut self, mut exchange: Exchange, start: usize) {
        let place = self
            .lines
            .place(self.path, self.text.as_bytes(), start as u64);
        exchange.place = Some(place);
        self.exchanges.push(exchange);
    }

    /// The next place from which on a whole entry stands. Only an object with a request and a response is one, so that
    /// a part of the broken entry is not taken for it.
    fn next_entry(&mut self, from: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut at = from;
        while let Some(found) = memchr::memchr(b'{', bytes.get(at..)?) {
            let start = at + found;
            at = start + 1;
            let before = bytes[..start].trim_ascii_end().last();
            if !matches!(before, Some(b',' | b'[')) {
                continue;
            }
            let end = value_end(bytes, start);
            let looked_at = end.unwrap_or_else(|broken_at| broken_at) - start;
            self.budget = self.budget.checked_sub(looked_at)?;
            let Ok(end) = end else { continue };
            if memmem::find(&bytes[start..end], b"\"response\"").is_none() {
                continue;
            }
            let Ok(value) = Value::parse(&self.text[start..end]) else {
                continue;
            };
            let is_object = |key| {
                value
                    .node()
                    .get(key)
                    .is_some_and(|v| v.kind() == Kind::Object)
            };
            if is_object("request") && is_object("response") {
                return Some(start);
            }
        }
        None
    }

    /// Checks what stands around the entries: that it is JSON, and the version.
    fn check_frame(&mut self, open: usize, close: usize) {
        let frame = format!("{}{}", &self.text[..=open], &self.text[close..]);
        let left_out = close - open - 1;
        let mark = self.text.len() - self.text.trim_start_matches('\u{feff}').len();
        let frame = frame[mark..].to_owned();
        match Document::parse(frame) {
            Ok(frame) => {
                let version = frame
                    .root()
                    .get("log")
                    .and_then(|log| log.get_string("version"));
                if let Some(version) =
                    version.filter(|version| !version.is_empty() && !version.starts_with("1."))
                {
                    self.problem(
                        0..open,
                        "unknown-version",
                        format!("HAR version {version} is not known here; it is read as 1.2"),
                    );
                }
            }
            Err(error) => {
                let in_frame = error.offset + mark;
                let at = in_frame + if in_frame > open { left_out } else { 0 };
                let kind = if error.kind == ErrorKind::UnexpectedEnd {
                    "truncated"
                } else {
                    "garbage"
                };
                self.problem(
                    at..self.text.len(),
                    kind,
                    format!(
                        "{} around the entries, at byte {at}; the entries are used",
                        what(error.kind)
                    ),
                );
            }
        }
    }
}

fn what(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::UnexpectedEnd => "the HAR ends too early",
        ErrorKind::TrailingText => "something follows the HAR",
        _ => "the JSON is broken",
    }
}

/// Where the array of entries opens: `entries` in `log`, or in a damaged file the first array of that name.
fn entries_array(bytes: &[u8]) -> Option<usize> {
    let is_open = |at: &usize| bytes.get(*at) == Some(&b'[');
    value_of_key(bytes, "\"entries\"", 2)
        .filter(is_open)
        .or_else(|| {
            memmem::find_iter(bytes, "\"entries\"")
                .filter_map(|at| after_colon(bytes, at + "\"entries\"".len()))
                .find(is_open)
        })
}

/// The place of the value behind the first `key` (with quotes) that stands inside of `depth` objects or arrays.
fn value_of_key(bytes: &[u8], key: &str, depth: usize) -> Option<usize> {
    let mut level = 0usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => level += 1,
            b'}' | b']' => level = level.saturating_sub(1),
            b'"' => {
                let end = at + string_length(&bytes[at..])?;
                if level == depth
                    && &bytes[at..end] == key.as_bytes()
                    && let Some(value) = after_colon(bytes, end)
                {
                    return Some(value);
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The place of what follows white space, a colon and white space.
fn after_colon(bytes: &[u8], at: usize) -> Option<usize> {
    let skip = |at: usize| {
        Some(
            at + bytes
                .get(at..)?
                .iter()
                .take_while(|b| b.is_ascii_whitespace())
                .count(),
        )
    };
    let colon = skip(at)?;
    (bytes.get(colon) == Some(&b':')).then(|| skip(colon + 1))?
}

/// The place behind the object or array that begins at `start`, by its brackets and strings; else the place where it is
/// broken, which is the end of the text when that ends too early.
///
/// It stops at the first thing that shows that strings and what is between them have changed places, so that the search
/// behind a torn entry stays short.
fn value_end(bytes: &[u8], start: usize) -> Result<usize, usize> {
    let mut open = Vec::new();
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => open.push(byte + 2),
            b'}' | b']' => {
                if open.pop() != Some(byte) {
                    return Err(at);
                }
                if open.is_empty() {
                    return Ok(at + 1);
                }
            }
            b'"' => {
                let end =
                    string_length(&bytes[at..]).map_or(Err(bytes.len()), |length| Ok(at + length));
                let inside = &bytes[at..*end.as_ref().unwrap_or(&bytes.len())];
                // Without an early exit the loop runs many bytes at a time.
                if inside.iter().fold(false, |found, &b| found | (b < 0x20)) {
                    let control = inside.iter().position(|&b| b < 0x20);
                    return Err(at + control.unwrap_or(0));
                }
                at = end?;
                let behind = bytes[at..].trim_ascii_start().first();
                if !matches!(behind, None | Some(b':' | b',' | b'}' | b']')) {
                    return Err(at);
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Err(bytes.len())
}
