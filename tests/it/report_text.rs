//! The report for a person: what the program prints for pairs of fixtures, and that it fits the page.

use std::fs;
use std::path::Path;
use std::process::Command;

use trace_diff::capture::read_capture;
use trace_diff::diff::{Options, compare};
use trace_diff::report::{Report, TextOptions, comparison_report, render_text};

use crate::samples;

/// Exit status, standard output and standard error of a comparison done in a directory.
fn printed(directory: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trace-diff"));
    command.env_clear().current_dir(directory).args(args);
    let output = command.output().expect("the program starts");
    format!(
        "exit status: {}\n----- stdout -----\n{}----- stderr -----\n{}",
        output.status.code().expect("the program is not killed"),
        String::from_utf8(output.stdout).expect("UTF-8"),
        String::from_utf8(output.stderr).expect("UTF-8")
    )
}

fn captures() -> std::path::PathBuf {
    samples::package().join("fixtures/captures")
}

fn check(name: &str, baseline: &str, candidate: &str) {
    let page = printed(&captures(), &[baseline, candidate]);
    assert_page(name, page);
}

fn assert_page(name: &str, page: String) {
    insta::with_settings!({
        snapshot_path => "../../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(format!("text_{name}"), page);
    });
}

#[test]
fn a_newer_codex() {
    check(
        "newer_codex",
        "codex-0.137.0-02-shell-roundtrip.jsonl",
        "codex-0.169.0-02-shell-roundtrip.jsonl",
    );
}

#[test]
fn a_port() {
    check(
        "port",
        "codex-0.169.0-02-shell-roundtrip.jsonl",
        "pycodex-0.5.1-02-shell-roundtrip.jsonl",
    );
}

/// The candidate leaves out the second and the last request.
#[test]
fn exchanges_that_one_side_lacks() {
    let text = fixture("codex-0.137.0-21-subagent.jsonl");
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.len() - 1;
    let kept = lines
        .iter()
        .enumerate()
        .filter(|(n, _)| ![1, last].contains(n));
    let changed: String = kept.map(|(_, line)| format!("{line}\n")).collect();
    check_changed("one_sided", &text, &changed);
}

#[test]
fn the_same_run_twice() {
    check(
        "run_twice",
        "codex-0.137.0-21-subagent.jsonl",
        "codex-0.137.0-21-subagent-run2.jsonl",
    );
}

/// The second request says another session than the first.
#[test]
fn an_identifier_that_is_no_longer_the_same() {
    let text = fixture("codex-0.137.0-02-shell-roundtrip.jsonl");
    let at = text.rfind("[\"session-id\",").expect("the header is sent");
    let value = at + text[at..].find("\",").expect("a name ends") + 2;
    let value = value + text[value..].find('"').expect("a value begins") + 1;
    let mut changed = text.clone();
    changed.replace_range(value..value + 8, "0badc0de");
    check_changed("identifier_split", &text, &changed);
}

fn fixture(name: &str) -> String {
    fs::read_to_string(captures().join(name)).expect("fixtures are readable")
}

/// Compares a capture with a changed copy of it.
fn check_changed(name: &str, baseline: &str, candidate: &str) {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text);
    write("baseline.jsonl", baseline).expect("a file can be written");
    write("candidate.jsonl", candidate).expect("a file can be written");
    let page = printed(directory.path(), &["baseline.jsonl", "candidate.jsonl"]);
    assert_page(name, page);
}

/// Reports of each fixture compared with the next.
fn reports() -> Vec<(String, Report)> {
    let mut names: Vec<String> = fs::read_dir(captures())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let report = |pair: &[String]| {
        let read = |name: &String| {
            let path = captures().join(name);
            read_capture(&path.to_string_lossy()).unwrap_or_else(|e| panic!("{name}: {e}"))
        };
        let (a, b) = (read(&pair[0]), read(&pair[1]));
        let comparison = compare(&a, &b, &Options::default());
        let name = format!("{} {}", pair[0], pair[1]);
        (name, comparison_report(&a, &b, &comparison))
    };
    names.windows(2).map(report).collect()
}

#[test]
fn lines_fit_the_width() {
    for (name, mut report) in reports() {
        for input in &mut report.inputs {
            input.path = "a.jsonl".to_owned();
        }
        for (width, is_verbose) in [(80, false), (80, true), (100, false), (100, true)] {
            let options = TextOptions {
                width,
                is_verbose,
                ..TextOptions::default()
            };
            let mut page = Vec::new();
            render_text(&report, &options, &mut page).unwrap();
            for line in String::from_utf8(page).unwrap().lines() {
                // A sign or a bullet may stand before a word that is too long for any line.
                let words = line.split_whitespace().filter(|word| word.len() > 2);
                let fits = line.chars().count() <= width || words.count() <= 1;
                assert!(fits, "{name} at {width}: {line}");
            }
        }
    }
}
