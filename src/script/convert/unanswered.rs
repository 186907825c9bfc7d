//! Requests of a rollout that got no answer which is on disk: what the server is to say to them.

use serde_json::{Map, Value, json};

use crate::json::Raw;

/// How a turn without an answer ended.
pub(super) enum Unanswered<'a> {
    /// With an error, where the file says which: `task_complete.error` of codex 0.169.0.
    Failed(Option<Raw<'a>>),
    /// With an error of which only the mark in the token counts is left: the context was full (codex 0.115.0–0.153.4).
    Overflow,
    /// It was interrupted, or the agent was killed.
    Interrupted,
}

impl Unanswered<'_> {
    /// The members of a step that ends a turn in the same way.
    pub(super) fn step(&self) -> Map<String, Value> {
        let mut step = match self {
            Unanswered::Failed(Some(error)) => failed(*error),
            Unanswered::Failed(None) => refused(&json!({
                "error": { "message": "The recording has no answer to this request.", "type": "invalid_request_error",
                           "param": null, "code": null },
            })),
            Unanswered::Overflow => stream(json!({ "failed": overflow("") })),
            Unanswered::Interrupted => {
                let mut step = Map::new();
                let created =
                    json!({ "type": "response.created", "response": { "id": "resp_interrupted" } });
                step.insert("events".to_owned(), json!([created]));
                step.insert("fault".to_owned(), json!({ "stall": "end" }));
                step
            }
        };
        step.insert("optional".to_owned(), true.into());
        step
    }
}

/// By the words of `codex_error_info` (codex 0.169.0).
fn failed(error: Raw<'_>) -> Map<String, Value> {
    let message = error.get_string("message").unwrap_or_default();
    if let Ok(body @ Value::Object(_)) = serde_json::from_str::<Value>(&message) {
        return refused(&body);
    }
    if let Some(reason) = message.strip_prefix("Incomplete response returned, reason: ") {
        return stream(json!({ "incomplete": reason }));
    }
    let info = error.get("codex_error_info");
    let word = info.and_then(Raw::string).unwrap_or_default();
    match word.as_ref() {
        "context_window_exceeded" => stream(json!({ "failed": overflow(&message) })),
        "server_overloaded" => {
            stream(json!({ "failed": failure("server_is_overloaded", &message) }))
        }
        "usage_limit_exceeded" => {
            stream(json!({ "failed": failure("insufficient_quota", &message) }))
        }
        "internal_server_error" => again(500, &message),
        _ => match info.and_then(status_in) {
            Some(status) => again(status, &message),
            None => refused(&json!({ "error": { "message": message } })),
        },
    }
}

/// `{"http_connection_failed":{"http_status_code":401}}`
fn status_in(info: Raw<'_>) -> Option<u64> {
    let mut members = info.members();
    members.find_map(|(_, inner)| inner.get("http_status_code")?.unsigned())
}

fn overflow(message: &str) -> Value {
    failure("context_length_exceeded", message)
}

fn failure(code: &str, message: &str) -> Value {
    json!({ "code": code, "message": message })
}

/// A response that goes wrong.
fn stream(fault: Value) -> Map<String, Value> {
    let mut step = Map::new();
    step.insert("reply".to_owned(), json!([]));
    step.insert("fault".to_owned(), fault);
    step
}

/// What agents do not try again.
fn refused(body: &Value) -> Map<String, Value> {
    let mut step = Map::new();
    step.insert("status".to_owned(), 400.into());
    step.insert("body".to_owned(), body.clone());
    step
}

/// What agents try again: as often as they like.
fn again(status: u64, message: &str) -> Map<String, Value> {
    let mut step = Map::new();
    step.insert("status".to_owned(), status.into());
    step.insert(
        "body".to_owned(),
        json!({ "error": { "message": message } }),
    );
    step.insert("repeat".to_owned(), "any".into());
    step
}
