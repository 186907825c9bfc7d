use super::*;
use crate::rollout::{RolloutPart, RolloutReader};

/// Checks a file of these lines; expects `kind: message` for each problem.
fn check_named(name: &str, lines: &[String], expect: &[&str]) {
    let text = lines.join("\n");
    let mut reader = RolloutReader::new(text.as_bytes());
    let (mut index, mut order) = (RolloutIndex::default(), OrderCheck::new());
    while let Some(part) = reader.next_part().unwrap() {
        match part {
            RolloutPart::Record(record) => {
                index.add_record(&record);
                order.add(&record);
            }
            RolloutPart::Problem(problem) => index.add_problem(problem),
        }
    }
    let problems = order.finish(&index, Path::new(name));
    let found: Vec<_> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.kind.name(), problem.message))
        .collect();
    assert_eq!(found, expect, "{text}");
    for problem in problems {
        let start = index.entries[problem.records.start].span.start;
        assert_eq!(problem.span.start, start);
    }
}

fn check(lines: &[String], expect: &[&str]) {
    check_named("a.jsonl", lines, expect);
}

fn meta(id: &str, more: &str) -> String {
    format!(r#"{{"timestamp":"t","type":"session_meta","payload":{{"id":"{id}"{more}}}}}"#)
}

fn numbered(ordinal: u64, text: &str) -> String {
    format!(
        r#"{{"timestamp":"t","ordinal":{ordinal},"type":"event_msg","payload":{{"type":"x","m":"{text}"}}}}"#
    )
}

fn item(more: &str) -> String {
    format!(r#"{{"timestamp":"t","type":"response_item","payload":{{"type":"message"{more}}}}}"#)
}

fn all(ordinals: &[u64]) -> Vec<String> {
    let lines = ordinals.iter().enumerate();
    lines
        .map(|(at, &ordinal)| numbered(ordinal, &at.to_string()))
        .collect()
}

#[test]
fn ordinals_go_up_by_one() {
    check(&all(&[0, 1, 2, 3]), &[]);
    check(
        &all(&[0, 1, 4, 5]),
        &["ordinal-gap: ordinals 2 to 3 are missing between record 1 and record 2"],
    );
    check(
        &all(&[0, 1, 1, 2]),
        &["ordinal-repeat: record 2 has the ordinal 1 of record 1 again"],
    );
    check(
        &all(&[0, 5, 1, 2]),
        &["ordinal-gap: ordinals 1 to 4 are missing between record 0 and record 1"],
    );
    check(
        &all(&[0, 1, 2, 1, 2]),
        &["ordinal-back: record 3 has the ordinal 1 behind 2 of record 2"],
    );
    check(
        &all(&[u64::MAX, 0]),
        &[
            "ordinal-gap: the file begins with ordinal 18446744073709551615 at record 0: what stood before it is gone",
            "ordinal-back: record 1 has the ordinal 0 behind 18446744073709551615 of record 0",
        ],
    );
}

#[test]
fn a_fork_begins_where_its_parent_ends() {
    let base = r#","history_base":{"thread_id":"p","end_ordinal_exclusive":7}"#;
    let mut lines = vec![meta("a", base).replacen("\"type\"", "\"ordinal\":7,\"type\"", 1)];
    lines.push(numbered(8, ""));
    check(&lines, &[]);
    lines.remove(0);
    check(
        &lines,
        &["ordinal-gap: the file begins with ordinal 8 at record 0: what stood before it is gone"],
    );
}

#[test]
fn damage_explains_a_gap() {
    let mut lines = all(&[0, 1, 4, 5]);
    lines.insert(2, r#"{"timestamp":"t","ordinal":2,"ty"#.to_owned());
    check(&lines, &[]);
    // The next record has the ordinal of the torn one.
    let mut lines = all(&[0, 1, 2]);
    lines.insert(2, r#"{"timestamp":"t","ordinal":2,"ty"#.to_owned());
    check(&lines, &[]);
}

#[test]
fn records_without_ordinal_among_others() {
    let mut lines = all(&[0, 1, 2]);
    lines.push(item(",\"role\":\"a\""));
    lines.push(item(",\"role\":\"b\""));
    check(
        &lines,
        &["ordinal-missing: records 3 to 4 have no ordinal, others have one"],
    );
    check(&lines[3..], &[]);
}

#[test]
fn what_was_written_twice() {
    let mut lines = all(&[0, 1, 2, 3]);
    lines.push(lines[3].clone());
    check(&lines, &["duplicated-record: record 4 is record 3 again"]);
    lines.extend_from_slice(&all(&[0, 1, 2, 3])[1..]);
    check(
        &lines,
        &[
            "duplicated-record: record 4 is record 3 again",
            "duplicated-block: records 5 to 7 are records 1 to 3 again",
        ],
    );
    // Events repeat in one millisecond; items of a copied parent too.
    let event = r#"{"timestamp":"t","type":"event_msg","payload":{"type":"token_count"}}"#;
    check(&[meta("a", ""), event.to_owned(), event.to_owned()], &[]);
    let copied = [
        meta("b", ",\"forked_from_id\":\"a\""),
        meta("a", ""),
        item(""),
        item(""),
    ];
    check(&copied, &[]);
    check(
        &[meta("a", ""), item(""), item("")],
        &["duplicated-record: record 2 is record 1 again"],
    );
    let call = item(",\"call_id\":\"c\"");
    check(
        &[call.clone(), event.to_owned(), call],
        &["duplicated-record: record 2 is record 0 again"],
    );
}

#[test]
fn two_writers_in_one_file() {
    let same = [40, 40, 41, 41, 42, 42, 43, 43];
    check(
        &[vec![numbered(39, "")], all(&same)].concat()[1..],
        &["two-writers: records of two writers are interleaved from record 0 on"],
    );
    let legacy = |at: usize| item(&format!(",\"id\":\"{at}\""));
    let mut lines = Vec::new();
    for (at, line) in all(&[0, 1, 2, 3, 4]).into_iter().enumerate() {
        lines.extend([line, legacy(at)]);
    }
    check(
        &lines,
        &["two-writers: records of two writers are interleaved from record 1 on"],
    );
    lines[0] = meta("a", "").replacen("\"type\"", "\"ordinal\":0,\"type\"", 1);
    lines[1] = meta("b", "");
    check(
        &lines,
        &["two-writers: records of two sessions are interleaved from record 1 on: a and b"],
    );
    let context = |turn: &str, at: usize| {
        format!(r#"{{"timestamp":"{at}","type":"turn_context","payload":{{"turn_id":"{turn}"}}}}"#)
    };
    let turns = ["a", "b", "a", "b", "a"].into_iter().enumerate();
    let lines: Vec<_> = turns.map(|(at, turn)| context(turn, at)).collect();
    check(
        &lines,
        &["two-writers: records of two writers are interleaved from record 1 on"],
    );
    check(&lines[..3], &[]);
}

#[test]
fn metas_of_other_sessions() {
    let parent = [meta("b", r#","forked_from_id":"a""#), meta("a", "")];
    check(&parent, &[]);
    check(
        &[meta("a", ""), item(""), meta("b", "")],
        &[
            "second-session-meta: the session_meta at record 2 is that of another session, b; Codex goes by the first one, pycodex by the last",
        ],
    );
    check(
        &[meta("a", ""), meta("a", ",\"cwd\":\"/\"")],
        &[
            "second-session-meta: the session_meta at record 1 is the file's own again; Codex goes by the first one, pycodex by the last",
        ],
    );
}

#[test]
fn a_file_is_named_after_its_thread() {
    let id = "01a1fbd9-5e66-7a92-9d96-2f6102d7e1ff";
    let other = "01a1fbd9-5e66-7a92-9d96-2f6102d70000";
    let lines = [meta(id, "")];
    check_named(
        &format!("rollout-2026-11-21T02-04-49-{id}.jsonl"),
        &lines,
        &[],
    );
    check_named(
        &format!("rollout-2026-11-21T02-04-49-{id}_{other}.jsonl.zst"),
        &lines,
        &[],
    );
    check_named("saved.jsonl", &lines, &[]);
    check_named(
        &format!("rollout-2026-11-21T02-04-49-{other}.jsonl"),
        &lines,
        &[&format!(
            "id-not-in-name: the file is named after {other}, its session_meta says {id}"
        )],
    );
}
