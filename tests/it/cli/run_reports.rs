//! `run`: where its reports go, and what of an agent's rollouts goes into them.

use std::fs;

use super::run::{ASK, Setting, cell, json};
use crate::program::{code, stderr, stdout};

#[test]
fn the_page_links_to_what_was_kept_from_where_it_is() {
    let setting = Setting::new();
    let agent = setting.agent("toy", ASK, "same");
    let keep = setting.path("kept runs").display().to_string();
    fs::create_dir(setting.path("pages")).unwrap();
    let page = setting.path("pages/matrix.html");
    let report = format!("html={}", page.display());
    let output = setting.run(&[&agent, "--keep", &keep, "--report", &report]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("href=\"./../kept%20runs/hello/toy/capture.jsonl\""));
}

#[test]
fn what_to_look_at_is_named_where_it_was_kept() {
    let setting = Setting::new();
    let [one, other] = ["one", "other"].map(|name| setting.agent(name, ASK, name));
    let output = setting.run(&[&one, &other, "--keep", "kept"]);
    let text = stdout(&output);
    let command = "trace-diff kept/hello/one/capture.jsonl kept/hello/other/capture.jsonl";
    assert!(text.contains(&format!("\n  → {command}\n")), "{text}");
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    assert_eq!(code(&setting.program.run(&words)), 1);
}

#[test]
fn a_report_replaces_nothing_that_is_read() {
    let setting = Setting::new();
    setting.program.file("trace-diff.toml", "");
    setting.program.file("more/other.toml", "version = 1\n");
    for arguments in [
        &["run", "hello.toml", "--agent=a=true", "-o", "hello.toml"],
        &[
            "run",
            "hello.toml",
            "--agent=a=true",
            "-o",
            "trace-diff.toml",
        ],
        &["run", "more", "--agent=a=true", "-o", "more/other.toml"],
    ] {
        let output = setting.program.run(arguments);
        let path = arguments[4];
        let expect = format!(
            "error: {path} is an input of this report\nhint: write the report to another file\n"
        );
        assert_eq!((code(&output), stderr(&output)), (2, expect));
    }
    let twice = setting.run(&["--agent=a=true", "-o", "a", "--report", "json=a"]);
    assert_eq!(stderr(&twice), "error: two reports would be written to a\n");
}

#[test]
fn a_file_that_can_not_be_written_costs_only_itself() {
    let setting = Setting::new();
    let agent = setting.agent("toy", ASK, "same");
    let bad = [
        "--report",
        "json=none/a",
        "--report",
        "html=none/d",
        "-o",
        "none/b",
    ];
    let good = ["--report", "junit=c", &agent];
    let output = setting.run(&[good.as_slice(), &bad].concat());
    assert_eq!(code(&output), 2);
    let told = stderr(&output);
    for path in ["none/a", "none/b", "none/d"] {
        assert!(
            told.contains(&format!("error: failed to write {path}\n")),
            "{told}"
        );
    }
    assert!(stdout(&output).contains("toy: 1 passed"));
    assert!(setting.path("c").exists());
}

#[test]
fn annotations_go_to_the_log_and_the_matrix_to_the_summary_of_the_step() {
    let setting = Setting::new();
    let summary = setting.path("summary.md");
    let agent = setting.agent("mute", "echo Well.", "");
    let program = setting
        .program
        .with_environment("GITHUB_STEP_SUMMARY", "summary.md");
    let output = program.run(&["run", "hello.toml", &agent, "--format", "github"]);
    let text = stdout(&output);
    assert!(
        text.starts_with("::error title=hello with mute%3A fails::script: "),
        "{text}"
    );
    let summary = fs::read_to_string(summary).unwrap();
    assert!(summary.contains("| `hello` | **fails** |"), "{summary}");
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let setting = Setting::new();
    let agent = setting.agent("toy", ASK, "same");
    assert!(!stdout(&setting.run(&[&agent])).contains('\u{1b}'));
    let coloured = stdout(&setting.run(&[&agent, "--color", "always"]));
    assert!(coloured.contains("\u{1b}[32mpass\u{1b}[0m"), "{coloured}");
}

/// Asks once in a thread, and writes a rollout of it that holds the answer `$3`.
const WRITE: &str = r#"
url=${1#http://}; host=${url%%:*}; rest=${url#*:}; port=${rest%%/*}
id=01a1fbd9-2890-71b3-a547-43fef44c6eea
user="{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"$2\"}]}"
body="{\"model\":\"m\",\"stream\":true,\"prompt_cache_key\":\"$id\",\"input\":[$user]}"
exec 3<>"/dev/tcp/$host/$port"
printf 'POST /v1/responses HTTP/1.1\r\nhost: x\r\nthread-id: %s\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %s\r\n\r\n%s' $id "${#body}" "$body" >&3
grep -q 'Hello\.' <&3 && echo Hello.
printf '%s, read' "$(cat notes.txt)" > notes.txt
day=$HOME/.codex/sessions/2026/11/21; mkdir -p $day
record() { printf '{"timestamp":"2026-11-21T02:04:35.000Z","type":"%s","payload":%s}\n' "$1" "$2"; }
{
record session_meta "{\"id\":\"$id\",\"timestamp\":\"2026-11-21T02:04:35.000Z\",\"cwd\":\"$PWD\",\"originator\":\"codex_exec\",\"cli_version\":\"0.169.0\"}"
record response_item "$user"
record response_item "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"$3\"}]}"
} > $day/rollout-2026-11-21T02-04-35-$id.jsonl
"#;

const SCENARIO: &str = r#"
version = 1

[run]
prompt = "Say hello."
files = { "notes.txt" = "given" }

[[expect]]
answer = "Hello."

[[expect.rollout]]
records = { response_item = 2 }
has = [{ payload = { role = "assistant", content = [{ text = { contains = "ello" } }] } }]
lacks = { type = "compacted" }

[[step]]
reply = "Hello."
"#;

#[test]
fn what_is_on_disk_is_what_was_said() {
    let setting = Setting::new();
    setting.program.file("hello.toml", SCENARIO);
    let messages = |said: &str| {
        let agent = setting.agent("writes", WRITE, said);
        let value = json(&setting.run(&[&agent, "--format", "json"]));
        let findings = cell(&value, 0)["findings"].as_array().unwrap().clone();
        let texts = findings.iter().map(|one| {
            let text = |key: &str| one[key].as_str().unwrap().to_owned();
            (text("rule"), text("message"))
        });
        texts.collect::<Vec<_>>()
    };
    assert_eq!(messages("Hello."), []);
    let [(rule, _)] = &messages("Jello.")[..] else {
        panic!("one thing differs: {:?}", messages("Jello."));
    };
    assert_eq!(rule, "rollout-delivery-changed");
    let lacks = ("rollout".to_owned(), "the rollout lacks a record with {\"payload\":{\"role\":\"assistant\",\"content\":[{\"text\":{\"contains\":\"ello\"}}]}}".to_owned());
    assert!(messages("Bye.").contains(&lacks), "{:?}", messages("Bye."));
}
