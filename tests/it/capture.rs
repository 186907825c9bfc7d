//! Captures: every format in, one model out.

use std::fs;
use std::path::{Path, PathBuf};

use trace_diff::capture::{
    Capture, CaptureKind, Content, Exchange, OpenError, Recorded, read_capture, read_capture_bytes,
};
use trace_diff::json::{Document, Node};

/// The recorded corpus beside the package, where it is there.
fn corpus() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if path.is_dir() {
        Some(path)
    } else {
        println!("skipped: no corpus beside the package");
        None
    }
}

fn open(path: &Path) -> Capture {
    read_capture(path.to_str().unwrap()).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn ending(exchange: &Exchange) -> (String, String, String) {
    let status = match exchange.response.status {
        Recorded::Yes(Some(status)) => status.to_string(),
        Recorded::Yes(None) => "null".to_owned(),
        Recorded::NotRecorded => "not recorded".to_owned(),
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

const RAW: &str = concat!(
    r#"{"format":"raw-exchange/1","seq":1,"conn":1,"transport":"http","started_ms":1.5,"method":"POST","#,
    r#""path":"/v1/responses","http_version":"HTTP/1.1","request":{"headers":[["Host","h"],["a","1"],["A","2"]],"#,
    r#""wire_body_bytes":15,"body_kind":"json-compact","body":{"b":1.0,"a":[]}},"script_step":0,"#,
    r#""response":{"status":200,"headers":[["content-type","text/event-stream"]],"headers_ms":2,"#,
    r#""events":[{"at_ms":3,"event":"x","data":{"type":"x"}},{"at_ms":4,"event":"y","data":"[DONE]"}],"#,
    r#""ended":"complete","ended_ms":5}}"#,
    "\n"
);

fn read(text: impl Into<Vec<u8>>) -> Result<Capture, OpenError> {
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
    assert_eq!(response.end, Recorded::NotRecorded);
    assert_eq!(
        capture.problems[0].message,
        "the file ends inside the record that begins at byte 0; of exchange 0 only the request and 1 events are known"
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
    assert_eq!(capture.exchanges[0].request.target, "/responses");
    assert!(matches!(
        capture.exchanges[0].response.content,
        Content::NotRecorded
    ));
}
