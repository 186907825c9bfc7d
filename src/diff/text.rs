//! How two texts differ: dynamic parts up to renaming, then by line and by word.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};
use xxhash_rust::xxh3::xxh3_64;

use crate::align::{best_pairs, common_subsequence, word_similarity};
use crate::capture::find_secrets;
use crate::json::Pointer;
use crate::normalize::{Class, Scanner, TextPlace, Token, text_fingerprint};

use super::names::{Names, Outcome};

/// Compares two texts; `None` when they are equal up to renaming, and then their identifiers are tied.
pub(super) fn compare_text(
    names: &mut Names,
    out: &mut Outcome,
    pointer: &Pointer,
    (a, b): (&str, &str),
    place: TextPlace,
) -> Option<TextChange> {
    if a == b {
        let tokens = names.baseline.scan(a, place);
        tie_tokens(names, out, pointer, (a, &tokens), (b, &tokens));
        return None;
    }
    let (a_tokens, b_tokens) = (
        names.baseline.scan(a, place),
        names.candidate.scan(b, place),
    );
    if has_same_skeleton((a, &a_tokens), (b, &b_tokens)) {
        tie_tokens(names, out, pointer, (a, &a_tokens), (b, &b_tokens));
        return None;
    }
    Some(line_change(names, out, pointer, (a, b), place))
}

fn has_same_skeleton((a, a_tokens): (&str, &[Token]), (b, b_tokens): (&str, &[Token])) -> bool {
    if a_tokens.len() != b_tokens.len() {
        return false;
    }
    let (mut i, mut j) = (0, 0);
    for (x, y) in a_tokens.iter().zip(b_tokens) {
        if !x.class.is_compatible(y.class) || a[i..x.range.start] != b[j..y.range.start] {
            return false;
        }
        (i, j) = (x.range.end, y.range.end);
    }
    a[i..] == b[j..]
}

fn tie_tokens(
    names: &mut Names,
    out: &mut Outcome,
    pointer: &Pointer,
    (a, a_tokens): (&str, &[Token]),
    (b, b_tokens): (&str, &[Token]),
) {
    for (x, y) in a_tokens.iter().zip(b_tokens) {
        if x.class.is_renamed() {
            let is_secret = x.class == Class::Secret;
            out.tie(
                names,
                &a[x.range.clone()],
                &b[y.range.clone()],
                pointer,
                is_secret,
            );
        }
    }
}

/// A text with its dynamic parts replaced by placeholders.
pub(super) fn with_placeholders(text: &str, scanner: &Scanner, place: TextPlace) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for token in scanner.scan(text, place) {
        shown.push_str(&text[from..token.range.start]);
        shown.push_str(token.class.placeholder());
        from = token.range.end;
    }
    shown.push_str(&text[from..]);
    shown
}

/// How a text changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextChange {
    /// Lines that only the baseline has.
    pub(super) removed: usize,
    /// Lines that only the candidate has.
    pub(super) added: usize,
    /// The characters around the first difference, in the baseline and in the candidate.
    pub(super) excerpt: (String, String),
    /// A diff for a person: `-` and `+` lines with the differing words in some context.
    pub(super) detail: Vec<String>,
    /// Hash of what was removed and added, dynamic parts by class.
    pub(super) values: u64,
}

/// Hunks shown in full; the rest are counted.
const SHOWN_HUNKS: usize = 6;
/// Lines shown of a hunk in which lines were only removed or only added.
const SHOWN_LINES: usize = 3;

fn line_change(
    names: &mut Names,
    out: &mut Outcome,
    pointer: &Pointer,
    (a, b): (&str, &str),
    place: TextPlace,
) -> TextChange {
    let a_lines: Vec<&str> = a.split('\n').collect();
    let b_lines: Vec<&str> = b.split('\n').collect();
    let print = |lines: &[&str], scanner: &Scanner| -> Vec<u64> {
        lines
            .iter()
            .map(|line| text_fingerprint(line, scanner, place))
            .collect()
    };
    let (a_keys, b_keys) = (
        print(&a_lines, &names.baseline),
        print(&b_lines, &names.candidate),
    );
    let mut hunks = Vec::new();
    let (mut i, mut j) = (0, 0);
    let mut common = common_subsequence(&a_keys, &b_keys);
    common.push((a_lines.len(), b_lines.len()));
    for (x, y) in common {
        if i < x || j < y {
            hunks.push((i..x, j..y));
        }
        if x < a_lines.len() {
            let (a_line, b_line) = (a_lines[x], b_lines[y]);
            let (a_tokens, b_tokens) = (
                names.baseline.scan(a_line, place),
                names.candidate.scan(b_line, place),
            );
            tie_tokens(
                names,
                out,
                pointer,
                (a_line, &a_tokens),
                (b_line, &b_tokens),
            );
        }
        (i, j) = (x + 1, y + 1);
    }
    let shown = |lines: &[&str], scanner: &Scanner| -> Vec<String> {
        lines
            .iter()
            .map(|line| with_placeholders(line, scanner, place))
            .collect()
    };
    render_hunks(
        &hunks,
        &shown(&a_lines, &names.baseline),
        &shown(&b_lines, &names.candidate),
    )
}

fn render_hunks(hunks: &[(Range<usize>, Range<usize>)], a: &[String], b: &[String]) -> TextChange {
    let mut change = TextChange {
        removed: hunks.iter().map(|(x, _)| x.len()).sum(),
        added: hunks.iter().map(|(_, y)| y.len()).sum(),
        excerpt: (String::new(), String::new()),
        detail: Vec::new(),
        values: 0,
    };
    let mut changed_text = String::new();
    for (n, (x, y)) in hunks.iter().enumerate() {
        let (old, new) = (&a[x.clone()], &b[y.clone()]);
        changed_text.push_str(&old.join("\n"));
        changed_text.push('\0');
        changed_text.push_str(&new.join("\n"));
        changed_text.push('\0');
        if n == 0 {
            change.excerpt = first_excerpt(old, new);
        }
        if n < SHOWN_HUNKS {
            render_hunk(old, new, &mut change.detail);
        }
    }
    if hunks.len() > SHOWN_HUNKS {
        change
            .detail
            .push(format!("… {} more places", hunks.len() - SHOWN_HUNKS));
    }
    change.values = xxh3_64(changed_text.as_bytes());
    change
}

fn first_excerpt(old: &[String], new: &[String]) -> (String, String) {
    let (old, new) = (old.join("\n"), new.join("\n"));
    let (a, b) = difference(&old, &new);
    (window(&old, a), window(&new, b))
}

/// Hunks up to this product of lines have their lines paired by likeness.
const LINE_CELLS: usize = 400;
/// Lines less alike than this are other lines.
const LEAST_LIKENESS: f64 = 0.5;

fn render_hunk(old: &[String], new: &[String], detail: &mut Vec<String>) {
    let is_text = |line: &&String| !line.trim().is_empty();
    let (old, new): (Vec<&String>, Vec<&String>) = (
        old.iter().filter(is_text).collect(),
        new.iter().filter(is_text).collect(),
    );
    let pairs = paired_lines(&old, &new);
    for &(i, j) in pairs.iter().take(SHOWN_LINES) {
        let (a, b) = difference(old[i], new[j]);
        detail.push(format!("- {}", window(old[i], a)));
        detail.push(format!("+ {}", window(new[j], b)));
    }
    let mut more = pairs.len().saturating_sub(SHOWN_LINES);
    for (sign, lines, taken) in [
        ('-', &old, pairs.iter().map(|p| p.0).collect::<Vec<_>>()),
        ('+', &new, pairs.iter().map(|p| p.1).collect()),
    ] {
        let free = (0..lines.len()).filter(|n| !taken.contains(n));
        let free: Vec<&&String> = free.map(|n| &lines[n]).collect();
        let shown = free.iter().take(SHOWN_LINES);
        detail.extend(shown.map(|line| format!("{sign} {}", window(line, 0..line.len()))));
        more += free.len().saturating_sub(SHOWN_LINES);
    }
    if more > 0 {
        let s = if more == 1 { "" } else { "s" };
        detail.push(format!("… {more} more line{s}"));
    }
}

/// Which lines of a hunk are the same line changed.
fn paired_lines(old: &[&String], new: &[&String]) -> Vec<(usize, usize)> {
    if old.len() == new.len() && old.len() <= SHOWN_LINES {
        return (0..old.len()).map(|n| (n, n)).collect();
    }
    if old.len() * new.len() > LINE_CELLS {
        return Vec::new();
    }
    let hashes = |lines: &[&String]| -> Vec<Vec<u64>> {
        let words = |line: &&String| {
            let words = line.split_whitespace();
            let mut hashes: Vec<u64> = words.map(|word| xxh3_64(word.as_bytes())).collect();
            hashes.sort_unstable();
            hashes
        };
        lines.iter().map(words).collect()
    };
    let (a, b) = (hashes(old), hashes(new));
    best_pairs(a.len(), b.len(), |i, j| {
        let likeness = word_similarity(&a[i], &b[j]);
        if likeness < LEAST_LIKENESS {
            0.0
        } else {
            likeness
        }
    })
}

/// Words above this are not compared one by one; then only what stands before and behind the difference is found.
const MOST_WORDS: usize = 1500;

/// The byte ranges that differ: from the first differing word to the last.
fn difference(a: &str, b: &str) -> (Range<usize>, Range<usize>) {
    let (a_words, b_words) = (words(a), words(b));
    if a_words.len() > MOST_WORDS || b_words.len() > MOST_WORDS {
        let prefix = a
            .char_indices()
            .zip(b.chars())
            .take_while(|((_, x), y)| x == y)
            .last();
        let at = prefix.map_or(0, |((i, c), _)| i + c.len_utf8());
        return (at..a.len(), at..b.len());
    }
    let ops = capture_diff_slices(Algorithm::Myers, &a_words, &b_words);
    let changed: Vec<&DiffOp> = ops
        .iter()
        .filter(|op| !matches!(op, DiffOp::Equal { .. }))
        .collect();
    let (Some(first), Some(last)) = (changed.first(), changed.last()) else {
        return (0..0, 0..0);
    };
    let offset = |words: &[&str], n: usize| words[..n].iter().map(|w| w.len()).sum::<usize>();
    (
        offset(&a_words, first.old_range().start)..offset(&a_words, last.old_range().end),
        offset(&b_words, first.new_range().start)..offset(&b_words, last.new_range().end),
    )
}

/// Words and what stands between them, in order.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut from = 0;
    let mut last_is_word = None;
    for (at, c) in text.char_indices() {
        let is_word = c.is_alphanumeric() || c == '_';
        if last_is_word.is_some_and(|was: bool| was != is_word || !is_word) {
            words.push(&text[from..at]);
            from = at;
        }
        last_is_word = Some(is_word);
    }
    if from < text.len() {
        words.push(&text[from..]);
    }
    words
}

/// Characters shown before and behind a difference.
const CONTEXT: usize = 36;
/// Characters shown of the difference itself.
const SHOWN: usize = 100;

/// The part of a text around a difference, on one line; it begins and ends at words where any are near.
pub(super) fn window(text: &str, range: Range<usize>) -> String {
    let start = text[..range.start]
        .char_indices()
        .rev()
        .nth(CONTEXT - 1)
        .map_or(0, |(i, _)| i);
    let start = start + word_begin(&text[start..range.start], start > 0);
    let end_of = |from: usize, n: usize| {
        text[from..]
            .char_indices()
            .nth(n)
            .map_or(text.len(), |(i, _)| from + i)
    };
    let shown_end =
        end_of(range.start, SHOWN).min(text.ceil_char_boundary(range.end.max(range.start)));
    let end = end_of(shown_end, CONTEXT);
    let before = if start > 0 { "…" } else { "" };
    let after = if end < text.len() { "…" } else { "" };
    let end = match after {
        "" => end,
        _ => start + at_word_end(&text[start..end], &text[end..]).len(),
    };
    let shown = without_secrets(text, start..end);
    format!("{before}{}{after}", shown.replace('\n', "⏎"))
}

/// Farthest that the words at both ends of an excerpt are followed.
const WIDEST: usize = 8192;

/// A part of a text without the secrets in it; one that reaches beyond the part is known by its whole.
fn without_secrets(text: &str, part: Range<usize>) -> String {
    let bytes = text.as_bytes();
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'');
    let run = |bytes: &mut dyn Iterator<Item = &u8>| {
        bytes.take(WIDEST).take_while(|b| !is_end(b)).count()
    };
    let from = part.start - run(&mut bytes[..part.start].iter().rev());
    let to = part.end + run(&mut bytes[part.end..].iter());
    // What tells that the word is a secret (`Bearer `, `"api_key": "`) stands before it.
    let from = text.floor_char_boundary(from.saturating_sub(64));
    let to = text.ceil_char_boundary(to);
    let mut shown = String::with_capacity(part.len());
    let mut done = part.start;
    for secret in find_secrets(&text[from..to]) {
        let (start, end) = (from + secret.start, from + secret.end);
        if end <= done || start >= part.end {
            continue;
        }
        shown.push_str(&text[done..start.max(done)]);
        shown.push_str(Class::Secret.placeholder());
        done = end;
    }
    shown.push_str(&text[done.min(part.end)..part.end]);
    shown
}

/// Where the first whole word of a context begins that was cut in front.
fn word_begin(context: &str, is_cut: bool) -> usize {
    if !is_cut {
        return 0;
    }
    let space = context.char_indices().find(|(_, c)| c.is_whitespace());
    space.map_or(0, |(at, c)| at + c.len_utf8())
}

/// The longest word that is given up so that a text ends at a word, in bytes.
const WORD: usize = 24;

/// A text without the word that was cut at its end.
fn at_word_end<'t>(text: &'t str, rest: &str) -> &'t str {
    if rest.starts_with(char::is_whitespace) {
        return text.trim_end();
    }
    match text.rfind(char::is_whitespace) {
        Some(at) if at > 0 && text.len() - at <= WORD => text[..at].trim_end(),
        _ => text,
    }
}

/// The beginning of a text, up to `most` characters, cut at a word and marked with `…` where it was cut.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", at_word_end(&text[..at], &text[at..])),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str, expect: Option<&[&str]>) {
        let mut names = Names::default();
        let mut out = Outcome::default();
        let change = compare_text(
            &mut names,
            &mut out,
            &Pointer::root(),
            (a, b),
            TextPlace::default(),
        );
        assert_eq!(
            change.map(|c| c.detail),
            expect.map(|lines| lines.iter().map(|l| l.to_string()).collect())
        );
    }

    #[test]
    fn dynamic_parts_do_not_differ() {
        check("Chunk ID: 28dd3e\nok", "Chunk ID: c25d67\nok", None);
        check(
            "Chunk ID: 28dd3e\nok",
            "Chunk ID: c25d67\nno",
            Some(&["- ok", "+ no"]),
        );
        let ids = [
            "01a1fbd8-95a7-7140-b45c-3b2d1ddbd775",
            "11a1fbd8-95a7-7140-b45c-3b2d1ddbd775",
        ];
        check(
            &format!("window {}:0", ids[0]),
            &format!("window {}:0", ids[1]),
            None,
        );
        check(
            &format!("window {}:0", ids[0]),
            &format!("window {}:1", ids[1]),
            Some(&["- window <uuid>:0", "+ window <uuid>:1"]),
        );
    }

    #[test]
    fn long_texts_show_the_words_that_differ() {
        let text =
            "one two three four five six seven eight nine ten eleven twelve thirteen fourteen";
        check(
            text,
            &text.replace("seven", "SEVEN"),
            Some(&[
                "- one two three four five six seven eight nine ten eleven twelve…",
                "+ one two three four five six SEVEN eight nine ten eleven twelve…",
            ]),
        );
        check("a\nb\nc\nd", "a\nd", Some(&["- b", "- c"]));
    }
}
