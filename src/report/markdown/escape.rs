//! Captured text is hostile input in Markdown, too: it must not become markup, links, mentions or references.

use crate::report::text::visible;

/// A text as code, on one line, for use anywhere, table cells included; nothing for an empty text.
pub(in crate::report) fn code(text: &str) -> String {
    let text = visible(text);
    if text.is_empty() {
        return String::new();
    }
    let is_plain = text == text.trim() && !text.contains(['`', '|', '\\']);
    match is_plain {
        true => format!("`{text}`"),
        // What Markdown would understand even between back-ticks or in a cell is written as entities.
        false => format!("<code>{}</code>", entities(&text)),
    }
}

/// A sentence: what stands between back-ticks becomes code, the rest plain text.
pub(in crate::report) fn prose(text: &str) -> String {
    let text = visible(text);
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return plain(&text);
    }
    let numbered = parts.iter().enumerate();
    let texts = numbered.map(|(at, part)| match at % 2 {
        0 => plain(part),
        _ => code(part),
    });
    texts.collect()
}

/// Lines as a fenced block; `language` colours it.
pub(super) fn block(language: &str, lines: &[String]) -> String {
    let longest = lines.iter().map(|line| longest_run(line)).max();
    let fence = "`".repeat(longest.unwrap_or_default().max(2) + 1);
    let mut text = format!("{fence}{language}\n");
    for line in lines {
        text.push_str(&visible(line));
        text.push('\n');
    }
    text.push_str(&fence);
    text.push('\n');
    text
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or_default()
}

/// A text in which nothing is markup. References such as `@name` and `#12` are found by GitHub after Markdown is
/// undone, so an invisible character goes between.
fn plain(text: &str) -> String {
    let text = text.replace('@', "@\u{2060}").replace('#', "#\u{2060}");
    let text = text.replace("www.", "www\u{2060}.");
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let after = rest.clone().next().unwrap_or(' ');
        let is_markup = match c {
            // Links and `:name:`.
            ':' => after != ' ',
            // Within a word it is no emphasis.
            '_' => !(before.is_alphanumeric() && after.is_alphanumeric()),
            c => matches!(
                c,
                '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$'
            ),
        };
        match is_markup {
            true => out.push_str(&entity(c)),
            false => out.push(c),
        }
        before = c;
    }
    out
}

/// A text that Markdown reads as it is, within HTML.
fn entities(text: &str) -> String {
    let one = |c: char| match c.is_ascii_punctuation() {
        true => entity(c),
        false => c.to_string(),
    };
    text.chars().map(one).collect()
}

fn entity(c: char) -> String {
    format!("&#{};", u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_stays_code() {
        let check = |text: &str, expect: &str| assert_eq!(code(text), expect);
        check("/request/body/tools", "`/request/body/tools`");
        check("<b>@me #1</b>", "`<b>@me #1</b>`");
        check("a`b|c", "<code>a&#96;b&#124;c</code>");
        check("\\|", "<code>&#92;&#124;</code>");
        check(" a\nb", "<code> a⏎b</code>");
        check("", "");
    }

    #[test]
    fn prose_is_no_markup() {
        let check = |text: &str, expect: &str| assert_eq!(prose(text), expect);
        check(
            "the key `a|b` is new",
            "the key <code>a&#124;b</code> is new",
        );
        check("one ` only", "one &#96; only");
        check("@me, #1", "@\u{2060}me, #\u{2060}1");
        check("[x](https://y)", "&#91;x&#93;(https&#58;//y)");
        check("<script>", "&#60;script&#62;");
        check("a_b: _c_", "a_b: &#95;c&#95;");
    }

    #[test]
    fn a_block_ends_at_its_fence_only() {
        let lines = ["a".to_owned(), "````".to_owned(), "b\n`````".to_owned()];
        assert_eq!(
            block("diff", &lines),
            "``````diff\na\n````\nb⏎`````\n``````\n"
        );
    }
}
