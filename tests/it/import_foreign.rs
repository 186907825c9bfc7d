//! HAR, mitmproxy and rollout-trace bundles: what they tell, what they don't, and what is left when they are damaged.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use trace_diff::capture::import::{
    detect_har, detect_mitmproxy, detect_trace_bundle, read_har, read_mitmproxy, read_trace_bundle,
};
use trace_diff::capture::{
    Body, Capture, Content, Direction, End, Event, Exchange, FrameKind, Recorded, read_capture,
};

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
        Content::Events(stream) => stream.events.iter().map(Event::kind).collect(),
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

#[test]
fn a_har_gives_what_it_holds_and_marks_the_rest_as_not_recorded() {
    let bytes = fixture("har/small.har");
    assert!(detect_har(&bytes[..200]));
    let capture = har(bytes.clone());
    assert_eq!(
        targets(&capture),
        ["/v1/responses?x=1", "/", "/v1/responses", "/v1/models"]
    );

    let turn = &capture.exchanges[0];
    assert_eq!(turn.request.method, "POST");
    assert_eq!(
        turn.request.http_version,
        Recorded::Yes("HTTP/2".to_owned())
    );
    let names: Vec<_> = header_pairs(turn)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["x-a", "X-A", "content-type"]);
    assert!(turn.request.body.json().unwrap().get("input").is_some());
    assert_eq!(status(turn), Some(Some(200)));
    assert_eq!(kinds(turn), ["response.created", "response.completed"]);
    assert_eq!(turn.response.end, Recorded::NotRecorded);
    assert_eq!(
        (turn.started_ms, turn.response.ended_ms),
        (Recorded::Yes(0.0), Recorded::Yes(12.5))
    );
    assert_eq!(turn.connection, Recorded::Yes(443));
    let extra = turn.extra.as_ref().unwrap();
    assert_eq!(extra.node().get_string("_priority").unwrap(), "High");
    assert_eq!(
        extra
            .get("request")
            .unwrap()
            .node()
            .get_string("url")
            .unwrap(),
        "https://api.example.test/v1/responses?x=1#f"
    );

    let failed = &capture.exchanges[1];
    assert!(matches!(failed.request.body, Body::NotRecorded));
    assert_eq!(failed.request.headers, Recorded::NotRecorded);
    assert_eq!(failed.started_ms, Recorded::Yes(1250.0));
    assert!(
        matches!(&failed.response.content, Content::Body(body) if text_of(body) == r#"{"error":"no"}"#)
    );

    let Content::Frames(frames) = &capture.exchanges[2].response.content else {
        panic!("no frames")
    };
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0].direction, Direction::ClientToServer);
    assert_eq!(frames[0].at_ms, Recorded::Yes(2500.0));
    assert_eq!(text_of(&frames[0].data), r#"{"type":"response.create"}"#);
    assert_eq!(
        (frames[1].direction, &frames[1].kind),
        (Direction::ServerToClient, &FrameKind::Binary)
    );
    assert_eq!(text_of(&frames[1].data), "[00, ff]");
    assert_eq!(
        capture.exchanges[2].response.ended_ms,
        Recorded::NotRecorded
    );

    let lost = &capture.exchanges[3];
    assert_eq!(status(lost), Some(None));
    assert_eq!(lost.response.end, Recorded::Yes(End::Reset));
    assert!(matches!(lost.request.body, Body::Empty));

    // Only the WebSocket message that is no message.
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(capture.problems.len(), 1, "{:?}", capture.problems);
    let span = capture.problems[0].span.clone();
    assert!(text[span.start as usize..span.end as usize].contains("\"lost\""));
}

#[test]
fn a_har_without_bodies_does_not_say_they_were_empty() {
    let entry = |request: &str, response: &str| {
        let text = format!(
            r#"{{"log":{{"version":"1.2","entries":[{{"request":{{"method":"POST","url":"/r","headers":[],{request}}},"response":{{"status":200,{response}}}}}]}}}}"#
        );
        let capture = har(text);
        let exchange = capture.exchanges.into_iter().next().unwrap();
        let content = match exchange.response.content {
            Content::NotRecorded => "(not recorded)".to_owned(),
            Content::Body(body) => text_of(&body),
            other => format!("{other:?}"),
        };
        (text_of(&exchange.request.body), content)
    };
    let not = || "(not recorded)".to_owned();
    assert_eq!(
        entry(r#""bodySize":9"#, r#""content":{"size":9}"#),
        (not(), not())
    );
    assert_eq!(
        entry(r#""bodySize":-1"#, r#""content":{"size":0},"bodySize":-1"#),
        (not(), not())
    );
    assert_eq!(
        entry(r#""bodySize":0"#, r#""content":{"size":0},"bodySize":0"#),
        (String::new(), String::new())
    );
    assert_eq!(
        entry(
            r#""bodySize":3,"postData":{"params":[{"name":"a","value":"b"}]}"#,
            r#""content":{"size":2,"text":"ok"}"#
        ),
        (not(), "ok".to_owned())
    );
    assert_eq!(
        entry(
            r#""bodySize":3,"postData":{"encoding":"base64","text":"/wA="}"#,
            r#""content":{"size":2,"encoding":"base64","text":"*"}"#
        ),
        ("[ff, 00]".to_owned(), not())
    );
}

#[test]
fn a_cut_har_keeps_every_entry_before_the_cut() {
    let bytes = fixture("har/small.har");
    let whole = har(bytes.clone());
    let mut seen = 0;
    for cut in (0..bytes.len() - 2).step_by(7) {
        let capture = har(&bytes[..cut]);
        let count = capture.exchanges.len();
        assert!(count >= seen, "cut at {cut}");
        seen = count;
        assert_eq!(targets(&capture), targets(&whole)[..count], "cut at {cut}");
        let problem = capture.problems.last().unwrap();
        let is_empty = bytes[..cut].is_empty();
        assert!(
            is_empty || problem.kind == "truncated",
            "cut at {cut}: {problem:?}"
        );
        assert_eq!(problem.span.end, cut as u64);
    }
    assert_eq!(seen, 4);

    let text = String::from_utf8(bytes).unwrap();
    let capture = har(&text[..text.find("\"statusText\"").unwrap()]);
    let exchange = &capture.exchanges[0];
    assert!(exchange.request.body.json().is_some());
    assert_eq!(status(exchange), Some(Some(200)));
    assert!(matches!(exchange.response.content, Content::NotRecorded));
    let messages = text.find("\"type\": \"receive\"").unwrap();
    let capture = har(&text[..messages]);
    assert!(
        matches!(&capture.exchanges[2].response.content, Content::Frames(frames) if frames.len() == 1)
    );
    let before = text[..messages].rfind("\"_webSocketMessages\"").unwrap();
    assert!(matches!(
        har(&text[..before]).exchanges[2].response.content,
        Content::NotRecorded
    ));
}

#[test]
fn damage_inside_a_har_costs_the_entry_that_it_is_in() {
    let text = String::from_utf8(fixture("har/small.har")).unwrap();
    let compact = serde_json::from_str::<serde_json::Value>(&text)
        .unwrap()
        .to_string();
    for text in [text, compact] {
        let entries: Vec<_> = text
            .match_indices("\"startedDateTime\"")
            .map(|(at, _)| text[..at].rfind('{').unwrap())
            .collect();
        let second = entries[1]..entries[2];
        for (start, length) in [(10, 40), (80, 5), (100, 250), (200, 1), (300, 60)] {
            let hole = second.start + start..second.start + start + length;
            let torn = format!("{}{}", &text[..hole.start], &text[hole.end..]);
            let capture = har(torn);
            let got = targets(&capture);
            let without = ["/v1/responses?x=1", "/v1/responses", "/v1/models"];
            // A hole may leave JSON behind; then the entry is read as what it is now.
            if got.len() == 3 {
                assert_eq!(got, without, "hole {hole:?}");
                let spans = problems(&capture);
                assert!(
                    spans
                        .iter()
                        .any(|(kind, span)| *kind == "torn" && span.start == second.start as u64),
                    "{spans:?}"
                );
            } else {
                assert_eq!(
                    (got.len(), got[0], got[2], got[3]),
                    (4, without[0], without[1], without[2]),
                    "hole {hole:?}"
                );
            }
        }
    }
}

#[test]
fn malformed_entries_are_problems_and_the_rest_is_used() {
    let capture = har(
        r#"{"log":{"version":"9.0","entries":[17,{"response":{}},{"request":{"method":"GET","url":"https://h/a","headers":[{"name":"x"}]}},{"startedDateTime":"soon","request":{"method":"GET","url":"https://h/b"},"response":{"status":204,"content":{"size":0}}}]}} tail"#,
    );
    assert_eq!(targets(&capture), ["/a", "/b"]);
    let kinds: Vec<_> = capture.problems.iter().map(|p| p.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "garbage",
            "incomplete-exchange",
            "incomplete-exchange",
            "incomplete-exchange",
            "incomplete-exchange",
            "garbage"
        ]
    );
    assert_eq!(capture.problems[0].span, 35..37);
    assert!(matches!(
        &capture.exchanges[1].response.content,
        Content::Body(Body::Empty)
    ));

    let capture = har(&b"{\"log\":{\"entries\":[{\"request\":{\"method\":\"P\xff\",\"url\":\"/\"},\"response\":{\"status\":200}}]}}"[..]);
    assert_eq!(problems(&capture), [("invalid-utf8", 42..43)]);
    assert_eq!(capture.exchanges[0].request.method, "P?");

    for (text, kind) in [
        ("", "garbage"),
        ("[]", "garbage"),
        ("{\"a\":1}", "garbage"),
        ("{\"log\":{\"version\":", "truncated"),
    ] {
        assert_eq!(
            problems(&har(text)),
            [(kind, 0..text.len() as u64)],
            "{text}"
        );
    }
    assert!(!detect_har(
        b"{\"format\":\"raw-exchange/1\",\"log\":{\"x\":1}}"
    ));
    assert!(!detect_har(
        b"{\"model\":\"m\",\"input\":[{\"log\":{\"entries\":[]}}]}"
    ));
}

#[test]
fn hostile_hars_are_read_in_linear_time() {
    let mut text = "{\"log\":{\"entries\":[".to_owned();
    text.push_str(&"{\"request\":".repeat(200_000));
    assert!(har(text).exchanges.is_empty());
    let text = format!("{{\"log\":{{\"entries\":[{}", "[{\"\",".repeat(200_000));
    assert!(har(text).exchanges.is_empty());
    let text = format!(
        "{{\"log\":{{\"entries\":[{}",
        "{\"a\u{1}\"},".repeat(100_000)
    );
    assert!(har(text).exchanges.is_empty());
}

#[test]
fn a_flow_file_gives_what_it_holds() {
    let bytes = fixture("mitmproxy/small.mitm");
    assert!(detect_mitmproxy(&bytes[..64]));
    assert!(!detect_mitmproxy(b"12:hello world!,"));
    let capture = read_mitmproxy("x.mitm", &bytes);
    assert!(capture.problems.is_empty(), "{:?}", capture.problems);
    let [turn, socket, lost] = capture.exchanges.as_slice() else {
        panic!("not three exchanges")
    };

    assert_eq!(
        (turn.request.method.as_str(), turn.request.target.as_str()),
        ("POST", "/v1/responses")
    );
    assert_eq!(
        header_pairs(turn)[2],
        ("X-Odd".to_owned(), "café".to_owned())
    );
    assert!(turn.request.body.json().unwrap().get("input").is_some());
    assert!(
        *turn.request.wire_body_bytes.as_option().unwrap()
            < text_of(&turn.request.body).len() as u64
    );
    assert_eq!(kinds(turn), ["response.created", "response.completed"]);
    assert_eq!(turn.response.end, Recorded::Yes(End::Complete));
    assert_eq!(turn.response.headers_ms, Recorded::Yes(1000.0));
    assert_eq!(turn.response.ended_ms, Recorded::Yes(1500.0));

    let Content::Frames(frames) = &socket.response.content else {
        panic!("no frames")
    };
    assert_eq!(frames.len(), 2);
    assert_eq!(
        (frames[0].direction, &frames[0].kind),
        (Direction::ClientToServer, &FrameKind::Text)
    );
    assert_eq!(
        (frames[1].at_ms, text_of(&frames[1].data)),
        (Recorded::Yes(3500.0), "[00, ff]".to_owned())
    );
    assert_eq!(socket.response.end, Recorded::NotRecorded);
    let websocket = socket.extra.as_ref().unwrap().get("websocket").unwrap();
    assert_eq!(websocket.get("close_code").unwrap().text(), "1000");

    assert!(matches!(lost.request.body, Body::NotRecorded));
    assert_eq!(status(lost), Some(None));
    assert_eq!(lost.response.end, Recorded::Yes(End::PeerClosed));
    let connections: Vec<_> = capture.exchanges.iter().map(|e| e.connection).collect();
    assert_eq!(
        connections,
        [Recorded::Yes(1), Recorded::Yes(2), Recorded::Yes(1)]
    );
}

#[test]
fn a_damaged_flow_file_loses_only_the_damaged_flows() {
    let bytes = fixture("mitmproxy/small.mitm");
    let colon = bytes.iter().position(|&b| b == b':').unwrap();
    let first: usize = std::str::from_utf8(&bytes[..colon])
        .unwrap()
        .parse()
        .unwrap();
    let second = colon + 1 + first + 1;
    for cut in (1..bytes.len()).step_by(13) {
        let capture = read_mitmproxy("x.mitm", &bytes[..cut]);
        let whole = usize::from(cut >= second) + usize::from(second_end(&bytes, second) <= cut);
        let count = capture.exchanges.len();
        assert!(count == whole || count == whole + 1, "cut at {cut}");
        if cut != second && cut != second_end(&bytes, second) {
            let problem = capture.problems.last().unwrap();
            assert_eq!(
                (problem.kind.as_str(), problem.span.end),
                ("truncated", cut as u64)
            );
        }
    }
    // Of a flow that is cut behind its request, that is used.
    let capture = read_mitmproxy("x.mitm", &bytes[..bytes.len() - 30]);
    assert_eq!(capture.exchanges.len(), 3);
    assert!(
        capture.problems[0]
            .message
            .ends_with("are complete and are used")
    );
    // Bytes taken out or changed somewhere in the second flow, its length included.
    for at in second..second_end(&bytes, second) {
        let mut torn = bytes.clone();
        torn.remove(at);
        let capture = read_mitmproxy("x.mitm", &torn);
        assert_eq!(
            (capture.exchanges.len(), targets(&capture)[1]),
            (2, "/v1/responses"),
            "byte {at} out"
        );
        assert_eq!(
            problems(&capture),
            [(
                "torn",
                second as u64..(second_end(&bytes, second) - 1) as u64
            )]
        );

        let mut changed = bytes.clone();
        changed[at] ^= 0x15;
        let capture = read_mitmproxy("x.mitm", &changed);
        assert!(
            capture.exchanges.len() >= 2,
            "byte {at} changed: {:?}",
            capture.problems
        );
    }
    let mut huge = b"999999999999:".to_vec();
    huge.extend_from_slice(&bytes);
    assert_eq!(read_mitmproxy("x.mitm", &huge).exchanges.len(), 3);
    for garbage in [&b"not a flow file"[..], &[b'7'; 300_000], b"4:true!"] {
        let capture = read_mitmproxy("x.mitm", garbage);
        assert!(capture.exchanges.is_empty() && !capture.problems.is_empty());
    }
}

fn second_end(bytes: &[u8], second: usize) -> usize {
    let colon = second + bytes[second..].iter().position(|&b| b == b':').unwrap();
    let length: usize = std::str::from_utf8(&bytes[second..colon])
        .unwrap()
        .parse()
        .unwrap();
    colon + 1 + length + 1
}

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_damage_makes_a_reader_panic(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        hole in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        for file in ["har/small.har", "mitmproxy/small.mitm"] {
            let mut bytes = fixture(file);
            for (at, byte) in &edits {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            let (from, to) = (hole.0.index(bytes.len()), hole.1.index(bytes.len()));
            bytes.drain(from.min(to)..from.max(to));
            let length = bytes.len() as u64;
            let flows = read_mitmproxy("x", &bytes);
            for problem in har(bytes).problems.iter().chain(&flows.problems) {
                prop_assert!(problem.span.start <= problem.span.end && problem.span.end <= length);
            }
        }
    }
}

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
