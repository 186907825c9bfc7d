//! Captured text is hostile input in a terminal.

use std::borrow::Cow;

/// Replaces what a terminal would act on or hide: control characters (C0, DEL, C1), bidirectional overrides and
/// invisible format characters, by their escapes. Newlines become `⏎`.
pub fn visible(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~');
    if text.as_bytes().iter().all(is_plain) || !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push('⏎'),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_unsafe(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_as_a_command() {
        assert_eq!(visible("plain é 🙂"), "plain é 🙂");
        assert_eq!(
            visible("a\u{1b}[31mred\nb\u{9b}1m\u{202e}"),
            "a\\u{1b}[31mred⏎b\\u{9b}1m\\u{202e}"
        );
    }
}
