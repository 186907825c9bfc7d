use super::ScriptError;
use crate::script::Script;

fn error(text: &str) -> ScriptError {
    match Script::parse("s.toml", text) {
        Ok(_) => panic!("this is taken for a script: {text}"),
        Err(error) => error,
    }
}

/// The whole error of a script, as people see it.
fn check(text: &str, expect: &str) {
    assert_eq!(error(text).to_string(), expect, "{text}");
}

/// The first message and hint of a script.
fn says(text: &str, message: &str, hint: Option<&str>) {
    let error = error(text);
    let first = &error.problems[0];
    assert_eq!(
        (first.message.as_str(), first.hint.as_deref()),
        (message, hint),
        "{text}"
    );
}

#[test]
fn an_unknown_key_is_shown_in_place_with_the_nearest_one() {
    check(
        "version = 1\n\n[[step]]\nreply = \"a\"\nrepyl = 2\n",
        "s.toml:5:1: a step has no key `repyl`\n  |\n5 | repyl = 2\n  | ^^^^^\n  = hint: did you mean `reply`?",
    );
    check(
        "{\n  \"version\": 1,\n  \"step\": [{ \"replay\": \"a\" }]\n}",
        "s.toml:3:14: a step has no key `replay`\n  |\n3 |   \"step\": [{ \"replay\": \"a\" }]\n  |              ^^^^^^^^\n  = hint: did you mean `reply`?",
    );
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file() {
    let found = error("version = 1\nmodle = \"x\"\n[[step]]\nrepeat = 0\n[[step]]\nwait = 5\n");
    let lines: Vec<usize> = found.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [2, 4, 6]);
}

#[test]
fn words_of_other_tools_lead_to_ours() {
    let step = |line: &str| format!("version = 1\n[[step]]\n{line}");
    says(
        &step("response = 1"),
        "`response` is a number, not a table",
        None,
    );
    says(
        &step("sleep = \"1s\""),
        "a step has no key `sleep`",
        Some("did you mean `wait`?"),
    );
    says(
        &step("fault = { disconnect = { after_event = 1 } }"),
        "a fault has no key `disconnect`",
        Some("did you mean `cut`?"),
    );
    says(
        &step("reply = [{ tool = \"x\" }]"),
        "`reply` has no key `tool`",
        Some("did you mean `call`?"),
    );
    says(
        &step("reply = [{ type = \"message\" }]"),
        "this is raw JSON, but not said of what",
        Some(
            "write `{ item = { type = … } }` for an item, `{ event = { type = … } }` for an event",
        ),
    );
}

#[test]
fn a_key_in_the_wrong_place_is_told_where_it_belongs() {
    let check = |text: &str, hint: &str| {
        let error = error(text);
        assert_eq!(error.problems[0].hint.as_deref(), Some(hint), "{text}");
    };
    check(
        "version = 1\n[[step]]\nseed = 1",
        "`seed` is about the whole script: put it above the first `[[step]]`",
    );
    check(
        "version = 1\n[[step]]\ncut = { after_event = 1 }",
        "that is a fault: `fault = { cut = … }`",
    );
    check(
        "version = 1\n[[step]]\ntext = \"Hi\"",
        "that is an entry of a reply: `reply = [{ text = … }]`",
    );
    check(
        "version = 1\n[[step]]\noutput_of = \"call_1\"",
        "that is a condition: `when = { output_of = … }`",
    );
    check(
        "version = 1\nreply = \"Hi\"",
        "`reply` belongs to a step: put it below `[[step]]`",
    );
    check(
        "version = 1\n[step]\nreply = \"Hi\"",
        "begin each with `[[step]]`",
    );
}

#[test]
fn the_version_comes_first() {
    says(
        "[[step]]\n",
        "`version` is missing",
        Some("begin the script with `version = 1`"),
    );
    says(
        "version = 2\nfuture = true",
        "version 2 of scripts is not known",
        Some("this program reads version 1; a newer one may read 2"),
    );
    assert_eq!(error("version = 2\nfuture = true").problems.len(), 1);
    says(
        "version = \"1\"",
        "`version` is a string, not a number",
        None,
    );
}

#[test]
fn text_that_is_neither_toml_nor_json_says_where() {
    let json = error("{\"version\": 1,\n \"step\": [,]}");
    assert_eq!((json.problems[0].line, json.problems[0].column), (2, 11));
    let toml = error("version = 1\n[[step]\n");
    assert_eq!(toml.problems[0].line, 2);
    says(
        "{\"version\":1,\"version\":1}",
        "`version` stands here twice",
        None,
    );
    says("[]", "a script is a list, not a table", None);
}

#[test]
fn values_are_checked_where_they_stand() {
    let step = |line: &str| format!("version = 1\n[[step]]\n{line}");
    says(
        &step("status = 101"),
        "101 is no status of a response",
        Some("behind a status below 200 clients wait for that of the response"),
    );
    says(
        &step("wait = 250"),
        "`wait` is no duration",
        Some("give it a unit: \"250ms\", \"250s\""),
    );
    says(
        &step("fault = { cut = { } }"),
        "`cut` says not where",
        Some("say where: `cut = { after_event = 3 }`, `{ after_bytes = 100 }`, `\"before_head\"`"),
    );
    says(
        &step("fault = { cut = { in_event = 0 } }"),
        "`in_event` is 0, not a whole number from 1",
        None,
    );
    says(
        &step("fault = { status = 500, crlf = true }"),
        "the fault `status` has no key `crlf`",
        Some(
            "the keys here are `status`, `times`, `chance`, `code`, `message`, `type`, `param`, `extra`, `body`, `headers`, `retry_after`",
        ),
    );
    says(
        &step("fault = { status = 500, cut = \"end\" }"),
        "`status` and `cut` are two faults",
        Some("write a list: `fault = [{ … }, { … }]`"),
    );
    says(
        &step("when = { kind = \"compation\" }"),
        "`kind` can't be `compation`",
        Some("did you mean `compaction`?"),
    );
    says(
        &step("when = { pointer = { \"model\" = 1 } }"),
        "a pointer starts with `/`",
        Some("did you mean \"/model\"?"),
    );
    says(
        &step("extract = { a = \"(\" }"),
        "bad regular expression: unclosed group",
        None,
    );
    says(
        &step("headers = { \"content-length\" = \"5\" }"),
        "`content-length` follows from the answer",
        Some("a wrong one is a fault: `fault = { content_length = 10 }`, `{ until_close = true }`"),
    );
    says(
        &step("reply = \"a\"\nstatus = 500"),
        "`reply` means nothing beside `status`",
        Some(
            "an answer with `status` or `body` holds no response; for one that comes and goes use `fault = { status = … }`",
        ),
    );
    says(
        &step("reply = \"a\"\nevents = []"),
        "a step has either `reply` or `events`",
        None,
    );
}

#[test]
fn steps_that_never_play_and_placeholders_that_nothing_fills_are_found() {
    says(
        "version = 1\n[[step]]\nrepeat = \"any\"\n[[step]]\n",
        "this step is never reached: step 1 takes every request",
        Some("give that step a `when`, or a `repeat` that is a number"),
    );
    says(
        "version = 1\n[[step]]\nreply = \"{{sid}}\"\n[[step]]\nextract = { sid = \"x\" }\n",
        "nothing fills `{{sid}}`",
        Some(
            "take it out of the request with `extract`, or write `templates = false` in the step to send it as it is",
        ),
    );
    for fine in [
        "version = 1\n[[step]]\nextract = { sid = \"x\" }\nreply = \"{{sid}}\"\n[[step]]\nreply = \"{{sid}} {{request.thread}}\"",
        "version = 1\n[[step]]\ntemplates = false\nreply = \"{{sid}}\"",
        "version = 1\n[[step]]\nreply = \"{{ not.a name }}\"",
    ] {
        assert!(Script::parse("", fine).is_ok(), "{fine}");
    }
    says(
        "version = 1\n[[default]]\nreply = \"a\"",
        "a default needs a `when`",
        Some("say what for: `when = { endpoint = \"/models\" }`"),
    );
}

#[test]
fn toml_and_json_say_the_same() {
    let toml = r#"
version = 1
token_budget = 5
[[step]]
reply = [{ call = "f", arguments = { b = 1, a = [1.5, true] } }]
usage = 7
"#;
    let json = r#"{"version":1,"token_budget":5,"step":[{"reply":[{"call":"f","arguments":{"b":1,"a":[1.5,true]}}],"usage":7}]}"#;
    let [mut toml, mut json] =
        [toml, json].map(|text| Script::parse("", text).unwrap_or_else(|error| panic!("{error}")));
    (toml.steps[0].line, json.steps[0].line) = (0, 0);
    assert_eq!(format!("{toml:?}"), format!("{json:?}"));
    assert!(format!("{toml:?}").contains(r#"{\"b\":1,\"a\":[1.5,true]}"#));
}

#[test]
fn when_a_user_acts_within_a_turn_needs_what_he_does() {
    let says = |turn: &str, message: &str| {
        let text = format!("version = 1\n[run]\nturns = [{turn}]\n[[step]]\nreply = \"a\"\n");
        says(&text, message, None);
    };
    says(
        "{ prompt = \"a\", once = \"b\" }",
        "`once` says when a turn is interrupted, steered or killed, and nothing of that is said",
    );
    says(
        "{ prompt = \"a\", once = \"b\", kill = true, interrupt = true }",
        "a turn has one of `interrupt`, `steer` and `kill`",
    );
    let text = "version = 1\n[run]\nturns = [{ prompt = \"a\", once = \"b\", kill = true }]\n[[step]]\nreply = \"a\"\n";
    assert!(Script::parse("s.toml", text).is_ok());
}
