//! Where in a file something stands, for a person.

/// The place of an exchange in the file that it was read from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct FilePlace {
    /// Path of the file: of the capture as the user gave it, of a member where the capture is a directory.
    pub path: String,
    /// Number of the line on which the record of the request begins, from 1, of the decompressed text; `None` for
    /// formats that are not text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

/// Counts the lines of a text while places in it are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    at: usize,
    line: u64,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { at: 0, line: 1 }
    }

    /// The place of a byte of a file; costs least when asked for in rising order.
    pub(super) fn place(&mut self, path: &str, bytes: &[u8], offset: u64) -> FilePlace {
        let offset = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        if offset < self.at {
            *self = Self::new();
        }
        self.line += memchr::memchr_iter(b'\n', &bytes[self.at..offset]).count() as u64;
        self.at = offset;
        FilePlace {
            path: path.to_owned(),
            line: Some(self.line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_one_in_any_order() {
        let text = b"a\nb\n\nc";
        let mut lines = Lines::new();
        let mut line = |offset| lines.place("f", text, offset).line;
        assert_eq!(line(0), Some(1));
        assert_eq!(line(2), Some(2));
        assert_eq!(line(5), Some(4));
        assert_eq!(line(1), Some(1));
        assert_eq!(line(99), Some(4));
    }
}
