//! `run`: scenarios with toy agents written in a shell.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{Program, code, stderr, stdout};
use crate::schema;

pub(super) const SCENARIO: &str = r#"
version = 1
name = "A question is answered"

[run]
prompt = "Say hello."
files = { "notes.txt" = "given" }

[[expect]]
agent = "pycodex"
not_applicable = "of no use here"

[[expect]]
answer = "Hello."
requests = 1
files = { "notes.txt" = "given, read" }

[[step]]
when = { last_user = "Say hello." }
reply = "Hello."
"#;

/// Asks once, prints the answer, and leaves a mark in a file of the work directory.
pub(super) const ASK: &str = r#"
url=${1#http://}; host=${url%%:*}; rest=${url#*:}; port=${rest%%/*}
body="{\"model\":\"m\",\"stream\":true,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"$2\"}]}]}"
exec 3<>"/dev/tcp/$host/$port"
printf 'POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-toy: %s\r\nconnection: close\r\ncontent-length: %s\r\n\r\n%s' "$3" "${#body}" "$body" >&3
grep -q 'Hello\.' <&3 && echo Hello.
printf '%s, read' "$(cat notes.txt)" > notes.txt
"#;

pub(super) struct Setting {
    pub(super) program: Program,
}

impl Setting {
    pub(super) fn new() -> Self {
        let program = Program::new().with_environment("PATH", "/usr/local/bin:/usr/bin:/bin");
        program.file("hello.toml", SCENARIO);
        Self { program }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.program.path(name)
    }

    /// The option for an agent that runs a script of bash.
    pub(super) fn agent(&self, name: &str, script: &str, last: &str) -> String {
        self.program.file(&format!("{name}.sh"), script);
        let path = self.path(&format!("{name}.sh"));
        let path = path.display();
        format!("--agent={name}=bash {path} {{base_url}} {{prompt}} {last}")
    }

    pub(super) fn run(&self, more: &[&str]) -> std::process::Output {
        let arguments = [&["run", "hello.toml"], more].concat();
        self.program.run(&arguments)
    }
}

pub(super) fn json(output: &std::process::Output) -> Value {
    let value: Value = serde_json::from_str(&stdout(output)).unwrap();
    let violations = schema::violations(&schema::load("matrix"), &value);
    assert_eq!(violations, Vec::<String>::new());
    value
}

pub(super) fn cell(value: &Value, agent: usize) -> &Value {
    &value["scenarios"][0]["cells"][agent]
}

#[test]
fn an_agent_that_does_what_is_expected_passes() {
    let setting = Setting::new();
    let agent = setting.agent("toy", ASK, "same");
    let output = setting.run(&[&agent]);
    assert_eq!(
        stdout(&output),
        "       toy\nhello  pass\n\ntoy: 1 passed\n"
    );
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
}

#[test]
fn what_is_not_as_expected_is_told_with_the_cell() {
    let setting = Setting::new();
    let agent = setting.agent("mute", "echo Well.", "");
    let output = setting.run(&[&agent, "--format", "json"]);
    assert_eq!(code(&output), 1);
    let value = json(&output);
    assert_eq!(cell(&value, 0)["verdict"], "fails");
    let rules: Vec<&str> = cell(&value, 0)["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap())
        .collect();
    assert_eq!(rules, ["script", "answer", "requests", "files"]);
}

#[test]
fn an_agent_that_hangs_or_crashes_costs_the_others_nothing() {
    let setting = Setting::new();
    let hangs = setting.agent("hangs", "sleep 60", "");
    let crashes = setting.agent("crashes", "kill -SEGV $$", "");
    let good = setting.agent("good", ASK, "same");
    let more = [
        &hangs,
        &crashes,
        &good,
        "--timeout",
        "1s",
        "--format",
        "json",
    ];
    let value = json(&setting.run(&more));
    let first = |agent: usize| cell(&value, agent)["findings"][0]["message"].clone();
    assert_eq!(first(0), "the agent did not end in time");
    assert_eq!(first(1), "the agent was ended by signal 11 (SIGSEGV)");
    assert_eq!(cell(&value, 2)["verdict"], "pass");
}

#[test]
fn what_is_written_to_the_home_of_the_user_is_told() {
    let setting = Setting::new();
    let home = setting.path("home");
    fs::create_dir(&home).unwrap();
    let agent = setting.agent(
        "stray",
        &format!("{ASK}\necho x > {}/note", home.display()),
        "",
    );
    let program = setting
        .program
        .with_environment("HOME", home.to_str().unwrap().to_owned().leak());
    let output = program.run(&["run", "hello.toml", &agent]);
    let wanted = format!(
        "changed while it ran, by an agent or another program: {}/note\n",
        home.display()
    );
    assert_eq!((code(&output), stderr(&output)), (0, wanted));
}

#[test]
fn what_a_candidate_sends_is_compared_with_the_baseline() {
    let setting = Setting::new();
    let [baseline, same] = ["baseline", "same"].map(|name| setting.agent(name, ASK, "one"));
    let other = setting.agent("other", ASK, "two");
    let output = setting.run(&[&baseline, &same, &other]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("hello  pass      pass  differs (1+0)"),
        "{text}"
    );
    assert!(text.contains("header-changed"), "{text}");
    assert!(text.contains("\"one\" became \"two\""), "{text}");
}

#[test]
fn reports_hold_nothing_that_changes_from_run_to_run() {
    let setting = Setting::new();
    let agents = [
        setting.agent("a", ASK, "one"),
        setting.agent("b", "exit 3", ""),
    ];
    let run = |format: &str| {
        let output = setting.run(&[&agents[0], &agents[1], "--format", format, "--rerun", "1"]);
        stdout(&output)
    };
    for format in ["text", "json", "junit", "github", "markdown", "html"] {
        assert_eq!(run(format), run(format), "{format}");
    }
}

#[test]
fn what_a_run_leaves_is_kept_when_asked_for() {
    let setting = Setting::new();
    let agent = setting.agent("toy", ASK, "same");
    let kept = setting.path("kept");
    let junit = setting.path("junit.xml");
    let report = format!("junit={}", junit.display());
    let keep = kept.display().to_string();
    let output = setting.run(&[&agent, "--keep", &keep, "--report", &report, "--quiet"]);
    assert_eq!((code(&output), stdout(&output).as_str()), (0, ""));
    let capture = kept.join("hello/toy/capture.jsonl");
    assert!(fs::read_to_string(capture).unwrap().contains("Say hello."));
    let xml = fs::read_to_string(junit).unwrap();
    assert!(
        xml.contains("<testcase name=\"hello\" classname=\"toy\" time=\"0\"/>"),
        "{xml}"
    );
}

#[test]
fn a_run_takes_nothing_over_from_an_earlier_one() {
    let setting = Setting::new();
    let agent = setting.agent("toy", ASK, "same");
    let keep = setting.path("kept").display().to_string();
    assert_eq!(code(&setting.run(&[&agent, "--keep", &keep])), 0);
    let output = setting.run(&[&agent, "--keep", &keep]);
    let said = stderr(&output);
    assert_eq!(code(&output), 2);
    assert!(
        said.ends_with("hint: --keep wants a directory without earlier runs of these scenarios\n"),
        "{said}"
    );
}

/// Asks, and tells a file who it is before it waits.
const WAIT: &str = "echo $$ > \"$3\"; exec sleep 60";

#[test]
fn a_run_that_is_interrupted_ends_its_agents() {
    let setting = Setting::new();
    let told = setting.path("pid");
    let agent = setting.agent("waits", WAIT, &told.display().to_string());
    let run = setting.program.spawn(&["run", "hello.toml", &agent]);
    let pid = loop {
        match fs::read_to_string(&told) {
            Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
            _ => std::thread::yield_now(),
        }
    };
    let killed = std::process::Command::new("kill")
        .arg(run.id().to_string())
        .status();
    assert!(killed.unwrap().success());
    let output = run.wait_with_output().unwrap();
    assert_eq!(
        (code(&output), stderr(&output).as_str()),
        (2, "error: interrupted: the agents were ended\n")
    );
    assert!(!Path::new("/proc").join(pid).exists());
}

#[test]
fn what_can_not_be_run_is_said_with_what_to_do() {
    let setting = Setting::new();
    let program = &setting.program;
    program.file("plain.toml", "version = 1\n[[step]]\nreply = \"OK\"\n");
    let refuse = |arguments: &[&str]| {
        let output = program.run(arguments);
        assert_eq!(code(&output), 2);
        stderr(&output)
    };
    assert_eq!(
        refuse(&["run", "plain.toml", "--agent", "toy=true"]),
        "error: plain has no table `run`: it says what a server plays, not what an agent is asked\n\
         hint: docs/script.md says what goes into the table `run`\n"
    );
    assert_eq!(
        refuse(&["run", "tool-cal", "--agent", "toy=true"]),
        "error: tool-cal is no file, no directory and no scenario of the suite\n\
         hint: trace-diff run --list names the scenarios\n"
    );
    let unknown = refuse(&["run", "plain-answer", "--agent", "toy=no-such-program-here"]);
    assert!(
        unknown.contains("failed to start no-such-program-here")
            && unknown.ends_with("hint: check the command of --agent\n"),
        "{unknown}"
    );
    program.file("other/hello.toml", SCENARIO);
    assert_eq!(
        refuse(&["run", "hello.toml", "other/hello.toml", "--agent=a=true"]),
        "error: two scenarios are called hello\nhint: a scenario has the name of its file\n"
    );
    fs::create_dir(setting.path("none")).unwrap();
    assert_eq!(
        refuse(&["run", "none", "--agent=a=true"]),
        "error: none holds no script\nhint: scripts end in .toml or .json\n"
    );
    assert!(refuse(&["run", "plain-answer", "--agent==true"]).contains("expected NAME=COMMAND"));
    let uninstalled = refuse(&["run", "plain-answer"]);
    assert!(
        uninstalled.contains("caused by: failed to start codex\n"),
        "{uninstalled}"
    );
    let twice = refuse(&["run", "plain-answer", "--agent=a=true", "--agent=a=false"]);
    assert!(
        twice.starts_with("error: two agents are called a\n"),
        "{twice}"
    );
}

#[test]
fn the_list_names_every_script_of_the_suite() {
    let output = Program::new().run(&["run", "--list"]);
    let listed: Vec<String> = stdout(&output)
        .lines()
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite");
    let mut files: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().path().file_stem()?.to_str()?.to_owned()))
        .collect();
    files.sort();
    assert_eq!(listed, files);
    assert!(listed.len() >= 40);
}
