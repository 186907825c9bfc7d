//! Whether texts are JSON, without keeping what they say.

use super::document::MAX_DEPTH;
use super::syntax::{self, Memory, SyntaxError};

/// Says of texts whether they are JSON. It uses the same memory for all of them, so that many short ones take little time.
#[derive(Debug, Default)]
pub struct Checker {
    memory: Memory,
}

impl Checker {
    /// Makes a checker.
    pub fn new() -> Self {
        Self::default()
    }

    /// Levels of nesting of a text that is one JSON value: 0 for a scalar, 1 for `[]`.
    ///
    /// # Errors
    ///
    /// As [`Document::parse`](super::Document::parse).
    pub fn depth(&mut self, text: &str) -> Result<usize, SyntaxError> {
        syntax::parse_in(&mut self.memory, text, MAX_DEPTH)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Document;
    use super::*;

    #[test]
    fn says_the_same_as_the_parser_whatever_came_before() {
        let mut checker = Checker::new();
        for text in [
            "[[1],[[2]]]",
            "[1",
            "",
            "7",
            "{\"a\":{}}",
            "[]]",
            "\"x\"",
            "{}",
        ] {
            let parsed = Document::parse(text).map(|document| document.depth());
            assert_eq!(checker.depth(text), parsed, "{text}");
        }
        assert_eq!(checker.depth("[[1],[[2]]]"), Ok(3));
        assert!(checker.depth(&"[".repeat(MAX_DEPTH + 1)).is_err());
    }
}
