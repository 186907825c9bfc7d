//! The report as JUnit, GitHub commands, Markdown, SARIF and HTML: what all of them have in common.

mod github;
mod html;
mod junit;
mod markdown;
mod options;
mod sarif;

use crate::program::{Program, code, conversation, fixture, report, stdout};

/// The forms of a report that are neither its text nor its JSON.
pub(super) const FORMATS: [&str; 5] = ["junit", "github", "markdown", "sarif", "html"];

/// Text that would do something in one of the formats, or end what it stands in.
pub(super) const HOSTILE: &str = "</failure>]]><script>alert(1)</script> ::error file=x::y\n::error file=x::y\r\n  ::set-output name=a::b\n##[error]z \
     \u{1b}[31m \u{0} \u{202e} \u{ffff} | `@octocat` @octocat #1 [a](javascript:x) <img src=x onerror=1> ``` \\| %0A::error::q -->";

/// A name of a file that is text to be escaped in every format.
pub(super) const HOSTILE_NAME: &str = "a, b:c%0A<b>`@octocat`|.jsonl";

/// Runs of the program over fixtures and made-up captures: name and arguments without the format.
pub(super) fn runs() -> (Program, Vec<(&'static str, Vec<&'static str>)>) {
    let program = Program::new();
    let calls = String::from_utf8(fixture("codex-0.169.0-03-parallel-calls.jsonl")).unwrap();
    program
        .file("old.jsonl", fixture("codex-0.137.0-02-shell-roundtrip.jsonl"))
        .file("new.jsonl", fixture("codex-0.169.0-02-shell-roundtrip.jsonl"))
        .file("port.jsonl", fixture("pycodex-0.5.1-02-shell-roundtrip.jsonl"))
        .file("threads.jsonl", fixture("codex-0.137.0-21-subagent.jsonl"))
        .file("calls.jsonl", &calls)
        .file("broken.jsonl", broken(&calls))
        .file("plain.jsonl", conversation(&["Say one.", "Say two."]))
        .file(HOSTILE_NAME, hostile())
        .file(
            "rules.toml",
            "[[accept]]\nrule = \"header-changed\"\npointer = \"/request/headers/originator\"\nreason = \"<b>known</b> | `@octocat`\"\n\n\
             [[accept]]\nrule = \"header-case\"\nreason = \"unused\"\n",
        );
    let runs = vec![
        ("pair", vec!["old.jsonl", "new.jsonl"]),
        ("port", vec!["new.jsonl", "port.jsonl"]),
        ("same", vec!["new.jsonl", "new.jsonl"]),
        ("threads", vec!["threads.jsonl"]),
        ("clean", vec!["calls.jsonl"]),
        ("broken", vec!["broken.jsonl"]),
        ("hostile", vec!["plain.jsonl", HOSTILE_NAME]),
        ("hostile_alone", vec![HOSTILE_NAME]),
        (
            "accepted",
            vec!["plain.jsonl", HOSTILE_NAME, "--rules", "rules.toml"],
        ),
        (
            "off",
            vec!["broken.jsonl", "--rule", "call-without-output=off"],
        ),
    ];
    (program, runs)
}

/// A capture whose last request lacks the output of a call, and which ends in the middle of a record.
fn broken(calls: &str) -> String {
    let mut lines: Vec<String> = calls.lines().map(str::to_owned).collect();
    let last = lines.last_mut().expect("the fixture has exchanges");
    let mut record: serde_json::Value = serde_json::from_str(last).unwrap();
    let input = record["request"]["body"]["input"].as_array_mut().unwrap();
    let output = input
        .iter()
        .rposition(|item| item["type"] == "function_call_output")
        .expect("the fixture has outputs");
    input.remove(output);
    *last = record.to_string();
    lines.join("\n") + "\n{\"format\":\"raw-exchange/1\",\"met"
}

/// What `plain.jsonl` is with hostile text in headers, keys, items and events, and without the output of a call.
fn hostile() -> String {
    let text = serde_json::to_string(HOSTILE).unwrap();
    let text = &text[1..text.len() - 1];
    conversation(&["Say one.", "Say two."])
        .replace("codex_exec", text)
        .replace("Say two.", text)
        .replace("answer 1", text)
        .replace("\"model\":\"m\"", &format!("\"model\":\"m\",\"{text}\":1"))
        .replace(
            "\"input\":[",
            &format!("\"input\":[{{\"type\":\"function_call\",\"name\":\"{text}\",\"call_id\":\"{text}\",\"arguments\":\"{{}}\"}},"),
        )
}

pub(super) fn rendered(program: &Program, arguments: &[&str], format: &str) -> String {
    let mut arguments = arguments.to_vec();
    arguments.extend(["--format", format]);
    stdout(&program.run(&arguments))
}

#[test]
fn every_form_has_every_finding() {
    let (program, runs) = runs();
    let mut total = 0;
    for (name, arguments) in &runs {
        let json = rendered(&program, arguments, "json");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let count = json["findings"].as_array().unwrap().len();
        for format in FORMATS {
            let text = rendered(&program, arguments, format);
            let found = match format {
                "junit" => text.matches("\n  id: ").count(),
                "github" => github::findings(&text),
                "markdown" => markdown::rows(&text),
                "sarif" => sarif::results(&text).len(),
                _ => text.matches("<details id=\"f-").count(),
            };
            assert_eq!(found, count, "{name} as {format}");
        }
        total += count;
    }
    assert!(total > 100, "only {total} findings");
}

#[test]
fn forms_end_with_the_same_status_and_are_the_same_bytes_twice() {
    let (program, runs) = runs();
    for (name, arguments) in &runs {
        let expect = code(&program.run(arguments));
        for format in FORMATS {
            let mut arguments = arguments.clone();
            arguments.extend(["--format", format]);
            let (one, two) = (program.run(&arguments), program.run(&arguments));
            assert_eq!(code(&one), expect, "{name} as {format}");
            assert!(
                !one.stdout.is_empty() && one.stdout == two.stdout,
                "{name} as {format}"
            );
        }
    }
}

#[test]
fn forms_read_well() {
    let (program, runs) = runs();
    for (name, arguments) in &runs {
        if !matches!(*name, "pair" | "broken") {
            continue;
        }
        for format in FORMATS {
            let text = rendered(&program, arguments, format);
            let text = text.replace(env!("CARGO_PKG_VERSION"), "<our version>");
            crate::program::assert_snapshot(&format!("format_{format}_{name}"), &text);
        }
    }
}

/// The place of an exchange is a line on which a record begins.
#[test]
fn places_are_lines_of_records() {
    let (program, runs) = runs();
    let mut seen = 0;
    for (name, arguments) in &runs {
        let mut arguments = arguments.clone();
        arguments.extend(["--format", "json"]);
        let json = report(&program.run(&arguments));
        for finding in json["findings"].as_array().unwrap() {
            let Some(line) = finding["place"]["line"].as_u64() else {
                assert_eq!(finding["source"], "reader", "{name}: {finding}");
                continue;
            };
            let path = program.path(finding["place"]["path"].as_str().unwrap());
            let text = std::fs::read_to_string(path).unwrap();
            let exchange = &finding["exchange"];
            let number = exchange["candidate"]
                .as_u64()
                .or(exchange["baseline"].as_u64());
            assert_eq!(
                number.map(|number| number + 1),
                Some(line),
                "{name}: {finding}"
            );
            assert!(text.lines().count() as u64 >= line);
            seen += 1;
        }
    }
    assert!(seen > 100);
}
