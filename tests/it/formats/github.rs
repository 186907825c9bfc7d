//! Workflow commands, read as a runner reads them.

use super::{FORMATS, rendered, runs};
use crate::program::{Program, code, fixture, stdout};

/// Findings in the folded part of the log.
pub(super) fn findings(text: &str) -> usize {
    let levels = ["error: ", "warning: ", "note: ", "accepted: "];
    let is_finding = |line: &&str| levels.iter().any(|level| line.starts_with(level));
    text.lines().filter(is_finding).count()
}

/// The commands that a runner sees in a log: names.
fn commands(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim_start);
    let commands = lines.filter_map(|line| line.strip_prefix("::"));
    commands
        .map(|command| command.split([' ', ':']).next().unwrap_or_default())
        .collect()
}

#[test]
fn nothing_captured_is_a_command() {
    let (program, runs) = runs();
    for (name, arguments) in &runs {
        let text = rendered(&program, arguments, "github");
        assert!(!text.contains("##["), "{name}");
        assert!(
            !text.contains(|c: char| c.is_control() && c != '\n'),
            "{name}"
        );
        let commands = commands(&text);
        let count = |names: &[&str]| commands.iter().filter(|one| names.contains(one)).count();
        assert!(count(&["group"]) <= 1 && count(&["group"]) == count(&["endgroup"]));
        assert_eq!(
            count(&["error", "warning", "notice", "group", "endgroup"]),
            commands.len(),
            "{name}: {commands:?}"
        );
        for level in ["error", "warning", "notice"] {
            assert!(count(&[level]) <= 10, "{name}");
        }
    }
}

#[test]
fn properties_are_escaped() {
    let (program, _) = runs();
    let text = rendered(&program, &["plain.jsonl", super::HOSTILE_NAME], "github");
    let line = text
        .lines()
        .find(|line| line.starts_with("::error "))
        .unwrap();
    assert!(
        line.starts_with("::error file=a%2C b%3Ac%250A<b>`@octocat`|.jsonl,line=1,title="),
        "{line}"
    );
}

#[test]
fn what_has_no_annotation_is_counted() {
    let (program, _) = runs();
    let text = rendered(&program, &["new.jsonl", "port.jsonl"], "github");
    let errors = text.matches("\nerror: ").count();
    assert!(errors > 10);
    let last = text.lines().last().unwrap();
    let expect = format!("{} more errors without an annotation", errors - 10);
    assert!(last.starts_with(&expect), "{last}");
}

#[test]
fn the_summary_of_a_step_gets_the_markdown_form() {
    let fixtures = |program: Program| {
        program
            .file("a.jsonl", fixture("codex-0.137.0-02-shell-roundtrip.jsonl"))
            .file("b.jsonl", fixture("codex-0.169.0-02-shell-roundtrip.jsonl"))
            .file("summary.md", "before\n");
        program
    };
    let program = fixtures(Program::new().with_environment("GITHUB_STEP_SUMMARY", "summary.md"));
    let read = || std::fs::read_to_string(program.path("summary.md")).unwrap();
    for format in FORMATS.iter().filter(|format| **format != "github") {
        program.run(&["a.jsonl", "b.jsonl", "--format", format]);
        assert_eq!(read(), "before\n", "{format}");
    }
    let page = stdout(&program.run(&["a.jsonl", "b.jsonl", "--format", "markdown"]));
    assert_eq!(
        code(&program.run(&["a.jsonl", "b.jsonl", "--format", "github"])),
        1
    );
    assert_eq!(read(), format!("before\n{page}"));
    let program = fixtures(Program::new().with_environment("GITHUB_STEP_SUMMARY", "no/such/file"));
    let output = program.run(&["a.jsonl", "b.jsonl", "--format", "github"]);
    assert_eq!(code(&output), 2);
}
