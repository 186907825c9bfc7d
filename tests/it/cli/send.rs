//! `trace-diff send` as a user runs it: to our own server, which plays what was recorded, or something else.

mod faults;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Output;

use serde_json::Value;

use super::serve::{Serving, capture};
use crate::program::{
    Program, assert_snapshot, code, conversation, fixture, report, shown, stderr,
};

/// What a server of the Responses API answers to two requests, as a script.
const GOOD: &str = r#"
version = 1
[[step]]
headers = { x-models-etag = "W/1" }
reply = [{ reasoning = "Look.", encrypted = true }, { call = "exec_command", arguments = { cmd = "ls" } }]
[[step]]
headers = { x-models-etag = "W/1" }
reply = [{ reasoning = "Done.", encrypted = true }, { text = "All is done." }]
"#;

/// A running server of ours and its URL.
fn serve(program: &Program, arguments: &[&str]) -> (Serving, String) {
    let serving = Serving::start(program, &[&["serve"], arguments].concat());
    let url = format!("http://{}/v1", serving.address);
    (serving, url)
}

/// Sends a capture to a server that plays a script or a capture.
fn send(program: &Program, capture: &str, played: &str, options: &[&str]) -> Output {
    let (_server, url) = serve(program, &[played]);
    program.run(&[&["send", capture, "--to", &url], options].concat())
}

/// The names of the rules that have findings, with a mark for notes.
fn rules(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let mut names: Vec<String> = findings
        .map(|finding| {
            let note = if finding["level"] == "note" { "?" } else { "" };
            format!("{}{note}", finding["rule"].as_str().unwrap())
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// A program with `base.jsonl`: two requests, answered as the API answers.
fn with_base() -> Program {
    let program = Program::new();
    program.file("asked.jsonl", conversation(&["one", "two"]));
    program.file("good.toml", GOOD);
    let output = send(
        &program,
        "asked.jsonl",
        "good.toml",
        &["--capture", "base.jsonl"],
    );
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    program
}

/// Sends the base to a server that plays `steps`, and gives exit status and rules.
fn judged(steps: &str, options: &[&str]) -> (i32, Vec<String>) {
    let program = with_base();
    program.file("other.toml", format!("version = 1\n{steps}"));
    let options = [&["--format", "json"], options].concat();
    let output = send(&program, "base.jsonl", "other.toml", &options);
    (code(&output), rules(&report(&output)))
}

#[test]
fn a_server_that_plays_what_was_recorded_answers_exactly_that() {
    for name in [
        "codex-0.169.0-02-shell-roundtrip.jsonl",
        "codex-0.169.0-25e-websocket-two-turns.jsonl",
        "codex-0.137.0-25e-websocket-two-turns.jsonl",
        "codex-0.137.0-08-http-500-then-ok.jsonl",
        "codex-0.115.0-10b-stream-cut-after-item-done.jsonl",
        "codex-0.115.0-35-remote-compaction.jsonl",
        "codex-0.169.0-35-remote-compaction.jsonl",
        "pycodex-0.5.1-17-autocompact-preturn.jsonl",
    ] {
        let program = Program::new();
        program.file("recorded.jsonl", fixture(name));
        let output = send(&program, "recorded.jsonl", "recorded.jsonl", &["--exact"]);
        let told = shown(&["send"], &output);
        assert_eq!(code(&output), 0, "{name}: {told}");
    }
}

#[test]
fn another_answer_has_the_form_and_is_not_the_recorded_one() {
    let steps = r#"
[[step]]
headers = { x-models-etag = "W/2" }
reply = [{ reasoning = "Hm.", encrypted = true }, { text = "No call at all." }]
deltas = "words"
[[step]]
headers = { x-models-etag = "W/3" }
reply = [{ reasoning = ["Two", "parts."], encrypted = true }, { call = "a", arguments = {} }, { call = "b", arguments = {} }]
"#;
    assert_eq!(judged(steps, &[]), (0, vec![]));
    let (status, found) = judged(steps, &["--exact"]);
    assert_eq!(status, 1);
    assert!(!found.is_empty());
    assert!(
        found.iter().all(|rule| !rule.starts_with("answer-")),
        "{found:?}"
    );
}

#[test]
fn what_can_be_read_and_what_a_user_accepts() {
    let program = with_base();
    program.file("other.toml", "version = 1\n[[step]]\nstatus = 404\nbody = { error = { message = \"no such model\" } }\n[[step]]\nreply = \"Yes.\"\n");
    let output = send(&program, "base.jsonl", "other.toml", &["--exchange", "0"]);
    let told = shown(
        &["send", "base.jsonl", "--to", "URL", "--exchange", "0"],
        &output,
    );
    let port = told
        .split("127.0.0.1:")
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    let told = told.replace(&format!(":{port}/"), ":<port>/");
    let output = send(
        &program,
        "base.jsonl",
        "other.toml",
        &["--rule", "answer-status=note", "-q"],
    );
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let output = send(&program, "base.jsonl", "other.toml", &["--format", "junit"]);
    let junit = String::from_utf8(output.stdout).unwrap();
    assert!(
        junit.contains(r#"name="answer-status"#) && !junit.contains("call-without-output"),
        "{junit}"
    );
    assert_snapshot("send", &told);
}

#[test]
fn a_key_is_sent_and_stands_nowhere() {
    let key = "made-up-key-000000";
    let program = Program::new().with_environment("KEY", key);
    program.file("asked.jsonl", conversation(&["one"]));
    program.file("key.toml", format!("version = 1\n[[step]]\nwhen = {{ header = {{ authorization = \"Bearer {key}\" }} }}\nreply = \"Yes, {key}.\"\ndeltas = \"whole\"\n"));
    program.file("no.toml", format!("version = 1\n[[step]]\nstatus = 401\nbody = {{ error = {{ message = \"wrong key: {key}\" }} }}\n"));
    let options = ["--bearer-env", "KEY", "--capture", "out.jsonl", "--verbose"];
    let output = send(&program, "asked.jsonl", "key.toml", &options);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let written = std::fs::read_to_string(program.path("out.jsonl")).unwrap();
    assert!(written.contains("Yes, <secret 1>."), "{written}");
    let output = send(
        &program,
        "asked.jsonl",
        "no.toml",
        &["--bearer-env", "KEY", "--capture", "no.jsonl"],
    );
    let told = shown(&[], &output);
    assert_eq!(code(&output), 2);
    assert!(
        told.contains("answers 401: wrong key: <secret 1>")
            && told.contains("hint: it does not take the key in KEY"),
        "{told}"
    );
    for text in [
        written,
        told,
        std::fs::read_to_string(program.path("no.jsonl")).unwrap(),
    ] {
        assert!(!text.contains(key), "{text}");
    }
    let missing = program.run(&[
        "send",
        "asked.jsonl",
        "--to",
        "http://127.0.0.1:9",
        "--bearer-env",
        "NONE",
    ]);
    assert_eq!(code(&missing), 2);
    assert!(
        stderr(&missing).contains("NONE is not set"),
        "{}",
        stderr(&missing)
    );
    let argument = program.run(&[
        "send",
        "asked.jsonl",
        "--to",
        "http://127.0.0.1:9",
        "--header",
        "Authorization=x",
    ]);
    assert!(
        stderr(&argument).contains("--bearer-env"),
        "{}",
        stderr(&argument)
    );
}

#[test]
fn what_is_sent_is_what_was_asked_for() {
    let program = Program::new();
    program.file("asked.jsonl", conversation(&["one", "two", "three"]));
    let (server, url) = serve(&program, &["--capture", "served.jsonl"]);
    let output = program.run(&[
        "send",
        "asked.jsonl",
        "--to",
        &url,
        "--exchange",
        "1",
        "--model",
        "other",
        "--header",
        "x-tenant=blue",
        "--header",
        "Originator=me",
        "-q",
    ]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("sends 1 request ("),
        "{}",
        stderr(&output)
    );
    assert!(
        stderr(&output).contains("not sent: 2 not selected"),
        "{}",
        stderr(&output)
    );
    server.signal("TERM");
    server.end();
    let served = capture(&program.path("served.jsonl"));
    let [one] = &served.exchanges[..] else {
        panic!("{served:?}")
    };
    let headers = &one.request.headers.as_option().unwrap().list;
    assert_eq!(headers.get("x-tenant"), Some("blue"));
    assert_eq!(headers.get_all("originator").collect::<Vec<_>>(), ["me"]);
    assert_eq!(headers.get("authorization"), None);
    assert_eq!(headers.get("content-type"), Some("application/json"));
    let body = one.request.body.json().unwrap();
    assert_eq!(body.node().get_string("model").as_deref(), Some("other"));
    assert!(body.text().contains("\"two\""));
}

#[test]
fn an_endpoint_without_websockets_gets_whole_requests() {
    let program = Program::new();
    program.file(
        "ws.jsonl",
        fixture("codex-0.169.0-25e-websocket-two-turns.jsonl"),
    );
    program.file("no.toml", "version = 1\n[[step]]\nwhen = { kind = \"handshake\" }\nstatus = 426\n[[step]]\nreply = \"Yes.\"\nrepeat = 2\n");
    let options = ["--capture", "out.jsonl", "--format", "json"];
    let output = send(&program, "ws.jsonl", "no.toml", &options);
    let report = report(&output);
    assert!(
        rules(&report).contains(&"answer-no-websocket?".to_owned()),
        "{report}"
    );
    assert!(
        stderr(&output).contains("2 sent over HTTP, with the whole history each"),
        "{}",
        stderr(&output)
    );
    assert!(
        stderr(&output).contains("1 that only warm up a WebSocket"),
        "{}",
        stderr(&output)
    );
    let sent = capture(&program.path("out.jsonl"));
    let last = sent
        .exchanges
        .last()
        .unwrap()
        .request
        .body
        .json()
        .unwrap()
        .node();
    assert!(last.get("previous_response_id").is_none() && last.get("type").is_none());
    let recorded = capture(&program.path("ws.jsonl"));
    let flat = trace_diff::capture::flatten(&recorded);
    let items = |at: usize| {
        flat[at]
            .exchange
            .request
            .body
            .json()
            .unwrap()
            .node()
            .get("input")
            .unwrap()
            .len()
    };
    let delivered = |at: usize| flat[at].exchange.response.content.delivered_items().len();
    let whole = items(1) + delivered(1) + items(2) + delivered(2) + items(3);
    assert_eq!(last.get("input").unwrap().len(), whole);
}

#[test]
fn a_message_continues_the_response_just_received() {
    let program = Program::new();
    program.file(
        "ws.jsonl",
        fixture("codex-0.169.0-25e-websocket-two-turns.jsonl"),
    );
    program.file(
        "other.toml",
        "version = 1\n[[step]]\nid = \"resp_other\"\nreply = \"Yes.\"\n[[step]]\nreply = \"No.\"\n",
    );
    let options = ["--capture", "out.jsonl", "-q"];
    send(&program, "ws.jsonl", "other.toml", &options);
    let sent = capture(&program.path("out.jsonl"));
    let flat = trace_diff::capture::flatten(&sent);
    let previous: Vec<_> = flat
        .iter()
        .filter_map(|one| one.exchange.request.body.json())
        .filter_map(|body| {
            body.node()
                .get_string("previous_response_id")
                .map(|id| id.into_owned())
        })
        .collect();
    assert_eq!(
        previous.last().map(String::as_str),
        Some("resp_other"),
        "{previous:?}"
    );
}

#[test]
fn an_endpoint_that_is_not_there_is_an_error() {
    let program = Program::new();
    program.file("asked.jsonl", conversation(&["one", "two", "three"]));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // One answer, then nobody is there.
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        drop(listener);
        let mut read = [0; 4096];
        let _ = stream.read(&mut read).unwrap();
        stream
            .write_all(b"HTTP/1.1 503 X\r\ncontent-length: 4\r\n\r\nbusy")
            .unwrap();
        let _ = stream.read(&mut read);
    });
    let output = program.run(&["send", "asked.jsonl", "--to", &url, "--format", "json"]);
    answering.join().unwrap();
    assert_eq!(code(&output), 2);
    let told = report(&output);
    assert_eq!(rules(&told), ["answer-status"]);
    let unchecked = told["not_checked"][0]["reason"].as_str().unwrap();
    assert!(
        unchecked.starts_with("2 requests were not sent: failed to connect"),
        "{unchecked}"
    );
    assert!(
        stderr(&output).contains("the rest was not sent"),
        "{}",
        stderr(&output)
    );
    let output = program.run(&["send", "asked.jsonl", "--to", &url]);
    assert_eq!(code(&output), 2);
    assert!(output.stdout.is_empty());
    let told = stderr(&output);
    assert!(
        told.contains("error: failed to connect to") && told.contains("hint: is it running"),
        "{told}"
    );
}

#[test]
fn the_capture_that_is_sent_is_not_written_over() {
    let program = Program::new();
    let asked = conversation(&["one"]);
    program.file("asked.jsonl", &asked);
    let url = "http://127.0.0.1:9";
    for more in [
        ["--capture", "asked.jsonl", "--force"],
        ["--report", "json=asked.jsonl", "-q"],
    ] {
        let output = program.run(&[&["send", "asked.jsonl", "--to", url], &more[..]].concat());
        assert_eq!(code(&output), 2, "{more:?}");
        assert!(!stderr(&output).contains("sends 1 request"), "{more:?}");
        let left = std::fs::read_to_string(program.path("asked.jsonl")).unwrap();
        assert_eq!(left, asked, "{more:?}");
    }
}

#[test]
fn a_capture_without_requests_to_the_model_is_an_error() {
    let program = Program::new();
    program.file(
        "asked.jsonl",
        conversation(&["one"]).replace("/v1/responses", "/telemetry"),
    );
    let output = program.run(&["send", "asked.jsonl", "--to", "http://127.0.0.1:9"]);
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("hint: left out are 1 for other endpoints"),
        "{}",
        stderr(&output)
    );
}
