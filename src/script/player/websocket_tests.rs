use std::sync::Arc;

use super::*;
use crate::http::HeaderList;
use crate::json::Value;
use crate::script::{Ending, Piece, RequestView, Script, StepId, WsPiece};

/// A connection without sockets.
struct Line {
    player: Player,
    conversation: Conversation,
    headers: HeaderList,
}

impl Line {
    fn new(script: &str) -> Self {
        let script = Script::parse("s.toml", script).unwrap_or_else(|error| panic!("{error}"));
        Self {
            player: Player::new(Arc::new(script), PlayerOptions::default()),
            conversation: Conversation::default(),
            headers: HeaderList::new(),
        }
    }

    fn upgrade(&mut self) -> Upgrade {
        let request = RequestView {
            number: 0,
            method: "GET",
            target: "/v1/responses",
            headers: &self.headers,
            body: None,
            now: 0,
        };
        self.player.upgrade(&request)
    }

    fn say(&mut self, message: &str) -> WsDecision {
        let body = Value::parse(message).unwrap();
        let request = RequestView {
            number: 1,
            method: "GET",
            target: "/v1/responses",
            headers: &self.headers,
            body: Some(&body),
            now: 0,
        };
        self.player.answer_message(&mut self.conversation, &request)
    }
}

fn kinds(decision: &WsDecision) -> Vec<String> {
    let kind = |message: &str| -> String {
        let value: serde_json::Value = serde_json::from_str(message).unwrap();
        value["type"].as_str().unwrap().to_owned()
    };
    decision.answer.messages().map(kind).collect()
}

#[test]
fn a_connection_goes_on_from_the_response_before() {
    let mut line = Line::new(
        r#"
version = 1
[[step]]
reply = [{ call = "f", id = "call_1" }]
[[step]]
when = { output_of = "call_1", contains = "fine" }
expect = { text = "go" }
reply = "Done."
"#,
    );
    assert!(matches!(
        line.upgrade(),
        Upgrade::Accept {
            step: StepId::BuiltIn,
            ..
        }
    ));
    let warm = line.say(r#"{"type":"response.create","model":"m","generate":false,"input":[{"role":"developer","content":"base"}]}"#);
    assert_eq!(warm.answer.step, StepId::BuiltIn);
    assert_eq!(
        kinds(&warm),
        [
            "response.created",
            "response.in_progress",
            "response.completed"
        ]
    );
    let first = line.say(r#"{"type":"response.create","model":"m","previous_response_id":"resp_b1","input":[{"role":"user","content":"go"}]}"#);
    assert_eq!(first.violation, None);
    assert_eq!(
        first.expanded.unwrap().text(),
        r#"{"type":"response.create","model":"m","previous_response_id":"resp_b1","input":[{"role":"developer","content":"base"},{"role":"user","content":"go"}]}"#
    );
    let second = line.say(r#"{"type":"response.create","previous_response_id":"resp_0001","input":[{"type":"function_call_output","call_id":"call_1","output":"fine"}],"model":"m"}"#);
    assert_eq!(second.violation, None);
    let whole = second.expanded.unwrap();
    let items: Vec<_> = whole.node().get("input").unwrap().items().collect();
    assert_eq!(items.len(), 4, "{}", whole.text());
    assert_eq!(items[2].get_string("type").unwrap(), "function_call");
    assert_eq!(line.player.finish(), []);

    let old = line.say(
        r#"{"type":"response.create","model":"m","previous_response_id":"resp_0001","input":[]}"#,
    );
    let message: serde_json::Value =
        serde_json::from_str(old.answer.messages().next().unwrap()).unwrap();
    assert_eq!(message["error"]["code"], "previous_response_not_found");
    assert_eq!(message["status"], 400);
    assert_eq!(kinds(&line.say(r#"{"type":"response.append"}"#)), ["error"]);
}

#[test]
fn faults_and_statuses_have_their_form_on_a_connection() {
    let mut line = Line::new(
        r#"
version = 1
[[step]]
reply = "Half"
fault = { cut = { after_event = 2 } }
[[step]]
fault = { status = 429, retry_after = 2 }
[[step]]
reply = "x"
fault = { close = { code = 1011, reason = "busy" } }
"#,
    );
    let message = r#"{"type":"response.create","model":"m","input":[]}"#;
    let cut = line.say(message);
    assert_eq!(cut.answer.pieces.len(), 3);
    assert_eq!(cut.answer.pieces[2], WsPiece::End(Ending::Close));
    let refused = line.say(message);
    assert_eq!(
        refused.answer.messages().collect::<Vec<_>>(),
        [
            r#"{"type":"error","status":429,"error":{"message":"Rate limit reached for requests.","type":"requests","param":null,"code":"rate_limit_exceeded"},"headers":{"retry-after":"2"}}"#
        ]
    );
    let closed = line.say(message);
    assert!(matches!(
        &closed.answer.pieces[..],
        [.., WsPiece::Frame { frame, .. }, WsPiece::End(Ending::Close)]
            if frame.to_bytes() == b"\x88\x06\x03\xf3busy"
    ));
    let surplus = line.say(message);
    assert_eq!(surplus.violation.unwrap().kind, ViolationKind::UsedUp);
    assert_eq!(kinds(&line.say(message)), ["error"]);
}

#[test]
fn upgrades_are_refused_always_some_times_or_by_a_step() {
    let status = |upgrade: Upgrade| match upgrade {
        Upgrade::Accept { .. } => 101,
        Upgrade::Refuse(decision) => decision.answer.status().unwrap(),
    };
    let mut line = Line::new("version = 1\nwebsocket = false");
    assert_eq!([status(line.upgrade()), status(line.upgrade())], [426, 426]);
    let mut line = Line::new("version = 1\nwebsocket = { refuse = 403, times = 1 }");
    assert_eq!([status(line.upgrade()), status(line.upgrade())], [403, 101]);
    let mut line = Line::new(
        r#"
version = 1
[[step]]
when = { kind = "handshake" }
status = 405
body = "no"
[[step]]
when = { kind = "handshake" }
wait = "1s"
headers = { x-codex-turn-state = "s1" }
"#,
    );
    assert_eq!(status(line.upgrade()), 405);
    let Upgrade::Accept {
        headers, before, ..
    } = line.upgrade()
    else {
        panic!("the second step accepts");
    };
    assert_eq!(headers.get("x-codex-turn-state"), Some("s1"));
    assert_eq!(before, [Piece::Wait(std::time::Duration::from_secs(1))]);
    assert_eq!(line.player.finish(), []);
}

#[test]
fn other_paths_have_no_websockets() {
    let line = Line::new("version = 1");
    for (target, expect) in [
        ("/v1/responses", None),
        ("/responses?a=1", None),
        ("/v1/realtime", Some(404)),
        ("/v1/responses/compact", Some(405)),
    ] {
        let request = RequestView {
            number: 0,
            method: "GET",
            target,
            headers: &line.headers,
            body: None,
            now: 0,
        };
        let mut player = Player::new(Arc::default(), PlayerOptions::default());
        let status = match player.upgrade(&request) {
            Upgrade::Accept { .. } => None,
            Upgrade::Refuse(decision) => decision.answer.status(),
        };
        assert_eq!(status, expect, "{target}");
    }
}
