//! JSON pointers (RFC 6901) and the patterns that select them.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

/// Why a text is no pointer or pointer pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PointerError {
    /// The text is neither empty nor starts with `/`.
    #[error("a pointer starts with `/`")]
    NoLeadingSlash,
    /// A `~` stands for itself only as `~0`, and `/` inside a segment is `~1`.
    #[error("`~` must be followed by `0` or `1`")]
    BadEscape {
        /// Position of the `~` in bytes.
        offset: usize,
    },
}

impl PointerError {
    /// Where in the text the error is, in bytes.
    pub fn offset(self) -> usize {
        match self {
            PointerError::NoLeadingSlash => 0,
            PointerError::BadEscape { offset } => offset,
        }
    }
}

/// A place in a JSON value or an exchange: the keys and indices that lead to it from the root.
///
/// Kept in its escaped text form, so that showing, comparing and matching cost nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer {
    text: String,
}

impl Pointer {
    /// The pointer to the root: the empty text.
    pub fn root() -> Self {
        Self::default()
    }

    /// Reads a pointer in its text form: `/request/headers/user-agent`.
    ///
    /// # Errors
    ///
    /// When the text neither is empty nor starts with `/`, or holds a `~` that is not part of `~0` or `~1`.
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        check_syntax(text)?;
        Ok(Self {
            text: text.to_owned(),
        })
    }

    /// Goes one step down, to the member with this key; `key` is not escaped.
    pub fn push_key(&mut self, key: &str) {
        self.text.push('/');
        self.text.push_str(&escape(key));
    }

    /// Goes one step down, to the element at this index.
    pub fn push_index(&mut self, index: usize) {
        // Writing to a `String` cannot fail.
        let _ = write!(self.text, "/{index}");
    }

    /// Goes one step up; at the root it stays there.
    pub fn pop(&mut self) {
        self.text.truncate(self.text.rfind('/').unwrap_or(0));
    }

    /// The pointer to the member with this key of the value here; `key` is not escaped.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut below = self.with_room_for(key.len() + 1);
        below.push_key(key);
        below
    }

    /// The pointer to the element at this index of the value here.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut below = self.with_room_for("/000000".len());
        below.push_index(index);
        below
    }

    /// A copy that can grow by so many bytes.
    fn with_room_for(&self, more: usize) -> Self {
        let mut text = String::with_capacity(self.text.len() + more);
        text.push_str(&self.text);
        Self { text }
    }

    /// The pointer that leads first here, then along `below`.
    #[must_use]
    pub fn join(&self, below: &Self) -> Self {
        Self {
            text: format!("{}{}", self.text, below.text),
        }
    }

    /// The escaped text form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.text.is_empty()
    }

    /// The segments from the root down, escapes undone.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = Cow<'_, str>> {
        escaped_segments(&self.text).map(unescape)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for Pointer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// A pointer in which `*` stands for any one segment and `**` for any number of them, none included.
///
/// It selects every pointer that it matches and everything below that: `/request/headers` selects
/// `/request/headers/host`. Header names, which are the third segment below `/request/headers` and
/// `/response/headers`, are compared without regard to ASCII case. A `*` beside other characters of a segment stands
/// for itself, so that a pointer copied from a report always selects its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointerPattern {
    segments: Vec<Segment>,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// The escaped text. `~0` and `~1` are the only escapes, so equal keys have equal escaped texts.
    Literal(Box<str>),
    One,
    Many,
}

impl PointerPattern {
    /// Reads a pattern in its text form: `/request/body/input/*/content/*/text`.
    ///
    /// # Errors
    ///
    /// As for [`Pointer::parse`].
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        check_syntax(text)?;
        let segments = escaped_segments(text)
            .map(|segment| match segment {
                "*" => Segment::One,
                "**" => Segment::Many,
                literal => Segment::Literal(literal.into()),
            })
            .collect();
        Ok(Self {
            segments,
            text: text.to_owned(),
        })
    }

    /// The text it was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern matches the pointer or one above it. Does not allocate.
    pub fn matches(&self, pointer: &Pointer) -> bool {
        let text = pointer.text.as_bytes();
        let header_name = header_name_offset(&pointer.text);
        let mut pattern = &self.segments[..];
        // Each segment of the text is preceded by its slash; this is where the next one begins.
        let mut at = 0;
        // The pattern after the last `**`, and the end of what this `**` stands for. Going back to an earlier `**` is
        // never needed: what follows it was matched as early as possible.
        let mut retry = None;
        loop {
            let end = match pattern.first() {
                None => return true,
                Some(Segment::Many) => {
                    pattern = &pattern[1..];
                    retry = Some((pattern, at));
                    continue;
                }
                Some(_) if at == text.len() => return false,
                Some(Segment::One) => Some(segment_end(text, at)),
                Some(Segment::Literal(key)) => {
                    let end = at + 1 + key.len();
                    let is_whole = matches!(text.get(end), None | Some(b'/'));
                    text.get(at + 1..end)
                        .filter(|place| {
                            is_whole && is_same_key(key.as_bytes(), place, header_name == Some(at))
                        })
                        .map(|_| end)
                }
            };
            if let Some(end) = end {
                pattern = &pattern[1..];
                at = end;
                continue;
            }
            let Some((after, swallowed)) = &mut retry else {
                return false;
            };
            *swallowed = segment_end(text, *swallowed);
            pattern = after;
            at = *swallowed;
        }
    }
}

impl fmt::Display for PointerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for PointerPattern {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Where the segment with the header name begins, in a pointer to a header or below one.
fn header_name_offset(text: &str) -> Option<usize> {
    let parents = ["/request/headers", "/response/headers"];
    let parent = parents.iter().find(|parent| text.starts_with(**parent))?;
    text[parent.len()..]
        .starts_with('/')
        .then_some(parent.len())
}

/// Where the segment that begins with the slash at `start` ends.
fn segment_end(text: &[u8], start: usize) -> usize {
    let length = text[start + 1..].iter().position(|&byte| byte == b'/');
    length.map_or(text.len(), |length| start + 1 + length)
}

fn is_same_key(key: &[u8], place: &[u8], is_header_name: bool) -> bool {
    key == place || (is_header_name && key.eq_ignore_ascii_case(place))
}

fn check_syntax(text: &str) -> Result<(), PointerError> {
    if !text.is_empty() && !text.starts_with('/') {
        return Err(PointerError::NoLeadingSlash);
    }
    for (offset, _) in text.match_indices('~') {
        if !matches!(text.as_bytes().get(offset + 1), Some(b'0' | b'1')) {
            return Err(PointerError::BadEscape { offset });
        }
    }
    Ok(())
}

/// The segments of a text that starts with `/` or is empty, as they are written.
fn escaped_segments(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    let below_root = text.strip_prefix('/');
    below_root.into_iter().flat_map(|rest| rest.split('/'))
}

fn escape(key: &str) -> Cow<'_, str> {
    if key.contains(['~', '/']) {
        Cow::Owned(key.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(key)
    }
}

fn unescape(segment: &str) -> Cow<'_, str> {
    if segment.contains('~') {
        // In this order, so that `~01` becomes `~1` and not `/` (RFC 6901, section 4).
        Cow::Owned(segment.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pointer_escapes_and_unescapes_keys() {
        let mut pointer = Pointer::root();
        assert!(pointer.is_root());
        pointer.push_key("a/b");
        pointer.push_key("m~n~1");
        pointer.push_index(12);
        pointer.push_key("");
        assert_eq!(pointer.to_string(), "/a~1b/m~0n~01/12/");
        let segments: Vec<_> = pointer.segments().collect();
        assert_eq!(segments, ["a/b", "m~n~1", "12", ""]);
        pointer.pop();
        assert_eq!(pointer.as_str(), "/a~1b/m~0n~01/12");
        assert_eq!(pointer.key("x").index(0).as_str(), "/a~1b/m~0n~01/12/x/0");
    }

    #[test]
    fn the_root_stays_when_popped() {
        let mut pointer = Pointer::root();
        pointer.pop();
        assert_eq!(pointer, Pointer::root());
        assert_eq!(pointer.segments().count(), 0);
    }

    #[test]
    fn a_bad_pointer_says_where() {
        assert_eq!(
            Pointer::parse("request/body"),
            Err(PointerError::NoLeadingSlash)
        );
        assert_eq!(
            Pointer::parse("/a/~2b"),
            Err(PointerError::BadEscape { offset: 3 })
        );
        assert_eq!(
            Pointer::parse("/a~"),
            Err(PointerError::BadEscape { offset: 2 })
        );
        assert_eq!(
            PointerPattern::parse("/*/~"),
            Err(PointerError::BadEscape { offset: 3 })
        );
        assert_eq!(Pointer::parse("").map(|p| p.is_root()), Ok(true));
    }

    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        let parsed = PointerPattern::parse(pattern).unwrap();
        for (pointers, expected) in [(matching, true), (other, false)] {
            for pointer in pointers {
                let found = parsed.matches(&Pointer::parse(pointer).unwrap());
                assert_eq!(found, expected, "{pattern} against {pointer}");
            }
        }
    }

    #[test]
    fn a_pattern_selects_its_place_and_all_below() {
        check(
            "/request/headers",
            &[
                "/request/headers",
                "/request/headers/host",
                "/request/headers/x/a/b",
            ],
            &["", "/request", "/request/headers2", "/response/headers"],
        );
        check("", &["", "/", "/request/body"], &[]);
        check("/", &["/", "//x"], &["", "/a"]);
    }

    #[test]
    fn one_star_is_one_segment() {
        check(
            "/request/body/input/*/content/*/text",
            &[
                "/request/body/input/0/content/12/text",
                "/request/body/input/0/content/1/text/x",
            ],
            &[
                "/request/body/input/content/0/text",
                "/request/body/input/0/1/content/0/text",
            ],
        );
        check("/a*", &["/a*", "/a*/b"], &["/ab"]);
    }

    #[test]
    fn two_stars_are_any_number_of_segments() {
        check(
            "/request/**/id",
            &[
                "/request/id",
                "/request/body/a/id",
                "/request/id/id/x",
                "/request/a/b/c/d/id",
            ],
            &["/request", "/request/a/ids", "/response/id"],
        );
        check(
            "/**/a/*/b",
            &["/a/a/b", "/a/a/a/b", "/x/a/y/b/z"],
            &["/a/b", "/x/a/y/z/b"],
        );
        check(
            "/**/a/**/b/c",
            &["/a/b/c", "/a/b/x/b/c"],
            &["/b/c/a", "/a/b"],
        );
        check("/a/**", &["/a", "/a/b"], &["/b"]);
        check("/**", &["", "/a"], &[]);
    }

    #[test]
    fn header_names_have_no_case_and_other_keys_do() {
        check(
            "/request/headers/user-agent",
            &[
                "/request/headers/User-Agent",
                "/request/headers/USER-AGENT/x",
            ],
            &["/request/headers/user_agent"],
        );
        check(
            "/*/headers/Via",
            &["/response/headers/via"],
            &["/x/headers/via"],
        );
        check(
            "/**/Via",
            &["/response/headers/via"],
            &["/response/body/via"],
        );
        check(
            "/request/headers/x/Key",
            &["/request/headers/X/Key"],
            &["/request/headers/x/key"],
        );
        check(
            "/request/body/Key",
            &["/request/body/Key"],
            &["/request/body/key"],
        );
    }

    /// The definition, word for word: one of the pointers from the root down to this one is matched.
    fn matches_by_definition(pattern: &[&str], place: &[&str]) -> bool {
        match pattern {
            [] => true,
            ["**", rest @ ..] => {
                (0..=place.len()).any(|n| matches_by_definition(rest, &place[n..]))
            }
            [first, rest @ ..] => place.split_first().is_some_and(|(place, below)| {
                (*first == "*" || first == place) && matches_by_definition(rest, below)
            }),
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_its_definition(
            pattern in prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "**"]), 0..7),
            place in prop::collection::vec(prop::sample::select(vec!["a", "b"]), 0..8),
        ) {
            let text: String = pattern.iter().map(|s| format!("/{s}")).collect();
            let mut pointer = Pointer::root();
            place.iter().for_each(|key| pointer.push_key(key));
            prop_assert_eq!(
                PointerPattern::parse(&text).unwrap().matches(&pointer),
                matches_by_definition(&pattern, &place)
            );
        }

        #[test]
        fn a_pointer_is_read_back_as_it_was_written(keys in prop::collection::vec(".*", 0..5)) {
            let mut pointer = Pointer::root();
            keys.iter().for_each(|key| pointer.push_key(key));
            let again = Pointer::parse(pointer.as_str()).unwrap();
            prop_assert_eq!(again.segments().collect::<Vec<_>>(), keys);
        }
    }
}
