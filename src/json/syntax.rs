//! The JSON grammar (RFC 8259): a strict parser without recursion, and unescaping.

use std::fmt;

use super::resume::{Ending, Resumed};
use super::string_bytes::plain_length;
use super::tree::{Kind, Slot};

/// What is wrong at a place in a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text ends inside a value.
    UnexpectedEnd,
    /// A character that can't stand here.
    UnexpectedCharacter,
    /// A string holds a raw control character or an escape that JSON does not have.
    BadString,
    /// A number that JSON does not allow, such as `01` or `1.`.
    BadNumber,
    /// Something other than white space follows the value.
    TrailingText,
    /// More levels of nesting than allowed.
    TooDeep,
    /// The text is 4 GiB or longer.
    TooLong,
}

/// A JSON text could not be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Where, in bytes from the start of the text.
    pub offset: usize,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::UnexpectedEnd => "JSON ends inside a value",
            ErrorKind::UnexpectedCharacter => "unexpected character in JSON",
            ErrorKind::BadString => "control character or bad escape in a JSON string",
            ErrorKind::BadNumber => "malformed JSON number",
            ErrorKind::TrailingText => "text after the JSON value",
            ErrorKind::TooDeep => "JSON nested too deeply",
            ErrorKind::TooLong => "JSON text of 4 GiB or more",
        };
        write!(f, "{what} at byte {}", self.offset)
    }
}

impl std::error::Error for SyntaxError {}

/// Parses exactly one value into slots in document order, and counts the levels of nesting.
pub(super) fn parse(text: &str, max_depth: usize) -> Result<(Vec<Slot>, usize), SyntaxError> {
    let mut memory = Memory {
        // Short texts have short values.
        slots: Vec::with_capacity(text.len() / 48 + text.len().min(1 << 10) / 16 + 1),
        outer: Vec::with_capacity(16),
    };
    let depth = parse_in(&mut memory, text, max_depth)?;
    Ok((memory.slots, depth))
}

/// What the parser works in.
#[derive(Debug, Default)]
pub(super) struct Memory {
    slots: Vec<Slot>,
    outer: Vec<Container>,
}

/// An array or object that is not closed yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Container {
    pub(super) slot: u32,
    /// Values in it so far.
    pub(super) count: u32,
    /// What closes it; 0 around the outermost value.
    close: u8,
}

impl Container {
    /// What is around the outermost value.
    pub(super) const OUTERMOST: Self = Self {
        slot: 0,
        count: 0,
        close: 0,
    };

    /// An array or object that has just begun.
    pub(super) fn new(slot: usize, kind: Kind) -> Self {
        Self {
            slot: slot as u32,
            count: 0,
            close: if kind == Kind::Object { b'}' } else { b']' },
        }
    }
}

/// Where in a text the parser is.
#[derive(Debug)]
pub(super) struct State {
    pub(super) at: usize,
    /// What was read so far.
    pub(super) slots: Vec<Slot>,
    /// What is being read.
    pub(super) inner: Container,
    /// What is around that, outermost first.
    pub(super) outer: Vec<Container>,
}

/// Goes on from a state behind a value in an array or object, or behind its beginning, until a known ending begins.
pub(super) fn parse_on(
    text: &str,
    state: State,
    ending: Ending<'_>,
    max_depth: usize,
) -> Result<Resumed, SyntaxError> {
    let mut parser = Parser {
        bytes: text.as_bytes(),
        at: state.at,
        slots: state.slots,
        inner: state.inner,
        outer: state.outer,
        depth: 0,
        max_depth,
        ending,
    };
    parser.go_on()?;
    Ok(Resumed {
        slots: parser.slots,
        depth: parser.depth,
        end: parser.at,
    })
}

/// Parses exactly one value and gives the levels of nesting; what was in the memory before is gone.
pub(super) fn parse_in(
    memory: &mut Memory,
    text: &str,
    max_depth: usize,
) -> Result<usize, SyntaxError> {
    let bytes = text.as_bytes();
    if bytes.len() >= u32::MAX as usize {
        return Err(SyntaxError {
            kind: ErrorKind::TooLong,
            offset: 0,
        });
    }
    let Memory { slots, outer } = std::mem::take(memory);
    let mut parser = Parser {
        bytes,
        at: 0,
        slots,
        inner: Container::OUTERMOST,
        outer,
        depth: 0,
        max_depth,
        ending: Ending::default(),
    };
    parser.slots.clear();
    parser.outer.clear();
    let outcome = parser.run();
    *memory = Memory {
        slots: parser.slots,
        outer: parser.outer,
    };
    outcome.map(|()| parser.depth)
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    slots: Vec<Slot>,
    inner: Container,
    outer: Vec<Container>,
    depth: usize,
    max_depth: usize,
    /// What the text may end with.
    ending: Ending<'a>,
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), SyntaxError> {
        self.skip_space();
        self.value()?;
        self.go_on()
    }

    fn go_on(&mut self) -> Result<(), SyntaxError> {
        while self.inner.close != Container::OUTERMOST.close {
            self.skip_space();
            let byte = self.peek()?;
            if byte == self.inner.close {
                self.at += 1;
                self.close();
                continue;
            }
            if self.inner.count > 0 {
                if byte != b',' {
                    return self.fail(ErrorKind::UnexpectedCharacter);
                }
                self.at += 1;
                self.skip_space();
            }
            if self.outer.len() == 1 && self.ending.is_at(self.at) {
                self.ending.append(&mut self.slots, self.inner.count);
                return Ok(());
            }
            self.inner.count += 1;
            if self.inner.close == b'}' {
                self.key()?;
            }
            self.value()?;
        }
        self.skip_space();
        if self.at < self.bytes.len() {
            self.fail(ErrorKind::TrailingText)
        } else {
            Ok(())
        }
    }

    fn fail<T>(&self, kind: ErrorKind) -> Result<T, SyntaxError> {
        Err(SyntaxError {
            kind,
            offset: self.at,
        })
    }

    #[inline]
    fn peek(&self) -> Result<u8, SyntaxError> {
        self.bytes.get(self.at).copied().ok_or(SyntaxError {
            kind: ErrorKind::UnexpectedEnd,
            offset: self.bytes.len(),
        })
    }

    #[inline]
    fn skip_space(&mut self) {
        // Most texts have none.
        while let Some(byte) = self.bytes.get(self.at)
            && *byte <= b' '
            && matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
        {
            self.at += 1;
        }
    }

    #[inline]
    fn push(&mut self, start: usize, kind: Kind, escaped: bool) {
        let next = self.slots.len() as u32 + 1;
        self.slots.push(Slot {
            start: start as u32,
            end: self.at as u32,
            next,
            count: 0,
            kind,
            escaped,
        });
    }

    fn open(&mut self, kind: Kind) -> Result<(), SyntaxError> {
        if self.outer.len() >= self.max_depth {
            return self.fail(ErrorKind::TooDeep);
        }
        self.outer.push(self.inner);
        self.inner = Container::new(self.slots.len(), kind);
        self.depth = self.depth.max(self.outer.len());
        self.at += 1;
        self.push(self.at - 1, kind, false);
        Ok(())
    }

    fn close(&mut self) {
        let next = self.slots.len() as u32;
        let slot = &mut self.slots[self.inner.slot as usize];
        slot.end = self.at as u32;
        slot.next = next;
        slot.count = self.inner.count;
        self.inner = self.outer.pop().unwrap_or(Container::OUTERMOST);
    }

    fn key(&mut self) -> Result<(), SyntaxError> {
        if self.peek()? != b'"' {
            return self.fail(ErrorKind::UnexpectedCharacter);
        }
        self.string()?;
        self.skip_space();
        if self.peek()? != b':' {
            return self.fail(ErrorKind::UnexpectedCharacter);
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// Parses a scalar whole, or opens an array or object.
    #[inline]
    fn value(&mut self) -> Result<(), SyntaxError> {
        match self.peek()? {
            b'"' => self.string(),
            b'{' => self.open(Kind::Object),
            b'[' => self.open(Kind::Array),
            b't' => self.literal("true", Kind::Bool),
            b'f' => self.literal("false", Kind::Bool),
            b'n' => self.literal("null", Kind::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.fail(ErrorKind::UnexpectedCharacter),
        }
    }

    fn literal(&mut self, word: &str, kind: Kind) -> Result<(), SyntaxError> {
        let start = self.at;
        for &expected in word.as_bytes() {
            if self.peek()? != expected {
                return self.fail(ErrorKind::UnexpectedCharacter);
            }
            self.at += 1;
        }
        self.push(start, kind, false);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        if !self.peek()?.is_ascii_digit() {
            return self.fail(ErrorKind::BadNumber);
        }
        while let Some(b'0'..=b'9') = self.bytes.get(self.at) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
            if let Some(b'0'..=b'9') = self.bytes.get(self.at) {
                return self.fail(ErrorKind::BadNumber);
            }
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.push(start, Kind::Number, false);
        Ok(())
    }

    #[inline]
    fn string(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            self.at += plain_length(&self.bytes[self.at..]);
            match self.peek()? {
                b'"' => break self.at += 1,
                b'\\' => {
                    escaped = true;
                    self.at += 1;
                    self.escape()?;
                }
                _ => return self.fail(ErrorKind::BadString),
            }
        }
        self.push(start, Kind::String, escaped);
        Ok(())
    }

    /// Checks the escape whose backslash was just read.
    fn escape(&mut self) -> Result<(), SyntaxError> {
        match self.peek()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek()?.is_ascii_hexdigit() {
                        return self.fail(ErrorKind::BadString);
                    }
                    self.at += 1;
                }
            }
            _ => return self.fail(ErrorKind::BadString),
        }
        Ok(())
    }
}

/// Resolves the escapes of a string that the parser accepted; `inner` is without quotes.
pub(super) fn unescape(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let code = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        let mut used = 2;
        match code {
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => used = push_unicode_escape(&rest[at..], &mut out),
            other => out.push(other as char),
        }
        rest = rest.get(at + used..).unwrap_or("");
    }
    out.push_str(rest);
    out
}

/// Appends what `\uXXXX` (or a surrogate pair of them) stands for; returns the bytes used.
fn push_unicode_escape(text: &str, out: &mut String) -> usize {
    let unit = |at: usize| {
        text.get(at..at + 4)
            .and_then(|hex| u16::from_str_radix(hex, 16).ok())
    };
    let Some(first) = unit(2) else {
        out.push_str("\\u");
        return 2;
    };
    if let Some(c) = char::from_u32(u32::from(first)) {
        out.push(c);
        return 6;
    }
    if text.get(6..8) == Some("\\u")
        && let Some(second) = unit(8)
        && let Some(Ok(c)) = char::decode_utf16([first, second]).next()
    {
        out.push(c);
        return 12;
    }
    out.push_str(&text[..6]);
    6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<(), (ErrorKind, usize)>) {
        let got = parse(text, 8).map(|_| ()).map_err(|e| (e.kind, e.offset));
        assert_eq!(got, expect, "{text:?}");
    }

    #[test]
    fn accepts_json_and_says_where_it_stops_being_json() {
        use ErrorKind::*;
        for good in [
            "{}",
            "[]",
            " [1 , -0.5e+3,\t\"\"] ",
            "null",
            r#"{"a":{"b":[true,false]}}"#,
            r#""\u00e9\/""#,
        ] {
            check(good, Ok(()));
        }
        check("", Err((UnexpectedEnd, 0)));
        check("{\"a\":1", Err((UnexpectedEnd, 6)));
        check("{\"a\" 1}", Err((UnexpectedCharacter, 5)));
        check("{,}", Err((UnexpectedCharacter, 1)));
        check("[1,]", Err((UnexpectedCharacter, 3)));
        check("[1 2]", Err((UnexpectedCharacter, 3)));
        check("{\"a\":1,}", Err((UnexpectedCharacter, 7)));
        check("[]]", Err((TrailingText, 2)));
        check("01", Err((BadNumber, 1)));
        check("1.", Err((UnexpectedEnd, 2)));
        check("-", Err((UnexpectedEnd, 1)));
        check("\"a\nb\"", Err((BadString, 2)));
        check("\"\\x\"", Err((BadString, 2)));
        check("\"\\u12g4\"", Err((BadString, 5)));
        check("nul", Err((UnexpectedEnd, 3)));
        check("nulL", Err((UnexpectedCharacter, 3)));
        check("[[[[[[[[]]]]]]]]", Ok(()));
        check("[[[[[[[[[]]]]]]]]]", Err((TooDeep, 8)));
    }
}
