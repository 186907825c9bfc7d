//! Takes secrets out of what is written, in a way that keeps equal values equal.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memchr::memmem;

use super::secrets::{SecretHeader, find_secrets, is_stand_in, secret_header};

/// Shorter values of headers are not looked for elsewhere: they would be found by chance.
const MIN_SOUGHT: usize = 8;
/// Most secrets that are looked for in texts: the latest. Who sends a new one with each request must not slow all others.
const MAX_SOUGHT: usize = 1024;

/// Replaces secrets by `<secret 1>`, `<secret 2>`, …, numbered in order of first appearance.
///
/// Equal secrets get equal numbers, so that what was tied by a value stays tied. Secret are the credentials of
/// `authorization` headers (the scheme stays), cookie values, account ids and API-key headers; wherever they stand
/// again (of the latest 1,024); and what [`find_secrets`] finds in texts. Clones share what they have seen, so that several threads can replace
/// secrets for one file.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Number `n` stands at `n - 1`.
    secrets: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, usize>,
}

impl Redactor {
    /// Makes a redactor that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many different secrets were replaced.
    pub fn count(&self) -> usize {
        self.seen().secrets.len()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The secrets that are looked for in texts, with their numbers.
    pub(super) fn sought(&self) -> Vec<(usize, Arc<str>)> {
        let seen = self.seen();
        let first = seen.secrets.len().saturating_sub(MAX_SOUGHT);
        let numbered = (first + 1..).zip(seen.secrets[first..].iter().cloned());
        numbered.filter(|(_, s)| s.len() >= MIN_SOUGHT).collect()
    }

    /// Whether it has seen a secret with white space in it, which a text that ends behind a word may cut.
    pub fn knows_spaced_secret(&self) -> bool {
        let is_spaced = |secret: &Arc<str>| secret.contains(char::is_whitespace);
        self.seen().secrets.iter().any(is_spaced)
    }

    /// The value of a header with what is secret in it replaced.
    pub fn header<'a>(&mut self, name: &str, value: &'a str) -> Cow<'a, str> {
        match secret_header(name) {
            Some(SecretHeader::Credential) => match value.split_once(' ') {
                Some((scheme, credentials)) if is_scheme(scheme) => {
                    Cow::Owned(format!("{scheme} {}", self.placeholder(credentials)))
                }
                _ => Cow::Owned(self.placeholder(value)),
            },
            Some(SecretHeader::Cookie) => {
                let pairs: Vec<String> = value.split("; ").map(|pair| self.cookie(pair)).collect();
                Cow::Owned(pairs.join("; "))
            }
            Some(SecretHeader::SetCookie) => {
                let (pair, attributes) = value.split_at(value.find(';').unwrap_or(value.len()));
                Cow::Owned(self.cookie(pair) + attributes)
            }
            Some(SecretHeader::Whole) => Cow::Owned(self.placeholder(value)),
            None => Cow::Borrowed(value),
        }
    }

    /// A text, JSON or not, with what is secret in it replaced. The placeholder needs no escape in JSON.
    pub fn text(&mut self, text: String) -> String {
        self.replaced(&text, 0..text.len()).unwrap_or(text)
    }

    /// As [`Redactor::text`], for bytes that hold text among others.
    pub fn bytes(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            out.extend_from_slice(self.text(chunk.valid().to_owned()).as_bytes());
            out.extend_from_slice(chunk.invalid());
        }
        out
    }

    /// As [`Redactor::text`], for a text in which nothing has the looks of a secret: only secrets that were seen elsewhere are
    /// looked for.
    pub fn known(&mut self, text: String) -> String {
        self.replaced(&text, 0..0).unwrap_or(text)
    }

    /// As [`Redactor::text`]; `None` where nothing is secret. Outside of the `new` part nothing has the looks of a secret, as
    /// [`find_secrets`] knows it.
    pub(super) fn replaced(&mut self, text: &str, new: Range<usize>) -> Option<String> {
        let mut found = Vec::new();
        for (_, secret) in self.sought() {
            let places = memmem::find_iter(text.as_bytes(), secret.as_bytes());
            found.extend(places.map(|start| start..start + secret.len()));
        }
        let start = new.start;
        let looks = find_secrets(&text[new]).into_iter();
        found.extend(looks.map(|range| range.start + start..range.end + start));
        if found.is_empty() {
            return None;
        }
        // At one place the longest wins.
        found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for range in found {
            if range.start < done {
                continue;
            }
            out.push_str(&text[done..range.start]);
            out.push_str(&self.placeholder(&text[range.clone()]));
            done = range.end;
        }
        out.push_str(&text[done..]);
        Some(out)
    }

    /// An excerpt of a text, cut off at `…`, with what is secret in it replaced, also where only a part of a known secret
    /// is left at a cut.
    pub fn excerpt(&mut self, text: &str) -> String {
        let mut text = self.text(text.to_owned());
        if !text.contains('…') {
            return text;
        }
        for (number, secret) in self.sought() {
            text = without_parts(text, &secret, &format!("<secret {number}>"));
        }
        text
    }

    fn cookie(&mut self, pair: &str) -> String {
        match pair.split_once('=') {
            Some((name, value)) => format!("{name}={}", self.placeholder(value)),
            None => self.placeholder(pair),
        }
    }

    /// The stand-in for a secret; what is empty or a stand-in already stays.
    fn placeholder(&mut self, secret: &str) -> String {
        if secret.is_empty() || is_stand_in(secret) {
            return secret.to_owned();
        }
        let mut seen = self.seen();
        let known = seen.numbers.get(secret).copied();
        let number = known.unwrap_or_else(|| {
            let secret = Arc::<str>::from(secret);
            seen.secrets.push(secret.clone());
            let number = seen.secrets.len();
            seen.numbers.insert(secret, number);
            number
        });
        format!("<secret {number}>")
    }
}

/// Whether a word before a space is an authentication scheme and not a part of a secret.
fn is_scheme(word: &str) -> bool {
    word.len() <= 12 && word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
}

/// Fewest bytes of a secret that are taken for a part of it at a cut.
const MIN_PART: usize = 4;

/// Replaces what is left of a secret before or behind a `…`.
fn without_parts(text: String, secret: &str, placeholder: &str) -> String {
    let part_lengths = || (MIN_PART..secret.len()).rev();
    let mut pieces: Vec<String> = text.split('…').map(str::to_owned).collect();
    let last = pieces.len() - 1;
    for (index, piece) in pieces.iter_mut().enumerate() {
        if index < last {
            let part = part_lengths()
                .filter_map(|length| secret.get(..length))
                .find(|part| piece.ends_with(part));
            if let Some(part) = part {
                piece.truncate(piece.len() - part.len());
                piece.push_str(placeholder);
            }
        }
        if index > 0 {
            let part = part_lengths()
                .filter_map(|length| secret.get(secret.len() - length..))
                .find(|part| piece.starts_with(part));
            if let Some(part) = part {
                piece.replace_range(..part.len(), placeholder);
            }
        }
    }
    pieces.join("…")
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::json::Document;

    #[test]
    fn headers_keep_their_form() {
        let mut redactor = Redactor::new();
        let mut check = |name, value, expect| {
            assert_eq!(redactor.header(name, value), expect, "{name}: {value}");
        };
        check("Authorization", "Bearer sk-fake-0000", "Bearer <secret 1>");
        check("authorization", "Bearer sk-fake-0000", "Bearer <secret 1>");
        check("x-api-key", "sk-fake-0000", "<secret 1>");
        check("cookie", "a=1; b=22", "a=<secret 2>; b=<secret 3>");
        check("set-cookie", "b=22; Path=/", "b=<secret 3>; Path=/");
        check("ChatGPT-Account-ID", "acct-9", "<secret 4>");
        check("user-agent", "codex/1", "codex/1");
        check("authorization", "[REDACTED]", "[REDACTED]");
        check("authorization", "Bearer <secret 1>", "Bearer <secret 1>");
    }

    #[test]
    fn texts_lose_what_looks_like_a_key_and_nothing_else() {
        let mut redactor = Redactor::new();
        redactor.header("authorization", "Bearer made-up-credential");
        let mut check = |text: &str, expect: &str| {
            assert_eq!(redactor.text(text.to_owned()), expect);
        };
        check("a made-up-credential b", "a <secret 1> b");
        check(
            r#"{"k":"\nsk-abcdefghijklmnop1"}"#,
            r#"{"k":"\n<secret 2>"}"#,
        );
        check("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0. x", "<secret 3> x");
        check("eyJhbGciOiJub25lIn0 eyJ", "eyJhbGciOiJub25lIn0 eyJ");
        for plain in [
            "task-management-system-2026-rollout",
            "sk-fading-circle-container",
            "gAAAAB/sk-zzzzefghijklmnop1",
            "sk-short1",
        ] {
            check(plain, plain);
        }
        assert_eq!(redactor.count(), 3);
    }

    /// JSON texts that differ behind some place, with what looks like a secret, or nearly, in them.
    fn bodies() -> impl Strategy<Value = (String, String)> {
        let part = select(vec![
            "sk-1234567890abcdefg",
            "sk-",
            "12345678",
            "bearer ",
            "opaque.credential-1",
            "\"password\":",
            "\"",
            ":",
            " ",
            "?token=",
            "abc12",
            "\\",
            "password",
            "{",
            "}],",
            "\n",
            "word",
            "x-api-key",
        ]);
        let text = || {
            vec(part.clone(), 0..6)
                .prop_map(|parts| serde_json::Value::from(parts.concat()).to_string())
        };
        let value = prop_oneof![
            4 => text(),
            1 => select(vec!["1", "12345", "null", "{}", "[]", "[1,2]"]).prop_map(str::to_owned),
            2 => (text(), text()).prop_map(|(key, value)| format!("{{{key}: {value}}}")),
            1 => (text(), text()).prop_map(|(a, b)| format!("[{a},{b} , 7]")),
        ];
        let list = || vec(value.clone(), 0..4);
        (list(), list(), list(), list(), text()).prop_map(|(same, before, after, end, key)| {
            let body = |rest: Vec<String>| {
                let items = [same.clone(), rest].concat().join(",");
                let end: String = end
                    .iter()
                    .map(|value| format!(" ,\n    {key}:{value}"))
                    .collect();
                format!("{{\"input\":[{items}],{key}:[{{{key}:1}}]{end}}}")
            };
            (body(before), body(after))
        })
    }

    proptest! {
        #[test]
        fn what_was_looked_at_before_hides_no_secret((before, after) in bodies()) {
            if !find_secrets(&before).is_empty() {
                return Ok(());
            }
            let document = Document::parse(before).unwrap();
            let (_, new) = Document::parse_after(after.as_bytes(), document.clone()).unwrap();
            let start = new.start;
            let looks = find_secrets(&after[new.clone()]).into_iter();
            let found: Vec<_> = looks.map(|range| range.start + start..range.end + start).collect();
            prop_assert_eq!(found, find_secrets(&after), "{} {} {:?}", document.text(), after, new);
        }
    }
}
