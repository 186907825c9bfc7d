//! How a [`RecordReader`] goes on behind damage.
//!
//! A broken record is read up to the byte where it breaks. The next record begins either there or later, or it is the
//! last value read before: a record that was cut where a value could stand swallows the record behind it. Each search
//! begins where the previous reading broke, so the time is linear in the damage.

use std::io::{self, Read};

use memchr::{memchr3, memrchr};

use super::habits;
use super::problem::ProblemKind;
use super::reader::{Attempt, Place, RecordReader, begins_value, is_space};

/// Bytes before the place of a search that stay in memory, to see how a piece of damage ends.
const LOOK_BACK: u64 = 64;

/// What a piece of damage looked like where it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// A value that broke.
    Value,
    /// A value that broke at a byte that is not UTF-8.
    InvalidUtf8,
    /// A value followed by what only stands inside arrays and objects.
    Rest,
    /// No value.
    Text,
}

/// Damage that is being passed over.
struct Damage {
    start: u64,
    piece: Piece,
    /// First key of the broken record, with quotes, if it got that far.
    first_key: Option<Box<[u8]>>,
    /// Whether line breaks stood between the tokens of the broken record.
    has_line_break: bool,
}

enum Mark {
    End(u64),
    Nul(u64),
    /// Start of a line.
    Line(u64),
    Brace(u64),
}

impl<R: Read> RecordReader<R> {
    /// The value at `start` broke at `at`.
    pub(super) fn resync_broken(&mut self, start: u64, at: u64) -> io::Result<()> {
        let first_key = self.first_key(start);
        let has_line_break = self.scanner.has_line_break();
        let damage = Damage {
            start,
            piece: if self.is_invalid_utf8(at)? {
                Piece::InvalidUtf8
            } else {
                Piece::Value
            },
            first_key,
            has_line_break,
        };
        if let Some(record) = self.swallowed(start, at, &damage)? {
            return self.found(&damage, record);
        }
        let at = self.search_from(start, at);
        self.search(damage, at, true)
    }

    /// The value at `start` is complete at `end`, but what follows says that it is no record.
    pub(super) fn resync_behind(&mut self, start: u64, end: u64) -> io::Result<()> {
        let piece = if self.follow(end, start)?.is_inner() {
            Piece::Rest
        } else {
            Piece::Text
        };
        self.search(Damage::without_record(start, piece), end, false)
    }

    /// No value begins at `start`.
    pub(super) fn resync_text(&mut self, start: u64) -> io::Result<()> {
        self.search(Damage::without_record(start, Piece::Text), start + 1, false)
    }

    /// Something begins at `start`, in the middle of a broken record.
    pub(super) fn resync_inside(&mut self, start: u64) -> io::Result<()> {
        self.search(Damage::without_record(start, Piece::Text), start, false)
    }

    /// Passes over damage up to the next record, or to what is damage of another kind.
    ///
    /// `may_begin_line` says whether `at` is worth a look when it is the start of a line.
    fn search(&mut self, damage: Damage, at: u64, may_begin_line: bool) -> io::Result<()> {
        let mut at = at;
        let mut may_begin_line = may_begin_line;
        loop {
            let is_line = may_begin_line && self.window.get(at.saturating_sub(1)) == Some(b'\n');
            let mark = if is_line && self.window.byte(at, at - 1)?.is_some() {
                Mark::Line(at)
            } else {
                self.next_mark(at)?
            };
            let found = match mark {
                Mark::End(end) => {
                    self.close(&damage, end, true);
                    return Ok(());
                }
                Mark::Nul(nul) => {
                    self.close(&damage, nul, false);
                    self.place = Place::Inside;
                    return Ok(());
                }
                Mark::Line(line) => self.try_line(&damage, line)?,
                Mark::Brace(brace) => self.try_brace(&damage, brace)?,
            };
            match found {
                Found::Boundary(start) => {
                    self.close(&damage, start, false);
                    self.cursor = start;
                    self.place = Place::Boundary;
                    return Ok(());
                }
                Found::Record(start) => return self.found(&damage, start),
                Found::Nothing(next) => {
                    may_begin_line = next > at;
                    at = next;
                }
                Found::SameLine(next) => {
                    may_begin_line = false;
                    at = next;
                }
            }
        }
    }

    fn found(&mut self, damage: &Damage, record: u64) -> io::Result<()> {
        self.close(damage, record, false);
        self.cursor = record;
        self.place = Place::Record;
        Ok(())
    }

    fn next_mark(&mut self, from: u64) -> io::Result<Mark> {
        let mut at = from;
        loop {
            let rest = self.window.from(at);
            if let Some(length) = memchr3(b'\n', 0, b'{', rest) {
                let byte = rest[length];
                at += length as u64;
                return Ok(match byte {
                    b'\n' => match self.window.byte(at + 1, at.saturating_sub(LOOK_BACK))? {
                        Some(_) => Mark::Line(at + 1),
                        None => Mark::End(at + 1),
                    },
                    0 => Mark::Nul(at),
                    _ => Mark::Brace(at),
                });
            }
            at = self.window.end();
            if !self.window.fill(
                at.saturating_sub(LOOK_BACK)
                    .max(from.saturating_sub(LOOK_BACK)),
            )? {
                return Ok(Mark::End(at));
            }
        }
    }

    /// Looks at the start of a line behind damage.
    fn try_line(&mut self, damage: &Damage, line: u64) -> io::Result<Found> {
        let keep = line.saturating_sub(LOOK_BACK);
        // Where records are lines, each line stands for itself.
        let is_own_line = !self.habits.has_multi_line && !damage.has_line_break;
        match self.window.byte(line, keep)? {
            Some(0) => return Ok(Found::Boundary(line)),
            Some(b'{') => {}
            Some(byte) if is_space(byte) || matches!(byte, b',' | b':' | b']' | b'}') => {
                return Ok(Found::SameLine(line));
            }
            Some(_) if is_own_line && self.habits.has_records() => {
                return Ok(Found::Boundary(line));
            }
            Some(byte) if begins_value(byte) => {}
            _ => return Ok(Found::SameLine(line)),
        }
        match self.attempt(line, keep)? {
            Attempt::Complete(end) => {
                let follow = self.follow(end, keep)?;
                let is_record = if follow.is_inner() {
                    follow.ends_line && self.has_record_shape(line, end)
                } else {
                    follow.ends_line
                        || follow.next == Some(b'{')
                        || self.has_record_shape(line, end)
                };
                Ok(if is_record {
                    Found::Record(line)
                } else {
                    Found::Nothing(end)
                })
            }
            Attempt::Broken(at) => {
                if self.window.get(line) == Some(b'{') {
                    return Ok(Found::Boundary(line));
                }
                Ok(Found::Nothing(self.search_from(line, at)))
            }
        }
    }

    /// Looks at a brace in the middle of damage.
    fn try_brace(&mut self, damage: &Damage, brace: u64) -> io::Result<Found> {
        let keep = brace.saturating_sub(LOOK_BACK);
        if !self.may_begin_record(damage, brace, keep)? {
            return Ok(Found::SameLine(brace + 1));
        }
        match self.attempt(brace, keep)? {
            Attempt::Complete(end) => {
                let follow = self.follow(end, keep)?;
                let is_record = if follow.is_inner() {
                    follow.ends_line && self.has_record_shape(brace, end)
                } else {
                    follow.ends_line
                        || matches!(follow.next, Some(b'{' | 0 | 0xef))
                        || self.has_record_shape(brace, end)
                };
                Ok(if is_record {
                    Found::Record(brace)
                } else {
                    Found::Nothing(end)
                })
            }
            Attempt::Broken(_) if brace > damage.start => Ok(Found::Boundary(brace)),
            Attempt::Broken(at) => Ok(Found::Nothing(self.search_from(brace, at))),
        }
    }

    /// Whether the object at `brace` begins with a key that records begin with, or with any if none is known.
    fn may_begin_record(&mut self, damage: &Damage, brace: u64, keep: u64) -> io::Result<bool> {
        let mut at = brace + 1;
        while self.window.byte(at, keep)?.is_some_and(is_space) {
            at += 1;
        }
        if self.window.byte(at, keep)? != Some(b'"') {
            return Ok(false);
        }
        if !self.habits.knows_objects() && damage.first_key.is_none() {
            return Ok(true);
        }
        let Attempt::Complete(end) = self.attempt(at, keep)? else {
            return Ok(false);
        };
        let key = self.window.slice(at, end);
        Ok(self.habits.is_first_key(key) || damage.first_key.as_deref() == Some(key))
    }

    /// The record that was taken for the last value inside the broken record at `start`, if there is one.
    fn swallowed(&mut self, start: u64, at: u64, damage: &Damage) -> io::Result<Option<u64>> {
        if !self.scanner.is_behind_inner_value() {
            return Ok(None);
        }
        let broken_shape = habits::shape(self.window.from(start), self.scanner.keys());
        let broken_keys = self.scanner.keys().len();
        let depth = self.scanner.depth();
        self.scanner.reset_watching(depth);
        self.scanner.run(self.window.slice(start, at));
        let value = start + self.scanner.watched() as u64;
        let Attempt::Complete(end) = self.attempt(value, start)? else {
            return Ok(None);
        };
        let follow = self.follow(end, start)?;
        let first = self.window.get(value);
        if follow.is_inner() || value == start || !matches!(first, Some(b'{' | b'[')) {
            return Ok(None);
        }
        let before = self.window.slice(start, value);
        let is_line = before.ends_with(b"\n") && !self.habits.has_multi_line;
        if is_line && memrchr(b'\n', &before[..before.len() - 1]).is_none() {
            return Ok(Some(value));
        }
        let is_framed = self.habits.has_records() && !self.habits.has_shared_line;
        if !is_line && is_framed && !follow.ends_line && follow.is_value() {
            return Ok(None);
        }
        let text = self.window.slice(value, end);
        let keys = self.scanner.keys();
        let Some(first_key) = keys.first() else {
            return Ok(None);
        };
        let is_record = if self.habits.knows_objects() {
            self.has_record_shape(value, end) || self.habits.is_record_key(&text[first_key.clone()])
        } else {
            // Nothing is known yet but how the broken record began.
            let same = keys
                .get(..broken_keys)
                .and_then(|keys| habits::shape(text, keys));
            damage.first_key.is_some() && same == broken_shape
        };
        Ok(is_record.then_some(value))
    }

    /// Where to search on when the value at `start` broke at `at`: an object may begin at the end of the string before.
    fn search_from(&self, start: u64, at: u64) -> u64 {
        let before = self.window.slice(start, at);
        let Some(before) = before.strip_suffix(b"\"") else {
            return at.max(start + 1);
        };
        let before = before.trim_ascii_end();
        if before.len() > 1 && before.ends_with(b"{") {
            start + before.len() as u64 - 1
        } else {
            at
        }
    }

    fn first_key(&self, start: u64) -> Option<Box<[u8]>> {
        let key = self.scanner.keys().first()?;
        Some(self.window.from(start)[key.clone()].into())
    }

    fn is_invalid_utf8(&mut self, at: u64) -> io::Result<bool> {
        let mut character = [0; 4];
        let mut length = 0;
        for slot in &mut character {
            // What is in memory before `at` is still needed.
            let Some(byte) = self.window.byte(at + length as u64, self.cursor)? else {
                break;
            };
            *slot = byte;
            length += 1;
        }
        Ok(match std::str::from_utf8(&character[..length]) {
            Ok(_) => false,
            Err(error) => error.valid_up_to() == 0 && character[0] >= 0x80,
        })
    }

    /// Queues the damage that ends at `end`, which is the end of the input or where something else begins.
    fn close(&mut self, damage: &Damage, end: u64, is_end: bool) {
        let start = damage.start;
        self.cursor = end;
        let look_back = start.max(end.saturating_sub(LOOK_BACK));
        let tail = self.window.slice(look_back, end);
        let without_lines = tail.len() - tail.trim_ascii_end().len();
        let line_breaks = tail
            .iter()
            .rev()
            .take_while(|&&b| b == b'\n' || b == b'\r')
            .count();
        let ends_closed = matches!(tail.trim_ascii_end().last(), Some(b'}' | b']'));
        let (kind, trimmed) = match damage.piece {
            Piece::Value if is_end && damage.has_line_break => (ProblemKind::Truncated, 0),
            Piece::Value if is_end => (ProblemKind::Truncated, line_breaks),
            Piece::Value => (ProblemKind::Torn, line_breaks),
            Piece::InvalidUtf8 => (ProblemKind::InvalidUtf8, line_breaks),
            Piece::Rest => (ProblemKind::Headless, without_lines),
            Piece::Text if ends_closed => (ProblemKind::Headless, without_lines),
            Piece::Text => (ProblemKind::Garbage, 0),
        };
        if end > start + trimmed as u64 {
            self.push(kind, start, end - trimmed as u64);
            self.cursor = end;
        }
    }
}

impl Damage {
    fn without_record(start: u64, piece: Piece) -> Self {
        Self {
            start,
            piece,
            first_key: None,
            has_line_break: false,
        }
    }
}

/// What a look at a mark came to.
enum Found {
    /// A complete record begins here.
    Record(u64),
    /// Something of its own begins here, to be read from the start.
    Boundary(u64),
    /// Nothing; go on here, which may be the start of a line.
    Nothing(u64),
    /// Nothing; go on here, which is no start of a line or was looked at as one.
    SameLine(u64),
}
