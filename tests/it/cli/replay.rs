//! `trace-diff replay` as a user runs it, with an agent of a few lines that has its commands run by a shell.

use std::process::Output;

use serde_json::{Value, json};
use trace_diff::read_capture;

use super::serve::Serving;
use crate::program::{Program, code, report, stderr, stdout};

/// Asks, runs the command of the answer as agents do, tells what it printed, and prints the last answer.
const AGENT: &str = r#"
ask() {
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  body='{"model":"m","stream":true,"input":['$1']}'
  printf 'POST /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %s\r\n\r\n%s' "${#body}" "$body" >&3
  cat <&3
}
port=$1
user='{"type":"message","role":"user","content":[{"type":"input_text","text":"Go."}]}'
answer=$(ask "$user")
command=${answer#*'cmd\":\"'}
command=${command%%'\"'*}
output=$(bash -lc "$command")
output="Chunk ID: 4d5e6f\nWall time: 0.2000 seconds\nProcess exited with code $?\nOutput:\n$output"
call='{"type":"function_call","call_id":"call_1","name":"exec_command","arguments":"{\"cmd\":\"'$command'\"}"}'
ask "$user,$call,"'{"type":"function_call_output","call_id":"call_1","output":"'"$output"'"}'
"#;

/// What the model has run: it leaves a file, and prints something else than what was recorded.
const COMMAND: &str = "touch ran; echo for real";

/// A capture of the agent, with what the command printed when it was recorded.
fn recording() -> String {
    let user = json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "Go." }] });
    let call = json!({
        "type": "function_call", "call_id": "call_1", "name": "exec_command", "arguments": json!({ "cmd": COMMAND }).to_string(),
    });
    let output = json!({
        "type": "function_call_output", "call_id": "call_1",
        "output": "Chunk ID: 1a2b3c\nWall time: 0.1000 seconds\nProcess exited with code 3\nOutput:\nas recorded",
    });
    let said = json!({ "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "Recorded." }] });
    let exchanges = [
        (vec![user.clone()], call.clone()),
        (vec![user, call, output], said),
    ];
    let record = |(number, (input, item)): (usize, (Vec<Value>, Value))| {
        let body = json!({ "model": "m", "stream": true, "input": input });
        let response = json!({ "id": format!("resp_{number}") });
        let event = |data: Value| json!({ "at_ms": 1.0, "event": data["type"], "data": data });
        let events = [
            event(json!({ "type": "response.created", "response": response })),
            event(json!({ "type": "response.output_item.done", "output_index": 0, "item": item })),
            event(json!({ "type": "response.completed", "response": response })),
        ];
        let length = body.to_string().len().to_string();
        let record = json!({
            "format": "raw-exchange/1", "seq": number + 1, "conn": number + 1, "conn_request": 1, "transport": "http",
            "started_ms": 1.0, "request_done_ms": 1.0, "method": "POST", "path": "/v1/responses", "http_version": "HTTP/1.1",
            "request": {
                "headers": [["host", "x"], ["connection", "close"], ["content-length", length]], "body_kind": "json-compact",
                "body": body,
            },
            "response": { "status": 200, "headers": [["content-type", "text/event-stream"]], "events": events, "ended": "complete" },
        });
        format!("{record}\n")
    };
    exchanges.into_iter().enumerate().map(record).collect()
}

fn program() -> Program {
    let program = Program::new().with_environment("PATH", "/usr/local/bin:/usr/bin:/bin");
    program.file("recorded.jsonl", recording());
    program.file("agent.sh", AGENT);
    program.file("work/empty", "");
    program
}

/// Replays the recording to the agent, in a work directory that is looked at then.
fn replay(program: &Program, options: &[&str]) -> Output {
    let agent = program.path("agent.sh").to_string_lossy().into_owned();
    let before = [
        "replay",
        "recorded.jsonl",
        "--work",
        "work",
        "--timeout",
        "60s",
    ];
    let command = ["--", "bash", &agent, "{port}"];
    program.run(&[&before[..], options, &command].concat())
}

#[test]
fn commands_print_what_was_recorded_and_do_not_run() {
    let program = program();
    let answered = replay(&program, &["--tools", "recorded", "--show-output"]);
    assert_eq!(
        code(&answered),
        0,
        "{}{}",
        stdout(&answered),
        stderr(&answered)
    );
    assert!(!program.path("work/ran").exists(), "the command ran");
    let told = stderr(&answered);
    assert!(
        told.contains("print what was recorded, and do not run"),
        "{told}"
    );
    assert!(told.contains("Recorded."), "{told}");
    // Without it the same command runs, and prints something else.
    let run = replay(&program, &[]);
    assert_eq!(code(&run), 1, "{}", stderr(&run));
    assert!(program.path("work/ran").exists(), "the command did not run");
}

#[test]
fn a_recording_may_come_by_standard_input() {
    let program = program();
    let agent = program.path("agent.sh").to_string_lossy().into_owned();
    let arguments = [
        "replay", "-", "--work", "work", "--tools", "recorded", "--", "bash", &agent, "{port}",
    ];
    let output = program.run_with(&arguments, recording().as_bytes());
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let quiet = replay(&program, &["--tools", "recorded", "-q"]);
    let said = (code(&quiet), stdout(&quiet), stderr(&quiet));
    assert_eq!(said, (0, String::new(), String::new()));
}

#[test]
fn a_session_that_leaves_its_recording_goes_on_with_the_upstream() {
    let program = program();
    program.file(
        "script.toml",
        "version = 1\n[[step]]\nreply = \"Said by the upstream.\"\n",
    );
    let upstream = Serving::start(
        &program,
        &["serve", "script.toml", "--capture", "asked.jsonl"],
    );
    let url = format!("http://{}/v1", upstream.address);
    let options = [
        "--on-divergence",
        "live",
        "--upstream",
        &url,
        "--capture",
        "new.jsonl",
        "--show-output",
        "--format",
        "json",
    ];
    let live = replay(&program, &options);
    assert_eq!(code(&live), 1, "{}", stderr(&live));
    let told = stderr(&live);
    assert!(told.contains("Said by the upstream."), "{told}");
    assert!(told.contains("the recording ends here"), "{told}");
    let told = report(&live);
    assert_eq!(
        told["inputs"][1]["live"],
        json!({ "from": 1, "upstream": url })
    );
    assert!(told["inputs"][0].get("live").is_none());
    // The first request was none of the upstream's, and both stand in the capture with who answered.
    drop(upstream);
    let count = |name: &str| {
        read_capture(&program.path(name).to_string_lossy())
            .unwrap()
            .exchanges
            .len()
    };
    assert_eq!((count("asked.jsonl"), count("new.jsonl")), (1, 2));
    let text = std::fs::read_to_string(program.path("new.jsonl")).unwrap();
    assert_eq!(text.matches("\"answered_by\":\"capture\"").count(), 1);
    // In words, where a person looks first.
    let upstream = Serving::start(&program, &["serve", "script.toml"]);
    let url = format!("http://{}/v1", upstream.address);
    let live = replay(&program, &["--on-divergence", "live", "--upstream", &url]);
    let said = stdout(&live)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        said.contains(&format!("#1 and later answered by {url}")),
        "{said}"
    );
}

#[test]
fn what_a_user_does_wrong_is_told_with_what_to_do() {
    let program = program();
    let failure = |arguments: &[&str], expect: &[&str]| {
        let output = program.run(arguments);
        let told = stderr(&output);
        assert_eq!(code(&output), 2, "{arguments:?}: {told}");
        assert!(
            output.stdout.is_empty(),
            "{arguments:?}: {}",
            stdout(&output)
        );
        for part in expect {
            assert!(told.contains(part), "{arguments:?}: no {part:?} in {told}");
        }
    };
    let agent = ["--", "true"];
    let replay = |file: &str, options: &[&str], expect: &[&str]| {
        failure(&[&["replay", file], options, &agent].concat(), expect);
    };
    replay(
        "recorded.jsonl",
        &[],
        &[
            "made no request",
            "hint: its server was http://127.0.0.1:",
            "/v1",
        ],
    );
    replay(
        "recorded.jsonl",
        &["--work", "nowhere"],
        &["nowhere is no directory", "hint: --work"],
    );
    assert!(!program.path("nowhere").exists());
    replay(
        "none.jsonl",
        &[],
        &["failed to read none.jsonl", "hint: check the path"],
    );
    replay(
        "recorded.jsonl",
        &["--capture", "recorded.jsonl", "--force"],
        &["recorded.jsonl is read by this run"],
    );
    assert_eq!(
        std::fs::read_to_string(program.path("recorded.jsonl")).unwrap(),
        recording()
    );
    program.file("other.json", "{\"a\":1}");
    replay(
        "other.json",
        &[],
        &["other.json: byte 0: not a capture", "rollouts"],
    );
    let text = recording();
    program.file("begun.jsonl", &text[..300]);
    replay(
        "begun.jsonl",
        &[],
        &[
            "begun.jsonl: bytes 0–300: ",
            "no response that could be played",
            "hint: ",
        ],
    );
    failure(
        &["replay", "recorded.jsonl", "--", "./agent"],
        &["failed to start ./agent", "is looked for here and in /"],
    );
    let taken = Serving::start(&program, &["serve", "recorded.jsonl"]);
    let port = taken.address.rsplit(':').next().unwrap().to_owned();
    replay(
        "recorded.jsonl",
        &["--port", &port],
        &[
            "failed to listen on 127.0.0.1",
            "hint: port 0 takes any free port",
        ],
    );
}

#[test]
fn damage_of_a_recording_is_told_before_it_is_played() {
    let program = program();
    let text = recording();
    program.file("recorded.jsonl", &text[..text.len() - 40]);
    let output = replay(&program, &["--tools", "recorded"]);
    let told = stderr(&output);
    assert!(told.contains("warning: recorded.jsonl: bytes "), "{told}");
    assert!(
        told.contains("hint: what is complete is replayed"),
        "{told}"
    );
    let name = "rollout-2026-01-01T00-00-00-11111111-1111-7111-8111-111111111111.jsonl";
    let record = |kind: &str, payload: Value| {
        format!(
            "{}\n",
            json!({ "timestamp": "2026-01-01T00:00:00.000Z", "type": kind, "payload": payload })
        )
    };
    let message = |role: &str, kind: &str, text: &str| json!({ "type": "message", "role": role, "content": [{ "type": kind, "text": text }] });
    let rollout = [
        record(
            "session_meta",
            json!({ "id": "11111111-1111-7111-8111-111111111111", "cwd": "/w", "cli_version": "0.137.0" }),
        ),
        record("response_item", message("user", "input_text", "Go.")),
        record(
            "response_item",
            message("assistant", "output_text", "Finished."),
        ),
        "{\"timestamp\":\"2026-01-01T00:00:01".to_owned(),
    ];
    program.file(name, rollout.concat());
    let output = program.run(&["replay", name, "--connect-timeout", "5s", "--", "true"]);
    let told = stderr(&output);
    assert!(told.contains(&format!("warning: {name}: bytes ")), "{told}");
}
