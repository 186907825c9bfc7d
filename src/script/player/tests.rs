use std::sync::Arc;

use super::*;
use crate::http::HeaderList;
use crate::json::Value;
use crate::script::{Answer, Piece, RequestView, Script, StepId};

/// A server without sockets.
pub(super) struct Table {
    player: Player,
    number: usize,
}

/// One request.
#[derive(Clone, Default)]
pub(super) struct Sent<'a> {
    pub(super) target: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
}

impl Table {
    pub(super) fn new(script: &str) -> Self {
        Self::with(script, PlayerOptions::default())
    }

    pub(super) fn with(script: &str, options: PlayerOptions) -> Self {
        let script = Script::parse("s.toml", script).unwrap_or_else(|error| panic!("{error}"));
        Self {
            player: Player::new(Arc::new(script), options),
            number: 0,
        }
    }

    /// Sends input items to `/v1/responses`.
    pub(super) fn ask(&mut self, input: &str) -> Decision<Answer> {
        self.send(
            &Sent {
                target: "/v1/responses",
                headers: &[],
            },
            &format!(r#"{{"model":"m","stream":true,"input":[{input}]}}"#),
        )
    }

    pub(super) fn send(&mut self, sent: &Sent<'_>, body: &str) -> Decision<Answer> {
        let headers = HeaderList::from_iter(sent.headers.iter().copied());
        let body = Value::parse(body).ok();
        let request = RequestView {
            number: self.number,
            method: if body.is_some() { "POST" } else { "GET" },
            target: sent.target,
            headers: &headers,
            body: body.as_ref(),
            now: 0,
        };
        self.number += 1;
        self.player.answer(&request)
    }
}

fn text(decision: &Decision<Answer>) -> String {
    assert_eq!(decision.violation, None);
    let body = String::from_utf8(decision.answer.body()).unwrap();
    let done = body.split("\"type\":\"response.output_text.done\"").nth(1);
    let done = done.unwrap_or_else(|| panic!("{body}"));
    let text = done.split("\"text\":\"").nth(1).unwrap();
    text.split('"').next().unwrap().to_owned()
}

fn user(text: &str) -> String {
    format!(r#"{{"role":"user","content":[{{"type":"input_text","text":"{text}"}}]}}"#)
}

fn output(id: &str, text: &str) -> String {
    format!(r#"{{"type":"function_call_output","call_id":"{id}","output":"{text}"}}"#)
}

const EXAMPLE: &str = r#"
version = 1
[[step]]
reply = [{ reasoning = "Look first." },
         { call = "exec_command", arguments = { cmd = "printf hello" }, id = "call_1" }]
usage = { total = 1200 }
[[step]]
when  = { output_of = "call_1", contains = "hello" }
reply = [{ text = "Done." }]
fault = { cut = { after_event = 3 } }
[[step]]
reply = "Done."
"#;

#[test]
fn the_example_of_the_guide_is_played() {
    let mut table = Table::new(EXAMPLE);
    let first = table.ask(&user("go"));
    assert_eq!(first.violation, None);
    let body = String::from_utf8(first.answer.body()).unwrap();
    assert!(
        body.contains(r#""arguments":"{\"cmd\":\"printf hello\"}","call_id":"call_1""#),
        "{body}"
    );
    assert!(body.contains(r#""total_tokens":1200"#));
    let second = table.ask(&format!(
        "{},{}",
        user("go"),
        output("call_1", "it said hello")
    ));
    assert_eq!(second.answer.step, StepId::Step(1));
    assert_eq!(second.answer.ending(), crate::script::Ending::Close);
    let events = String::from_utf8(second.answer.body()).unwrap();
    assert_eq!(events.matches("event: ").count(), 3);
    let third = table.ask(&user("again"));
    assert_eq!(text(&third), "Done.");
    assert_eq!(table.player.finish(), []);
}

#[test]
fn a_request_that_does_not_match_names_the_nearest_difference() {
    let mut table = Table::new(EXAMPLE);
    table.ask(&user("go"));
    let wrong = table.ask(&format!("{},{}", user("go"), output("call_1", "help")));
    assert_eq!(wrong.answer.status(), Some(400));
    assert_eq!(
        wrong.violation.unwrap().to_string(),
        "request 1 (POST /v1/responses, turn) is not what step 2 (s.toml:7) expects\n  \
         at /request/body/input/1/output\n    expected text with \"hello\"\n    found    \"help\""
    );
    let missing = table.ask(&format!("{},{}", user("go"), output("call_2", "hello")));
    assert_eq!(
        missing.violation.unwrap().to_string(),
        "request 2 (POST /v1/responses, turn) fits no step; next is step 2 (s.toml:7)\n  \
         at /request/body/input\n    expected an output of \"call_1\"\n    found    outputs of \"call_2\"\n  \
         hint: step 3 (s.toml:11) has no `when`, so it waits for its turn; give it one if requests may come in another order"
    );
    let left: Vec<String> = table
        .player
        .finish()
        .iter()
        .map(|v| v.message.clone())
        .collect();
    assert_eq!(left.len(), 3, "{left:?}");
    assert_eq!(left[2], "step 3 (s.toml:11) was not used");
}

#[test]
fn requests_beyond_the_last_step_are_violations() {
    let mut table = Table::new("version = 1\n[[step]]\nreply = \"a\"");
    assert_eq!(text(&table.ask(&user("1"))), "a");
    let surplus = table.ask(&user("2"));
    assert_eq!(
        surplus.violation.unwrap().to_string(),
        "request 1 (POST /v1/responses, turn) finds no step: the only step is used up"
    );
    let mut table = Table::new("version = 1\nrest = \"ok\"\n[[step]]\nreply = \"a\"");
    table.ask(&user("1"));
    assert_eq!(text(&table.ask(&user("2"))), "OK");
    let mut table = Table::new("version = 1");
    assert_eq!(text(&table.ask(&user("1"))), "OK");
}

#[test]
fn racing_sub_agents_get_their_own_steps() {
    let script = r#"
version = 1
[[step]]
when = { thread = "root" }
reply = "root 1"
[[step]]
when = { thread = "child" }
reply = "child 1"
[[step]]
when = { thread = "root" }
reply = "root 2"
"#;
    let mut table = Table::new(script);
    let mut ask = |thread: &str| {
        let headers = [("thread-id", thread)];
        let sent = Sent {
            target: "/v1/responses",
            headers: &headers,
        };
        text(&table.send(&sent, r#"{"model":"m","stream":true,"input":[]}"#))
    };
    assert_eq!(
        [ask("t-1"), ask("t-1"), ask("t-2")],
        ["root 1", "root 2", "child 1"]
    );
    assert_eq!(table.player.finish(), []);

    let script = r#"
version = 1
[[step]]
reply = "parent 1"
[[step]]
when = { subagent = "collab_spawn" }
reply = "child"
[[step]]
reply = "parent 2"
"#;
    for order in ["pcp", "ppc"] {
        let mut table = Table::new(script);
        let answers: Vec<String> = order
            .chars()
            .map(|who| {
                let child = [("x-openai-subagent", "collab_spawn")];
                let sent = Sent {
                    target: "/v1/responses",
                    headers: if who == 'c' { &child } else { &[] },
                };
                text(&table.send(&sent, r#"{"model":"m","stream":true,"input":[]}"#))
            })
            .collect();
        let expect = if order == "pcp" {
            ["parent 1", "child", "parent 2"]
        } else {
            ["parent 1", "parent 2", "child"]
        };
        assert_eq!(answers, expect);
    }
}

#[test]
fn content_decides_only_for_steps_that_ask_for_it() {
    let script = r#"
version = 1
[[step]]
when = { text = "CHILD-JOB" }
reply = "child"
[[step]]
when = { text = "PARENT-JOB" }
reply = "parent"
[[step]]
reply = "any"
"#;
    let mut table = Table::new(script);
    assert_eq!(text(&table.ask(&user("PARENT-JOB: go"))), "parent");
    let neither = table.ask(&user("CHILD-JOG: go"));
    assert_eq!(
        neither.violation.unwrap().difference.unwrap().found,
        "\"CHILD-JOG: go\""
    );
    assert_eq!(text(&table.ask(&user("CHILD-JOB: go"))), "child");
    assert_eq!(text(&table.ask(&user("x"))), "any");
}

#[test]
fn defaults_answer_other_endpoints_any_number_of_times() {
    let script = r#"
version = 1
[[step]]
reply = "a"
[[default]]
when = { endpoint = "/models" }
body = { models = [{ slug = "x" }] }
headers = { etag = "e{{step.count}}" }
[[default]]
when = { endpoint = "/wham/usage", method = "GET" }
status = 503
body = "<html></html>"
"#;
    let mut table = Table::new(script);
    let mut get = |target: &str| {
        let sent = Sent {
            target,
            headers: &[],
        };
        let decision = table.send(&sent, "");
        assert_eq!(decision.violation, None);
        let body = String::from_utf8(decision.answer.body()).unwrap();
        let head = decision.answer.pieces.iter().find_map(|piece| match piece {
            Piece::Head(head) => Some(head.clone()),
            _ => None,
        });
        (head.unwrap(), body)
    };
    let (head, body) = get("/v1/models?client_version=0.169.0");
    assert_eq!(body, r#"{"models":[{"slug":"x"}]}"#);
    assert_eq!(head.headers.get("etag"), Some("e1"));
    assert_eq!(get("/v1/models").0.headers.get("etag"), Some("e2"));
    let (head, body) = get("/backend-api/wham/usage");
    assert_eq!((head.status, body.as_str()), (503, "<html></html>"));
    assert_eq!(
        head.headers.get("content-type"),
        Some("text/html; charset=utf-8")
    );
    let (head, body) = get("/nothing");
    assert_eq!(head.status, 404);
    assert_eq!(
        body,
        r#"{"error":{"message":"Not found","type":"invalid_request_error","param":null,"code":null}}"#
    );
}

#[test]
fn models_are_listed_as_the_client_knows_them() {
    let list = |target| {
        let mut table = Table::new("version = 1");
        let sent = Sent {
            target,
            headers: &[],
        };
        String::from_utf8(table.send(&sent, "").answer.body()).unwrap()
    };
    assert_eq!(
        list("/v1/models?a=b&client_version=0.169.0"),
        r#"{"models":[]}"#
    );
    for target in ["/v1/models", "/v1/models?xclient_version=1"] {
        assert!(list(target).starts_with(r#"{"object":"list","data":[{"id":"fake-model","#));
    }
}

#[test]
fn counted_faults_go_away_and_repeats_are_exact() {
    let script = r#"
version = 1
[[step]]
reply = "fine"
fault = { status = 500, times = 2 }
"#;
    let mut table = Table::new(script);
    let statuses: Vec<_> = (0..4).map(|_| table.ask("").answer.status()).collect();
    assert_eq!(statuses, [Some(500), Some(500), Some(200), Some(400)]);

    let mut table = Table::new("version = 1\n[[step]]\nrepeat = 3\nreply = \"a\"");
    table.ask("");
    let left = table.player.finish();
    assert_eq!(left[0].message, "step 1 (s.toml:2) was used 1 of 3 times");
    let remaining = table.player.remaining();
    assert_eq!(
        (remaining[0].left, remaining[0].is_optional),
        (Some(2), false)
    );
}

#[test]
fn placeholders_are_filled_from_requests() {
    let script = r#"
version = 1
[[step]]
reply = "a"
extract = { sid = 'session ID (\d+)', first = { pointer = "/input/0/content" }, who = { header = "originator" } }
[[step]]
reply = [{ call = "write_stdin", arguments = { session_id = "{{sid}}", to = "{{first}} {{who}} {{request.model}} {{request/tool_choice}}" } }]
"#;
    let mut table = Table::new(script);
    let missing = table.ask("");
    assert_eq!(
        missing.violation.unwrap().message,
        "request 0 (POST /v1/responses, turn) holds nothing for `sid`, which step 1 (s.toml:3) extracts"
    );
    let headers = [("originator", "codex_exec")];
    let sent = Sent {
        target: "/v1/responses",
        headers: &headers,
    };
    let body = r#"{"model":"gpt","tool_choice":"auto","stream":true,"input":[{"role":"user","content":"say \"hi\""},{"x":"session ID 12, session ID 345"}]}"#;
    assert_eq!(text(&table.send(&sent, body)), "a");
    let second = table.send(&sent, body);
    assert_eq!(second.violation, None);
    let shown = String::from_utf8(second.answer.body()).unwrap();
    let arguments = r#"\"session_id\":\"345\",\"to\":\"say \\\"hi\\\" codex_exec gpt auto\""#;
    assert!(shown.contains(arguments), "{shown}");
}

#[test]
fn a_fault_without_its_place_is_a_violation_and_not_silent() {
    let script = "version = 1\n[[step]]\nreply = \"a\"\nfault = { cut = { after_event = 30 } }";
    let mut table = Table::new(script);
    let decision = table.ask("");
    assert_eq!(
        decision.violation.unwrap().message,
        "step 1 (s.toml:2) can't be played: the fault `cut` is at event 30, but the answer has 9 events"
    );
}

#[test]
fn the_strict_api_refuses_before_the_script_is_asked() {
    let options = PlayerOptions {
        is_strict_api: true,
        ..PlayerOptions::default()
    };
    let script = "version = 1\ntoken_budget = 20\n[[step]]\nreply = \"a\"";
    let mut table = Table::with(script, options);
    let refused = table.ask(&output("call_9", "x"));
    assert_eq!(refused.answer.step, StepId::Refused);
    assert_eq!(refused.answer.status(), Some(400));
    assert_eq!(refused.violation.unwrap().kind, ViolationKind::Refused);
    let long = table.ask(&user(&"long ".repeat(30)));
    assert_eq!(long.violation, None);
    let body = String::from_utf8(long.answer.body()).unwrap();
    assert!(
        body.contains("response.failed") && body.contains("context_length_exceeded"),
        "{body}"
    );
    assert_eq!(text(&table.ask(&user("x"))), "a");
}

#[test]
fn a_compaction_is_answered_on_either_endpoint() {
    let script = r#"
version = 1
[[step]]
when = { kind = "compaction" }
reply = [{ compaction = "gAAA" }]
repeat = 2
"#;
    let mut table = Table::new(script);
    let unary = Sent {
        target: "/v1/responses/compact",
        headers: &[],
    };
    let answer = table.send(&unary, r#"{"model":"m","input":[]}"#);
    assert_eq!(answer.violation, None);
    assert_eq!(
        String::from_utf8(answer.answer.body()).unwrap(),
        r#"{"id":"resp_0001","object":"response.compaction","created_at":1790000001,"output":[{"type":"compaction","id":"cmp_0001_1","encrypted_content":"gAAA"}],"usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":0},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":105}}"#
    );
    let streamed = table.ask(r#"{"type":"compaction_trigger"}"#);
    assert_eq!(streamed.violation, None);
    let body = String::from_utf8(streamed.answer.body()).unwrap();
    assert!(
        body.contains(r#""item":{"type":"compaction","id":"cmp_0001_2_1""#),
        "{body}"
    );
}

#[test]
fn a_plain_answer_from_a_form_is_what_is_made_anew() {
    let bodies = [
        r#"{"model":"m","stream":true,"input":[]}"#,
        r#"{"model":"m","stream":true,"store":true,"parallel_tool_calls":false,"previous_response_id":"resp_b1","input":[]}"#,
        // What stands for open names while a form is made.
        "{\"model\":\"\u{e000}\",\"stream\":true,\"input\":[]}",
        r#"{"model":"\ue000","stream":true,"input":[]}"#,
        r#"{"model":"18446744073709551615","stream":true,"input":[]}"#,
    ];
    let sent = Sent {
        target: "/v1/responses",
        headers: &[],
    };
    let other = r#"{"model":"other","stream":true,"input":[]}"#;
    for body in bodies {
        let (mut same, mut mixed) = (Table::new("version = 1"), Table::new("version = 1"));
        for count in 1..=12 {
            // After another model the form is made anew.
            let is_anew = count % 2 == 0;
            let answer = same.send(&sent, body).answer;
            let expect = mixed.send(&sent, if is_anew { body } else { other }).answer;
            if is_anew {
                assert_eq!(answer, expect, "{body}");
            }
            let text = String::from_utf8(answer.body()).unwrap();
            assert!(text.contains(&format!("{{\"id\":\"resp_b{count}\"")));
            assert!(text.contains(&format!("\"created_at\":{}", 1_789_999_999 + count)));
        }
    }
}
