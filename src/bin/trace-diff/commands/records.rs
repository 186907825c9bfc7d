//! `trace-diff records`: what a file of concatenated JSON is made of.

use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use trace_diff::json::{Part, Problem, Record, RecordReader, Summary};

use crate::exit::{Outcome, Status};
use crate::input;

/// Output is handed to the system in pieces of about this size.
const OUTPUT: usize = 64 * 1024;

/// Lists the records of files of concatenated JSON, and what is damaged in them
///
/// Values may follow each other with any white space or none. Prints one JSON object per line: for each complete
/// record its number, its bytes and the string under its key "type"; for each damaged span the kind of problem, its
/// bytes and a message; last a summary of the file. Bytes are counted after decompression. With several files, every
/// line names its file.
///
/// Exit status: 0 no problem, 1 problems found, 2 a file could not be read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files to read, compressed with gzip or zstd or not; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let mut status = Status::Clean;
    for path in &args.files {
        let name = (args.files.len() > 1).then_some(path.as_path());
        status = status.max(match list(path, name) {
            Ok(status) => status,
            Err(failure) if failure.is_broken_pipe() => return Err(failure),
            Err(failure) => {
                failure.print();
                Status::Failed
            }
        });
    }
    Ok(status)
}

fn list(path: &Path, name: Option<&Path>) -> Outcome {
    let mut reader = RecordReader::new(input::open(path)?);
    let mut lines = Lines::new(io::stdout().lock(), name);
    let listed = list_parts(&mut reader, &mut lines);
    lines
        .flush()
        .context("failed to write to standard output")?;
    listed.with_context(|| format!("failed to read {}", path.display()))?;
    let summary = reader.summary();
    lines
        .summary(summary)
        .context("failed to write to standard output")?;
    Ok(if summary.problems == 0 {
        Status::Clean
    } else {
        Status::Findings
    })
}

fn list_parts<R: Read>(
    reader: &mut RecordReader<R>,
    lines: &mut Lines<impl Write>,
) -> io::Result<()> {
    while let Some(part) = reader.next_part()? {
        match part {
            Part::Record(record) => lines.record(&record)?,
            Part::Problem(problem) => lines.problem(&problem)?,
        }
    }
    Ok(())
}

/// Lines of JSON, collected and written in large pieces.
struct Lines<W> {
    out: W,
    buffer: Vec<u8>,
    /// Bytes to collect; 0 on a terminal, where a line is shown at once.
    limit: usize,
    /// What every line ends with.
    end: Vec<u8>,
}

impl<W: Write> Lines<W> {
    fn new(out: W, name: Option<&Path>) -> Self {
        let end = match name {
            Some(path) => format!(",\"file\":{}}}\n", quoted(&path.to_string_lossy())),
            None => "}\n".to_owned(),
        };
        Self {
            out,
            buffer: Vec::with_capacity(OUTPUT + 1024),
            limit: if io::stdout().is_terminal() {
                0
            } else {
                OUTPUT
            },
            end: end.into_bytes(),
        }
    }

    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        self.number(b"{\"index\":", record.index);
        self.number(b",\"start\":", record.span.start);
        self.number(b",\"end\":", record.span.end);
        match record.raw_string("type") {
            // The text keeps its escapes, so it is a JSON string again between quotes.
            Some(kind) => {
                self.text(b",\"type\":\"");
                self.text(kind.as_bytes());
                self.text(b"\"");
            }
            None => self.text(b",\"type\":null"),
        }
        self.end_line()
    }

    fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        self.text(b"{\"problem\":\"");
        self.text(problem.kind.name().as_bytes());
        self.number(b"\",\"start\":", problem.span.start);
        self.number(b",\"end\":", problem.span.end);
        self.text(b",\"message\":");
        self.text(quoted(&problem.to_string()).as_bytes());
        self.end_line()
    }

    fn summary(&mut self, summary: Summary) -> io::Result<()> {
        self.number(b"{\"summary\":{\"records\":", summary.records);
        self.number(b",\"problems\":", summary.problems);
        self.number(b",\"bytes\":", summary.bytes);
        self.text(b",\"tail\":\"");
        self.text(summary.tail.name().as_bytes());
        self.text(b"\"}");
        self.end_line()?;
        self.flush()
    }

    fn text(&mut self, text: &[u8]) {
        self.buffer.extend_from_slice(text);
    }

    fn number(&mut self, before: &[u8], mut number: u64) {
        const DIGITS: usize = 20;
        let mut digits = [0; DIGITS];
        let mut at = DIGITS;
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.buffer.extend_from_slice(before);
        self.buffer.extend_from_slice(&digits[at..]);
    }

    fn end_line(&mut self) -> io::Result<()> {
        self.buffer.extend_from_slice(&self.end);
        if self.buffer.len() >= self.limit {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        self.out.flush()
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
