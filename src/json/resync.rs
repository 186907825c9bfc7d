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

/// How far behind the first object of an input the next record is looked for, to compare the two.
const AHEAD: u64 = 1 << 20;

/// What a piece of damage looked like where it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// A value that broke.
    Value,
    /// A value that broke at this byte, which is not UTF-8.
    InvalidUtf8(u64),
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
        let first_key = self.first_key(start, at);
        let has_line_break = self.scanner.has_line_break();
        let damage = Damage {
            start,
            piece: if self.is_invalid_utf8(at)? {
                Piece::InvalidUtf8(at)
            } else {
                Piece::Value
            },
            first_key,
            has_line_break,
        };
        let target = match self.swallowed(start, at, &damage)? {
            Some(record) => Target::Record(record),
            None => {
                let at = self.search_from(start, at);
                self.search(&damage, at, true)?
            }
        };
        self.settle(&damage, target);
        Ok(())
    }

    /// The value at `start` is complete at `end`, but what follows says that it is no record.
    pub(super) fn resync_behind(&mut self, start: u64, end: u64) -> io::Result<()> {
        let is_object = self.window.get(start) == Some(b'{');
        let piece = if self.follow(end, start)?.is_inner() {
            Piece::Rest
        } else {
            Piece::Text
        };
        let damage = Damage::without_record(start, piece);
        let at = self.search_from(start, end);
        let may_be_like = is_object && !self.habits.knows_objects();
        if may_be_like {
            self.window.hold(start);
        }
        let searched = self.search(&damage, at, false);
        let is_held = self.window.release();
        let target = searched?;
        if may_be_like && is_held && self.is_like(start, &target)? {
            self.settle(&damage, Target::Record(start));
        } else {
            self.settle(&damage, target);
        }
        Ok(())
    }

    /// Whether the first object of an input has the keys of the record behind it, which tells a record from a rest.
    fn is_like(&mut self, start: u64, target: &Target) -> io::Result<bool> {
        let (Target::Boundary(next) | Target::Record(next)) = *target else {
            return Ok(false);
        };
        self.attempt(start, start)?;
        let text = self.window.from(start);
        let shape = habits::shape(text, self.scanner.keys());
        let key: Option<Box<[u8]>> = self
            .scanner
            .keys()
            .first()
            .map(|key| text[key.clone()].into());
        self.attempt(next, start)?;
        let text = self.window.from(next);
        let keys = self.scanner.keys();
        let has_same_key = keys.first().map(|key| &text[key.clone()]) == key.as_deref()
            && !self.scanner.repeats_first_key();
        Ok(key.is_some() && (has_same_key || habits::shape(text, keys) == shape))
    }

    /// No value begins at `start`.
    pub(super) fn resync_text(&mut self, start: u64) -> io::Result<()> {
        self.pass_text(start, start + 1)
    }

    /// Something begins at `start`, in the middle of a broken record.
    pub(super) fn resync_inside(&mut self, start: u64) -> io::Result<()> {
        self.pass_text(start, start)
    }

    fn pass_text(&mut self, start: u64, at: u64) -> io::Result<()> {
        let damage = Damage::without_record(start, Piece::Text);
        let target = self.search(&damage, at, false)?;
        self.settle(&damage, target);
        Ok(())
    }

    /// Passes over damage up to the next record, or to what is damage of another kind.
    ///
    /// `may_begin_line` says whether `at` is worth a look when it is the start of a line.
    fn search(&mut self, damage: &Damage, from: u64, may_begin_line: bool) -> io::Result<Target> {
        let mut at = from;
        let mut may_begin_line = may_begin_line;
        loop {
            if at - from > AHEAD {
                self.window.release();
            }
            let is_line = may_begin_line && self.window.get(at.saturating_sub(1)) == Some(b'\n');
            let mark = if is_line && self.window.byte(at, at - 1)?.is_some() {
                Mark::Line(at)
            } else {
                self.next_mark(at)?
            };
            let found = match mark {
                Mark::End(end) => return Ok(Target::End(end)),
                Mark::Nul(nul) => return Ok(Target::Nul(nul)),
                Mark::Line(line) => self.try_line(damage, line)?,
                Mark::Brace(brace) => self.try_brace(damage, brace)?,
            };
            match found {
                Found::Target(target) => return Ok(target),
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

    /// Queues the damage before `target` and moves there.
    fn settle(&mut self, damage: &Damage, target: Target) {
        let (end, place) = match target {
            Target::End(end) => (end, Place::Boundary),
            Target::Nul(nul) => (nul, Place::Inside),
            Target::Boundary(start) => (start, Place::Boundary),
            Target::Record(start) => (start, Place::Record),
        };
        self.close(damage, end, matches!(target, Target::End(_)));
        self.place = place;
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
            Some(0) => return Ok(Found::Target(Target::Boundary(line))),
            Some(b'{') if is_own_line => return Ok(Found::Target(Target::Boundary(line))),
            Some(byte) if is_own_line && self.habits.has_records() && !is_space(byte) => {
                return Ok(Found::Target(Target::Boundary(line)));
            }
            Some(byte) if begins_value(byte) => {}
            _ => return Ok(Found::SameLine(line)),
        }
        match self.attempt(line, keep)? {
            Attempt::Complete(end) => {
                let is_record = self.is_record_behind_damage(line, end, true, keep)?;
                Ok(if is_record {
                    Found::Target(Target::Record(line))
                } else {
                    Found::Nothing(end)
                })
            }
            Attempt::Broken(at) => {
                if self.window.get(line) == Some(b'{') {
                    return Ok(Found::Target(Target::Boundary(line)));
                }
                Ok(Found::Nothing(self.search_from(line, at)))
            }
        }
    }

    /// Looks at a brace in the middle of damage.
    fn try_brace(&mut self, damage: &Damage, brace: u64) -> io::Result<Found> {
        let keep = brace.saturating_sub(LOOK_BACK);
        let Some(is_known) = self.first_key_is_known(damage, brace, keep)? else {
            return Ok(Found::SameLine(brace + 1));
        };
        match self.attempt(brace, keep)? {
            Attempt::Complete(end) => {
                let is_record = self.is_record_behind_damage(brace, end, is_known, keep)?;
                Ok(if is_record {
                    Found::Target(Target::Record(brace))
                } else {
                    Found::Nothing(end)
                })
            }
            Attempt::Broken(_) if is_known && brace > damage.start => {
                Ok(Found::Target(Target::Boundary(brace)))
            }
            Attempt::Broken(at) => Ok(match self.swallowed(brace, at, damage)? {
                Some(record) => Found::Target(Target::Record(record)),
                None => Found::Nothing(self.search_from(brace, at)),
            }),
        }
    }

    /// Whether the complete value, which can't be an inner one of the damage before, is a record by what follows it.
    fn is_record_behind_damage(
        &mut self,
        start: u64,
        end: u64,
        is_known: bool,
        keep: u64,
    ) -> io::Result<bool> {
        let follow = self.follow(end, keep)?;
        if follow.is_inner() {
            // A record that is spread over lines ends at the start of one.
            let is_indented = self.scanner.has_line_break()
                && end >= start + 2
                && matches!(self.window.get(end - 2), Some(b' ' | b'\t'));
            return Ok(!is_indented
                && self.has_record_shape(start, end)
                && (follow.ends_line || !self.habits.has_lines() && self.has_record_key(start)));
        }
        let may_follow = follow.ends_line || matches!(follow.next, Some(b'{' | 0 | 0xef));
        Ok(self.has_record_shape(start, end)
            || may_follow && (is_known || follow.ends_line && !self.habits.has_shared_line))
    }

    /// Whether the object at `brace` begins with a key that records begin with, or with any if none is known; `None`
    /// when it does not begin with a key.
    fn first_key_is_known(
        &mut self,
        damage: &Damage,
        brace: u64,
        keep: u64,
    ) -> io::Result<Option<bool>> {
        let mut at = brace + 1;
        while self.window.byte(at, keep)?.is_some_and(is_space) {
            at += 1;
        }
        if self.window.byte(at, keep)? != Some(b'"') {
            return Ok(None);
        }
        if !self.habits.knows_objects() && damage.first_key.is_none() {
            return Ok(Some(true));
        }
        let Attempt::Complete(end) = self.attempt(at, keep)? else {
            return Ok(None);
        };
        let key = self.window.slice(at, end);
        Ok(Some(
            self.habits.is_first_key(key) || damage.first_key.as_deref() == Some(key),
        ))
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
        if !is_line && self.habits.has_lines() && !follow.ends_line && follow.is_value() {
            return Ok(None);
        }
        let is_record = if self.habits.knows_objects() {
            self.has_record_shape(value, end) || self.has_record_key(value)
        } else {
            // Nothing is known yet but how the broken record began. Where the input ends with the value, it was cut.
            let text = self.window.slice(value, end);
            let keys = self.scanner.keys().get(..broken_keys);
            let same = keys.and_then(|keys| habits::shape(text, keys));
            let is_like = damage.first_key.is_some() && same == broken_shape;
            let is_line = !damage.has_line_break && self.window.byte(end, start)?.is_some();
            is_like && (is_line || follow.next.is_some())
        };
        Ok(is_record.then_some(value))
    }

    /// Where to search on when the value at `start` broke at `at`: an object may begin at the end of the string before.
    fn search_from(&self, start: u64, at: u64) -> u64 {
        let before = self.window.slice(start, at);
        let before = before.strip_suffix(b"\"").unwrap_or(before);
        let before = before.trim_ascii_end();
        if before.len() > 1 && before.ends_with(b"{") {
            start + before.len() as u64 - 1
        } else {
            at.max(start + 1)
        }
    }

    /// The key that the value broken at `at` begins with; what is not followed by a colon may be two torn texts.
    fn first_key(&self, start: u64, at: u64) -> Option<Box<[u8]>> {
        let key = self.scanner.keys().first()?;
        let text = self.window.slice(start, at);
        let behind = text[key.end..].trim_ascii_start();
        behind.starts_with(b":").then(|| text[key.clone()].into())
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
        // A form feed, which `trim_ascii_end` takes off too, is no white space of JSON.
        let without_lines = tail.iter().rev().take_while(|&&b| is_space(b)).count();
        let line_breaks = tail
            .iter()
            .rev()
            .take_while(|&&b| b == b'\n' || b == b'\r')
            .count();
        let ends_closed = matches!(tail[..tail.len() - without_lines].last(), Some(b'}' | b']'));
        let (kind, trimmed) = match damage.piece {
            Piece::Value if is_end && damage.has_line_break => (ProblemKind::Truncated, 0),
            Piece::Value if is_end => (ProblemKind::Truncated, line_breaks),
            Piece::InvalidUtf8(at) if at < end => (ProblemKind::InvalidUtf8, line_breaks),
            Piece::Value | Piece::InvalidUtf8(_) => (ProblemKind::Torn, line_breaks),
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

/// Where damage ends.
enum Target {
    End(u64),
    Nul(u64),
    /// Something of its own begins here, to be read from the start.
    Boundary(u64),
    /// A complete record begins here.
    Record(u64),
}

/// What a look at a mark came to.
enum Found {
    Target(Target),
    /// Nothing; go on here, which may be the start of a line.
    Nothing(u64),
    /// Nothing; go on here, which is no start of a line or was looked at as one.
    SameLine(u64),
}
