//! Damaged rollouts: what is lost is named, and both agents' readers are predicted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use trace_diff::rollout::{
    DamageReport, OrderCheck, PycodexReader, PycodexView, RolloutIndex, RolloutPart, RolloutReader,
    RolloutSource,
};

use crate::samples::package;

/// Names a Python that has pycodex 0.3.3 or later, to check its real reader.
const PYTHON: &str = "TRACE_DIFF_PYCODEX_PYTHON";

fn report(path: &Path) -> (RolloutIndex, DamageReport) {
    let source = RolloutSource::file(path).unwrap();
    let (mut index, mut order) = (RolloutIndex::default(), OrderCheck::new());
    let mut reader = RolloutReader::new(source.open().unwrap());
    while let Some(part) = reader.next_part().unwrap() {
        match part {
            RolloutPart::Record(record) => {
                let what = index.add_record(&record);
                order.add(&record, what);
            }
            RolloutPart::Problem(problem) => index.add_problem(problem),
        }
    }
    let report = DamageReport::read(&source, &index, &order.finish(&index, &source.path), |_| {
        None
    })
    .unwrap();
    (index, report)
}

/// Damaged files of the corpus, each with what is known of it.
fn damaged() -> Vec<(PathBuf, Value)> {
    let folder = package().join("../shared/corpus/damaged");
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: no corpus beside the package");
        return Vec::new();
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        let truth = PathBuf::from(format!("{}.expected.json", path.display()));
        if let Ok(truth) = fs::read_to_string(truth) {
            files.push((path, serde_json::from_str(&truth).unwrap()));
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

/// What the bytes of a broken record say of it: the words that a report must hold.
fn readable(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let payload = text.find("\"payload\":{").map(|at| &text[at + 10..]);
    let string = |text: &str, key: &str| {
        let at = text.find(&format!("\"{key}\":\""))? + key.len() + 4;
        let end = text[at..].find('"')?;
        Some(text[at..at + end].to_owned())
    };
    let outer = text.split("\"payload\":").next().unwrap_or_default();
    let mut words = Vec::new();
    let kind = string(outer, "type");
    let is_wrapper = matches!(kind.as_deref(), Some("response_item" | "event_msg"));
    let inner = payload
        .filter(|_| is_wrapper)
        .and_then(|payload| string(&payload[..payload.len().min(60)], "type"));
    words.extend(inner.or(kind));
    words.extend(payload.and_then(|payload| string(payload, "call_id")));
    words
}

#[test]
fn nothing_is_lost_without_a_name() {
    let mut named = 0;
    for (path, truth) in damaged() {
        let (_, report) = report(&path);
        let bytes = fs::read(&path).unwrap();
        for span in truth["damaged_spans"].as_array().unwrap() {
            let start = span["start"].as_u64().unwrap();
            let end = span["end"].as_u64().unwrap();
            let touching = report
                .problems
                .iter()
                .filter(|problem| problem.span.start < end && start < problem.span.end);
            let said: Vec<String> = touching
                .flat_map(|problem| problem.lost.iter().chain([&problem.message]))
                .cloned()
                .collect();
            assert!(
                !said.is_empty(),
                "{}: nothing is said of {start}..{end}",
                path.display()
            );
            let what = span["what"].as_str().unwrap();
            if !what.contains(" cut after ") && !what.contains("invalid UTF-8") {
                continue;
            }
            for word in readable(&bytes[start as usize..end as usize]) {
                assert!(
                    said.iter().any(|said| said.contains(&word)),
                    "{}: {word} is not named: {said:?}",
                    path.display()
                );
                named += 1;
            }
        }
    }
    println!("{named} facts of lost records are named");
}

#[test]
fn runs_of_the_corpus_are_not_damaged() {
    let corpus = package().join("../shared/corpus");
    let mut files = 0;
    for entry in walkdir::WalkDir::new(&corpus)
        .into_iter()
        .filter_map(Result::ok)
    {
        let path = entry.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if !name.starts_with("rollout-") || !name.ends_with(".jsonl") {
            continue;
        }
        let (_, report) = report(path);
        assert_eq!(report.problems, [], "{}", path.display());
        files += 1;
    }
    if files == 0 {
        println!("skipped: no corpus beside the package");
    }
}

/// Reads each path of standard input as pycodex does when it resumes, and prints one line of JSON for each.
const SCRIPT: &str = r#"
import json, sys
from pycodex.utils.session_persist import load_resumed_session_path
for line in sys.stdin:
    try:
        resumed = load_resumed_session_path(line.rstrip("\n"))
        items = [item.serialize() for item in resumed["history"]]
        print(json.dumps(items if resumed["session_id"] else None))
    except Exception:
        print("null")
"#;

/// Ways to damage a file, for the real reader and ours.
fn damage(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    let mut all = vec![bytes.to_vec(), bytes.to_ascii_lowercase()];
    for at in 0..lines.len() {
        let with = |line: &[u8]| [&lines[..at].concat(), line, &lines[at + 1..].concat()].concat();
        let line = lines[at];
        all.push(with(&line[..line.len() / 2]));
        all.push(with(&[&line[..line.len() / 2], b"\n"].concat()));
        all.push(with(&[b"\0\0", line].concat()));
        all.push(with(&[line, line].concat()));
        all.push(with(line.trim_ascii_end()));
        all.push(with(b""));
        all.push(bytes[..bytes.len().min(lines[..at].concat().len() + line.len() / 3)].to_vec());
        let mut spoilt = line.to_vec();
        spoilt[line.len() - 8] = 0xff;
        all.push(with(&spoilt));
    }
    all
}

#[test]
fn the_real_pycodex_reads_what_we_say() {
    let Some(python) = std::env::var_os(PYTHON) else {
        println!("skipped: {PYTHON} does not name a Python with pycodex");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (at, bytes) in samples().iter().flat_map(|bytes| damage(bytes)).enumerate() {
        let id = format!("rollout-2026-11-21T02-04-49-01a1fbd9-5e66-7a92-9d96-{at:012x}.jsonl");
        let path = folder.path().join(id);
        fs::write(&path, bytes).unwrap();
        paths.push(path);
    }
    let list: String = paths
        .iter()
        .map(|path| format!("{}\n", path.display()))
        .collect();
    let input = folder.path().join("list");
    fs::write(&input, list).unwrap();
    let output = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(fs::File::open(input).unwrap())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.lines().count(), paths.len());
    for (path, answer) in paths.iter().zip(answers.lines()) {
        let source = RolloutSource::file(path).unwrap();
        let index = RolloutIndex::read(&source).unwrap();
        let view = PycodexView::read(&source, &index, PycodexReader::V0_3, None).unwrap();
        let items: Vec<Value> = view
            .items
            .iter()
            .map(|item| serde_json::from_str(&item.text).unwrap())
            .collect();
        let said = view.refusal.is_none().then_some(items);
        let real: Option<Vec<Value>> = serde_json::from_str(answer).unwrap();
        let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        assert_eq!(said, real, "{:?} {text}", view.refusal);
    }
    println!("pycodex reads {} files as predicted", paths.len());
}

/// Small rollouts: one with calls, one with a compaction in the middle.
fn samples() -> [Vec<u8>; 2] {
    let record = |kind: &str, payload: &str| {
        format!(
            "{{\"timestamp\":\"2026-11-21T02:04:49.000Z\",\"type\":\"{kind}\",\"payload\":{payload}}}\n"
        )
    };
    let meta = record(
        "session_meta",
        r#"{"id":"01a1fbd9-5e66-7a92-9d96-2f6102d7e1ff"}"#,
    );
    let user = record(
        "event_msg",
        r#"{"type":"user_message","message":"List it."}"#,
    );
    let call = record(
        "response_item",
        r#"{"type":"function_call","id":"f","name":"exec","arguments":"{\"cmd\": \"ls\"}","call_id":"c1"}"#,
    );
    let output = record(
        "response_item",
        r#"{"type":"function_call_output","call_id":"c1","output":"a.txt"}"#,
    );
    let answer = record(
        "response_item",
        r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"One."}]}"#,
    );
    let compacted = record(
        "compacted",
        r#"{"message":"s","replacement_history":[{"type":"message","role":"user","content":[{"type":"input_text","text":"s"}]}]}"#,
    );
    let turn = [&user, &call, &output, &answer]
        .map(String::as_str)
        .concat();
    let long = [&meta, &turn, &compacted, &turn, &turn]
        .map(String::as_str)
        .concat();
    [(meta + &turn).into_bytes(), long.into_bytes()]
}
