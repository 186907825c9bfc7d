//! `trace-diff record` as a user runs it: before our own server, which keeps a capture, too.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use trace_diff::capture::End;

use super::serve::{Serving, capture, load};
use crate::cli_bad_input::gzip;
use crate::program::{Program, assert_snapshot, code, shown, stderr};

/// The beginning of a capture of our own.
const OWN: &[u8] = b"{\"format\":\"trace-diff/capture\",\"version\":1,\"type\":\"capture\",\"source\":\"serve\"}\n";

/// A server of ours as the upstream, and its URL.
fn upstream(program: &Program, arguments: &[&str]) -> (Serving, String) {
    let serving = Serving::start(program, &[&["serve"], arguments].concat());
    let url = format!("http://{}/v1", serving.address);
    (serving, url)
}

/// Sends a request with a credential and gives the whole response.
fn ask(address: &str, text: &str) -> String {
    let body = serde_json::json!({"model": "m", "stream": true, "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    ]})
    .to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /v1/responses HTTP/1.1\r\nhost: h\r\nAuthorization: Bearer made-up-credential\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn what_is_recorded_is_what_the_server_recorded() {
    let program = Program::new();
    program.file("script.toml", "version = 1\n[[step]]\nstatus = 429\nbody = { error = \"later\" }\n[[step]]\nreply = [{ text = \"Yes.\" }]\n");
    let (server, url) = upstream(&program, &["script.toml", "--capture", "served.jsonl"]);
    let recorder = Serving::start(
        &program,
        &[
            "record",
            "--upstream",
            &url,
            "--capture",
            "recorded.jsonl",
            "--server-info",
            "info.json",
        ],
    );
    let info = std::fs::read_to_string(program.path("info.json")).unwrap();
    assert!(
        recorder
            .address
            .ends_with(&info[8..info.find(',').unwrap()]),
        "{info}"
    );
    assert!(ask(&recorder.address, "one").starts_with("HTTP/1.1 429 "));
    assert!(ask(&recorder.address, "two").contains("Yes."));
    recorder.signal("TERM");
    server.signal("TERM");
    assert_eq!(code(&server.end()), 0);
    assert_eq!(
        shown(&["record"], &recorder.end()),
        "$ trace-diff record\n! recorded.jsonl: 2 requests, 1 secret replaced, none seen that is left\nexit 0\n"
    );
    let output = program.run(&["served.jsonl", "recorded.jsonl"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let text = std::fs::read_to_string(program.path("recorded.jsonl")).unwrap();
    assert!(
        text.contains(r#""source":"record","redacted":true"#),
        "{text}"
    );
    assert!(!text.contains("made-up-credential"), "{text}");
}

#[test]
fn known_requests_are_answered_without_the_upstream() {
    let program = Program::new();
    program.file(
        "script.toml",
        "version = 1\n[[step]]\nreply = [{ text = \"Yes.\" }]\n",
    );
    let (server, url) = upstream(&program, &["script.toml"]);
    let mode = ["--mode", "replay-or-record"];
    let arguments = ["record", "--upstream", &url, "--capture", "out.jsonl"];
    let record = || Serving::start(&program, &[&arguments[..], &mode].concat());
    let recorder = record();
    let first = ask(&recorder.address, "one");
    recorder.signal("TERM");
    assert_eq!(code(&recorder.end()), 0);
    // As a crash leaves it.
    let path = program.path("out.jsonl");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str("{\"exchange\":7,\"type\":\"requ");
    std::fs::write(&path, &text).unwrap();
    server.signal("KILL");
    // It has gone only then: until that its port takes connections, and resets them.
    let _ = server.end();
    let recorder = record();
    let body = |response: &str| {
        let at = response.find("data: ").unwrap();
        response[at..].to_owned()
    };
    let again = ask(&recorder.address, "one");
    assert!(again.contains("Yes."), "{again}");
    assert_eq!(body(&again).lines().next(), body(&first).lines().next());
    let unknown = ask(&recorder.address, "two");
    assert!(unknown.starts_with("HTTP/1.1 502 "), "{unknown}");
    recorder.signal("INT");
    let output = recorder.end();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let capture = capture(&path);
    let ends: Vec<_> = capture
        .exchanges
        .iter()
        .map(|e| e.response.status)
        .collect();
    assert_eq!(ends.len(), 2, "{ends:?}");
    let other = [
        "record",
        "--upstream",
        &url,
        "--capture",
        "all.jsonl",
        "--from",
        "out.jsonl",
    ];
    let recorder = Serving::start(&program, &[&other[..], &mode].concat());
    assert!(ask(&recorder.address, "one").contains("Yes."));
    recorder.signal("TERM");
    assert_eq!(code(&recorder.end()), 0);
    let all = std::fs::read_to_string(program.path("all.jsonl")).unwrap();
    assert!(
        all.contains(r#""answered_by":"capture","recorded_as":0"#),
        "{all}"
    );
}

#[test]
fn nothing_is_written_where_requests_just_pass() {
    let program = Program::new();
    let (_server, url) = upstream(&program, &[]);
    let recorder = Serving::start(
        &program,
        &["record", "--upstream", &url, "--mode", "passthrough"],
    );
    assert!(ask(&recorder.address, "one").contains("response.completed"));
    recorder.signal("TERM");
    assert_eq!(
        shown(&["record"], &recorder.end()),
        "$ trace-diff record\nexit 0\n"
    );
}

#[test]
fn secrets_that_are_left_are_told() {
    let program = Program::new();
    program.file(
        "script.toml",
        "version = 1\n[[step]]\nevents = [{ type = \"d\", delta = \"made-up-\" }, { type = \"d\", delta = \"credential\" }]\n",
    );
    let (_server, url) = upstream(&program, &["script.toml"]);
    let recorder = Serving::start(
        &program,
        &["record", "--upstream", &url, "--capture", "out.jsonl"],
    );
    ask(&recorder.address, "one");
    recorder.signal("TERM");
    assert_eq!(
        shown(&["record"], &recorder.end()),
        "$ trace-diff record\n! warning: out.jsonl: line 5 (exchange 0) may hold a secret, in pieces\nexit 1\n"
    );
}

#[test]
fn a_killed_recorder_leaves_every_complete_response_in_the_capture() {
    let mut count = 0;
    for run in 0..4 {
        let program = Program::new();
        let (_server, url) = upstream(&program, &[]);
        let recorder = Serving::start(
            &program,
            &["record", "--upstream", &url, "--capture", "out.jsonl"],
        );
        let clients: Vec<_> = (0..4)
            .map(|client| {
                let address = recorder.address.clone();
                std::thread::spawn(move || load(&address, client))
            })
            .collect();
        // Not before the first response has been answered, which takes its time on a busy machine.
        let out = program.path("out.jsonl");
        let has_one = || {
            let text = std::fs::read_to_string(&out).unwrap_or_default();
            text.contains(r#""how":"complete""#)
        };
        while !has_one() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(40 + 37 * run));
        recorder.signal("KILL");
        let _ = recorder.end();
        let seen: Vec<String> = clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect();
        count += seen.len();
        let capture = capture(&program.path("out.jsonl"));
        let ended = capture
            .exchanges
            .iter()
            .filter(|exchange| exchange.response.end.as_option() == Some(&End::Complete));
        let complete: HashSet<String> = ended
            .filter_map(|exchange| {
                let body = exchange.request.body.json()?.text();
                let from = body.find("request ")?;
                Some(body[from..=from + body[from..].find('.')?].to_owned())
            })
            .collect();
        let lost: Vec<_> = seen
            .iter()
            .filter(|name| !complete.contains(*name))
            .collect();
        assert!(lost.is_empty(), "{lost:?}");
    }
    assert!(count > 0);
}

#[test]
fn a_recorder_that_can_not_write_its_capture_shows_nothing_more_and_ends() {
    let program = Program::new();
    let pipe = program.path("out.jsonl");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let reader = std::thread::spawn(move || {
        let mut pipe = std::fs::File::open(pipe).unwrap();
        pipe.read_exact(&mut [0]).unwrap();
    });
    let (_server, url) = upstream(&program, &[]);
    let recorder = Serving::start(
        &program,
        &["record", "--upstream", &url, "--capture", "out.jsonl"],
    );
    reader.join().unwrap();
    let mut shown = String::new();
    // A process that another test is just starting may hold the pipe open for a moment.
    while let Ok(mut stream) = TcpStream::connect(&recorder.address) {
        let request = "POST /v1/responses HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
        // The recorder may end at any moment.
        let _ = stream.write_all(request.as_bytes());
        shown.clear();
        let _ = stream.read_to_string(&mut shown);
    }
    assert!(!shown.contains("response.completed"), "{shown}");
    let output = recorder.end();
    assert_eq!(code(&output), 2);
    let told = stderr(&output);
    assert!(
        told.contains("error: failed to write the capture"),
        "{told}"
    );
}

#[test]
fn what_can_not_be_recorded_is_said() {
    let program = Program::new().with_environment("HTTP_PROXY", "socks5://p:1");
    program
        .file("old.jsonl", "something")
        .file("other.jsonl", crate::program::conversation(&["Hi."]))
        .file("own.gz", gzip(OWN))
        .file("ca.pem", "nothing");
    let url = "http://127.0.0.1:1";
    let mut text = String::new();
    for arguments in [
        &[
            "record",
            "--upstream",
            "api.openai.com",
            "--capture",
            "out.jsonl",
        ][..],
        &["record", "--upstream", url],
        &["record", "--upstream", url, "--capture", "old.jsonl"],
        &[
            "record",
            "--upstream",
            url,
            "--capture",
            "out.jsonl",
            "--from",
            "old.jsonl",
        ],
        &[
            "record",
            "--upstream",
            url,
            "--capture",
            "out.jsonl",
            "--mode",
            "replay-or-record",
            "--from",
            "none.jsonl",
        ],
        &[
            "record",
            "--upstream",
            "https://h",
            "--capture",
            "out.jsonl",
            "--ca",
            "ca.pem",
        ],
        &[
            "record",
            "--upstream",
            "http://api.example",
            "--capture",
            "out.jsonl",
        ],
        &["record", "--upstream", url, "--capture", "/dev/full"],
    ] {
        text.push_str(&program.shown(arguments));
    }
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let forced = ["--capture", "kept.jsonl", "--force", "--port", &port];
    program.file("kept.jsonl", "something");
    let output = program.run(&[&["record", "--upstream", url], &forced[..]].concat());
    assert_eq!(code(&output), 2);
    let kept = std::fs::read(program.path("kept.jsonl")).expect("it is there");
    assert_eq!(kept, b"something");
    for out in ["other.jsonl", "own.gz", "-"] {
        let arguments = ["record", "--upstream", url, "--capture", out];
        let mode = ["--mode", "replay-or-record"];
        text.push_str(&program.shown(&[&arguments[..], &mode].concat()));
    }
    assert_snapshot("record_refusals", &text);
}
