//! Files that nobody wrote so: whatever stands in them, there is a history and an end.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::sample::Index;
use serde_json::{Value, json};
use trace_diff::rollout::{
    Lineage, RolloutIndex, RolloutSource, Rules, fork_before_user_message, predict_resume,
};

use crate::samples::package;

use super::writer::{ALL, Writer, call, labels, message};

/// Predicts by the rules of every version, and looks at each item.
fn predict_all(source: &RolloutSource, until: Option<usize>) -> usize {
    let lineage = Lineage::read(source.clone(), |_| None).unwrap();
    let mut items = 0;
    for version in ALL {
        let rules = Rules::named(Some(version));
        for rules in [rules, rules.for_openai()] {
            let prediction = predict_resume(&lineage, until, &rules).unwrap();
            for item in &prediction.items {
                assert!(
                    trace_diff::json::Value::parse(item.text.clone()).is_ok(),
                    "{}",
                    item.text
                );
                items += 1;
            }
        }
    }
    items
}

fn damaged(directory: PathBuf) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(&directory) else {
        println!("skipped: no {}", directory.display());
        return Vec::new();
    };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let is_rollout = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "jsonl");
    paths.filter(is_rollout).collect()
}

#[test]
fn damaged_files_have_a_history() {
    let mut items = 0;
    let fixtures = damaged(package().join("fixtures/damaged"));
    assert!(!fixtures.is_empty());
    for path in fixtures
        .into_iter()
        .chain(damaged(package().join("../shared/corpus/damaged")))
    {
        items += predict_all(&RolloutSource::file(&path).unwrap(), None);
    }
    assert!(items > 100, "{items} items only");
}

#[test]
fn values_of_the_wrong_kind_do_no_harm() {
    let odd = [
        json!(null),
        json!(7),
        json!("x"),
        json!([]),
        json!({}),
        json!(u64::MAX),
        json!([[{}]]),
    ];
    let mut file = Writer::new();
    for value in &odd {
        for key in [
            "content", "role", "call_id", "id", "type", "output", "summary", "action",
        ] {
            let mut item = message("user", "a");
            item["type"] = json!("local_shell_call");
            item[key] = value.clone();
            file.item(item.clone());
            item["type"] = json!("message");
            file.item(item);
        }
        file.add("compacted", json!({"message": value}));
        file.event(json!({"type": "task_started", "turn_id": value}));
        file.event(json!({"type": "thread_rolled_back", "num_turns": value}));
        file.add("turn_context", json!({"truncation_policy": value}));
        file.add("session_meta", value.clone())
            .add("response_item", value.clone());
        file.add(
            "compacted",
            json!({"replacement_history": [value, call("c")]}),
        );
    }
    let records = file.text().lines().count();
    let source = RolloutSource::memory("rollout.jsonl", file.text().into_bytes());
    for until in 0..=records {
        predict_all(&source, Some(until));
    }
    predict_all(&source, Some(usize::MAX));
    let index = RolloutIndex::read(&source).unwrap();
    fork_before_user_message(&index, usize::MAX, &Rules::named(None));
}

#[test]
fn items_nest_deep() {
    let depth = 100_000;
    let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let mut file = Writer::new();
    file.turn("one", &[]);
    let record = |payload: &str| {
        format!(r#"{{"timestamp":"t","type":"response_item","payload":{payload}}}"#)
    };
    let text = format!(
        "{}{}\n{}\n",
        file.text(),
        record(&format!(
            r#"{{"type":"message","role":"user","content":{deep}}}"#
        )),
        record(&format!(
            r#"{{"type":"function_call","call_id":"c","name":"f","arguments":"{{}}","x":{deep}}}"#
        )),
    );
    let source = RolloutSource::memory("rollout.jsonl", text.into_bytes());
    let lineage = Lineage::read(source, |_| None).unwrap();
    let prediction = predict_resume(&lineage, None, &Rules::named(None)).unwrap();
    let last: Vec<Value> = prediction.items[3..]
        .iter()
        .map(|item| serde_json::from_str(&item.text).unwrap())
        .collect();
    assert_eq!(last[0]["call_id"], "c");
    assert_eq!(last[1]["output"], "aborted");
}

#[test]
fn a_parent_that_is_no_rollout() {
    let directory = tempfile::tempdir().unwrap();
    let parent = directory.path().join("parent.jsonl");
    fs::write(&parent, b"\x00\xff{]").unwrap();
    let meta = json!({"id": "t", "history_mode": "paginated",
        "history_base": {"thread_id": "p", "end_ordinal_exclusive": 3, "end_byte_offset": 4}});
    let mut file = Writer::new();
    file.lines[0]["payload"] = meta;
    file.turn("own", &[]);
    for find in [parent.as_path(), directory.path(), Path::new("nowhere")] {
        let source = RolloutSource::memory("rollout.jsonl", file.text().into_bytes());
        let lineage = Lineage::read(source, |_| Some(find.to_owned())).unwrap();
        assert!(
            lineage.problems.iter().any(|problem| problem.is_refused()),
            "{}",
            find.display()
        );
        let prediction = predict_resume(&lineage, None, &Rules::named(None)).unwrap();
        assert_eq!(labels(&prediction), ["user: own", "assistant: to own"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// A recorded file with a byte changed, cut anywhere.
    #[test]
    fn any_byte_may_be_wrong(at in any::<Index>(), byte in any::<u8>(), cut in any::<Index>()) {
        let path = "fixtures/rollouts/codex-0.137.0-17b-autocompact-midturn";
        let file = fs::read_dir(package().join(path)).unwrap().next().unwrap().unwrap();
        let mut bytes = fs::read(file.path()).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(bytes.len() - cut.index(bytes.len()) / 4);
        predict_all(&RolloutSource::memory("rollout.jsonl", bytes), None);
    }
}
