//! What could not be read of a capture.

use std::ops::Range;

/// A part of a capture that could not be read; what could be read is used all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureProblem {
    /// The file it is in (a member file where the capture is a directory).
    pub path: String,
    /// Bytes of that file, after decompression, that are affected.
    pub span: Range<u64>,
    /// Stable kebab-case kind: `truncated`, `torn`, `garbage`, `incomplete-exchange`, `unknown-version`, …
    pub kind: String,
    /// One sentence for a person: what is wrong and what it means for the rest.
    pub message: String,
}

impl CaptureProblem {
    /// Whether the file ends before its time, so that more may have been in it.
    pub fn is_cut(&self) -> bool {
        matches!(self.kind.as_str(), "truncated" | "damaged-compression")
    }
}

/// A number with what it counts: `1 event`, `2 events`.
pub(super) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
