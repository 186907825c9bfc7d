//! The commands for people and tools: explain, schema, completions, man.

use std::process::{Command, Output};

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trace-diff"));
    command.env_clear().args(args);
    command.output().expect("the program starts")
}

fn stdout(args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.stderr.is_empty(), "{args:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn stderr_of_failure(args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    assert!(output.stdout.is_empty(), "{args:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn explain_describes_one_rule_or_lists_all() {
    assert!(
        stdout(&["explain", "header-missing"])
            .starts_with("header-missing (error)\n\nThe baseline sends")
    );
    let list = stdout(&["explain"]);
    assert_eq!(list.lines().count(), trace_diff::report::rule_names().len());
    assert!(list.contains(
        "\nheader-order                     note     The same headers were sent in another order.\n"
    ));
}

#[test]
fn explain_answers_an_unknown_name_with_a_hint() {
    assert_eq!(
        stderr_of_failure(&["explain", "header-mising"]),
        "error: unknown rule `header-mising`\nhint: did you mean header-missing?\n"
    );
    assert_eq!(
        stderr_of_failure(&["explain", "qqq"]),
        "error: unknown rule `qqq`\nhint: trace-diff explain lists the rules\n"
    );
}

#[test]
fn schema_prints_what_is_committed() {
    for name in ["capture", "matrix", "report", "rules"] {
        let printed: serde_json::Value =
            serde_json::from_str(&stdout(&["schema", name])).expect("JSON");
        assert_eq!(printed, crate::schema::load(name));
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(
            stdout(&["completions", shell]).contains("explain"),
            "{shell}"
        );
    }
}

#[test]
fn man_has_a_page_for_the_program_and_for_each_command() {
    assert!(stdout(&["man"]).contains("\n.TH trace-diff 1 "));
    assert!(stdout(&["man", "explain"]).contains("\n.TH trace-diff-explain 1 "));
    assert_eq!(
        stderr_of_failure(&["man", "qqq"]),
        "error: unknown command `qqq`\nhint: trace-diff --help lists the commands\n"
    );
}
