//! The values of a JSON text as a flat tree of spans: nothing is converted, so number text, key order, repeated keys and
//! escapes stay exactly as written.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::document::Document;
use super::syntax::{self, SyntaxError};

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

/// A handle to one value of a shared [`Document`]; cloning is cheap.
#[derive(Clone)]
pub struct Value {
    pub(super) document: Arc<Document>,
    pub(super) slot: u32,
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
                document: Arc::new(Document::scalar(string_slot(&quoted), quoted)),
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
    pub(super) document: &'a Document,
    pub(super) slot: u32,
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
