//! The options of a comparison and the rules file, end to end.

use std::fs;

use serde_json::Value;

use crate::program::{Program, assert_snapshot, code, conversation, report, stderr, stdout};

/// A program beside two captures that differ in a header, in a member of the body and in a text.
fn program() -> Program {
    let program = Program::new();
    let good = conversation(&["Say one.", "Say two."]);
    let other = good
        .replace("codex_exec", "pycodex")
        .replace("\"stream\":true", "\"stream\":false")
        .replace("Say two.", "Say three. session file: /x/1");
    program
        .file("good.jsonl", &good)
        .file("other.jsonl", other)
        .file("same.jsonl", good);
    program
}

fn rules_of(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    let shown = |f: &Value| {
        format!(
            "{} {}{}",
            f["rule"].as_str().unwrap(),
            f["pointer"].as_str().unwrap(),
            if f["accepted"].is_null() {
                ""
            } else {
                " accepted"
            }
        )
    };
    findings.iter().map(shown).collect()
}

const HEADER: &str = "header-changed /request/headers/originator";
const STREAM: &str = "value-changed /request/body/stream";

fn compare(program: &Program, more: &[&str]) -> (i32, Vec<String>) {
    let arguments = [&["good.jsonl", "other.jsonl", "--format", "json"], more].concat();
    let output = program.run(&arguments);
    assert!(output.stderr.is_empty(), "{}", stderr(&output));
    (code(&output), rules_of(&report(&output)))
}

#[test]
fn only_and_ignore_choose_places() {
    let program = program();
    let (status, all) = compare(&program, &[]);
    assert_eq!((status, all.len()), (1, 3), "{all:?}");
    assert_eq!(
        compare(&program, &["--only", "/request/headers"]),
        (1, vec![HEADER.to_owned()])
    );
    assert_eq!(compare(&program, &["--only", "/response"]), (0, Vec::new()));
    let (status, rest) = compare(
        &program,
        &[
            "--ignore",
            "/request/headers/originator",
            "--ignore",
            "/request/body/input/*",
        ],
    );
    assert_eq!((status, rest), (1, vec![STREAM.to_owned()]));
    assert_eq!(
        compare(&program, &["--ignore", "/request"]),
        (0, Vec::new())
    );
    let output = program.run(&["good.jsonl", "other.jsonl", "--only", "request"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("--only"), "{}", stderr(&output));
}

const RULES: &str = r#"
[[accept]]
rule = "header-changed"
pointer = "/request/headers/originator"
reason = "the port names itself"

[[accept]]
rule = "value-changed"
pointer = "/request/body/stream"
reason = "until it streams"
until = "2020-01-01"

[[accept]]
rule = "header-missing"
reason = "never seen"

[[ignore]]
pointer = "/request/body/input/*/content/*/text"
pattern = "Say \\w+\\.|session file: .*"
reason = "random path"

[[ignore]]
pointer = "/response/status"
reason = "nothing there"
"#;

#[test]
fn a_rules_file_accepts_ignores_expires_and_tells_what_is_unused() {
    let program = program();
    program.file("trace-diff.toml", RULES);
    let output = program.run(&["good.jsonl", "other.jsonl", "--format", "json"]);
    let report = report(&output);
    assert_eq!(code(&output), 1);
    assert!(rules_of(&report).contains(&format!("{HEADER} accepted")));
    assert!(rules_of(&report).contains(&STREAM.to_owned()), "expired");
    let states: Vec<(&str, &str)> = report["unused_rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| {
            (
                rule["kind"].as_str().unwrap(),
                rule["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            ("accept", "expired"),
            ("accept", "unused"),
            ("ignore", "unused")
        ]
    );
    assert_snapshot("cli_rules", &program.shown(&["good.jsonl", "other.jsonl"]));
    // The file is found from a directory below; another one can be named.
    program.file("empty.toml", "");
    let output = program.run(&[
        "good.jsonl",
        "other.jsonl",
        "--rules",
        "empty.toml",
        "--format",
        "json",
    ]);
    assert!(!stdout(&output).contains("the port names itself"));
}

#[test]
fn a_rules_file_that_is_wrong_is_an_error_with_line_and_column() {
    let program = program();
    let mut all = String::new();
    for (name, text) in [
        (
            "unknown-key.toml",
            "[[accept]]\nrule = \"header-changed\"\nreasons = \"x\"\n",
        ),
        (
            "bad-pointer.toml",
            "[[ignore]]\npointer = \"request\"\nreason = \"x\"\n",
        ),
        ("no-toml.toml", "[[accept\n"),
        ("missing.toml", ""),
    ] {
        if !text.is_empty() {
            program.file(name, text);
        }
        let arguments = ["good.jsonl", "other.jsonl", "--rules", name];
        assert_eq!(code(&program.run(&arguments)), 2, "{name}");
        all.push_str(&program.shown(&arguments));
        all.push('\n');
    }
    assert_snapshot("cli_rules_wrong", &all);
}

#[test]
fn the_rules_file_may_name_the_baseline() {
    let program = program();
    program.file("rules/trace-diff.toml", "baseline = \"../good.jsonl\"\n");
    let rules = ["--rules", "rules/trace-diff.toml"];
    assert_eq!(
        code(&program.run(&[&["same.jsonl"], &rules[..]].concat())),
        0
    );
    let output = program.run(&[&["other.jsonl"], &rules[..]].concat());
    assert_eq!(code(&output), 1);
    assert!(
        stdout(&output).contains("good.jsonl"),
        "{}",
        stdout(&output)
    );
    program.file("bad.toml", "baseline = \"gone.jsonl\"\n");
    let output = program.run(&["same.jsonl", "--rules", "bad.toml"]);
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("gone.jsonl"),
        "{}",
        stderr(&output)
    );
}

/// One accept rule for a place covers the copy of the same change elsewhere, whichever of the two it names.
#[test]
fn an_accept_rule_covers_the_other_places_of_a_change() {
    let program = Program::new();
    let metadata = |value: &str| format!("{{\"foo\":\"{value}\"}}").replace('"', "\\\"");
    let with = |header: &str, body: &str| {
        conversation(&["Say one."])
            .replace(
                "[\"originator\",",
                &format!(
                    "[\"x-codex-turn-metadata\",\"{}\"],[\"originator\",",
                    metadata(header)
                ),
            )
            .replace(
                "\"model\":\"m\"",
                &format!(
                    "\"model\":\"m\",\"client_metadata\":{{\"x-codex-turn-metadata\":\"{}\"}}",
                    metadata(body)
                ),
            )
    };
    program
        .file("a.jsonl", with("one", "one"))
        .file("b.jsonl", with("two", "two"))
        .file("c.jsonl", with("one", "three"));
    let in_header = "/request/headers/x-codex-turn-metadata/foo";
    let in_body = "/request/body/client_metadata/x-codex-turn-metadata/foo";
    for place in [in_header, in_body] {
        program.file(
            "trace-diff.toml",
            format!("[[accept]]\npointer = \"{place}\"\nreason = \"known\"\n"),
        );
        let output = program.run(&["a.jsonl", "b.jsonl", "--format", "json"]);
        let report = report(&output);
        assert_eq!(code(&output), 0, "{place}: {report}");
        assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{report}");
        assert_eq!(
            report["findings"][0]["also"].as_array().unwrap().len(),
            1,
            "{report}"
        );
    }
    // What changed in the body only is no copy of the header.
    program.file(
        "trace-diff.toml",
        format!("[[accept]]\npointer = \"{in_header}\"\nreason = \"known\"\n"),
    );
    assert_eq!(code(&program.run(&["a.jsonl", "c.jsonl"])), 1);
}

#[test]
fn reports_go_where_the_options_say() {
    let program = program();
    let output = program.run(&[
        "good.jsonl",
        "other.jsonl",
        "--report",
        "json=r.json",
        "--report",
        "text=r.txt",
        "-q",
    ]);
    assert_eq!((code(&output), stdout(&output).as_str()), (1, ""));
    let file: Value = serde_json::from_slice(&fs::read(program.path("r.json")).unwrap()).unwrap();
    assert_eq!(file["verdict"], "findings");
    let text = fs::read_to_string(program.path("r.txt")).unwrap();
    assert_eq!(text, stdout(&program.run(&["good.jsonl", "other.jsonl"])));
    let output = program.run(&[
        "good.jsonl",
        "other.jsonl",
        "-o",
        "o.json",
        "--format",
        "json",
    ]);
    assert_eq!((code(&output), stdout(&output).as_str()), (1, ""));
    assert_eq!(
        fs::read(program.path("o.json")).unwrap(),
        fs::read(program.path("r.json")).unwrap()
    );
    for bad in ["json", "xml=r.xml", "json=gone/r.json"] {
        let output = program.run(&["good.jsonl", "other.jsonl", "--report", bad]);
        assert_eq!(code(&output), 2, "{bad}");
        assert!(!output.stderr.is_empty(), "{bad}");
    }
}

#[test]
fn colours_are_asked_for_or_for_terminals() {
    let coloured = |program: &Program, more: &[&str]| {
        let output = program.run(&[&["good.jsonl", "other.jsonl"], more].concat());
        stdout(&output).contains('\u{1b}')
    };
    let plain = program();
    assert!(!coloured(&plain, &[]));
    assert!(!coloured(&plain, &["--color", "never"]));
    assert!(coloured(&plain, &["--color", "always"]));
    assert!(!coloured(
        &plain,
        &["--color", "always", "--format", "json"]
    ));
    let without = program().with_environment("NO_COLOR", "1");
    assert!(!coloured(&without, &[]));
    assert!(
        coloured(&without, &["--color", "always"]),
        "what is asked for counts more than the environment"
    );
}
