//! A JSON text with the places of its values.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::resume::{
    Ending, NotParsed, Resumed, beginning, common_end_length, common_length, varied,
};
use super::syntax::{self, SyntaxError};
use super::tree::{Node, Slot, Value};

/// Levels of nesting that [`Document::parse`] accepts before it answers [`ErrorKind::TooDeep`](super::ErrorKind::TooDeep).
///
/// Everything that walks a tree may recurse this deep, so it bounds the use of the call stack.
pub const MAX_DEPTH: usize = 512;

/// A parsed JSON text. Cheap to share behind an [`Arc`]; parts of it are handed around as [`Value`].
pub struct Document {
    pub(super) text: String,
    pub(super) slots: Vec<Slot>,
    depth: usize,
    /// Whether there are line ends in the text, once somebody asked.
    has_line_end: OnceLock<bool>,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Document").field(&self.text).finish()
    }
}

impl Document {
    /// Parses one JSON value with optional white space around it.
    ///
    /// # Errors
    ///
    /// Text that is not exactly one JSON value (RFC 8259), is nested deeper than [`MAX_DEPTH`], or is 4 GiB or longer;
    /// the error carries the byte offset.
    pub fn parse(text: impl Into<String>) -> Result<Arc<Self>, SyntaxError> {
        Self::parse_owned(text.into()).map_err(|(error, _)| error)
    }

    /// Like [`Document::parse`], without a copy: a text that is no JSON value is given back.
    ///
    /// # Errors
    ///
    /// As [`Document::parse`], with the text.
    pub fn parse_owned(text: String) -> Result<Arc<Self>, (SyntaxError, String)> {
        match syntax::parse(&text, MAX_DEPTH) {
            Ok((slots, depth)) => Ok(Arc::new(Self {
                text,
                slots,
                depth,
                has_line_end: OnceLock::new(),
            })),
            Err(error) => Err((error, text)),
        }
    }

    /// Like [`Document::parse_owned`], for the bytes of a text that may begin and end as `before` does: only what is between
    /// is looked at, and where nobody else has `before`, only that is copied.
    ///
    /// Gives with the document the part of its text that may be new. What is before and behind it has the same text and the
    /// same values in `before`. Where it does not begin with the text or at its end, a string or a member of an object begins
    /// there, or an object that is not empty; where it does not end with the text, a member of the outermost object begins.
    ///
    /// # Errors
    ///
    /// As [`Document::parse_owned`], with the text; with [`NotParsed::NoText`] for what is no UTF-8.
    pub fn parse_after(
        bytes: &[u8],
        mut before: Arc<Self>,
    ) -> Result<(Arc<Self>, Range<usize>), NotParsed> {
        let known = before.text.as_bytes();
        let common = common_length(bytes, known);
        if common == bytes.len() && common == known.len() {
            return Ok((before, common..common));
        }
        let known_length = known.len();
        let common_end = common_end_length(bytes, known);
        let rest = bytes.len().min(known_length) - common;
        let own = Arc::get_mut(&mut before).map(|own| std::mem::take(&mut own.text));
        let known = own.unwrap_or_else(|| before.text.clone());
        let text = varied(known, bytes, common, common_end.min(rest));
        let text = text.ok_or(NotParsed::NoText)?;
        let length = text.len();
        let begun = beginning(&before.slots, common);
        let Some(begun) = begun.filter(|_| length < u32::MAX as usize) else {
            let parsed = Self::parse_owned(text).map(|document| (document, 0..length));
            return parsed.map_err(|(error, text)| NotParsed::NoJson(error, text));
        };
        let ending = Ending::new(&before.slots, length, known_length, common_end);
        match syntax::parse_on(&text, begun.state, ending, MAX_DEPTH) {
            Ok(Resumed { slots, depth, end }) => {
                let new = begun.same..end;
                let had_none = before.has_line_end.get() == Some(&false);
                let has_line_end = match had_none && !has_line_end(&text[new.clone()]) {
                    true => false.into(),
                    false => OnceLock::new(),
                };
                let document = Self {
                    text,
                    slots,
                    depth: depth.max(before.depth),
                    has_line_end,
                };
                Ok((Arc::new(document), new))
            }
            Err(error) => Err(NotParsed::NoJson(error, text)),
        }
    }

    /// The text of a value that holds no others.
    pub(super) fn scalar(slot: Slot, text: String) -> Self {
        Self {
            text,
            slots: vec![slot],
            depth: 0,
            has_line_end: OnceLock::new(),
        }
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Levels of nesting: 0 for a scalar, 1 for `[]`. After [`Document::parse_after`] there may be fewer, but these the other
    /// document had.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Whether there is a line end in the text. Where there is none there is none in any part of it.
    pub fn has_line_end(&self) -> bool {
        *self.has_line_end.get_or_init(|| has_line_end(&self.text))
    }

    /// Bytes of memory that it takes, about.
    pub fn footprint(&self) -> usize {
        self.text.capacity() + self.slots.capacity() * size_of::<Slot>()
    }

    /// The whole value, borrowed.
    pub fn root(&self) -> Node<'_> {
        Node {
            document: self,
            slot: 0,
        }
    }

    /// The whole value as a handle that keeps the document alive.
    pub fn value(self: &Arc<Self>) -> Value {
        Value {
            document: Arc::clone(self),
            slot: 0,
        }
    }
}

fn has_line_end(text: &str) -> bool {
    memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_some()
}
