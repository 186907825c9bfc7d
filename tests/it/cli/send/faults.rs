//! What endpoints do wrong, each by its rule.

use super::judged;

#[test]
fn what_an_endpoint_does_wrong_is_told_by_its_rule() {
    let check = |first: &str, options: &[&str], status: i32, expect: &[&str]| {
        let second = "\n[[step]]\nheaders = { x-models-etag = \"W/1\" }\nreply = [{ text = \"All is done.\" }]\n";
        let head = "[[step]]\nheaders = { x-models-etag = \"W/1\" }\n";
        let (found_status, found) = judged(&format!("{head}{first}{second}"), options);
        assert_eq!(
            (found_status, &found[..]),
            (
                status,
                &expect
                    .iter()
                    .map(|rule| rule.to_string())
                    .collect::<Vec<_>>()[..]
            ),
            "{first}"
        );
    };
    let text = "reply = [{ text = \"Yes, it is.\" }]";
    let with = |more: &str| format!("{text}\n{more}");
    check(
        &with("fault = { status = 404 }"),
        &[],
        1,
        &["answer-status"],
    );
    check(
        &with("fault = { cut = { after_event = 4 } }"),
        &[],
        1,
        &["answer-cut"],
    );
    check(
        &with("fault = { cut = \"before_head\" }"),
        &[],
        1,
        &["answer-missing"],
    );
    check(
        &with("fault = { reset = \"before_head\" }"),
        &[],
        1,
        &["answer-missing"],
    );
    check(
        &with("fault = { failed = \"server_error\" }"),
        &[],
        1,
        &["answer-failed"],
    );
    check(
        &with("fault = { incomplete = \"max_output_tokens\" }"),
        &[],
        1,
        &["answer-failed"],
    );
    check(
        &with("fault = { stall = { after_event = 4 } }"),
        &["--timeout", "400ms"],
        1,
        &["answer-timed-out"],
    );
    check(
        &with("fault = { content_type = \"text/plain\" }"),
        &[],
        1,
        &["answer-content-type"],
    );
    check("reply = []", &[], 1, &["answer-empty"]);
    check(&with("usage = false"), &[], 1, &["stream-usage-missing"]);
    check(
        &with("fault = { no_completed = true }"),
        &[],
        1,
        &["stream-end-missing"],
    );
    check(
        &with(
            "response = { usage = { input_tokens = \"7\", output_tokens = 1, total_tokens = 8, input_tokens_details = { cached_tokens = 0 }, output_tokens_details = { reasoning_tokens = 0 } } }",
        ),
        &[],
        1,
        &["answer-unreadable"],
    );
    check(
        &with("fault = { unknown = { after_event = 2, type = \"response.x\" } }"),
        &[],
        0,
        &["answer-event-unknown?"],
    );
    check(
        &with("response = { created_at = \"now\" }"),
        &[],
        0,
        &["answer-field-type?"],
    );
    check(
        "reply = [{ item = { type = \"reasoning\", id = \"rs_1\", summary = [] } }]",
        &[],
        1,
        &["answer-field-missing"],
    );
    check(
        "reply = [{ refusal = \"No.\" }]",
        &[],
        1,
        &[
            "answer-field-added?",
            "answer-field-missing?",
            "answer-unreadable",
        ],
    );
}

#[test]
fn an_item_without_its_events_and_one_with_more_fields() {
    let second = "\n[[step]]\nheaders = { x-models-etag = \"W/1\" }\nreply = [{ text = \"All is done.\" }]\ndeltas = \"none\"\n";
    let first = "[[step]]\nheaders = { x-models-etag = \"W/1\" }\nreply = [{ call = \"f\", arguments = { a = 1 }, id = \"c1\" }]\n";
    assert_eq!(
        judged(&format!("{first}{second}"), &[]),
        (1, vec!["answer-event-missing".to_owned()])
    );
    let item = r#"{ type = "message", id = "msg_1", role = "assistant", status = "completed", content = [{ type = "output_text", text = "x", annotations = [], logprobs = [] }], provider = { a = 1 } }"#;
    let more = format!("\n[[step]]\nreply = [{{ item = {item} }}]\n");
    let (status, found) = judged(&format!("{first}{more}"), &[]);
    assert_eq!(status, 0, "{found:?}");
    assert_eq!(found, ["answer-field-added?", "answer-header-missing?"]);
    let (status, found) = judged(&format!("{first}{}", first.replace("\"f\"", "\"g\"")), &[]);
    assert_eq!(
        (status, found),
        (1, vec!["answer-call-id-reused".to_owned()])
    );
}
