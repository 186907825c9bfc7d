//! What a server says by itself, without a script.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::form::Form;
use super::respond::{json_pieces, text_pieces};
use super::violation::Violation;
use crate::http::HeaderList;
use crate::json::Node;
use crate::responses;
use crate::script::answer::{Ending, Framing, Head, Piece, WsFrame, WsPiece};
use crate::script::encode::{TextStyle, message_pieces, stream_pieces};
use crate::script::fault::{ErrorInfo, error_body};
use crate::script::matcher::{Facts, Kind};
use crate::script::model::{Beat, Deltas, Entry, Response, Usage};
use crate::script::names::Names;
use crate::script::reply::{Rendered, render_response};
use crate::script::strict_api::Refusal;
use crate::script::template::Values;

/// The answer to a request that no step is for, and whether it is known that nothing in it has the looks of a secret. The
/// `form` of the answer before is filled in where it is for this one.
pub(super) fn answer(
    facts: &Facts<'_>,
    names: &Names,
    model: Option<&str>,
    form: &mut Option<Form>,
) -> (Vec<Piece>, bool) {
    let id = Some(names.request_id());
    let is_post = facts.request.method.eq_ignore_ascii_case("POST");
    let is_get = facts.request.method.eq_ignore_ascii_case("GET");
    let pieces = match facts.endpoint.as_str() {
        "/responses" if is_post && facts.body().is_none() => {
            let error = ErrorInfo {
                message: Some("We could not parse the JSON body of your request.".to_owned()),
                ..ErrorInfo::default()
            };
            error_pieces(400, &error, names)
        }
        "/responses" if is_post => return response(facts, names, model, form),
        "/responses/compact" if is_post => json_pieces(200, &compacted(facts, names), id),
        "/models" if is_get => models(facts, names, model),
        "/memories/trace_summarize" if is_post => json_pieces(200, &summaries(facts), id),
        "/responses" | "/responses/compact" | "/models" | "/memories/trace_summarize" => {
            let error = ErrorInfo {
                message: Some(format!("Method {} not allowed", facts.request.method)),
                kind: Some("invalid_request_error".to_owned()),
                ..ErrorInfo::default()
            };
            error_pieces(405, &error, names)
        }
        _ => {
            let error = ErrorInfo {
                message: Some("Not found".to_owned()),
                ..ErrorInfo::default()
            };
            error_pieces(404, &error, names)
        }
    };
    (pieces, false)
}

/// The messages for a request on a WebSocket that no step is for.
pub(super) fn messages(facts: &Facts<'_>, names: &Names, model: Option<&str>) -> Vec<WsPiece> {
    let rendered = plain_response(facts, names, model);
    let mut pieces = message_pieces(&rendered.beats, false);
    pieces.push(WsPiece::End(Ending::Complete));
    pieces
}

fn response(
    facts: &Facts<'_>,
    names: &Names,
    model: Option<&str>,
    form: &mut Option<Form>,
) -> (Vec<Piece>, bool) {
    let wants_stream = facts
        .body()
        .and_then(|body| body.get("stream")?.boolean())
        .unwrap_or(facts.body().is_none());
    if !wants_stream {
        let rendered = plain_response(facts, names, model);
        let pieces = text_pieces(200, rendered.response.text(), Some(names.request_id()));
        return (pieces, false);
    }
    if let Some(body) = facts.body()
        && std::ptr::eq(plain(facts), &*OK)
    {
        if !form.as_ref().is_some_and(|form| form.is_for(body)) {
            *form = Form::new(body, names, |names| {
                stream_text(&plain_response(facts, names, model).beats)
            });
        }
        if let Some(form) = form {
            let pieces = stream_of([whole(form.filled(names))], names);
            return (pieces, form.is_clean);
        }
    }
    let rendered = plain_response(facts, names, model);
    (stream(&rendered.beats, names), false)
}

/// The events of a stream as one text.
fn stream_text(beats: &[Beat]) -> String {
    let pieces = stream_pieces(beats, &TextStyle::default(), false);
    let bodies = pieces.iter().filter_map(|piece| match piece {
        Piece::Body { bytes, .. } => Some(String::from_utf8_lossy(bytes)),
        _ => None,
    });
    bodies.collect()
}

/// Events that go out together.
fn whole(text: String) -> Piece {
    Piece::Body {
        bytes: text.into(),
        flush: false,
        ends_event: true,
    }
}

fn stream(beats: &[Beat], names: &Names) -> Vec<Piece> {
    stream_of(stream_pieces(beats, &TextStyle::default(), false), names)
}

fn stream_of(body: impl IntoIterator<Item = Piece>, names: &Names) -> Vec<Piece> {
    let headers = HeaderList::from_iter([
        (
            "content-type",
            "text/event-stream; charset=utf-8".to_owned(),
        ),
        ("cache-control", "no-cache".to_owned()),
        ("x-request-id", names.request_id()),
    ]);
    let mut pieces = vec![Piece::Head(Head {
        status: 200,
        headers,
        framing: Framing::Chunked,
    })];
    pieces.extend(body);
    pieces.push(Piece::End(Ending::Complete));
    pieces
}

fn plain_response(facts: &Facts<'_>, names: &Names, model: Option<&str>) -> Rendered {
    render_response(plain(facts), model, facts, names, &Values::default())
}

/// "OK"; for a prewarm nothing, for a remote compaction a compaction item.
fn plain(facts: &Facts<'_>) -> &'static Response {
    let last = facts.input().last();
    let is_trigger =
        last.is_some_and(|(_, item)| responses::item_type(item) == "compaction_trigger");
    match facts.kind {
        Kind::Prewarm => &WARM_UP,
        _ if is_trigger => &COMPACTION,
        _ => &OK,
    }
}

static WARM_UP: LazyLock<Response> = LazyLock::new(|| Response {
    usage: Usage {
        input: Some(0),
        output: Some(0),
        ..Usage::default()
    },
    ..Response::default()
});

static COMPACTION: LazyLock<Response> =
    LazyLock::new(|| of_one(json!({ "type": "compaction", "encrypted_content": true })));

static OK: LazyLock<Response> = LazyLock::new(|| {
    of_one(json!({
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{ "type": "output_text", "annotations": [], "logprobs": [], "text": "OK" }],
    }))
});

/// A response of one item.
fn of_one(item: Value) -> Response {
    let entry = match item {
        Value::Object(item) => Some(Entry::Item { item, deltas: None }),
        _ => None,
    };
    Response {
        entries: entry.into_iter().collect(),
        deltas: Deltas::Whole,
        ..Response::default()
    }
}

/// The list of models: for Codex, which names its version, an empty list, so that it keeps the ones it was built with;
/// for all others the list of the public API.
fn models(facts: &Facts<'_>, names: &Names, model: Option<&str>) -> Vec<Piece> {
    let (_, query) = facts.request.target.split_once('?').unwrap_or_default();
    let mut members = query.split(['&', '#']);
    let is_codex = members.any(|member| member.starts_with("client_version="));
    let body = if is_codex {
        json!({ "models": [] })
    } else {
        let id = model.unwrap_or("fake-model");
        json!({
            "object": "list",
            "data": [{
                "id": id,
                "object": "model",
                "created": names.created_at(),
                "owned_by": "trace-diff",
            }],
        })
    };
    json_pieces(200, &body, Some(names.request_id()))
}

/// The answer of `/responses/compact` (codex 0.115.0–0.137.0): the user's messages and a compaction item.
fn compacted(facts: &Facts<'_>, names: &Names) -> Value {
    let is_kept = |item: &Node<'_>| {
        responses::item_type(*item) == "message"
            && item.get_string("role").is_some_and(|role| role == "user")
    };
    let mut output: Vec<Value> = facts
        .input()
        .map(|(_, item)| item)
        .filter(is_kept)
        .filter_map(|item| serde_json::from_str(item.text()).ok())
        .collect();
    let id = names.item_id("compaction", output.len());
    let content = crate::script::names::encrypted(&id);
    output.push(json!({ "type": "compaction", "id": id, "encrypted_content": content }));
    json!({
        "id": names.response_id(),
        "object": "response.compaction",
        "created_at": names.created_at(),
        "output": output,
        "usage": Usage::default().to_json(),
    })
}

/// The answer of `/memories/trace_summarize`: one summary for each trace.
fn summaries(facts: &Facts<'_>) -> Value {
    let traces = facts.body().and_then(|body| {
        let traces = body.get("traces").or_else(|| body.get("raw_memories"))?;
        Some(traces.len())
    });
    let summary = json!({ "trace_summary": "OK", "memory_summary": "OK" });
    json!({ "output": vec![summary; traces.unwrap_or(0)] })
}

fn error_pieces(status: u16, error: &ErrorInfo, names: &Names) -> Vec<Piece> {
    let body = serde_json::from_str(&error_body(status, error)).unwrap_or(Value::Null);
    json_pieces(status, &body, Some(names.request_id()))
}

/// The answer to a WebSocket handshake that is refused by the script.
pub(super) fn upgrade_refused(status: u16) -> Vec<Piece> {
    let body = json!({ "error": {
        "message": "WebSocket is not supported here",
        "type": "invalid_request_error",
        "param": null,
        "code": null,
    } });
    json_pieces(status, &body, None)
}

/// The answer to a request that the API refuses. A full context is told in the stream, as the API does.
pub(super) fn refusal(refusal: &Refusal, facts: &Facts<'_>, names: &Names) -> Vec<Piece> {
    let wants_stream = facts
        .body()
        .and_then(|body| body.get("stream")?.boolean())
        .unwrap_or_default();
    if refusal.code == Some("context_length_exceeded") && wants_stream {
        return stream(&failed(refusal, facts, names), names);
    }
    json_pieces(
        400,
        &json!({ "error": refusal_members(refusal) }),
        Some(names.request_id()),
    )
}

/// The messages for a request on a WebSocket that the API refuses.
pub(super) fn refusal_messages(
    refusal: &Refusal,
    facts: &Facts<'_>,
    names: &Names,
) -> Vec<WsPiece> {
    if refusal.code == Some("context_length_exceeded") {
        let mut pieces = message_pieces(&failed(refusal, facts, names), false);
        pieces.push(WsPiece::End(Ending::Complete));
        return pieces;
    }
    error_message(400, refusal_members(refusal))
}

fn failed(refusal: &Refusal, facts: &Facts<'_>, names: &Names) -> Vec<Beat> {
    let response = Response::default();
    let rendered = render_response(&response, None, facts, names, &Values::default());
    let mut object = rendered.response;
    object.set("status", "failed");
    object.set("usage", &Value::Null);
    let error = json!({ "code": refusal.code, "message": refusal.message });
    object.set("error", &error);
    let mut beats = rendered.beats;
    beats.pop();
    let event = json!({ "type": "response.failed", "sequence_number": beats.len(), "response": object.to_value() });
    beats.push(Beat::Event(crate::script::model::StreamEvent::of(&event)));
    beats
}

fn refusal_members(refusal: &Refusal) -> Value {
    json!({
        "message": refusal.message,
        "type": "invalid_request_error",
        "param": refusal.param,
        "code": refusal.code,
    })
}

/// The answer to a violation: an error that agents do not retry.
pub(super) fn violation_answer(violation: &Violation) -> Vec<Piece> {
    json_pieces(400, &json!({ "error": violation_members(violation) }), None)
}

/// The same over a WebSocket.
pub(super) fn violation_messages(violation: &Violation) -> Vec<WsPiece> {
    error_message(400, violation_members(violation))
}

fn violation_members(violation: &Violation) -> Value {
    json!({
        "message": format!("trace-diff: {violation}"),
        "type": "trace_diff_violation",
        "param": null,
        "code": violation.kind.name(),
    })
}

/// The answer to a message that is no `response.create`.
pub(super) fn not_a_request() -> Vec<WsPiece> {
    error_message(
        400,
        json!({
            "message": "Expected a message of type 'response.create'.",
            "type": "invalid_request_error",
            "param": "type",
            "code": null,
        }),
    )
}

/// The answer to a message that continues a response which the connection does not have.
pub(super) fn previous_not_found(id: &str) -> Vec<WsPiece> {
    error_message(
        400,
        json!({
            "message": format!("Previous response with id '{id}' not found."),
            "type": "invalid_request_error",
            "param": "previous_response_id",
            "code": "previous_response_not_found",
        }),
    )
}

fn error_message(status: u16, error: Value) -> Vec<WsPiece> {
    let mut message = Map::new();
    message.insert("type".to_owned(), "error".into());
    message.insert("status".to_owned(), status.into());
    message.insert("error".to_owned(), error);
    vec![
        WsPiece::Frame {
            frame: WsFrame::text(Value::Object(message).to_string()),
            flush: true,
            ends_event: true,
        },
        WsPiece::End(Ending::Complete),
    ]
}
