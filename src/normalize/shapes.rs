//! The shapes of dynamic values: each function looks at one place of a text and adds the token it finds there.

use super::token::{Class, Token};

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(super) fn push_run(
    bytes: &[u8],
    from: usize,
    belongs: impl Fn(&u8) -> bool,
    least: usize,
    class: Class,
    tokens: &mut Vec<Token>,
) {
    let length = bytes
        .get(from..)
        .map_or(0, |rest| rest.iter().take_while(|b| belongs(b)).count());
    if length >= least {
        tokens.push(Token {
            range: from..from + length,
            class,
        });
    }
}

/// Whether the bytes at `from` look like `shape`: `0` stands for a digit, `x` for a hexadecimal digit, others for
/// themselves.
pub(super) fn matches_shape(bytes: &[u8], from: usize, shape: &[u8]) -> bool {
    bytes.get(from..from + shape.len()).is_some_and(|part| {
        part.iter().zip(shape).all(|(b, s)| match s {
            b'0' => b.is_ascii_digit(),
            b'x' => b.is_ascii_hexdigit(),
            _ => b == s,
        })
    })
}

const UUID: &[u8] = b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

/// Length of a UUID.
pub(super) const UUID_LENGTH: usize = UUID.len();

/// Whether a UUID starts at `from`.
pub(super) fn is_uuid_at(bytes: &[u8], from: usize) -> bool {
    matches_shape(bytes, from, UUID)
}

pub(super) fn at_dash(bytes: &[u8], at: usize, tokens: &mut Vec<Token>) {
    if let Some(start) = at.checked_sub(8)
        && is_uuid_at(bytes, start)
        && start
            .checked_sub(1)
            .is_none_or(|b| !bytes[b].is_ascii_alphanumeric())
        && bytes
            .get(start + UUID_LENGTH)
            .is_none_or(|b| !b.is_ascii_alphanumeric())
    {
        let prefix = prefix_length(bytes, start);
        let class = Class::Uuid {
            version: bytes[start + 14],
            is_prefixed: prefix > 0,
        };
        tokens.push(Token {
            range: start - prefix..start + UUID_LENGTH,
            class,
        });
        return;
    }
    if let Some(start) = at.checked_sub(4)
        && matches_shape(bytes, start, b"0000-00-00")
        && start.checked_sub(1).is_none_or(|b| !is_word(bytes[b]))
    {
        let (length, class) = time_length(bytes, start);
        if bytes
            .get(start + length)
            .is_none_or(|b| !b.is_ascii_alphanumeric())
        {
            tokens.push(Token {
                range: start..start + length,
                class,
            });
        }
    }
}

/// Length of the word and underscore before an identifier (`msg_`), 0 when there is none.
fn prefix_length(bytes: &[u8], start: usize) -> usize {
    if start == 0 || bytes[start - 1] != b'_' {
        return 0;
    }
    let word = bytes[..start - 1]
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    let is_free = bytes[..start - 1 - word].last().is_none_or(|b| *b != b'_');
    if word > 0 && word <= 12 && is_free {
        word + 1
    } else {
        0
    }
}

/// Length of the date at `start`, with the time of day behind it if there is one.
fn time_length(bytes: &[u8], start: usize) -> (usize, Class) {
    let after = start + 10;
    let has_time = [&b"T00:00:00"[..], b" 00:00:00", b"T00-00-00"]
        .iter()
        .any(|s| matches_shape(bytes, after, s));
    if !has_time {
        return (10, Class::Date);
    }
    let mut end = after + 9;
    if bytes.get(end) == Some(&b'.') {
        end += 1 + bytes[end + 1..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
    }
    if bytes.get(end) == Some(&b'Z') {
        end += 1;
    } else if matches_shape(bytes, end, b"+00:00") || matches_shape(bytes, end, b"-00:00") {
        end += 6;
    }
    (end - start, Class::Time)
}

/// Prefixes of identifiers that the Responses API and agents make (Codex 0.115–0.169 item ids; API call and response
/// ids).
const ID_PREFIXES: &[&[u8]] = &[
    b"msg",
    b"rs",
    b"fc",
    b"fco",
    b"ctc",
    b"ctco",
    b"lsh",
    b"ws",
    b"ig",
    b"tsc",
    b"tso",
    b"cmp",
    b"amsg",
    b"at",
    b"resp",
    b"call",
    b"req",
    b"item",
    b"chatcmpl",
    b"thread",
    b"turn",
    b"conv",
    b"run",
    b"sess",
];

/// Whether a word is one of the prefixes of identifiers.
pub(super) fn is_id_prefix(word: &[u8]) -> bool {
    ID_PREFIXES.contains(&word)
}

pub(super) fn at_underscore(bytes: &[u8], at: usize, tokens: &mut Vec<Token>) {
    let word = bytes[..at]
        .iter()
        .rev()
        .take_while(|b| is_word(**b))
        .count();
    if word == 0 || word > 8 || !is_id_prefix(&bytes[at - word..at]) {
        return;
    }
    let rest = &bytes[at + 1..];
    let length = rest
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    let is_random = length >= 16 && rest[..length].iter().any(u8::is_ascii_digit);
    if is_random && rest.get(length).is_none_or(|b| !matches!(b, b'_' | b'-')) {
        tokens.push(Token {
            range: at - word..at + 1 + length,
            class: Class::ApiId,
        });
    }
}

pub(super) fn at_colon(bytes: &[u8], at: usize, tokens: &mut Vec<Token>) {
    let before = &bytes[..at];
    if [&b"127.0.0.1"[..], b"localhost", b"[::1]", b"0.0.0.0"]
        .iter()
        .any(|host| before.ends_with(host))
    {
        push_run(bytes, at + 1, u8::is_ascii_digit, 2, Class::Port, tokens);
    } else if before.ends_with(b"Chunk ID") && bytes.get(at + 1) == Some(&b' ') {
        push_run(
            bytes,
            at + 2,
            u8::is_ascii_hexdigit,
            4,
            Class::ChunkId,
            tokens,
        );
    }
}

/// `.tmpAb3xYz` (Rust), `/tmp/tmpab12_x8k` (Python), `tmp.AbCdEf1234` (mktemp).
pub(super) fn temporary_name(bytes: &[u8], at: usize, tokens: &mut Vec<Token>) {
    let before = at.checked_sub(1).map(|b| bytes[b]);
    let after = &bytes[at + 3..];
    let run = |from: usize| {
        after
            .get(from..)
            .map_or(0, |r| r.iter().take_while(|b| is_word(**b)).count())
    };
    let length = match (before, after.first()) {
        (Some(b'.'), _) if run(0) == 6 => 6,
        (Some(b'/'), Some(b'.')) if matches!(run(1), 6 | 10) => run(1) + 1,
        (Some(b'/'), _) if run(0) == 8 => 8,
        _ => return,
    };
    tokens.push(Token {
        range: at..at + 3 + length,
        class: Class::TemporaryName,
    });
}

/// Dotted numbers such as `0.169.0`, with a suffix such as `-alpha.3`.
pub(super) fn versions(bytes: &[u8], tokens: &mut Vec<Token>) {
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let length = bytes[at..]
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
            .count();
        let is_version = bytes[at..at + length].contains(&b'.');
        let is_start = at
            .checked_sub(1)
            .is_none_or(|b| !is_word(bytes[b]) || bytes[b] == b'v');
        if is_version && is_start {
            tokens.push(Token {
                range: at..at + length,
                class: Class::Version,
            });
        }
        at += length;
    }
}
