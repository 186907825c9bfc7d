//! Any bytes, read in pieces of any size: parts never overlap, cover everything but white space, hold valid JSON, and
//! are the same as when the input is read whole.

#![no_main]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use trace_diff::json::{Document, ErrorKind, Part, RecordReader, read_records};

struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(self.0.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

fuzz_target!(|input: &[u8]| {
    let (&size, input) = input.split_first().unwrap_or((&0, &[]));
    let whole = read_records(input);
    let mut reader = RecordReader::new(Pieces(input, usize::from(size) + 1));
    let mut at = 0;
    for expected in &whole.parts {
        let found = reader
            .next_part()
            .expect("slices can be read")
            .expect("as many parts");
        let span = match (&found, expected) {
            (Part::Record(found), Part::Record(expected)) => {
                assert_eq!((&found.span, found.text), (&expected.span, expected.text));
                if let Err(error) = Document::parse(found.text) {
                    assert_eq!(error.kind, ErrorKind::TooDeep);
                }
                found.span.clone()
            }
            (Part::Problem(found), Part::Problem(expected)) => {
                assert_eq!(found, expected);
                found.span.clone()
            }
            _ => panic!("{found:?} is not {expected:?}"),
        };
        assert!(span.start >= at && span.end > span.start);
        assert!(is_space(&input[at as usize..span.start as usize]));
        at = span.end;
    }
    assert!(reader.next_part().expect("slices can be read").is_none());
    assert!(is_space(&input[at as usize..]));
    assert_eq!(reader.summary(), whole.summary);
});

fn is_space(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| b" \t\r\n".contains(byte))
}
