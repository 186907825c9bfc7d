//! Any bytes, read in pieces of any size: parts never overlap, cover everything but white space, are what they are said
//! to be, and are the same as when the input is read whole.

#![no_main]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use trace_diff::json::{
    Document, ErrorKind, Part, Problem, ProblemKind, Record, RecordReader, Records, read_records,
};

struct Pieces<'a> {
    bytes: &'a [u8],
    size: usize,
    /// Added to the size after each read.
    growth: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.size.min(self.bytes.len()).min(buffer.len());
        self.size = (self.size + self.growth) % 300 + 1;
        buffer[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

// The first byte says how large the pieces are, and whether they are all of one size.
fuzz_target!(|input: &[u8]| {
    let (&size, bytes) = input.split_first().unwrap_or((&0, &[]));
    let whole = read_records(bytes);
    check_spans(bytes, &whole);
    let (size, growth) = (usize::from(size / 2) + 1, usize::from(size % 2) * 37);
    check_same(&whole, Pieces { bytes, size, growth });
});

fn check_spans(input: &[u8], whole: &Records<'_>) {
    let (mut at, mut records) = (0, 0);
    for part in &whole.parts {
        let span = match part {
            Part::Record(record) => {
                assert_eq!(record.index, records);
                records += 1;
                check_record(input, record);
                &record.span
            }
            Part::Problem(problem) => {
                check_problem(input, problem);
                &problem.span
            }
        };
        assert!(span.start >= at && span.end > span.start);
        assert!(is_space(&input[at as usize..span.start as usize]));
        at = span.end;
    }
    assert!(is_space(&input[at as usize..]));
    assert_eq!(whole.summary.bytes, input.len() as u64);
    assert_eq!(whole.summary.records, records);
    assert_eq!(whole.summary.problems, whole.parts.len() as u64 - records);
}

fn check_record(input: &[u8], record: &Record<'_>) {
    let bytes = &input[record.span.start as usize..record.span.end as usize];
    assert_eq!(record.text.as_bytes(), bytes);
    assert!(!is_space(&bytes[..1]) && !is_space(&bytes[bytes.len() - 1..]));
    if let Err(error) = Document::parse(record.text) {
        assert_eq!(error.kind, ErrorKind::TooDeep);
    }
}

fn check_problem(input: &[u8], problem: &Problem) {
    let (bytes, rest) = input[problem.span.start as usize..]
        .split_at((problem.span.end - problem.span.start) as usize);
    assert!(match problem.kind {
        ProblemKind::Truncated => rest.iter().all(|&byte| byte == 0 || is_space(&[byte])),
        ProblemKind::Nul => bytes.iter().all(|&byte| byte == 0),
        ProblemKind::InvalidUtf8 => std::str::from_utf8(bytes).is_err(),
        ProblemKind::Bom => bytes == "\u{feff}".as_bytes(),
        ProblemKind::StrayCloser => bytes.iter().all(|byte| b"}] \t\r\n".contains(byte)),
        _ => true,
    });
}

fn check_same(whole: &Records<'_>, pieces: Pieces<'_>) {
    let mut reader = RecordReader::new(pieces);
    for expected in &whole.parts {
        let found = reader
            .next_part()
            .expect("slices can be read")
            .expect("as many parts");
        match (&found, expected) {
            (Part::Record(found), Part::Record(expected)) => {
                assert_eq!(found.index, expected.index);
                assert_eq!((&found.span, found.text), (&expected.span, expected.text));
                // One knows the keys from reading, the other looks for them.
                for key in ["type", "a"] {
                    assert_eq!(found.raw_string(key), expected.raw_string(key));
                }
            }
            (Part::Problem(found), Part::Problem(expected)) => assert_eq!(found, expected),
            _ => panic!("{found:?} is not {expected:?}"),
        }
    }
    assert!(reader.next_part().expect("slices can be read").is_none());
    assert_eq!(reader.summary(), whole.summary);
}

fn is_space(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| b" \t\r\n".contains(byte))
}
