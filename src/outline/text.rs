//! Texts as an outline holds them: short, without secrets.

use serde::Serialize;

use crate::capture::{Redactor, find_secrets};
use crate::json::Raw;

/// A text or its beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Text {
    /// The text, with secrets masked.
    pub text: String,
    /// Length of the whole text in bytes; of a string in the input as it stands there, escapes included.
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
    /// Of which rollouts it is told what a resume would send.
    pub resume: TellResume,
}

/// Of which rollouts it is told what a resume would send. Finding that out takes several more passes over the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TellResume {
    /// Of damaged ones.
    #[default]
    IfDamaged,
    /// Of damaged ones and of all up to 16 MiB.
    IfSmall,
    /// Of all.
    Always,
}

/// Characters that are kept of a text.
pub(super) const PREVIEW: usize = 240;

/// Bytes behind a preview that are still looked through for a secret which begins in it.
const BEHIND: usize = 4096;

/// Characters behind a preview that are always looked through: those by which patterns know a secret at its end.
const SURELY: usize = 64;

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

    /// Whether no secret was seen yet.
    pub(super) fn knows_no_secret(&self) -> bool {
        self.redactor.count() == 0
    }

    /// A text without its secrets, whole.
    pub(super) fn whole(&mut self, text: &str) -> String {
        self.redactor.text(text.to_owned())
    }

    /// A text or its beginning.
    pub(super) fn make(&mut self, text: &str) -> Text {
        self.make_of(text, text.len() as u64, PREVIEW)
    }

    /// A text that is always kept whole.
    pub(super) fn make_whole(&mut self, text: &str) -> Text {
        Text {
            text: self.whole(text),
            bytes: text.len() as u64,
            is_cut: false,
        }
    }

    /// The string that a value is, or its text as JSON; of a long string no more than needed is read.
    pub(super) fn make_raw(&mut self, value: Raw<'_>) -> Text {
        let mut joined = self.joined();
        joined.add(value);
        self.finish(joined)
    }

    /// Begins a text that is made of several values.
    pub(super) fn joined(&self) -> Joined {
        Joined {
            text: String::new(),
            bytes: 0,
            limit: if self.options.is_full {
                usize::MAX
            } else {
                PREVIEW + BEHIND
            },
        }
    }

    /// The text that was made of several values.
    pub(super) fn finish(&mut self, joined: Joined) -> Text {
        self.make_of(&joined.text, joined.bytes, PREVIEW)
    }

    /// A part of a text that was made of several values: all but what stands before it.
    pub(super) fn finish_part(&mut self, part: &str, joined: &Joined) -> Text {
        let left_out = joined.text.len().saturating_sub(part.len()) as u64;
        self.make_of(part, joined.bytes.saturating_sub(left_out), PREVIEW)
    }

    /// The beginning of a text, at least as many characters, without its secrets.
    ///
    /// A secret is known by its whole, so it goes before the text is cut. Few texts hold any, and where none stands at the
    /// end of a short beginning, none that begins in it was cut off.
    fn mask_beginning(&mut self, text: &str, characters: usize) -> String {
        let head = beginning(text, characters + BEHIND);
        let enough = head.char_indices().nth(characters + SURELY);
        let word = enough.and_then(|(at, _)| Some(at + head[at..].find(char::is_whitespace)?));
        if let Some(end) = word.filter(|_| !self.redactor.knows_spaced_secret())
            && let secrets = find_secrets(&head[..end])
            && secrets.iter().all(|secret| secret.end < end)
        {
            let short = head[..end].to_owned();
            return match secrets.is_empty() && self.redactor.count() == 0 {
                true => short,
                false => self.redactor.text(short),
            };
        }
        self.redactor.text(head.to_owned())
    }

    /// A text of which only a beginning is at hand; `bytes` is the length of the whole.
    fn make_of(&mut self, text: &str, bytes: u64, most: usize) -> Text {
        if self.options.is_full {
            return Text {
                text: self.redactor.text(text.to_owned()),
                bytes,
                is_cut: false,
            };
        }
        let mut kept = self.mask_beginning(text, most);
        let end = kept.char_indices().nth(most).map(|(at, _)| at);
        if let Some(end) = end {
            kept.truncate(end);
            kept.shrink_to_fit();
        }
        Text {
            is_cut: end.is_some(),
            text: kept,
            bytes,
        }
    }
}

/// Values put together with newlines, no further than is kept of them.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) text: String,
    bytes: u64,
    limit: usize,
}

impl Joined {
    /// Adds the string that a value is, or its text as JSON.
    pub(super) fn add(&mut self, value: Raw<'_>) {
        let length = value.text().len() as u64;
        let room = self.limit.saturating_sub(self.text.len());
        match value.string_start(room) {
            Some((start, _)) => self.push(&start, length.saturating_sub(2)),
            None => self.push(beginning(value.text(), room), length),
        }
    }

    /// Adds words of our own.
    pub(super) fn add_words(&mut self, words: &str) {
        self.push(words, words.len() as u64);
    }

    fn push(&mut self, start: &str, length: u64) {
        if self.bytes > 0 {
            self.bytes += 1;
            if self.text.len() < self.limit {
                self.text.push('\n');
            }
        }
        self.text.push_str(start);
        self.bytes += length;
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
        let mut texts = Texts::new(Options {
            is_full: true,
            ..Options::default()
        });
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
