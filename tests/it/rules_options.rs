//! The rules file and `--only`, `--ignore` as the program takes them.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Compares two captures that differ.
fn compare_in(directory: &Path, options: &[&str]) -> Output {
    let capture = |version: &str| {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
        fixtures.join(format!("codex-{version}-02-shell-roundtrip.jsonl"))
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_trace-diff"));
    command.env_clear().current_dir(directory);
    command.args([capture("0.137.0"), capture("0.169.0")]);
    command
        .args(["--format", "json"])
        .args(options)
        .output()
        .unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn pointers(output: &Output) -> Vec<String> {
    let report = report(output);
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| finding["pointer"].as_str().unwrap().to_owned())
        .collect()
}

const ACCEPT_ALL: &str = "[[accept]]\npointer = ''\nreason = 'another version'\n\n\
                          [[accept]]\nrule = 'method-changed'\nreason = 'never'\n";

#[test]
fn a_rules_file_is_found_upward() {
    let directory = tempfile::tempdir().unwrap();
    let below = directory.path().join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    assert_eq!(compare_in(&below, &[]).status.code(), Some(1));
    std::fs::write(directory.path().join("trace-diff.toml"), ACCEPT_ALL).unwrap();
    let output = compare_in(&below, &[]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report = report(&output);
    assert_eq!(report["verdict"], "clean");
    assert_ne!(report["summary"]["findings"]["accepted"], 0);
    let file = Path::new("..").join("..").join("trace-diff.toml");
    let unused = &report["unused_rules"][0];
    assert_eq!(unused["rule"], format!("{}:5", file.display()));
}

#[test]
fn a_rules_file_with_a_mistake_ends_the_run() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("r.toml"), "basline = 'a'\n").unwrap();
    let output = compare_in(directory.path(), &["--rules", "r.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: r.toml:1:1: unknown key `basline`\n  |\n1 | basline = 'a'\n  | ^^^^^^^\n  \
         = hint: did you mean `baseline`?\n"
    );
    let missing = compare_in(directory.path(), &["--rules", "none.toml"]);
    assert_eq!(missing.status.code(), Some(2));
    let message = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(
        message.starts_with("error: failed to read none.toml\ncaused by: "),
        "{message}"
    );
}

#[test]
fn an_exchange_that_one_side_lacks_is_told_whatever_place_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/captures/codex-0.169.0-02-shell-roundtrip.jsonl");
    let whole = std::fs::read_to_string(fixture).unwrap();
    let last = whole.trim_end().rfind('\n').unwrap();
    let [a, b] = ["whole.jsonl", "less.jsonl"].map(|name| directory.path().join(name));
    std::fs::write(&a, &whole).unwrap();
    std::fs::write(&b, &whole[..=last]).unwrap();
    for place in ["/request", "/request/headers/user-agent", "/response"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trace-diff"));
        let arguments = ["--only", place, "--format", "json"];
        let output = command.env_clear().args([&a, &b]).args(arguments).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1), "{place}");
        assert_eq!(report(&output)["findings"][0]["rule"], "exchange-missing");
    }
}

#[test]
fn only_and_ignore_choose_places() {
    let directory = tempfile::tempdir().unwrap();
    let all = pointers(&compare_in(directory.path(), &[]));
    let is_header = |pointer: &String| pointer.starts_with("/request/headers");
    assert!(
        all.iter().any(is_header) && !all.iter().all(is_header),
        "{all:?}"
    );
    let only = pointers(&compare_in(
        directory.path(),
        &["--only", "/request/headers"],
    ));
    assert!(!only.is_empty() && only.iter().all(is_header), "{only:?}");
    let rest = pointers(&compare_in(
        directory.path(),
        &["--ignore", "/request/headers"],
    ));
    assert!(!rest.is_empty() && !rest.iter().any(is_header), "{rest:?}");
    let nothing = compare_in(
        directory.path(),
        &["--ignore", "/request", "--ignore", "/response"],
    );
    assert_eq!(
        (nothing.status.code(), pointers(&nothing)),
        (Some(0), Vec::new())
    );
    assert_eq!(
        compare_in(directory.path(), &["--only", "request"])
            .status
            .code(),
        Some(2)
    );
}
