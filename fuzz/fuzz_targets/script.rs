//! Any text as a script: it is one or an error with a place inside of it, and what is a script can be played.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use trace_diff::http::HeaderList;
use trace_diff::json::Value;
use trace_diff::script::{Conversation, Player, PlayerOptions, RequestView, Script, Upgrade};

const BODY: &str = r#"{"type":"response.create","model":"m","stream":true,"input":[
{"type":"message","role":"user","content":"a"},
{"type":"function_call","call_id":"call_1","name":"f","arguments":"{}"},
{"type":"function_call_output","call_id":"call_1","output":"x"}]}"#;

// The first byte says in which of its languages the script is written.
fuzz_target!(|input: &[u8]| {
    let Some((&language, input)) = input.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let path = if language % 2 == 0 { "s.toml" } else { "s.json" };
    let script = match Script::parse(path, text) {
        Ok(script) => script,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let body = Value::parse(BODY).expect("it is JSON");
    let headers = HeaderList::new();
    let request = RequestView {
        number: 0,
        method: "POST",
        target: "/v1/responses",
        headers: &headers,
        body: Some(&body),
        now: 0,
    };
    let mut player = Player::new(Arc::new(script), PlayerOptions::default());
    player.upgrade(&RequestView { method: "GET", body: None, ..request });
    let mut conversation = Conversation::default();
    for _ in 0..3 {
        player.answer(&request);
        player.answer_message(&mut conversation, &request);
    }
    if let Upgrade::Refuse(decision) = player.upgrade(&request) {
        assert!(!decision.answer.pieces.is_empty());
    }
    player.finish();
});
