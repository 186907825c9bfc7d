//! Comparisons of small captures made here.

use trace_diff::{Options, compare, read_capture_bytes};

/// Rules and pointers of what differs between two requests to the model with these bodies.
fn changes(baseline: &str, candidate: &str) -> Vec<String> {
    let capture = |body: &str| {
        let record = format!(
            r#"{{"format":"raw-exchange/1","seq":1,"transport":"http","method":"POST","path":"/v1/responses","request":{{"headers":[],"body_kind":"json-compact","body":{body}}},"response":{{"status":200,"headers":[],"body":"","ended":"complete"}}}}"#
        );
        let capture = read_capture_bytes("made here", record.into_bytes()).unwrap();
        assert!(capture.problems.is_empty(), "{:?}", capture.problems);
        capture
    };
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
