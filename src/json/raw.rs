//! JSON that is looked into without being read as a whole.

use std::borrow::Cow;
use std::num::NonZeroUsize;

use memchr::memchr;

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
    /// Length of the value, where it is known already.
    length: Option<NonZeroUsize>,
}

impl<'a> Raw<'a> {
    /// The value that `text` begins with, behind white space; what follows the value is never looked at.
    pub fn new(text: &'a str) -> Self {
        Self {
            rest: trim_start(text),
            length: None,
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

    /// Bytes from the start of the value to the end of the text that it was found in.
    pub fn length_to_end(self) -> usize {
        self.rest.len()
    }

    /// Exactly the text of the value; empty where there is none.
    pub fn text(self) -> &'a str {
        let end = self.length.map(NonZeroUsize::get);
        let end = end.or_else(|| value_end(self.rest));
        end.map_or("", |end| &self.rest[..end])
    }

    /// The text of this value with another one in the place of `part`, a value that was found in it.
    pub fn text_with(self, part: Raw<'_>, new: &str) -> String {
        let whole = self.text();
        let start = self.length_to_end() - part.length_to_end();
        let end = start + part.text().len();
        format!("{}{new}{}", &whole[..start], &whole[end..])
    }

    /// The string, without its escapes; `None` for another kind of value.
    pub fn string(self) -> Option<Cow<'a, str>> {
        let (inner, is_escaped) = match self.length {
            Some(length) => {
                let text = &self.rest[..length.get()];
                let inner = text.strip_prefix('"')?.strip_suffix('"')?;
                (inner, memchr(b'\\', inner.as_bytes()).is_some())
            }
            None => {
                let (end, is_escaped) = string_end(self.rest)?;
                (&self.rest[1..end - 1], is_escaped)
            }
        };
        Some(unescaped(inner, is_escaped))
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
        Some((unescaped(&inner[..at], is_escaped), is_whole))
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
        let mut inside = Inside::new(self.rest, '{');
        loop {
            let name = inside.next()?;
            let (end, is_it) = is_named(name, key)?;
            let value = inside.enter_value(&name[end..])?;
            if is_it {
                return Some(value);
            }
        }
    }

    /// The string that the object holds under `key`.
    pub fn get_string(self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key)?.string()
    }

    /// Text of a number, a literal or anything else that ends where its word ends.
    fn scalar(self) -> &'a str {
        if let Some(length) = self.length {
            return &self.rest[..length.get()];
        }
        let is_end = |byte: u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
        let end = self.rest.bytes().position(is_end);
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
        let key = self.inside.next()?;
        let (end, is_escaped) = string_end(key)?;
        let value = self.inside.enter_value(&key[end..])?;
        let name = unescaped(&key[1..end - 1], is_escaped);
        Some((name, self.inside.measure(value)))
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
        let rest = self.inside.next()?;
        Some(self.inside.measure(Raw { rest, length: None }))
    }
}

/// What stands between two brackets, one value at a time; a value is only skipped when the next one is asked for.
#[derive(Debug, Clone)]
struct Inside<'a> {
    /// Begins with the value given last, or behind the open bracket.
    current: &'a str,
    /// Length of the value given last, where it is known already.
    length: Option<NonZeroUsize>,
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
                length: None,
                state: Stand::Opened,
            },
            None => Self {
                current: "",
                length: None,
                state: Stand::Ended,
            },
        }
    }

    fn next(&mut self) -> Option<&'a str> {
        let next = match self.state {
            Stand::Ended => None,
            Stand::Opened => Some(self.current),
            Stand::AtValue => self
                .value_end()
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
        self.length = None;
        next
    }

    fn value_end(&self) -> Option<usize> {
        let length = self.length.map(NonZeroUsize::get);
        length.or_else(|| value_end(self.current))
    }

    /// The value given last with its length, which is needed to skip it as well.
    fn measure(&mut self, value: Raw<'a>) -> Raw<'a> {
        self.length = value_end(value.rest).and_then(NonZeroUsize::new);
        Raw {
            length: self.length,
            ..value
        }
    }

    /// Goes from behind a key to its value.
    fn enter_value(&mut self, behind_key: &'a str) -> Option<Raw<'a>> {
        let value = trim_start(behind_key).strip_prefix(':')?;
        self.current = trim_start(value);
        Some(Raw {
            rest: self.current,
            length: None,
        })
    }
}

/// Most JSON has no white space between its tokens.
#[inline]
fn trim_start(text: &str) -> &str {
    match text.as_bytes().first() {
        Some(b' ' | b'\n' | b'\r' | b'\t') => text.trim_ascii_start(),
        _ => text,
    }
}

fn unescaped(inner: &str, is_escaped: bool) -> Cow<'_, str> {
    match is_escaped {
        true => Cow::Owned(syntax::unescape(inner)),
        false => Cow::Borrowed(inner),
    }
}

/// End of the key that `text` begins with, behind its quote, and whether it is the one wanted.
#[inline]
fn is_named(text: &str, wanted: &str) -> Option<(usize, bool)> {
    let end = wanted.len() + 2;
    let bytes = text.as_bytes();
    if bytes.get(end - 1) == Some(&b'"')
        && &bytes[1..end - 1] == wanted.as_bytes()
        && bytes[0] == b'"'
        && !wanted.contains(['"', '\\'])
    {
        return Some((end, true));
    }
    let (end, is_escaped) = string_end(text)?;
    let is_it = is_escaped && syntax::unescape(&text[1..end - 1]) == wanted;
    Some((end, is_it))
}

/// End of the value that `text` begins with.
fn value_end(text: &str) -> Option<usize> {
    match text.as_bytes().first()? {
        b'"' => string_length(text.as_bytes()),
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
            b'"' => at += string_length(&bytes[at..])?,
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
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let end = text.bytes().position(|byte| !is_part(&byte));
    let word = &text[..end.unwrap_or(text.len())];
    let is_value = match word.as_bytes().first()? {
        b't' | b'f' | b'n' => matches!(word, "true" | "false" | "null"),
        b'-' | b'0'..=b'9' => word.ends_with(|last: char| last.is_ascii_digit()),
        _ => false,
    };
    is_value.then_some(word.len())
}

/// End of the string that `text` begins with, behind its quote, and whether it holds escapes.
#[inline]
fn string_end(text: &str) -> Option<(usize, bool)> {
    let bytes = text.as_bytes();
    let at = quoted_start(bytes)?;
    match bytes.get(at)? {
        b'"' => Some((at + 1, false)),
        b'\\' => Some((closing_quote(bytes, at)? + 1, true)),
        _ => {
            let quote = closing_quote(bytes, at)?;
            Some((quote + 1, memchr(b'\\', &bytes[at..quote]).is_some()))
        }
    }
}

/// Length of the string that `bytes` begin with, with its quotes; `None` where it does not end. The text may be torn.
#[inline]
pub(crate) fn string_length(bytes: &[u8]) -> Option<usize> {
    let at = quoted_start(bytes)?;
    match bytes.get(at)? {
        b'"' => Some(at + 1),
        _ => Some(closing_quote(bytes, at)? + 1),
    }
}

/// Bytes of a string, its first quote included, before its first quote or backslash, as far as a short look goes: most
/// strings are short, and a search that is made for long texts costs more to begin than they are long.
#[inline]
fn quoted_start(bytes: &[u8]) -> Option<usize> {
    const SHORT: usize = 40;
    if bytes.first() != Some(&b'"') {
        return None;
    }
    let short = &bytes[1..bytes.len().min(SHORT)];
    Some(1 + plain_length(short))
}

/// Offset of the quote that ends a string; before `from` there are only whole escapes.
///
/// The text was checked before, so only the quote is looked for: the first with an even number of backslashes before it.
fn closing_quote(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let quote = at + memchr(b'"', &bytes[at..])?;
        let before = bytes[from..quote].iter().rev();
        let backslashes = before.take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 0 {
            return Some(quote);
        }
        at = quote + 1;
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
