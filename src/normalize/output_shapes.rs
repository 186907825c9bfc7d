//! Shapes that are dynamic in what a tool printed, and only there: clocks, measured times, hashes of commits.

use super::shapes::{is_word, matches_shape};
use super::token::{Class, Token};

/// Finds what commands print otherwise in every run.
pub(super) fn in_output(bytes: &[u8], tokens: &mut Vec<Token>) {
    for dot in memchr::memchr_iter(b'.', bytes) {
        decimal_duration(bytes, dot, tokens);
    }
    for colon in memchr::memchr_iter(b':', bytes) {
        clock_time(bytes, colon, tokens);
    }
    words(bytes, tokens);
}

/// A decimal number with a unit of time behind it, `0.03s`, `1.5 seconds`, `0m0.208s`, or a key before it,
/// `"duration_seconds":0.1`.
fn decimal_duration(bytes: &[u8], dot: usize, tokens: &mut Vec<Token>) {
    let digits_before = |end: usize| {
        bytes[..end]
            .iter()
            .rev()
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    let part = bytes[dot + 1..]
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count();
    let mut start = dot - digits_before(dot);
    if start == dot || part == 0 {
        return;
    }
    if start > 1 && bytes[start - 1] == b'm' && bytes[start - 2].is_ascii_digit() {
        start -= 1 + digits_before(start - 1);
    }
    if start > 0 && (is_word(bytes[start - 1]) || bytes[start - 1] == b'.') {
        return;
    }
    // What `apply_patch` in a shell command prints with codex 0.115.0–0.125.0.
    let before = bytes[..start].trim_ascii_end();
    let is_keyed = [&b"duration_seconds\":"[..], b"duration_seconds\\\":"]
        .iter()
        .any(|key| before.ends_with(key));
    let rest = &bytes[dot + 1 + part..];
    let unit = rest.strip_prefix(b" ").unwrap_or(rest);
    let word = unit.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let is_unit = matches!(
        &unit[..word],
        b"s" | b"ms" | b"us" | b"sec" | b"secs" | b"second" | b"seconds"
    );
    if is_unit || is_keyed {
        tokens.push(Token {
            range: start..dot + 1 + part,
            class: Class::Duration,
        });
    }
}

const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const WEEKDAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];

/// `Nov 21 09:20` (ls), `Sat Nov 21 09:20:17 UTC 2026` (date), `Sat Nov 1 09:20:18 2026 +0000` (git).
fn clock_time(bytes: &[u8], colon: usize, tokens: &mut Vec<Token>) {
    let Some(clock) = colon
        .checked_sub(2)
        .filter(|&from| matches_shape(bytes, from, b"00:00"))
    else {
        return;
    };
    // The day has one digit or two, or one with a space before it.
    let month = [7, 6].into_iter().find_map(|back| {
        let from = clock.checked_sub(back)?;
        let day = &bytes[from + 3..clock];
        let is_day = day.first() == Some(&b' ')
            && day.last() == Some(&b' ')
            && day.iter().any(u8::is_ascii_digit);
        (is_day && MONTHS.contains(&&bytes[from..from + 3])).then_some(from)
    });
    let Some(mut start) = month else { return };
    if let Some(weekday) = start.checked_sub(4)
        && bytes[start - 1] == b' '
        && WEEKDAYS.contains(&&bytes[weekday..weekday + 3])
    {
        start = weekday;
    }
    let mut end = colon + 3;
    if matches_shape(bytes, end, b":00") {
        end += 3;
        let zone = bytes[end..]
            .iter()
            .skip(1)
            .take_while(|b| b.is_ascii_uppercase())
            .count();
        if bytes.get(end) == Some(&b' ') && (2..=5).contains(&zone) {
            end += 1 + zone;
        }
        if matches_shape(bytes, end, b" 0000") {
            end += 5;
        }
        if matches_shape(bytes, end, b" +0000") || matches_shape(bytes, end, b" -0000") {
            end += 6;
        }
    }
    tokens.push(Token {
        range: start..end,
        class: Class::Time,
    });
}

/// Whole words: seconds or milliseconds since 1970 (from 2017 to 2042), hashes of git commits.
fn words(bytes: &[u8], tokens: &mut Vec<Token>) {
    let mut at = 0;
    while at < bytes.len() {
        if !is_word(bytes[at]) {
            at += 1;
            continue;
        }
        let mut length = bytes[at..].iter().take_while(|b| is_word(**b)).count();
        let word = &bytes[at..at + length];
        let class = match length {
            10 | 13 if is_epoch(word) => Some(Class::Time),
            40 if word.iter().all(u8::is_ascii_hexdigit) => Some(Class::PlacedId),
            _ => None,
        };
        if class == Some(Class::Time) {
            length += fraction(&bytes[at + length..]);
        }
        tokens.extend(class.map(|class| Token {
            range: at..at + length,
            class,
        }));
        at += length;
    }
}

/// Length of the dot and the digits that the bytes begin with; 0 when they do not.
fn fraction(bytes: &[u8]) -> usize {
    let digits = bytes.strip_prefix(b".").unwrap_or_default();
    match digits.iter().take_while(|b| b.is_ascii_digit()).count() {
        0 => 0,
        count => 1 + count,
    }
}

fn is_epoch(word: &[u8]) -> bool {
    let is_recent = matches!(word[..2], [b'1', b'5'..=b'9'] | [b'2', b'0'..=b'2']);
    is_recent && word.iter().all(u8::is_ascii_digit)
}
