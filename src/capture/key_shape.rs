//! Keys that are known by their looks.

use std::ops::Range;

/// A kind of key that is known by how it begins.
pub(super) struct Shape {
    pub(super) prefix: &'static str,
    /// Fewest characters of the key behind the prefix.
    min_rest: usize,
    /// How many dots must stand in it.
    dots: usize,
}

const fn shape(prefix: &'static str, min_rest: usize) -> Shape {
    Shape {
        prefix,
        min_rest,
        dots: 0,
    }
}

pub(super) const SHAPES: &[Shape] = &[
    shape("sk-", 16),
    shape("sess-", 24),
    shape("ghp_", 20),
    shape("gho_", 20),
    shape("ghs_", 20),
    shape("ghu_", 20),
    shape("github_pat_", 20),
    shape("glpat-", 16),
    shape("xoxb-", 16),
    shape("xoxp-", 16),
    shape("AKIA", 16),
    shape("AIza", 30),
    // A JSON Web Token: three parts, of which the signature may be empty.
    Shape {
        prefix: "eyJ",
        min_rest: 20,
        dots: 2,
    },
];

impl Shape {
    /// Whether a key is one even where a part of a path, or base64, may stand: with hyphens and underscores it is no base64
    /// that has `/`, and names of files have no long words with digits in them. Nor has base64 the dots of a web token.
    fn is_known_in_path(&self, key: &[u8]) -> bool {
        const LONG_WORD: usize = 20;
        let is_random = |word: &[u8]| {
            word.len() >= LONG_WORD
                && word.iter().any(u8::is_ascii_digit)
                && word.iter().any(u8::is_ascii_alphabetic)
        };
        let is_apart = self.prefix.ends_with(['-', '_']);
        self.dots > 0 || is_apart && key.split(|b| matches!(b, b'-' | b'_')).any(is_random)
    }

    /// The key of this kind that begins here, if it is one.
    pub(super) fn key_at(&self, bytes: &[u8], start: usize) -> Option<Range<usize>> {
        let boundary = boundary(&bytes[..start])?;
        let rest = &bytes[start + self.prefix.len()..];
        let is_part = |b: &u8| is_key_byte(*b) || (self.dots > 0 && *b == b'.');
        let length = rest.iter().take_while(|b| is_part(b)).count();
        let key = &rest[..length];
        let dots = key.iter().filter(|b| **b == b'.').count();
        // Keys hold digits; words joined by hyphens do not.
        let is_key =
            length >= self.min_rest && dots == self.dots && key.iter().any(u8::is_ascii_digit);
        let is_key = is_key && (boundary == Boundary::Clear || self.is_known_in_path(key));
        is_key.then_some(start..start + self.prefix.len() + length)
    }
}

/// What stands before a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Boundary {
    /// Nothing that could belong to it, or an escape such as `\n`.
    Clear,
    /// What parts a path, or a name from a key (`openai-insecure-api-key.sk-…`), but stands in base64 and names of files, too.
    Part,
}

/// What a key can begin behind: not behind the middle of a word.
fn boundary(before: &[u8]) -> Option<Boundary> {
    match before {
        [.., b'\\', b'n' | b'r' | b't'] => Some(Boundary::Clear),
        [.., b'/' | b'.'] => Some(Boundary::Part),
        [.., last] => (!is_key_byte(*last) && *last != b'+').then_some(Boundary::Clear),
        [] => Some(Boundary::Clear),
    }
}

pub(super) fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use crate::capture::find_secrets;

    #[test]
    fn keys_are_found_in_paths_and_subprotocols() {
        let key = "sk-proj-Ab1dEfGhIjKlMnOpQrStUvWx-yz";
        for text in [
            format!("/v1/files/{key}/content"),
            format!("https://host.example/{key}"),
            format!("openai-insecure-api-key.{key}"),
        ] {
            let found: Vec<&str> = find_secrets(&text).into_iter().map(|r| &text[r]).collect();
            assert_eq!(found, [key], "{text}");
        }
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
        let end = 3 + token.len();
        assert_eq!(find_secrets(&format!("/t/{token}?")), vec![3..end]);
        for text in [
            "src/sk-learn-experiments-2026-07/main.py",
            "gAAAAB/sk-zzzzefghijklmnop1",
            "AAAA/AKIAABCDEFGHIJ234567",
        ] {
            assert!(find_secrets(text).is_empty(), "{text}");
        }
    }
}
