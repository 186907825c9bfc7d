//! Foreign recordings of the corpus against what the server behind the recorder saw.

use std::fs;
use std::path::PathBuf;

use trace_diff::capture::import::{
    detect_har, detect_mitmproxy, detect_trace_bundle, read_har, read_mitmproxy, read_trace_bundle,
};
use trace_diff::capture::{Content, Direction, Exchange, FrameKind, read_capture};

use super::{header_pairs, root, status, text_of};

fn corpus() -> Option<PathBuf> {
    let path = root("../shared/corpus");
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: no corpus beside the package");
    None
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// Everything that two records of one exchange must agree in.
fn facts(exchange: &Exchange) -> serde_json::Value {
    let content = match &exchange.response.content {
        Content::Events(stream) => stream
            .events
            .iter()
            .map(|event| serde_json::json!([event.name, json(&text_of(&event.data))]))
            .collect(),
        // Closing handshakes are in neither HAR nor flow files.
        Content::Frames(frames) => frames
            .iter()
            .filter(|frame| !matches!(frame.kind, FrameKind::Close { .. }))
            .map(|frame| {
                serde_json::json!([
                    format!("{:?} {:?}", frame.direction, frame.kind),
                    json(&text_of(&frame.data))
                ])
            })
            .collect(),
        Content::Body(body) => json(&text_of(body)),
        other => panic!("{other:?}"),
    };
    let response_headers = exchange
        .response
        .headers
        .as_option()
        .map(|headers| format!("{:?}", headers.list));
    serde_json::json!({
        "line": [exchange.request.method, exchange.request.target, format!("{:?}", exchange.request.http_version)],
        "headers": header_pairs(exchange),
        "body": json(&text_of(&exchange.request.body)),
        "bytes": format!("{:?}", exchange.request.wire_body_bytes),
        "status": status(exchange),
        "response_headers": response_headers,
        "content": content,
    })
}

#[test]
fn proxies_and_the_server_behind_them_recorded_the_same() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for entry in fs::read_dir(corpus.join("har")).unwrap() {
        let run = entry.unwrap().path();
        let wire = read_capture(run.join("upstream/capture.jsonl").to_str().unwrap()).unwrap();
        let bytes = fs::read(run.join("session.har")).unwrap();
        assert!(detect_har(&bytes[..4096]) && !detect_mitmproxy(&bytes));
        let from_har = read_har("session.har", bytes);
        let bytes = fs::read(run.join("session.mitm")).unwrap();
        assert!(detect_mitmproxy(&bytes[..4096]) && !detect_har(&bytes));
        let from_flows = read_mitmproxy("session.mitm", &bytes);
        for capture in [&from_har, &from_flows] {
            assert!(capture.problems.is_empty(), "{:?}", capture.problems);
            assert_eq!(capture.exchanges.len(), wire.exchanges.len());
            for (got, expected) in capture.exchanges.iter().zip(&wire.exchanges) {
                let (got, expected) = (facts(got), facts(expected));
                for (key, value) in expected.as_object().unwrap() {
                    assert_eq!(
                        &got[key],
                        value,
                        "{} {}: {key}",
                        run.display(),
                        capture.kind.name()
                    );
                }
                compared += 1;
            }
        }
    }
    assert!(compared >= 14, "only {compared} exchanges compared");
}

#[test]
fn bodies_in_trace_bundles_are_the_bodies_on_the_wire() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for run in walkdir::WalkDir::new(&corpus).min_depth(2).max_depth(2) {
        let run = run.unwrap().into_path();
        if !run.join("trace").is_dir() || !detect_trace_bundle(&run.join("trace")) {
            continue;
        }
        let capture = read_trace_bundle(&run.join("trace")).unwrap();
        assert!(
            capture.problems.is_empty(),
            "{}: {:?}",
            run.display(),
            capture.problems
        );
        let wire = read_capture(run.join("capture.jsonl").to_str().unwrap()).unwrap();
        let mut sent = wire
            .exchanges
            .iter()
            .flat_map(sent_bodies)
            .filter(|body| body.get("input").is_some());
        for exchange in &capture.exchanges {
            let body = json(&text_of(&exchange.request.body));
            // In the order of the wire; requests of local compactions are not in the trace.
            let is_sent = sent.any(|sent| sent == body || stands_for(&sent, &body));
            assert!(
                is_sent,
                "{}: {}",
                run.display(),
                exchange.extra.as_ref().unwrap().text()
            );
            compared += 1;
        }
    }
    assert!(compared >= 30, "only {compared} requests compared");
}

/// Whether a WebSocket message is the end of a request that was traced in full.
fn stands_for(sent: &serde_json::Value, body: &serde_json::Value) -> bool {
    let input =
        |request: &serde_json::Value| request["input"].as_array().cloned().unwrap_or_default();
    sent["previous_response_id"].is_string()
        && input(body).ends_with(&input(sent))
        && ["model", "tools", "prompt_cache_key", "reasoning"]
            .iter()
            .all(|key| sent[key] == body[key])
}

fn sent_bodies(exchange: &Exchange) -> Vec<serde_json::Value> {
    match &exchange.response.content {
        Content::Frames(frames) => frames
            .iter()
            .filter(|frame| frame.direction == Direction::ClientToServer)
            .map(|frame| json(&text_of(&frame.data)))
            .collect(),
        _ => vec![json(&text_of(&exchange.request.body))],
    }
}
