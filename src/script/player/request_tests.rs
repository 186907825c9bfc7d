use std::sync::Arc;

use super::tests::{Sent, Table};
use super::*;
use crate::http::HeaderList;
use crate::script::{Piece, RequestView, Script, StepId};

#[test]
fn an_input_that_is_one_text_has_no_items_but_a_text() {
    let script = r#"
        version = 1
        [[step]]
        when = { text = "first", last_text = "the first", last_user = { equals = "the first" } }
        [[step]]
        when = { last_user = "second" }
    "#;
    let mut table = Table::new(script);
    let sent = Sent {
        target: "/v1/responses",
        headers: &[],
    };
    let first = table.send(&sent, r#"{"input":"the first"}"#);
    assert_eq!(first.answer.step, StepId::Step(0));
    let third = table.send(&sent, r#"{"input":"the third"}"#);
    let difference = third.violation.unwrap().difference.unwrap();
    assert_eq!(difference.pointer, "/request/body/input");
    assert_eq!(difference.found, "\"the third\"");
}

#[test]
fn steps_for_others_are_not_said_to_be_used_up() {
    let step = "[[step]]\nwhen = { endpoint = \"/responses/compact\" }\n";
    let said = |steps: &str| {
        let mut table = Table::new(&format!("version = 1\n{steps}"));
        table.ask("").violation.unwrap().to_string()
    };
    assert!(said(step).ends_with("step 1 (s.toml:2), the only one left, is for others"));
    assert!(said(&step.repeat(2)).ends_with("the 2 that are left are for others"));
}

#[test]
fn a_request_without_json_is_a_violation_where_steps_wait() {
    let send = |script: &str| {
        let script = Script::parse("s.toml", script).unwrap();
        let mut player = Player::new(Arc::new(script), PlayerOptions::default());
        let headers = HeaderList::new();
        let decision = player.answer(&RequestView {
            number: 0,
            method: "POST",
            target: "/v1/responses",
            headers: &headers,
            body: None,
            now: 0,
        });
        assert_eq!(decision.answer.status(), Some(400));
        decision.violation.map(|violation| violation.message)
    };
    let message = send("version = 1\n[[step]]").unwrap();
    assert!(
        message.ends_with("We could not parse the JSON body of your request."),
        "{message}"
    );
    assert_eq!(send("version = 1"), None);
}

#[test]
fn what_a_request_held_breaks_no_arguments_and_no_head() {
    let script = r#"
        version = 1
        [[step]]
        extract = { what = { pointer = "/what" }, found = '"what":"(.*?)x' }
        headers = { x-what = "{{what}}" }
        reply = [{ comment = "{{step.number}}" },
                 { call = "f", arguments = { a = "{{what}}" } },
                 { call = "f", arguments = '{"a":{{request/n}}}' },
                 { call = "f", arguments = { a = "{{found}}" } }]
        [[step]]
        fault = { status = 429, message = "No {{what}} left." }
    "#;
    let mut table = Table::new(script);
    let sent = Sent {
        target: "/v1/responses",
        headers: &[],
    };
    let body = r#"{"stream":true,"what":"\"\r\nx: y","n":7,"input":[]}"#;
    let answer = table.send(&sent, body).answer;
    let Some(Piece::Head(head)) = answer.pieces.first() else {
        panic!("{answer:?}");
    };
    assert_eq!(head.headers.get("x-what"), Some("\"  x: y"));
    let text = String::from_utf8(answer.body()).unwrap();
    assert!(
        text.contains(r#""arguments":"{\"a\":\"\\\"\\r\\nx: y\"}""#),
        "{text}"
    );
    assert!(text.contains(r#""arguments":"{\"a\":7}""#), "{text}");
    let found = r#""arguments":"{\"a\":\"\\\"\\r\\n\"}""#;
    assert!(text.contains(found), "{text}");
    assert!(text.contains("\n: 1\n"), "{text}");
    let refused = String::from_utf8(table.send(&sent, body).answer.body()).unwrap();
    assert!(
        refused.contains(r#""message":"No \"\r\nx: y left.""#),
        "{refused}"
    );
}
