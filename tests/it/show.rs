//! `trace-diff show` over small recordings: what happened in a session, whatever it is told by.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use walkdir::WalkDir;

use crate::program::{Program, assert_snapshot, code, conversation, shown, stderr, stdout};
use crate::samples::package;
use crate::schema::violations;

/// What `show` prints for files of the fixtures, named without the directory of the package.
fn shown_fixtures(arguments: &[&str], names: &[&str]) -> String {
    let program = Program::new();
    let mut all = String::new();
    for name in names {
        let path = package().join("fixtures").join(name);
        let mut arguments = arguments.to_vec();
        let path = path.to_str().unwrap().to_owned();
        arguments.push(&path);
        all.push_str(&shown(&arguments, &program.run(&arguments)));
        all.push('\n');
    }
    let prefix = format!("{}/", package().join("fixtures").to_str().unwrap());
    all.replace(&prefix, "").trim_end().to_owned() + "\n"
}

/// The rollouts of a run in the fixtures, oldest first.
fn rollouts(run: &str) -> Vec<String> {
    let root = package().join("fixtures");
    let files = WalkDir::new(root.join("rollouts").join(run)).sort_by_file_name();
    let files = files.into_iter().filter_map(Result::ok);
    files
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(&root).unwrap();
            path.to_str().unwrap().to_owned()
        })
        .collect()
}

fn outline(program: &Program, arguments: &[&str]) -> Value {
    let output = program.run(&[&["show", "--format", "json"], arguments].concat());
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", stderr(&output)))
}

#[test]
fn rollouts_of_every_age_are_told_alike() {
    let runs = [
        "codex-0.115.0-34-rollback",
        "codex-0.137.0-21-subagent",
        "codex-0.169.0-17-autocompact-preturn",
        "codex-0.169.0-34-rollback",
        "codex-0.169.0-40-killed-midturn",
        "pycodex-0.5.1-17-autocompact-preturn",
    ];
    let names: Vec<String> = runs.iter().flat_map(|run| rollouts(run)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_snapshot("show_rollouts", &shown_fixtures(&["show"], &names));
}

#[test]
fn captures_are_told_in_the_same_shape() {
    let names = [
        "captures/codex-0.137.0-08-http-500-then-ok.jsonl",
        "captures/codex-0.115.0-10b-stream-cut-after-item-done.jsonl",
        "captures/codex-0.137.0-17b-autocompact-midturn.jsonl",
        "captures/codex-0.137.0-21-subagent.jsonl",
        "captures/codex-0.169.0-03-parallel-calls.jsonl",
        "captures/codex-0.169.0-25e-websocket-two-turns.jsonl",
        "captures/pycodex-0.5.1-17-autocompact-preturn.jsonl",
        "trace-bundle",
    ];
    assert_snapshot("show_captures", &shown_fixtures(&["show"], &names));
}

#[test]
fn events_and_results_of_runs_are_told_too() {
    let names = [
        "exec-events/codex-0.137.0-21-subagent.jsonl",
        "exec-events/codex-0.137.0-28-update-plan.jsonl",
        "exec-events/codex-0.169.0-24-retries-exhausted.jsonl",
        "exec-events/codex-0.169.0-27-unknown-events.jsonl",
        "exec-events/pycodex-0.5.1-02-shell-roundtrip.json",
    ];
    assert_snapshot("show_events", &shown_fixtures(&["show"], &names));
}

#[test]
fn the_history_is_shown_as_of_any_record_or_exchange() {
    let killed = rollouts("codex-0.169.0-40-killed-midturn");
    let compacted = rollouts("codex-0.169.0-17-autocompact-preturn");
    let reverted = rollouts("codex-0.169.0-34-rollback");
    let mut all = shown_fixtures(&["show", "--at", "12"], &[&killed[0]]);
    all += &shown_fixtures(&["show", "--at", "16"], &[&compacted[0]]);
    all += &shown_fixtures(&["show", "--at", "32"], &[&compacted[0]]);
    all += &shown_fixtures(&["show", "--at", "7"], &[&reverted[1]]);
    let websocket = "captures/codex-0.169.0-25e-websocket-two-turns.jsonl";
    all += &shown_fixtures(&["show", "--at", "3"], &[websocket]);
    assert_snapshot("show_at", &all);
}

#[test]
fn texts_can_be_had_whole() {
    let killed = rollouts("codex-0.169.0-40-killed-midturn");
    assert_snapshot(
        "show_full",
        &shown_fixtures(&["show", "--full"], &[&killed[0]]),
    );
}

#[test]
fn programs_get_json() {
    let compacted = rollouts("pycodex-0.5.1-17-autocompact-preturn");
    let events = "exec-events/codex-0.169.0-24-retries-exhausted.jsonl";
    let names = [&compacted[0], events];
    let all = shown_fixtures(&["show", "--format", "json"], &names);
    assert_snapshot("show_json", &all);
}

/// What the published schema has against an outline.
fn complaints(outline: &Value) -> Vec<String> {
    let schema = fs::read_to_string(package().join("schemas/outline.schema.json")).unwrap();
    violations(&serde_json::from_str(&schema).unwrap(), outline)
}

#[test]
fn outlines_are_as_the_schema_says() {
    let program = Program::new();
    for folder in ["rollouts", "captures", "exec-events", "damaged"] {
        let files = WalkDir::new(package().join("fixtures").join(folder));
        for entry in files.sort_by_file_name().into_iter().flatten() {
            let path = entry.path().to_str().unwrap();
            let is_input = path.ends_with(".jsonl") || path.contains("pycodex-0.5.1-02");
            if !entry.file_type().is_file() || !is_input {
                continue;
            }
            assert_eq!(complaints(&outline(&program, &[path])), [""; 0], "{path}");
        }
    }
    let rollout = package()
        .join("fixtures")
        .join(&rollouts("codex-0.169.0-34-rollback")[1]);
    let arguments = ["--at", "3", "--full", rollout.to_str().unwrap()];
    assert_eq!(complaints(&outline(&program, &arguments)), [""; 0]);
    program.file("hostile.jsonl", rollout_of("x"));
    assert_eq!(complaints(&outline(&program, &["hostile.jsonl"])), [""; 0]);
}

#[test]
fn what_cannot_be_shown_is_said_with_a_way_out() {
    let program = Program::new();
    let meta = r#"{"timestamp":"2026-01-01T00:00:00Z","type":"session_meta","payload":{"id":"01a1fbd8-95a7-7140-b45c-3b2d1ddbd775"}}"#;
    program
        .file("empty.json", "")
        .file("notes.md", "# Notes\n")
        .file("events.jsonl", r#"{"type":"turn.started"}"#)
        .file("rollout.jsonl", meta)
        .file("capture.jsonl", conversation(&["Hi."]))
        .file("sessions/2026/01/01/rollout-2026-01-01T00-00-00-01a1fbd8-95a7-7140-b45c-3b2d1ddbd775.jsonl", meta)
        .file("sessions/2026/01/02/rollout-2026-01-02T00-00-00-01a1fbd8-95a7-7140-b45c-3b2d1ddbd776.jsonl", meta);
    let runs: [&[&str]; 8] = [
        &["show"],
        &["show", "absent.jsonl"],
        &["show", "empty.json"],
        &["show", "notes.md"],
        &["show", "sessions"],
        &["show", "events.jsonl", "--at", "0"],
        &["show", "rollout.jsonl", "--at", "1"],
        &["show", "capture.jsonl", "--at", "9"],
    ];
    let all: Vec<String> = runs.iter().map(|run| program.shown(run)).collect();
    assert_snapshot("show_bad_input", &all.join("\n"));
}

#[test]
fn standard_input_and_compressed_files_tell_the_same() {
    use std::io::Write;

    let program = Program::new();
    let name = &rollouts("codex-0.169.0-17-autocompact-preturn")[0];
    let bytes = fs::read(package().join("fixtures").join(name)).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    let gzip = gzip.finish().unwrap();
    program.file("-", &bytes).file("x.gz", &gzip);
    let plain = program.run_with(&["show", "-"], &bytes);
    assert_eq!(code(&plain), 0, "{}", stderr(&plain));
    assert!(stdout(&plain).contains("First thing."));
    let zipped = program.run_with(&["show", "-"], &gzip);
    assert_eq!(stdout(&plain), stdout(&zipped));
    let file = program.run(&["show", "x.gz"]);
    assert_eq!(
        stdout(&file),
        stdout(&plain).replacen("file     -", "file     x.gz", 1)
    );
    let capture = conversation(&["Hi."]);
    let capture = program.run_with(&["show", "-"], capture.as_bytes());
    assert!(stdout(&capture).contains("user        Hi."), "{capture:?}");
}

/// A rollout all of whose texts are the same.
fn rollout_of(text: &str) -> String {
    let record = |kind: &str, payload: Value| {
        json!({"timestamp": text, "type": kind, "payload": payload}).to_string() + "\n"
    };
    let message = |role: &str| json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]});
    [
        record("session_meta", json!({"id": text, "cwd": text, "originator": text, "cli_version": text,
            "source": text, "model_provider": text, "agent_nickname": text, "parent_thread_id": text,
            "forked_from_id": text, "timestamp": text,
            "history_base": {"thread_id": text, "end_ordinal_exclusive": 1, "end_byte_offset": 1}})),
        record("event_msg", json!({"type": "task_started", "turn_id": text})),
        record("turn_context", json!({"model": text})),
        record("response_item", message("user")),
        record("response_item", message("developer")),
        record("response_item", json!({"type": "function_call", "name": text, "namespace": text, "call_id": text, "arguments": text, "status": text})),
        record("response_item", json!({"type": "function_call_output", "call_id": text, "output": text})),
        record("response_item", json!({"type": "function_call_output", "call_id": "nobody", "output": text})),
        record("response_item", json!({"type": "custom_tool_call", "name": text, "call_id": "other", "input": text})),
        record("response_item", json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": text}]})),
        record("response_item", json!({"type": text, "value": text})),
        record(text, json!({"value": text})),
        record("event_msg", json!({"type": text})),
        record("event_msg", json!({"type": "item_completed", "item": {"type": text}})),
        record("event_msg", json!({"type": "error", "message": text, "codex_error_info": text})),
        record("compacted", json!({"message": text, "replacement_history": [message("user"), {"type": text}]})),
        record("event_msg", json!({"type": "task_complete", "turn_id": text, "error": {"message": text, "codex_error_info": text}})),
    ]
    .concat()
}

#[test]
fn hostile_texts_do_not_reach_the_terminal() {
    let hostile = "a\u{1b}[31mred\u{7}\u{9b}2J\u{202e}\r\n\u{0}b\u{200b}\u{e000}";
    let program = Program::new();
    program
        .file("rollout.jsonl", rollout_of(hostile))
        .file("capture.jsonl", conversation(&[hostile]));
    for arguments in [
        &["show", "rollout.jsonl"][..],
        &["show", "rollout.jsonl", "--full"],
        &["show", "rollout.jsonl", "--at", "15"],
        &["show", "rollout.jsonl", "--at", "15", "--full"],
        &["show", "capture.jsonl"],
        &["show", "capture.jsonl", "--full"],
    ] {
        let output = program.run(arguments);
        assert!(code(&output) < 2, "{arguments:?}: {}", stderr(&output));
        let is_bad = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{200b}".contains(c);
        for text in [stdout(&output), stderr(&output)] {
            let bad = text.lines().find(|line| line.contains(is_bad));
            assert_eq!(bad, None, "{arguments:?}");
        }
    }
}

#[test]
fn secrets_are_masked_everywhere() {
    let secret = "sk-proj-a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6";
    let program = Program::new();
    program
        .file("rollout.jsonl", rollout_of(&format!("key {secret} end")))
        .file(
            "capture.jsonl",
            conversation(&[&format!("key {secret} end")]),
        );
    for arguments in [
        &["show", "rollout.jsonl"][..],
        &["show", "rollout.jsonl", "--full"],
        &["show", "rollout.jsonl", "--format", "json", "--full"],
        &[
            "show",
            "rollout.jsonl",
            "--at",
            "15",
            "--full",
            "--format",
            "json",
        ],
        &["show", "capture.jsonl", "--full", "--format", "json"],
        &[
            "show",
            "capture.jsonl",
            "--at",
            "0",
            "--full",
            "--format",
            "json",
        ],
    ] {
        let output = program.run(arguments);
        assert!(code(&output) < 2, "{arguments:?}: {}", stderr(&output));
        assert!(!stdout(&output).contains("a1B2c3D4"), "{arguments:?}");
    }
}

#[test]
fn deep_and_strange_values_are_survived() {
    let program = Program::new();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let record = |payload: &str| {
        format!(r#"{{"timestamp":"t","type":"response_item","payload":{payload}}}"#) + "\n"
    };
    let strange = [
        r#"{"type":"message","role":"user","content":"just text"}"#,
        r#"{"type":"message","role":7,"content":{"a":1}}"#,
        r#"{"type":"function_call","arguments":{"cmd":["a","b"]},"call_id":null}"#,
        r#"{"type":"function_call_output","call_id":"x","output":{"content":"c","success":false}}"#,
        r#"{"type":"reasoning","summary":7,"content":"x"}"#,
        r#"{"role":"user","content":[]}"#,
        r#"{}"#,
        "[]",
        "null",
    ];
    let mut text = r#"{"timestamp":"t","type":"session_meta","payload":{"id":"a"}}"#.to_owned();
    text.push('\n');
    text.extend(strange.iter().map(|payload| record(payload)));
    text += &record(&format!(
        r#"{{"type":"message","role":"user","content":{deep}}}"#
    ));
    text += &record(&format!(
        r#"{{"type":"function_call","name":"f","call_id":"d","arguments":{deep}}}"#
    ));
    text += &record(&format!(r#"{{"type":"brand_new","x":{deep}}}"#));
    text += "7\n\"word\"\n[1]\n{\"a\":1}\n";
    program.file("rollout.jsonl", text);
    for arguments in [
        &["show", "rollout.jsonl"][..],
        &["show", "rollout.jsonl", "--at", "16"],
    ] {
        let output = program.run(arguments);
        assert!(code(&output) < 2, "{arguments:?}: {}", stderr(&output));
    }
    let shown = stdout(&program.run(&["show", "rollout.jsonl"]));
    assert!(shown.contains("item `brand_new`"), "{shown}");
    assert!(shown.contains("just text"), "{shown}");
}

/// The runs of the corpus that lies beside the package, if it does.
fn corpus_runs() -> Vec<PathBuf> {
    let corpus = package().join("../shared/corpus");
    let runs = |agent: &Path| {
        let runs = fs::read_dir(agent).into_iter().flatten().flatten();
        runs.map(|run| run.path()).collect::<Vec<_>>()
    };
    let agents = fs::read_dir(corpus).into_iter().flatten().flatten();
    let is_agent = |name: &str| name.starts_with("codex-") || name.starts_with("pycodex-0");
    let mut all: Vec<PathBuf> = agents
        .filter(|agent| is_agent(&agent.file_name().to_string_lossy()))
        .flat_map(|agent| runs(&agent.path()))
        .filter(|run| run.join("capture.jsonl").is_file())
        .collect();
    all.sort();
    if all.is_empty() {
        println!("skipped: no corpus beside the package");
    }
    all
}

/// What users said, and the calls that got an output, in the threads that no other thread started.
fn story(outline: &Value) -> Vec<String> {
    let mut story = Vec::new();
    let threads = outline["threads"].as_array().unwrap().iter();
    for thread in threads.filter(|thread| thread["parent"].is_null()) {
        for turn in thread["turns"].as_array().unwrap() {
            for step in turn["steps"].as_array().unwrap() {
                match step["kind"].as_str().unwrap() {
                    "user" => story.push(format!("user {}", step["text"]["text"])),
                    "call" if !step["output"].is_null() => {
                        story.push(format!("call {} {}", step["name"], step["call_id"]))
                    }
                    _ => {}
                }
            }
        }
    }
    story
}

#[test]
fn a_rollout_and_the_traffic_of_its_run_tell_the_same_story() {
    let program = Program::new();
    let mut compared = 0;
    for run in corpus_runs() {
        let files = WalkDir::new(run.join("rollouts")).into_iter().flatten();
        let files: Vec<PathBuf> = files
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.path().to_owned())
            .collect();
        let [rollout] = files.as_slice() else {
            continue;
        };
        let capture = run.join("capture.jsonl");
        let disk = story(&outline(&program, &[rollout.to_str().unwrap()]));
        let wire = story(&outline(&program, &[capture.to_str().unwrap()]));
        assert_eq!(disk, wire, "{}", run.display());
        compared += 1;
    }
    println!("{compared} runs compared");
}
