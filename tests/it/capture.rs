//! Captures: every format in, one model out.

use std::fs;
use std::path::{Path, PathBuf};

use trace_diff::capture::{
    Capture, CaptureKind, Content, Exchange, OpenError, Recorded, read_capture, read_capture_bytes,
};
use trace_diff::json::{Document, Node};

/// The recorded corpus beside the package, where it is there.
pub(crate) fn corpus() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if path.is_dir() {
        Some(path)
    } else {
        println!("skipped: no corpus beside the package");
        None
    }
}

pub(crate) fn open(path: &Path) -> Capture {
    read_capture(path.to_str().unwrap()).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn ending(exchange: &Exchange) -> (String, String, String) {
    let status = match exchange.response.status {
        Recorded::Yes(Some(status)) => status.to_string(),
        Recorded::Yes(None) => "null".to_owned(),
        Recorded::NotRecorded => "not recorded".to_owned(),
        Recorded::Lost => "lost".to_owned(),
    };
    let end = exchange
        .response
        .end
        .as_option()
        .map_or("", |end| end.name());
    let target = &exchange.request.target;
    let path = target
        .split_once('?')
        .map_or(target.as_str(), |(path, _)| path);
    let line = format!("{} {path}", exchange.request.method);
    (line, status, end.to_owned())
}

#[test]
fn every_run_has_the_exchanges_that_the_index_lists() {
    let Some(corpus) = corpus() else { return };
    let index = Document::parse(fs::read_to_string(corpus.join("index.json")).unwrap()).unwrap();
    let mut exchanges = 0;
    for run in index.root().get("runs").unwrap().items() {
        let path = run.get_string("path").unwrap();
        if path.starts_with("har/") || !corpus.join(path.as_ref()).join("capture.jsonl").exists() {
            continue;
        }
        let capture = open(&corpus.join(path.as_ref()));
        assert_eq!(capture.kind, CaptureKind::RawExchange);
        assert!(
            capture.problems.is_empty(),
            "{path}: {:?}",
            capture.problems
        );
        let got: Vec<_> = capture.exchanges.iter().map(ending).collect();
        let expected: Vec<_> = run
            .get("exchanges")
            .unwrap()
            .items()
            .map(|exchange| {
                let parts: Vec<Node<'_>> = exchange.items().collect();
                (
                    parts[0].string().unwrap().into_owned(),
                    parts[1].text().to_owned(),
                    parts[2].string().unwrap().into_owned(),
                )
            })
            .collect();
        assert_eq!(got, expected, "{path}");
        let frames: usize = capture
            .exchanges
            .iter()
            .map(|exchange| match &exchange.response.content {
                Content::Frames(frames) => frames.len(),
                _ => 0,
            })
            .sum();
        let expected = run
            .get("websocket_frames")
            .and_then(Node::unsigned)
            .unwrap();
        assert_eq!(frames as u64, expected, "{path}");
        exchanges += got.len();
    }
    assert!(exchanges > 700, "only {exchanges} exchanges seen");
}

fn body_of(exchange: &Exchange) -> serde_json::Value {
    let body = exchange.request.body.json().expect("a JSON body");
    serde_json::from_str(body.text()).unwrap()
}

fn sorted_headers(exchange: &Exchange) -> Vec<(String, String)> {
    let headers = exchange.request.headers.as_option().unwrap();
    let mut fields: Vec<_> = headers
        .list
        .iter()
        // The proxy writes this value as `[REDACTED]`; both recorders stand at their own port.
        .filter(|h| !["authorization", "host"].contains(&h.name.to_lowercase().as_str()))
        .map(|h| (h.name.to_lowercase(), h.value.clone()))
        .collect();
    fields.sort();
    fields
}

fn event_data(exchange: &Exchange) -> Vec<serde_json::Value> {
    match &exchange.response.content {
        Content::Events(stream) => stream
            .events
            .iter()
            .map(|e| serde_json::from_str(e.data.json().unwrap().text()).unwrap())
            .collect(),
        Content::Body(body) => vec![serde_json::from_str(body.json().unwrap().text()).unwrap()],
        other => panic!("{other:?}"),
    }
}

#[test]
fn directories_of_other_recorders_hold_the_same_exchanges_as_the_server_behind_them() {
    let Some(corpus) = corpus() else { return };
    let runs = [
        (
            "pycodex-captures/proxy-mode",
            "captured",
            CaptureKind::PycodexCapture,
        ),
        (
            "responses-api-proxy",
            "dump",
            CaptureKind::ResponsesApiProxy,
        ),
    ];
    let mut pairs = 0;
    for (directory, own, kind) in runs {
        for agent in fs::read_dir(corpus.join(directory)).unwrap() {
            for scenario in fs::read_dir(agent.unwrap().path()).unwrap() {
                let scenario = scenario.unwrap().path();
                let capture = open(&scenario.join(own));
                let mut upstream = open(&scenario.join("upstream"));
                assert_eq!(capture.kind, kind);
                assert!(capture.problems.is_empty(), "{:?}", capture.problems);
                // The proxy refuses everything but this endpoint without asking the server.
                if kind == CaptureKind::ResponsesApiProxy {
                    upstream
                        .exchanges
                        .retain(|e| e.request.target == "/v1/responses");
                }
                assert_eq!(capture.exchanges.len(), upstream.exchanges.len());
                for (a, b) in capture.exchanges.iter().zip(&upstream.exchanges) {
                    assert_eq!(ending(a).0, ending(b).0);
                    assert_eq!(a.response.status, b.response.status);
                    assert_eq!(a.response.end, Recorded::NotRecorded);
                    assert_eq!(body_of(a), body_of(b));
                    if kind == CaptureKind::ResponsesApiProxy {
                        let keys = |e| {
                            sorted_headers(e)
                                .into_iter()
                                .map(|f| f.0)
                                .collect::<Vec<_>>()
                        };
                        assert!(
                            keys(a)
                                .iter()
                                .all(|k| keys(b).contains(k) || k == "accept-encoding")
                        );
                    }
                    assert_eq!(event_data(a), event_data(b));
                }
                pairs += 1;
            }
        }
    }
    assert!(pairs >= 10, "only {pairs} pairs seen");
}

#[test]
fn har_and_flow_files_hold_the_same_requests_as_the_server_behind_them() {
    let Some(corpus) = corpus() else { return };
    for run in fs::read_dir(corpus.join("har")).unwrap() {
        let run = run.unwrap().path();
        let upstream = open(&run.join("upstream"));
        for (file, kind) in [
            ("session.har", CaptureKind::Har),
            ("session.mitm", CaptureKind::Mitmproxy),
        ] {
            let capture = open(&run.join(file));
            assert_eq!(capture.kind, kind);
            assert!(capture.problems.is_empty(), "{:?}", capture.problems);
            let lines = |capture: &Capture| {
                let lines = capture.exchanges.iter().map(|e| ending(e).0);
                lines.collect::<Vec<_>>()
            };
            assert_eq!(lines(&capture), lines(&upstream), "{}", run.display());
        }
        let error = read_capture(run.to_str().unwrap()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("2 captures: session.har, session.mitm"),
            "{error}"
        );
    }
}

pub(crate) const RAW: &str = concat!(
    r#"{"format":"raw-exchange/1","seq":1,"conn":1,"transport":"http","started_ms":1.5,"method":"POST","#,
    r#""path":"/v1/responses","http_version":"HTTP/1.1","request":{"headers":[["Host","h"],["a","1"],["A","2"]],"#,
    r#""wire_body_bytes":15,"body_kind":"json-compact","body":{"b":1.0,"a":[]}},"script_step":0,"#,
    r#""response":{"status":200,"headers":[["content-type","text/event-stream"]],"headers_ms":2,"#,
    r#""events":[{"at_ms":3,"event":"x","data":{"type":"x"}},{"at_ms":4,"event":"y","data":"[DONE]"}],"#,
    r#""ended":"complete","ended_ms":5}}"#,
    "\n"
);

pub(crate) fn read(text: impl Into<Vec<u8>>) -> Result<Capture, OpenError> {
    read_capture_bytes("x.jsonl", text.into())
}

#[test]
fn an_exchange_keeps_what_was_recorded_and_the_rest_goes_to_extra() {
    let capture = read(RAW).unwrap();
    let exchange = &capture.exchanges[0];
    let headers = exchange.request.headers.as_option().unwrap();
    assert!(headers.has_order && headers.has_case && headers.has_repeats);
    assert_eq!(headers.list.get_all("a").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(
        exchange.request.body.json().unwrap().text(),
        r#"{"b":1.0,"a":[]}"#
    );
    let Content::Events(stream) = &exchange.response.content else {
        panic!("no events");
    };
    let kinds: Vec<_> = stream.events.iter().map(|e| e.kind()).collect();
    assert_eq!(kinds, ["x", "y"]);
    assert_eq!(
        exchange.extra.as_ref().unwrap().text(),
        r#"{"seq":1,"script_step":0,"request":{"body_kind":"json-compact"}}"#
    );
}

#[test]
fn a_cut_exchange_is_used_as_far_as_it_goes() {
    let one = RAW.len();
    for cut in 0..one {
        let text = format!("{RAW}{}", &RAW[..cut]);
        let capture = read(text).unwrap();
        let whole_without_newline = cut == one - 1;
        let problems = usize::from(cut > 0 && !whole_without_newline);
        assert_eq!(capture.problems.len(), problems, "cut at {cut}");
        for problem in &capture.problems {
            assert_eq!(problem.kind, "truncated");
            assert_eq!(problem.span, one as u64..(one + cut) as u64);
            assert!(
                problem.message.contains(&format!("byte {one}")),
                "{problem:?}"
            );
        }
        if cut > RAW.find("\"script_step").unwrap() {
            assert_eq!(capture.exchanges.len(), 2, "cut at {cut}");
            assert!(capture.exchanges[1].request.body.json().is_some());
        }
    }
    let cut = RAW.find("{\"at_ms\":4").unwrap() + 5;
    let capture = read(&RAW[..cut]).unwrap();
    let response = &capture.exchanges[0].response;
    assert!(matches!(&response.content, Content::Events(stream) if stream.events.len() == 1));
    assert_eq!(response.end, Recorded::Lost);
    assert_eq!(
        capture.problems[0].message,
        "the input ends inside a record that begins at byte 0 (438 bytes); of exchange 0 the request and 1 event can be used"
    );
}

#[test]
fn what_is_no_capture_is_refused_with_file_byte_and_advice() {
    let rollout = r#"{"timestamp":"2026","type":"session_meta","payload":{"id":"1"}}"#;
    for (text, message, hint) in [
        (
            "",
            "x.jsonl: byte 0: the file is empty",
            "before the first request",
        ),
        (
            rollout,
            "x.jsonl: byte 0: this is a rollout",
            "trace-diff show x.jsonl",
        ),
        (
            r#"{"format":"trace-diff/capture","version":99}"#,
            "x.jsonl: byte 0: trace-diff/capture version 99 is not known here; the highest known is 1",
            "newer trace-diff",
        ),
        (
            "\u{1}\0\0PNG",
            "x.jsonl: byte 0: not a capture: binary data (byte 0x01)",
            "a capture is",
        ),
        (
            "# Notes\n",
            "x.jsonl: byte 0: not a capture: text that is not JSON",
            "a capture is",
        ),
        (
            r#"{"name":"x","version":"1"}"#,
            "not a capture: a JSON object with the members name, version",
            "a capture is",
        ),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(
            error.hint().unwrap().contains(hint),
            "{error}: {:?}",
            error.hint()
        );
    }
}

#[test]
fn a_saved_request_body_is_a_capture_of_one_request() {
    let capture = read(r#"{"model":"m","input":[{"type":"message"}]}"#).unwrap();
    assert_eq!(capture.kind, CaptureKind::RequestBody);
    assert_eq!(capture.exchanges[0].request.target, "/v1/responses");
    assert!(matches!(
        capture.exchanges[0].response.content,
        Content::NotRecorded
    ));
}

#[test]
fn a_directory_is_read_by_what_is_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let read = || read_capture(directory.path().to_str().unwrap());
    assert!(
        read()
            .unwrap_err()
            .to_string()
            .ends_with("holds no capture: it is empty")
    );

    let exchange = r#"{"method":"POST","path":"/v1/responses","headers":{"A":"1"},"body":{"model":"m","input":[]},"response":{"status":200,"headers":{"content-type":"text/event-stream"},"body":"data: {}\n\n"}}"#;
    fs::write(path("002_POST_v1_responses.json"), exchange).unwrap();
    fs::write(
        path("001_POST_v1_responses.json"),
        &exchange[..exchange.len() - 30],
    )
    .unwrap();
    fs::write(path("003_POST_v1_responses.json"), "\u{1}").unwrap();
    fs::write(path("counter.txt"), "3").unwrap();
    let capture = read().unwrap();
    assert_eq!(capture.kind, CaptureKind::PycodexCapture);
    assert_eq!(capture.exchanges.len(), 2);
    assert!(matches!(
        capture.exchanges[0].response.content,
        Content::NotRecorded
    ));
    assert!(matches!(
        capture.exchanges[1].response.content,
        Content::Events(_)
    ));
    let headers = capture.exchanges[1].request.headers.as_option().unwrap();
    assert!(headers.has_case && !headers.has_order && !headers.has_repeats);
    let problems: Vec<_> = capture
        .problems
        .iter()
        .map(|p| {
            (
                p.path.rsplit('/').next().unwrap(),
                p.kind.as_str(),
                p.span.start,
            )
        })
        .collect();
    assert_eq!(
        problems,
        [
            (
                "001_POST_v1_responses.json",
                "truncated",
                exchange.len() as u64 - 30
            ),
            ("003_POST_v1_responses.json", "torn", 0),
        ]
    );

    fs::write(path("capture.jsonl"), RAW).unwrap();
    let error = read().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("holds 2 captures: capture.jsonl, the pycodex"),
        "{error}"
    );
    for number in 1..4 {
        fs::remove_file(path(&format!("00{number}_POST_v1_responses.json"))).unwrap();
    }
    let capture = read().unwrap();
    assert!(capture.path.ends_with("capture.jsonl"));
    assert_eq!(capture.kind, CaptureKind::RawExchange);
}

#[test]
fn a_request_without_its_response_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let request = r#"{"method":"POST","url":"/v1/responses","headers":[{"name":"a","value":"1"}],"body":{"model":"m"}}"#;
    let response = r#"{"status":200,"headers":[],"body":"plain"}"#;
    for (name, text) in [
        ("000002-1700-request.json", request),
        ("000001-1600-request.json", request),
        ("000001-1600-response.json", response),
        ("000003-1800-response.json", response),
    ] {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let capture = read_capture(directory.path().to_str().unwrap()).unwrap();
    assert_eq!(capture.kind, CaptureKind::ResponsesApiProxy);
    assert_eq!(capture.exchanges.len(), 2);
    assert_eq!(capture.exchanges[0].started_ms, Recorded::Yes(1600.0));
    assert_eq!(capture.exchanges[1].response.status, Recorded::NotRecorded);
    let problems: Vec<_> = capture.problems.iter().map(|p| p.kind.as_str()).collect();
    assert_eq!(problems, ["incomplete-exchange", "incomplete-exchange"]);
}
