//! Comparisons of small captures made here.

use serde_json::{Value, json};
use trace_diff::report::{Section, TextOptions, comparison_report, render_text};
use trace_diff::{Capture, Options, Report, compare, read_capture_bytes};

/// A request to the model with this body.
fn capture(body: &str) -> Capture {
    let record = format!(
        r#"{{"format":"raw-exchange/1","seq":1,"transport":"http","method":"POST","path":"/v1/responses","request":{{"headers":[],"body_kind":"json-compact","body":{body}}},"response":{{"status":200,"headers":[],"body":"","ended":"complete"}}}}"#
    );
    let capture = read_capture_bytes("made here", record.into_bytes()).unwrap();
    assert!(capture.problems.is_empty(), "{:?}", capture.problems);
    capture
}

/// Rules and pointers of what differs between two requests to the model with these bodies.
fn changes(baseline: &str, candidate: &str) -> Vec<String> {
    let comparison = compare(&capture(baseline), &capture(candidate), &Options::default());
    let shown = |change: &trace_diff::Change| format!("{} {}", change.rule, change.pointer);
    comparison.changes.iter().map(shown).collect()
}

#[test]
fn an_input_that_only_one_side_has_or_that_is_no_list_is_a_change() {
    let (without, empty, text) = (
        r#"{"model":"m"}"#,
        r#"{"model":"m","input":[]}"#,
        r#"{"model":"m","input":"hi"}"#,
    );
    assert_eq!(changes(without, empty), ["key-added /request/body/input"]);
    assert_eq!(changes(empty, without), ["key-missing /request/body/input"]);
    assert_eq!(changes(empty, text), ["type-changed /request/body/input"]);
    assert_eq!(changes(empty, empty), [""; 0]);
}

#[test]
fn repeated_keys_of_a_body_go_together_in_order() {
    let (once, twice) = (
        r#"{"model":"m","input":[],"x":"a"}"#,
        r#"{"model":"m","input":[],"x":"a","x":"b"}"#,
    );
    assert_eq!(changes(twice, twice), [""; 0]);
    assert_eq!(changes(once, twice), ["key-added /request/body/x"]);
    assert_eq!(changes(twice, once), ["key-missing /request/body/x"]);
}

/// The report of two requests with these bodies.
fn report(baseline: &Value, candidate: &Value) -> Report {
    let (a, b) = (
        capture(&baseline.to_string()),
        capture(&candidate.to_string()),
    );
    comparison_report(&a, &b, &compare(&a, &b, &Options::default()))
}

/// What the only finding of two requests is about, and where in that.
fn subject(baseline: &Value, candidate: &Value) -> (String, String) {
    let report = report(baseline, candidate);
    let [finding] = report.findings.as_slice() else {
        panic!("{:#?}", report.findings);
    };
    let subject = finding.subject.as_ref().map(|one| one.to_string());
    let label = Section::of(finding).label(finding);
    (subject.unwrap_or_default(), label)
}

/// A request with these items, and one in which each has another member.
fn with_new_member(items: &[Value]) -> (Value, Value) {
    let mut changed = items.to_vec();
    for item in &mut changed {
        item["new"] = json!(true);
    }
    (json!({"input": items}), json!({"input": changed}))
}

fn message(role: &str, text: &str) -> Value {
    json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]})
}

#[test]
fn kinds_of_items_do_not_depend_on_what_they_say() {
    let check = |items: &[Value], expect: &str| {
        let (a, b) = with_new_member(items);
        assert_eq!(subject(&a, &b), (expect.to_owned(), "new".to_owned()));
    };
    let texts = [
        "say \"no\" (twice)",
        "a › b",
        "several things",
        "tools x, y",
    ];
    check(
        &texts.map(|text| message("user", text)),
        "several user messages",
    );
    check(
        &texts.map(|text| message("tool", text)),
        "several tool messages",
    );
    let role = "a \"b\" (c)";
    check(
        &[message(role, "one"), message("user", "two › three")],
        "several items (a \"b\" (c) message, user message)",
    );
}

#[test]
fn tools_in_items_are_told_by_their_whole_names() {
    let request = |strict: bool| {
        let tool = |name: &str| json!({"type": "function", "name": name, "strict": strict});
        let tools = ["run (a)", "run (b)", "x, y"].map(tool);
        json!({"input": [{"type": "additional_tools", "tools": tools}]})
    };
    let names = "several items (additional_tools item › `run (a)`, additional_tools item › `run (b)`, \
                 additional_tools item › `x, y`)";
    let (found, label) = subject(&request(false), &request(true));
    assert_eq!((found.as_str(), label.as_str()), (names, "tools/strict"));
}

#[test]
fn a_part_of_a_message_is_one_by_its_tag_alone() {
    let check = |role: &str, texts: [&str; 2], expect: (&str, &str)| {
        let request = |text: &str| json!({"input": [message(role, text)]});
        let (subject, label) = subject(&request(texts[0]), &request(texts[1]));
        assert_eq!((subject.as_str(), label.as_str()), expect);
    };
    let texts = ["go from a › b to c", "go from a › b to d"];
    check(
        "user",
        texts,
        ("user message \"go from a › b to d\"", "text"),
    );
    let texts = ["<a>one two three</a>", "<a>one two four</a>"];
    check("b (c)", texts, ("b (c) message › <a>", ""));
}

#[test]
fn what_an_item_says_is_told_whole() {
    let check = |baseline: &[&str], candidate: &[&str], expect: &str| {
        let request = |texts: &[&str]| {
            let items: Vec<Value> = texts.iter().map(|text| message("user", text)).collect();
            json!({ "input": items })
        };
        let report = report(&request(baseline), &request(candidate));
        let mut out = Vec::new();
        let options = TextOptions {
            width: 200,
            ..TextOptions::default()
        };
        render_text(&report, &options, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains(expect), "{out}");
    };
    let text = "it is not sent by the candidate, comes last";
    check(
        &["a", text],
        &["a"],
        &format!("  - user message \"{text}\"\n"),
    );
    let text = "it is sent by the candidate only, comes last";
    check(
        &["a"],
        &["a", text],
        &format!("  + user message \"{text}\"\n"),
    );
    check(
        &[text, "b", "c"],
        &["b", "c", text],
        &format!("  ~ user message \"{text}\": now after user message \"c\", not before\n"),
    );
}
