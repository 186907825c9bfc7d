//! Recorded sessions played to a toy agent: one that sends what it is told, over a bare socket or in a shell.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trace_diff::capture::{Capture, Exchange, flatten, read_capture_bytes};
use trace_diff::diff::Level;
use trace_diff::replay::{OnDivergence, Recording, RecordingKind, Replay, ReplayOptions, Verdict};
use trace_diff::rollout::RolloutSource;
use trace_diff::server::{CaptureTarget, Server, ServerOptions};

use crate::program::{Program, code, stderr, stdout};

const PATIENCE: Duration = Duration::from_secs(20);

fn fixture(name: &str) -> Capture {
    let path = format!(
        "{}/fixtures/captures/{name}.jsonl",
        env!("CARGO_MANIFEST_DIR")
    );
    trace_diff::read_capture(&path).unwrap()
}

/// A session that is being replayed to requests of a test.
struct Session {
    replay: Replay,
    server: Server,
}

impl Session {
    fn new(kind: RecordingKind, on_divergence: OnDivergence) -> Self {
        let recording = Recording {
            path: "recorded".to_owned(),
            kind,
        };
        let options = ReplayOptions {
            on_divergence,
            ..ReplayOptions::default()
        };
        let replay = Replay::new(recording, options).unwrap();
        let server = Server::start(ServerOptions {
            script: replay.script.clone(),
            capture: CaptureTarget::Memory,
            observer: Some(replay.observer()),
            threads: 1,
            ..ServerOptions::default()
        });
        Self {
            replay,
            server: server.unwrap(),
        }
    }

    fn of(capture: &Capture) -> Self {
        let kind = RecordingKind::Capture(Box::new(capture.clone()));
        Self::new(kind, OnDivergence::Stop)
    }

    /// Sends a request and gives what comes back.
    fn send(&self, target: &str, headers: &[(String, String)], body: &str) -> String {
        let mut head = format!("POST {target} HTTP/1.1\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let length = body.len();
        head.push_str(&format!("content-length: {length}\r\n\r\n"));
        let mut stream = TcpStream::connect(self.server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        // The connection is kept, so its end tells nothing.
        while !is_whole(&String::from_utf8_lossy(&answer)) {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "the connection ended within a response");
            answer.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends a recorded request again, with its body changed.
    fn resend(&self, exchange: &Exchange, change: impl FnOnce(&mut Value)) -> String {
        let request = &exchange.request;
        let mut body: Value = serde_json::from_str(request.body.json().unwrap().text()).unwrap();
        change(&mut body);
        let headers = request.headers.as_option().unwrap().list.iter();
        let headers: Vec<(String, String)> = headers
            .filter(|header| !header.name.eq_ignore_ascii_case("content-length"))
            .map(|header| (header.name.clone(), header.value.clone()))
            .collect();
        self.send(&request.target, &headers, &body.to_string())
    }

    fn verdict(self) -> Verdict {
        let candidate = self.server.capture().unwrap();
        self.replay.verdict(candidate)
    }
}

/// Whether a response has come to its end.
fn is_whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.parse::<usize>().ok());
    match length {
        Some(length) => body.len() >= length,
        None => body.ends_with("0\r\n\r\n"),
    }
}

fn requests(capture: &Capture) -> Vec<Exchange> {
    flatten(capture)
        .into_iter()
        .map(|flat| flat.exchange.into_owned())
        .collect()
}

fn counted(verdict: &Verdict) -> Vec<String> {
    let changes = verdict.comparison.changes.iter();
    changes
        .filter(|change| change.level != Level::Note)
        .map(|change| format!("{} {}", change.rule, change.message))
        .collect()
}

fn nothing(_: &mut Value) {}

#[test]
fn the_same_agent_in_another_run_does_not_diverge() {
    let recorded = fixture("codex-0.169.0-19-multi-turn");
    let session = Session::of(&recorded);
    for exchange in requests(&fixture("codex-0.169.0-19-multi-turn-run2")) {
        let answer = session.resend(&exchange, nothing);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(session.replay.divergences().len(), 0);
    assert_eq!(counted(&session.verdict()), Vec::<String>::new());
}

#[test]
fn the_first_request_that_is_another_is_refused() {
    let recorded = fixture("codex-0.169.0-19-multi-turn");
    let all = requests(&recorded);
    let session = Session::of(&recorded);
    session.resend(&all[0], nothing);
    let answer = session.resend(&all[1], |body| {
        let input = body["input"].as_array_mut().unwrap();
        let last = input.last_mut().unwrap();
        last["content"][0]["text"] = json!("Something else.");
    });
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(
        answer.contains("This request is not the recorded one"),
        "{answer}"
    );
    assert!(session.replay.is_over());
    let later = session.resend(&all[2], nothing);
    assert!(later.contains("The replay has ended"), "{later}");
    let divergences = session.replay.divergences();
    assert_eq!(divergences.len(), 1);
    let divergence = &divergences[0];
    assert_eq!(
        (divergence.baseline, divergence.candidate, divergence.turn),
        (Some(1), 1, 2)
    );
    let first = divergence.first().unwrap();
    assert!(first.message.contains("Something else."), "{first:?}");
    // What was not played any more is not told as missing.
    assert_eq!(counted(&session.verdict()).len(), 1);
}

#[test]
fn a_run_may_go_on_behind_a_divergence() {
    let recorded = fixture("codex-0.169.0-02-shell-roundtrip");
    let all = requests(&recorded);
    let kind = RecordingKind::Capture(Box::new(recorded.clone()));
    let session = Session::new(kind, OnDivergence::Continue);
    for exchange in &all {
        let answer = session.resend(exchange, |body| body["model"] = json!("another"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // The second request differs in nothing new.
    assert_eq!(session.replay.divergences().len(), 1);
    let verdict = session.verdict();
    assert_eq!(counted(&verdict).len(), 1, "{:?}", counted(&verdict));
}

#[test]
fn requests_too_many_and_too_few_are_told() {
    let recorded = fixture("codex-0.169.0-02-shell-roundtrip");
    let all = requests(&recorded);
    let session = Session::of(&recorded);
    session.resend(&all[0], nothing);
    let verdict = session.verdict();
    assert!(
        counted(&verdict)[0].starts_with("exchange-missing"),
        "{:?}",
        counted(&verdict)
    );
    let session = Session::of(&recorded);
    for exchange in all.iter().chain([&all[1]]) {
        session.resend(exchange, nothing);
    }
    let divergences = session.replay.divergences();
    assert_eq!(divergences.len(), 1);
    assert_eq!(divergences[0].baseline, None);
    assert_eq!(divergences[0].candidate, 2);
}

/// A session in which the model names what the agent told it: the number of a running command and a directory.
fn session_with_own_ids(session: u32, work: &str) -> String {
    let context = format!("<environment_context>\n  <cwd>{work}</cwd>\n</environment_context>");
    let user = |text: &str| json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": text }] });
    let call = |number: u32, name: &str, arguments: Value| json!({ "type": "function_call", "call_id": format!("call_{number}"), "name": name, "arguments": arguments.to_string() });
    let output = |number: u32, text: &str| json!({ "type": "function_call_output", "call_id": format!("call_{number}"), "output": text });
    let first = call(1, "exec_command", json!({ "cmd": "cat", "tty": true }));
    let running = format!(
        "Chunk ID: 1a2b3c\nWall time: 0.1000 seconds\nProcess running with session ID {session}\nOutput:\n"
    );
    let second = call(
        2,
        "write_stdin",
        json!({ "session_id": session, "chars": format!("{work}/x\n") }),
    );
    let inputs = [
        vec![user(&context), user("Go.")],
        vec![
            user(&context),
            user("Go."),
            first.clone(),
            output(1, &running),
        ],
    ];
    let answers = [first, second];
    let mut lines = String::new();
    for (number, (input, item)) in inputs.iter().zip(answers).enumerate() {
        let id = format!("resp_{number}");
        let events = [
            json!({ "type": "response.created", "response": { "id": id } }),
            json!({ "type": "response.output_item.done", "output_index": 0, "item": item }),
            json!({ "type": "response.completed", "response": { "id": id } }),
        ];
        let events: Vec<Value> = events
            .iter()
            .map(|event| json!({ "at_ms": 1.0, "event": event["type"], "data": event }))
            .collect();
        let body = json!({ "model": "m", "stream": true, "input": input });
        let length = body.to_string().len().to_string();
        let record = json!({
            "format": "raw-exchange/1", "seq": number + 1, "conn": number + 1, "conn_request": 1, "transport": "http",
            "started_ms": 1.0, "request_done_ms": 1.0, "method": "POST", "path": "/v1/responses", "http_version": "HTTP/1.1",
            "request": {
                "headers": [["host", "x"], ["thread-id", "t1"], ["content-length", length]], "body_kind": "json-compact",
                "body": body,
            },
            "response": { "status": 200, "headers": [["content-type", "text/event-stream"]], "events": events, "ended": "complete" },
        });
        lines.push_str(&format!("{record}\n"));
    }
    lines
}

#[test]
fn what_only_this_run_knows_is_put_into_the_responses() {
    let capture = |text: String| read_capture_bytes("session", text.into_bytes()).unwrap();
    let recorded = capture(session_with_own_ids(26789, "/was/here"));
    let now = requests(&capture(session_with_own_ids(4711, "/is/there")));
    let session = Session::of(&recorded);
    session.resend(&now[0], nothing);
    let answer = session.resend(&now[1], nothing);
    assert!(
        answer.contains(r#"{\"session_id\":4711,\"chars\":\"/is/there/x\\n\"}"#),
        "{answer}"
    );
    assert!(!answer.contains("26789"), "{answer}");
    assert_eq!(counted(&session.verdict()), Vec::<String>::new());
}

/// The rollout of a session with one call: as codex 0.137.0 writes it, without what does not matter here.
fn rollout(thread: &str, prompt: &str) -> RolloutSource {
    let message = |role: &str, kind: &str, text: &str| json!({ "type": "message", "role": role, "content": [{ "type": kind, "text": text }] });
    let item = |item: Value| ("response_item", item);
    let event = |kind: &str| ("event_msg", json!({ "type": kind, "turn_id": "turn-1" }));
    let records = [
        (
            "session_meta",
            json!({ "id": thread, "cwd": "/w", "cli_version": "0.137.0", "originator": "codex_exec" }),
        ),
        event("task_started"),
        item(message("user", "input_text", prompt)),
        item(
            json!({ "type": "function_call", "name": "exec_command", "arguments": "{}", "call_id": "call_1" }),
        ),
        item(json!({ "type": "function_call_output", "call_id": "call_1", "output": "done" })),
        item(message("assistant", "output_text", "Finished.")),
        event("task_complete"),
        event("task_started"),
        item(message("user", "input_text", "Once more.")),
        event("task_complete"),
    ];
    let lines = records.iter().enumerate().map(|(number, (kind, payload))| {
        let time = format!("2026-01-01T00:00:{number:02}.000Z");
        format!(
            "{}\n",
            json!({ "timestamp": time, "type": kind, "payload": payload })
        )
    });
    RolloutSource::memory("rollout.jsonl", lines.collect::<String>().into_bytes())
}

#[test]
fn a_rollout_is_replayed_as_far_as_disk_tells() {
    let user = |text: &str| json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": text }] });
    let call = json!({ "type": "function_call", "name": "exec_command", "arguments": "{}", "call_id": "call_1" });
    let output = json!({ "type": "function_call_output", "call_id": "call_1", "output": "done" });
    let answer = json!({ "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "Finished." }] });
    let kind =
        || RecordingKind::Rollouts(vec![rollout("11111111-1111-7111-8111-111111111111", "Go.")]);
    let headers = [("thread-id".to_owned(), "t9".to_owned())];
    let body = |input: &[Value]| {
        json!({ "model": "m", "stream": true, "tools": [], "input": input }).to_string()
    };
    let session = Session::new(kind(), OnDivergence::Stop);
    let mut history = vec![user("Go.")];
    let first = session.send("/v1/responses", &headers, &body(&history));
    assert!(first.contains("exec_command"), "{first}");
    history.extend([call.clone(), output]);
    let second = session.send("/v1/responses", &headers, &body(&history));
    assert!(second.contains("Finished."), "{second}");
    history.extend([answer, user("Once more.")]);
    // This turn ended without an answer, so it does again.
    let third = session.send("/v1/responses", &headers, &body(&history));
    assert!(third.starts_with("HTTP/1.1 400"), "{third}");
    assert!(!session.replay.is_over());
    assert_eq!(counted(&session.verdict()), Vec::<String>::new());

    let session = Session::new(kind(), OnDivergence::Stop);
    session.send("/v1/responses", &headers, &body(&[user("Go.")]));
    session.send("/v1/responses", &headers, &body(&[user("Go."), call]));
    let divergences = session.replay.divergences();
    assert_eq!(divergences.len(), 1);
    assert!(
        divergences[0]
            .first()
            .unwrap()
            .message
            .contains("function_call_output")
    );
}

const AGENT: &str = r#"exec 3<>/dev/tcp/127.0.0.1/{port}
body='{"model":"m","stream":true,"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"TEXT"}]}]}'
printf 'POST /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %s\r\n\r\n%s' "${#body}" "$body" >&3
cat <&3"#;

/// A capture of one turn.
fn one_turn() -> String {
    let all = session_with_own_ids(1, "/w");
    let mut record: Value = serde_json::from_str(all.lines().next().unwrap()).unwrap();
    record["request"]["headers"] = json!([
        ["host", "x"],
        ["connection", "close"],
        ["content-length", "117"]
    ]);
    record["request"]["body"]["input"] = json!([
        { "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "Go." }] },
    ]);
    format!("{record}\n")
}

fn replay(arguments: &[&str], command: &[&str]) -> std::process::Output {
    let program = Program::new().with_environment("PATH", "/usr/local/bin:/usr/bin:/bin");
    program.file("recorded.jsonl", one_turn());
    let all = [&["replay", "recorded.jsonl"], arguments, &["--"], command].concat();
    program.run(&all)
}

#[test]
fn the_program_says_whether_an_agent_did_the_same() {
    let same = replay(&[], &["bash", "-c", &AGENT.replace("TEXT", "Go.")]);
    assert_eq!(code(&same), 0, "{}{}", stdout(&same), stderr(&same));
    assert!(stdout(&same).contains("No difference"), "{}", stdout(&same));
    assert!(
        stderr(&same).contains("run again, for real"),
        "{}",
        stderr(&same)
    );
    let other = replay(&[], &["bash", "-c", &AGENT.replace("TEXT", "Stay.")]);
    assert_eq!(code(&other), 1);
    assert!(stdout(&other).contains("Go. → Stay."), "{}", stdout(&other));
    assert!(
        stderr(&other).contains("diverges in turn 1, request #0 (recorded as #0)"),
        "{}",
        stderr(&other)
    );
    let accepted = replay(
        &["--ignore", "/request/body/input"],
        &["bash", "-c", &AGENT.replace("TEXT", "Stay.")],
    );
    assert_eq!(code(&accepted), 0, "{}", stderr(&accepted));
}

#[test]
fn the_program_says_what_became_of_a_bad_agent() {
    let missing = replay(&[], &["no-such-agent"]);
    assert_eq!(code(&missing), 2);
    assert!(stderr(&missing).contains("failed to start no-such-agent"));
    let silent = replay(&[], &["sh", "-c", "echo sorry >&2; exit 4"]);
    assert_eq!(code(&silent), 2, "nothing was compared");
    assert!(stderr(&silent).contains("the agent ended with exit code 4"));
    assert!(stderr(&silent).contains("sorry"));
    let hanging = replay(&["--connect-timeout", "200ms"], &["sleep", "1000"]);
    assert_eq!(code(&hanging), 2);
    assert!(stderr(&hanging).contains("had sent no request after"));
    let script = format!("{}; sleep 1000", AGENT.replace("TEXT", "Go."));
    let slow = replay(&["--timeout", "2s"], &["bash", "-c", &script]);
    assert_eq!(code(&slow), 1, "{}", stderr(&slow));
    assert!(stderr(&slow).contains("had not ended after"));
    let arguments: Arc<[&str]> = Arc::new(["replay", "nothing.jsonl", "--", "true"]);
    assert_eq!(code(&Program::new().run(&arguments)), 2);
}
