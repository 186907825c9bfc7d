//! What became of all mutations, rule by rule.

use std::collections::BTreeMap;

use trace_diff::report::rules;

use super::{cases, mutations, retry_cases, stream_cases, websocket_cases};
use crate::explain::{
    ANSWER_RULES, COMPACTION_RULES, DIFF_RULES, IDENTITY_RULES, READER_RULES, ROLLOUT_RULES,
    SESSION_RULES,
};
use crate::samples::{self, Sample};

/// Rules that hold only where a profile of one's own says what is configured; see `what_a_profile_changes_is_checked`.
const ONLY_CONFIGURED: &str = "retry-idle";

/// What became of the mutations that break a rule.
pub(crate) struct Row {
    pub(crate) rule: &'static str,
    pub(crate) cases: usize,
    pub(crate) found: usize,
    /// Mutations that no violation tells at its place.
    pub(crate) missed: Vec<String>,
    /// Mutations of which a violation tells something else.
    pub(crate) extra: Vec<String>,
}

impl Row {
    pub(crate) fn new(rule: &'static str) -> Self {
        Self {
            rule,
            cases: 0,
            found: 0,
            missed: Vec::new(),
            extra: Vec::new(),
        }
    }
}

/// The families of mutations: a new family of rules adds its own.
fn all(samples: &[Sample]) -> Vec<Row> {
    let mut rows = mutations::rows(samples);
    for cases in [
        stream_cases::CASES,
        retry_cases::CASES,
        websocket_cases::CASES,
    ] {
        rows.extend(cases::run(cases));
    }
    rows
}

/// Prints one line for each rule, and demands that nothing is missed or told beside it.
fn assert_found(title: &str, rows: Vec<Row>) {
    let mut by_rule: BTreeMap<&str, Row> = BTreeMap::new();
    for row in rows {
        let sum = by_rule
            .entry(row.rule)
            .or_insert_with(|| Row::new(row.rule));
        sum.cases += row.cases;
        sum.found += row.found;
        sum.missed.extend(row.missed);
        sum.extra.extend(row.extra);
    }
    println!(
        "\n{title}\n{:<28} {:>6} {:>6} {:>6} {:>6}",
        "rule", "cases", "found", "missed", "extra"
    );
    let mut complaints = Vec::new();
    for (rule, row) in &by_rule {
        let (missed, extra) = (row.missed.len(), row.extra.len());
        println!(
            "{rule:<28} {:>6} {:>6} {missed:>6} {extra:>6}",
            row.cases, row.found
        );
        let missed = row.missed.iter().map(|one| format!("missed: {rule} {one}"));
        let extra = row.extra.iter().map(|one| format!("extra: {rule} {one}"));
        complaints.extend(missed.chain(extra));
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn each_rule_is_found_where_it_is_broken() {
    let rows = all(&samples::fixtures());
    // Rules of comparisons, readers, rollouts, compactions, identity and answers have harnesses of their own.
    let others = [
        DIFF_RULES,
        READER_RULES,
        ROLLOUT_RULES,
        COMPACTION_RULES,
        IDENTITY_RULES,
        SESSION_RULES,
        ANSWER_RULES,
        ONLY_CONFIGURED,
    ];
    let others = others.join(" ");
    let others: Vec<&str> = others.split_whitespace().collect();
    let is_broken = |name: &str| rows.iter().any(|row| row.rule == name && row.cases > 0);
    let unbroken: Vec<&str> = rules()
        .map(|rule| rule.name)
        .filter(|name| !others.contains(name) && !is_broken(name))
        .collect();
    assert_found("mutations of fixtures", rows);
    assert!(unbroken.is_empty(), "no mutation breaks {unbroken:?}");
}

#[test]
fn each_rule_is_found_in_the_corpus() {
    let samples = samples::corpus();
    if !samples.is_empty() {
        assert_found("mutations of the corpus", mutations::rows(&samples));
    }
}
