//! `run`: where agents live, what the user's rules do, and how programs and scenarios are named.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::run::{ASK, SCENARIO, Setting, cell, json};
use crate::program::{code, stderr, stdout};

/// Asks twice, and forgets the first answer.
const FORGET: &str = r#"
url=${1#http://}; host=${url%%:*}; rest=${url#*:}; port=${rest%%/*}
item() { printf '{"type":"message","role":"user","content":[{"type":"input_text","text":"%s"}]}' "$1"; }
for input in "$(item "$2")" "$(item "$2"),$(item Again.)"; do
body="{\"model\":\"m\",\"stream\":true,\"input\":[$input]}"
exec 3<>"/dev/tcp/$host/$port"
printf 'POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %s\r\n\r\n%s' "${#body}" "$body" >&3
cat <&3 >/dev/null
done
"#;

#[test]
fn what_is_written_beside_the_directories_of_an_agent_is_told() {
    let setting = Setting::new();
    let stray = |name: &str, above: &str| {
        setting.agent(name, &format!("{ASK}\necho x > \"$HOME/{above}/note\""), "")
    };
    let told = |agents: &[String]| {
        let agents: Vec<&str> = agents.iter().map(String::as_str).collect();
        let output = setting.run(&[&agents, ["--format", "json"].as_slice()].concat());
        let value = json(&output);
        let findings = (0..agents.len()).map(|agent| cell(&value, agent)["findings"][0].clone());
        let messages = findings.map(|one| one["message"].as_str().unwrap_or("-").to_owned());
        (messages.collect::<Vec<_>>(), stderr(&output))
    };
    let good = setting.agent("good", ASK, "");
    let wrote = "wrote outside of its directories:";
    let (found, _) = told(&[good.clone(), stray("near", "../..")]);
    assert_eq!(found[0], "-");
    assert!(
        found[1].starts_with(&format!("the agent {wrote}")),
        "{found:?}"
    );
    // Where several agents have a directory each, nobody knows which one it was.
    let (found, _) = told(&[good.clone(), stray("far", "../../..")]);
    let wanted = format!("an agent of this scenario {wrote} hello/note");
    assert_eq!(found, [wanted.clone(), wanted]);
    // Another run may have its cases there.
    let other =
        format!("{ASK}\nmkdir \"$HOME/../../../b\"; echo x > \"$HOME/../../../b/capture.jsonl\"");
    let (found, _) = told(&[good.clone(), setting.agent("other", &other, "")]);
    assert_eq!(found, ["-", "-"]);
    let (found, told) = told(&[good, stray("farther", "../../../..")]);
    assert_eq!(found, ["-", "-"]);
    assert!(
        told.starts_with("changed while it ran, by an agent or another program: ")
            && told.ends_with("/note\n"),
        "{told}"
    );
}

#[test]
fn names_of_all_kinds_have_directories_of_their_own() {
    let setting = Setting::new();
    for name in ["a b", "a-b", "...", "x<y"] {
        setting.program.file(&format!("{name}.toml"), SCENARIO);
    }
    let agent = setting.agent("toy", ASK, "same");
    let command = agent.split_once("toy=").unwrap().1;
    let others = ["..", "to>y", "toy~2"].map(|name| format!("--agent={name}={command}"));
    let keep = setting.path("below/kept").display().to_string();
    let scripts = [
        "run", "a b.toml", "a-b.toml", "....toml", "x<y.toml", "--keep", &keep,
    ];
    let agents = [
        &agent,
        &others[0],
        &others[1],
        &others[2],
        "--rerun=1",
        "-q",
    ]
    .map(|one: &str| one);
    let output = setting.program.run(&[&scripts[..], &agents].concat());
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    let count = |path: &Path| fs::read_dir(path).unwrap().count();
    assert_eq!(count(&setting.path("below")), 1);
    assert_eq!(count(&setting.path("below/kept")), 4);
    for scenario in fs::read_dir(setting.path("below/kept")).unwrap() {
        assert_eq!(count(&scenario.unwrap().path()), 8);
    }
}

#[test]
fn what_stands_in_a_directory_of_runs_stays_there() {
    let setting = Setting::new();
    setting.program.file("runs/version/0/mine", "mine");
    let agent = setting.agent("toy", ASK, "same");
    let output = setting.run(&[&agent, "--keep", "runs"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    let mine = fs::read_to_string(setting.path("runs/version/0/mine"));
    assert_eq!(mine.unwrap(), "mine");
}

#[test]
fn secrets_that_an_agent_prints_reach_no_report() {
    let setting = Setting::new();
    let secret = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyzABCDEF";
    let body = "x".repeat(150);
    let agent = setting.agent("leak", &format!("echo {secret} {body} {secret}"), "");
    for form in ["text", "json", "junit", "github", "markdown", "html"] {
        let output = setting.run(&[&agent, "--format", form]);
        let text = stdout(&output);
        assert!(
            text.contains("secret 1") && !text.contains("sk-proj"),
            "{text}"
        );
    }
}

#[test]
fn the_exit_code_may_be_expected() {
    let setting = Setting::new();
    let expecting = SCENARIO.replace("answer = \"Hello.\"", "answer = \"Hello.\"\nexit = 3");
    setting.program.file("hello.toml", expecting);
    let fine = setting.agent("fine", &format!("{ASK}\nexit 3"), "");
    let other = setting.agent("another", ASK, "");
    let value = json(&setting.run(&[&fine, &other, "--format", "json"]));
    let told = &cell(&value, 1)["findings"][0]["message"];
    assert_eq!(
        told,
        "the agent ended with exit code 0, not with exit code 3"
    );
    let rules: Vec<&Value> = cell(&value, 0)["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["rule"])
        .collect();
    assert!(!rules.contains(&&Value::from("exit")), "{rules:?}");
}

#[test]
fn rules_of_the_user_count_for_contracts_too() {
    let setting = Setting::new();
    let steps = "[[step]]\nreply = \"Hello.\"\n[[step]]\nreply = \"Hello.\"\n";
    let script = format!("version = 1\n[run]\nprompt = \"Hi.\"\n[[expect]]\nrequests = 2\n{steps}");
    setting.program.file("hello.toml", script);
    let agent = setting.agent("forgets", FORGET, "");
    let broken = setting.run(&[&agent]);
    let text = stdout(&broken);
    assert!(text.contains("  delivered-item-missing: "), "{text}");
    assert_eq!(code(&broken), 1);
    let off = setting.run(&[&agent, "--rule", "delivered-item-missing=off"]);
    assert_eq!(code(&off), 0, "{}", stdout(&off));
    let accept = "[[accept]]\nrule = \"delivered-item-missing\"\nreason = \"known\"\n";
    setting.program.file("trace-diff.toml", accept);
    let accepted = setting.run(&[&agent]);
    assert_eq!(
        code(&accepted),
        0,
        "{}{}",
        stdout(&accepted),
        stderr(&accepted)
    );
}

#[test]
fn what_rules_accept_and_what_does_nothing_is_told() {
    let setting = Setting::new();
    let [one, two] = ["one", "two"].map(|name| setting.agent(name, ASK, name));
    let rules = "[[accept]]\nrule = \"header-changed\"\nreason = \"known\"\n\n[[accept]]\nrule = \"header-missing\"\nreason = \"gone\"\n\n\
                 [[accept]]\nrule = \"header-changed\"\nreason = \"old\"\nuntil = \"2020-01-01\"\n";
    setting.program.file("trace-diff.toml", rules);
    let output = setting.run(&[&one, &two, "--format", "json"]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
    let value = json(&output);
    let accepted = &value["accepted"][0];
    assert_eq!(accepted["rule"], "trace-diff.toml:1");
    assert_eq!(
        (&accepted["findings"], &accepted["agent"]),
        (&1.into(), &"two".into())
    );
    let states = value["unused_rules"].as_array().unwrap().iter();
    let states: Vec<(Value, Value)> = states
        .map(|one| (one["rule"].clone(), one["state"].clone()))
        .collect();
    let wanted = [
        ("trace-diff.toml:5", "unused"),
        ("trace-diff.toml:9", "expired"),
    ];
    assert_eq!(
        states,
        wanted.map(|(rule, state)| (rule.into(), state.into()))
    );
    for form in ["text", "markdown", "html"] {
        let text = stdout(&setting.run(&[&one, &two, "--format", form]));
        assert!(
            text.contains("accepts 1 finding of two in 1 scenario: known"),
            "{text}"
        );
        assert!(text.contains("was not found"), "{text}");
    }
    let text = stdout(&setting.run(&[&one, &two, "--verbose"]));
    assert!(
        text.contains("    header-changed: x-toy: \"one\" became \"two\""),
        "{text}"
    );
}

#[test]
fn programs_are_looked_for_from_where_the_user_is() {
    let setting = Setting::new();
    let script = format!("#!/bin/bash\n{ASK}");
    setting.program.file("bin/agent", script);
    let path = setting.path("bin/agent");
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let output = setting.run(&["--agent=toy=bin/agent {base_url} {prompt} x"]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let named = stderr(&setting.run(&["--agent=codex@new=bin/agent"]));
    assert!(named.contains("\"new\" is no version"), "{named}");
}

#[test]
fn the_list_is_there_for_programs() {
    let setting = Setting::new();
    let script = r#"{"version": 1, "name": "Hi", "run": {"prompt": "Hi."}}"#;
    setting.program.file("hi.json", script);
    let words = ["run", "hi.json", "hello.toml", "--list", "--format", "json"];
    let listed: Value = serde_json::from_str(&stdout(&setting.program.run(&words))).unwrap();
    let wanted = serde_json::json!([
        {"name": "hi", "title": "Hi"}, {"name": "hello", "title": "A question is answered"}
    ]);
    assert_eq!(listed, wanted);
}
