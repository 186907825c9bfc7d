//! What may be committed: no secrets, no machine's directories, no upstream prose, and lengths that are true.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use walkdir::WalkDir;

use crate::mutations::{body_text, sha256_hex};
use crate::samples::{self, package};

/// Longest string in a fixture; what is longer is probably somebody's prose.
const MAX_STRING: usize = 300;
/// All captures together.
const MAX_TOTAL: u64 = 900_000;

/// The only user whose home fixtures name.
const USER: &str = "agent";

/// Every text file below `fixtures/`.
fn texts() -> Vec<(PathBuf, String)> {
    WalkDir::new(package().join("fixtures"))
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| {
            Some((
                entry.path().to_owned(),
                fs::read_to_string(entry.path()).ok()?,
            ))
        })
        .collect()
}

fn assert_none(complaints_of: impl Fn(&str) -> Vec<String>) {
    let mut complaints = Vec::new();
    for (path, text) in texts() {
        for complaint in complaints_of(&text) {
            complaints.push(format!("{}: {complaint}", path.display()));
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// The text up to the first character that no token has.
fn token(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    &text[..end.unwrap_or(text.len())]
}

/// The tokens that begin with `prefix` at the start of a word.
fn tokens<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(prefix).filter_map(move |(at, _)| {
        let is_inside =
            text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || "-_.".contains(c));
        (!is_inside).then(|| token(&text[at..]))
    })
}

fn secrets(text: &str) -> Vec<String> {
    let keys = tokens(text, "sk-").filter(|key| key.len() > 10 && !key.starts_with("sk-fake-"));
    // A signed token has three parts, of which the first begins as `{"` does in base64.
    let signed = tokens(text, "eyJ").filter(|token| {
        let parts: Vec<&str> = token.split('.').collect();
        parts.len() == 3 && parts[2].len() > 8
    });
    let bearers = text
        .match_indices("Bearer ")
        .map(|(at, prefix)| token(&text[at + prefix.len()..]))
        .filter(|value| {
            value.len() > 8 && !value.starts_with("sk-fake-") && !value.starts_with("fake-")
        });
    keys.chain(signed)
        .chain(bearers)
        .map(|secret| format!("secret {secret}"))
        .collect()
}

fn machine_paths(text: &str) -> Vec<String> {
    let directories = ["/Users/", "/tmp/", "/mnt/", "/root/", "/work/"];
    let mut found: Vec<String> = Vec::new();
    for directory in directories {
        // A word may end in what looks like a directory: `https://host/work/` is no path of a machine.
        let places = text.match_indices(directory);
        let absolute = places.filter(|(at, _)| {
            !text[..*at].ends_with(|c: char| c.is_alphanumeric() || "._-~".contains(c))
        });
        found
            .extend(absolute.map(|(at, _)| {
                format!("path {directory}{}", token(&text[at + directory.len()..]))
            }));
    }
    let homes = text
        .match_indices("/home/")
        .map(|(at, home)| token(&text[at + home.len()..]));
    found.extend(
        homes
            .filter(|user| *user != USER)
            .map(|user| format!("home of {user}")),
    );
    found
}

/// Strings of JSON documents that are too long; text that is no JSON is not looked at.
fn long_strings(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    for document in documents.map_while(Result::ok) {
        collect_long(&document, &mut found);
    }
    found
}

fn collect_long(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members
            .values()
            .for_each(|member| collect_long(member, found)),
        Value::Array(items) => items.iter().for_each(|item| collect_long(item, found)),
        Value::String(text) if text.len() > MAX_STRING => {
            let shown: String = text.chars().take(60).collect();
            match serde_json::from_str::<Value>(text) {
                Ok(inner) => collect_long(&inner, found),
                // Made of directories, dates and settings: what comparisons have to cope with.
                Err(_) if text.starts_with("<environment_context>") => {}
                Err(_) => found.push(format!("{} bytes: {shown}…", text.len())),
            }
        }
        _ => {}
    }
}

#[test]
fn fixtures_hold_no_secrets() {
    assert_none(secrets);
}

#[test]
fn fixtures_name_no_machine() {
    assert_none(machine_paths);
}

#[test]
fn fixtures_hold_no_upstream_prose() {
    assert_none(long_strings);
}

#[test]
fn captures_are_small() {
    let total: u64 = samples::fixtures()
        .iter()
        .map(|sample| sample.bytes.len() as u64)
        .sum();
    assert!(total > 0 && total < MAX_TOTAL, "{total} bytes of captures");
}

#[test]
fn lengths_and_hashes_of_captures_are_true() {
    for sample in samples::fixtures() {
        let text = String::from_utf8(sample.bytes).expect("captures are text");
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).expect("a record is JSON");
            assert_true_lengths(&sample.name, &record);
        }
    }
}

fn assert_true_lengths(name: &str, record: &Value) {
    let request = &record["request"];
    if let Some(body) = body_text(record) {
        assert_eq!(
            request["body_bytes"],
            body.len(),
            "{name} {}",
            record["seq"]
        );
        assert_eq!(
            request["body_sha256"],
            sha256_hex(&body),
            "{name} {}",
            record["seq"]
        );
        if request["content_encoding"].is_null() {
            assert_eq!(
                request["wire_body_bytes"],
                body.len(),
                "{name} {}",
                record["seq"]
            );
        }
    }
    for header in request["headers"]
        .as_array()
        .expect("requests have headers")
    {
        let field = header[0].as_str().expect("names are text");
        if field.eq_ignore_ascii_case("content-length") {
            assert_eq!(
                header[1],
                request["wire_body_bytes"].to_string(),
                "{name} {}",
                record["seq"]
            );
        }
    }
}

#[test]
fn secrets_paths_and_prose_are_seen() {
    let key = ["sk-", "live", "0123456789"].concat();
    assert_eq!(secrets(&key).len(), 1);
    assert_eq!(secrets(&format!("Bearer {key}")).len(), 2);
    assert_eq!(
        secrets("Bearer sk-fake-0000000000000000 and risk-assessment-of-it").len(),
        0
    );
    assert_eq!(
        secrets("eyJhbGciOiJub25lIn0.eyJleHAiOjF9.0123456789ab").len(),
        1
    );
    assert_eq!(secrets("eyJhbGciOiJub25lIn0.eyJleHAiOjF9.").len(), 0);
    assert_eq!(
        machine_paths("/home/agent/.codex and /workspace/02 and {\"agent_name\":\"/root\"}").len(),
        0
    );
    assert_eq!(
        machine_paths("/home/jdoe/x, /Users/jdoe/x, /tmp/x").len(),
        3
    );
    let long = "word ".repeat(100);
    assert_eq!(
        long_strings(&serde_json::json!({"text": long}).to_string()).len(),
        1
    );
    let inner = serde_json::json!({"a": "b".repeat(200), "c": "d".repeat(200)}).to_string();
    assert_eq!(
        long_strings(&serde_json::json!([inner]).to_string()).len(),
        0
    );
}
