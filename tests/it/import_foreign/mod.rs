//! HAR, mitmproxy and rollout-trace bundles: what they tell, what they don't, and what is left when they are damaged.

mod corpus;
mod har;
mod mitmproxy;
mod trace_bundle;

use std::fs;
use std::path::{Path, PathBuf};

use trace_diff::capture::import::read_har;
use trace_diff::capture::{Body, Capture, Content, Exchange};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn fixture(path: &str) -> Vec<u8> {
    fs::read(root("fixtures").join(path)).unwrap()
}

fn har(bytes: impl Into<Vec<u8>>) -> Capture {
    read_har("x.har", bytes.into())
}

fn status(exchange: &Exchange) -> Option<Option<u16>> {
    exchange.response.status.as_option().copied()
}

fn header_pairs(exchange: &Exchange) -> Vec<(String, String)> {
    let headers = exchange.request.headers.as_option().unwrap();
    headers
        .list
        .iter()
        .map(|h| (h.name.clone(), h.value.clone()))
        .collect()
}

fn text_of(body: &Body) -> String {
    match body {
        Body::NotRecorded => "(not recorded)".to_owned(),
        Body::Empty => String::new(),
        Body::Json(json) => json.value.text().to_owned(),
        Body::Text(text) => text.clone(),
        Body::Bytes(bytes) => format!("{bytes:02x?}"),
    }
}

fn kinds(exchange: &Exchange) -> Vec<String> {
    match &exchange.response.content {
        Content::Events(stream) => stream
            .events
            .iter()
            .map(|event| event.kind().into_owned())
            .collect(),
        other => panic!("no events: {other:?}"),
    }
}

fn targets(capture: &Capture) -> Vec<&str> {
    capture
        .exchanges
        .iter()
        .map(|e| e.request.target.as_str())
        .collect()
}

/// Kind and span of each problem.
fn problems(capture: &Capture) -> Vec<(&str, std::ops::Range<u64>)> {
    capture
        .problems
        .iter()
        .map(|p| (p.kind.as_str(), p.span.clone()))
        .collect()
}
