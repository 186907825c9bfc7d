//! `trace-diff sessions`.

use std::fs;

use serde_json::{Value, json};

use crate::program::{Program, assert_snapshot, code, report, stderr, stdout};
use crate::samples::package;
use crate::schema::{load, violations};

fn id(n: u32) -> String {
    format!("01a1fbd9-{n:04}-77f0-ab79-b0886713b98b")
}

fn name(day: u32, n: u32) -> String {
    format!(
        "sessions/2026/11/{day:02}/rollout-2026-11-{day:02}T09-00-00-{}.jsonl",
        id(n)
    )
}

/// A rollout of one turn: its meta with more members, and what the user said, if anything.
fn rollout(day: u32, n: u32, more: Value, text: Option<&str>) -> String {
    let time = format!("2026-11-{day:02}T08:00:{n:02}.123Z");
    let mut meta = json!({
        "id": id(n), "timestamp": time, "cwd": "/srv/app", "originator": "codex_exec",
        "cli_version": "0.169.0", "source": "exec", "model_provider": "fake",
    });
    meta.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let record = |kind: &str, payload: Value| {
        json!({"timestamp": time, "type": kind, "payload": payload}).to_string() + "\n"
    };
    let message = |text: &str| {
        record(
            "response_item",
            json!({
                "type": "message", "role": "user", "content": [{"type": "input_text", "text": text}],
            }),
        )
    };
    let mut out = record("session_meta", meta);
    out += &record(
        "event_msg",
        json!({"type": "task_started", "turn_id": format!("t{n}")}),
    );
    out += &message("<environment_context>\n  <cwd>/srv/app</cwd>\n</environment_context>");
    out += &record(
        "turn_context",
        json!({"turn_id": format!("t{n}"), "model": "gpt-5.5"}),
    );
    out += &text.map(message).unwrap_or_default();
    out + &record(
        "event_msg",
        json!({"type": "task_complete", "turn_id": format!("t{n}")}),
    )
}

/// A CODEX_HOME with one session of each kind.
fn home() -> Program {
    let program = Program::new();
    let long = "A long prompt with many words. ".repeat(30);
    let add = |day, n, more, text| {
        program.file(
            &format!("home/{}", name(day, n)),
            rollout(day, n, more, text),
        );
    };
    add(21, 1, json!({}), Some("Say hello."));
    add(
        22,
        2,
        json!({"cwd": "/srv/app/deep", "cli_version": "0.137.0"}),
        Some(&long),
    );
    add(
        22,
        3,
        json!({"forked_from_id": id(1), "history_base": {"thread_id": id(1), "end_ordinal_exclusive": 5}}),
        None,
    );
    add(
        23,
        4,
        json!({"source": {"subagent": {"thread_spawn": {"parent_thread_id": id(1), "agent_nickname": "Wegener"}}}}),
        Some("Do it."),
    );
    add(24, 5, json!({"cwd": "/other"}), None);
    let hostile =
        "Ring \u{7} \u{1b}[31mred\u{1b}[0m\r\n  the key sk-fake-0123456789abcdef0123456789abcdef";
    add(
        25,
        6,
        json!({"cwd": "/srv/\u{202e}evil", "cli_version": "0.170.0-alpha.12"}),
        Some(hostile),
    );
    let torn = rollout(26, 7, json!({}), Some("What is lost?")).replace(
        "{\"timestamp\":\"2026-11-26T08:00:07.123Z\",\"type\":\"turn_context\",\"payload\":{",
        "",
    );
    program.file(&format!("home/{}", name(26, 7)), &torn[..torn.len() - 9]);
    program.file(&format!("home/{}", name(27, 8)), "");
    program.file(
        "home/archived_sessions/rollout-copy.jsonl",
        rollout(20, 9, json!({"cwd": "/srv/application"}), Some("Old.")),
    );
    program
}

fn ids(program: &Program, arguments: &[&str]) -> Vec<String> {
    let arguments = [&["sessions", "home", "--format", "json"], arguments].concat();
    let output = program.run(&arguments);
    assert!(output.stderr.is_empty(), "{}", stderr(&output));
    let list = report(&output)["sessions"].as_array().unwrap().clone();
    let number = |session: &Value| session["id"].as_str().unwrap()[12..13].to_owned();
    list.iter().map(number).collect()
}

#[test]
fn sessions_are_listed_newest_first() {
    let program = home();
    let shown = [
        program.shown(&["sessions", "home"]),
        program.shown(&["sessions", "home", "--all", "--since", "2026-11-24"]),
        program.shown(&["sessions", "home", "--cwd", "/nowhere"]),
        program.shown(&[
            "sessions",
            "home",
            "--format",
            "paths",
            "--version",
            "0.137",
        ]),
        program.shown(&["sessions", "home", "--format", "json", "--damaged"]),
    ];
    for line in shown[..3].iter().flat_map(|text| text.lines()) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert_snapshot("cli_sessions", &shown.join("\n"));
}

#[test]
fn filters_choose() {
    let program = home();
    let check = |arguments: &[&str], expect: &[&str]| {
        assert_eq!(ids(&program, arguments), expect, "{arguments:?}");
    };
    check(&[], &["7", "6", "4", "3", "2", "1", "9"]);
    check(&["--all"], &["8", "7", "6", "5", "4", "3", "2", "1", "9"]);
    check(&["--damaged"], &["8", "7"]);
    check(&["--cwd", "/srv/app"], &["7", "4", "3", "2", "1"]);
    check(&["--cwd", "/srv/app/"], &["7", "4", "3", "2", "1"]);
    check(&["--cwd", "/srv/app/deep"], &["2"]);
    check(&["--version", "0.1"], &["7", "6", "4", "3", "2", "1", "9"]);
    check(&["--version", "0.137.0"], &["2"]);
    check(&["--since", "2026-11-25"], &["7", "6"]);
    check(&["--until", "2026-11-21"], &["1", "9"]);
    check(
        &["--since", "2026-11-22T08:00:03Z", "--until", "2026-11-23"],
        &["4", "3"],
    );
    check(
        &[
            "--since",
            "2026-11-22T08:00:02.123Z",
            "--until",
            "2026-11-22T09:00:03.123+01:00",
        ],
        &["3", "2"],
    );
    check(
        &[
            "--since",
            "2026-11-23",
            "--version",
            "0.169",
            "--cwd",
            "/srv",
        ],
        &["7", "4"],
    );
}

#[test]
fn the_directory_is_that_of_the_agent_unless_named() {
    let program = home();
    let named = program.run(&["sessions", "home", "--format", "json"]);
    let expect: Value = report(&named)["sessions"].clone();
    let same = |output: &std::process::Output| {
        let list = report(output)["sessions"].as_array().unwrap().len();
        assert_eq!(list, expect.as_array().unwrap().len());
    };
    let program = home().with_environment("CODEX_HOME", "home");
    same(&program.run(&["sessions", "--format", "json"]));
    let program = home().with_environment("HOME", ".");
    fs::rename(program.path("home"), program.path(".codex")).unwrap();
    same(&program.run(&["sessions", "--format", "json"]));
    same(&program.run(&["sessions", ".codex/../.codex", "--format", "json"]));
}

#[test]
fn a_relative_directory_and_links_to_it_are_the_same() {
    let program = Program::new();
    let real = program.path("").canonicalize().unwrap();
    let cwd = real.join("project").to_str().unwrap().to_owned();
    fs::create_dir(real.join("project")).unwrap();
    program.file(
        &format!("home/{}", name(21, 1)),
        rollout(21, 1, json!({"cwd": cwd}), Some("x")),
    );
    assert_eq!(ids(&program, &["--cwd", "project"]), ["1"]);
    assert_eq!(ids(&program, &["--cwd", "."]), ["1"]);
    assert_eq!(ids(&program, &["--cwd", "proj"]), [""; 0]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("project", program.path("link")).unwrap();
        assert_eq!(ids(&program, &["--cwd", "link"]), ["1"]);
    }
}

#[test]
fn turns_are_those_of_the_agent_or_messages_of_the_user() {
    let program = Program::new();
    let old = |text: &str| {
        json!({"timestamp": "2025-11-17T21:30:00Z", "type": "response_item", "payload":
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}})
    };
    let meta = json!({"timestamp": "2025-11-17T21:30:00Z", "type": "session_meta", "payload": {"id": id(1), "cli_version": "0.58.0"}});
    let lines = [
        meta,
        old("# AGENTS.md instructions for /w\n\n<INSTRUCTIONS>\nx\n</INSTRUCTIONS>"),
        old("one"),
        old("two"),
        old("three"),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    program.file(&format!("home/{}", name(17, 1)), text);
    let steered = rollout(18, 2, json!({}), Some("one")) + &format!("{}\n", old("and this"));
    program.file(&format!("home/{}", name(18, 2)), steered);
    let bare = format!(
        "{}\n{}\n{}\n",
        json!({"id": id(3), "timestamp": "2025-08-30T19:32:43.1Z", "instructions": null}),
        json!({"record_type": "state"}),
        json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "List."}]})
    );
    program.file(&format!("home/{}", name(19, 3)), bare);
    let output = program.run(&["sessions", "home", "--format", "json"]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
    let list = report(&output)["sessions"].clone();
    let counts: Vec<(Value, Value)> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["turns"].clone(), s["user_messages"].clone()))
        .collect();
    assert_eq!(
        counts,
        [
            (json!(1), json!(2)),
            (json!(3), json!(3)),
            (json!(1), json!(1))
        ]
    );
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    let program = Program::new();
    let good = rollout(21, 1, json!({}), Some("x"));
    let last = good.lines().last().unwrap();
    program
        .file(&format!("home/{}", name(21, 1)), format!("{good}{last}\n"))
        .file(&format!("home/{}", name(21, 2)), &good)
        .file(
            &format!("home/{}", name(21, 3)),
            good.split_once('\n').unwrap().1,
        )
        .file(
            &format!("home/{}.zst", name(21, 4)),
            b"\x28\xb5\x2f\xfd\xff\xff\xff\xff",
        );
    let output = program.run(&["sessions", "home", "--all", "--format", "json"]);
    assert_eq!(code(&output), 1);
    let list = report(&output)["sessions"].clone();
    let kind = |n: u32| {
        let is_it = |s: &&Value| s["path"].as_str().unwrap().contains(&id(n));
        let session = list.as_array().unwrap().iter().find(is_it).unwrap();
        session["damage"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d["kind"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let kinds: Vec<String> = (1..5).map(kind).collect();
    assert_eq!(
        kinds,
        [
            "duplicated-record",
            "id-not-in-name",
            "no-session-meta",
            "unreadable"
        ]
    );
}

#[test]
fn what_can_not_be_listed_is_told() {
    let program = Program::new().with_environment("HOME", "nobody");
    program
        .file("file.txt", "no rollout\n")
        .file("empty/notes.txt", "x");
    let shown = [
        program.shown(&["sessions", "missing"]),
        program.shown(&["sessions", "empty"]),
        program.shown(&["sessions", "file.txt"]),
        program.shown(&["sessions"]),
        program.shown(&["sessions", "empty", "--since", "yesterday"]),
    ];
    assert_snapshot("cli_sessions_refused", &shown.join("\n"));
}

#[cfg(unix)]
#[test]
fn cycles_are_told_and_what_may_not_be_read_fails() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let program = home();
    symlink("..", program.path("home/sessions/again")).unwrap();
    let output = program.run(&[
        "sessions",
        "home",
        "--since",
        "2026-11-21",
        "--until",
        "2026-11-21",
    ]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("a link back to home/sessions/again"),
        "{}",
        stderr(&output)
    );
    let locked = program.path(&format!("home/{}", name(21, 1)));
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&locked).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    let output = program.run(&["sessions", "home", "--all"]);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("Permission denied"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn names_of_threads_stand_beside_the_sessions() {
    let program = home();
    let entry =
        |n, name: &str| json!({"id": id(n), "thread_name": name, "updated_at": "t"}).to_string();
    let index = [
        entry(1, "first name"),
        entry(2, "other"),
        "{\"id\":\"torn".to_owned(),
        entry(1, " its\tname "),
        entry(2, "other"),
        entry(1, " "),
    ];
    program.file("home/session_index.jsonl", index.join("\n"));
    for directory in ["home", "home/sessions"] {
        let output = program.run(&["sessions", directory, "--all", "--format", "json"]);
        let list = report(&output);
        let sessions = list["sessions"].as_array().unwrap();
        let named = |n: u32| {
            let session = sessions.iter().find(|s| s["id"] == id(n).as_str());
            session.map(|session| session["name"].clone())
        };
        assert_eq!(named(1), Some(json!("its\tname")), "{directory}");
        assert_eq!(named(2), Some(json!("other")), "{directory}");
        let without = sessions.iter().filter(|s| s["name"].is_null()).count();
        assert_eq!(without, sessions.len() - 2, "{directory}");
    }
    let text = stdout(&program.run(&["sessions", "home", "--all"]));
    assert!(text.contains("\n  name: its name\n"), "{text}");
}

#[test]
fn the_list_is_as_its_schema_says() {
    let schema = load("sessions");
    let check = |program: &Program, directory: &str| {
        let output = program.run(&["sessions", directory, "--all", "--format", "json"]);
        let list = report(&output);
        assert_eq!(violations(&schema, &list), Vec::<String>::new());
        list
    };
    let mut list = check(&home(), ".");
    let fixtures = package().join("fixtures");
    check(&Program::new(), fixtures.to_str().unwrap());
    let corpus = package().join("../shared/corpus");
    match corpus.is_dir() {
        true => drop(check(&Program::new(), corpus.to_str().unwrap())),
        false => println!("skipped: no corpus beside the package"),
    }
    list["sessions"][0]["turns"] = json!("three");
    assert_eq!(violations(&schema, &list).len(), 1);
}
