//! JSON objects put together as text: a response is sent three times, so it is never a tree.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

/// The text of a JSON object, member by member.
pub(super) struct Members {
    text: Vec<u8>,
}

impl Members {
    /// An object without members, with room for so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let mut text = Vec::with_capacity(bytes);
        text.push(b'{');
        Self { text }
    }

    /// Adds a member.
    pub(super) fn value(&mut self, key: &str, value: &(impl Serialize + ?Sized)) {
        self.key(key);
        push_json(&mut self.text, value);
    }

    /// Adds a member whose value is a string.
    pub(super) fn string(&mut self, key: &str, value: &str) {
        self.key(key);
        let is_plain = |b: u8| (0x20..0x7f).contains(&b) & (b != b'"') & (b != b'\\');
        // Without an early exit the compiler looks at many bytes at a time.
        if value.bytes().fold(true, |all, b| all & is_plain(b)) {
            self.text.reserve(value.len() + 2);
            self.text.push(b'"');
            self.text.extend_from_slice(value.as_bytes());
            self.text.push(b'"');
        } else {
            push_json(&mut self.text, value);
        }
    }

    /// Adds a member whose value is JSON text.
    pub(super) fn raw(&mut self, key: &str, json: &str) {
        self.text.reserve(key.len() + json.len() + 8);
        self.key(key);
        self.text.extend_from_slice(json.as_bytes());
    }

    fn key(&mut self, key: &str) {
        if key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            self.plain_key(key);
        } else {
            self.separate();
            push_json(&mut self.text, key);
            self.text.push(b':');
        }
    }

    /// Begins a member whose key needs no escapes.
    fn plain_key(&mut self, key: &str) {
        self.separate();
        self.text.push(b'"');
        self.text.extend_from_slice(key.as_bytes());
        self.text.extend_from_slice(b"\":");
    }

    fn separate(&mut self) {
        if self.text.len() > 1 {
            self.text.push(b',');
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push(b'}');
        into_text(self.text)
    }
}

/// Appends a value. Only values whose keys are strings are written here, and a vector takes every write, so it can't fail.
fn push_json(text: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let written = serde_json::to_writer(text, value);
    debug_assert!(written.is_ok());
}

/// `serde_json` writes UTF-8, and so is the text that is put between.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}

/// A value as JSON text.
pub(super) fn json_text(value: &(impl Serialize + ?Sized)) -> String {
    // Most values are ids and short items.
    let mut text = Vec::with_capacity(128);
    push_json(&mut text, value);
    into_text(text)
}

/// The object of a response, in the order of its members.
#[derive(Debug, Clone, Default)]
pub(in crate::script) struct ResponseObject {
    /// Keys with the JSON text of their values.
    members: Vec<(Cow<'static, str>, Cow<'static, str>)>,
}

impl ResponseObject {
    /// Gives a member another value, or adds it at the end.
    pub(in crate::script) fn set(&mut self, key: &str, value: &(impl Serialize + ?Sized)) {
        self.set_text(key, json_text(value).into());
    }

    /// The same with JSON text.
    pub(super) fn set_text(&mut self, key: &str, json: Cow<'static, str>) {
        match self.members.iter_mut().find(|(known, _)| known == key) {
            Some((_, value)) => *value = json,
            None => self.members.push((Cow::Owned(key.to_owned()), json)),
        }
    }

    /// Adds members that are not there yet.
    pub(super) fn extend<const N: usize>(
        &mut self,
        members: [(&'static str, Cow<'static, str>); N],
    ) {
        let members = members.into_iter();
        self.members
            .extend(members.map(|(key, json)| (Cow::Borrowed(key), json)));
    }

    /// The object as JSON text.
    pub(in crate::script) fn text(&self) -> String {
        let length = |(key, json): &(Cow<'_, str>, Cow<'_, str>)| key.len() + json.len() + 4;
        let mut object = Members::new(self.members.iter().map(length).sum::<usize>() + 2);
        for (key, json) in &self.members {
            match key {
                // A name of ours.
                Cow::Borrowed(key) => object.plain_key(key),
                Cow::Owned(key) => object.key(key),
            }
            object.text.extend_from_slice(json.as_bytes());
        }
        object.finish()
    }

    /// The object as a tree.
    pub(in crate::script) fn to_value(&self) -> Value {
        // All members are JSON text; one that nests deeper than `serde_json` reads is left empty.
        serde_json::from_str(&self.text()).unwrap_or_default()
    }
}
