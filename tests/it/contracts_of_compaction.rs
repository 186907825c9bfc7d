//! Compaction: clean over real runs, and seeded mutations that break one rule each.

mod cases;
mod edit;
mod gaps;

use serde_json::Value;
use trace_diff::check::{Contracts, Profile, Violation, check_capture};
use trace_diff::report::{explain, rules};

use crate::mutations::{self, read};
use crate::samples::{self, Sample};
use cases::{CASES, Case};
use edit::Records;

fn records(name: &str) -> Records {
    let sample: Sample = samples::fixtures()
        .into_iter()
        .find(|sample| sample.name == name)
        .unwrap_or_else(|| panic!("no fixture {name}"));
    let values = serde_json::Deserializer::from_slice(&sample.bytes).into_iter();
    Records(values.collect::<Result<Vec<Value>, _>>().unwrap())
}

/// The contracts of changed records, under the profile that they ask for or the text of another one.
fn check(records: Records, profile: &str) -> Contracts {
    let name = "changed".to_owned();
    let bytes = mutations::Trace::new(name.clone(), records.0).into_bytes();
    let capture = read(&name, bytes);
    let profile = match profile {
        "" => Profile::of(&capture),
        text => Profile::parse("", &format!("version = 1\n{text}")).unwrap(),
    };
    let mut contracts = check_capture(&capture, &profile);
    // Records that are put together from others call themselves by ids that do not fit: that contract has its own harness.
    let of_identity: Vec<&str> = crate::explain::IDENTITY_RULES.split_whitespace().collect();
    contracts
        .violations
        .retain(|one| !of_identity.contains(&one.rule));
    contracts
}

fn shown(one: &Violation) -> String {
    let (exchange, pointer) = (one.exchange, one.pointer.as_str());
    format!("#{exchange:?} {} {pointer}: {}", one.rule, one.message)
}

fn verdict(case: &Case, contracts: &Contracts) -> &'static str {
    let found = &contracts.violations;
    let is_it = |one: &&Violation| one.rule == case.rule;
    let Some(first) = found.iter().find(is_it) else {
        return "missed";
    };
    let is_there = first.exchange == Some(case.exchange) && first.pointer.as_str() == case.pointer;
    let is_told = first.message.contains("turn ")
        && explain(first.rule).is_ok_and(|rule| rule.level == first.level);
    let is_other = |one: &Violation| one.rule != case.rule && !case.follows.contains(&one.rule);
    match (is_there, is_told) {
        (false, _) => "misplaced",
        (_, false) => "badly told",
        _ if found.iter().any(is_other) || !contracts.not_checked.is_empty() => "extra",
        _ => "found",
    }
}

#[test]
fn each_rule_is_found_where_it_is_broken() {
    let mut complaints = Vec::new();
    println!("{:<64} {:<32} verdict", "mutation", "rule");
    for case in CASES {
        let mut changed = records(case.fixture);
        (case.change)(&mut changed);
        let contracts = check(changed, case.profile);
        let verdict = verdict(case, &contracts);
        println!("{:<64} {:<32} {verdict}", case.name, case.rule);
        if verdict != "found" {
            let told: Vec<String> = contracts.violations.iter().map(shown).collect();
            let not: Vec<&str> = contracts
                .not_checked
                .iter()
                .map(|one| one.reason.as_str())
                .collect();
            complaints.push(format!(
                "{}: {verdict}\n  {}\n  {}",
                case.name,
                told.join("\n  "),
                not.join("\n  ")
            ));
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_rule_of_the_contract_is_broken_once() {
    let names = rules()
        .map(|rule| rule.name)
        .filter(|name| name.starts_with("compaction-"));
    let unbroken: Vec<&str> = names
        .filter(|name| !CASES.iter().any(|case| case.rule == *name))
        .collect();
    assert!(unbroken.is_empty(), "{unbroken:?}");
}

#[test]
fn what_the_cases_start_from_is_clean() {
    for case in CASES {
        let told: Vec<String> = check(records(case.fixture), "")
            .violations
            .iter()
            .map(shown)
            .collect();
        assert!(told.is_empty(), "{}: {told:?}", case.fixture);
    }
}
