//! `raw-exchange/1` records as JSON values: writing them, and keeping their lengths true to their bodies.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The text of the body on the wire, when the record's `body_kind` determines it.
pub(crate) fn body_text(record: &Value) -> Option<String> {
    let request = &record["request"];
    json_text(&request["body"], request["body_kind"].as_str()?)
}

fn json_text(value: &Value, kind: &str) -> Option<String> {
    match kind {
        "json-compact" => Some(value.to_string()),
        "json-python" => {
            let mut text = String::new();
            write_python(value, &mut text);
            Some(text)
        }
        _ => None,
    }
}

/// JSON as `json.dumps` of Python writes it by default: `", "`, `": "`, and escapes for all that is not ASCII.
fn write_python(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_python(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_ascii(key, out);
                out.push_str(": ");
                write_python(member, out);
            }
            out.push('}');
        }
        Value::String(text) => write_ascii(text, out),
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn write_ascii(text: &str, out: &mut String) {
    for character in Value::from(text).to_string().chars() {
        if character.is_ascii() && character != '\u{7f}' {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
}

/// Makes `body_bytes`, `wire_body_bytes`, `body_sha256`, `content-length` and the `bytes` of frames agree with the
/// bodies. The length on the wire of a compressed body is left alone: its bytes are not in the record.
pub(crate) fn settle(record: &mut Value) {
    if let Some(text) = body_text(record) {
        let length = text.len();
        let is_plain = record["request"]["content_encoding"].is_null();
        let request = &mut record["request"];
        request["body_bytes"] = length.into();
        request["body_sha256"] = sha256_hex(&text).into();
        if is_plain {
            request["wire_body_bytes"] = length.into();
            set_content_length(request, length);
        }
    }
    let frames = record["response"]
        .get_mut("frames")
        .and_then(Value::as_array_mut);
    for frame in frames.into_iter().flatten() {
        let text = frame["data_kind"]
            .as_str()
            .and_then(|kind| json_text(&frame["data"], kind));
        if let Some(text) = text {
            frame["bytes"] = text.len().into();
        }
    }
}

fn set_content_length(request: &mut Value, length: usize) {
    let headers = request["headers"].as_array_mut().into_iter().flatten();
    for header in headers {
        let is_length = header[0]
            .as_str()
            .is_some_and(|name| name.eq_ignore_ascii_case("content-length"));
        if is_length {
            header[1] = length.to_string().into();
        }
    }
}

pub(crate) fn sha256_hex(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The capture file.
pub(crate) fn to_bytes(records: &[Value]) -> Vec<u8> {
    records
        .iter()
        .flat_map(|record| format!("{record}\n").into_bytes())
        .collect()
}

#[test]
fn python_text_is_what_python_writes() {
    let value = serde_json::json!({"a": [1, true, null], "é": "\u{1f600}\n\u{7f}"});
    assert_eq!(
        json_text(&value, "json-python").unwrap(),
        r#"{"a": [1, true, null], "\u00e9": "\ud83d\ude00\n\u007f"}"#
    );
}
