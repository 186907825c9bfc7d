//! Takes secrets out of what is written, in a way that keeps equal values equal.

use std::borrow::Cow;

use memchr::memmem;

/// Headers whose whole value is a secret or names an account.
const SECRET_HEADERS: [&str; 10] = [
    "x-api-key",
    "api-key",
    "openai-api-key",
    "x-goog-api-key",
    "chatgpt-account-id",
    "openai-organization",
    "openai-project",
    "x-auth-token",
    "x-amz-security-token",
    "x-openai-actor-authorization",
];

/// Shorter values of headers are not looked for elsewhere: they would be found by chance.
const MIN_SOUGHT: usize = 8;

/// Replaces secrets by `<secret 1>`, `<secret 2>`, …, numbered in order of first appearance.
///
/// Equal secrets get equal numbers, so that what was tied by a value stays tied. Secret are the credentials of
/// `authorization` headers (the scheme stays), cookie values, account ids and API-key headers; wherever they stand
/// again; and whatever has the shape of a well-known kind of key or of a JSON Web Token.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    /// Number `n` stands at `n - 1`.
    secrets: Vec<String>,
}

impl Redactor {
    /// Makes a redactor that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many different secrets were replaced.
    pub fn count(&self) -> usize {
        self.secrets.len()
    }

    /// The value of a header with what is secret in it replaced.
    pub fn header<'a>(&mut self, name: &str, value: &'a str) -> Cow<'a, str> {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "authorization" | "proxy-authorization" => match value.split_once(' ') {
                Some((scheme, credentials)) => {
                    Cow::Owned(format!("{scheme} {}", self.placeholder(credentials)))
                }
                None => Cow::Owned(self.placeholder(value)),
            },
            "cookie" => {
                let pairs: Vec<String> = value.split("; ").map(|pair| self.cookie(pair)).collect();
                Cow::Owned(pairs.join("; "))
            }
            "set-cookie" => {
                let (pair, attributes) = value.split_at(value.find(';').unwrap_or(value.len()));
                Cow::Owned(self.cookie(pair) + attributes)
            }
            _ if SECRET_HEADERS.contains(&name.as_str()) => Cow::Owned(self.placeholder(value)),
            _ => Cow::Borrowed(value),
        }
    }

    /// A text, JSON or not, with what is secret in it replaced. The placeholder needs no escape in JSON.
    pub fn text(&mut self, text: String) -> String {
        let mut found = Vec::new();
        for secret in self.secrets.iter().filter(|s| s.len() >= MIN_SOUGHT) {
            let places = memmem::find_iter(text.as_bytes(), secret.as_bytes());
            found.extend(places.map(|start| start..start + secret.len()));
        }
        for shape in SHAPES {
            shape.find(&text, &mut found);
        }
        if found.is_empty() {
            return text;
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
        out
    }

    fn cookie(&mut self, pair: &str) -> String {
        match pair.split_once('=') {
            Some((name, value)) => format!("{name}={}", self.placeholder(value)),
            None => self.placeholder(pair),
        }
    }

    /// The stand-in for a secret; what is empty or a stand-in already stays.
    fn placeholder(&mut self, secret: &str) -> String {
        let is_stand_in = secret.starts_with("<secret ") || secret == "[REDACTED]";
        if secret.is_empty() || is_stand_in {
            return secret.to_owned();
        }
        let known = self.secrets.iter().position(|known| known == secret);
        let position = known.unwrap_or_else(|| {
            self.secrets.push(secret.to_owned());
            self.secrets.len() - 1
        });
        format!("<secret {}>", position + 1)
    }
}

/// A kind of key that is known by how it begins.
struct Shape {
    prefix: &'static str,
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

const SHAPES: &[Shape] = &[
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
    fn find(&self, text: &str, found: &mut Vec<std::ops::Range<usize>>) {
        let bytes = text.as_bytes();
        for start in memmem::find_iter(bytes, self.prefix.as_bytes()) {
            if !is_boundary(&bytes[..start]) {
                continue;
            }
            let rest = &bytes[start + self.prefix.len()..];
            let is_part = |b: &u8| is_key_byte(*b) || (self.dots > 0 && *b == b'.');
            let length = rest.iter().take_while(|b| is_part(b)).count();
            let key = &rest[..length];
            let dots = key.iter().filter(|b| **b == b'.').count();
            // Keys hold digits; words joined by hyphens do not.
            if length >= self.min_rest && dots == self.dots && key.iter().any(u8::is_ascii_digit) {
                found.push(start..start + self.prefix.len() + length);
            }
        }
    }
}

/// Whether a key can begin behind these bytes: not inside a word, but behind an escape such as `\n`.
fn is_boundary(before: &[u8]) -> bool {
    match before {
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., last] => !is_key_byte(*last) && !matches!(last, b'+' | b'/' | b'.'),
        [] => true,
    }
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
