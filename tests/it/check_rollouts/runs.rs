//! Real runs: a correct agent has no finding.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use trace_diff::capture::read_capture;
use trace_diff::check::{Violation, check_rollouts};
use trace_diff::report::Level;

use crate::samples::package;

/// What counts among the findings of a run.
fn findings(capture: &Path, rollouts: &Path) -> Vec<Violation> {
    let capture = read_capture(capture.to_str().unwrap()).unwrap();
    let check = check_rollouts(&capture, &[rollouts.to_owned()]).unwrap();
    assert!(
        !check.rollouts.is_empty(),
        "no rollout belongs to {}",
        capture.path
    );
    let mut violations = check.violations;
    violations.retain(|violation| violation.level != Level::Note);
    violations
}

fn lines(run: &str, violations: &[Violation]) -> String {
    let line = |violation: &Violation| {
        let record = violation.place.as_ref().map(|place| place.record);
        format!(
            "{run}: {} exchange {:?} {}, record {record:?}: {} ({:?} against {:?})\n",
            violation.rule,
            violation.exchange,
            violation.pointer,
            violation.message,
            violation.expected,
            violation.found
        )
    };
    violations.iter().map(line).collect()
}

fn directories(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_dir());
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn fixtures_have_no_finding() {
    let mut complaints = String::new();
    let mut count = 0;
    for rollouts in directories(&package().join("fixtures/rollouts")) {
        let run = name(&rollouts);
        let capture = package().join(format!("fixtures/captures/{run}.jsonl"));
        if capture.is_file() {
            count += 1;
            complaints += &lines(&run, &findings(&capture, &rollouts));
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
    assert!(count > 10, "{count} fixtures have a capture and rollouts");
}

#[test]
fn a_rollout_of_another_run_is_not_taken_for_the_right_one() {
    let run = package().join("fixtures/captures/codex-0.169.0-02-shell-roundtrip.jsonl");
    let other = package().join("fixtures/rollouts/codex-0.169.0-19-multi-turn");
    let capture = read_capture(run.to_str().unwrap()).unwrap();
    let check = check_rollouts(&capture, &[other]).unwrap();
    let rules: Vec<_> = check
        .violations
        .iter()
        .map(|violation| violation.rule)
        .collect();
    assert_eq!(rules, ["rollout-missing", "rollout-unused"]);
}

/// Over the whole corpus, where it lies beside the package; prints how many runs are clean for each agent.
#[test]
fn the_corpus_has_no_finding() {
    let corpus = package().join("../shared/corpus");
    if !corpus.is_dir() {
        println!("skipped: there is no corpus beside the package");
        return;
    }
    let mut complaints = String::new();
    let mut scores: BTreeMap<(String, &str), (usize, usize)> = BTreeMap::new();
    for agent in directories(&corpus) {
        for run in directories(&agent) {
            let rollouts = run.join("rollouts");
            for input in ["capture.jsonl", "trace"] {
                let capture = run.join(input);
                if !rollouts.is_dir() || !capture.exists() {
                    continue;
                }
                let found = findings(&capture, &rollouts);
                let score = scores.entry((name(&agent), input)).or_default();
                score.0 += usize::from(found.is_empty());
                score.1 += 1;
                complaints += &lines(&format!("{} {input}", run.display()), &found);
            }
        }
    }
    for ((agent, input), (clean, count)) in scores {
        println!("{agent:16} {input:14} {clean:3} of {count:3} runs clean");
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}
