//! What a broken record was, as far as the bytes that are left of it tell.

use std::fmt;

use memchr::memmem;

use crate::json::{ProblemKind, Value};

/// What can be told of a record from a part of it. Everything is absent for bytes that are no part of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fragment {
    /// The record's `type`; of a bare item (rollouts without envelopes) the item's.
    pub record_type: Option<String>,
    /// The `type` in its payload: of an item or an event.
    pub payload_type: Option<String>,
    /// The `role` of a message.
    pub role: Option<String>,
    /// The `name` of the tool that a call asks for.
    pub name: Option<String>,
    /// The `call_id` of a call or its output.
    pub call_id: Option<String>,
    /// The `turn_id` of an event or a turn's context.
    pub turn_id: Option<String>,
    /// The record's `timestamp`, as it is written.
    pub timestamp: Option<String>,
    /// The record's `ordinal` (threads with `history_mode` `paginated`, codex 0.153 and later).
    pub ordinal: Option<u64>,
}

impl Fragment {
    /// Whether nothing can be told.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes in one member of the record (`outer` is its key) or of its payload.
    fn learn(&mut self, outer: &str, inner: Option<&str>, value: &str) {
        let place = match (outer, inner) {
            ("type", None) => &mut self.record_type,
            ("timestamp", None) => &mut self.timestamp,
            ("payload", Some("type")) => &mut self.payload_type,
            ("role", None) | ("payload", Some("role")) => &mut self.role,
            ("name", None) | ("payload", Some("name")) => &mut self.name,
            ("call_id", None) | ("payload", Some("call_id")) => &mut self.call_id,
            ("turn_id", None) | ("payload", Some("turn_id")) => &mut self.turn_id,
            _ => return,
        };
        *place = Some(value.to_owned());
    }
}

impl fmt::Display for Fragment {
    /// Writes a few words for a person; nothing for an empty fragment. The values are as they stand in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            &self.record_type,
            &self.payload_type,
            &self.role,
            &self.name,
        ];
        let named = [
            ("call_id", &self.call_id),
            ("turn_id", &self.turn_id),
            ("timestamp", &self.timestamp),
        ];
        let mut words: Vec<String> = kinds.into_iter().flatten().cloned().collect();
        for (name, value) in named {
            words.extend(value.iter().map(|value| format!("{name} {value}")));
        }
        f.write_str(&words.join(", "))
    }
}

/// Tells what a record was from the `bytes` of a problem, or from their beginning.
///
/// A record that breaks off is read from its beginning: only members of the record itself and of its payload count,
/// and only values that are complete. Of a record whose beginning is missing, only `call_id` and `turn_id` are known
/// by their keys.
pub fn read_fragment(kind: ProblemKind, bytes: &[u8]) -> Fragment {
    let mut fragment = Fragment::default();
    match kind {
        ProblemKind::Truncated | ProblemKind::Torn | ProblemKind::InvalidUtf8 => {
            read_beginning(bytes, &mut fragment);
        }
        ProblemKind::Headless => {
            fragment.call_id = sought_string(bytes, b"\"call_id\"");
            fragment.turn_id = sought_string(bytes, b"\"turn_id\"");
        }
        _ => {}
    }
    fragment
}

/// Walks over tokens as far as they are complete; a string before a colon is a key.
fn read_beginning(bytes: &[u8], fragment: &mut Fragment) {
    let (mut at, mut depth) = (0, 0_u32);
    let (mut outer, mut inner) = (String::new(), String::new());
    while let Some(&byte) = bytes.get(at) {
        let mut end = at + 1;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let Some(length) = string_length(&bytes[at..]) else {
                    return;
                };
                end = at + length;
                let is_key = next_token(bytes, end) == Some(b':');
                match (depth, is_key) {
                    (1, true) => outer = unquoted(&bytes[at..end]).unwrap_or_default(),
                    (2, true) => inner = unquoted(&bytes[at..end]).unwrap_or_default(),
                    (1 | 2, false) => {
                        if let Some(value) = unquoted(&bytes[at..end]) {
                            fragment.learn(&outer, (depth == 2).then_some(&inner), &value);
                        }
                    }
                    _ => {}
                }
            }
            b'0'..=b'9' => {
                let digits = bytes[at..]
                    .iter()
                    .take_while(|b| b.is_ascii_digit())
                    .count();
                end = at + digits;
                if depth == 1 && outer == "ordinal" && end < bytes.len() {
                    let text = std::str::from_utf8(&bytes[at..end]).unwrap_or_default();
                    fragment.ordinal = text.parse().ok();
                }
            }
            _ => {}
        }
        at = end;
    }
}

/// The string under a key that stands anywhere. In the text of a string its quotes would be escaped.
fn sought_string(bytes: &[u8], key: &[u8]) -> Option<String> {
    let is_key = |&at: &usize| at == 0 || bytes[at - 1] != b'\\';
    let at = memmem::find_iter(bytes, key).find(is_key)?;
    let rest = bytes[at + key.len()..].trim_ascii_start();
    let rest = rest.strip_prefix(b":")?.trim_ascii_start();
    rest.starts_with(b"\"").then_some(())?;
    unquoted(&rest[..string_length(rest)?])
}

/// The next byte that is not white space.
fn next_token(bytes: &[u8], from: usize) -> Option<u8> {
    bytes[from..].trim_ascii_start().first().copied()
}

/// Length of the string that the bytes begin with, quotes included; `None` if it does not end.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// What a string literal says; `None` if it is not valid.
fn unquoted(literal: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(literal).ok()?;
    let value = Value::parse(text).ok()?;
    value.node().string().map(|text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: ProblemKind, text: &str, expect: &str) {
        assert_eq!(
            read_fragment(kind, text.as_bytes()).to_string(),
            expect,
            "{text}"
        );
    }

    #[test]
    fn a_torn_record_is_known_by_its_beginning() {
        let call = r#"{"timestamp":"t1","ordinal":7,"type":"response_item","payload":{"type":"function_call","name":"exec","arguments":"{\"type\":\"x\"}","call_id":"c1","more":{"type":"deep","call_id":"deep"},"turn_id":"#;
        let torn = ProblemKind::Torn;
        check(
            torn,
            call,
            "response_item, function_call, exec, call_id c1, timestamp t1",
        );
        assert_eq!(read_fragment(torn, call.as_bytes()).ordinal, Some(7));
        check(torn, &call[..70], "response_item, timestamp t1");
        check(torn, &call[..15], "");
        // The number may go on behind the cut.
        assert_eq!(read_fragment(torn, br#"{"ordinal":1"#).ordinal, None);
        check(
            torn,
            r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"a"#,
            "message, user",
        );
        check(
            torn,
            "{\"type\" :\n \"ev\\u0065nt\", \"payload\": {",
            "event",
        );
        check(torn, "", "");
    }

    #[test]
    fn an_end_without_beginning_is_known_by_its_keys() {
        let rest = r#"aid \"call_id\":\"said\"","call_id":"c2","turn_id": "t"}}"#;
        check(ProblemKind::Headless, rest, "call_id c2, turn_id t");
        check(ProblemKind::Headless, r#""call_id":7}"#, "");
        check(ProblemKind::Headless, r#""call_id":"c"#, "");
        check(ProblemKind::Garbage, r#""call_id":"c""#, "");
    }

    #[test]
    fn bytes_that_are_no_text_cost_one_value() {
        let bytes = b"{\"type\":\"a\xffb\",\"payload\":{\"call_id\":\"c\"}}";
        let found = read_fragment(ProblemKind::InvalidUtf8, bytes);
        assert_eq!(found.to_string(), "call_id c");
    }
}
