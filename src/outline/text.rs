//! Texts as an outline holds them: short, without secrets.

use serde::Serialize;

use crate::capture::Redactor;

/// A text or its beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Text {
    /// The text, with secrets masked.
    pub text: String,
    /// Length of the whole text in bytes of UTF-8.
    pub bytes: u64,
    /// Whether more follows.
    #[serde(rename = "cut")]
    pub is_cut: bool,
}

impl Text {
    /// A text of our own, which is short and holds no secret.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            bytes: text.len() as u64,
            text,
            is_cut: false,
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }
}

/// How much of texts an outline keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Whole texts instead of their beginnings.
    pub is_full: bool,
}

/// Characters that are kept of a text.
pub(super) const PREVIEW: usize = 240;

/// Bytes behind a preview that are still looked through for a secret which begins in it.
const BEHIND: usize = 4096;

/// Makes [`Text`]s.
#[derive(Debug, Default)]
pub(super) struct Texts {
    options: Options,
    redactor: Redactor,
}

impl Texts {
    pub(super) fn new(options: Options) -> Self {
        Self {
            options,
            redactor: Redactor::new(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.options.is_full
    }

    /// Learns the secret in a header, to know it elsewhere.
    pub(super) fn learn(&mut self, name: &str, value: &str) {
        self.redactor.header(name, value);
    }

    /// A text without its secrets, whole.
    pub(super) fn whole(&mut self, text: &str) -> String {
        self.redactor.text(text.to_owned())
    }

    /// A text or its beginning.
    pub(super) fn make(&mut self, text: &str) -> Text {
        self.make_of(text, text.len() as u64, PREVIEW)
    }

    /// As [`Texts::make`], with `extra` more bytes at its beginning that a renderer leaves out.
    pub(super) fn make_behind(&mut self, text: &str, extra: usize) -> Text {
        self.make_of(text, text.len() as u64, PREVIEW + extra)
    }

    /// A text of which only a beginning is at hand; `bytes` is the length of the whole.
    pub(super) fn make_of(&mut self, text: &str, bytes: u64, most: usize) -> Text {
        if self.options.is_full {
            return Text {
                text: self.redactor.text(text.to_owned()),
                bytes,
                is_cut: (text.len() as u64) < bytes,
            };
        }
        // A secret is known by its whole, so it goes before the text is cut.
        let head = beginning(text, most + BEHIND);
        let mut kept = self.redactor.text(head.to_owned());
        let end = kept.char_indices().nth(most).map(|(at, _)| at);
        if let Some(end) = end {
            kept.truncate(end);
            kept.shrink_to_fit();
        }
        Text {
            is_cut: end.is_some() || (head.len() as u64) < bytes,
            text: kept,
            bytes,
        }
    }
}

/// The beginning of a text, of at most `most` bytes and whole characters.
pub(super) fn beginning(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let mut texts = Texts::new(Options::default());
        let long = "é".repeat(300);
        let text = texts.make(&long);
        assert_eq!((text.text.chars().count(), text.bytes), (PREVIEW, 600));
        assert!(text.is_cut);
        assert!(!texts.make("short").is_cut);
        let mut texts = Texts::new(Options { is_full: true });
        assert_eq!(texts.make(&long).text, long);
    }

    #[test]
    fn a_secret_at_the_cut_is_masked_whole() {
        let mut texts = Texts::new(Options::default());
        let secret = format!("sk-{}", "a1B2".repeat(12));
        let text = texts.make(&format!("{}{secret}", "x ".repeat(115)));
        assert!(!text.text.contains("sk-a1B2"), "{}", text.text);
    }
}
