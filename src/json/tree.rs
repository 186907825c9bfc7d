//! A JSON text parsed into a flat tree of spans: nothing is converted, so number text, key order, repeated keys and
//! escapes stay exactly as written.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::resume::{
    Ending, NotParsed, Resumed, beginning, common_end_length, common_length, varied,
};
use super::syntax::{self, SyntaxError};

/// Levels of nesting that [`Document::parse`] accepts before it answers [`ErrorKind::TooDeep`](super::ErrorKind::TooDeep).
///
/// Everything that walks a tree may recurse this deep, so it bounds the use of the call stack.
pub const MAX_DEPTH: usize = 512;

/// What a JSON value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, kept as its text.
    Number,
    /// A string, kept with its escapes.
    String,
    /// An array.
    Array,
    /// An object; keys may repeat.
    Object,
}

impl Kind {
    /// The word for this kind in messages: `null`, `boolean`, `number`, `string`, `array`, `object`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "boolean",
            Kind::Number => "number",
            Kind::String => "string",
            Kind::Array => "array",
            Kind::Object => "object",
        }
    }
}

/// One value of the tree, in document order; an object's children are key, value, key, value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Index behind the last slot of this subtree.
    pub(super) next: u32,
    /// Number of items or of key-value pairs.
    pub(super) count: u32,
    pub(super) kind: Kind,
    pub(super) escaped: bool,
}

/// A parsed JSON text. Cheap to share behind an [`Arc`]; parts of it are handed around as [`Value`].
pub struct Document {
    text: String,
    slots: Vec<Slot>,
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

/// A handle to one value of a shared [`Document`]; cloning is cheap.
#[derive(Clone)]
pub struct Value {
    document: Arc<Document>,
    slot: u32,
}

impl Value {
    /// Parses a text of its own into a value.
    ///
    /// # Errors
    ///
    /// As [`Document::parse`].
    pub fn parse(text: impl Into<String>) -> Result<Self, SyntaxError> {
        Ok(Document::parse(text)?.value())
    }

    /// Builds a value from a `serde_json` value (for tests, importers and edits).
    pub fn from_serde(value: &serde_json::Value) -> Self {
        let text = value.to_string();
        // serde_json only nests deeper than its own limit of 128 when built by hand; such a value is kept as text.
        Self::parse(text.clone()).unwrap_or_else(|_| {
            let quoted = serde_json::Value::String(text).to_string();
            Self {
                document: Arc::new(Document {
                    slots: vec![string_slot(&quoted)],
                    text: quoted,
                    depth: 0,
                    has_line_end: false.into(),
                }),
                slot: 0,
            }
        })
    }

    /// The value as a borrowed node.
    pub fn node(&self) -> Node<'_> {
        Node {
            document: &self.document,
            slot: self.slot,
        }
    }

    /// The exact text of the value.
    pub fn text(&self) -> &str {
        self.node().text()
    }

    /// The document that it is, or is a part of.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The same as a handle.
    pub fn into_document(self) -> Arc<Document> {
        self.document
    }

    /// A handle to a part: `part` must come from [`Value::node`] of this same document.
    pub fn part(&self, part: Node<'_>) -> Self {
        debug_assert!(std::ptr::eq(part.document, Arc::as_ptr(&self.document)));
        Self {
            document: Arc::clone(&self.document),
            slot: part.slot,
        }
    }

    /// The member `key` of an object as a handle.
    pub fn get(&self, key: &str) -> Option<Self> {
        self.node().get(key).map(|node| self.part(node))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

fn string_slot(quoted: &str) -> Slot {
    Slot {
        start: 0,
        end: quoted.len() as u32,
        next: 1,
        count: 0,
        kind: Kind::String,
        escaped: true,
    }
}

/// A borrowed view of one value.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    document: &'a Document,
    slot: u32,
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl<'a> Node<'a> {
    fn slot(self) -> Slot {
        self.document.slots[self.slot as usize]
    }

    /// What the value is.
    pub fn kind(self) -> Kind {
        self.slot().kind
    }

    /// Byte range in the document's text.
    pub fn span(self) -> Range<usize> {
        let slot = self.slot();
        slot.start as usize..slot.end as usize
    }

    /// The exact text, quotes of a string included.
    pub fn text(self) -> &'a str {
        &self.document.text[self.span()]
    }

    /// Number of items of an array or of members of an object, else 0.
    pub fn len(self) -> usize {
        self.slot().count as usize
    }

    /// Whether an array or object has nothing in it (true for scalars).
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether this is `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// A string's content with escapes resolved; an unpaired surrogate escape stays as its six characters.
    pub fn string(self) -> Option<Cow<'a, str>> {
        let slot = self.slot();
        if slot.kind != Kind::String {
            return None;
        }
        let inner = &self.document.text[slot.start as usize + 1..slot.end as usize - 1];
        Some(if slot.escaped {
            Cow::Owned(syntax::unescape(inner))
        } else {
            Cow::Borrowed(inner)
        })
    }

    /// `true` or `false`.
    pub fn boolean(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.text() == "true")
    }

    /// A number as `f64`.
    pub fn number(self) -> Option<f64> {
        if self.kind() == Kind::Number {
            self.text().parse().ok()
        } else {
            None
        }
    }

    /// A number that is a whole non-negative one.
    pub fn unsigned(self) -> Option<u64> {
        if self.kind() == Kind::Number {
            self.text().parse().ok()
        } else {
            None
        }
    }

    /// The items of an array, in order; nothing for other kinds.
    pub fn items(self) -> Items<'a> {
        let slot = self.slot();
        let next = if slot.kind == Kind::Array {
            self.slot + 1
        } else {
            slot.next
        };
        Items {
            document: self.document,
            next,
            end: slot.next,
        }
    }

    /// The members of an object in written order, repeated keys included; nothing for other kinds.
    pub fn members(self) -> Members<'a> {
        let slot = self.slot();
        let next = if slot.kind == Kind::Object {
            self.slot + 1
        } else {
            slot.next
        };
        Members {
            items: Items {
                document: self.document,
                next,
                end: slot.next,
            },
        }
    }

    /// The value of a key; the last one where the key repeats, as most readers take it.
    pub fn get(self, key: &str) -> Option<Node<'a>> {
        let slots = &self.document.slots;
        let own = &slots[self.slot as usize];
        if own.kind != Kind::Object {
            return None;
        }
        // The loop that all readers of traffic spend their time in: a key is one slot, its value follows.
        let first = self.slot + 1;
        let members = &slots[first as usize..own.next as usize];
        let text = self.document.text.as_bytes();
        let mut at = 0;
        let mut found = None;
        while let [name, value, ..] = &members[at..] {
            let inner = name.start as usize + 1..name.end as usize - 1;
            let is_it = match name.escaped {
                false => inner.len() == key.len() && text[inner] == *key.as_bytes(),
                true => syntax::unescape(&self.document.text[inner]) == key,
            };
            if is_it {
                found = Some(first + at as u32 + 1);
            }
            at = (value.next - first) as usize;
        }
        let document = self.document;
        found.map(|slot| Node { document, slot })
    }

    /// The string under a key.
    pub fn get_string(self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key)?.string()
    }

    /// Whether this string equals `key` after unescaping.
    pub fn is_key(self, key: &str) -> bool {
        let slot = &self.document.slots[self.slot as usize];
        if slot.kind == Kind::String && !slot.escaped {
            let length = (slot.end - slot.start) as usize - 2;
            let start = slot.start as usize + 1;
            return length == key.len()
                && self.document.text.as_bytes()[start..start + length] == *key.as_bytes();
        }
        self.string().is_some_and(|s| s == key)
    }
}

/// Iterator over the items of an array.
#[derive(Clone)]
pub struct Items<'a> {
    document: &'a Document,
    next: u32,
    end: u32,
}

impl<'a> Iterator for Items<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        if self.next >= self.end {
            return None;
        }
        let node = Node {
            document: self.document,
            slot: self.next,
        };
        self.next = node.slot().next;
        Some(node)
    }
}

/// Iterator over the key and value of each member of an object.
#[derive(Clone)]
pub struct Members<'a> {
    items: Items<'a>,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Node<'a>, Node<'a>);

    fn next(&mut self) -> Option<(Node<'a>, Node<'a>)> {
        let key = self.items.next()?;
        // The parser never leaves a key without its value.
        self.items.next().map(|value| (key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_text_of_every_value() {
        let doc =
            Document::parse(r#" {"a": [1.10, 1E2, "x\né\u00e9"], "b":{}, "a":null} "#).unwrap();
        let root = doc.root();
        assert_eq!(root.len(), 3);
        let list = root.members().next().unwrap().1;
        let texts: Vec<_> = list.items().map(Node::text).collect();
        assert_eq!(texts, ["1.10", "1E2", r#""x\né\u00e9""#]);
        assert_eq!(list.items().nth(2).unwrap().string().unwrap(), "x\néé");
        assert!(
            root.get("a").unwrap().is_null(),
            "the last of repeated keys counts"
        );
        assert_eq!(root.get("b").unwrap().kind(), Kind::Object);
        assert!(root.get("c").is_none());
    }

    #[test]
    fn surrogates_pair_up_or_stay_visible() {
        let value = Value::parse(r#"["\ud83d\ude42","\ud83d!","\ude42\ud83d"]"#).unwrap();
        let texts: Vec<_> = value
            .node()
            .items()
            .map(|n| n.string().unwrap().into_owned())
            .collect();
        assert_eq!(texts, ["🙂", "\\ud83d!", "\\ude42\\ud83d"]);
    }
}
