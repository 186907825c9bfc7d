//! What a capture does not show is not checked, and is never a violation.

use serde_json::json;

use super::{check, records, shown};

const DUE: &[&str] = &["compaction-missing", "compaction-late", "compaction-early"];

fn reasons(records: super::Records, profile: &str) -> Vec<String> {
    let contracts = check(records, profile);
    let told: Vec<String> = contracts.violations.iter().map(shown).collect();
    assert!(told.is_empty(), "{told:?}");
    let not_checked = contracts.not_checked.into_iter();
    not_checked.map(|one| one.reason).collect()
}

#[test]
fn without_usage_nobody_knows_when_a_compaction_is_due() {
    let mut records = records("codex-0.169.0-35-remote-compaction");
    let last = records.events(0).last_mut().unwrap();
    last["data"]["response"]["usage"] = json!(null);
    let contracts = check(records, "");
    let rules: Vec<_> = contracts.not_checked.iter().map(|one| one.rules).collect();
    assert_eq!(rules, [DUE]);
}

#[test]
fn many_tokens_without_a_compaction_are_noted() {
    let mut records = records("codex-0.169.0-19-multi-turn");
    records.report(0, 244_799);
    assert_eq!(reasons(records.clone(), ""), [""; 0]);
    records.report(0, 244_800);
    let reason =
        "exchange #0 reports 244800 tokens, and nothing says at how many the agent compacts";
    assert_eq!(reasons(records, ""), [reason]);
}

#[test]
fn a_new_process_of_pycodex_may_not_know_what_was_reported() {
    let mut records = records("pycodex-0.5.1-17-autocompact-preturn");
    let mut history = records.input(1).clone();
    history.pop();
    let new = records.copy(2, "Second thing.");
    history.push(new);
    *records.input(2) = history;
    records.0.remove(1);
    let profile = "from = \"pycodex@0.5.1\"\n[compaction]\nlimit = 20000\n";
    assert_eq!(reasons(records, profile), [""; 0]);
}

#[test]
fn a_lost_response_leaves_open_what_the_compaction_left() {
    let mut records = records("codex-0.169.0-35-remote-compaction");
    records.events(1).pop();
    records.0[1]["response"]["ended"] = json!("peer_closed");
    let reason =
        "the capture does not show how the response to the compaction in exchange #1 ended";
    assert_eq!(reasons(records, ""), [reason]);
}

#[test]
fn an_output_counts_before_it_is_reported() {
    // Codex adds an estimate of what came since; a port that does not would compact later.
    let mut records = records("codex-0.137.0-17b-autocompact-midturn");
    records.report(0, 19_990);
    let profile = "from = \"codex@0.137.0\"\n[compaction]\nlimit = 20000\n";
    assert_eq!(reasons(records, profile), [""; 0]);
}

#[test]
fn an_agent_that_was_stopped_knows_nothing_of_its_compaction() {
    let mut records = records("codex-0.169.0-35-remote-compaction");
    let mut history = records.input(1).clone();
    history.pop();
    let new = records.copy(2, "Second thing.");
    history.push(new);
    *records.input(2) = history;
    records.begin_turn(2);
    records.set_window(2, 1, 0);
    assert_eq!(reasons(records, ""), [""; 0]);
}

/// The remote compaction after so many attempts that broke off.
fn after_failures(count: usize) -> Vec<&'static str> {
    let mut records = records("codex-0.169.0-35-remote-compaction");
    for _ in 0..count {
        records.insert_like(1, 1);
        records.events(1).truncate(1);
        records.0[1]["response"]["ended"] = json!("closed");
    }
    let violations = check(records, "").violations.into_iter();
    violations.map(|one| one.rule).collect()
}

#[test]
fn a_remote_compaction_is_tried_again_twice() {
    let is_over = |count| after_failures(count).contains(&"retry-over-limit");
    assert!(!is_over(2));
    assert!(is_over(3));
}
