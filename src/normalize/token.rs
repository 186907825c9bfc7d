//! Finds the dynamic parts of a text by their shape.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem;

/// What kind of dynamic value a piece of text is.
///
/// Identifiers and locations are compared up to renaming; the others are equal when they are of the same class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A UUID, with its version digit and whether a prefix such as `msg_` stands before it.
    Uuid {
        /// Version nibble of the UUID, as the hexadecimal digit it is written with.
        version: u8,
        /// Whether a word and `_` belong to it.
        is_prefixed: bool,
    },
    /// A prefixed random word as the Responses API makes them: `resp_…`, `call_…`.
    ApiId,
    /// An identifier known by the place it stands in.
    PlacedId,
    /// A credential; never shown.
    Secret,
    /// The number of a running command (`session ID 1000`).
    CommandSession,
    /// A working directory or an agent's home directory.
    Location,
    /// A point in time with or without a date, or a number that is one.
    Time,
    /// A calendar date.
    Date,
    /// A measured duration.
    Duration,
    /// The six hexadecimal digits behind `Chunk ID:`.
    ChunkId,
    /// A TCP port on this machine.
    Port,
    /// A random name of a temporary file or directory.
    TemporaryName,
    /// A version number in a user agent.
    Version,
    /// Random bytes of a protocol (`sec-websocket-key`, padding).
    Random,
}

impl Class {
    /// Whether values of this class are tied together by a renaming.
    pub fn is_renamed(self) -> bool {
        use Class::*;
        matches!(
            self,
            Uuid { .. } | ApiId | PlacedId | Secret | CommandSession | Location
        )
    }

    /// The placeholder that stands for a value of this class in shown texts.
    pub fn placeholder(self) -> &'static str {
        match self {
            Class::Uuid { .. } => "<uuid>",
            Class::ApiId | Class::PlacedId => "<id>",
            Class::Secret => "<secret>",
            Class::CommandSession => "<session>",
            Class::Location => "<location>",
            Class::Time => "<time>",
            Class::Date => "<date>",
            Class::Duration => "<duration>",
            Class::ChunkId => "<chunk-id>",
            Class::Port => "<port>",
            Class::TemporaryName => "<temporary>",
            Class::Version => "<version>",
            Class::Random => "<random>",
        }
    }

    /// Whether two classes may stand for each other; identifiers of different make may.
    pub fn is_compatible(self, other: Class) -> bool {
        let is_id = |c| matches!(c, Class::Uuid { .. } | Class::ApiId | Class::PlacedId);
        self == other || (is_id(self) && is_id(other))
    }
}

/// A dynamic part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// What it is.
    pub class: Class,
}

/// Which extra shapes count, given where the text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextPlace {
    /// The text is what a tool printed: decimal durations such as `0.03s` are measured ones.
    pub is_tool_output: bool,
    /// The text is a user agent or names a client version: version numbers are dynamic.
    pub has_versions: bool,
}

/// Finds dynamic parts in the texts of one capture.
#[derive(Debug, Default, Clone)]
pub struct Scanner {
    locations: Vec<memmem::Finder<'static>>,
}

/// Finds the words that announce a dynamic value; made once, as making one costs more than looking through a short text.
static LABELS: LazyLock<[memmem::Finder<'static>; 4]> =
    LazyLock::new(|| ["session ID ", "Wall time", "sessions/", "tmp"].map(memmem::Finder::new));

impl Scanner {
    /// Makes a scanner that also knows this capture's own directories (see [`super::locations`]).
    pub fn new(locations: &[String]) -> Self {
        let mut sorted: Vec<&String> = locations.iter().collect();
        sorted.sort_by_key(|l| (std::cmp::Reverse(l.len()), l.as_str()));
        Self {
            locations: sorted
                .iter()
                .map(|l| memmem::Finder::new(l.as_bytes()).into_owned())
                .collect(),
        }
    }

    /// The dynamic parts of a text, in order, without overlaps; of two that overlap the one that begins first stays,
    /// then the longer.
    pub fn scan(&self, text: &str, place: TextPlace) -> Vec<Token> {
        let bytes = text.as_bytes();
        let mut tokens = Vec::new();
        for at in memchr::memchr3_iter(b'-', b'_', b':', bytes) {
            match bytes[at] {
                b'-' => at_dash(bytes, at, &mut tokens),
                b'_' => at_underscore(bytes, at, &mut tokens),
                _ => at_colon(bytes, at, &mut tokens),
            }
        }
        if bytes.len() >= 12 {
            self.labelled(bytes, &mut tokens);
        }
        if place.is_tool_output {
            decimal_durations(bytes, &mut tokens);
        }
        if place.has_versions {
            versions(bytes, &mut tokens);
        }
        if tokens.len() > 1 {
            tokens.sort_by_key(|t| (t.range.start, std::cmp::Reverse(t.range.end)));
            let mut end = 0;
            tokens.retain(|t| {
                let keep = t.range.start >= end;
                if keep {
                    end = t.range.end;
                }
                keep
            });
        }
        tokens
    }

    /// Shapes that a fixed word announces.
    fn labelled(&self, bytes: &[u8], tokens: &mut Vec<Token>) {
        for finder in &self.locations {
            let length = finder.needle().len();
            for at in finder.find_iter(bytes) {
                let is_whole = bytes
                    .get(at + length)
                    .is_none_or(|&b| !is_word(b) && b != b'-');
                if is_whole {
                    tokens.push(Token {
                        range: at..at + length,
                        class: Class::Location,
                    });
                }
            }
        }
        let [session, wall_time, sessions, temporary] = &*LABELS;
        for at in session.find_iter(bytes) {
            push_run(
                bytes,
                at + 11,
                u8::is_ascii_digit,
                1,
                Class::CommandSession,
                tokens,
            );
        }
        for at in wall_time.find_iter(bytes) {
            let mut from = at + 9;
            while bytes.get(from).is_some_and(|b| matches!(b, b':' | b' ')) {
                from += 1;
            }
            push_run(
                bytes,
                from,
                |b| b.is_ascii_digit() || *b == b'.',
                1,
                Class::Duration,
                tokens,
            );
        }
        for at in sessions.find_iter(bytes) {
            let from = at + 9;
            if matches_shape(bytes, from, b"0000/00/00") {
                tokens.push(Token {
                    range: from..from + 10,
                    class: Class::Date,
                });
            }
        }
        for at in temporary.find_iter(bytes) {
            temporary_name(bytes, at, tokens);
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn push_run(
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
fn matches_shape(bytes: &[u8], from: usize, shape: &[u8]) -> bool {
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

fn at_dash(bytes: &[u8], at: usize, tokens: &mut Vec<Token>) {
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

fn at_underscore(bytes: &[u8], at: usize, tokens: &mut Vec<Token>) {
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

fn at_colon(bytes: &[u8], at: usize, tokens: &mut Vec<Token>) {
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
fn temporary_name(bytes: &[u8], at: usize, tokens: &mut Vec<Token>) {
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

/// Decimal numbers with a unit of time behind them.
fn decimal_durations(bytes: &[u8], tokens: &mut Vec<Token>) {
    for dot in memchr::memchr_iter(b'.', bytes) {
        let whole = bytes[..dot]
            .iter()
            .rev()
            .take_while(|b| b.is_ascii_digit())
            .count();
        let part = bytes[dot + 1..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        let start = dot - whole;
        if whole == 0
            || part == 0
            || start
                .checked_sub(1)
                .is_some_and(|b| is_word(bytes[b]) || bytes[b] == b'.')
        {
            continue;
        }
        let rest = &bytes[dot + 1 + part..];
        let unit = rest.strip_prefix(b" ").unwrap_or(rest);
        let word = unit.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        if matches!(
            &unit[..word],
            b"s" | b"ms" | b"us" | b"sec" | b"secs" | b"second" | b"seconds"
        ) {
            tokens.push(Token {
                range: start..dot + 1 + part,
                class: Class::Duration,
            });
        }
    }
}

/// Dotted numbers such as `0.169.0`, with a suffix such as `-alpha.3`.
fn versions(bytes: &[u8], tokens: &mut Vec<Token>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, place: TextPlace, expect: &str) {
        let scanner = Scanner::new(&["/home/agent/project".to_owned()]);
        let mut shown = String::new();
        let mut from = 0;
        for token in scanner.scan(text, place) {
            shown.push_str(&text[from..token.range.start]);
            shown.push_str(token.class.placeholder());
            from = token.range.end;
        }
        shown.push_str(&text[from..]);
        assert_eq!(shown, expect);
    }

    #[test]
    fn finds_identifiers_times_and_the_like() {
        let plain = TextPlace::default();
        check(
            "window 01a1fbd8-95a7-7140-b45c-3b2d1ddbd775:0",
            plain,
            "window <uuid>:0",
        );
        check("msg_01a1fbd8-95a7-7140-b45c-3b2d1ddbd775", plain, "<uuid>");
        check(
            "a01a1fbd8-95a7-7140-b45c-3b2d1ddbd775",
            plain,
            "a01a1fbd8-95a7-7140-b45c-3b2d1ddbd775",
        );
        check("call_Zx81kq02LmN4pQ7s and call_1", plain, "<id> and call_1");
        check(
            "my_call_Zx81kq02LmN4pQ7s",
            plain,
            "my_call_Zx81kq02LmN4pQ7s",
        );
        check(
            "Chunk ID: 28dd3e\nWall time: 0.0132 seconds\n",
            plain,
            "Chunk ID: <chunk-id>\nWall time: <duration> seconds\n",
        );
        check(
            "Process running with session ID 1000\n",
            plain,
            "Process running with session ID <session>\n",
        );
        check(
            "on 2026-11-21 at 2026-11-21T02:10:16.123Z.",
            plain,
            "on <date> at <time>.",
        );
        check(
            "/home/agent/.codex/sessions/2026/11/21/rollout-2026-11-21T02-10-16-01a1fbd8-95a7-7140-b45c-3b2d1ddbd775.jsonl",
            plain,
            "/home/agent/.codex/sessions/<date>/rollout-<time>-<uuid>.jsonl",
        );
        check(
            "http://127.0.0.1:9001/v1 and example.com:443",
            plain,
            "http://127.0.0.1:<port>/v1 and example.com:443",
        );
        check("cd /home/agent/project/src", plain, "cd <location>/src");
        check("cd /home/agent/projects", plain, "cd /home/agent/projects");
        check(
            "/tmp/.tmpA1b2C3/x /tmp/tmpab12_x8k",
            plain,
            "/tmp/.<temporary>/x /tmp/<temporary>",
        );
    }

    #[test]
    fn some_shapes_count_only_in_their_place() {
        let output = TextPlace {
            is_tool_output: true,
            ..TextPlace::default()
        };
        check(
            "finished in 0.03s, version 1.2.3",
            output,
            "finished in <duration>s, version 1.2.3",
        );
        check(
            "finished in 0.03s",
            TextPlace::default(),
            "finished in 0.03s",
        );
        let agent = TextPlace {
            has_versions: true,
            ..TextPlace::default()
        };
        check(
            "codex_exec/0.169.0 (Debian 12.0.0; x86_64)",
            agent,
            "codex_exec/<version> (Debian <version>; x86_64)",
        );
    }
}
