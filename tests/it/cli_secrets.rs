//! Secrets never reach a report, and hostile text never reaches a terminal.

use crate::program::{Program, code, conversation, report, stdout};

const BEARER: &str = "opaque-credential-4711-of-a-person";
const KEY: &str = "sk-proj-Zz9Zz9Zz9Zz9Zz9Zz9Zz9";
const JWT: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzb21lYm9keSJ9.c2lnbmF0dXJlLTQ3MTE";
const COOKIE: &str = "cookie-value-0815-of-a-person";
const ACCOUNT: &str = "acct-3141592653-of-somebody";
const QUERY: &str = "query-secret-2718-of-a-person";

/// Parts by which a secret would still be known.
fn parts() -> Vec<String> {
    [BEARER, KEY, JWT, COOKIE, ACCOUNT, QUERY]
        .iter()
        .flat_map(|secret| [&secret[4..16], &secret[secret.len() - 10..]])
        .map(str::to_owned)
        .collect()
}

/// A capture with secrets in every place; `salt` makes them other ones of the same make.
fn planted(salt: &str) -> String {
    let s = |secret: &str| {
        format!(
            "{}{salt}{}",
            &secret[..secret.len() - 10],
            &secret[secret.len() - 10..]
        )
    };
    let headers = format!(
        r#"["x-authorization","Bearer {b}"],["X-Upstream-Api-Key","{k}"],["cookie","sid={c}; b={c}2"],["chatgpt-account-id","{a}"],["x-note","Bearer {b}"],["x-jwt","{j}"],["originator","#,
        b = s(BEARER),
        k = s(KEY),
        c = s(COOKIE),
        a = s(ACCOUNT),
        j = s(JWT)
    );
    let text = format!(
        "{pad} curl -H 'Authorization: Bearer {b}' {k} {j} https://x/?api_key={q} {pad}{salt}",
        pad = "word ".repeat(12),
        b = s(BEARER),
        k = s(KEY),
        j = s(JWT),
        q = s(QUERY)
    );
    let members = format!(
        r#""model":"m{salt}","api_key":"{k}","nested{salt}":{{"access_token":"{b}","account_id":"{a}","list":["{j}","{k}"]}},"note":"use {k} and {j}","#,
        k = s(KEY),
        b = s(BEARER),
        a = s(ACCOUNT),
        j = s(JWT)
    );
    conversation(&["Say one.", "Say two."])
        .replace("[\"originator\",", &headers)
        .replace("sk-fake-0000000000000000", &s(BEARER))
        .replace("\"model\":\"m\",", &members)
        .replace("Say two.", &text)
        .replace("answer 1", &format!("{} and {}{salt}", s(KEY), s(JWT)))
        .replace(
            "/v1/responses",
            &format!("/v1/responses?api_key={}", s(QUERY)),
        )
        .replace(
            "\"content-type\",\"text/event-stream\"",
            &format!("\"set-cookie\",\"sid={}; Path=/\"", s(COOKIE)),
        )
}

#[test]
fn no_secret_reaches_a_report() {
    let program = Program::new();
    let one = planted("");
    program
        .file("a.jsonl", &one)
        .file("b.jsonl", planted("1x"))
        .file("plain.jsonl", conversation(&["Say one."]))
        .file("first.jsonl", one.lines().next().unwrap());
    let pairs = [
        ["a.jsonl", "b.jsonl"],
        ["a.jsonl", "plain.jsonl"],
        ["plain.jsonl", "b.jsonl"],
        ["first.jsonl", "a.jsonl"],
    ];
    let mut runs: Vec<Vec<&str>> = pairs.iter().map(|pair| pair.to_vec()).collect();
    runs.push(vec!["a.jsonl"]);
    for mut arguments in runs {
        for more in [
            &["--format", "json"][..],
            &["--format", "junit"],
            &["--format", "github"],
            &["--format", "markdown"],
            &["--format", "sarif"],
            &["--format", "html"],
            &["--verbose"],
            &[],
        ] {
            arguments.truncate(
                arguments
                    .iter()
                    .position(|a| a.starts_with('-'))
                    .unwrap_or(arguments.len()),
            );
            arguments.extend(more);
            let output = program.run(&arguments);
            let text = stdout(&output) + &String::from_utf8_lossy(&output.stderr);
            for part in parts() {
                let place = text.find(&part).map(|at| {
                    text[..at]
                        .chars()
                        .rev()
                        .take(160)
                        .collect::<Vec<_>>()
                        .into_iter()
                        .rev()
                        .collect::<String>()
                });
                assert_eq!(place, None, "{part} in {arguments:?}");
            }
        }
    }
}

#[test]
fn imports_hold_no_secret_but_stay_equal() {
    let program = Program::new();
    program.file("a.jsonl", planted(""));
    assert_eq!(
        code(&program.run(&["import", "a.jsonl", "-o", "own.jsonl"])),
        0
    );
    let own = std::fs::read_to_string(program.path("own.jsonl")).unwrap();
    for part in parts() {
        assert!(!own.contains(&part), "{part}");
    }
    assert_eq!(code(&program.run(&["own.jsonl", "own.jsonl"])), 0);
}

#[test]
fn a_credential_that_differs_in_one_exchange_is_found_and_not_shown() {
    for (name, from, to) in [
        (
            "authorization",
            "Bearer ",
            "opaque-credential-9999-of-another",
        ),
        (
            "x-authorization",
            "Bearer ",
            "opaque-credential-9999-of-another",
        ),
        ("x-upstream-api-key", "", "sk-proj-Yy8Yy8Yy8Yy8Yy8Yy8Yy8"),
        ("chatgpt-account-id", "", "acct-2718281828-of-another"),
    ] {
        let program = Program::new();
        let value = |other: bool, n: usize| if other && n == 1 { to } else { KEY };
        let capture = |other: bool| -> String {
            let lines = conversation(&["Say one.", "Say two.", "Say three."]);
            let add = |(n, line): (usize, &str)| {
                let header = format!(
                    "[\"{name}\",\"{from}{}\"],[\"originator\",",
                    value(other, n)
                );
                let line = line.replace(
                    "[\"authorization\",\"Bearer sk-fake-0000000000000000\"],",
                    "",
                );
                line.replace("[\"originator\",", &header) + "\n"
            };
            lines.lines().enumerate().map(add).collect()
        };
        program
            .file("a.jsonl", capture(false))
            .file("b.jsonl", capture(true));
        let output = program.run(&["a.jsonl", "b.jsonl", "--format", "json"]);
        let report = report(&output);
        assert_eq!(
            report["findings"][0]["rule"], "identifier-split",
            "{name}: {report}"
        );
        assert_eq!(
            report["findings"][0]["exchange"]["candidate"], 1,
            "{name}: {report}"
        );
        assert_eq!(
            report["findings"].as_array().unwrap().len(),
            1,
            "{name}: {report}"
        );
        for secret in [KEY, to] {
            assert!(
                !stdout(&output).contains(&secret[4..16]),
                "{name}: {report}"
            );
        }
    }
}

#[test]
fn hostile_text_is_shown_harmless() {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}abc\u{2066}\u{9b}31m\0\r\nX-Injected: 1 ~ / \" \\ \u{200b}";
    let quoted = serde_json::to_string(evil).unwrap();
    let inner = &quoted[1..quoted.len() - 1];
    let huge = "long ".repeat(200_000);
    let program = Program::new();
    let good = conversation(&["Say one.", "Say two."]);
    let other = good
        .replace("codex_exec", &format!("codex_exec {inner}"))
        .replace(
            "\"model\":\"m\"",
            &format!("\"model\":\"{inner}\",{quoted}:1,\"a/b~c\":2"),
        )
        .replace("[\"host\",", &format!("[\"x-{inner}\",\"1\"],[\"host\","))
        .replace("Say two.", &format!("{huge}{inner}{huge}"))
        .replace("\"response.completed\"", &format!("\"response.{inner}\""))
        .replace("/v1/responses", &format!("/v1/responses?{inner}"));
    program.file("a.jsonl", &good).file("b.jsonl", &other);
    for arguments in [
        &["a.jsonl", "b.jsonl"][..],
        &["b.jsonl", "a.jsonl", "--verbose"],
        &["b.jsonl"],
    ] {
        let output = program.run(arguments);
        let text = stdout(&output) + &String::from_utf8_lossy(&output.stderr);
        let bad = text.chars().find(|c| {
            (c.is_control() && *c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        });
        assert_eq!(bad, None, "{arguments:?}");
        assert!(text.len() < 20_000, "{arguments:?}: {} bytes", text.len());
        assert!(
            !text.lines().any(|line| line.starts_with("X-Injected")),
            "{text}"
        );
    }
    let output = program.run(&["a.jsonl", "b.jsonl", "--format", "json"]);
    let pointers: Vec<String> = report(&output)["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["pointer"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        pointers.contains(&"/request/body/a~1b~0c".to_owned()),
        "{pointers:?}"
    );
    let coloured = stdout(&program.run(&["a.jsonl", "b.jsonl", "--color", "always"]));
    assert!(!coloured.contains("\u{1b}]") && !coloured.contains("\u{1b}[2J"));
}

#[test]
fn a_hostile_file_name_is_shown_harmless() {
    let program = Program::new();
    let output = program.run(&["gone\u{1b}[2J\n.jsonl", "also-gone"]);
    assert_eq!(code(&output), 2);
    assert!(!String::from_utf8_lossy(&output.stderr).contains('\u{1b}'));
}
