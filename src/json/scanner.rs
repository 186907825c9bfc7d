//! The JSON grammar (RFC 8259) as a machine that can stop at any byte and go on later.
//!
//! It keeps one bit per open bracket, so nesting is bounded by the size of the input alone. Whether strings are UTF-8
//! is left to the caller, who checks a whole record at once.

use std::ops::Range;

use super::string_bytes::{escape_length, plain_length};

/// Keys of the outermost object that are remembered.
pub(super) const KEY_LIMIT: usize = 64;

/// What a run of the machine came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The value is complete; it ends before this offset.
    Complete(usize),
    /// The byte at this offset can't stand there.
    Broken(usize),
    /// The value goes on behind the bytes given.
    Unfinished,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Value,
    ItemOrClose,
    KeyOrClose,
    Key,
    Colon,
    AfterValue,
    String { is_key: bool, is_first: bool },
    Number(Digits),
}

/// Where in a number the machine is; named after what was read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digits {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    PowerMark,
    PowerSign,
    Power,
}

impl Digits {
    fn is_complete(self) -> bool {
        matches!(
            self,
            Digits::Zero | Digits::Integer | Digits::Fraction | Digits::Power
        )
    }

    /// `None` when `byte` does not continue the number.
    fn after(self, byte: u8) -> Option<Digits> {
        use Digits::*;
        Some(match (self, byte) {
            (Minus, b'0') => Zero,
            (Minus | Integer, b'0'..=b'9') => Integer,
            (Zero | Integer, b'.') => Point,
            (Point | Fraction, b'0'..=b'9') => Fraction,
            (Zero | Integer | Fraction, b'e' | b'E') => PowerMark,
            (PowerMark, b'+' | b'-') => PowerSign,
            (PowerMark | PowerSign | Power, b'0'..=b'9') => Power,
            _ => return None,
        })
    }
}

/// All offsets are counted from the first byte of the value.
pub(super) struct Scanner {
    state: State,
    at: usize,
    string_start: usize,
    depth: usize,
    /// Whether the innermost open bracket is a brace.
    in_object: bool,
    /// The same for the brackets around it, one bit each.
    around: Vec<u64>,
    /// Spans of the outermost object's keys, with quotes.
    keys: Vec<Range<usize>>,
    key_limit: usize,
    has_more_keys: bool,
    repeats_first_key: bool,
    has_line_break: bool,
    /// Start of the last value that began at `watched_depth`.
    watched: usize,
    watched_depth: usize,
}

impl Scanner {
    pub(super) fn new(key_limit: usize) -> Self {
        Self {
            state: State::Value,
            at: 0,
            string_start: 0,
            depth: 0,
            in_object: false,
            around: Vec::new(),
            keys: Vec::new(),
            key_limit,
            has_more_keys: false,
            repeats_first_key: false,
            has_line_break: false,
            watched: 0,
            watched_depth: usize::MAX,
        }
    }

    /// Makes ready for the next value.
    pub(super) fn reset(&mut self) {
        self.state = State::Value;
        self.at = 0;
        self.depth = 0;
        self.in_object = false;
        self.keys.clear();
        self.has_more_keys = false;
        self.repeats_first_key = false;
        self.has_line_break = false;
        self.watched_depth = usize::MAX;
    }

    /// As [`reset`](Self::reset), and notes where the last value at this depth of nesting begins.
    pub(super) fn reset_watching(&mut self, depth: usize) {
        self.reset();
        self.watched_depth = depth;
    }

    /// Start of the last value at the watched depth.
    pub(super) fn watched(&self) -> usize {
        self.watched
    }

    pub(super) fn keys(&self) -> &[Range<usize>] {
        &self.keys
    }

    /// Whether the outermost object has more keys than are remembered.
    pub(super) fn has_more_keys(&self) -> bool {
        self.has_more_keys
    }

    /// Whether an inner object begins with the key that the outermost object begins with.
    pub(super) fn repeats_first_key(&self) -> bool {
        self.repeats_first_key
    }

    /// Whether a line break stands between the value's tokens.
    pub(super) fn has_line_break(&self) -> bool {
        self.has_line_break
    }

    /// Brackets still open where the machine stopped.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Whether the machine stopped behind an inner value, where only a comma or the matching bracket could follow.
    pub(super) fn is_behind_inner_value(&self) -> bool {
        self.depth > 0
            && match self.state {
                State::AfterValue => true,
                State::Number(digits) => digits.is_complete(),
                _ => false,
            }
    }

    /// Says what the value is when no byte follows those given to [`run`](Self::run).
    pub(super) fn finish(&self) -> Outcome {
        match self.state {
            State::Number(digits) if self.depth == 0 && digits.is_complete() => {
                Outcome::Complete(self.at)
            }
            _ => Outcome::Unfinished,
        }
    }

    /// Goes on with the value; `bytes` is all that is known of it, from its first byte on, and may only grow.
    pub(super) fn run(&mut self, bytes: &[u8]) -> Outcome {
        loop {
            let stop = match self.state {
                State::AfterValue if self.depth == 0 => return Outcome::Complete(self.at),
                State::String { is_key, is_first } => self.string(bytes, is_key, is_first),
                State::Number(digits) => self.number(bytes, digits),
                _ => self.token(bytes),
            };
            if let Some(outcome) = stop {
                return outcome;
            }
        }
    }

    /// Reads one token outside strings and numbers.
    #[inline]
    fn token(&mut self, bytes: &[u8]) -> Option<Outcome> {
        let byte = loop {
            match bytes.get(self.at) {
                None => return Some(Outcome::Unfinished),
                Some(b' ' | b'\t' | b'\r') => {}
                Some(b'\n') => self.has_line_break = true,
                Some(&byte) => break byte,
            }
            self.at += 1;
        };
        match (self.state, byte) {
            (State::AfterValue, b',') => {
                self.at += 1;
                self.state = if self.in_object {
                    State::Key
                } else {
                    State::Value
                };
            }
            (State::AfterValue | State::KeyOrClose, b'}') if self.in_object => self.close(),
            (State::AfterValue | State::ItemOrClose, b']') if !self.in_object => self.close(),
            (State::Colon, b':') => {
                self.at += 1;
                self.state = State::Value;
            }
            (State::Key | State::KeyOrClose, b'"') => {
                self.string_start = self.at;
                self.at += 1;
                let is_first = self.state == State::KeyOrClose;
                self.state = State::String {
                    is_key: true,
                    is_first,
                };
            }
            (State::Value | State::ItemOrClose, _) => return self.value(bytes, byte),
            _ => return Some(Outcome::Broken(self.at)),
        }
        None
    }

    #[inline]
    fn value(&mut self, bytes: &[u8], byte: u8) -> Option<Outcome> {
        if self.depth == self.watched_depth {
            self.watched = self.at;
        }
        match byte {
            b'"' => {
                self.string_start = self.at;
                self.at += 1;
                self.state = State::String {
                    is_key: false,
                    is_first: false,
                };
            }
            b'{' => self.open(true),
            b'[' => self.open(false),
            b'-' => self.begin_number(Digits::Minus),
            b'0' => self.begin_number(Digits::Zero),
            b'1'..=b'9' => self.begin_number(Digits::Integer),
            b't' => return self.literal(bytes, b"true"),
            b'f' => return self.literal(bytes, b"false"),
            b'n' => return self.literal(bytes, b"null"),
            _ => return Some(Outcome::Broken(self.at)),
        }
        None
    }

    fn begin_number(&mut self, digits: Digits) {
        self.at += 1;
        self.state = State::Number(digits);
    }

    fn number(&mut self, bytes: &[u8], mut digits: Digits) -> Option<Outcome> {
        while let Some(&byte) = bytes.get(self.at) {
            match digits.after(byte) {
                Some(next) => digits = next,
                None if digits.is_complete() => {
                    self.state = State::AfterValue;
                    return None;
                }
                None => return Some(Outcome::Broken(self.at)),
            }
            self.at += 1;
        }
        self.state = State::Number(digits);
        Some(Outcome::Unfinished)
    }

    fn literal(&mut self, bytes: &[u8], word: &[u8]) -> Option<Outcome> {
        let rest = &bytes[self.at..];
        let same = rest.iter().zip(word).take_while(|(a, b)| a == b).count();
        if same == word.len() {
            self.at += same;
            self.state = State::AfterValue;
            None
        } else if same == rest.len() {
            Some(Outcome::Unfinished)
        } else {
            Some(Outcome::Broken(self.at + same))
        }
    }

    #[inline]
    fn open(&mut self, is_object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.around.len() {
            self.around.push(0);
        }
        self.around[word] = self.around[word] & !(1 << bit) | u64::from(self.in_object) << bit;
        self.depth += 1;
        self.at += 1;
        self.in_object = is_object;
        self.state = if is_object {
            State::KeyOrClose
        } else {
            State::ItemOrClose
        };
    }

    #[inline]
    fn close(&mut self) {
        self.depth -= 1;
        self.in_object = self.around[self.depth / 64] >> (self.depth % 64) & 1 == 1;
        self.at += 1;
        self.state = State::AfterValue;
    }

    /// Reads on in a string whose opening quote was read.
    #[inline]
    fn string(&mut self, bytes: &[u8], is_key: bool, is_first: bool) -> Option<Outcome> {
        loop {
            self.at += plain_length(&bytes[self.at..]);
            match bytes.get(self.at) {
                None => return Some(Outcome::Unfinished),
                Some(b'"') => break,
                Some(b'\\') => match escape_length(&bytes[self.at..]) {
                    Ok(0) => return Some(Outcome::Unfinished),
                    Ok(length) => self.at += length,
                    Err(bad) => return Some(Outcome::Broken(self.at + bad)),
                },
                Some(_) => return Some(Outcome::Broken(self.at)),
            }
        }
        self.at += 1;
        if is_key {
            self.state = State::Colon;
            self.note_key(bytes, is_first);
        } else {
            self.state = State::AfterValue;
        }
        None
    }

    #[inline]
    fn note_key(&mut self, bytes: &[u8], is_first: bool) {
        let key = self.string_start..self.at;
        if self.depth == 1 {
            if self.keys.len() < self.key_limit {
                self.keys.push(key);
            } else {
                self.has_more_keys = true;
            }
        } else if is_first
            && let Some(outer) = self.keys.first()
            && bytes[outer.clone()] == bytes[key]
        {
            self.repeats_first_key = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> Outcome {
        let mut scanner = Scanner::new(KEY_LIMIT);
        match scanner.run(text.as_bytes()) {
            Outcome::Unfinished => scanner.finish(),
            other => other,
        }
    }

    #[test]
    fn stops_where_the_value_ends_or_breaks() {
        use Outcome::*;
        for (text, expect) in [
            ("{}", Complete(2)),
            (r#"{"a":[1,{"b":null}]}x"#, Complete(20)),
            ("[] []", Complete(2)),
            ("12", Complete(2)),
            ("12]", Complete(2)),
            ("-0.5e+3 ", Complete(7)),
            ("\"a\\u00e9\"", Complete(9)),
            ("true", Complete(4)),
            ("", Unfinished),
            ("-", Unfinished),
            ("1.", Unfinished),
            ("tru", Unfinished),
            ("\"a\\u00", Unfinished),
            ("[1,", Unfinished),
            ("[1", Unfinished),
            ("trux", Broken(3)),
            ("[1,]", Broken(3)),
            ("[1}", Broken(2)),
            ("{\"a\",", Broken(4)),
            ("{\"a\":1,}", Broken(7)),
            ("{,", Broken(1)),
            ("\"a\nb\"", Broken(2)),
            ("\"\\x\"", Broken(2)),
            ("\"\\u00g0\"", Broken(5)),
            ("-x", Broken(1)),
            ("1.x", Broken(2)),
        ] {
            assert_eq!(outcome(text), expect, "{text:?}");
        }
    }

    #[test]
    fn any_split_ends_in_the_same_place() {
        let text = r#" {"k\u00e9y":[-12.5e-7,"a long string with \"escapes\" \\ and a tail",true,[[]],{}],"n":null} "#
            .trim_start();
        for first in 0..text.len() {
            let mut scanner = Scanner::new(KEY_LIMIT);
            scanner.run(&text.as_bytes()[..first]);
            let outcome = scanner.run(text.as_bytes());
            assert_eq!(outcome, Outcome::Complete(text.len() - 1), "{first}");
            assert_eq!(scanner.keys().len(), 2);
        }
    }
}
