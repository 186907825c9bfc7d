use super::*;
use crate::rollout::{RolloutPart, RolloutReader};

const META: &str = r#"{"timestamp":"t","type":"session_meta","payload":{"id":"01a1fbd9-5e66-7a92-9d96-2f6102d7e1ff","timestamp":"t","cwd":"/","originator":"o","cli_version":"v"}}"#;

fn event(payload: &str) -> String {
    format!(r#"{{"timestamp":"t","type":"event_msg","payload":{payload}}}"#)
}

fn item(payload: &str) -> String {
    format!(r#"{{"timestamp":"t","type":"response_item","payload":{payload}}}"#)
}

/// A turn of which everything is there: its records, meta first.
fn turn() -> Vec<String> {
    vec![
        META.to_owned(),
        event(r#"{"type":"task_started","turn_id":"t1"}"#),
        item(
            r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"List it."}]}"#,
        ),
        event(r#"{"type":"user_message","message":"List it."}"#),
        item(
            r#"{"type":"function_call","name":"exec","arguments":"{\"cmd\":\"ls\"}","call_id":"c1"}"#,
        ),
        item(r#"{"type":"function_call_output","call_id":"c1","output":"a.txt\nb.txt"}"#),
        item(
            r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Two."}]}"#,
        ),
        event(r#"{"type":"task_complete","turn_id":"t1"}"#),
    ]
}

fn report(bytes: &[u8]) -> DamageReport {
    let source = RolloutSource::memory("a.jsonl", bytes.to_vec());
    let (mut index, mut order) = (RolloutIndex::default(), OrderCheck::new());
    let mut reader = RolloutReader::new(bytes);
    while let Some(part) = reader.next_part().unwrap() {
        match part {
            RolloutPart::Record(record) => {
                index.add_record(&record);
                order.add(&record);
            }
            RolloutPart::Problem(problem) => index.add_problem(problem),
        }
    }
    DamageReport::read(&source, &index, order, |_| None).unwrap()
}

/// Checks what is said of a file: what is lost first, then what is sent.
fn check(bytes: impl AsRef<[u8]>, lost: &[&str], sentences: &[&str]) {
    let report = report(bytes.as_ref());
    let found: Vec<&str> = report
        .problems
        .iter()
        .flat_map(|problem| &problem.lost)
        .map(String::as_str)
        .collect();
    let text = String::from_utf8_lossy(bytes.as_ref());
    assert_eq!(found, lost, "{text}");
    assert_eq!(report.sentences, sentences, "{text}");
}

/// The record without its last bytes.
fn torn(record: &str, bytes: usize) -> &str {
    &record[..record.len() - bytes]
}

#[test]
fn a_whole_file_is_not_damaged() {
    let text = turn().join("\n");
    check(
        &text,
        &[],
        &[
            "Codex resumes it and sends 4 items of it",
            "pycodex resumes it and sends 4 items of it",
        ],
    );
    assert!(!report(text.as_bytes()).is_damaged());
    // Nor is one of the oldest layout, which Codex refuses.
    let bare = r#"{"id":"a","timestamp":"t","instructions":null}
{"type":"message","role":"user","content":[]}"#;
    assert!(!report(bare.as_bytes()).is_damaged());
}

#[test]
fn an_output_that_is_lost_is_made_up() {
    let lines = turn();
    let text = [&lines[..5].join("\n"), "\n", torn(&lines[5], 9)].concat();
    check(
        &text,
        &[
            "lost: the output of c1 (function_call_output), which begins \"a.txt\"",
            "Codex sends `aborted` in its place",
            "pycodex leaves its call out",
            "pycodex stops reading here",
        ],
        &[
            "Codex resumes it and sends 3 items of it",
            "call c1 has no output: Codex sends `aborted` for it, pycodex leaves the call out",
            "pycodex resumes it and sends 1 item of it: it reads up to byte 607 and ignores the rest",
            "`trace-diff recover a.jsonl -o OUT` writes the 5 complete records, each on a line of its own",
        ],
    );
}

#[test]
fn an_output_without_its_call_is_left_out() {
    let mut lines = turn();
    lines[4] = torn(&lines[4], 2).to_owned();
    let text = lines.join("\n");
    check(
        &text,
        &[
            "lost: the call c1 of exec (function_call), which begins \"{\\\"cmd\\\":\\\"ls\\\"}\"",
            "Codex leaves its output out",
            "pycodex stops reading here: the 3 records behind it are lost to it",
        ],
        &[
            "Codex resumes it and sends 2 items of it",
            "the output of c1 has no call: Codex leaves it out",
            "pycodex resumes it and sends 1 item of it: it reads up to byte 471 and ignores the rest",
            "`trace-diff recover a.jsonl -o OUT` writes the 7 complete records, each on a line of its own",
        ],
    );
}

#[test]
fn what_a_compaction_replaced_does_not_matter() {
    let mut lines = turn();
    lines[6] = torn(&lines[6], 4).to_owned();
    lines.push(
        r#"{"timestamp":"t","type":"compacted","payload":{"message":"s","replacement_history":[{"type":"message","role":"user","content":[{"type":"input_text","text":"List it."}]}]}}"#
            .to_owned(),
    );
    check(
        lines.join("\n"),
        &[
            "lost: a message of the assistant, which begins \"Two.\"",
            "it stands before the compaction at record 7: what is sent is the same without it",
        ],
        &[
            "Codex resumes it and sends 1 item of it",
            "pycodex resumes it and sends 1 item of it",
            "`trace-diff recover a.jsonl -o OUT` writes the 8 complete records, each on a line of its own",
        ],
    );
    // Without the compaction itself, everything is sent.
    let mut lines = turn();
    lines.push(r#"{"timestamp":"t","type":"compacted","payload":{"message":"s","repl"#.to_owned());
    let found = report(lines.join("\n").as_bytes());
    assert_eq!(
        found.problems[0].lost[0],
        "lost: a compaction (compacted), which begins \"s\""
    );
    assert_eq!(found.resume.codex.input.len(), 4);
}

#[test]
fn a_turn_may_lose_its_end() {
    let lines = turn();
    let text = lines.join("\n");
    check(
        torn(&text, 3),
        &[
            "lost: the end of a turn (task_complete)",
            "pycodex stops reading here",
        ],
        &[
            "Codex resumes it and sends 4 items of it",
            "pycodex resumes it and sends 4 items of it: it reads up to byte 867 and ignores the rest",
            "`trace-diff recover a.jsonl -o OUT` writes the 7 complete records, each on a line of its own",
        ],
    );
    check(
        &text[..text.len() - 1],
        &[
            "lost: the end of turn t1 (task_complete)",
            "turn t1 has no end",
            "pycodex stops reading here",
        ],
        &[
            "Codex resumes it and sends 4 items of it",
            "pycodex resumes it and sends 4 items of it: it reads up to byte 867 and ignores the rest",
            "`trace-diff recover a.jsonl -o OUT` writes the 7 complete records, each on a line of its own",
        ],
    );
}

#[test]
fn a_record_that_is_written_again_is_not_lost() {
    let mut lines = turn();
    lines.insert(6, torn(&lines[6], 4).to_owned());
    let found = report(lines.join("\n").as_bytes());
    assert_eq!(
        found.problems[0].lost[0],
        "nothing is lost: the next record is the same again, complete (a message of the assistant, which begins \"Two.\")"
    );
}

#[test]
fn ordinals_tell_how_many_are_gone() {
    let numbered =
        |at: usize, line: &str| line.replacen("\"type\"", &format!("\"ordinal\":{at},\"type\""), 1);
    let lines: Vec<String> = turn()
        .iter()
        .enumerate()
        .map(|(at, line)| numbered(at, line))
        .collect();
    let hole = [
        &lines[..3].join("\n"),
        "\n\0\0\0\0\n",
        &lines[6..].join("\n"),
    ]
    .concat();
    let found = report(hole.as_bytes());
    assert_eq!(found.problems[0].kind, "nul");
    assert_eq!(
        found.problems[0].lost[0],
        "ordinals 3 to 5 are missing: 3 records are lost"
    );
    let none = [
        &lines[..3].join("\n"),
        "\n\0\0\0\0\n",
        &lines[3..].join("\n"),
    ]
    .concat();
    let found = report(none.as_bytes());
    assert_eq!(
        found.problems[0].lost,
        ["pycodex stops reading here: the 5 records behind it are lost to it"]
    );
}

#[test]
fn complete_records_may_be_passed_over() {
    let lines = turn();
    let glued = [
        &lines[..4].join("\n"),
        "\n",
        &lines[4],
        &lines[5],
        "\n",
        &lines[6..].join("\n"),
    ]
    .concat();
    let found = report(glued.as_bytes());
    let message = "Codex passes over records 4 to 5: something else stands on the same line";
    assert_eq!(found.problems[0].message, message);
    assert_eq!(found.problems[0].kind, "shared-line");
    assert_eq!(
        found.sentences,
        [
            "Codex resumes it and sends 2 items of it",
            "2 complete items are not sent, for Codex passes over their records",
            "pycodex resumes it and sends 4 items of it",
            "`trace-diff recover a.jsonl -o OUT` writes the 8 complete records, each on a line of its own",
        ]
    );
    let pretty = lines.join("\n").replace(",\"type\"", ",\n\"type\"");
    let found = report(pretty.as_bytes());
    assert_eq!(
        found.problems[0].message,
        "Codex passes over records 0 to 7: written over several lines"
    );
    assert_eq!(
        found.sentences.last().unwrap(),
        "`trace-diff recover --one-line a.jsonl -o OUT` writes the 8 complete records, each on a line of its own"
    );
}

#[test]
fn a_file_without_its_meta_is_refused() {
    let lines = turn();
    let text = [torn(&lines[0], 12), "\n", &lines[1..].join("\n")].concat();
    let found = report(text.as_bytes());
    assert_eq!(found.problems[0].lost[0], "lost: the session_meta");
    assert_eq!(
        found.sentences,
        [
            "Codex refuses to resume it: the first record is no session_meta",
            "pycodex does not resume it: it begins to read at byte 0, and nothing there is JSON",
            "`trace-diff recover a.jsonl -o OUT` writes the 7 complete records, each on a line of its own",
            "Codex will refuse what is recovered too: it needs the session_meta as the first record",
        ]
    );
    assert!(found.resume.codex.input.is_empty());
}

#[test]
fn hostile_files_are_told_of_in_bounds() {
    let mut text = META.to_owned() + "\n";
    for _ in 0..3000 {
        text += "{\"timestamp\":\"\u{1b}[2J\n";
    }
    let found = report(text.as_bytes());
    assert_eq!(found.problems.len(), MAX_TOLD);
    assert_eq!(found.sentences[0], "2000 more damaged spans are not listed");
    for bytes in [&b""[..], b"\0", b"\xff\xfe", b"[[[[", b"}", b"\xef\xbb\xbf"] {
        assert!(report(bytes).resume.codex.refusal.is_some(), "{bytes:?}");
    }
}
