//! Files that continue others.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trace_diff::rollout::{Lineage, LineageProblem, Rules, predict_resume};

use crate::samples::package;

use super::writer::{Writer, labels};

/// A rollout with ordinals in a directory of sessions.
fn write(directory: &Path, name: &str, meta: Value, texts: &[&str]) -> PathBuf {
    let mut file = Writer::new();
    file.lines.clear();
    file.add("session_meta", meta);
    for text in texts {
        file.say("user", text);
    }
    for (ordinal, line) in file.lines.iter_mut().enumerate() {
        line["ordinal"] = json!(ordinal);
    }
    let path = directory.join(name);
    fs::write(&path, file.text()).unwrap();
    path
}

fn id(number: u8) -> String {
    format!("01a1fbe4-b22a-78f1-afba-7a475d1169{number:02}")
}

fn meta(id: &str, base: Option<(&str, u64)>) -> Value {
    let mut meta = json!({"id": id, "history_mode": "paginated"});
    if let Some((id, end)) = base {
        meta["history_base"] =
            json!({"thread_id": id, "end_ordinal_exclusive": 2, "end_byte_offset": end});
    }
    meta
}

fn name(id: &str) -> String {
    format!("rollout-2026-11-21T02-17-11-{id}.jsonl")
}

fn inherited(path: &Path) -> (Vec<String>, Vec<LineageProblem>) {
    let lineage = Lineage::open(path).unwrap();
    let rules = Rules::named(Some("0.169.0"));
    let prediction = predict_resume(&lineage, None, &rules).unwrap();
    (labels(&prediction), lineage.problems)
}

/// Where the record of this number ends, with its newline.
fn end_of(path: &Path, record: usize) -> u64 {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .take(record + 1)
        .map(|line| line.len() as u64 + 1)
        .sum()
}

#[test]
fn a_file_goes_on_where_its_base_ends() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let parent = write(at, &name(&id(1)), meta(&id(1), None), &["one", "two"]);
    let segment = format!("rollout-2026-11-21T02-17-12-{}_{}.jsonl", id(1), id(2));
    let base = Some((id(1), end_of(&parent, 1)));
    let base = base.as_ref().map(|(id, end)| (id.as_str(), *end));
    let segment = write(at, &segment, meta(&id(1), base), &["three"]);
    let fork_base = id(2);
    let fork = write(
        at,
        &name(&id(3)),
        meta(&id(3), Some((&fork_base, end_of(&segment, 1)))),
        &["four"],
    );
    assert_eq!(
        inherited(&fork),
        (
            ["user: one", "user: three", "user: four"]
                .map(str::to_owned)
                .to_vec(),
            Vec::new()
        )
    );
}

#[test]
fn what_is_wrong_with_a_base_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let gone = id(9);
    let orphan = write(
        at,
        &name(&id(4)),
        meta(&id(4), Some((&gone, 100))),
        &["own"],
    );
    let (items, problems) = inherited(&orphan);
    assert_eq!(items, ["user: own"]);
    assert_eq!(problems, [LineageProblem::ParentMissing { id: gone }]);
    assert!(problems[0].is_refused());

    let (a, b) = (id(5), id(6));
    let first = write(at, &name(&a), meta(&a, Some((&b, 10_000))), &["a"]);
    write(at, &name(&b), meta(&b, Some((&a, 10_000))), &["b"]);
    let (_, problems) = inherited(&first);
    assert!(
        problems
            .iter()
            .any(|problem| matches!(problem, LineageProblem::Cycle { .. }))
    );
    let itself = write(at, &name(&id(7)), meta(&id(7), Some((&id(7), 10))), &["x"]);
    assert!(matches!(
        inherited(&itself).1[..],
        [LineageProblem::Cycle { .. }]
    ));

    let parent = write(at, &name(&id(10)), meta(&id(10), None), &["one", "two"]);
    let length = end_of(&parent, 2);
    let long = write(
        at,
        &name(&id(11)),
        meta(&id(11), Some((&id(10), length + 1))),
        &[],
    );
    assert!(matches!(
        inherited(&long).1[..],
        [LineageProblem::ParentTooShort { .. }]
    ));
    let torn = write(
        at,
        &name(&id(12)),
        meta(&id(12), Some((&id(10), length - 9))),
        &[],
    );
    let (items, problems) = inherited(&torn);
    assert_eq!(items, ["user: one"]);
    assert!(matches!(
        problems[..],
        [LineageProblem::EndsElsewhere { .. }]
    ));
    assert!(!problems[0].is_refused());

    let text = fs::read_to_string(&parent).unwrap();
    fs::write(&parent, text.replacen(r#""user""#, r#""us"#, 1)).unwrap();
    let child = write(
        at,
        &name(&id(13)),
        meta(&id(13), Some((&id(10), length - 3))),
        &[],
    );
    let problems = inherited(&child).1;
    assert!(
        problems
            .iter()
            .any(|problem| matches!(problem, LineageProblem::ParentDamaged { count: 1, .. }))
    );
    let misnamed = write(at, &name(&id(14)), meta(&id(15), None), &[]);
    assert!(matches!(
        inherited(&misnamed).1[..],
        [LineageProblem::NameDisagrees { .. }]
    ));
}

/// The texts that users and agents said, as a resume of a fixture would send them.
fn said(path: &str) -> Vec<String> {
    let (labels, problems) = inherited(&package().join("fixtures/rollouts").join(path));
    assert_eq!(problems, []);
    let is_said = |label: &String| !label.contains('<');
    labels.into_iter().filter(is_said).collect()
}

#[test]
fn recorded_reverts_and_forks() {
    let first = ["user: First thing.", "assistant: First answer."];
    let check = |path: &str, expect: [&str; 2]| assert_eq!(said(path), [first, expect].concat());
    let start = "codex-0.169.0-34-rollback/rollout-2026-11-21T02-17-11-01a1fbe4-b22a-78f1-afba-7a475d116928";
    check(
        &format!("{start}.jsonl"),
        ["user: Second thing.", "assistant: Second answer."],
    );
    check(
        &format!("{start}_01a1fbe4-b3d4-77a1-97b6-95dac3849625.jsonl"),
        ["user: Replacement thing.", "assistant: Replacement answer."],
    );
    check(
        "codex-0.169.0-20b-exec-fork/rollout-2026-11-21T02-04-47-01a1fbd9-580d-7833-b199-7c14fa8e0e62.jsonl",
        ["user: Second thing, on the", "assistant: Forked answer."],
    );
}
