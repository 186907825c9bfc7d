//! Contracts as the program tells them.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::samples::package;

/// A capture in which an output is of another type than its call asks for.
fn broken(directory: &TempDir) -> std::path::PathBuf {
    let fixture = package().join("fixtures/captures/codex-0.169.0-02-shell-roundtrip.jsonl");
    let text = std::fs::read_to_string(fixture).unwrap();
    let broken = text.replace("\"function_call_output\"", "\"custom_tool_call_output\"");
    let path = directory.path().join("broken.jsonl");
    std::fs::write(&path, broken).unwrap();
    path
}

fn run(directory: &TempDir, capture: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trace-diff"));
    command.env_clear().current_dir(directory.path());
    command.arg(capture).args(options).output().unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_violation_is_a_finding_of_one_capture() {
    let directory = TempDir::new().unwrap();
    let path = broken(&directory);
    let output = run(&directory, &path, &["--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let finding = &report(&output)["findings"][0];
    assert_eq!(finding["rule"], "output-type-wrong");
    assert_eq!(finding["source"], "check");
    assert_eq!(finding["baseline"], "function_call_output");
    assert_eq!(finding["candidate"], "custom_tool_call_output");
    let text = run(&directory, &path, &[]);
    let text = String::from_utf8(text.stdout).unwrap();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = "is answered by an item of type custom_tool_call_output instead of function_call_output \
                in turn 1, request 2";
    assert!(words.contains(said), "{text}");
    let fixture = package().join("fixtures/captures/codex-0.169.0-02-shell-roundtrip.jsonl");
    assert_eq!(run(&directory, &fixture, &["-q"]).status.code(), Some(0));
    let compared = run(
        &directory,
        &path,
        &["--baseline", path.to_str().unwrap(), "-q"],
    );
    assert_eq!(
        compared.status.code(),
        Some(0),
        "a comparison is of two captures"
    );
}

#[test]
fn levels_are_the_users() {
    let directory = TempDir::new().unwrap();
    let path = broken(&directory);
    let status = |options: &[&str]| run(&directory, &path, options).status.code();
    assert_eq!(status(&["-q", "--rule", "output-type-wrong=note"]), Some(0));
    assert_eq!(
        status(&["-q", "--rule", "output-type-wrong=warning"]),
        Some(1)
    );
    assert_eq!(status(&["-q", "--rule", "output-type-wrong=off"]), Some(0));
    assert_eq!(status(&["-q", "--rule", "output-type-wrong=loud"]), Some(2));
    assert_eq!(status(&["-q", "--rule", "output-type-wrnog=note"]), Some(2));
    let rules = directory.path().join("trace-diff.toml");
    std::fs::write(&rules, "[levels]\noutput-type-wrong = \"off\"\n").unwrap();
    assert_eq!(status(&["-q"]), Some(0));
    assert_eq!(
        status(&["-q", "--rule", "output-type-wrong=error"]),
        Some(1)
    );
    std::fs::write(&rules, "[levels]\noutput-type-wrong = \"loud\"\n").unwrap();
    let output = run(&directory, &path, &[]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("trace-diff.toml:2:21: this is no level"),
        "{message}"
    );
    let accept = "[[accept]]\nrule = \"output-type-wrong\"\nreason = \"known\"\n";
    std::fs::write(&rules, accept).unwrap();
    assert_eq!(status(&["-q"]), Some(0));
}

#[test]
fn what_was_not_checked_is_told() {
    let directory = TempDir::new().unwrap();
    let fixture = package().join("fixtures/captures/codex-0.169.0-19-multi-turn.jsonl");
    let bytes = std::fs::read(fixture).unwrap();
    let path = directory.path().join("cut.jsonl");
    std::fs::write(&path, &bytes[..bytes.len() - 500]).unwrap();
    let json = report(&run(&directory, &path, &["--format", "json"]));
    assert_eq!(json["not_checked"][0]["exchange"], json!(null));
    let text = String::from_utf8(run(&directory, &path, &[]).stdout).unwrap();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("not checked, because parts of the capture"),
        "{text}"
    );
}
