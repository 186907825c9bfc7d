//! The words of what is played.

use std::collections::HashSet;

use memchr::memmem;

/// Shortest word that is taken for an identifier.
const SHORTEST: usize = 4;

/// Which identifiers and paths the recorded responses name.
#[derive(Debug)]
pub(super) struct Played {
    text: String,
    words: HashSet<u64>,
}

impl Played {
    /// Takes the text of a script.
    pub(super) fn new(text: String) -> Self {
        let mut words = HashSet::new();
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        for word in text
            .split(|c| !is_word(c))
            .filter(|word| word.len() >= SHORTEST)
        {
            words.insert(print(word));
            // The letter of an escape such as `\n`, and a prefix such as `msg_`, are no part of an identifier.
            words.insert(print(word.get(1..).unwrap_or_default()));
            if let Some((_, core)) = word.rsplit_once('_') {
                words.insert(print(core));
            }
        }
        Self { text, words }
    }

    /// The text of the script.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether an identifier or a directory stands in it.
    pub(super) fn names(&self, name: &str) -> bool {
        match name.contains(['/', '\\']) {
            true => memmem::find(self.text.as_bytes(), name.as_bytes()).is_some(),
            false => name.len() >= SHORTEST && self.words.contains(&print(name)),
        }
    }
}

fn print(word: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(word.as_bytes())
}
