//! Texts that are the same in every run.

use crate::normalize::{Scanner, TextPlace};

/// A text in which what differs from run to run stands as its class: `<uuid>`, `<time>`, `<location>`.
pub(super) fn stable(text: &str, locations: &[String]) -> String {
    let scanner = Scanner::new(locations, true);
    let place = TextPlace {
        is_tool_output: true,
        has_versions: false,
    };
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for token in scanner.scan(text, place) {
        out.push_str(&text[from..token.range.start]);
        out.push_str(token.class.placeholder());
        from = token.range.end;
    }
    out.push_str(&text[from..]);
    out
}
