//! Recognises secrets: headers that carry them, and texts that look like them.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::packed::Searcher;
use memchr::memmem;
use regex::Regex;

use super::key_shape::{SHAPES, Shape, is_key_byte};

/// What is secret in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretHeader {
    /// What follows the scheme word (`Bearer …`).
    Credential,
    /// The values of `name=value` pairs.
    Cookie,
    /// The value of the first `name=value` pair.
    SetCookie,
    /// The whole value: a key, a token, an account.
    Whole,
}

/// Headers whose whole value is a secret or names an account.
const SECRET_HEADERS: [&str; 4] = [
    "chatgpt-account-id",
    "openai-organization",
    "openai-project",
    "x-account-id",
];

/// What is secret in a header of this name, in any letter case.
pub fn secret_header(name: &str) -> Option<SecretHeader> {
    let name = match name.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    };
    let name = &*name;
    let is_key = has_secret_word(name.as_bytes());
    let is_token = name.ends_with("-token") || name.ends_with("_token") || name == "token";
    match name {
        "cookie" => Some(SecretHeader::Cookie),
        "set-cookie" => Some(SecretHeader::SetCookie),
        _ if name.ends_with("authorization") => Some(SecretHeader::Credential),
        _ if is_key || is_token || SECRET_HEADERS.contains(&name) => Some(SecretHeader::Whole),
        _ => None,
    }
}

/// Whether a word stands in a header name in lower case that tells a secret.
fn has_secret_word(name: &[u8]) -> bool {
    // Most places are told by one letter.
    let words = |first: u8| -> &[&str] {
        match first {
            b'a' => &["api-key", "api_key", "apikey", "access-key"],
            b'p' => &["password"],
            b's' => &["secret"],
            _ => &[],
        }
    };
    (0..name.len()).any(|at| {
        let mut words = words(name[at]).iter();
        words.any(|word| name[at..].starts_with(word.as_bytes()))
    })
}

/// How names of JSON members end whose values are secrets.
const SECRET_KEYS: [&str; 16] = [
    "api_key",
    "api-key",
    "apikey",
    "access_token",
    "access-token",
    "refresh_token",
    "refresh-token",
    "id_token",
    "auth_token",
    "auth-token",
    "bearer_token",
    "client_secret",
    "password",
    "authorization",
    "account_id",
    "account-id",
];

/// Whether what stands under this key of a JSON object is a secret.
pub fn is_secret_key(key: &str) -> bool {
    let bytes = key.as_bytes();
    let ends_with = |end: &&str| {
        let from = bytes.len().checked_sub(end.len());
        from.is_some_and(|from| bytes[from..].eq_ignore_ascii_case(end.as_bytes()))
    };
    SECRET_KEYS.iter().any(ends_with) || key.eq_ignore_ascii_case("cookie")
}

/// Where secrets stand in a text, JSON or not, in order of their starts; ranges may overlap.
///
/// These are keys of the well-known shapes (`sk-…`, `ghp_…`, `AKIA…`), JSON Web Tokens, what follows `Bearer` or `Basic`,
/// and values of parameters and JSON members whose name says so (`api_key`, `access_token`, `password`, `account_id`).
pub fn find_secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let may_have_scheme = find_shapes(text.as_bytes(), &mut found);
    let (may_have_parameter, may_have_keyed) = may_have_named(text.as_bytes());
    let patterns = [
        (&SCHEME, true, may_have_scheme),
        (&PARAMETER, false, may_have_parameter),
        (&KEYED, false, may_have_keyed),
    ];
    for (pattern, may_be_word, is_needed) in patterns {
        if is_needed {
            find_values(pattern, may_be_word, text, &mut found);
        }
    }
    found.sort_by_key(|range| range.start);
    found
}

/// What the first group of a pattern finds that is a secret.
fn find_values(pattern: &Regex, may_be_word: bool, text: &str, found: &mut Vec<Range<usize>>) {
    let values = pattern.captures_iter(text).filter_map(|c| c.get(1));
    found.extend(values.map(|m| m.range()).filter(|range| {
        let value = &text[range.clone()];
        let is_word = value.len() < 16 && value.bytes().all(|b| b.is_ascii_lowercase());
        !(is_stand_in(value) || may_be_word && is_word)
    }));
}

/// Whether a text without white space and punctuation can be a secret: [`find_secrets`] finds none in words that are not.
pub fn may_be_key(word: &str) -> bool {
    let begins = |shape: &Shape| word.starts_with(shape.prefix);
    !word.bytes().all(is_key_byte) || SHAPES.iter().any(begins)
}

/// Whether a recorder or this program has put it in a secret's place.
pub(super) fn is_stand_in(value: &str) -> bool {
    value.starts_with("<secret") || value == "[REDACTED]"
}

/// A pattern of this module, whose first group is the secret.
fn pattern(text: &str) -> Regex {
    // The patterns are constants, and a test compiles each.
    Regex::new(text).unwrap_or_else(|error| unreachable!("{error}"))
}

static SCHEME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i-u:\b(?:bearer|basic) +)([A-Za-z0-9._~+/=-]{8,})"));

static PARAMETER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i-u:[?&](?:key|token|sig|signature|secret|password|api[-_]?key|(?:access|refresh|id|auth|client)[-_](?:token|secret|key))=)([^&\s"'#<>\\]+)"#,
    )
});

static KEYED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i-u:"(?:[a-z0-9_-]*(?:api[-_]?key|(?:access|refresh|id|auth|bearer)[-_]?token|client[-_]?secret|password|authorization|account[-_]id)|cookie))\\*"\s*:\s*\\*"([^"\\]{4,})"#,
    )
});

/// Whether the pattern [`SCHEME`] may match where one of [`SCHEME_BEGINNINGS`] stands.
fn may_be_scheme(at: &[u8]) -> bool {
    let begins = |word: &&[u8]| {
        let found = at.get(..word.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(word))
    };
    let Some(word) = [&b"bearer "[..], &b"basic "[..]].into_iter().find(begins) else {
        return false;
    };
    let value = at[word.len()..].trim_ascii_start();
    value.iter().take(8).all(|b| is_credential_byte(*b))
}

fn is_credential_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._~+/=-".contains(&byte)
}

/// Whether the patterns [`PARAMETER`] and [`KEYED`] can match at all. Looking at each byte that ends or begins a name takes a
/// fraction of the time of the patterns, and most texts have no such name.
fn may_have_named(bytes: &[u8]) -> (bool, bool) {
    let (mut has_parameter, mut has_keyed) = (false, false);
    for at in memchr::memchr3_iter(b':', b'?', b'&', bytes) {
        if bytes[at] != b':' {
            has_parameter |= is_before_parameter(&bytes[at + 1..]);
        } else if may_end_name(bytes, at) {
            has_keyed |= is_behind_name(&bytes[..at]);
        }
    }
    (has_parameter, has_keyed)
}

/// Whether a parameter may stand behind its `?` or `&`.
fn is_before_parameter(bytes: &[u8]) -> bool {
    const LONGEST: usize = 16;
    let mut behind = bytes
        .iter()
        .take(LONGEST)
        .skip_while(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'));
    behind.next() == Some(&b'=')
}

/// Whether what is before a colon can be a name that [`KEYED`] looks for, by its last letters: these tell most names apart.
fn may_end_name(bytes: &[u8], colon: usize) -> bool {
    let Some([third, second, last, b'"']) = bytes[..colon].last_chunk() else {
        return true;
    };
    match last | 0x20 {
        b'y' | b't' => second | 0x20 == b'e',
        b'n' => matches!(second | 0x20, b'e' | b'o'),
        b'd' => second | 0x20 == b'r' || matches!(third, b'_' | b'-'),
        b'e' => second | 0x20 == b'i',
        // A backslash with the bit set.
        b'|' => true,
        _ => false,
    }
}

/// Whether a name that [`KEYED`] looks for stands before a colon.
fn is_behind_name(before: &[u8]) -> bool {
    let before = match before.last() {
        Some(b'"') => before,
        Some(last) if last.is_ascii_whitespace() => before.trim_ascii_end(),
        _ => return false,
    };
    let Some(mut name) = before.strip_suffix(b"\"") else {
        return false;
    };
    while let Some(rest) = name.strip_suffix(b"\\") {
        name = rest;
    }
    let [.., before_last, last] = name else {
        return false;
    };
    // Two letters tell most names apart.
    let ends: &[&str] = match [before_last, last].map(u8::to_ascii_lowercase) {
        [b'e', b'y'] => &["apikey", "api_key", "api-key"],
        [b'e', b'n'] => &["token"],
        [b'e', b't'] => &["secret"],
        [b'r', b'd'] => &["password"],
        [b'o', b'n'] => &["authorization"],
        [b'i', b'd'] => &["account_id", "account-id"],
        [b'i', b'e'] => &["cookie"],
        _ => &[],
    };
    ends.iter().any(|end| {
        let from = name.len().checked_sub(end.len());
        from.is_some_and(|from| name[from..].eq_ignore_ascii_case(end.as_bytes()))
    })
}

/// How the words before credentials begin, in each letter case: more of them than three letters would be too many to look
/// for at once. The searcher deals beginnings out to eight groups in turn and checks all of a group where one of it may stand,
/// so the words take turns, too: one group with all of them takes a third more time over a whole text.
const SCHEME_BEGINNINGS: [&str; 16] = [
    "bea", "bas", "beA", "baS", "bEa", "bAs", "bEA", "bAS", "Bea", "Bas", "BeA", "BaS", "BEa",
    "BAs", "BEA", "BAS",
];

/// Finds the beginnings of all shapes, then those of the schemes, in one pass. No beginning overlaps another in a way that
/// would hide one.
static BEGINNINGS: LazyLock<Option<Searcher>> = LazyLock::new(|| {
    let shapes = SHAPES.iter().map(|shape| shape.prefix);
    Searcher::new(shapes.chain(SCHEME_BEGINNINGS))
});

/// Finds keys of the known shapes, and says whether the pattern [`SCHEME`] can match at all.
fn find_shapes(bytes: &[u8], found: &mut Vec<Range<usize>>) -> bool {
    let mut may_have_scheme = false;
    let mut look_at = |index: usize, start: usize| match SHAPES.get(index) {
        Some(shape) => found.extend(shape.key_at(bytes, start)),
        None => may_have_scheme = may_have_scheme || may_be_scheme(&bytes[start..]),
    };
    match &*BEGINNINGS {
        Some(searcher) => {
            for beginning in searcher.find_iter(bytes) {
                look_at(beginning.pattern().as_usize(), beginning.start());
            }
        }
        // The processor has no instructions for it.
        None => {
            let prefixes = SHAPES.iter().map(|shape| shape.prefix);
            for (index, beginning) in prefixes.chain(SCHEME_BEGINNINGS).enumerate() {
                for start in memmem::find_iter(bytes, beginning.as_bytes()) {
                    look_at(index, start);
                }
            }
        }
    }
    may_have_scheme
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[test]
    fn secrets_are_known_by_what_stands_before_them() {
        let check = |text: &str, expect: &[&str]| {
            let found: Vec<&str> = find_secrets(text).into_iter().map(|r| &text[r]).collect();
            assert_eq!(found, expect, "{text}");
        };
        check(
            "curl -H 'X: Bearer opaque.credential-1'",
            &["opaque.credential-1"],
        );
        check("bearer authentication is basic knowledge", &[]);
        check("Bearer <secret 1>, Bearer [REDACTED]", &[]);
        check("/v1/x?api_key=abc123&b=1&token=t", &["abc123", "t"]);
        check(r#"{"access_token":"opaque","n":1}"#, &["opaque"]);
        check(r#""{\"openai-api-key\": \"opaque\"}""#, &["opaque"]);
        check(r#"{"chatgpt_account_id":"acct-9"}"#, &["acct-9"]);
        check(r#"{"token_count":"12345","max_tokens":"99999"}"#, &[]);
    }

    /// Texts in which the patterns match, nearly match, and do not.
    fn near_secrets() -> impl Strategy<Value = String> {
        let names = "x-api_key api-key apikey api access_token id-token idtoken token client_secret secret sig password \
                     authorization account_id account-id id cookie a";
        let names = || select(names.split_whitespace().collect::<Vec<_>>());
        let values = || {
            select(vec![
                "opaque.12",
                "<secret 1>",
                "sk-1234567890abcdefg",
                "word",
                "x",
                "",
            ])
        };
        let quote = || select(vec!["\"", "\\\"", "\\\\\"", "'", ""]);
        let keyed = (
            quote(),
            names(),
            quote(),
            select(vec![":", " : ", "=", ""]),
            values(),
        );
        let keyed = keyed.prop_map(|(open, name, close, between, value)| {
            format!("{open}{name}{close}{between}{close}{value}{close}")
        });
        let parameter = (select(vec!["?", "&", " "]), names(), values());
        let parameter = parameter.prop_map(|(mark, name, value)| format!("{mark}{name}={value}"));
        let scheme = (
            select(vec!["bearer", "basic", "bear", "xbasic"]),
            " {0,2}",
            values(),
        );
        let scheme = scheme.prop_map(|(word, space, value)| format!("{word}{space}{value}"));
        let part = prop_oneof![keyed, parameter, scheme, "[ -~é]{0,4}"];
        let cased = (part, any::<u32>()).prop_map(|(part, upper)| {
            let letter = |(i, c): (usize, char)| match upper >> (i % 32) & 1 {
                1 => c.to_ascii_uppercase(),
                _ => c,
            };
            part.chars().enumerate().map(letter).collect::<String>()
        });
        vec(cased, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn looking_first_whether_a_pattern_can_match_misses_none(text in near_secrets()) {
            let mut all = Vec::new();
            find_shapes(text.as_bytes(), &mut all);
            for (pattern, may_be_word) in [(&SCHEME, true), (&PARAMETER, false), (&KEYED, false)] {
                find_values(pattern, may_be_word, &text, &mut all);
            }
            all.sort_by_key(|range| range.start);
            prop_assert_eq!(find_secrets(&text), all);
        }
    }

    #[test]
    fn words_that_can_be_no_key_hold_none() {
        for word in ["call_1a2b3c4d5e6f", "x-sk-a1b2c3d4e5f6g7h8i9j0k1l2"] {
            assert!(!may_be_key(word) && find_secrets(word).is_empty(), "{word}");
        }
        let key = "sk-a1b2c3d4e5f6g7h8i9j0k1l2";
        assert!(may_be_key(key) && !find_secrets(key).is_empty());
        assert!(may_be_key("a=b"));
    }

    #[test]
    fn names_are_found_wherever_the_pattern_finds_them() {
        for name in [
            "api_key",
            "openai-api-key",
            "APIKEY",
            "refresh_token",
            "idToken",
            "client-secret",
            "password",
            "x-authorization",
            "chatgpt_account_id",
            "account-id",
            "cookie",
        ] {
            for text in [
                format!(r#"{{"{name}":"opaque"}}"#),
                format!(r#"{{\\"{name}\\" : \\"opaque\\"}}"#),
            ] {
                assert!(KEYED.is_match(&text), "{text}");
                assert!(may_have_named(text.as_bytes()).1, "{text}");
            }
        }
        assert!(!may_have_named(br#"{"prompt_cache_key":"opaque"}"#).1);
    }

    #[test]
    fn headers_and_keys_are_known_by_their_names() {
        use SecretHeader::{Cookie, Credential, SetCookie, Whole};
        for (name, expect) in [
            ("X-Authorization", Some(Credential)),
            ("Cookie", Some(Cookie)),
            ("set-cookie", Some(SetCookie)),
            ("x-api-key", Some(Whole)),
            ("x-auth-token", Some(Whole)),
            ("ChatGPT-Account-ID", Some(Whole)),
            ("x-codex-turn-state", None),
            ("x-ratelimit-remaining-tokens", None),
        ] {
            assert_eq!(secret_header(name), expect, "{name}");
        }
        assert!(is_secret_key("api_key") && is_secret_key("refresh_token"));
        assert!(!is_secret_key("prompt_cache_key") && !is_secret_key("key"));
    }
}
