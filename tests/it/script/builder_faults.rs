//! Faults, in Rust and in TOML.

use std::time::Duration;

use serde_json::json;
use trace_diff::script::build::fault::{self, Count, FaultBuilder};
use trace_diff::script::build::step;
use trace_diff::script::fault::BadChunk;

use super::builder::{Case, one};

const MS: Duration = Duration::from_millis(1);

/// The same fault both ways.
fn fault(fault: FaultBuilder, toml: &str) -> Case {
    one(step().fault(fault), &format!("fault = {{ {toml} }}"))
}

pub(super) fn cases() -> Vec<Case> {
    [
        answers(),
        places(),
        events(),
        texts(),
        transport(),
        several(),
    ]
    .concat()
}

fn answers() -> Vec<Case> {
    vec![
        fault(
            fault::status(429)
                .retry_after(2)
                .code("rate_limit_exceeded")
                .message("slow")
                .of_type("t")
                .param("p")
                .extra(json!({ "resets_in_seconds": 9 }))
                .header("x-a", "1")
                .times(2)
                .chance(0.5),
            r#"status = 429, retry_after = 2, code = "rate_limit_exceeded", message = "slow", type = "t", param = "p",
               extra = { resets_in_seconds = 9 }, headers = { x-a = "1" }, times = 2, chance = 0.5"#,
        ),
        fault(
            fault::status(503)
                .body(json!({ "a": 1 }))
                .retry_after_date(1500 * MS),
            r#"status = 503, body = { a = 1 }, retry_after = { date = "1.5s" }"#,
        ),
        fault(
            fault::status(503).body("x").retry_after_text("soon"),
            r#"status = 503, body = "x", retry_after = "soon""#,
        ),
        fault(fault::failed("server_error"), r#"failed = "server_error""#),
        fault(
            fault::failed("c")
                .message("m")
                .of_type("t")
                .param("p")
                .extra(json!({ "a": 1 }))
                .after_event(2),
            r#"failed = { code = "c", message = "m", type = "t", param = "p", extra = { a = 1 }, after_event = 2 }"#,
        ),
        fault(
            fault::error("c").after_event(1),
            r#"error = { code = "c", after_event = 1 }"#,
        ),
        fault(
            fault::incomplete("content_filter").after_event(Count::Random),
            r#"incomplete = { reason = "content_filter", after_event = "random" }"#,
        ),
        fault(fault::no_completed(), "no_completed = true"),
    ]
}

fn places() -> Vec<Case> {
    vec![
        fault(fault::cut().before_head(), r#"cut = "before_head""#),
        fault(fault::reset().after_head(), r#"reset = "after_head""#),
        fault(fault::end().at_end(), r#"end = "end""#),
        fault(fault::cut().after_event(3), "cut = { after_event = 3 }"),
        fault(
            fault::cut().after_bytes(Count::Random),
            r#"cut = { after_bytes = "random" }"#,
        ),
        fault(
            fault::reset().in_event(3).byte(10),
            "reset = { in_event = 3, byte = 10 }",
        ),
        fault(fault::end().in_chunk(2), "end = { in_chunk = 2 }"),
        fault(
            fault::reset().in_character(1),
            "reset = { in_character = 1 }",
        ),
        fault(
            fault::stall().at_end().lasting(20_000 * MS),
            r#"stall = { at = "end", for = "20s" }"#,
        ),
        fault(fault::stall().after_event(1), "stall = { after_event = 1 }"),
        fault(
            fault::pause(MS).after_event(2),
            r#"pause = { after_event = 2, wait = "1ms" }"#,
        ),
    ]
}

fn events() -> Vec<Case> {
    vec![
        fault(
            fault::duplicate(3).again(2),
            "duplicate = { event = 3, times = 2 }",
        ),
        fault(fault::drop([2, 3]), "drop = [2, 3]"),
        fault(
            fault::drop([Count::Random]),
            "drop = { event = \"random\" }",
        ),
        fault(fault::swap(2, Count::Random), "swap = [2, \"random\"]"),
        fault(fault::shuffle(), "shuffle = true"),
        fault(
            fault::unknown().after_event(2).of_type("response.x"),
            r#"unknown = { after_event = 2, type = "response.x" }"#,
        ),
        fault(
            fault::malformed(3).data("{"),
            r#"malformed = { event = 3, data = "{" }"#,
        ),
    ]
}

fn texts() -> Vec<Case> {
    vec![
        fault(fault::comments("c"), r#"comments = "c""#),
        fault(fault::line_ends("crlf"), r#"line_ends = "crlf""#),
        fault(fault::multi_line(), "multi_line = true"),
        fault(fault::nameless(), "nameless = true"),
        fault(fault::done(), "done = true"),
    ]
}

fn transport() -> Vec<Case> {
    vec![
        fault(
            fault::content_type("text/html"),
            r#"content_type = "text/html""#,
        ),
        fault(fault::content_length(10), "content_length = 10"),
        fault(fault::content_length_off_by(5), r#"content_length = "+5""#),
        fault(fault::content_length_off_by(-5), r#"content_length = "-5""#),
        fault(fault::until_close(), "until_close = true"),
        fault(
            fault::bad_chunk(BadChunk::Size).after_event(2),
            "bad_chunk = { after_event = 2 }",
        ),
        fault(
            fault::bad_chunk(BadChunk::Longer).after_event(0),
            r#"bad_chunk = { after_event = 0, kind = "longer" }"#,
        ),
        fault(fault::chunks([1, 2, 3]), "chunks = [1, 2, 3]"),
        fault(fault::random_chunks(), r#"chunks = "random""#),
        fault(
            fault::chunks([1]).every(5 * MS),
            r#"chunks = { sizes = [1], every = "5ms" }"#,
        ),
        fault(
            fault::trickle(1, 5 * MS),
            r#"trickle = { bytes = 1, every = "5ms" }"#,
        ),
        fault(fault::slow_head(2 * MS), r#"slow_head = "2ms""#),
        fault(
            fault::head_in_drops(5, 20 * MS),
            r#"slow_head = { bytes = 5, every = "20ms" }"#,
        ),
        fault(fault::close(1011), "close = 1011"),
        fault(fault::close_without_code(), "close = true"),
        fault(
            fault::close(1000).reason("bye").after_event(3),
            r#"close = { code = 1000, reason = "bye", after_event = 3 }"#,
        ),
        fault(fault::fragments(7), "fragments = 7"),
        fault(fault::ping().after_event(1), "ping = { after_event = 1 }"),
        fault(fault::binary(), "binary = true"),
    ]
}

fn several() -> Vec<Case> {
    vec![one(
        step()
            .fault(fault::line_ends("cr"))
            .fault(fault::comments("still here").times(1)),
        r#"fault = [{ line_ends = "cr" }, { comments = "still here", times = 1 }]"#,
    )]
}
