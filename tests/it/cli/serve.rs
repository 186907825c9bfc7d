//! `trace-diff serve` as a user runs it: its announcements, its ends, its exit status.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use trace_diff::capture::{Capture, End, read_capture};

use crate::program::{Program, assert_snapshot, code, shown, stderr};

/// A running server, with the line that it announced itself by.
pub(super) struct Serving {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    pub(super) address: String,
}

impl Serving {
    fn new(program: &Program, arguments: &[&str]) -> Self {
        Self::start(program, &[&["serve"], arguments].concat())
    }

    /// Starts a command that serves.
    pub(super) fn start(program: &Program, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_trace-diff"))
            .env_clear()
            .current_dir(program.path(""))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line
            .trim_end()
            .strip_prefix("listening on http://")
            .unwrap_or_else(|| panic!("{line:?}"))
            .to_owned();
        Self {
            child,
            stdout,
            address,
        }
    }

    pub(super) fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &command]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end; the output has what came behind the ready line.
    pub(super) fn end(mut self) -> Output {
        let status = self.child.wait().unwrap();
        let mut output = Output {
            status,
            stdout: Vec::new(),
            stderr: Vec::new(),
        };
        self.stdout.read_to_end(&mut output.stdout).unwrap();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_end(&mut output.stderr).unwrap();
        output
    }

    /// Sends a request on a connection of its own and gives the whole response.
    pub(super) fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    pub(super) fn post(&self, text: &str) -> String {
        let body = serde_json::json!({"model": "m", "stream": true, "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        ]});
        self.ask("POST", "/v1/responses", &body.to_string())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // A test that failed leaves no server behind; one that ended has none.
        let _ = self.child.kill();
    }
}

pub(super) fn capture(path: &Path) -> Capture {
    read_capture(path.to_str().unwrap()).unwrap()
}

const SCRIPT: &str = r#"
version = 1
[[step]]
when = { text = { contains = "first" } }
reply = [{ text = "One." }]
[[step]]
reply = [{ text = "Two." }]
"#;

#[test]
fn a_server_says_where_it_is_and_ends_as_it_is_told() {
    for signal in ["TERM", "INT"] {
        let program = Program::new();
        let serving = Serving::new(
            &program,
            &["--capture", "out.jsonl", "--server-info", "info.json"],
        );
        let info = std::fs::read_to_string(program.path("info.json")).unwrap();
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        assert_eq!(serving.address, format!("127.0.0.1:{}", info["port"]));
        assert_eq!(info["pid"], serving.child.id());
        let response = serving.post("hi");
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(response.contains("response.completed"), "{response}");
        serving.signal(signal);
        let output = serving.end();
        assert_eq!(shown(&[], &output), "$ trace-diff \nexit 0\n");
        let capture = capture(&program.path("out.jsonl"));
        assert_eq!(capture.exchanges.len(), 1);
        assert!(capture.problems.is_empty());
    }
}

#[test]
fn a_script_that_is_played_to_its_end_is_fine() {
    let program = Program::new();
    program.file("script.toml", SCRIPT);
    let serving = Serving::new(&program, &["script.toml"]);
    assert!(serving.post("the first").contains("One."));
    assert!(serving.post("the next").contains("Two."));
    serving.signal("TERM");
    assert_eq!(code(&serving.end()), 0);
}

#[test]
fn what_did_not_go_as_the_script_says_is_told() {
    let program = Program::new();
    program.file("script.toml", SCRIPT);
    let serving = Serving::new(&program, &["script.toml"]);
    let response = serving.post("the last");
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    let state = serving.ask("GET", "/__trace-diff/", "");
    assert!(state.contains(r#""violations":[{"#), "{state}");
    serving.signal("TERM");
    assert_snapshot(
        "serve_violations",
        &shown(&["serve", "script.toml"], &serving.end()),
    );
}

#[test]
fn a_lenient_server_puts_up_with_anything() {
    let program = Program::new();
    program.file("script.toml", SCRIPT);
    let serving = Serving::new(&program, &["script.toml", "--lenient"]);
    serving.signal("TERM");
    assert_eq!(code(&serving.end()), 0);
}

#[test]
fn a_server_can_be_ended_by_a_request_if_it_was_told_so() {
    let program = Program::new();
    let serving = Serving::new(&program, &["--http-shutdown"]);
    let response = serving.ask("POST", "/__trace-diff/shutdown", "");
    assert!(response.starts_with("HTTP/1.1 202 "), "{response}");
    assert_eq!(code(&serving.end()), 0);
    let serving = Serving::new(&program, &[]);
    let response = serving.ask("POST", "/__trace-diff/shutdown", "");
    assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
}

#[test]
fn a_changed_script_is_read_again() {
    let program = Program::new();
    program.file("script.toml", SCRIPT);
    let serving = Serving::new(&program, &["script.toml", "--watch", "--lenient"]);
    assert!(serving.post("the first").contains("One."));
    // File systems tell times in steps.
    std::thread::sleep(Duration::from_millis(20));
    program.file("script.toml", SCRIPT.replace("One.", "Another."));
    let started = Instant::now();
    while !serving.post("the first").contains("Another.") {
        assert!(started.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_can_not_be_served_is_said() {
    let program = Program::new();
    program
        .file("bad.toml", "version = 1\n[[step]]\nreplay = []\n")
        .file("latin.toml", b"version = 1\nname = \"caf\xe9\"\n")
        .file("latin.json", b"{\"version\":1,\n\"name\":\"caf\xe9\"}")
        .file("own.toml", "version = 1")
        .file("own/a.json", "{}")
        .file("old.jsonl", "something");
    let taken = Serving::new(&program, &[]);
    let port = taken.address.rsplit(':').next().unwrap();
    let mut text = String::new();
    for arguments in [
        &["serve", "bad.toml"][..],
        &["serve", "latin.toml"],
        &["serve", "latin.json"],
        &["serve", "none.toml"],
        &["serve", "--capture", "old.jsonl"],
        &["serve", "--capture", "nowhere/out.jsonl"],
        &["serve", "--capture", "-"],
        &["serve", "own.toml", "--capture", "own.toml", "--force"],
        &["serve", "own", "--capture", "own/a.json", "--force"],
    ] {
        text.push_str(&program.shown(arguments));
    }
    let output = program.run(&["serve", "--port", port]);
    assert_eq!(code(&output), 2);
    text.push_str(&stderr(&output).replace(port, "PORT"));
    let replacing = ["--capture", "old.jsonl", "--force"];
    for arguments in [&["serve", "bad.toml"][..], &["serve", "--port", port]] {
        let output = program.run(&[arguments, &replacing].concat());
        assert_eq!(code(&output), 2);
        assert_eq!(
            std::fs::read(program.path("old.jsonl")).unwrap(),
            b"something"
        );
    }
    assert_snapshot("serve_refusals", &text);
    assert_eq!(
        std::fs::read(program.path("own.toml")).unwrap(),
        b"version = 1"
    );
    let output = Serving::new(&program, &["--capture", "old.jsonl", "--force"]);
    drop(output);
}

/// Complete responses that a client got, by the number in their requests.
pub(super) fn load(address: &str, client: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let Ok(stream) = TcpStream::connect(address) else {
        return seen;
    };
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    for n in 0.. {
        let name = format!("request {client}-{n}.");
        let body = serde_json::json!({"model": "m", "stream": true, "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": name}]}
        ]})
        .to_string();
        let request = format!(
            "POST /v1/responses HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if writer.write_all(request.as_bytes()).is_err() {
            return seen;
        }
        // An agent takes a response for complete when the last event is there.
        let mut is_completed = false;
        loop {
            let mut line = String::new();
            match reader.read_line(&mut line) {
                Ok(0) | Err(_) => return seen,
                Ok(_) => {}
            }
            if line.starts_with("data: ") && line.contains(r#""type":"response.completed""#) {
                is_completed = true;
                seen.push(name.clone());
            }
            if is_completed && line == "0\r\n" {
                // The empty line behind the last chunk.
                let _ = reader.read_line(&mut line);
                break;
            }
        }
    }
    seen
}

#[test]
fn a_killed_server_leaves_every_complete_response_in_the_capture() {
    let runs = 10;
    for run in 0..runs {
        let program = Program::new();
        let serving = Serving::new(&program, &["--capture", "out.jsonl"]);
        let clients: Vec<_> = (0..8)
            .map(|client| {
                let address = serving.address.clone();
                std::thread::spawn(move || load(&address, client))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(60 + 37 * run % 150));
        serving.signal("KILL");
        let _ = serving.end();
        let seen: Vec<String> = clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect();
        let capture = capture(&program.path("out.jsonl"));
        let damage: Vec<_> = capture
            .problems
            .iter()
            .filter(|problem| problem.kind != "incomplete-exchange")
            .collect();
        assert!(damage.len() <= 1, "{damage:?}");
        assert!(
            damage.iter().all(|problem| problem.kind == "truncated"),
            "{damage:?}"
        );
        let complete: Vec<String> = capture
            .exchanges
            .iter()
            .filter(|exchange| exchange.response.end.as_option() == Some(&End::Complete))
            .filter_map(|exchange| {
                exchange
                    .request
                    .body
                    .json()
                    .map(|body| body.text().to_owned())
            })
            .collect();
        assert!(!seen.is_empty());
        for name in &seen {
            assert!(
                complete.iter().any(|body| body.contains(name)),
                "{name} is lost"
            );
        }
    }
}

#[test]
fn a_violation_is_told_when_it_happens() {
    let program = Program::new();
    program.file("script.toml", SCRIPT);
    let mut serving = Serving::new(&program, &["script.toml"]);
    assert!(serving.post("another").starts_with("HTTP/1.1 400 "));
    // The server goes on; without the line this would wait for ever.
    let mut stderr = BufReader::new(serving.child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.starts_with("violation: request 0 "), "{line}");
    serving.signal("TERM");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(rest.matches("violation:").count(), 1, "{rest}");
    assert!(rest.contains("violation: step 2"), "{rest}");
    assert_eq!(serving.child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_server_that_can_not_write_its_capture_says_so_and_ends() {
    let program = Program::new();
    let pipe = program.path("out.jsonl");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || {
            let mut byte = [0];
            let mut pipe = std::fs::File::open(pipe).unwrap();
            pipe.read_exact(&mut byte).unwrap();
        })
    };
    let mut serving = Serving::new(&program, &["--capture", "out.jsonl"]);
    reader.join().unwrap();
    // A process that another test is just starting may hold the pipe open for a moment.
    while serving.child.try_wait().unwrap().is_none() {
        let Ok(mut stream) = TcpStream::connect(&serving.address) else {
            break;
        };
        let request =
            "POST /v1/responses HTTP/1.1\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
        // The server may end at any moment.
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let output = serving.end();
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("error: failed to write the capture"),
        "{}",
        stderr(&output)
    );
}
