//! Finds the dynamic parts of a text by their shape.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem;

use super::output_shapes::in_output;
use super::shapes::{
    at_colon, at_dash, at_underscore, is_word, matches_shape, push_run, temporary_name, versions,
};

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
    /// A count of tokens that depends on the length of directory names.
    Count,
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
            Class::Count => "<count>",
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
    /// Whether the directories of the two captures differ, and with them what depends on the length of their names.
    directories_differ: bool,
}

/// Finds the words that announce a dynamic value; made once, as making one costs more than looking through a short text.
static LABELS: LazyLock<[memmem::Finder<'static>; 4]> =
    LazyLock::new(|| ["session ID ", "Wall time", "sessions/", "tmp"].map(memmem::Finder::new));

impl Scanner {
    /// Makes a scanner that also knows these directories of its capture (see [`LocationFinder`](super::LocationFinder)).
    ///
    /// `directories_differ` tells whether this capture or the one it is compared with has any that the other has not.
    pub fn new(locations: &[String], directories_differ: bool) -> Self {
        let mut sorted: Vec<&String> = locations.iter().collect();
        sorted.sort_by_key(|l| (std::cmp::Reverse(l.len()), l.as_str()));
        Self {
            locations: sorted
                .iter()
                .map(|l| memmem::Finder::new(l.as_bytes()).into_owned())
                .collect(),
            directories_differ,
        }
    }

    /// Finds the dynamic parts of a text, in order, without overlaps.
    ///
    /// Of two that overlap the one that begins first stays, then the longer.
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
        if bytes.len() >= 12 || !self.locations.is_empty() {
            self.labelled(bytes, &mut tokens);
        }
        if place.is_tool_output {
            in_output(bytes, &mut tokens);
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
                let before = at.checked_sub(1).map(|before| bytes[before]);
                // `</root>` is no directory, nor is `/root` in `/mnt/root`.
                let begins = before.is_none_or(|b| !is_word(b) && b != b'<');
                let ends = bytes
                    .get(at + length)
                    .is_none_or(|&b| !is_word(b) && b != b'-');
                let is_whole = begins && ends;
                if is_whole {
                    tokens.push(Token {
                        range: at..at + length,
                        class: Class::Location,
                    });
                }
            }
        }
        if self.directories_differ {
            // The tokens of an output are counted before anything is renamed (exec_command, codex 0.115.0 and later).
            for at in memmem::find_iter(bytes, b"riginal token count: ") {
                push_run(bytes, at + 21, u8::is_ascii_digit, 1, Class::Count, tokens);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, place: TextPlace, expect: &str) {
        let scanner = Scanner::new(&["/home/agent/project".to_owned()], true);
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
        check(
            "</home/agent/project> /mnt/home/agent/project",
            plain,
            "</home/agent/project> /mnt/home/agent/project",
        );
        check(
            "Original token count: 17",
            plain,
            "Original token count: <count>",
        );
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
        check("real\t0m0.208s", output, "real\t<duration>s");
        check(
            r#"{"metadata":{"duration_seconds":0.1}}"#,
            output,
            r#"{"metadata":{"duration_seconds":<duration>}}"#,
        );
        check("at Sat Nov 21 09:20:17 UTC 2026.", output, "at <time>.");
        check(
            "Date:   Sat Nov 1 09:20:18 2026 +0000\n",
            output,
            "Date:   <time>\n",
        );
        check("root 4096 Nov  1 09:20 src", output, "root 4096 <time> src");
        check(
            "1795252817 17952528170 v1795252817",
            output,
            "<time> 17952528170 v1795252817",
        );
        check(
            "commit 7e06cdfed52424a869ba8ff64587ca1842a886a5",
            output,
            "commit <id>",
        );
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
