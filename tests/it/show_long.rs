//! `trace-diff show` of a turn with hundreds of calls.

use serde_json::{Value, json};

use crate::program::{Program, stdout};

/// A rollout of one turn with as many calls, each with reasoning before it; one of them fails.
fn long_turn(calls: usize, failing: usize) -> String {
    let record = |kind: &str, payload: Value| json!({"timestamp": "2026-11-21T02:04:49.149Z", "type": kind, "payload": payload});
    let mut records = vec![
        record(
            "session_meta",
            json!({"id": "a", "timestamp": "t", "cwd": "/", "originator": "codex_exec", "cli_version": "0.137.0"}),
        ),
        record("event_msg", json!({"type": "task_started", "turn_id": "u"})),
    ];
    for n in 0..calls {
        let id = format!("call_{n}");
        let arguments = json!({"cmd": format!("make step{n}")}).to_string();
        let exit = i32::from(n == failing);
        let output = format!(
            "Chunk ID: 0\nWall time: 0.1 seconds\nProcess exited with code {exit}\nOutput:\ndone {n}"
        );
        records.push(record(
            "response_item",
            json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "Think."}]}),
        ));
        records.push(record("response_item", json!({"type": "function_call", "name": "exec_command", "call_id": id, "arguments": arguments})));
        records.push(record(
            "response_item",
            json!({"type": "function_call_output", "call_id": id, "output": output}),
        ));
    }
    records.push(record(
        "event_msg",
        json!({"type": "task_complete", "turn_id": "u"}),
    ));
    let lines = records.iter().map(|record| format!("{record}\n"));
    lines.collect()
}

#[test]
fn long_runs_of_calls_are_folded_around_what_went_wrong() {
    let program = Program::new();
    program.file("long.jsonl", long_turn(300, 150));
    let text = stdout(&program.run(&["show", "long.jsonl"]));
    assert!(text.lines().count() < 100, "{text}");
    assert!(
        text.contains("make step150") && text.contains("exit 1"),
        "{text}"
    );
    let folded = "more calls with exit 0, with reasoning between them";
    assert_eq!(text.matches(folded).count(), 2, "{text}");
    let full = stdout(&program.run(&["show", "long.jsonl", "--full"]));
    let is_told = |n: usize| full.contains(&format!("make step{n}\""));
    assert!(
        (0..300).all(is_told) && !full.contains("more calls"),
        "{full}"
    );
    program.file("short.jsonl", long_turn(12, 99));
    let text = stdout(&program.run(&["show", "short.jsonl"]));
    assert!(!text.contains("more calls"), "{text}");
}
