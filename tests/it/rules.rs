//! The rules file: what it accepts, what it says about mistakes, what it does to a report.

use jiff::civil::{Date, date};
use serde_json::Value;
use trace_diff::normalize::{Rules, RulesError};
use trace_diff::report::{Report, RuleState, Verdict, apply_accept};

use crate::report::{full_report, rendered};
use crate::schema;

const KNOWN: &[&str] = &[
    "header-missing",
    "header-changed",
    "exchange-added",
    "text-changed",
];

fn parse(text: &str) -> Result<Rules, RulesError> {
    Rules::parse("trace-diff.toml", text, KNOWN)
}

fn mistakes(text: &str) -> String {
    parse(text).expect_err("the file has a mistake").to_string()
}

macro_rules! assert_mistakes {
    ($name:expr, $text:expr) => {
        insta::with_settings!({
            snapshot_path => "../../snapshots",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!($name, mistakes($text));
        });
    };
}

/// The example of the user guide.
const EXAMPLE: &str = r#"
baseline = "captures/codex-0.169.0.jsonl"
profile = "codex"                      # whose contracts: codex, pycodex, or a file

[[accept]]
rule = "header-changed"
pointer = "/request/headers/user-agent"
reason = "the port names itself"
until = "2027-03-01"                   # optional: after that it counts again

[[ignore]]
pointer = "/request/body/input/*/content/*/text"
pattern = "session file: .*"
reason = "random path"
"#;

#[test]
fn the_example_is_read() {
    let rules = parse(EXAMPLE).unwrap();
    assert_eq!(
        rules.baseline.as_deref(),
        Some("captures/codex-0.169.0.jsonl")
    );
    assert_eq!(rules.profile.as_deref(), Some("codex"));
    let accept = &rules.accept[0];
    assert_eq!(accept.rule.as_deref(), Some("header-changed"));
    assert_eq!(
        accept.pointer.as_ref().unwrap().as_str(),
        "/request/headers/user-agent"
    );
    assert_eq!(
        (accept.reason.as_str(), accept.line),
        ("the port names itself", 5)
    );
    assert_eq!(accept.until, Some(date(2027, 3, 1)));
    let ignore = &rules.ignore[0];
    assert_eq!(
        ignore.pointer.as_str(),
        "/request/body/input/*/content/*/text"
    );
    assert_eq!(
        ignore.pattern.as_ref().unwrap().as_str(),
        "session file: .*"
    );
    assert_eq!(
        (ignore.reason.as_deref(), ignore.line),
        (Some("random path"), Some(11))
    );
}

#[test]
fn an_empty_file_has_no_rules() {
    let rules = parse("").unwrap();
    assert!(rules.accept.is_empty() && rules.ignore.is_empty() && rules.baseline.is_none());
}

#[test]
fn a_date_may_stand_without_quotes() {
    let rules =
        parse("[[accept]]\nrule = 'header-changed'\nreason = 'r'\nuntil = 2027-03-01").unwrap();
    assert_eq!(rules.accept[0].until, Some(date(2027, 3, 1)));
}

#[test]
fn the_baseline_is_relative_to_the_rules_file() {
    let path = |rules_path, text| {
        Rules::parse(rules_path, text, KNOWN)
            .unwrap()
            .baseline_path()
    };
    assert_eq!(
        path("trace-diff.toml", "baseline = 'a.jsonl'")
            .unwrap()
            .to_str(),
        Some("a.jsonl")
    );
    let below = path("up/trace-diff.toml", "baseline = 'c/a.jsonl'").unwrap();
    assert_eq!(below, std::path::Path::new("up").join("c/a.jsonl"));
    assert_eq!(path("trace-diff.toml", ""), None);
}

#[test]
fn unknown_keys_are_shown_with_what_was_meant() {
    assert_mistakes!(
        "rules_unknown_keys",
        "basline = 'a'\n\n[[accept]]\nrule = 'header-changed'\npinter = '/request'\nreason = 'r'\n\n\
         [[ignore]]\npointer = '/x'\nuntil = 2027-01-01\n"
    );
}

#[test]
fn bad_pointers_are_shown_at_the_character() {
    assert_mistakes!(
        "rules_bad_pointers",
        "[[ignore]]\npointer = \"request/body\"\n[[ignore]]\npointer = '/request/~2'\n\
         [[ignore]]\npointer = \"/re\\u0071uest/~\"\n[[ignore]]\npointer = 7\n"
    );
}

#[test]
fn bad_patterns_are_shown_with_the_reason() {
    assert_mistakes!(
        "rules_bad_patterns",
        "[[ignore]]\npointer = '/a'\npattern = '(x'\n[[ignore]]\npointer = '/a'\npattern = '(?=x)'\n\
         [[ignore]]\npointer = '/a'\npattern = ''\n"
    );
}

#[test]
fn bad_dates_are_shown_with_an_example() {
    let rule = "[[accept]]\nrule = 'header-changed'\nreason = 'r'\nuntil = ";
    let values = [
        "'2027-02-30'",
        "'soon'",
        "'20270301'",
        "2027-03-01T00:00:00Z",
        "12",
    ];
    let text: String = values
        .iter()
        .map(|value| format!("{rule}{value}\n"))
        .collect();
    assert_mistakes!("rules_bad_dates", &text);
}

#[test]
fn an_accept_rule_needs_a_reason_and_a_target() {
    assert_mistakes!(
        "rules_incomplete",
        "[[accept]]\nrule = 'header-changed'\n\n[[accept]]\nreason = 'all'\n\n[[accept]]\nrule = 'header-changd'\n\
         reason = ' '\n\n[[accept]]\nrule = 'nonsense'\nreason = 'r'\n\n[[ignore]]\npattern = 'x'\n"
    );
}

#[test]
fn other_types_are_named() {
    assert_mistakes!(
        "rules_types",
        "baseline = 1\nprofile = ['codex']\naccept = [1, {rule = 'header-changed', reason = 'r'}]\n[ignore]\n\
         pointer = '/a'\n"
    );
}

#[test]
fn text_that_is_no_toml_is_shown() {
    assert_mistakes!(
        "rules_no_toml",
        "[[accept]\nrule = \"header-changed\n\nreason: 'r'\n"
    );
}

fn applied(text: &str, today: Date, ignore_used: &[bool]) -> Report {
    let mut report = full_report();
    apply_accept(
        &mut report,
        &parse(text).expect("a rules file"),
        today,
        ignore_used,
    );
    let once = rendered(&report);
    let value: Value = serde_json::from_str(&once).expect("JSON");
    assert_eq!(
        schema::violations(&schema::load("report"), &value),
        Vec::<String>::new()
    );
    apply_accept(
        &mut report,
        &parse(text).expect("a rules file"),
        today,
        ignore_used,
    );
    assert_eq!(
        once,
        rendered(&report),
        "applying the rules again changes nothing"
    );
    report
}

const BOTH: &str = "[[accept]]\nrule = 'header-missing'\npointer = '/request/headers/Originator'\n\
                    reason = 'not yet'\nuntil = 2027-03-01\n\n[[accept]]\nrule = 'exchange-added'\nreason = 'retry'\n";

#[test]
fn accepted_findings_do_not_fail_the_run() {
    let report = applied(BOTH, date(2027, 3, 1), &[]);
    assert_eq!(report.verdict, Verdict::Clean);
    let counts = report.summary.findings;
    assert_eq!((counts.error, counts.accepted), (0, 2));
    let accepted = report.findings[0].accepted.as_ref().unwrap();
    assert_eq!(
        (accepted.rule.as_str(), accepted.reason.as_str()),
        ("trace-diff.toml:1", "not yet")
    );
    assert_eq!(
        report.findings[1].accepted.as_ref().unwrap().rule,
        "trace-diff.toml:7"
    );
    assert_eq!(report.unused_rules, []);
}

#[test]
fn an_expired_rule_is_named_and_its_findings_count_again() {
    let report = applied(BOTH, date(2027, 3, 2), &[]);
    assert_eq!(report.verdict, Verdict::Findings);
    assert_eq!(report.findings[0].accepted, None);
    let [expired] = &report.unused_rules[..] else {
        panic!("{:?}", report.unused_rules)
    };
    assert_eq!((expired.state, expired.findings), (RuleState::Expired, 1));
    assert_eq!(
        expired.message,
        "`header-missing` at /request/headers/Originator was accepted until 2027-03-01 (not yet); 1 finding counts again"
    );
}

#[test]
fn a_rule_in_force_takes_over_from_an_expired_one() {
    let text = format!("{BOTH}\n[[accept]]\npointer = '/request'\nreason = 'later'");
    let report = applied(&text, date(2028, 1, 1), &[]);
    assert_eq!(report.verdict, Verdict::Clean);
    assert_eq!(
        report.findings[0].accepted.as_ref().unwrap().reason,
        "later"
    );
    let [expired] = &report.unused_rules[..] else {
        panic!("{:?}", report.unused_rules)
    };
    assert_eq!((expired.state, expired.findings), (RuleState::Expired, 0));
}

#[test]
fn a_pattern_narrows_a_rule_to_findings_that_show_the_text() {
    let rule = |pattern| {
        format!("[[accept]]\nrule = 'header-missing'\nreason = 'r'\npattern = '{pattern}'")
    };
    for (pattern, is_accepted) in [
        ("^codex_", true),
        ("^- originator", true),
        ("^originator$", true),
        ("does not send", false),
    ] {
        let report = applied(&rule(pattern), date(2027, 1, 1), &[]);
        assert_eq!(
            report.findings[0].accepted.is_some(),
            is_accepted,
            "{pattern}"
        );
        assert_eq!(report.unused_rules.is_empty(), is_accepted, "{pattern}");
    }
}

#[test]
fn rules_that_did_nothing_are_listed() {
    let text = "[[accept]]\nrule = 'text-changed'\nreason = 'r'\n\n[[ignore]]\npointer = '/a'\n\n\
                [[ignore]]\npointer = '/b'\n\n[[ignore]]\npointer = '/c'\npattern = 'x.*'\n";
    let report = applied(text, date(2027, 1, 1), &[false, true, false]);
    let listed: Vec<_> = report
        .unused_rules
        .iter()
        .map(|r| (r.kind, r.rule.as_str(), r.message.as_str()))
        .collect();
    assert_eq!(
        listed,
        [
            (
                "accept",
                "trace-diff.toml:1",
                "`text-changed` was not found"
            ),
            ("ignore", "trace-diff.toml:5", "nothing was left out at /a"),
            (
                "ignore",
                "trace-diff.toml:11",
                "no text at /c matched `x.*`"
            ),
        ]
    );
    assert_eq!(report.findings[0].accepted, None);
}

fn as_json(text: &str) -> Value {
    let document: toml::Value = toml::from_str(text).expect("TOML");
    serde_json::to_value(document).expect("TOML is JSON")
}

#[test]
fn the_schema_and_the_reader_agree() {
    let schema = schema::load("rules");
    assert_eq!(
        schema::violations(&schema, &as_json(EXAMPLE)),
        Vec::<String>::new()
    );
    for text in [
        "basline = 'a'",
        "baseline = 1",
        "accept = 1",
        "[[accept]]\nreason = 'r'",
        "[[accept]]\nrule = 'header-changed'",
        "[[accept]]\nrule = 'header-changed'\nreason = ' '",
        "[[accept]]\nrule = 'header-changed'\nreason = 'r'\nuntil = 12",
        "[[ignore]]\npattern = 'x'",
        "[[ignore]]\npointer = 'x'",
        "[[ignore]]\npointer = '/~2'",
        "[[ignore]]\npointer = '/x'\npattern = ''",
        "[[ignore]]\npointer = '/x'\nuntil = '2027-01-01'",
    ] {
        assert!(parse(text).is_err(), "the reader takes {text}");
        assert_ne!(
            schema::violations(&schema, &as_json(text)),
            Vec::<String>::new(),
            "the schema takes {text}"
        );
    }
}

#[test]
fn the_guide_shows_the_example() {
    let guide = include_str!("../../docs/rules-file.md");
    let example = guide
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    assert_eq!(as_json(example), as_json(EXAMPLE));
}
