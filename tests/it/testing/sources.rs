//! What a fake server can be given to play.

use std::path::Path;

use serde_json::json;
use trace_diff::capture::read_capture;
use trace_diff::script::PlayerOptions;
use trace_diff::server::ServerOptions;
use trace_diff::testing::{FakeServer, Script, SetupError, Source, step};

use super::client::{ask, assert_message, output, panic_of, user};
use crate::samples::package;

const ROUNDTRIP: &str = "fixtures/captures/codex-0.169.0-02-shell-roundtrip.jsonl";

/// The first response of what is played.
fn first_answer(source: impl Into<Source>) -> String {
    let server = FakeServer::start(source).unverified();
    ask(&server, &json!([user("a")]))
}

#[test]
fn steps_builders_and_scripts_are_played() {
    let hello = || step().reply("Hello.");
    let builder = Script::builder().step(hello());
    let sources: [Source; 8] = [
        hello().into(),
        [hello()].into(),
        vec![hello(), hello()].into(),
        builder.clone().into(),
        builder.to_json().into(),
        builder.build().unwrap().into(),
        "version = 1\n[[step]]\nreply = \"Hello.\"".into(),
        r#"{"version": 1, "step": [{"reply": "Hello."}]}"#.into(),
    ];
    for source in sources {
        assert!(
            first_answer(source.clone()).contains("Hello."),
            "{source:?}"
        );
    }
}

#[test]
fn files_are_played_whatever_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script.toml");
    std::fs::write(&script, "version = 1\n[[step]]\nreply = \"Hello.\"").unwrap();
    assert!(first_answer(script).contains("Hello."));
    let raw = directory.path().join("raw.json");
    let steps = json!({ "steps": [{ "events": [{ "type": "x" }] }] });
    std::fs::write(&raw, steps.to_string()).unwrap();
    assert!(first_answer(raw.as_path()).contains("event: x"));
    let capture = package().join(ROUNDTRIP);
    assert!(first_answer(capture.as_path()).contains("function_call"));
    let read = read_capture(&capture.to_string_lossy()).unwrap();
    assert!(first_answer(&read).contains("function_call"));
    let rollouts = package().join("fixtures/rollouts/codex-0.169.0-02-shell-roundtrip");
    assert!(first_answer(rollouts).contains("function_call"));
}

#[test]
fn a_recorded_run_is_played_to_its_end() {
    let server = FakeServer::start(package().join(ROUNDTRIP));
    let left = server.server().remaining().len();
    let call = server.capture();
    assert_eq!((left, call.exchanges.len()), (2, 0));
    ask(&server, &json!([user("a")]));
    ask(&server, &json!([user("a"), output("call_1", "hello")]));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let toml = panic_of(|| FakeServer::start("version = 1\n[[step]]\nreplay = []"));
    let built = panic_of(|| FakeServer::start([step(), step().name("two").expect(wrong())]));
    let missing = panic_of(|| FakeServer::start(Path::new("nowhere.toml")));
    assert_message("mistakes", &[toml, built, missing].join("\n\n"));
}

fn wrong() -> trace_diff::script::build::MatcherBuilder {
    trace_diff::testing::request().pointer("tool_choice", "auto")
}

#[test]
fn other_options_are_for_whom_needs_them() {
    let options = ServerOptions {
        play: PlayerOptions {
            is_lenient: true,
            ..PlayerOptions::default()
        },
        ..FakeServer::options()
    };
    let server = FakeServer::start_with(step().reply("Hello."), options).unwrap();
    for _ in 0..2 {
        assert!(ask(&server, &json!([user("a")])).starts_with("HTTP/1.1 200"));
    }
    let taken = ServerOptions {
        address: server.address(),
        ..FakeServer::options()
    };
    let error = FakeServer::start_with("version = 1", taken).unwrap_err();
    assert!(matches!(error, SetupError::Start(_)), "{error}");
    let error = FakeServer::start_with("version = 2", FakeServer::options()).unwrap_err();
    assert!(matches!(error, SetupError::Script(_)), "{error}");
}
