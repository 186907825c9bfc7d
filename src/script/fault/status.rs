//! Answers that are an error and no stream.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::events::default_message;
use super::{ErrorInfo, RetryAfter};
use crate::http::HeaderList;
use crate::script::answer::{Ending, Framing, Head, Piece};

/// The pieces of an answer with an error body.
pub(in crate::script) fn error_answer(
    status: u16,
    body: String,
    mut headers: HeaderList,
    retry_after: Option<&RetryAfter>,
    now: u64,
) -> Vec<Piece> {
    if headers.get("content-type").is_none() {
        let kind = match body.trim_start().as_bytes().first() {
            Some(b'<') => "text/html; charset=utf-8",
            Some(b'{' | b'[') | None => "application/json",
            _ => "text/plain; charset=utf-8",
        };
        headers.push("content-type", kind);
    }
    if let Some(when) = retry_after {
        headers.push("retry-after", retry_after_text(when, now));
    }
    let framing = Framing::Length(body.len() as u64);
    vec![
        Piece::Head(Head {
            status,
            headers,
            framing,
        }),
        Piece::Body {
            bytes: Bytes::from(body),
            flush: false,
            ends_event: true,
        },
        Piece::End(Ending::Complete),
    ]
}

/// The error body of a status, as the API words it.
pub(in crate::script) fn error_body(status: u16, error: &ErrorInfo) -> String {
    json!({ "error": error_members(status, error) }).to_string()
}

/// The `error` message that stands for a status on a WebSocket (codex 0.125.0–0.169.0 understand it).
pub(in crate::script) fn error_frame(
    status: u16,
    body: &str,
    headers: &HeaderList,
    retry_after: Option<&RetryAfter>,
    now: u64,
) -> String {
    let parsed: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let error = match parsed.get("error") {
        Some(error) => error.clone(),
        None => json!({ "message": body, "type": null, "param": null, "code": null }),
    };
    let mut frame = json!({ "type": "error", "status": status, "error": error });
    let mut fields: Vec<(String, String)> = headers
        .iter()
        .map(|header| (header.name.clone(), header.value.clone()))
        .collect();
    if let Some(when) = retry_after {
        fields.push(("retry-after".to_owned(), retry_after_text(when, now)));
    }
    if !fields.is_empty() {
        frame["headers"] = Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect(),
        );
    }
    frame.to_string()
}

fn error_members(status: u16, error: &ErrorInfo) -> Value {
    // Types and codes as the API gives them for these statuses.
    let (kind, code) = match status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        404 => ("invalid_request_error", None),
        429 => ("requests", Some("rate_limit_exceeded")),
        400..500 => ("invalid_request_error", None),
        _ => ("server_error", None),
    };
    let code = error.code.as_deref().or(code);
    let message = match (&error.message, code) {
        (Some(message), _) => message.clone(),
        (None, Some(code)) => default_message(code).to_owned(),
        (None, None) if status == 404 => "Not found".to_owned(),
        (None, None) if status < 500 => "The request is not valid.".to_owned(),
        (None, None) => default_message("server_error").to_owned(),
    };
    let mut members = json!({
        "message": message,
        "type": error.kind.as_deref().unwrap_or(kind),
        "param": error.param,
        "code": code,
    });
    for (key, value) in &error.extra {
        members[key] = value.clone();
    }
    members
}

fn retry_after_text(when: &RetryAfter, now: u64) -> String {
    match when {
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::DateIn(wait) => http_date(now, *wait),
        RetryAfter::Text(text) => text.clone(),
    }
}

/// An HTTP date so long after a time; a wait below one second is one.
fn http_date(now: u64, wait: Duration) -> String {
    let seconds = now.saturating_add(wait.as_millis().div_ceil(1000) as u64);
    let time = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    time.and_then(|time| printer.timestamp_to_rfc9110_string(&time).ok())
        .unwrap_or_else(|| "Thu, 01 Jan 1970 00:00:00 GMT".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_has_two_forms() {
        let now = 784_111_777;
        assert_eq!(retry_after_text(&RetryAfter::Seconds(2), now), "2");
        let date = RetryAfter::DateIn(Duration::from_millis(1500));
        assert_eq!(
            retry_after_text(&date, now),
            "Sun, 06 Nov 1994 08:49:39 GMT"
        );
        assert_eq!(
            retry_after_text(&RetryAfter::Text("soon".into()), now),
            "soon"
        );
    }

    #[test]
    fn an_error_is_worded_as_the_api_does() {
        let error = ErrorInfo::default();
        assert_eq!(
            error_body(500, &error),
            r#"{"error":{"message":"The server had an error while processing your request.","type":"server_error","param":null,"code":null}}"#
        );
        let error = ErrorInfo {
            message: Some("m".into()),
            extra: serde_json::from_str(r#"{"resets_in_seconds":60}"#).unwrap(),
            ..error
        };
        let body = error_body(429, &error);
        assert_eq!(
            body,
            r#"{"error":{"message":"m","type":"requests","param":null,"code":"rate_limit_exceeded","resets_in_seconds":60}}"#
        );
        let headers = HeaderList::from_iter([("a", "b")]);
        assert_eq!(
            error_frame(429, &body, &headers, Some(&RetryAfter::Seconds(1)), 0),
            r#"{"type":"error","status":429,"error":{"message":"m","type":"requests","param":null,"code":"rate_limit_exceeded","resets_in_seconds":60},"headers":{"a":"b","retry-after":"1"}}"#
        );
    }
}
