//! What is otherwise in each run and means nothing.

use crate::capture::{Body, Capture, Content, Exchange};
use crate::json::{Raw, Value};

use super::background::one_for_each_path;

/// A capture in which it is written in one way, so that texts which quote it are the same in every run: Codex orders the members of
/// `client_metadata` by chance, `create_time` has as many digits as it happens to have (seen in 0.137.0–0.169.0), requests of
/// sub-agents come before or after those of the user's thread, and [background calls](one_for_each_path) race with all of it.
pub(super) fn canonical(capture: &Capture) -> Capture {
    let mut capture = capture.clone();
    one_for_each_path(&mut capture.exchanges);
    // What runs beside the user's turns comes sooner or later.
    capture.exchanges.sort_by_cached_key(sub_agent);
    for exchange in &mut capture.exchanges {
        rewrite(&mut exchange.request.body);
        if let Content::Frames(frames) = &mut exchange.response.content {
            frames.iter_mut().for_each(|frame| rewrite(&mut frame.data));
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
        .map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name.as_str())))
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
    use super::{sorted_metadata, whole_seconds};

    #[test]
    fn chance_is_taken_out() {
        let text = r#"{"a":1,"client_metadata":{"b":"x","a":{"c":1}},"z":[]}"#;
        let wanted = r#"{"a":1,"client_metadata":{"a":{"c":1},"b":"x"},"z":[]}"#;
        assert_eq!(sorted_metadata(text), wanted);
        assert_eq!(sorted_metadata(r#"{"a":1}"#), r#"{"a":1}"#);
        let text = r#"{"create_time":17.25,"x":{"create_time":17},"t":"\"create_time\":1.5"}"#;
        let wanted = r#"{"create_time":17,"x":{"create_time":17},"t":"\"create_time\":1.5"}"#;
        assert_eq!(whole_seconds(text), wanted);
    }
}
