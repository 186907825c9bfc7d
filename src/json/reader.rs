//! A reader of concatenated JSON that survives damage.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;

use super::habits::{self, Habits};
use super::problem::{Problem, ProblemKind, Summary, Tail};
use super::record::{Part, Record};
use super::scanner::{KEY_LIMIT, Outcome, Scanner};
use super::window::Window;

/// White space behind a value that is looked through for what follows it.
const LOOKAHEAD: u64 = 64 * 1024;

/// Reads JSON values that follow each other with any white space or none, and reports every byte that belongs to none.
///
/// Values are read by the strict grammar (RFC 8259) with no limit of nesting. Memory is bounded by the largest record
/// plus a window, time by a constant number of passes over the input. What is delivered does not depend on how the
/// input is split into reads.
///
/// Behind damage the reader goes on at the next place where a record begins and never takes an inner part of a broken
/// record for a record. A record begins at the start of a line, or in the middle of one if it looks like the complete
/// records of the same input: by its first key where it can't be inner, by all its keys where it could. Where even
/// that is ambiguous, the bytes are reported as damage.
///
/// A source that can't be read to its end, as compressed data that breaks off, is used as far as it goes; that it is not the
/// end is the last problem.
///
/// Limits: what follows a value is looked for through 64 KiB of white space, and whether a line that begins with a
/// number, a word or a string holds nothing but values through as much of it; a first object that may be the rest of
/// another is compared with the next record within 1 MiB; 256 different sequences of keys are remembered.
pub struct RecordReader<R> {
    pub(super) window: Window<R>,
    pub(super) scanner: Scanner,
    pub(super) habits: Habits,
    pub(super) problems: VecDeque<Problem>,
    /// Everything before is dealt with.
    pub(super) cursor: u64,
    /// What begins at the cursor.
    pub(super) place: Place,
    /// Numbers, words and strings before this offset share their line with nothing but values.
    pub(super) clean_until: u64,
    summary: Summary,
}

/// How much is known about what begins at a reader's cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A record that was looked at already and found complete.
    Record,
    /// A record may begin: start of the input, of a line, or behind a record.
    Boundary,
    /// Somewhere in a broken record.
    Inside,
}

/// The outcome of reading one value; offsets are counted from the start of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    Complete(u64),
    /// Broken at a byte, or at the end of the input.
    Broken(u64),
}

/// What follows a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Follow {
    /// Whether the line or the input ends behind the value.
    pub(super) ends_line: bool,
    /// The next byte that is not white space.
    pub(super) next: Option<u8>,
}

impl Follow {
    /// Whether the value is followed by what only stands inside arrays and objects.
    pub(super) fn is_inner(self) -> bool {
        matches!(self.next, Some(b',' | b':' | b']' | b'}'))
    }

    pub(super) fn is_value(self) -> bool {
        self.next.is_some_and(begins_value)
    }
}

enum Step {
    End,
    /// Problems were queued, or the cursor moved.
    Moved,
    Record(Range<u64>),
}

impl<R: Read> RecordReader<R> {
    /// Begins at the current position of `source`, which becomes byte 0. Reads are buffered here.
    pub fn new(source: R) -> Self {
        Self {
            window: Window::new(source),
            scanner: Scanner::new(KEY_LIMIT),
            habits: Habits::default(),
            problems: VecDeque::new(),
            cursor: 0,
            place: Place::Boundary,
            clean_until: 0,
            summary: Summary::default(),
        }
    }

    /// The next record or problem, in order of position; `None` at the end of the input.
    ///
    /// # Errors
    ///
    /// Those of the system, if it gives nothing at all of the source.
    pub fn next_part(&mut self) -> io::Result<Option<Part<'_>>> {
        let span = loop {
            if let Some(problem) = self.problems.pop_front() {
                self.count(&problem);
                return Ok(Some(Part::Problem(problem)));
            }
            match self.step()? {
                Step::End => {
                    self.summary.bytes = self.cursor;
                    match self.window.take_failure() {
                        None => return Ok(None),
                        Some(error) => self.problems.push_back(Problem {
                            reason: Some(reason(&error, self.cursor)),
                            ..Problem::new(ProblemKind::Unreadable, self.cursor..self.cursor)
                        }),
                    }
                }
                Step::Moved => {}
                Step::Record(span) => break span,
            }
        };
        self.cursor = span.end;
        self.place = Place::Boundary;
        self.summary.bytes = span.end;
        let bytes = self.window.slice(span.start, span.end);
        let Ok(text) = std::str::from_utf8(bytes) else {
            self.summary.problems += 1;
            self.summary.tail = Tail::Complete;
            let problem = Problem::new(ProblemKind::InvalidUtf8, span);
            return Ok(Some(Part::Problem(problem)));
        };
        self.habits.learn(bytes, &self.scanner);
        let index = self.summary.records;
        self.summary.records += 1;
        self.summary.tail = Tail::Complete;
        let scanner = &self.scanner;
        Ok(Some(Part::Record(Record {
            index,
            span,
            text,
            keys: (!scanner.has_more_keys()).then_some(scanner.keys()),
        })))
    }

    /// Totals of the parts delivered so far.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    fn count(&mut self, problem: &Problem) {
        self.summary.problems += 1;
        self.summary.bytes = problem.span.end;
        self.summary.tail = match problem.kind {
            ProblemKind::Truncated | ProblemKind::Torn => Tail::Truncated,
            ProblemKind::Nul | ProblemKind::Unreadable => self.summary.tail,
            _ => Tail::Complete,
        };
    }

    /// Deals with what comes next behind the cursor.
    fn step(&mut self) -> io::Result<Step> {
        let Some(byte) = self.skip_space()? else {
            return Ok(Step::End);
        };
        let start = self.cursor;
        match byte {
            0 => self.nul_run()?,
            0xef if self.is_mark(start)? => self.push(ProblemKind::Bom, start, start + 3),
            _ if self.place == Place::Inside => self.resync_inside(start)?,
            b'}' | b']' => self.closers(start)?,
            _ if begins_value(byte) => match self.attempt(start, start)? {
                Attempt::Complete(end)
                    if self.place == Place::Record || self.is_record(start, end, byte)? =>
                {
                    return Ok(Step::Record(start..end));
                }
                Attempt::Complete(end) => self.resync_behind(start, end)?,
                Attempt::Broken(at) => self.resync_broken(start, at)?,
            },
            _ => self.resync_text(start)?,
        }
        Ok(Step::Moved)
    }

    /// Moves the cursor to the next byte that is not white space.
    fn skip_space(&mut self) -> io::Result<Option<u8>> {
        loop {
            let rest = self.window.from(self.cursor);
            let mut crossed_line = false;
            let space = rest
                .iter()
                .take_while(|&&byte| {
                    crossed_line |= byte == b'\n';
                    is_space(byte)
                })
                .count();
            let found = rest.get(space).copied();
            self.cursor += space as u64;
            if crossed_line && self.place == Place::Inside {
                self.place = Place::Boundary;
            }
            if found.is_some() || !self.window.fill(self.cursor)? {
                return Ok(found);
            }
        }
    }

    /// Queues a problem and moves behind it.
    pub(super) fn push(&mut self, kind: ProblemKind, start: u64, end: u64) {
        self.problems.push_back(Problem::new(kind, start..end));
        self.cursor = end;
    }

    fn nul_run(&mut self) -> io::Result<()> {
        let start = self.cursor;
        let mut end = start;
        loop {
            let rest = self.window.from(end);
            let count = rest.iter().take_while(|&&byte| byte == 0).count();
            let is_over = count < rest.len();
            end += count as u64;
            if is_over || !self.window.fill(end)? {
                break;
            }
        }
        if self.place == Place::Record {
            self.place = Place::Boundary;
        }
        self.push(ProblemKind::Nul, start, end);
        Ok(())
    }

    fn is_mark(&mut self, start: u64) -> io::Result<bool> {
        Ok(self.window.byte(start + 1, start)? == Some(0xbb)
            && self.window.byte(start + 2, start)? == Some(0xbf))
    }

    /// Brackets that close nothing, with the white space between them and the line break behind them.
    fn closers(&mut self, start: u64) -> io::Result<()> {
        let mut end = start;
        let mut behind_line = None;
        let next = loop {
            match self.window.byte(end, start)? {
                _ if end - start > LOOKAHEAD => break None,
                Some(b'}' | b']') => behind_line = None,
                Some(b'\n') if behind_line.is_none() => behind_line = Some(end + 1),
                Some(byte) if is_space(byte) => {}
                other => break other,
            }
            end += 1;
        };
        match (next, behind_line) {
            (None | Some(0) | Some(0xef), _) | (_, Some(_)) => {}
            (Some(byte), None) if begins_value(byte) => {}
            _ => return self.resync_text(start),
        }
        self.place = Place::Boundary;
        self.push(ProblemKind::StrayCloser, start, behind_line.unwrap_or(end));
        Ok(())
    }

    /// Reads the value at `start`; what is before `keep` may be given up.
    pub(super) fn attempt(&mut self, start: u64, keep: u64) -> io::Result<Attempt> {
        self.scanner.reset();
        loop {
            let mut outcome = self.scanner.run(self.window.from(start));
            if outcome == Outcome::Unfinished {
                if self.window.fill(keep)? {
                    continue;
                }
                outcome = self.scanner.finish();
            }
            return Ok(match outcome {
                Outcome::Complete(length) => Attempt::Complete(start + length as u64),
                Outcome::Broken(length) => Attempt::Broken(start + length as u64),
                Outcome::Unfinished => Attempt::Broken(self.window.end()),
            });
        }
    }

    /// The next byte behind `end` that is neither a space nor a tab nor a carriage return.
    pub(super) fn rest_of_line(&mut self, end: u64, keep: u64) -> io::Result<Option<u8>> {
        let mut at = end;
        loop {
            match self.window.byte(at, keep)? {
                Some(b' ' | b'\t' | b'\r') if at - end < LOOKAHEAD => at += 1,
                other => return Ok(other),
            }
        }
    }

    pub(super) fn follow(&mut self, end: u64, keep: u64) -> io::Result<Follow> {
        let mut at = end;
        let mut ends_line = false;
        loop {
            match self.window.byte(at, keep)? {
                Some(b'\n') if at - end < LOOKAHEAD => ends_line = true,
                Some(byte) if is_space(byte) && at - end < LOOKAHEAD => {}
                next => {
                    return Ok(Follow {
                        ends_line: ends_line || next.is_none(),
                        next,
                    });
                }
            }
            at += 1;
        }
    }

    /// Whether the complete value at a boundary is a record, not the rest of a broken one and not part of a text.
    fn is_record(&mut self, start: u64, end: u64, first: u8) -> io::Result<bool> {
        let glued = self.rest_of_line(end, start)?;
        let ends_line = matches!(glued, None | Some(b'\n'));
        self.habits.has_shared_line |= glued.is_some_and(begins_value);
        if first == b'{' {
            // A record on a line of its own is delivered at once, so that a reader of a pipe need not wait for more.
            if ends_line && !self.scanner.has_line_break() {
                return Ok(true);
            }
            let follow = self.follow(end, start)?;
            if !follow.is_inner() || self.has_record_shape(start, end) {
                return Ok(true);
            }
            // Pretty-printed: an inner object's last brace is indented.
            if self.scanner.has_line_break() && self.window.get(end - 2) == Some(b'\n') {
                return Ok(true);
            }
            // A line that goes on is one broken record where records are lines. Elsewhere it may be a record glued to
            // the rest of another; and inside an object only a key, which is a string, is followed by a colon.
            let may_be_glued = follow.ends_line || !self.habits.has_lines();
            return Ok(may_be_glued && (follow.next == Some(b':') || self.has_record_key(start)));
        }
        let follow = self.follow(end, start)?;
        if follow.is_inner() {
            let is_closed = matches!(follow.next, Some(b']' | b'}'));
            let is_line =
                ends_line && !self.scanner.has_line_break() && !self.habits.has_multi_line;
            return Ok(first == b'[' && is_closed && is_line);
        }
        if ends_line || matches!(follow.next, Some(0 | 0xef)) {
            return Ok(true);
        }
        if first == b'[' {
            return Ok(follow.is_value());
        }
        self.is_clean_line(start, end)
    }

    /// Whether the value that the scanner has just read has the keys of a record.
    pub(super) fn has_record_shape(&self, start: u64, end: u64) -> bool {
        let text = self.window.slice(start, end);
        habits::shape(text, self.scanner.keys())
            .is_some_and(|shape| self.habits.is_record_shape(shape))
    }

    /// Whether the object that the scanner has just read begins with a key that only records begin with.
    pub(super) fn has_record_key(&self, start: u64) -> bool {
        let text = self.window.from(start);
        let key = self.scanner.keys().first();
        key.is_some_and(|key| self.habits.is_record_key(&text[key.clone()]))
    }

    /// Whether nothing but values stands between `end` and the end of the line or the next array or object.
    ///
    /// A line such as `42 is the answer` is text, not the record `42` with damage behind it.
    fn is_clean_line(&mut self, start: u64, end: u64) -> io::Result<bool> {
        let mut at = end;
        while at >= self.clean_until {
            let glued = at;
            let next = loop {
                match self.window.byte(at, start)? {
                    Some(b' ' | b'\t' | b'\r') => at += 1,
                    other => break other,
                }
            };
            if matches!(next, None | Some(b'\n' | 0 | 0xef)) || at - end > LOOKAHEAD {
                self.clean_until = at;
                break;
            }
            let is_separate = at > glued
                || matches!(next, Some(b'"' | b'{' | b'['))
                || self.window.get(at - 1) == Some(b'"');
            if !is_separate {
                return Ok(false);
            }
            match self.attempt(at, start)? {
                Attempt::Complete(_) if matches!(next, Some(b'{' | b'[')) => {
                    self.clean_until = at;
                    break;
                }
                Attempt::Complete(behind) => at = behind,
                Attempt::Broken(_) => return Ok(false),
            }
        }
        self.scanner.reset();
        Ok(true)
    }
}

/// White space of the JSON grammar.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Why an input ended early: errors of data say all of it themselves, those of the system do not say where.
fn reason(error: &io::Error, at: u64) -> String {
    match error.get_ref() {
        Some(told) => told.to_string(),
        None => format!("the input can't be read beyond byte {at} ({error})"),
    }
}

/// Whether a JSON value can begin with this byte.
pub(super) fn begins_value(byte: u8) -> bool {
    matches!(
        byte,
        b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'
    )
}
