//! Saves what is complete of a damaged file.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::rc::Rc;

use xxhash_rust::xxh3::xxh3_128;

use crate::json::{Part, Problem, ProblemKind, Record, RecordReader, Summary};

use super::fragment::{Fragment, read_fragment};

/// How records are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecoverOptions {
    /// Takes the line breaks and indentation between the tokens of a record away, so that it stands on one line.
    /// Records that do so already are never changed.
    pub one_line: bool,
}

/// What was saved of a file, and what was not.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Totals of the input; positions are counted in it, after decompression.
    pub input: Summary,
    /// Bytes written.
    pub written: u64,
    /// What belongs to no complete record, in order of position.
    pub left_out: Vec<LeftOut>,
    /// Records that repeat earlier ones; they are written all the same.
    pub repeats: Vec<Repeat>,
    /// Records that were written over several lines, as they stood in the input.
    pub multi_line: u64,
    /// Records that are no objects, which no agent writes.
    pub not_objects: u64,
    /// The first record that stands at another byte than in the input.
    pub moved_from: Option<u64>,
    /// Whether records have ordinals. Forks and reverts of such a thread (Codex 0.153 and later) name their place in
    /// its file by bytes (`history_base.end_byte_offset`), and only by these (measured with 0.169.0).
    pub has_ordinals: bool,
    /// Whether there is a complete record, or a part of one, among what was read.
    pub has_json: bool,
    /// Why the input could not be read to its end, where that is so.
    pub broke_off: Option<io::Error>,
}

/// Bytes that were not saved.
#[derive(Debug)]
pub struct LeftOut {
    /// Where they are, and why they are no record.
    pub problem: Problem,
    /// Complete records before them, which is the number of the record behind them.
    pub records_before: u64,
    /// What they are left of.
    pub fragment: Fragment,
}

/// Records that follow each other and are, byte for byte, what earlier ones are that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// Numbers of the repeating records, in the output as in the input.
    pub records: Range<u64>,
    /// Number of the first record that is repeated.
    pub first: u64,
}

/// Writes every complete record of a file of concatenated JSON, byte for byte and in order, each with a newline behind it.
///
/// A source that breaks off, as compressed data may, is used as far as it goes. Memory is bounded by the largest
/// record, the number of problems, and forty bytes for each record.
///
/// # Errors
///
/// Only those of `out`.
pub fn recover(
    source: impl Read,
    out: &mut (impl Write + ?Sized),
    options: RecoverOptions,
) -> io::Result<Recovery> {
    let memory = Rc::new(RefCell::new(Memory::default()));
    let mut reader = RecordReader::new(Remembered {
        source,
        memory: Rc::clone(&memory),
    });
    let mut recovery = Recovery::default();
    let mut known = HashMap::new();
    // The source never reports an error: it ends.
    while let Some(part) = reader.next_part()? {
        match part {
            Part::Record(record) => {
                recovery.note(&record, &mut known);
                recovery.write(&record, out, options)?;
                memory.borrow_mut().settle(record.span.end);
            }
            Part::Problem(problem) => {
                let mut memory = memory.borrow_mut();
                let bytes = memory.at(&problem.span);
                recovery.has_json |= is_part_of_record(problem.kind, bytes);
                recovery.left_out.push(LeftOut {
                    records_before: reader.summary().records,
                    fragment: read_fragment(problem.kind, bytes),
                    problem: problem.clone(),
                });
                memory.settle(problem.span.end);
            }
        }
    }
    recovery.input = reader.summary();
    recovery.has_json |= recovery.input.records > 0;
    recovery.broke_off = memory.borrow_mut().error.take();
    Ok(recovery)
}

impl Recovery {
    /// Whether the output holds less than the input.
    pub fn is_partial(&self) -> bool {
        !self.left_out.is_empty() || self.broke_off.is_some()
    }

    fn write(
        &mut self,
        record: &Record<'_>,
        out: &mut (impl Write + ?Sized),
        options: RecoverOptions,
    ) -> io::Result<()> {
        let text = record.text;
        if self.moved_from.is_none() && record.span.start != self.written {
            self.moved_from = Some(record.index);
        }
        let is_multi_line = text.contains('\n');
        let joined = (is_multi_line && options.one_line).then(|| on_one_line(text));
        self.multi_line += u64::from(is_multi_line && joined.is_none());
        let text = joined.as_deref().unwrap_or(text);
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")?;
        self.written += text.len() as u64 + 1;
        Ok(())
    }

    fn note(&mut self, record: &Record<'_>, known: &mut HashMap<u128, u64>) {
        if !record.text.starts_with('{') {
            self.not_objects += 1;
            return;
        }
        self.has_ordinals |= record.get("ordinal").is_some();
        let index = record.index;
        let first = *known
            .entry(xxh3_128(record.text.as_bytes()))
            .or_insert(index);
        if first == index {
            return;
        }
        match self.repeats.last_mut() {
            Some(run)
                if run.records.end == index && run.first + (index - run.records.start) == first =>
            {
                run.records.end += 1;
            }
            _ => self.repeats.push(Repeat {
                records: index..index + 1,
                first,
            }),
        }
    }
}

/// Whether the bytes of a problem were written as JSON. A word such as `no` breaks off like `null`, and is not.
fn is_part_of_record(kind: ProblemKind, bytes: &[u8]) -> bool {
    kind == ProblemKind::Headless || bytes.starts_with(b"{") || bytes.starts_with(b"[")
}

/// A record without the white space between its tokens.
fn on_one_line(text: &str) -> String {
    let mut is_string = false;
    let mut is_escaped = false;
    let keep = |&c: &char| {
        if is_escaped {
            is_escaped = false;
        } else if c == '"' {
            is_string = !is_string;
        } else if is_string && c == '\\' {
            is_escaped = true;
        }
        is_string || !matches!(c, ' ' | '\t' | '\n' | '\r')
    };
    text.chars().filter(keep).collect()
}

/// What was read lately, and the beginning of what may turn out to be damage; and why reading ended.
#[derive(Default)]
struct Memory {
    recent: Vec<u8>,
    /// Position of the first of the recent bytes in the input.
    recent_start: u64,
    /// The first bytes behind what is settled that are no longer recent.
    beginning: Vec<u8>,
    beginning_start: u64,
    /// What is before this position is known to be a record or damage.
    settled: u64,
    error: Option<io::Error>,
}

impl Memory {
    /// Recent bytes kept; twice as many before the older half is given up.
    const RECENT: usize = 1 << 20;
    /// Bytes kept of a piece of damage that is larger.
    const BEGINNING: usize = 64 << 10;

    fn add(&mut self, bytes: &[u8]) {
        if self.recent.len() + bytes.len() > 2 * Self::RECENT {
            self.forget(self.recent.len().saturating_sub(Self::RECENT));
        }
        self.recent.extend_from_slice(bytes);
    }

    fn forget(&mut self, count: usize) {
        if self.beginning.is_empty() {
            self.beginning_start = self.recent_start.max(self.settled);
        }
        let next = self.beginning_start + self.beginning.len() as u64;
        let from = next.saturating_sub(self.recent_start) as usize;
        let room = Self::BEGINNING - self.beginning.len();
        let given_up = self.recent.get(from..count).unwrap_or_default();
        self.beginning
            .extend_from_slice(&given_up[..given_up.len().min(room)]);
        self.recent.drain(..count);
        self.recent_start += count as u64;
    }

    /// Says that a part ends at `position`.
    fn settle(&mut self, position: u64) {
        self.settled = position;
        self.beginning.clear();
    }

    /// As much of the span's beginning as is remembered.
    fn at(&self, span: &Range<u64>) -> &[u8] {
        let (bytes, start) = if span.start >= self.recent_start {
            (&self.recent, self.recent_start)
        } else {
            (&self.beginning, self.beginning_start)
        };
        let Some(from) = span.start.checked_sub(start) else {
            return &[];
        };
        let end = (span.end - start).min(bytes.len() as u64);
        bytes.get(from as usize..end as usize).unwrap_or_default()
    }
}

/// A source that ends where it can't be read further, and whose bytes are remembered.
struct Remembered<R> {
    source: R,
    memory: Rc<RefCell<Memory>>,
}

impl<R: Read> Read for Remembered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut memory = self.memory.borrow_mut();
        if memory.error.is_some() {
            return Ok(0);
        }
        match self.source.read(buffer) {
            Ok(count) => {
                memory.add(&buffer[..count]);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                memory.error = Some(error);
                Ok(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(input: &[u8], options: RecoverOptions) -> (String, Recovery) {
        let mut out = Vec::new();
        let recovery = recover(input, &mut out, options).unwrap();
        (String::from_utf8(out).unwrap(), recovery)
    }

    #[test]
    fn records_are_kept_byte_for_byte_with_a_newline_each() {
        let check = |input: &str, expect: &str, left_out: usize| {
            let (out, recovery) = run(input.as_bytes(), RecoverOptions::default());
            assert_eq!(out, expect, "{input}");
            assert_eq!(recovery.left_out.len(), left_out, "{input}");
            assert_eq!(recovery.written, out.len() as u64, "{input}");
            let (again, second) = run(out.as_bytes(), RecoverOptions::default());
            assert_eq!(again, out);
            assert!(!second.is_partial());
        };
        check("", "", 0);
        check("{\"a\": 1}", "{\"a\": 1}\n", 0);
        check(
            "{\"a\":1}{\"a\":2}\r\n\n{\"a\":3.0}\r\n",
            "{\"a\":1}\n{\"a\":2}\n{\"a\":3.0}\n",
            0,
        );
        check("{\"a\":1}\n{\"a\":\n", "{\"a\":1}\n", 1);
        check("\u{feff}{\"a\":1}\n\0\0", "{\"a\":1}\n", 2);
        check("{\n  \"a\": 1\n}\n", "{\n  \"a\": 1\n}\n", 0);
    }

    #[test]
    fn what_is_left_out_says_what_it_was() {
        let input = r#"{"type":"a","payload":{}}
{"type":"response_item","payload":{"type":"function_call","call_id":"c1","argu
{"type":"b","payload":{}}
{"type":"response_item","payload":{"type":"message","role":"assistant","co"#;
        let (_, recovery) = run(input.as_bytes(), RecoverOptions::default());
        let told: Vec<String> = recovery
            .left_out
            .iter()
            .map(|l| l.fragment.to_string())
            .collect();
        assert_eq!(
            told,
            [
                "response_item, function_call, call_id c1",
                "response_item, message, assistant"
            ]
        );
    }

    #[test]
    fn large_damage_is_known_by_its_beginning_and_small_damage_behind_it_too() {
        let hole = "x".repeat(5 * Memory::RECENT);
        let input = format!(
            "{{\"type\":\"a\"}}\n{{\"type\":\"b\",\"text\":\"{hole}\n{{\"type\":\"a\"}}\n{{\"type\":\"c\",\n{{\"type\":\"a\"}}\n"
        );
        let (out, recovery) = run(input.as_bytes(), RecoverOptions::default());
        assert_eq!(out, "{\"type\":\"a\"}\n".repeat(3));
        let told: Vec<String> = recovery
            .left_out
            .iter()
            .map(|l| l.fragment.to_string())
            .collect();
        assert_eq!(told, ["b", "c"]);
    }

    #[test]
    fn one_line_changes_white_space_between_tokens_only() {
        let options = RecoverOptions { one_line: true };
        let pretty = "{\n  \"a b\": [ 1.50,\r\n\t\"x \\\" y\\\\\" ]\n}\n{ \"a\" : 1 }";
        let (out, recovery) = run(pretty.as_bytes(), options);
        assert_eq!(out, "{\"a b\":[1.50,\"x \\\" y\\\\\"]}\n{ \"a\" : 1 }\n");
        assert_eq!(recovery.multi_line, 0);
        assert_eq!(
            run(pretty.as_bytes(), RecoverOptions::default())
                .1
                .multi_line,
            1
        );
    }

    #[test]
    fn repeats_are_told_in_runs() {
        let line = |n: u32| format!("{{\"n\":{n}}}\n");
        let input: String = [1, 2, 3, 2, 3, 4, 4, 1].into_iter().map(line).collect();
        let (out, recovery) = run(input.as_bytes(), RecoverOptions::default());
        assert_eq!(out, input);
        let repeat = |records, first| Repeat { records, first };
        assert_eq!(
            recovery.repeats,
            [repeat(3..5, 1), repeat(6..7, 5), repeat(7..8, 0)]
        );
    }

    #[test]
    fn records_that_move_are_told() {
        let check = |input: &str, moved_from, has_ordinals| {
            let (_, recovery) = run(input.as_bytes(), RecoverOptions::default());
            let found = (recovery.moved_from, recovery.has_ordinals);
            assert_eq!(found, (moved_from, has_ordinals), "{input}");
        };
        check("{\"a\":1}\n{\"a\":2}\n{\"a\":", None, false);
        check("{\"ordinal\":0}\n{\"ordinal\":1}", None, true);
        check("{\"ordinal\":0}\n{\"ordi\n{\"ordinal\":2}", Some(1), true);
        check("{\"a\":1}\r\n{\"a\":2}\r\n", Some(1), false);
        check("\n{\"a\":1}\n", Some(0), false);
    }

    #[test]
    fn a_source_that_breaks_off_is_used_as_far_as_it_goes() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("lost"))
            }
        }
        let mut out = Vec::new();
        let source = b"{\"a\":1}\n{\"a\"".chain(Broken);
        let recovery = recover(source, &mut out, RecoverOptions::default()).unwrap();
        assert_eq!(out, b"{\"a\":1}\n");
        assert_eq!(recovery.left_out.len(), 1);
        assert_eq!(recovery.broke_off.unwrap().to_string(), "lost");
    }
}
