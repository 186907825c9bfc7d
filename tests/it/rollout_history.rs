//! Histories rebuilt from rollouts, against what agents sent: every recorded run of the corpus.

mod predict;
mod pycodex;
mod requests;
mod score;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::samples::package;

use trace_diff::rollout::PycodexReader;

use score::{Thread, rollouts};

/// Totals of one agent and version.
#[derive(Default)]
struct Score {
    threads: usize,
    threads_right: usize,
    requests: usize,
    requests_right: usize,
}

/// Directories in a directory, by name.
fn directories(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.is_dir());
    paths.sort();
    paths
}

/// Runs of an agent in the corpus: agent with version, and directory.
fn runs(agent: &str) -> Vec<(String, PathBuf)> {
    let corpus = package().join("../shared/corpus");
    if !corpus.is_dir() {
        println!("skipped: no corpus beside the package");
        return Vec::new();
    }
    let mut runs = Vec::new();
    for versions in directories(&corpus) {
        let name = versions.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with(&format!("{agent}-0")) {
            continue;
        }
        runs.extend(
            directories(&versions)
                .into_iter()
                .map(|run| (name.clone(), run)),
        );
    }
    runs
}

fn score(captures: impl Fn(&Path) -> Vec<PathBuf>) -> String {
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    let mut complaints = String::new();
    for (agent, run) in runs("codex") {
        let files = rollouts(&run.join("rollouts"));
        let score = scores.entry(agent).or_default();
        for (id, sent) in requests::threads(&captures(&run)) {
            score.threads += 1;
            score.requests += sent.len();
            let Some(thread) = Thread::read(&id, &files) else {
                complaints += &format!("{}: {id} has no rollout\n", run.display());
                continue;
            };
            let rebuilt = thread.rebuild(&sent);
            score.requests_right += sent.len() - rebuilt.failures.len();
            if rebuilt.failures.is_empty() && rebuilt.is_end_right {
                score.threads_right += 1;
                continue;
            }
            complaints += &format!(
                "{} {id}: end {}\n  {}\n",
                run.display(),
                rebuilt.is_end_right,
                rebuilt.failures.join("\n  ")
            );
        }
    }
    for (agent, score) in scores {
        println!(
            "{agent:16} threads {:3}/{:<3} requests {:3}/{:<3}",
            score.threads_right, score.threads, score.requests_right, score.requests
        );
    }
    complaints
}

#[test]
fn requests_of_fixtures_are_rebuilt() {
    let captures = package().join("fixtures/captures");
    let mut requests = 0;
    for run in directories(&package().join("fixtures/rollouts")) {
        let name = run.file_name().unwrap().to_str().unwrap();
        let capture = captures.join(format!("{name}.jsonl"));
        if !name.starts_with("codex-") || !capture.is_file() {
            continue;
        }
        let files = rollouts(&run);
        for (id, sent) in requests::threads(&[capture]) {
            let rebuilt = Thread::read(&id, &files).unwrap().rebuild(&sent);
            let complaint = format!("{name}: {}", rebuilt.failures.join("\n"));
            assert!(
                rebuilt.failures.is_empty() && rebuilt.is_end_right,
                "{complaint}"
            );
            requests += sent.len();
        }
    }
    assert!(requests >= 20, "{requests} requests only");
}

#[test]
fn captured_requests_are_rebuilt() {
    let complaints = score(|run| {
        let capture = run.join("capture.jsonl");
        capture.is_file().then_some(capture).into_iter().collect()
    });
    assert!(complaints.is_empty(), "\n{complaints}");
}

#[test]
fn requests_of_trace_bundles_are_rebuilt() {
    let complaints = score(|run| {
        let bundles = fs::read_dir(run.join("trace"));
        let bundles = bundles.into_iter().flatten().filter_map(Result::ok);
        let mut bundles: Vec<PathBuf> = bundles.map(|entry| entry.path()).collect();
        // Each process of a run has its own.
        bundles.sort_by_key(|bundle| {
            let manifest = fs::read(bundle.join("manifest.json")).unwrap();
            let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
            manifest["started_at_unix_ms"].as_u64()
        });
        bundles
    });
    assert!(complaints.is_empty(), "\n{complaints}");
}

#[test]
fn first_requests_of_turns_are_predicted() {
    let mut scores: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut complaints = String::new();
    for (agent, run) in runs("codex") {
        let capture = run.join("capture.jsonl");
        let scenario = run.file_name().unwrap().to_str().unwrap();
        if !capture.is_file() {
            continue;
        }
        let files = rollouts(&run.join("rollouts"));
        let is_resume = ["19-", "20-", "20b-", "29-", "34-", "40-"]
            .iter()
            .any(|prefix| scenario.starts_with(prefix));
        let name = if is_resume { scenario } else { "others" };
        let score = scores.entry(format!("{agent} {name}")).or_default();
        for (id, sent) in requests::threads(&[capture]) {
            for failure in predict::failures(&id, &sent, &files, &mut score.1) {
                score.0 += 1;
                complaints += &format!("{} {id}: {failure}\n", run.display());
            }
        }
    }
    for (name, (failed, all)) in scores {
        println!("{name:40} turns {:3}/{all:<3}", all - failed);
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

/// pycodex 0.1.2 writes no rollouts, and later versions none of sub-agents; everything else is rebuilt.
#[test]
fn requests_of_pycodex_are_rebuilt() {
    let mut scores: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
    let mut complaints = String::new();
    for (agent, run) in runs("pycodex") {
        let files = rollouts(&run.join("rollouts"));
        let reader = PycodexReader::named(agent.trim_start_matches("pycodex-"));
        let (right, all, unwritten) = scores.entry(agent).or_default();
        for (id, sent) in requests::threads(&[run.join("capture.jsonl")]) {
            let Some(failures) = pycodex::failures(&id, &sent, &files, reader) else {
                *unwritten += sent.len();
                continue;
            };
            *all += sent.len();
            *right += sent.len() - failures.len();
            for failure in failures {
                complaints += &format!("{} {id}: {failure}\n", run.display());
            }
        }
    }
    for (agent, (right, all, unwritten)) in scores {
        println!("{agent:16} requests {right:3}/{all:<3} of threads without rollout {unwritten}");
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}
