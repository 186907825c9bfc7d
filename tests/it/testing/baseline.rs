//! A run against one that was saved.

use serde_json::json;
use trace_diff::Options;
use trace_diff::capture::read_capture;
use trace_diff::report::Verdict;
use trace_diff::testing::{FakeServer, call, step};

use super::client::{ask, assert_message, output, panic_of, user};

/// A run in which the tool says this.
fn run(said: &str) -> FakeServer {
    let server = FakeServer::start([
        step().reply(call("exec_command", json!({ "cmd": "date" })).id("call_1")),
        step().reply("Done."),
    ]);
    ask(&server, &json!([user("When?")]));
    ask(&server, &json!([user("When?"), output("call_1", said)]));
    server
}

#[test]
fn runs_are_compared_as_the_program_does() {
    let directory = tempfile::tempdir().unwrap();
    let baseline = directory.path().join("baseline.jsonl");
    run("today").save_capture(&baseline).unwrap();
    run("today").assert_same_as(&baseline);
    let other = run("tomorrow");
    let report = other.compare_with(&baseline, &Options::default()).unwrap();
    assert_eq!(report.verdict, Verdict::Findings);
    let message = panic_of(|| other.assert_same_as(&baseline));
    let shown = baseline.display().to_string();
    assert_message("baseline", &message.replace(&shown, "BASELINE"));
}

#[test]
fn tests_see_secrets_and_files_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let saved = directory.path().join("saved.jsonl");
    let server = run("today");
    let request = &server.requests()[0];
    assert_eq!(request.header("authorization"), Some("Bearer sk-test-key"));
    server.save_capture(&saved).unwrap();
    let text = std::fs::read_to_string(&saved).unwrap();
    assert!(
        !text.contains("sk-test-key") && text.contains("<secret 1>"),
        "{text}"
    );
    let capture = read_capture(&saved.to_string_lossy()).unwrap();
    assert!(capture.problems.is_empty());
    assert_eq!(capture.exchanges.len(), 2);
}

#[test]
fn a_missing_baseline_says_how_to_make_one() {
    let server = FakeServer::start("version = 1");
    let message = panic_of(|| server.assert_same_as("nowhere.jsonl"));
    assert!(message.contains("nowhere.jsonl"), "{message}");
    assert!(
        message.ends_with(r#"hint: server.save_capture("nowhere.jsonl") saves a baseline"#),
        "{message}"
    );
}
