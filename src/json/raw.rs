//! JSON that is looked into without being read as a whole.

use std::borrow::Cow;

use memchr::memchr;

use super::scanner::{Outcome, Scanner};
use super::string_bytes::{escape_length, plain_length};
use super::syntax;
use super::tree::Kind;

/// A JSON value as text, of which only what is asked for is read.
///
/// Made for large inputs of which few members matter: [`get`](Self::get) stops at the key it looks for, so the rest of
/// the value costs nothing. The text was checked before, by a [`RecordReader`](super::RecordReader) or a
/// [`Document`](super::Document); on text that is no JSON the methods find nothing and never fail. Of repeated keys
/// the first counts, unlike in a [`Document`](super::Document): what stands behind it is not looked at.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a> {
    /// Begins with the value and may go on behind it.
    rest: &'a str,
}

impl<'a> Raw<'a> {
    /// The value that `text` begins with, behind white space; what follows the value is never looked at.
    pub fn new(text: &'a str) -> Self {
        Self {
            rest: trim_start(text),
        }
    }

    /// What kind of value it is, by its first byte; `Null` where there is none.
    pub fn kind(self) -> Kind {
        match self.rest.as_bytes().first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            _ => Kind::Null,
        }
    }

    /// Exactly the text of the value; empty where there is none.
    pub fn text(self) -> &'a str {
        value_end(self.rest).map_or("", |end| &self.rest[..end])
    }

    /// The string, without its escapes; `None` for another kind of value.
    pub fn string(self) -> Option<Cow<'a, str>> {
        let (end, is_escaped) = string_end(self.rest)?;
        let inner = &self.rest[1..end - 1];
        Some(if is_escaped {
            Cow::Owned(syntax::unescape(inner))
        } else {
            Cow::Borrowed(inner)
        })
    }

    /// The beginning of the string, at most about `limit` bytes, and whether that is all of it.
    ///
    /// Reads no further than that, however long the string is.
    pub fn string_start(self, limit: usize) -> Option<(Cow<'a, str>, bool)> {
        let inner = self.rest.strip_prefix('"')?;
        let bytes = inner.as_bytes();
        let mut at = 0;
        let mut is_escaped = false;
        let is_whole = loop {
            at += plain_length(&bytes[at..bytes.len().min(limit.max(at))]);
            if at >= limit {
                break false;
            }
            match bytes.get(at)? {
                b'\\' => {
                    is_escaped = true;
                    at += step(&inner[at..])?;
                }
                b'"' => break true,
                _ => return None,
            }
        };
        while !inner.is_char_boundary(at) {
            at += 1;
        }
        let start = &inner[..at];
        let text = if is_escaped {
            Cow::Owned(syntax::unescape(start))
        } else {
            Cow::Borrowed(start)
        };
        Some((text, is_whole))
    }

    /// The number, if it is a whole one that `u64` holds.
    pub fn unsigned(self) -> Option<u64> {
        let text = self.scalar();
        text.parse().ok()
    }

    /// The number, if it is a whole one that `i64` holds.
    pub fn signed(self) -> Option<i64> {
        self.scalar().parse().ok()
    }

    /// The number, as near as `f64` holds it.
    pub fn number(self) -> Option<f64> {
        (self.kind() == Kind::Number)
            .then(|| self.scalar().parse().ok())
            .flatten()
    }

    /// `true` or `false`; `None` for another kind of value.
    pub fn boolean(self) -> Option<bool> {
        match self.scalar() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// Whether it is `null`, or no value at all.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// Members of the object in their order; none for another kind of value.
    pub fn members(self) -> RawMembers<'a> {
        RawMembers {
            inside: Inside::new(self.rest, '{'),
        }
    }

    /// Items of the array in their order; none for another kind of value.
    pub fn items(self) -> RawItems<'a> {
        RawItems {
            inside: Inside::new(self.rest, '['),
        }
    }

    /// The value of the object's first member of this name.
    pub fn get(self, key: &str) -> Option<Raw<'a>> {
        self.members()
            .find(|(name, _)| name.as_ref() == key)
            .map(|(_, value)| value)
    }

    /// The string that the object holds under `key`.
    pub fn get_string(self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key)?.string()
    }

    /// Text of a number, a literal or anything else that ends where its word ends.
    fn scalar(self) -> &'a str {
        let end = self.rest.find([',', '}', ']', ' ', '\n', '\r', '\t']);
        &self.rest[..end.unwrap_or(self.rest.len())]
    }
}

/// Iterator over the members of a [`Raw`] object: name without escapes, and value.
#[derive(Debug, Clone)]
pub struct RawMembers<'a> {
    inside: Inside<'a>,
}

impl<'a> Iterator for RawMembers<'a> {
    type Item = (Cow<'a, str>, Raw<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = Raw {
            rest: self.inside.next()?,
        };
        let name = key.string()?;
        let (end, _) = string_end(key.rest)?;
        let value = trim_start(&key.rest[end..]).strip_prefix(':')?;
        self.inside.current = trim_start(value);
        Some((
            name,
            Raw {
                rest: self.inside.current,
            },
        ))
    }
}

/// Iterator over the items of a [`Raw`] array.
#[derive(Debug, Clone)]
pub struct RawItems<'a> {
    inside: Inside<'a>,
}

impl<'a> Iterator for RawItems<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        self.inside.next().map(|rest| Raw { rest })
    }
}

/// What stands between two brackets, one value at a time; a value is only skipped when the next one is asked for.
#[derive(Debug, Clone)]
struct Inside<'a> {
    /// Begins with the value given last, or behind the open bracket.
    current: &'a str,
    state: Stand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Opened,
    AtValue,
    Ended,
}

impl<'a> Inside<'a> {
    fn new(rest: &'a str, open: char) -> Self {
        match rest.strip_prefix(open) {
            Some(inside) => Self {
                current: trim_start(inside),
                state: Stand::Opened,
            },
            None => Self {
                current: "",
                state: Stand::Ended,
            },
        }
    }

    fn next(&mut self) -> Option<&'a str> {
        let next = match self.state {
            Stand::Ended => None,
            Stand::Opened => Some(self.current),
            Stand::AtValue => value_end(self.current)
                .and_then(|end| trim_start(&self.current[end..]).strip_prefix(','))
                .map(trim_start),
        };
        let next = next.filter(|rest| !rest.starts_with([']', '}']) && !rest.is_empty());
        self.state = if next.is_some() {
            Stand::AtValue
        } else {
            Stand::Ended
        };
        self.current = next.unwrap_or_default();
        next
    }
}

fn trim_start(text: &str) -> &str {
    text.trim_ascii_start()
}

/// End of the value that `text` begins with.
fn value_end(text: &str) -> Option<usize> {
    match text.as_bytes().first()? {
        b'"' => string_end(text).map(|(end, _)| end),
        b'{' | b'[' => container_end(text),
        _ => scalar_end(text),
    }
}

/// End of the object or array that `text` begins with; as the text was checked, brackets are only counted.
fn container_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0usize;
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => at += string_end(&text[at..])?.0,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
}

fn scalar_end(text: &str) -> Option<usize> {
    let mut scanner = Scanner::new(0);
    match scanner.run(text.as_bytes()) {
        Outcome::Complete(end) => Some(end),
        // A number at the end of the text may go on for the machine.
        Outcome::Unfinished => Raw { rest: text }.number().map(|_| text.len()),
        Outcome::Broken(_) => None,
    }
}

/// End of the string that `text` begins with, behind its quote, and whether it holds escapes.
///
/// The text was checked before, so only the quote is looked for: the first with an even number of backslashes before it.
fn string_end(text: &str) -> Option<(usize, bool)> {
    let inner = text.strip_prefix('"')?.as_bytes();
    let mut from = 0;
    loop {
        let quote = from + memchr(b'"', &inner[from..])?;
        let before = inner[from..quote].iter().rev();
        let backslashes = before.take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 0 {
            return Some((
                quote + 2,
                from > 0 || memchr(b'\\', &inner[..quote]).is_some(),
            ));
        }
        from = quote + 1;
    }
}

/// Length of the escape that `text` begins with.
fn step(text: &str) -> Option<usize> {
    escape_length(text.as_bytes())
        .ok()
        .filter(|length| *length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_members_at_any_place() {
        let raw = Raw::new(
            " {\"a\" : [1, {\"b\":\"x\"}] , \"c\\u0041\":\"é\\n\",\"n\":-12,\"t\":true,\"z\":null} tail",
        );
        assert_eq!(raw.get("a").unwrap().text(), "[1, {\"b\":\"x\"}]");
        assert_eq!(raw.get_string("cA").unwrap(), "é\n");
        assert_eq!(raw.get("n").unwrap().signed(), Some(-12));
        assert_eq!(raw.get("n").unwrap().unsigned(), None);
        assert_eq!(raw.get("t").unwrap().boolean(), Some(true));
        assert!(raw.get("z").unwrap().is_null());
        assert!(raw.get("y").is_none());
        let items: Vec<_> = raw.get("a").unwrap().items().map(Raw::text).collect();
        assert_eq!(items, ["1", "{\"b\":\"x\"}"]);
    }

    #[test]
    fn stops_at_the_key_it_looks_for() {
        let raw = Raw::new("{\"type\":\"message\",\"broken\":tru");
        assert_eq!(raw.get_string("type").unwrap(), "message");
        assert!(raw.get("other").is_none());
    }

    #[test]
    fn finds_the_end_of_strings_with_quotes_in_them() {
        for text in [r#""a\"b""#, r#""a\\""#, r#""\\\"\\""#, r#""\"\"""#, r#""""#] {
            let longer = format!("{text}, \"next\"");
            assert_eq!(Raw::new(&longer).text(), text);
        }
        assert_eq!(Raw::new(r#""a\"b", "c""#).string().unwrap(), "a\"b");
    }

    #[test]
    fn reads_the_start_of_a_long_string() {
        let check = |text: &str, limit, start: &str, whole| {
            let (found, is_whole) = Raw::new(text).string_start(limit).unwrap();
            assert_eq!((found.as_ref(), is_whole), (start, whole), "{text} {limit}");
        };
        check("\"abc\"", 10, "abc", true);
        check("\"abc\"", 2, "ab", false);
        check("\"aé\"", 2, "aé", false);
        check("\"a\\nb\"", 2, "a\n", false);
        check("\"\"", 5, "", true);
    }

    #[test]
    fn finds_nothing_in_what_is_no_json() {
        for text in [
            "", "{", "{\"a\"", "{\"a\":", "[", "\"abc", "nope", "{,}", "{1:2}",
        ] {
            let raw = Raw::new(text);
            assert!(raw.get("x").is_none(), "{text}");
            assert!(raw.string().is_none(), "{text}");
            let _ = (raw.items().count(), raw.text(), raw.unsigned());
        }
    }
}
