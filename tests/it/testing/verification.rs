//! What a test is told when the agent did something else.

use serde_json::json;
use trace_diff::testing::{FakeServer, call, gate, request, step};

use super::client::{ask, assert_message, exchange, output, panic_of, user};

/// A server whose script is not kept: the wrong output, and a step that is never used.
fn disappointed() -> FakeServer {
    let server = FakeServer::start([
        step().reply(call("exec_command", json!({ "cmd": "printf hello" })).id("call_1")),
        step()
            .name("answer")
            .when(request().output_of("call_1").contains("hello"))
            .reply("Done."),
        step().reply("More."),
    ]);
    ask(&server, &json!([user("Say hello.")]));
    let found = output("call_1", "bash: printf: command not found");
    let answer = ask(&server, &json!([user("Say hello."), found]));
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    server
}

#[test]
fn a_failure_names_step_request_and_difference() {
    let server = disappointed();
    let failure = server.verify().unwrap_err();
    assert_eq!(failure.violations.len(), 2);
    assert_message("failure", &failure.to_string());
}

#[test]
fn dropping_fails_the_test() {
    let server = disappointed();
    let message = panic_of(|| drop(server));
    assert!(
        message.starts_with("the agent did not do what the script says: 2 violations\n"),
        "{message}"
    );
}

#[test]
fn dropping_adds_nothing_to_a_test_that_fails_already() {
    let server = disappointed();
    let message = panic_of(move || {
        let _dropped_while_panicking = server;
        panic!("the first reason");
    });
    assert_eq!(message, "the first reason");
}

#[test]
fn what_was_told_is_not_told_again() {
    let server = disappointed();
    assert!(server.verify().is_err());
    drop(server);
    drop(disappointed().unverified());
}

#[test]
fn a_run_that_goes_on_after_a_good_verification_is_verified_again() {
    let server = FakeServer::start(step().reply("Once."));
    ask(&server, &json!([user("a")]));
    server.verify().unwrap();
    ask(&server, &json!([user("b")]));
    let message = panic_of(|| drop(server));
    assert!(message.contains("the only step is used up"), "{message}");
}

#[test]
fn a_response_that_nobody_let_go_on_is_told() {
    let server = FakeServer::start([step().reply([gate("finish")]), step().reply("never")]);
    let mut client = super::client::connect(&server);
    let body = json!({ "model": "m", "stream": true, "input": [user("a")] }).to_string();
    let head = "POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length";
    let request = format!("{head}: {}\r\n\r\n{body}", body.len());
    std::io::Write::write_all(&mut client, request.as_bytes()).unwrap();
    server.gate("finish").reached().wait();
    assert_message("failure_at_gate", &server.verify().unwrap_err().to_string());
}

#[test]
fn captured_text_can_not_act_on_a_terminal() {
    let server = FakeServer::start(step().when(request().text("calm"))).unverified();
    let body = json!({ "input": [user("\u{1b}[31mred\u{7}")] }).to_string();
    let head =
        "POST /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-openai-subagent: a";
    let length = format!("\r\ncontent-length: {}\r\n\r\n", body.len());
    // In Latin-1, as which such bytes of a field are read, this one begins a command to the terminal.
    exchange(
        &server,
        &[
            head.as_bytes(),
            b"\x9b31m",
            length.as_bytes(),
            body.as_bytes(),
        ]
        .concat(),
    );
    let message = server.verify().unwrap_err().to_string();
    assert!(
        message.contains("red") && message.contains("of sub-agent a"),
        "{message}"
    );
    let is_calm = |c: char| c == '\n' || !c.is_control();
    assert!(message.chars().all(is_calm), "{message:?}");
}

#[test]
fn an_unwrapped_failure_is_readable() {
    let server = disappointed();
    let failure = server.verify().unwrap_err();
    assert_eq!(format!("{failure:?}"), failure.to_string());
}
