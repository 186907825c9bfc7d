//! What may be left of secrets in a capture that was redacted as it was written.

use std::collections::HashMap;
use std::io::{self, BufRead};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use memchr::memmem;

use crate::json::{Kind, Node, Value};

use super::redact::Redactor;
use super::secrets::find_secrets;

/// Most characters of a stream of deltas that are looked at together.
const WINDOW: usize = 512;
/// Most streams of deltas that are followed at once.
const MAX_STREAMS: usize = 4096;

/// A place in a capture that may still hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Residual {
    /// Line of the file, from 1.
    pub line: u64,
    /// The exchange, as the file numbers it.
    pub exchange: Option<u64>,
    /// How the secret is hidden.
    pub form: ResidualForm,
}

/// How a secret escaped redaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResidualForm {
    /// It stands there as it is.
    Plain,
    /// It is written with escapes.
    Escaped,
    /// It is encoded in base64.
    Base64,
    /// It is cut in pieces: deltas of a stream.
    Pieces,
}

impl ResidualForm {
    /// In words, behind "a secret".
    pub fn name(self) -> &'static str {
        match self {
            ResidualForm::Plain => "as it is",
            ResidualForm::Escaped => "written with escapes",
            ResidualForm::Base64 => "in base64",
            ResidualForm::Pieces => "in pieces",
        }
    }
}

/// Looks through the text of a capture in our own format for what its redaction may have missed: secrets that `redactor`
/// has seen and texts that look like one, as they are, escaped, in base64, or cut into the deltas of a stream. Each line
/// counts once.
///
/// # Errors
///
/// What reading reports.
pub fn residual_secrets(mut input: impl BufRead, redactor: &Redactor) -> io::Result<Vec<Residual>> {
    let mut scan = Scan {
        forms: Forms::of(redactor),
        streams: HashMap::new(),
    };
    let mut found = Vec::new();
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        if input.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&bytes);
        let record = Value::parse(text.trim_end()).ok();
        let exchange = record
            .as_ref()
            .and_then(|record| record.node().get("exchange")?.unsigned());
        if let Some(form) = scan.line(&text, record.as_ref(), exchange) {
            found.push(Residual {
                line,
                exchange,
                form,
            });
        }
    }
    Ok(found)
}

/// The secrets that are known, as they are and encoded.
struct Forms {
    plain: Vec<memmem::Finder<'static>>,
    base64: Vec<memmem::Finder<'static>>,
}

impl Forms {
    fn of(redactor: &Redactor) -> Self {
        let finder = |text: &str| memmem::Finder::new(text.as_bytes()).into_owned();
        let sought = redactor.sought();
        let encoded = sought.iter().flat_map(|(_, secret)| encodings(secret));
        Self {
            base64: encoded.map(|text| finder(&text)).collect(),
            plain: sought.iter().map(|(_, secret)| finder(secret)).collect(),
        }
    }

    fn is_in(&self, text: &str) -> bool {
        let is_found = |finder: &memmem::Finder<'_>| finder.find(text.as_bytes()).is_some();
        self.plain.iter().any(is_found) || !find_secrets(text).is_empty()
    }
}

/// The texts that base64 makes of a secret, wherever it begins in what is encoded, without what its neighbours decide.
fn encodings(secret: &str) -> Vec<String> {
    let mut all = Vec::new();
    for before in 0..3usize {
        let bytes = [&b"\0\0"[..before], secret.as_bytes()].concat();
        let whole = bytes.len() / 3 * 3;
        // The first group that holds nothing but the secret.
        let from = before.div_ceil(3) * 4;
        for engine in [&BASE64_STANDARD as &dyn Encode, &BASE64_URL_SAFE_NO_PAD] {
            let text = engine.encoded(&bytes[..whole]);
            let text = text.get(from..).unwrap_or_default().to_owned();
            if text.len() >= 8 && !all.contains(&text) {
                all.push(text);
            }
        }
    }
    all
}

trait Encode {
    fn encoded(&self, bytes: &[u8]) -> String;
}

impl<E: Engine> Encode for E {
    fn encoded(&self, bytes: &[u8]) -> String {
        self.encode(bytes)
    }
}

struct Scan {
    forms: Forms,
    /// The end of what each stream of deltas said so far, by exchange, item and kind.
    streams: HashMap<(u64, String), String>,
}

impl Scan {
    fn line(
        &mut self,
        text: &str,
        record: Option<&Value>,
        exchange: Option<u64>,
    ) -> Option<ResidualForm> {
        if self.forms.is_in(text) {
            return Some(ResidualForm::Plain);
        }
        let is_found = |finder: &memmem::Finder<'_>| finder.find(text.as_bytes()).is_some();
        if self.forms.base64.iter().any(is_found) {
            return Some(ResidualForm::Base64);
        }
        let record = record?.node();
        if text.contains('\\') && self.has_escaped(record, 0) {
            return Some(ResidualForm::Escaped);
        }
        if let Some(text) = record
            .get("body")
            .and_then(|body| body.get_string("base64"))
            && let Ok(bytes) = BASE64_STANDARD.decode(text.as_bytes())
            && self.forms.is_in(&String::from_utf8_lossy(&bytes))
        {
            return Some(ResidualForm::Base64);
        }
        let is_cut = self.delta(record, exchange.unwrap_or_default());
        is_cut.then_some(ResidualForm::Pieces)
    }

    /// Whether a string holds a secret once its escapes are undone; JSON in strings is looked into.
    fn has_escaped(&self, node: Node<'_>, depth: usize) -> bool {
        match node.kind() {
            Kind::Array => node.items().any(|item| self.has_escaped(item, depth)),
            Kind::Object => node
                .members()
                .any(|(_, value)| self.has_escaped(value, depth)),
            Kind::String if node.text().contains('\\') => {
                let text = node.string().unwrap_or_default();
                self.forms.is_in(&text)
                    || depth < 3
                        && Value::parse(text.as_ref())
                            .is_ok_and(|value| self.has_escaped(value.node(), depth + 1))
            }
            _ => false,
        }
    }

    /// Whether the piece that an event adds completes a secret.
    fn delta(&mut self, record: Node<'_>, exchange: u64) -> bool {
        let Some(data) = record.get("data").and_then(|data| data.get("json")) else {
            return false;
        };
        let Some(delta) = data.get_string("delta") else {
            return false;
        };
        let item = data.get_string("item_id").unwrap_or_default();
        let kind = data.get_string("type").unwrap_or_default();
        if self.streams.len() >= MAX_STREAMS {
            self.streams.clear();
        }
        let stream = self
            .streams
            .entry((exchange, format!("{kind} {item}")))
            .or_default();
        stream.push_str(&delta);
        let is_found = self.forms.is_in(stream);
        if is_found {
            stream.clear();
        } else if stream.len() > 2 * WINDOW {
            let from = stream.ceil_char_boundary(stream.len() - WINDOW);
            stream.drain(..from);
        }
        is_found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "made-up-credential-77";

    fn check(lines: &[&str], expect: &[(u64, ResidualForm)]) {
        let mut redactor = Redactor::new();
        redactor.header("authorization", &format!("Bearer {SECRET}"));
        let text = lines.join("\n");
        let found = residual_secrets(text.as_bytes(), &redactor).unwrap();
        let found: Vec<_> = found.iter().map(|r| (r.line, r.form)).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn secrets_are_found_in_every_form() {
        check(
            &[
                r#"{"exchange":0,"type":"request","headers":[["authorization","Bearer <secret 1>"]]}"#,
                r#"{"exchange":0,"type":"body","body":{"text":"nothing"}}"#,
            ],
            &[],
        );
        check(&["x", SECRET], &[(2, ResidualForm::Plain)]);
        check(&["sk-a1b2c3d4e5f6g7h8i9"], &[(1, ResidualForm::Plain)]);
        let escaped = SECRET.replace('-', "\\u002d");
        check(
            &[&format!(r#"{{"body":{{"json":{{"a":"{escaped}"}}}}}}"#)],
            &[(1, ResidualForm::Escaped)],
        );
        for before in ["", "a", "ab", "abc"] {
            let encoded = BASE64_STANDARD.encode(format!("{before}{SECRET} and more"));
            check(
                &[&format!(r#"{{"text":"{encoded}"}}"#)],
                &[(1, ResidualForm::Base64)],
            );
        }
    }

    #[test]
    fn pieces_of_a_secret_are_put_together() {
        let event = |exchange: u64, delta: &str| {
            format!(
                r#"{{"exchange":{exchange},"type":"event","data":{{"json":{{"type":"d","item_id":"i","delta":"{delta}"}}}}}}"#
            )
        };
        let (one, two) = SECRET.split_at(9);
        check(
            &[
                &event(0, "x "),
                &event(0, one),
                &event(1, one),
                &event(0, two),
                &event(0, two),
            ],
            &[(4, ResidualForm::Pieces)],
        );
    }
}
