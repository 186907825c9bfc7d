//! What is otherwise in each run and means nothing.

use crate::capture::{Body, Capture, Content, Exchange, Headers, Recorded};
use crate::json::{Raw, Value};

use super::background::one_for_each_path;

/// Where the metadata of a turn stand: a header field, and a member of `client_metadata`.
const METADATA: &str = "x-codex-turn-metadata";

/// A capture in which it is written in one way, so that texts which quote it are the same in every run: Codex orders the members of
/// `client_metadata` by chance, `create_time` has as many digits as it happens to have (seen in 0.137.0–0.169.0), requests of
/// sub-agents come before or after those of the user's thread, and [background calls](one_for_each_path) race with all of it.
pub(super) fn canonical(capture: &Capture) -> Capture {
    let mut capture = capture.clone();
    one_for_each_path(&mut capture.exchanges);
    // What runs beside the user's turns comes sooner or later.
    capture.exchanges.sort_by_cached_key(sub_agent);
    for exchange in &mut capture.exchanges {
        let is_sub_agent = !sub_agent(exchange).is_empty();
        if let (true, Recorded::Yes(headers)) = (is_sub_agent, &mut exchange.request.headers) {
            forget_workspaces(headers);
        }
        let frames = match &mut exchange.response.content {
            Content::Frames(frames) => frames.as_mut_slice(),
            _ => &mut [],
        };
        let messages = frames.iter_mut().map(|frame| &mut frame.data);
        for body in std::iter::once(&mut exchange.request.body).chain(messages) {
            if is_sub_agent {
                forget_workspaces_in_body(body);
            }
            rewrite(body);
        }
    }
    capture
}

/// What kind of sub-agent a request is of, as it says; empty for the user's own thread, which comes first.
fn sub_agent(exchange: &Exchange) -> String {
    let headers = exchange.request.headers.as_option();
    let kind = headers.and_then(|headers| headers.list.get("x-openai-subagent"));
    kind.unwrap_or_default().to_owned()
}

/// Takes the state of git repositories out of the metadata of a sub-agent's turn. It is asked for beside the turn, and is there in the
/// first request or in a later one (the memory agent of codex 0.137.0–0.169.0, whose directory is a repository).
fn forget_workspaces(headers: &mut Headers) {
    let entries = headers.list.entries.iter_mut();
    for header in entries.filter(|header| header.name.eq_ignore_ascii_case(METADATA)) {
        if let Some(short) = without_workspaces(&header.value) {
            header.value = short;
        }
    }
}

/// As [`forget_workspaces`], in the body of a request or a message of a WebSocket.
fn forget_workspaces_in_body(body: &mut Body) {
    let Body::Json(json) = body else { return };
    let raw = Raw::new(json.value.text());
    let metadata = raw.get("client_metadata").and_then(|all| all.get(METADATA));
    if let Some(metadata) = metadata
        && let Some(short) = metadata.string().and_then(|text| without_workspaces(&text))
        && let Ok(value) = Value::parse(raw.text_with(metadata, &quoted(&short)))
    {
        json.value = value;
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Metadata of a turn, which is JSON, without `workspaces`, if it has them.
fn without_workspaces(metadata: &str) -> Option<String> {
    let mut value: serde_json::Value = serde_json::from_str(metadata).ok()?;
    value.as_object_mut()?.shift_remove("workspaces")?;
    Some(value.to_string())
}

fn rewrite(body: &mut Body) {
    let Body::Json(json) = body else { return };
    let text = whole_seconds(&sorted_metadata(json.value.text()));
    if text != json.value.text()
        && let Ok(value) = Value::parse(text)
    {
        json.value = value;
    }
}

/// Orders the members of `client_metadata` by name.
fn sorted_metadata(text: &str) -> String {
    let body = Raw::new(text);
    let Some(metadata) = body.get("client_metadata") else {
        return text.to_owned();
    };
    let mut members: Vec<(String, &str)> = metadata
        .members()
        .map(|(name, value)| (name.into_owned(), value.text()))
        .collect();
    members.sort_unstable();
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{}:{value}", quoted(name)))
        .collect();
    body.text_with(metadata, &format!("{{{}}}", members.join(",")))
}

/// Leaves the fraction of each `create_time` out.
fn whole_seconds(text: &str) -> String {
    const KEY: &str = "\"create_time\":";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(KEY) {
        let (before, number) = rest.split_at(at + KEY.len());
        out.push_str(before);
        let digits = number.trim_start_matches(|c: char| c.is_ascii_digit());
        out.push_str(&number[..number.len() - digits.len()]);
        rest = match digits.strip_prefix('.') {
            Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
            None => digits,
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Direction, Frame, FrameKind, read_capture_bytes};

    #[test]
    fn what_a_sub_agent_sends_over_a_websocket_loses_its_workspaces_too() {
        let body = r#"{"client_metadata":{"x-codex-turn-metadata":"{\"workspaces\":{}}"}}"#;
        let record = r#"{"format":"raw-exchange/1","seq":1,"transport":"http","method":"GET","path":"/v1/responses","request":{"headers":[["x-openai-subagent","a"]],"body_kind":"none","body":""},"response":{"status":101,"headers":[],"body":"","ended":"complete"}}"#;
        let mut capture = read_capture_bytes("-", record.into()).expect("it is a capture");
        capture.exchanges[0].response.content = Content::Frames(vec![Frame {
            direction: Direction::ClientToServer,
            kind: FrameKind::Text,
            data: Body::from_bytes(body.into()),
            expanded: Body::NotRecorded,
            at_ms: Recorded::NotRecorded,
        }]);
        let told = format!("{:?}", canonical(&capture).exchanges[0].response.content);
        assert!(
            told.contains("x-codex-turn-metadata") && !told.contains("workspaces"),
            "{told}"
        );
    }

    #[test]
    fn chance_is_taken_out() {
        let text = r#"{"a":1,"client_metadata":{"b":"x","a":{"c":1}},"z":[]}"#;
        let wanted = r#"{"a":1,"client_metadata":{"a":{"c":1},"b":"x"},"z":[]}"#;
        assert_eq!(sorted_metadata(text), wanted);
        assert_eq!(sorted_metadata(r#"{"a":1}"#), r#"{"a":1}"#);
        let metadata = r#"{"turn_id":"a","workspaces":{"/x":{}},"sandbox":"none"}"#;
        let wanted = Some(r#"{"turn_id":"a","sandbox":"none"}"#.to_owned());
        assert_eq!(without_workspaces(metadata), wanted);
        assert_eq!(without_workspaces("{}"), None);
        let text = r#"{"create_time":17.25,"x":{"create_time":17},"t":"\"create_time\":1.5"}"#;
        let wanted = r#"{"create_time":17,"x":{"create_time":17},"t":"\"create_time\":1.5"}"#;
        assert_eq!(whole_seconds(text), wanted);
    }
}
