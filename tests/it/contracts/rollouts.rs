//! Rollouts by themselves, as findings.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::samples::package;

const ROLLOUT: &str = "fixtures/rollouts/codex-0.169.0-02-shell-roundtrip";

fn run(directory: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trace-diff"));
    command.env_clear().current_dir(directory);
    command.args(options).output().unwrap()
}

fn rules_of(output: &Output) -> Vec<String> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|one| one["rule"].as_str().unwrap().to_owned())
        .collect()
}

/// A rollout with a record twice, one that stands on the line of another, and a torn end.
fn broken(directory: &TempDir) -> String {
    let files = std::fs::read_dir(package().join(ROLLOUT)).unwrap();
    let file = files.map(|file| file.unwrap().path()).next().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(4, lines[3]);
    let joined = format!("{}{}", lines[6], lines[7]);
    lines.splice(6..8, [joined.as_str()]);
    let whole = lines.join("\n");
    let name = file.file_name().unwrap().to_str().unwrap();
    std::fs::write(directory.path().join(name), &whole[..whole.len() - 40]).unwrap();
    name.to_owned()
}

#[test]
fn a_whole_rollout_has_no_findings() {
    for path in [package().join(ROLLOUT), package().join("fixtures/rollouts")] {
        let output = run(&package(), &["-q", path.to_str().unwrap()]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{}: {told}", path.display());
    }
}

#[test]
fn what_is_wrong_with_a_rollout_is_a_finding() {
    let directory = TempDir::new().unwrap();
    let name = broken(&directory);
    let output = run(directory.path(), &[&name, "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let rules = rules_of(&output);
    for rule in [
        "session-duplicated-record",
        "session-shared-line",
        "reader-truncated",
    ] {
        assert!(rules.iter().any(|one| one == rule), "{rule}: {rules:?}");
        assert!(trace_diff::report::explain(rule).is_ok());
    }
    let of_directory = run(directory.path(), &[".", "--format", "json"]);
    assert_eq!(rules_of(&of_directory), rules);
    let off: Vec<String> = rules
        .iter()
        .map(|rule| format!("--rule={rule}=off"))
        .collect();
    let mut options = vec![name.as_str(), "-q"];
    options.extend(off.iter().map(String::as_str));
    assert_eq!(run(directory.path(), &options).status.code(), Some(0));
    let accept: String = rules
        .iter()
        .map(|rule| format!("[[accept]]\nrule = \"{rule}\"\nreason = \"known\"\n"))
        .collect();
    std::fs::write(directory.path().join("trace-diff.toml"), accept).unwrap();
    assert_eq!(run(directory.path(), &[&name, "-q"]).status.code(), Some(0));
}

#[test]
fn a_compressed_rollout_is_read() {
    let directory = TempDir::new().unwrap();
    let name = broken(&directory);
    let plain = run(directory.path(), &[&name, "--format", "json"]);
    let bytes = std::fs::read(directory.path().join(&name)).unwrap();
    let level = ruzstd::encoding::CompressionLevel::Uncompressed;
    let packed = ruzstd::encoding::compress_to_vec(bytes.as_slice(), level);
    std::fs::remove_file(directory.path().join(&name)).unwrap();
    let name = format!("{name}.zst");
    std::fs::write(directory.path().join(&name), packed).unwrap();
    let output = run(directory.path(), &[&name, "--format", "json"]);
    assert_eq!(rules_of(&output), rules_of(&plain));
}
