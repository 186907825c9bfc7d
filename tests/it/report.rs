//! The report's JSON form.

use serde_json::Value;
use trace_diff::json::Pointer;
use trace_diff::report::{
    Accepted, AlignmentEntry, ExchangePair, FilePlace, Finding, Input, Level, Report, Role,
    RuleState, Source, Subject, UnusedRule, finding_id, render_json,
};

use crate::schema;

/// A report in which every key occurs, with and without a value.
pub(crate) fn full_report() -> Report {
    let input = |role, path: &str| Input {
        role,
        path: path.into(),
        kind: "raw-exchange".into(),
        exchanges: 2,
        records: None,
        problems: 0,
        live: None,
    };
    let missing = Finding {
        id: finding_id(&["header-missing", "/request/headers/originator"]),
        source: Source::Diff,
        rule: "header-missing".into(),
        level: Level::Error,
        exchange: ExchangePair {
            baseline: Some(0),
            candidate: Some(0),
        },
        pointer: Pointer::root()
            .key("request")
            .key("headers")
            .key("originator"),
        place: Some(FilePlace {
            path: "b.jsonl".into(),
            line: Some(2),
        }),
        rollout: None,
        also: vec![
            Pointer::root()
                .key("request")
                .key("body")
                .key("client_metadata"),
        ],
        subject: Some(Subject::named("originator")),
        beside: None,
        baseline: Some("codex_exec".into()),
        candidate: None,
        message: "the candidate does not send originator".into(),
        accepted: None,
        recurs: vec![ExchangePair {
            baseline: Some(1),
            candidate: Some(1),
        }],
        detail: vec!["- originator: codex_exec".into()],
    };
    let added = Finding {
        id: finding_id(&["exchange-added"]),
        rule: "exchange-added".into(),
        exchange: ExchangePair {
            baseline: None,
            candidate: Some(1),
        },
        pointer: Pointer::root(),
        also: Vec::new(),
        rollout: None,
        subject: None,
        beside: None,
        baseline: None,
        candidate: Some("POST /v1/responses".into()),
        accepted: Some(Accepted {
            rule: "trace-diff.toml:3".into(),
            reason: "the port retries once more".into(),
        }),
        recurs: Vec::new(),
        detail: Vec::new(),
        ..missing.clone()
    };
    let entry = |baseline, changes| AlignmentEntry {
        baseline,
        candidate: Some(changes),
        kind: "turn".into(),
        changes,
        thread: Some("019a".into()),
    };
    let mut report = Report::new(
        vec![
            input(Role::Baseline, "a.jsonl"),
            input(Role::Candidate, "b.jsonl"),
        ],
        vec![entry(Some(0), 0), entry(None, 1)],
        vec![missing, added],
    );
    report.unused_rules.push(UnusedRule {
        rule: "trace-diff.toml:9".into(),
        kind: "ignore",
        state: RuleState::Unused,
        findings: 0,
        message: "matched nothing".into(),
    });
    report
}

pub(crate) fn rendered(report: &Report) -> String {
    let mut out = Vec::new();
    render_json(report, &mut out).expect("a vector takes every write");
    String::from_utf8(out).expect("JSON is UTF-8")
}

#[test]
fn a_rendered_report_conforms_to_its_schema() {
    let value: Value = serde_json::from_str(&rendered(&full_report())).unwrap();
    assert_eq!(
        schema::violations(&schema::load("report"), &value),
        Vec::<String>::new()
    );
    let mut broken = value;
    broken["findings"][0]["level"] = "fatal".into();
    assert_eq!(
        schema::violations(&schema::load("report"), &broken).len(),
        1
    );
}

#[test]
fn an_empty_report_conforms_to_its_schema() {
    let report = Report::new(Vec::new(), Vec::new(), Vec::new());
    let value: Value = serde_json::from_str(&rendered(&report)).unwrap();
    assert_eq!(
        schema::violations(&schema::load("report"), &value),
        Vec::<String>::new()
    );
}

#[test]
fn json_keeps_the_published_order_of_keys() {
    insta::with_settings!({snapshot_path => "../../snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("report_json", rendered(&full_report()));
    });
}
