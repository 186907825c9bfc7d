//! Lines that fit the width.

/// A text as lines of at most `width` columns: the first begins with `first`, the others with `rest`. A word that does
/// not fit a line stands on one of its own.
pub(in crate::report) fn wrapped(width: usize, first: &str, text: &str, rest: &str) -> String {
    let mut out = String::new();
    let mut line = first.to_owned();
    let mut column = visible_width(first);
    let mut is_start = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let needed = visible_width(word);
        if !is_start && column + 1 + needed > width {
            out.push_str(line.trim_end());
            out.push('\n');
            line = rest.to_owned();
            column = visible_width(rest);
        } else if !is_start {
            line.push(' ');
            column += 1;
        }
        line.push_str(word);
        column += needed;
        is_start = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
    out
}

/// The beginning of a text, up to `most` characters, cut at a word where one is near.
pub(in crate::report) fn shortened(text: &str, most: usize) -> String {
    const LONGEST_WORD: usize = 24;
    let Some((end, _)) = text.char_indices().nth(most) else {
        return text.to_owned();
    };
    // One column is for the mark.
    let end = text[..end]
        .char_indices()
        .next_back()
        .map_or(0, |(at, _)| at);
    let word = text[..end].rfind([' ', '⏎', ',']);
    let end = match word {
        Some(at) if at > 0 && end - at <= LONGEST_WORD && !text[end..].starts_with(' ') => at,
        _ => end,
    };
    format!("{}…", text[..end].trim_end_matches(['…', ' ', '⏎', ',']))
}

/// Characters that take room: colour codes do not.
pub(super) fn visible_width(text: &str) -> usize {
    let has_code = text.as_bytes().contains(&0x1b);
    if !has_code {
        return text.chars().count();
    }
    let mut width = 0;
    let mut is_code = false;
    for c in text.chars() {
        match c {
            '\u{1b}' => is_code = true,
            'm' if is_code => is_code = false,
            _ if !is_code => width += 1,
            _ => {}
        }
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(
            wrapped(9, "- ", "one two three", "  "),
            "- one two\n  three\n"
        );
        assert_eq!(
            wrapped(6, "", "a verylongword b", ""),
            "a\nverylongword\nb\n"
        );
        assert_eq!(
            wrapped(9, "", "\u{1b}[31mone\u{1b}[0m two x", ""),
            "\u{1b}[31mone\u{1b}[0m two x\n"
        );
        assert_eq!(wrapped(9, "  ", "", ""), "\n");
    }

    #[test]
    fn texts_are_cut_at_words() {
        assert_eq!(shortened("one two three", 13), "one two three");
        assert_eq!(shortened("one two three", 12), "one two…");
        assert_eq!(shortened("one two three", 8), "one two…");
        assert_eq!(
            shortened("abcdefghijklmnopqrstuvwxyzabcdef", 30)
                .chars()
                .count(),
            30
        );
    }
}
