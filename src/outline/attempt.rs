//! How one request of a capture was answered.

use crate::capture::{Body, Content, End, Event, Exchange, is_terminal};
use crate::json::Node;

use super::model::Usage;

/// How a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The response came to its end.
    Complete,
    /// The agent went away before.
    Left,
    /// It did not do, and why.
    Failed {
        /// What is known of it, in a few words.
        reason: String,
        /// Error code of the API.
        code: Option<String>,
    },
    /// The input does not say.
    Unknown,
}

/// Reads how a request was answered.
pub(super) fn answer(exchange: &Exchange) -> Answer {
    let response = &exchange.response;
    match response.status.as_option() {
        Some(None) => return failed("the connection ended before a status line", None),
        Some(Some(status)) if *status >= 400 => return http_error(*status, &response.content),
        _ => {}
    }
    match &response.content {
        Content::Events(stream) => {
            let last = stream
                .events
                .iter()
                .find(|event| is_terminal(&event.kind()));
            match last {
                Some(event) => terminal(event),
                None => cut(response.end.as_option().copied()),
            }
        }
        Content::Digest(digest) => match digest.node().get("response_id") {
            Some(_) => Answer::Complete,
            None => trace_failure(exchange).unwrap_or(Answer::Unknown),
        },
        Content::Body(_) => match response.end.as_option() {
            Some(End::Complete) | None => Answer::Complete,
            Some(end) => cut(Some(*end)),
        },
        Content::NotRecorded => trace_failure(exchange).unwrap_or(Answer::Unknown),
        _ => Answer::Unknown,
    }
}

fn failed(reason: impl Into<String>, code: Option<String>) -> Answer {
    Answer::Failed {
        reason: reason.into(),
        code,
    }
}

/// What a rollout trace says of a call that failed.
fn trace_failure(exchange: &Exchange) -> Option<Answer> {
    let ended = exchange.extra.as_ref()?.get("ended")?;
    let error = ended.node().get_string("error")?.into_owned();
    Some(failed(error, None))
}

fn http_error(status: u16, content: &Content) -> Answer {
    let body = content.body();
    let json = body.and_then(Body::json).map(|body| body.node());
    let (message, code) = json.map_or((None, None), error_of);
    let text = match body {
        Some(Body::Text(text)) => Some(text.trim().to_owned()),
        _ => None,
    };
    let reason = match message.or(text).filter(|text| !text.is_empty()) {
        Some(message) => format!("HTTP {status}: {message}"),
        None => format!("HTTP {status}"),
    };
    failed(reason, code)
}

/// Message and code of the error that a body, or the response in an event, holds.
fn error_of(body: Node<'_>) -> (Option<String>, Option<String>) {
    let owned = |node: Node<'_>, key| node.get_string(key).map(|text| text.into_owned());
    let error = body.get("error").filter(|error| !error.is_null());
    let Some(error) = error else {
        return (
            owned(body, "message").or_else(|| owned(body, "detail")),
            None,
        );
    };
    let text = error.string().map(|text| text.into_owned());
    let code = owned(error, "code").or_else(|| owned(error, "type"));
    (owned(error, "message").or(text), code)
}

fn terminal(event: &Event) -> Answer {
    let kind = event.kind();
    if matches!(kind.as_ref(), "response.completed" | "response.done") {
        return Answer::Complete;
    }
    let data = event.data.json().map(|data| data.node());
    let response = data.and_then(|data| data.get("response")).or(data);
    if kind == "response.incomplete" {
        let details = response.and_then(|r| r.get("incomplete_details"));
        let why = details.and_then(|d| d.get_string("reason").map(|text| text.into_owned()));
        return failed("the response is incomplete", why);
    }
    let (message, code) = response.map_or((None, None), error_of);
    failed(message.unwrap_or_else(|| kind.into_owned()), code)
}

fn cut(end: Option<End>) -> Answer {
    match end {
        Some(End::PeerClosed) => Answer::Left,
        Some(End::Complete) => failed("the stream ended without response.completed", None),
        Some(End::Closed) => failed("the connection was closed in mid-stream", None),
        Some(End::Reset) => failed("the connection was reset in mid-stream", None),
        Some(End::Stall) => failed("nothing more came until the agent gave up", None),
        Some(End::ServerStopped) | None => Answer::Unknown,
    }
}

/// Tokens that the response says it took.
pub(super) fn usage(exchange: &Exchange) -> Option<Usage> {
    let node = match &exchange.response.content {
        Content::Events(stream) => {
            let last = stream
                .events
                .iter()
                .find(|event| is_terminal(&event.kind()))?;
            last.data.json()?.node().get("response")?.get("usage")?
        }
        Content::Digest(digest) => digest.node().get("token_usage")?,
        Content::Body(body) => body.json()?.node().get("usage")?,
        _ => return None,
    };
    let number = |node: Node<'_>, key: &str| node.get(key).and_then(Node::unsigned);
    let detail = |list: &str, key: &str| number(node.get(list)?, key);
    let input = number(node, "input_tokens")?;
    let output = number(node, "output_tokens").unwrap_or(0);
    let cached = detail("input_tokens_details", "cached_tokens");
    let reasoning = detail("output_tokens_details", "reasoning_tokens");
    Some(Usage {
        input,
        cached_input: cached
            .or_else(|| number(node, "cached_input_tokens"))
            .unwrap_or(0),
        output,
        reasoning_output: reasoning
            .or_else(|| number(node, "reasoning_output_tokens"))
            .unwrap_or(0),
        total: number(node, "total_tokens").unwrap_or(input + output),
    })
}

/// The id of the response.
pub(super) fn response_id(exchange: &Exchange) -> Option<String> {
    let owned = |node: Node<'_>, key| node.get_string(key).map(|text| text.into_owned());
    match &exchange.response.content {
        Content::Events(stream) => stream.events.iter().find_map(|event| {
            let data = event.data.json()?;
            owned(data.node().get("response")?, "id")
        }),
        Content::Digest(digest) => owned(digest.node(), "response_id"),
        _ => None,
    }
}
