//! Where a request ends: as far as the tap needs to know it to find the next head.

use std::ops::Range;

/// How the end of a request body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// By its length in bytes.
    Length(u64),
    /// By a last chunk.
    Chunked,
    /// The head is not understood; hyper refuses such requests.
    Unknown,
}

/// Length of the head at the start of `bytes`, its blank line included. Line ends may lack their CR, and empty lines may
/// come before the request line (RFC 9112, section 2.2). `seen` bytes were looked at before, and tells so again.
pub(super) fn head_length(bytes: &[u8], seen: &mut usize) -> Option<usize> {
    let leading = bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    // The blank line may begin in what was seen before.
    let mut from = seen.saturating_sub(3).max(leading);
    while let Some(found) = memchr::memchr(b'\n', &bytes[from.min(bytes.len())..]) {
        let end = from + found + 1;
        match &bytes[end..] {
            [b'\n', ..] => return Some(end + 1),
            [b'\r', b'\n', ..] => return Some(end + 2),
            _ => from = end,
        }
    }
    *seen = bytes.len();
    None
}

/// Where the digits of the only `content-length` stand in a head. `None` also for a client that expects to be asked for the
/// body.
pub(super) fn length_digits(head: &[u8]) -> Option<Range<usize>> {
    let mut digits = None;
    let mut at = 0;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let start = at;
        at += line.len();
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.eq_ignore_ascii_case(b"expect") {
            return None;
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let number = value.trim_ascii();
            if digits.is_some() || !number.iter().all(u8::is_ascii_digit) {
                return None;
            }
            let end = start + colon + 1 + value.trim_ascii_end().len();
            digits = Some(end - number.len()..end);
        }
    }
    digits
}

/// Most bytes of a trailer that are kept.
const MAX_TRAILER_BYTES: usize = 16 << 10;

/// Follows a body in chunks to its end. Line ends are CR LF, as hyper has it: were an end seen that hyper does not see, hyper
/// would wait for bytes that are kept back.
#[derive(Debug, Clone, Default)]
pub(super) struct ChunkScan {
    state: ChunkState,
    /// What is left of the current chunk.
    left: u64,
    /// The fields behind the last chunk, as far as they are kept.
    trailer: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum ChunkState {
    /// Before the first digit of a size.
    #[default]
    SizeStart,
    Size,
    /// Behind the digits, up to the line end.
    Extension,
    /// Between CR and LF.
    SizeEnd,
    Data,
    DataEnd,
    /// Between CR and LF.
    DataLineEnd,
    /// At the start of a line of the trailer.
    TrailerStart,
    Trailer,
    /// Between CR and LF.
    TrailerEnd,
    /// Between CR and LF of the empty line.
    LastLineEnd,
    Done,
    Broken,
}

impl ChunkScan {
    /// Takes the next bytes and says how many of them belong to the body.
    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        self.push_data(bytes, |_| {})
    }

    /// As [`ChunkScan::push`]; gives the content of chunks to `data`.
    pub(super) fn push_data(&mut self, bytes: &[u8], mut data: impl FnMut(&[u8])) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            if self.state == ChunkState::Data {
                let here = (bytes.len() - at).min(usize::try_from(self.left).unwrap_or(usize::MAX));
                data(&bytes[at..at + here]);
                at += here;
                self.left -= here as u64;
                if self.left == 0 {
                    self.state = ChunkState::DataEnd;
                }
                continue;
            }
            if matches!(self.state, ChunkState::Done | ChunkState::Broken) {
                break;
            }
            self.state = self.step(bytes[at]);
            if self.is_in_trailer() && self.trailer.len() < MAX_TRAILER_BYTES {
                self.trailer.push(bytes[at]);
            }
            at += 1;
        }
        at
    }

    fn step(&mut self, byte: u8) -> ChunkState {
        use ChunkState::*;
        match (self.state, byte) {
            (SizeStart | Size, digit) if digit.is_ascii_hexdigit() => {
                let value = (digit as char).to_digit(16).unwrap_or(0);
                match self.left.checked_mul(16) {
                    Some(left) => {
                        self.left = left + u64::from(value);
                        Size
                    }
                    None => Broken,
                }
            }
            (Size | Extension, b'\r') => SizeEnd,
            (SizeEnd, b'\n') if self.left == 0 => TrailerStart,
            (SizeEnd, b'\n') => Data,
            (Size | Extension, byte) if byte != b'\n' => Extension,
            (DataEnd, b'\r') => DataLineEnd,
            (DataLineEnd, b'\n') => {
                self.left = 0;
                SizeStart
            }
            (TrailerStart, b'\r') => LastLineEnd,
            (LastLineEnd, b'\n') => Done,
            (Trailer, b'\r') => TrailerEnd,
            (TrailerEnd, b'\n') => TrailerStart,
            (TrailerStart | Trailer, _) => Trailer,
            _ => Broken,
        }
    }

    fn is_in_trailer(&self) -> bool {
        matches!(self.state, ChunkState::Trailer | ChunkState::TrailerEnd)
    }

    /// The lines of the trailer, each ended by a CR.
    pub(super) fn trailer(&self) -> &[u8] {
        &self.trailer
    }

    /// Whether the last chunk and the trailer were seen.
    pub(super) fn is_done(&self) -> bool {
        self.state == ChunkState::Done
    }

    /// Whether this is no body in chunks.
    pub(super) fn is_broken(&self) -> bool {
        self.state == ChunkState::Broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_a_blank_line() {
        let check = |text: &str, expect: Option<usize>| {
            assert_eq!(head_length(text.as_bytes(), &mut 0), expect, "{text:?}");
            let mut seen = 0;
            for end in 0..=text.len() {
                let found = head_length(&text.as_bytes()[..end], &mut seen);
                assert_eq!(found, expect.filter(|length| *length <= end), "{text:?}");
                if found.is_some() {
                    break;
                }
            }
        };
        check("GET / HTTP/1.1\r\na: b\r\n\r\nrest", Some(24));
        check("GET / HTTP/1.1\na: b\n\nrest", Some(21));
        check("\r\n\r\nGET / HTTP/1.1\r\n\r\n", Some(22));
        check("GET / HTTP/1.1\r\na: b\r\n", None);
        check("\r\n\r\n", None);
    }

    #[test]
    fn the_digits_of_one_length_are_found() {
        let check = |fields: &str, expect: Option<&str>| {
            let head = format!("POST /a:1 HTTP/1.1\r\n{fields}\r\n\r\n");
            let found = length_digits(head.as_bytes()).map(|digits| &head[digits]);
            assert_eq!(found, expect, "{fields}");
        };
        check("a: 7\r\nContent-Length:\t 12 \r\nb: 8", Some("12"));
        check("content-length:12", Some("12"));
        check("content-length: +12", None);
        check("content-length: 12\r\ncontent-length: 12", None);
        check("content-length: 12\r\nExpect: 100-continue", None);
        check("a: 7", None);
    }

    #[test]
    fn a_body_in_chunks_ends_behind_its_trailer() {
        let check = |text: &str, expect: Option<usize>| {
            let mut scan = ChunkScan::default();
            let all = scan.push(text.as_bytes());
            assert_eq!(scan.is_done().then_some(all), expect, "{text:?}");
            let mut scan = ChunkScan::default();
            let one_by_one: usize = text.bytes().map(|byte| scan.push(&[byte])).sum();
            assert_eq!(scan.is_done().then_some(one_by_one), expect, "{text:?}");
        };
        check("5\r\nhello\r\n0\r\n\r\nGET", Some(15));
        check("5;a=b\r\nhello\r\n0\r\nx: y\r\n\r\n", Some(25));
        check("5\r\nhello\r\n0\r\nx: y\r\n\n\r\n\r\n", Some(24));
        let mut scan = ChunkScan::default();
        scan.push(b"0\r\nx: y\r\nz:\r\n\r\n");
        assert_eq!(scan.trailer(), b"x: y\rz:\r");
        check("A\nhello\nhell\n0\n\n", None);
        check("0\r\n\n", None);
        check("5\r\nhello\r\n", None);
        let mut scan = ChunkScan::default();
        scan.push(b"zz\r\n");
        assert!(scan.is_broken());
        let mut scan = ChunkScan::default();
        scan.push(b"fffffffffffffffff\r\n");
        assert!(scan.is_broken());
    }
}
