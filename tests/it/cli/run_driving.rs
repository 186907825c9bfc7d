//! `run`: in which words an agent is told what the user does, with toy programs in the place of Codex.

use std::fs;

use super::run::{Setting, json};
use crate::program::{code, stderr, stdout};

/// Writes down what it was told, and says in the words of `codex exec --json` which thread it is in.
const NOTE: &str = r#"printf '%s\n' "$*" >> told.txt
echo "{\"type\":\"thread.started\",\"thread_id\":\"thread-$(wc -l < told.txt)\"}"
"#;

/// What `run` tells a codex of some version in a scenario, process by process.
fn told(version: &str, run: &str) -> String {
    told_to(&format!("codex@{version}"), run)
}

/// The same for an agent of any name.
fn told_to(agent: &str, run: &str) -> String {
    let setting = Setting::new();
    setting.program.file("codex.sh", NOTE);
    let script = format!("version = 1\n[run]\n{run}\n[expect]\nanswer = \"None.\"\n");
    setting.program.file("driven.toml", &script);
    let path = setting.path("codex.sh").display().to_string();
    let command = format!("--agent={agent}=bash {path}");
    let output = setting
        .program
        .run(&["run", "driven.toml", &command, "--keep", "kept"]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let told = setting.path(&format!("kept/driven/{agent}/agent/work/told.txt"));
    fs::read_to_string(told).unwrap()
}

#[test]
fn images_go_with_the_prompt_that_they_are_attached_to() {
    let run = r#"files = { "a.png" = "a", "b/c.png" = "b" }
processes = [[{ prompt = "Look.", images = ["a.png", "b/c.png"] }], ["Go on."], [{ prompt = "Again.", images = "a.png" }]]"#;
    let wanted = "exec --json --skip-git-repo-check --image=a.png --image=b/c.png -- Look.\n\
                  exec --json --skip-git-repo-check resume thread-1 -- Go on.\n\
                  exec --json --skip-git-repo-check resume thread-1 --image=a.png -- Again.\n";
    assert_eq!(told("0.169.0", run), wanted);
}

#[test]
fn a_process_that_begins_with_a_fork_goes_on_in_it() {
    let run = r#"processes = [["One."], ["/fork", "Two."], ["Three."]]"#;
    let wanted = "exec --json --skip-git-repo-check -- One.\n\
                  exec --json --skip-git-repo-check fork thread-1 -- Two.\n\
                  exec --json --skip-git-repo-check resume thread-2 -- Three.\n";
    assert_eq!(told("0.148.0", run), wanted);
    let before = "exec --json --skip-git-repo-check -- One.\napp-server\n";
    let told = told("0.147.0", run);
    assert!(told.starts_with(before), "{told}");
}

#[test]
fn what_pycodex_is_asked_first_is_not_asked_of_its_next_process() {
    let told = told_to("pycodex@0.5.1", r#"processes = [["-One."], ["Two."]]"#);
    let lines: Vec<&str> = told.lines().collect();
    let [first, second] = lines[..] else {
        panic!("{told}")
    };
    assert_eq!(first, format!("{second} --json -- -One."));
    assert!(second.ends_with("/.codex/config.toml"), "{second}");
}

#[test]
fn who_can_not_be_given_images_is_not_asked() {
    let setting = Setting::new();
    let script = "version = 1\n[run]\nprompt = { prompt = \"Look.\", images = \"a.png\" }\nfiles = { \"a.png\" = \"a\" }\n";
    setting.program.file("hello.toml", script);
    let other = setting.agent("other", "echo Hello.", "");
    let output = setting.run(&[&other, "--agent=pycodex=false", "--format", "json"]);
    let reasons: Vec<String> = json(&output)["scenarios"][0]["cells"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| cell["reason"].as_str().unwrap().to_owned())
        .collect();
    let wanted = [
        "how this agent is given images is not known",
        "pycodex takes no images with a prompt",
    ];
    assert_eq!(reasons, wanted, "{}", stdout(&output));
}
