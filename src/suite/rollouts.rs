//! What an agent wrote to disk.

use std::io;
use std::path::Path;

use serde_json::{Map, Value};

use crate::capture::Capture;
use crate::check::{RolloutCheckError, check_rollouts};
use crate::report::{CellFinding, Level, add_rollout_check, outline_report, plural};
use crate::rollout::{RolloutIndex, RolloutSource, What, find_rollouts};
use crate::script::scenario::RolloutExpectation;

use super::judge::{Judge, Told};

/// What an agent sent and was told, against the rollouts below its home. One that writes none has nothing to compare.
pub(super) fn wire_against_disk(capture: &Capture, home: &Path, judge: &Judge<'_>) -> Told {
    let check = match check_rollouts(capture, &[home.to_owned()]) {
        Ok(check) => check,
        Err(RolloutCheckError::NoRollout { .. }) => return Told::default(),
        Err(error) => return Told::of(vec![finding(error.to_string())]),
    };
    let mut report = outline_report(capture);
    // What can't be read of the capture is told once, with its contracts.
    report.findings.clear();
    add_rollout_check(&mut report, capture, &check, judge.options);
    judge.judged(report, &[])
}

/// What a scenario expects of rollouts, against those below the agent's home.
pub(super) fn broken_rollouts(wanted: &[RolloutExpectation], home: &Path) -> Vec<CellFinding> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let files = find_rollouts(home).files.into_iter().map(|file| file.path);
    let read: io::Result<Vec<Written>> = files.map(|path| Written::read(&path)).collect();
    let written = match read {
        Ok(written) => written,
        Err(error) => return vec![finding(format!("a rollout can't be read: {error}"))],
    };
    let unmet = wanted.iter().filter_map(|one| {
        let nearest = written
            .iter()
            .map(|rollout| rollout.unmet(one))
            .min_by_key(Vec::len);
        match nearest {
            None => Some("the agent wrote no rollout".to_owned()),
            Some(unmet) => unmet.into_iter().next(),
        }
    });
    unmet.map(finding).collect()
}

fn finding(message: String) -> CellFinding {
    CellFinding::new("rollout", Level::Error, message)
}

/// A rollout, read.
struct Written {
    turns: usize,
    records: Vec<Value>,
}

impl Written {
    fn read(path: &Path) -> io::Result<Self> {
        let source = RolloutSource::file(path)?;
        let index = RolloutIndex::read(&source)?;
        let is_message = |what: What| matches!(what, What::UserMessageEvent);
        let turns = match index.turn_ids.len() {
            0 => index
                .entries
                .iter()
                .filter(|one| is_message(one.what))
                .count(),
            turns => turns,
        };
        let spans: Vec<_> = index.entries.into_iter().map(|entry| entry.span).collect();
        let mut records = Vec::with_capacity(spans.len());
        for span in spans {
            // What is nested too deeply to be read holds nothing that is wanted.
            records.push(serde_json::from_str(&source.read_span(span)?).unwrap_or_default());
        }
        Ok(Self { turns, records })
    }

    /// What it does not meet, in sentences.
    fn unmet(&self, wanted: &RolloutExpectation) -> Vec<String> {
        let mut unmet = Vec::new();
        if let Some(turns) = wanted.turns.filter(|turns| *turns as usize != self.turns) {
            unmet.push(format!(
                "the rollout has {}, {turns} expected",
                plural(self.turns, "turn")
            ));
        }
        for (name, count) in &wanted.records {
            let is_so = |record: &&Value| {
                let payload = record.pointer("/payload/type");
                record["type"] == **name || payload.is_some_and(|kind| kind == name)
            };
            let found = self.records.iter().filter(is_so).count();
            if found != *count as usize {
                unmet.push(format!(
                    "the rollout has {} {name}, {count} expected",
                    plural(found, "record")
                ));
            }
        }
        let mut rest = self.records.iter();
        for one in &wanted.has {
            if !rest.any(|record| holds(record, one)) {
                let is_elsewhere = self.records.iter().any(|record| holds(record, one));
                let how = match is_elsewhere {
                    true => "has at another place",
                    false => "lacks",
                };
                unmet.push(format!("the rollout {how} a record with {one}"));
            }
        }
        for one in &wanted.lacks {
            if self.records.iter().any(|record| holds(record, one)) {
                unmet.push(format!("the rollout has a record with {one}"));
            }
        }
        unmet
    }
}

/// Whether a value holds what is wanted: of an object these members, of a list these elements in this order, of a text what
/// `{ contains = "…" }` says, else an equal value.
fn holds(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            let mut members = wanted.iter();
            members.all(|(key, wanted)| found.get(key).is_some_and(|found| holds(found, wanted)))
        }
        (Value::Array(found), Value::Array(wanted)) => {
            let mut rest = found.iter();
            let mut wanted = wanted.iter();
            wanted.all(|wanted| rest.any(|found| holds(found, wanted)))
        }
        (Value::String(found), Value::Object(wanted)) => contains(found, wanted),
        (found, wanted) => found == wanted,
    }
}

fn contains(found: &str, wanted: &Map<String, Value>) -> bool {
    let part = wanted.get("contains").and_then(Value::as_str);
    wanted.len() == 1 && part.is_some_and(|part| found.contains(part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_may_hold_more_than_is_wanted() {
        let check = |found: Value, wanted: Value, expect: bool| {
            assert_eq!(holds(&found, &wanted), expect, "{found} {wanted}");
        };
        check(
            json!({"a": 1, "b": {"c": 2, "d": 3}}),
            json!({"b": {"c": 2}}),
            true,
        );
        check(json!({"a": 1}), json!({"b": 1}), false);
        check(json!([1, 2, 3]), json!([1, 3]), true);
        check(json!([1, 2, 3]), json!([3, 1]), false);
        check(
            json!({"a": "one two"}),
            json!({"a": {"contains": "two"}}),
            true,
        );
        check(
            json!({"a": "one two"}),
            json!({"a": {"contains": "three"}}),
            false,
        );
        check(json!({"a": "one"}), json!({"a": {}}), false);
        check(json!({"contains": "one"}), json!({"contains": "one"}), true);
    }

    #[test]
    fn what_is_not_met_is_told() {
        let rollout = Written {
            turns: 2,
            records: vec![
                json!({"type": "session_meta", "payload": {"id": "a"}}),
                json!({"type": "event_msg", "payload": {"type": "turn_aborted"}}),
                json!({"type": "compacted", "payload": {"message": "all of it"}}),
            ],
        };
        let check = |wanted: RolloutExpectation, expect: &[&str]| {
            assert_eq!(rollout.unmet(&wanted), expect);
        };
        let aborted = json!({"payload": {"type": "turn_aborted"}});
        let compacted = json!({"type": "compacted", "payload": {"message": {"contains": "all"}}});
        check(
            RolloutExpectation {
                turns: Some(2),
                records: vec![("compacted".to_owned(), 1), ("turn_aborted".to_owned(), 1)],
                has: vec![aborted.clone(), compacted.clone()],
                lacks: vec![json!({"type": "response_item"})],
            },
            &[],
        );
        check(
            RolloutExpectation {
                turns: Some(3),
                records: vec![("compacted".to_owned(), 2)],
                has: vec![compacted, aborted.clone(), json!({"type": "x"})],
                lacks: vec![json!({"type": "session_meta"})],
            },
            &[
                "the rollout has 2 turns, 3 expected",
                "the rollout has 1 record compacted, 2 expected",
                "the rollout has at another place a record with {\"payload\":{\"type\":\"turn_aborted\"}}",
                "the rollout lacks a record with {\"type\":\"x\"}",
                "the rollout has a record with {\"type\":\"session_meta\"}",
            ],
        );
    }
}
