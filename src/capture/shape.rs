//! What a file is, by its content.

use crate::json::{Kind, Node};

use super::import::{detect_har, detect_mitmproxy};
use super::records::{Part, parts, valid_prefix};
use super::salvage::leading_object;

/// What a file holds, as its first recognisable record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// Our own capture format.
    Capture,
    /// `raw-exchange/N`.
    RawExchange,
    /// A format of ours or `raw-exchange` in a version that is not known here.
    NewerVersion { format: String, version: String },
    /// HAR.
    Har,
    /// mitmproxy flows.
    Mitmproxy,
    /// One exchange of pycodex's capture server.
    PycodexExchange,
    /// A request or response of `codex responses-api-proxy`.
    ProxyDump,
    /// `manifest.json` or `trace.jsonl` of a rollout-trace bundle.
    TracePart,
    /// A request body.
    RequestBody,
    /// A rollout of Codex or pycodex.
    Rollout,
    /// The output of `codex exec --json`.
    ExecEvents,
    /// The output of `pycodex --json`.
    PycodexResult,
}

/// How much of a file is looked at before all of it is.
pub(super) const HEAD_BYTES: usize = 1 << 16;

/// The latest version of our format that this program reads.
pub(super) const CAPTURE_VERSION: u64 = 1;

/// How a response ended whose recording broke off, in our format.
pub(super) const LOST_END: &str = "lost";

/// Types of our records; one is known by its type even when the header record is lost.
const RECORD_TYPES: [&str; 9] = [
    "request", "head", "event", "raw", "tail", "frame", "body", "digest", "end",
];

/// What a file is, and the byte at which the record stands that says so.
pub(super) fn shape_of(bytes: &[u8]) -> Option<(Shape, u64)> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    if let Some(shape) = shape_of_head(head) {
        return Some(shape);
    }
    if is_binary(head) {
        return None;
    }
    parts(bytes).find_map(|part| match part {
        Part::Record(span, record) => classify(&[], record.node()).map(|shape| (shape, span.start)),
        Part::Damage(damage) => leading_object(damage.text)
            .and_then(|leading| classify(&leading.keys, leading.value.node()))
            .map(|shape| (shape, damage.span.start)),
    })
}

/// Whether this is no text with some damage in it but something else, in which looking for records is no use. NUL bytes
/// don't count: a crash may leave many of them.
fn is_binary(head: &[u8]) -> bool {
    let is_odd = |b: &&u8| **b < 0x20 && **b != 0 && !b.is_ascii_whitespace() && **b != 0x1b;
    head.iter().filter(is_odd).count() > head.len() / 64
}

/// As [`shape_of`], from the beginning of a file only.
pub(super) fn shape_of_head(head: &[u8]) -> Option<(Shape, u64)> {
    if detect_mitmproxy(head) {
        return Some((Shape::Mitmproxy, 0));
    }
    if detect_har(head) {
        return Some((Shape::Har, 0));
    }
    let text = valid_prefix(head);
    let start = text.len() - text.trim_start_matches('\u{feff}').trim_start().len();
    let leading = leading_object(&text[start..])?;
    classify(&leading.keys, leading.value.node()).map(|shape| (shape, start as u64))
}

/// `cut_keys` may name members whose values are cut off.
fn classify(cut_keys: &[&str], record: Node<'_>) -> Option<Shape> {
    let has = |key: &str| cut_keys.contains(&key) || record.get(key).is_some();
    let kind_of = |key: &str| record.get(key).map(Node::kind);
    if let Some(format) = record.get_string("format") {
        return classify_format(&format, record);
    }
    let record_type = record.get_string("type");
    let record_type = record_type.as_deref().unwrap_or("");
    if RECORD_TYPES.contains(&record_type) && kind_of("exchange") == Some(Kind::Number) {
        return Some(Shape::Capture);
    }
    if has("method") && has("headers") {
        if has("path") {
            return Some(Shape::PycodexExchange);
        }
        if has("url") {
            return Some(Shape::ProxyDump);
        }
    }
    if has("status") && has("headers") && kind_of("headers") == Some(Kind::Array) {
        return Some(Shape::ProxyDump);
    }
    if has("raw_event_log") || has("wall_time_unix_ms") {
        return Some(Shape::TracePart);
    }
    if is_rollout(record_type, &has) {
        return Some(Shape::Rollout);
    }
    let is_item_event = record_type.starts_with("item.") && has("item");
    if record_type.starts_with("thread.") || record_type.starts_with("turn.") || is_item_event {
        return Some(Shape::ExecEvents);
    }
    if has("output_text") && has("turn_id") {
        return Some(Shape::PycodexResult);
    }
    let has_history = has("input") || has("messages");
    if has_history && (has("model") || record_type == "response.create") {
        return Some(Shape::RequestBody);
    }
    None
}

fn classify_format(format: &str, record: Node<'_>) -> Option<Shape> {
    let newer = |format: &str, version: &str| Shape::NewerVersion {
        format: format.to_owned(),
        version: version.to_owned(),
    };
    if format == "trace-diff/capture" {
        return Some(match record.get("version").and_then(Node::unsigned) {
            Some(version) if version > CAPTURE_VERSION => newer(format, &version.to_string()),
            // A header that is damaged says nothing; what follows is read as far as it is understood.
            _ => Shape::Capture,
        });
    }
    match format.split_once('/') {
        Some(("raw-exchange", "1")) => Some(Shape::RawExchange),
        Some(("raw-exchange", version)) => Some(newer("raw-exchange", version)),
        _ => None,
    }
}

/// Rollouts begin with `session_meta` (Codex since 0.32, pycodex); the first record may be lost, and older files began
/// with the bare session header.
fn is_rollout(record_type: &str, has: &impl Fn(&str) -> bool) -> bool {
    const TYPES: [&str; 8] = [
        "session_meta",
        "response_item",
        "event_msg",
        "turn_context",
        "compacted",
        "world_state",
        "token_usage_record",
        "inter_agent_communication",
    ];
    (TYPES.contains(&record_type) && has("payload"))
        || (has("id") && has("timestamp") && has("instructions"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<Shape>) {
        assert_eq!(shape_of(text.as_bytes()).map(|s| s.0), expect, "{text}");
    }

    #[test]
    fn knows_files_by_their_first_recognisable_record() {
        check(
            r#"{"format":"raw-exchange/1","seq":1"#,
            Some(Shape::RawExchange),
        );
        check(
            "garbage\n{\"format\":\"raw-exchange/1\"}\n",
            Some(Shape::RawExchange),
        );
        check(
            r#"{"format":"trace-diff/capture","version":1}"#,
            Some(Shape::Capture),
        );
        check(r#"{"exchange":3,"type":"event"}"#, Some(Shape::Capture));
        check(
            r#"{"format":"trace-diff/capture","version":2}"#,
            Some(Shape::NewerVersion {
                format: "trace-diff/capture".into(),
                version: "2".into(),
            }),
        );
        check(
            r#"{"format":"raw-exchange/2"}"#,
            Some(Shape::NewerVersion {
                format: "raw-exchange".into(),
                version: "2".into(),
            }),
        );
        check(
            r#"{"log":{"version":"1.2","entries":[]}}"#,
            Some(Shape::Har),
        );
        check(
            r#"{"log":{"version":"1.2","creator":{"na"#,
            Some(Shape::Har),
        );
        check(r#"{"log":{"lines":[]}}"#, None);
        check(
            r#"{"method":"POST","path":"/","headers":{"a":"#,
            Some(Shape::PycodexExchange),
        );
        check(
            r#"{"method":"POST","url":"/","headers":[]}"#,
            Some(Shape::ProxyDump),
        );
        check(
            r#"{"status":200,"headers":[],"body":""}"#,
            Some(Shape::ProxyDump),
        );
        check(
            r#"{"model":"m","stream":true,"input":[{"type":"#,
            Some(Shape::RequestBody),
        );
        check(
            r#"{"timestamp":"t","type":"session_meta","payload":{"#,
            Some(Shape::Rollout),
        );
        check(
            r#"{"type":"thread.started","thread_id":"t"}"#,
            Some(Shape::ExecEvents),
        );
        check(
            r#"{"turn_id":"u","output_text":"Done.","history":["#,
            Some(Shape::PycodexResult),
        );
        check("43727:9:websocket;0:~", Some(Shape::Mitmproxy));
        check("[1,2]", None);
        check("", None);
        check("hello", None);
    }
}
