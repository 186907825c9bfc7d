//! The text of a JSON object being put together, so that values which are JSON text already go in as they are.

use std::fmt::{Display, Write};

use super::redact::Redactor;

/// A JSON object, member by member.
#[derive(Debug)]
pub(super) struct ObjectText {
    text: String,
}

impl ObjectText {
    pub(super) fn new() -> Self {
        Self::behind(String::with_capacity(512))
    }

    /// An object behind a text, with which it comes back in the end.
    pub(super) fn behind(mut text: String) -> Self {
        text.push('{');
        Self { text }
    }

    /// An object that has begun at the end of this text, with at least one member.
    pub(super) fn begun(text: String) -> Self {
        Self { text }
    }

    /// Adds a member whose value is JSON text; the key must need no escapes.
    pub(super) fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.text.push_str(json);
    }

    /// Adds a string.
    pub(super) fn string(&mut self, key: &str, value: &str) {
        self.key(key);
        push_quoted(&mut self.text, value);
    }

    /// Adds a time or another measure; what is not finite has no place in JSON and is left out.
    pub(super) fn number(&mut self, key: &str, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.written(key, value);
        }
    }

    /// Adds a whole number.
    pub(super) fn unsigned(&mut self, key: &str, value: u64) {
        self.written(key, value);
    }

    fn written(&mut self, key: &str, value: impl Display) {
        self.key(key);
        // Writing to a string can't fail.
        let _ = write!(self.text, "{value}");
    }

    /// Begins a member whose value follows by [`ObjectText::push`].
    pub(super) fn key(&mut self, key: &str) {
        if !self.text.ends_with('{') {
            self.text.push(',');
        }
        self.text.push('"');
        self.text.push_str(key);
        self.text.push_str("\":");
    }

    /// Makes room for so many bytes.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.text.reserve(bytes);
    }

    /// Begins an object under a key; members go into it until it is closed.
    pub(super) fn open(&mut self, key: &str) {
        self.key(key);
        self.text.push('{');
    }

    /// Ends the object that was opened last.
    pub(super) fn close(&mut self) {
        self.text.push('}');
    }

    /// Adds to the value of the last key.
    pub(super) fn push(&mut self, json: &str) {
        self.text.push_str(json);
    }

    /// Adds a string to the value of the last key.
    pub(super) fn push_string(&mut self, value: &str) {
        push_quoted(&mut self.text, value);
    }

    /// Takes the text so far out; the object goes on behind the value of the last key, which is put between the two texts.
    pub(super) fn split(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Replaces what is secret in the text so far.
    pub(super) fn redact(&mut self, redactor: &mut Redactor) {
        self.text = redactor.text(std::mem::take(&mut self.text));
    }

    /// The object, or what is behind the last split of it, with the text that it is behind.
    pub(super) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

/// Appends a string as JSON.
pub(super) fn push_quoted(out: &mut String, text: &str) {
    let is_plain = |b: u8| (0x20..0x7f).contains(&b) & (b != b'"') & (b != b'\\');
    // Without an early exit the compiler looks at many bytes at a time.
    if text.len() <= 256 && text.bytes().fold(true, |all, b| all & is_plain(b)) {
        out.extend(["\"", text, "\""]);
        return;
    }
    // Writing a string as JSON can't fail, and gives UTF-8.
    let quoted = serde_json::to_string(text);
    out.push_str(&quoted.unwrap_or_default());
}

/// An array of JSON texts.
pub(super) fn array(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    format!("[{}]", items.join(","))
}
