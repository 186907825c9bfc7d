//! Rollout-trace bundles.

use std::fs;

use trace_diff::capture::import::{detect_trace_bundle, read_trace_bundle};
use trace_diff::capture::{Body, Content, Recorded};

use super::root;

#[test]
fn a_trace_bundle_gives_its_requests_and_says_what_is_missing() {
    let trace_root = root("fixtures/trace-bundle");
    let dir = trace_root.join("trace-0001-thread-1");
    assert!(detect_trace_bundle(&dir) && detect_trace_bundle(&trace_root));
    assert!(!detect_trace_bundle(&root("src")));
    let capture = read_trace_bundle(&dir).unwrap();
    let [failed, turn, compaction, unknown] = capture.exchanges.as_slice() else {
        panic!("not four exchanges")
    };

    assert!(failed.request.body.json().unwrap().get("input").is_some());
    assert_eq!(failed.request.headers, Recorded::NotRecorded);
    assert!(matches!(failed.response.content, Content::NotRecorded));
    let ended = failed.extra.as_ref().unwrap().get("ended").unwrap();
    assert_eq!(ended.node().get_string("type").unwrap(), "inference_failed");
    assert!(
        ended
            .node()
            .get_string("error")
            .unwrap()
            .starts_with("stream closed")
    );

    assert_eq!(
        (turn.started_ms, turn.response.ended_ms),
        (Recorded::Yes(30.0), Recorded::Yes(50.0))
    );
    assert!(
        matches!(&turn.response.content, Content::Digest(digest) if digest.get("output_items").is_some())
    );
    assert_eq!(turn.response.status, Recorded::NotRecorded);

    assert!(matches!(compaction.request.body, Body::NotRecorded));
    assert!(
        compaction
            .extra
            .as_ref()
            .unwrap()
            .get("request_payload")
            .is_some()
    );
    assert!(matches!(compaction.response.content, Content::Digest(_)));

    assert!(matches!(unknown.request.body, Body::NotRecorded));
    let kinds: Vec<_> = capture.problems.iter().map(|p| p.kind.as_str()).collect();
    assert_eq!(kinds, ["missing-file", "incomplete-exchange"]);
    assert!(
        capture.problems[0].path.ends_with("9.json"),
        "{:?}",
        capture.problems[0]
    );

    let both = read_trace_bundle(&trace_root).unwrap();
    assert_eq!(both.exchanges.len(), 4, "a trace root with one bundle");
}

#[test]
fn a_trace_bundle_does_not_lead_out_of_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    let bundle = dir.path().join("trace-1");
    fs::create_dir_all(bundle.join("payloads")).unwrap();
    fs::write(dir.path().join("secret.json"), "{\"input\":[]}").unwrap();
    fs::write(
        bundle.join("manifest.json"),
        r#"{"raw_event_log":"../secret.json"}"#,
    )
    .unwrap();
    let log = r#"{"payload":{"type":"inference_started","inference_call_id":"1","request_payload":{"path":"../secret.json"}}}
{"payload":{"type":"inference_comp"#;
    fs::write(bundle.join("trace.jsonl"), log).unwrap();
    let capture = read_trace_bundle(dir.path()).unwrap();
    assert_eq!(capture.exchanges.len(), 1);
    assert!(matches!(
        capture.exchanges[0].request.body,
        Body::NotRecorded
    ));
    let kinds: Vec<_> = capture.problems.iter().map(|p| p.kind.as_str()).collect();
    assert_eq!(kinds, ["missing-file", "truncated", "incomplete-exchange"]);
}

#[test]
fn requests_up_to_one_that_continues_a_response_were_websocket_messages() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    fs::create_dir(dir.path().join("payloads")).unwrap();
    write("manifest.json", "{}");
    write("payloads/1.json", r#"{"input":[]}"#);
    write(
        "payloads/2.json",
        r#"{"type":"response.create","input":[]}"#,
    );
    let records = [1, 2, 1].iter().enumerate().map(|(n, payload)| {
        format!(
            r#"{{"payload":{{"type":"inference_started","inference_call_id":"{n}","request_payload":{{"path":"payloads/{payload}.json"}}}}}}"#
        )
    });
    write("trace.jsonl", &records.collect::<Vec<_>>().join("\n"));
    let capture = read_trace_bundle(dir.path()).unwrap();
    let methods: Vec<_> = capture
        .exchanges
        .iter()
        .map(|e| e.request.method.as_str())
        .collect();
    assert_eq!(methods, ["WS", "WS", "POST"]);
}
