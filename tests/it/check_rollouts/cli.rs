//! `--rollout` as a user sees it.

use crate::program::{Program, assert_snapshot, code, report, stderr};
use crate::samples::package;
use crate::schema::{load, violations};

const RUN: &str = "codex-0.137.0-17b-autocompact-midturn";

/// A program beside the capture of a fixture and its rollout, in which `old` was replaced.
fn program(old: &str, new: &str) -> Program {
    let fixtures = package().join("fixtures");
    let capture = std::fs::read(fixtures.join(format!("captures/{RUN}.jsonl"))).unwrap();
    let mut files = walkdir::WalkDir::new(fixtures.join("rollouts").join(RUN)).into_iter();
    let is_rollout = |path: &std::path::Path| path.extension().is_some_and(|end| end == "jsonl");
    let found = files.find_map(|entry| {
        let path = entry.unwrap().into_path();
        is_rollout(&path).then_some(path)
    });
    let path = found.expect("the fixture has a rollout");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "nothing to replace");
    let name = path.file_name().unwrap().to_str().unwrap();
    let program = Program::new();
    program
        .file("capture.jsonl", capture)
        .file(&format!("sessions/{name}"), text.replace(old, new));
    program
}

/// Words that only a call's arguments have.
const ARGUMENTS: &str = r#""arguments":""#;

#[test]
fn differences_are_shown_with_both_places() {
    let program = program(ARGUMENTS, r#""arguments":" "#);
    let texts = [
        program.shown(&["capture.jsonl", "--rollout", "sessions"]),
        program.shown(&["show", "capture.jsonl", "--rollout", "sessions"]),
        program.shown(&["capture.jsonl", "capture.jsonl", "--rollout", "sessions"]),
    ];
    assert_snapshot("rollout_check", &texts.join("\n"));
}

#[test]
fn the_report_has_the_published_form() {
    let program = program(ARGUMENTS, r#""arguments":" "#);
    let output = program.run(&["capture.jsonl", "--rollout", "sessions", "--format", "json"]);
    assert_eq!(code(&output), 1);
    let report = report(&output);
    assert_eq!(violations(&load("report"), &report), Vec::<String>::new());
    assert_eq!(report["inputs"][1]["role"], "rollout");
    let finding = &report["findings"][0];
    assert_eq!(finding["source"], "check");
    assert_eq!(finding["rule"], "rollout-delivery-changed");
    assert_eq!(finding["rollout"]["pointer"], "/payload/arguments");
    let again = program.run(&["capture.jsonl", "--rollout", "sessions", "--format", "json"]);
    assert_eq!(output.stdout, again.stdout, "equal inputs, equal bytes");
    let shown = program.run(&[
        "show",
        "capture.jsonl",
        "--rollout",
        "sessions",
        "--format",
        "json",
    ]);
    assert_eq!(code(&shown), 1);
    let shown = crate::program::report(&shown);
    assert_eq!(shown["format"], "trace-diff/outline");
    assert_eq!(shown["check"], report);
}

#[test]
fn rules_accept_what_is_known() {
    let program = program(ARGUMENTS, r#""arguments":" "#);
    program.file(
        "trace-diff.toml",
        "[[accept]]\nrule = \"rollout-delivery-changed\"\nreason = \"a space\"\n",
    );
    let output = program.run(&["capture.jsonl", "--rollout", "sessions"]);
    assert_eq!(code(&output), 0, "{}", crate::program::stdout(&output));
    let arguments = [
        "capture.jsonl",
        "--rollout",
        "sessions",
        "--only",
        "/request/body/tools",
    ];
    assert_eq!(code(&program.run(&arguments)), 0);
}

#[test]
fn a_clean_run_ends_with_0() {
    let program = program(ARGUMENTS, ARGUMENTS);
    let output = program.run(&["capture.jsonl", "--rollout", "sessions"]);
    assert_eq!(code(&output), 0, "{}", crate::program::stdout(&output));
}

#[test]
fn what_can_not_be_compared_is_an_error() {
    let program = program(ARGUMENTS, ARGUMENTS);
    program.file("empty/notes.txt", "none");
    let none = program.run(&["capture.jsonl", "--rollout", "nowhere"]);
    assert_eq!(code(&none), 2);
    assert!(
        stderr(&none).contains("can't read nowhere"),
        "{}",
        stderr(&none)
    );
    let empty = program.run(&["capture.jsonl", "--rollout", "empty"]);
    assert_eq!(code(&empty), 2);
    assert!(stderr(&empty).contains("hint:"), "{}", stderr(&empty));
}
