//! Server-sent events in the form in which most servers write them, read where they stand.

/// An event in its plain form: an `event: NAME` line (if it has a name), one `data: DATA` line and a blank line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainEvent<'a> {
    /// The `event` field, never empty.
    pub name: Option<&'a str>,
    /// The `data` field, one line.
    pub data: &'a str,
    /// Bytes of its text, the blank line included.
    pub length: usize,
}

impl<'a> PlainEvent<'a> {
    /// The event that `bytes` begins with, if it is a plain one, whole, and UTF-8.
    pub(super) fn at_start(bytes: &'a [u8]) -> Option<Self> {
        let (mut line, mut rest) = first_line(bytes)?;
        let name = line.strip_prefix(b"event: ");
        if name.is_some() {
            (line, rest) = first_line(rest)?;
        }
        let name = match name {
            Some(name) => Some(std::str::from_utf8(name).ok()?),
            None => None,
        };
        let data = std::str::from_utf8(line.strip_prefix(b"data: ")?).ok()?;
        let length = bytes.len() - rest.strip_prefix(b"\n")?.len();
        (name != Some("")).then_some(Self { name, data, length })
    }
}

/// The line that `bytes` begins with if it ends with a line feed, and what is behind that.
fn first_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr2(b'\r', b'\n', bytes)?;
    (bytes[end] == b'\n').then(|| (&bytes[..end], &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::http::{PlacedEvent, SseEvent, SseParser, is_plain_event};

    proptest! {
        #[test]
        fn plain_events_taken_first_are_the_same_events(
            lines in proptest::collection::vec(
                prop_oneof![
                    Just("event: a\ndata: {}\n\n"), Just("data: [1]\n\n"), Just("event: \ndata: x\n\n"),
                    Just("event: a\n"), Just("data: x\r\n"), Just("data: y\r"), Just("data:z\n"), Just("\n"), Just("\r\n"),
                    Just(": c\n"), Just("id: 1\n"), Just("\u{feff}"), Just("data: é\n\n"),
                ],
                0..8,
            ),
            cut in 0..64_usize,
        ) {
            let text = lines.concat();
            let (first, second) = text.as_bytes().split_at(cut.min(text.len()));
            let (mut plain, mut all) = (SseParser::new(), SseParser::new());
            let (mut from_plain, mut from_all) = (Vec::new(), Vec::new());
            for mut bytes in [first, second] {
                from_all.extend(all.push(bytes));
                while let Some(event) = plain.push_plain(bytes) {
                    let own = std::str::from_utf8(&bytes[..event.length]).unwrap();
                    bytes = &bytes[event.length..];
                    let (event, end) = (SseEvent::new(event.name, event.data), plain.done());
                    prop_assert!(is_plain_event(own, &event));
                    from_plain.push(PlacedEvent { event, end });
                }
                from_plain.extend(plain.push(bytes));
            }
            prop_assert_eq!(from_plain, from_all);
            prop_assert_eq!(plain.tail(), all.tail());
            prop_assert_eq!(plain.done(), all.done());
        }
    }
}
