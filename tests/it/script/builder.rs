//! Builders and files say the same things: each case is written both ways, and all cases use every key of the schema.

// Long because: the cases are one table, in the order of the guide.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use trace_diff::script::build::{
    ScriptBuilder, StepBuilder, absent, additional_tools, bytes, call, comment, compaction,
    contains, custom, equals, event, event_named, event_without_name, gate, image, item, lacks,
    matches, ping, present, raw, reasoning, refusal, request, shell, step, text, tool_search, wait,
    web_search,
};
use trace_diff::script::{Deltas, Kind, Rest, Script, Usage, WebSocketPolicy};

use super::builder_faults;
use crate::schema;

/// A script from a builder, and the file that says the same.
pub(super) type Case = (ScriptBuilder, String);

const MS: Duration = Duration::from_millis(1);

/// Places where a file may say in other words what a builder says with another key.
const OTHER_WORDS: &[&str] = &[
    "#/$defs/event/anyOf/0/properties/type",
    "#/$defs/numbers/anyOf/2/properties/event",
    "#/$defs/step/properties/extract/additionalProperties/anyOf/1/properties/pattern",
];

fn script(builder: ScriptBuilder, toml: &str) -> Case {
    (builder, format!("version = 1\n{toml}"))
}

/// A script of one step, whose keys are given.
pub(super) fn one(step: StepBuilder, toml: &str) -> Case {
    script(Script::builder().step(step), &format!("[[step]]\n{toml}"))
}

fn scripts() -> Vec<Case> {
    let refuse = |times| WebSocketPolicy::Refuse { status: 403, times };
    vec![
        script(Script::builder(), ""),
        script(
            Script::builder()
                .name("all")
                .model("m")
                .seed(7)
                .strict_api()
                .token_budget(9000)
                .header("x-a", "1")
                .header("x-a", "2")
                .deltas(Deltas::Words)
                .usage(12)
                .flush(true)
                .templates(false)
                .websocket(refuse(Some(2)))
                .rest(Rest::Ok)
                .steps([step().reply("{{a}}"), step().reply("b")])
                .default_step(
                    step()
                        .when(request().endpoint("/models"))
                        .body(json!({ "models": [] })),
                ),
            r#"
            name = "all"
            model = "m"
            seed = 7
            strict_api = true
            token_budget = 9000
            headers = [["x-a", "1"], ["x-a", "2"]]
            deltas = "words"
            usage = 12
            flush = true
            templates = false
            websocket = { refuse = 403, times = 2 }
            rest = "ok"
            step = [{ reply = "{{a}}" }, { reply = "b" }]
            default = [{ when = { endpoint = "/models" }, body = { models = [] } }]"#,
        ),
        script(
            Script::builder().websocket(refuse(None)),
            "websocket = { refuse = 403 }",
        ),
        script(
            Script::builder()
                .websocket(WebSocketPolicy::Accept)
                .rest(Rest::Violation),
            "websocket = true\nrest = \"violation\"",
        ),
    ]
}

fn steps() -> Vec<Case> {
    vec![
        one(
            step()
                .name("first")
                .wait(250 * MS)
                .gate("go")
                .id("resp_1")
                .reply("Hi.")
                .end_turn(false)
                .deltas(Deltas::Characters(3))
                .response(json!({ "metadata": { "a": null } }))
                .flush(true)
                .repeat(3)
                .optional()
                .templates(false)
                .header("etag", "W/\"1\""),
            r#"name = "first"
            wait = "250ms"
            gate = "go"
            id = "resp_1"
            reply = "Hi."
            end_turn = false
            deltas = 3
            response = { metadata = { a = "NULL" } }
            flush = true
            repeat = 3
            optional = true
            templates = false
            headers = { etag = 'W/"1"' }"#,
        ),
        one(step().repeat_any(), "repeat = \"any\""),
        one(
            step().status(503).body("busy"),
            "status = 503\nbody = \"busy\"",
        ),
        one(step().usage(1200), "usage = 1200"),
        one(
            step().usage(Usage {
                input: Some(5000),
                cached: 4096,
                cache_write: Some(3),
                output: Some(60),
                reasoning: 12,
                total: Some(9),
                ..Usage::default()
            }),
            "usage = { input = 5000, cached = 4096, cache_write = 3, output = 60, reasoning = 12, total = 9 }",
        ),
        one(
            step().usage(Usage {
                is_absent: true,
                ..Usage::default()
            }),
            "usage = false",
        ),
        one(
            step()
                .extract("sid", r"ID (\d+)")
                .extract_pointer("first", "/input/0/id")
                .extract_header("who", "originator")
                .reply("{{sid}} {{first}} {{who}}"),
            r#"extract = { sid = 'ID (\d+)', first = { pointer = "/input/0/id" }, who = { header = "originator" } }
            reply = "{{sid}} {{first}} {{who}}""#,
        ),
        one(
            step().events([
                event(json!({ "type": "response.created", "response": { "id": "r" } })),
                event_named("keepalive", json!({ "type": "keepalive" })),
                event_without_name("text"),
                wait(20 * MS),
            ]),
            r#"events = [{ type = "response.created", response = { id = "r" } },
                { event = "keepalive", data = { type = "keepalive" } },
                { event = false, data = "text" },
                { wait = "20ms" }]"#,
        ),
        one(
            step().raw([
                raw("data: 1\n\n"),
                gate("g"),
                bytes([0xff, 0xfe]),
                "data".into(),
            ]),
            r#"raw = ["data: 1\n\n", { gate = "g" }, { base64 = "//4=" }, { raw = "data" }]"#,
        ),
        one(step().raw("data: 1\n\n"), r#"raw = "data: 1\n\n""#),
    ]
}

fn entries() -> Vec<Case> {
    let reply = |entry, toml: &str| one(step().reply([entry]), &format!("reply = [{toml}]"));
    vec![
        one(
            step().reply([
                text("a"),
                "b".into(),
                comment("c"),
                ping("d"),
                gate("e"),
                wait(MS),
            ]),
            r#"reply = [{ text = "a" }, "b", { comment = "c" }, { ping = "d" }, { gate = "e" }, { wait = "1ms" }]"#,
        ),
        reply(
            text("On it.")
                .phase("commentary")
                .id("m")
                .deltas(Deltas::Whole),
            r#"{ text = "On it.", phase = "commentary", id = "m", deltas = "whole" }"#,
        ),
        reply(
            refusal("No.").id("").deltas(Deltas::None),
            r#"{ refusal = "No.", id = "", deltas = "none" }"#,
        ),
        reply(
            reasoning(["a", "b"]).raw("c").encrypted(true).id("rs_1"),
            r#"{ reasoning = ["a", "b"], raw = "c", encrypted = true, id = "rs_1" }"#,
        ),
        reply(
            reasoning("a")
                .encrypted("gAAA")
                .deltas(Deltas::Characters(1)),
            r#"{ reasoning = "a", encrypted = "gAAA", deltas = "characters" }"#,
        ),
        reply(
            call("exec_command", json!({ "cmd": "ls", "tty": true })).id("call_1"),
            r#"{ call = "exec_command", arguments = { cmd = "ls", tty = true }, id = "call_1" }"#,
        ),
        reply(
            call("f", "{wrong").namespace("n").item_id("fc_1"),
            r#"{ call = "f", arguments = "{wrong", namespace = "n", item_id = "fc_1" }"#,
        ),
        reply(call("f", json!({})), r#"{ call = "f" }"#),
        reply(
            custom("apply_patch", "*** Begin Patch\n")
                .namespace("n")
                .id("c"),
            r#"{ custom = "apply_patch", input = "*** Begin Patch\n", namespace = "n", id = "c" }"#,
        ),
        reply(
            shell(["ls", "-l"])
                .timeout_ms(5)
                .directory("sub")
                .env("A", "1")
                .env("B", "2")
                .user("me")
                .id("c"),
            r#"{ shell = ["ls", "-l"], timeout_ms = 5, directory = "sub", env = { A = "1", B = "2" }, user = "me", id = "c" }"#,
        ),
        reply(shell("ls"), r#"{ shell = "ls" }"#),
        reply(
            tool_search("grep").execution("server").id("c"),
            r#"{ tool_search = "grep", execution = "server", id = "c" }"#,
        ),
        reply(
            tool_search(json!({ "limit": 3 })),
            r#"{ tool_search = { limit = 3 } }"#,
        ),
        reply(
            web_search("rust").id("w"),
            r#"{ web_search = "rust", id = "w" }"#,
        ),
        reply(
            web_search(json!({ "type": "open_page", "url": "u" })),
            r#"{ web_search = { type = "open_page", url = "u" } }"#,
        ),
        reply(
            image("aGk=").prompt("a cat").id("ig"),
            r#"{ image = "aGk=", prompt = "a cat", id = "ig" }"#,
        ),
        reply(
            compaction("gAAA").id("c"),
            r#"{ compaction = "gAAA", id = "c" }"#,
        ),
        reply(
            additional_tools(json!([{ "type": "function", "name": "t" }])).id("at"),
            r#"{ additional_tools = [{ type = "function", name = "t" }], id = "at" }"#,
        ),
        reply(
            item(json!({ "type": "unheard_of", "a": [1] })).deltas(Deltas::Words),
            r#"{ item = { type = "unheard_of", a = [1] }, deltas = "words" }"#,
        ),
        reply(
            event(json!({ "type": "codex.rate_limits" })),
            r#"{ event = { type = "codex.rate_limits" } }"#,
        ),
        reply(raw(": x\n"), r#"{ raw = ": x\n" }"#),
        reply(bytes(b"\x00"), r#"{ base64 = "AA==" }"#),
    ]
}

fn conditions() -> Vec<Case> {
    let when = |matcher, toml: &str| one(step().when(matcher), &format!("when = {{ {toml} }}"));
    vec![
        when(
            request().endpoint("/wham/usage").method("GET"),
            r#"endpoint = "/wham/usage", method = "GET""#,
        ),
        when(request().endpoint("/v1/models"), r#"endpoint = "/models""#),
        when(request().kind(Kind::Compaction), r#"kind = "compaction""#),
        when(
            request().thread("root").subagent(false).model("m"),
            r#"thread = "root", subagent = false, model = "m""#,
        ),
        when(request().subagent("review"), r#"subagent = "review""#),
        when(
            request()
                .header("a", "1")
                .header("b", present())
                .header("c", absent())
                .header("d", contains("x")),
            r#"header = { a = "1", b = true, c = false, d = { contains = "x" } }"#,
        ),
        when(
            request()
                .text(["a", "b"])
                .last_text("c")
                .last_user(lacks("d")),
            r#"text = ["a", "b"], last_text = "c", last_user = { lacks = "d" }"#,
        ),
        when(
            request().body(equals("a").contains(["b"]).lacks(["c", "d"]).matches("e+")),
            r#"body = { equals = "a", contains = "b", lacks = ["c", "d"], matches = "e+" }"#,
        ),
        when(
            request()
                .item(json!({ "type": "function_call" }))
                .item(json!({ "type": "reasoning" }))
                .last_item(json!({ "role": "user" })),
            r#"item = [{ type = "function_call" }, { type = "reasoning" }], last_item = { role = "user" }"#,
        ),
        when(
            request()
                .pointer("/a", "auto")
                .pointer("/b", json!(3))
                .pointer("/c", true)
                .pointer("/d", json!({ "contains": "x" }))
                .pointer("/e", matches("^x"))
                .pointer("/f", absent())
                .pointer("/input/-1/role", present()),
            r#"pointer = { "/a" = "auto", "/b" = 3, "/c" = true, "/d" = { equals = { contains = "x" } },
                "/e" = { matches = "^x" }, "/f" = { present = false }, "/input/-1/role" = { present = true } }"#,
        ),
        when(
            request().output_of("call_1").contains("hello").lacks("err"),
            r#"output_of = "call_1", contains = "hello", lacks = "err""#,
        ),
        when(
            request().output_of("call_1").equals("a").matches("^a"),
            r#"output_of = "call_1", equals = "a", matches = "^a""#,
        ),
        when(request().contains(["a", "b"]), r#"contains = ["a", "b"]"#),
        one(
            step()
                .when(request().thread("root"))
                .expect(request().last_item(json!({ "type": "function_call_output" }))),
            r#"when = { thread = "root" }
            expect = { last_item = { type = "function_call_output" } }"#,
        ),
    ]
}

fn cases() -> Vec<Case> {
    [
        scripts(),
        steps(),
        entries(),
        conditions(),
        builder_faults::cases(),
    ]
    .concat()
}

/// A script without where it was written; TOML has no null, so a text stands for it.
fn shown(mut script: Script) -> String {
    script.path.clear();
    let steps = script.steps.iter_mut().chain(&mut script.defaults);
    steps.for_each(|step| step.line = 0);
    format!("{script:#?}").replace("String(\"NULL\")", "Null")
}

#[test]
fn builders_say_what_files_say() {
    for (builder, toml) in cases() {
        let json = builder.to_json();
        let built = builder
            .build()
            .unwrap_or_else(|error| panic!("{error}\n{toml}"));
        let parsed = Script::parse("", &toml).unwrap_or_else(|error| panic!("{error}\n{toml}"));
        assert_eq!(shown(built), shown(parsed), "{toml}\n{json}");
    }
}

#[test]
fn what_builders_write_fits_the_schema_and_uses_all_of_it() {
    let schema = schema::load("script");
    let mut used = BTreeSet::new();
    for (builder, _) in cases() {
        let text = builder.to_json();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            schema::violations(&schema, &value),
            Vec::<String>::new(),
            "{text}"
        );
        use_keys(&schema, &schema, "#", &value, &mut used);
    }
    let mut all = BTreeSet::new();
    // A test in Rust drives its agent itself.
    let scenario = [
        "#/properties/run",
        "#/properties/expect",
        "#/$defs/run/",
        "#/$defs/act/",
        "#/$defs/expectation/",
        "#/$defs/rollout/",
        "#/$defs/records/",
    ];
    all_keys(&schema, "#", &mut all);
    all.retain(|key| !scenario.iter().any(|of| key.starts_with(of)));
    assert!(all.len() > 120, "{}", all.len());
    let unused: Vec<_> = all.difference(&used).collect();
    assert_eq!(unused, OTHER_WORDS, "no builder writes these");
}

/// The place of each key that the schema allows.
fn all_keys(schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            for (key, member) in members {
                let below = format!("{at}/{key}");
                if at.ends_with("/properties") {
                    found.insert(below.clone());
                }
                all_keys(member, &below, found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                all_keys(item, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Collects the keys of the schema at which a value has something.
fn use_keys(root: &Value, schema: &Value, at: &str, value: &Value, used: &mut BTreeSet<String>) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(&reference[1..]).unwrap();
        use_keys(root, target, reference, value, used);
    }
    for keyword in ["anyOf", "allOf"] {
        for (index, branch) in schema[keyword].as_array().into_iter().flatten().enumerate() {
            use_keys(
                root,
                branch,
                &format!("{at}/{keyword}/{index}"),
                value,
                used,
            );
        }
    }
    for (key, member) in value.as_object().into_iter().flatten() {
        if let Some(below) = schema["properties"].get(key) {
            let at = format!("{at}/properties/{key}");
            use_keys(root, below, &at, member, used);
            used.insert(at);
        } else if schema["additionalProperties"].is_object() {
            let at = format!("{at}/additionalProperties");
            use_keys(root, &schema["additionalProperties"], &at, member, used);
        }
    }
    for item in value.as_array().into_iter().flatten() {
        use_keys(root, &schema["items"], &format!("{at}/items"), item, used);
    }
}

#[test]
fn steps_are_named_by_the_line_that_writes_them() {
    let line = line!() + 1;
    let script = Script::builder().step(step()).build().unwrap();
    let label = script.step_label(0);
    assert!(label.starts_with("step 1 ("), "{label}");
    assert!(
        label.ends_with(&format!("tests/it/script/builder.rs:{line})")),
        "{label}"
    );
}

#[test]
fn mistakes_name_the_line_of_the_step() {
    let good = step().reply("a");
    let line = line!() + 1;
    let bad = step().reply(text("b").prompt("c"));
    let error = Script::builder()
        .name("n")
        .steps([good, bad])
        .build()
        .unwrap_err()
        .to_string();
    let expect = format!("tests/it/script/builder.rs:{line}:");
    assert!(error.contains(&expect), "{error}");
    assert!(
        error.contains(r#"{"reply":[{"text":"b","prompt":"c"}]}"#),
        "{error}"
    );
    let late = Script::builder()
        .step(step())
        .default_step(step().body("x"))
        .build()
        .unwrap_err()
        .to_string();
    assert!(
        late.contains("a default needs a `when` (step of "),
        "{late}"
    );
}
