//! Wire against disk: a made-up session is clean, and each thing that goes wrong in it is found at its place.

mod cli;
mod mutations;
mod runs;
mod session;

use tempfile::TempDir;
use trace_diff::check::{RolloutCheckError, check_rollouts};
use trace_diff::report::Level;

use session::{Session, Style};

const STYLES: [Style; 3] = [Style::Old, Style::New, Style::Pycodex];

#[test]
fn a_right_session_has_no_finding() {
    for style in STYLES {
        let check = Session::two_turns(style).check();
        assert!(
            check.violations.is_empty(),
            "{style:?}: {:#?}",
            check.violations
        );
        assert_eq!(check.rollouts.len(), 1);
    }
}

#[test]
fn compressed_rollouts_and_directories_are_read() {
    let session = Session::two_turns(Style::New);
    let dir = TempDir::new().unwrap();
    let path = session.write_rollout(&dir);
    let bytes = std::fs::read(&path).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &bytes).unwrap();
    std::fs::write(&path, encoder.finish().unwrap()).unwrap();
    let check = check_rollouts(&session.capture(), &[dir.path().to_owned()]).unwrap();
    assert!(check.violations.is_empty(), "{:#?}", check.violations);
    assert_eq!(check.rollouts[0].records, session.records.len());
}

#[test]
fn a_capture_that_begins_in_the_middle_is_compared_from_there_on() {
    for style in STYLES {
        let mut session = Session::two_turns(style);
        session.exchanges.drain(..2);
        let check = session.check();
        assert!(
            check.violations.is_empty(),
            "{style:?}: {:#?}",
            check.violations
        );
        let mut session = Session::two_turns(style);
        session.exchanges.truncate(2);
        let check = session.check();
        assert!(
            check.violations.is_empty(),
            "{style:?}: {:#?}",
            check.violations
        );
    }
}

#[test]
fn a_thread_without_rollout_and_a_rollout_without_thread_are_notes() {
    let mut session = Session::two_turns(Style::Old);
    let text = serde_json::to_string(&session.exchanges).unwrap();
    let other = text.replace(session::THREAD, "01a1fbdd-0000-7000-8000-000000000000");
    session.exchanges = serde_json::from_str(&other).unwrap();
    let check = session.check();
    let told: Vec<_> = check
        .violations
        .iter()
        .map(|violation| (violation.rule, violation.level, violation.exchange))
        .collect();
    assert_eq!(
        told,
        [
            ("rollout-missing", Level::Note, Some(0)),
            ("rollout-unused", Level::Note, None)
        ]
    );
    assert_eq!(check.violations[0].recurs, [1, 2, 3, 4]);
}

#[test]
fn without_rollouts_there_is_nothing_to_compare() {
    let session = Session::two_turns(Style::Old);
    let dir = TempDir::new().unwrap();
    let error = check_rollouts(&session.capture(), &[dir.path().to_owned()]).unwrap_err();
    assert!(
        matches!(error, RolloutCheckError::NoRollout { .. }),
        "{error}"
    );
    let error = check_rollouts(&session.capture(), &[dir.path().join("none")]).unwrap_err();
    assert!(
        matches!(error, RolloutCheckError::Unreadable { .. }),
        "{error}"
    );
}

#[test]
fn a_damaged_record_is_told_and_missed() {
    let session = Session::two_turns(Style::Old);
    let dir = TempDir::new().unwrap();
    let path = session.write_rollout(&dir);
    let record = session.find_record("Two lines.");
    let text = std::fs::read_to_string(&path).unwrap();
    let damaged: String = text
        .lines()
        .enumerate()
        .map(|(at, line)| {
            if at == record {
                &line[..line.len() / 2]
            } else {
                line
            }
        })
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(&path, damaged).unwrap();
    let check = check_rollouts(&session.capture(), &[path]).unwrap();
    assert_eq!(check.rollouts[0].problems.len(), 1);
    let rules: Vec<_> = check
        .violations
        .iter()
        .map(|violation| violation.rule)
        .collect();
    assert_eq!(rules, ["rollout-delivery-missing"]);
}

#[test]
fn a_file_without_a_record_of_a_rollout_is_an_error_that_says_what_it_is() {
    let session = Session::two_turns(Style::New);
    let dir = TempDir::new().unwrap();
    let cases: [(&str, &[u8], &str); 6] = [
        (
            "notes.md",
            b"# Notes\n",
            "byte 0: not a rollout: text that is not JSON",
        ),
        ("empty.jsonl", b"", "the file is empty"),
        ("nul.jsonl", &[0; 64], "binary data"),
        (
            "other.json",
            b" {\"a\":1}",
            "byte 1: not a rollout: a JSON object with the members a",
        ),
        (
            "events.jsonl",
            b"{\"type\":\"thread.started\",\"thread_id\":\"t\"}",
            "codex exec --json",
        ),
        (
            "capture.jsonl",
            b"{\"format\":\"raw-exchange/1\",\"seq\":1}",
            "this is a capture",
        ),
    ];
    for (name, bytes, message) in cases {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = check_rollouts(&session.capture(), &[path]).unwrap_err();
        let told = error.to_string();
        assert!(told.contains(name) && told.contains(message), "{told}");
        assert!(error.hint().contains("rollout"));
    }
    let path = dir.path().join("headless.jsonl");
    let event = b"{\"timestamp\":\"t\",\"type\":\"world_state\",\"payload\":{}}\n";
    std::fs::write(&path, event).unwrap();
    assert!(check_rollouts(&session.capture(), &[path]).is_ok());
}

#[test]
fn a_rollout_that_gives_nothing_is_compared_as_empty() {
    let session = Session::two_turns(Style::New);
    let dir = TempDir::new().unwrap();
    let path = session.write_rollout(&dir);
    std::fs::write(&path, b"\x28\xb5\x2f\xfd\x00").unwrap();
    let check = check_rollouts(&session.capture(), &[dir.path().to_owned()]).unwrap();
    assert_eq!(check.rollouts[0].records, 0);
    let problem = check.rollouts[0].problems[0].to_string();
    assert!(problem.contains("breaks off at byte 5"), "{problem}");
}
