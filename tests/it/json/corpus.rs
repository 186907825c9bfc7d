//! The reader against files with known truth; the large set is beside the repository and may be absent.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use trace_diff::json::{Part, read_records};

fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/corpus")
        .join(folder);
    if !path.is_dir() {
        println!("skipped: no corpus beside the repository");
        return None;
    }
    Some(path)
}

fn span(value: &Value) -> (u64, u64) {
    (
        value["start"].as_u64().unwrap(),
        value["end"].as_u64().unwrap(),
    )
}

/// Spans that touch are one: the truth does not say where one kind of damage turns into another.
fn joined(spans: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    let mut all: Vec<(u64, u64)> = Vec::new();
    for (start, end) in spans {
        match all.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => all.push((start, end)),
        }
    }
    all
}

/// What differs between a file and its truth.
fn differences(bytes: &[u8], truth: &Value) -> Option<String> {
    let found = read_records(bytes);
    let mut records = Vec::new();
    let mut damage = Vec::new();
    for part in &found.parts {
        match part {
            Part::Record(record) => records.push((record.span.start, record.span.end)),
            Part::Problem(problem) => damage.push((problem.span.start, problem.span.end)),
        }
    }
    let expected: Vec<_> = truth["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(span)
        .collect();
    let expected_damage = joined(truth["damaged_spans"].as_array().unwrap().iter().map(span));
    if records != expected {
        return Some(format!("records {records:?}, not {expected:?}"));
    }
    if joined(damage.iter().copied()) != expected_damage {
        return Some(format!("damage {damage:?}, not {expected_damage:?}"));
    }
    None
}

fn check_folder(folder: &Path) {
    let mut checked = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(file) = path.to_str().unwrap().strip_suffix(".expected.json") else {
            continue;
        };
        let truth: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        if let Some(difference) = differences(&fs::read(file).unwrap(), &truth) {
            wrong.push(format!("{file}: {difference}"));
        }
        checked += 1;
    }
    assert!(checked > 0, "no expectations in {}", folder.display());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn damaged_corpus_is_read_as_it_was_built() {
    if let Some(folder) = shared("damaged") {
        check_folder(&folder);
    }
}

#[test]
fn json_test_suite_is_told_apart() {
    let Some(folder) = shared("json-test-suite") else {
        return;
    };
    let mut checked = 0;
    for entry in walkdir(&folder) {
        let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = fs::read(&entry).unwrap();
        let found = read_records(&bytes);
        let is_one = found.summary.records == 1 && found.summary.problems == 0;
        match name.as_bytes() {
            [b'y', b'_', ..] => assert!(is_one, "{name}: {found:?}"),
            [b'n', b'_', ..] => assert!(!is_one, "{name}: {found:?}"),
            _ => continue,
        }
        checked += 1;
    }
    assert!(checked > 200, "{checked}");
}

fn walkdir(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walkdir(&path));
        } else {
            files.push(path);
        }
    }
    files
}
