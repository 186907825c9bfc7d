//! `trace-diff recover`.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::program::{Program, assert_snapshot, code, report, stderr, stdout};
use crate::samples::package;
use crate::schema::{load, violations};

const GOOD: &str = r#"{"timestamp":"t0","type":"session_meta","payload":{"id":"a"}}
{"timestamp":"t1","type":"event_msg","payload":{"type":"task_started","turn_id":"u1"}}
"#;

/// A file with a torn call, an end of a record, NUL bytes, a repeated record and no end.
fn damaged() -> String {
    let last = GOOD.lines().last().unwrap();
    format!(
        "{GOOD}{}\n{}\n{last}\n\0\0\0\0{}",
        r#"{"timestamp":"t2","type":"response_item","payload":{"type":"function_call","name":"ex\u001b[31mec","call_id":"call_1","arguments":"{\"cmd\":[\"l"#,
        r#"an answer","call_id":"call_0"}}"#,
        r#"{"timestamp":"t3","type":"response_item","payload":{"type":"message","role":"assistant","content":[{"type":"out"#,
    )
}

fn expected() -> String {
    let last = GOOD.lines().last().unwrap();
    format!("{GOOD}{last}\n")
}

fn read(program: &Program, name: &str) -> String {
    fs::read_to_string(program.path(name)).unwrap()
}

/// The names of the files in the program's directory.
fn names(program: &Program) -> Vec<String> {
    let entries = fs::read_dir(program.path("")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn says_what_was_left_out() {
    let program = Program::new();
    program
        .file("damaged.jsonl", damaged())
        .file("pretty.jsonl", "{\n  \"type\": \"a\"\n}\n\n7\n");
    let runs = [
        vec!["recover", "damaged.jsonl", "-o", "out.jsonl"],
        vec![
            "recover",
            "damaged.jsonl",
            "-o",
            "json.jsonl",
            "--format",
            "json",
        ],
        vec!["recover", "pretty.jsonl", "-o", "pretty-out.jsonl"],
        vec![
            "recover",
            "pretty.jsonl",
            "-o",
            "joined.jsonl",
            "--one-line",
        ],
        vec!["recover", "out.jsonl", "-o", "again.jsonl"],
    ];
    let shown: Vec<String> = runs
        .iter()
        .map(|arguments| program.shown(arguments))
        .collect();
    assert_snapshot("cli_recover", &shown.join("\n"));
    for name in ["out.jsonl", "json.jsonl", "again.jsonl"] {
        assert_eq!(read(&program, name), expected(), "{name}");
    }
    assert_eq!(read(&program, "damaged.jsonl"), damaged());
    assert_eq!(
        read(&program, "pretty-out.jsonl"),
        "{\n  \"type\": \"a\"\n}\n7\n"
    );
    assert_eq!(read(&program, "joined.jsonl"), "{\"type\":\"a\"}\n7\n");
}

#[test]
fn many_places_are_shown_in_part_and_told_as_data_in_full() {
    let program = Program::new();
    program.file("many.jsonl", "{\"type\":\"a\"}\n{\"type\":\n".repeat(50));
    let output = program.run(&["recover", "many.jsonl", "-o", "a.jsonl"]);
    let text = stdout(&output);
    assert!(text.contains("in 50 places"), "{text}");
    assert!(text.lines().count() < 70, "{text}");
    assert!(text.contains("30 more"), "{text}");
    let output = program.run(&["recover", "many.jsonl", "-o", "b.jsonl", "--format", "json"]);
    assert_eq!(report(&output)["left_out"].as_array().unwrap().len(), 50);
}

#[test]
fn records_go_to_standard_output_and_talk_to_standard_error() {
    let program = Program::new();
    let output = program.run_with(&["recover", "-", "-o", "-"], damaged().as_bytes());
    assert_eq!(stdout(&output), expected());
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).starts_with("3 records of standard input written to standard output"));
    assert!(names(&program).is_empty());
}

#[test]
fn the_only_rollout_in_a_directory_is_meant() {
    let program = Program::new();
    program.file("home/sessions/2026/rollout-a.jsonl", damaged());
    let output = program.run(&["recover", "home", "-o", "out.jsonl"]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(stdout(&output).contains("home/sessions/2026/rollout-a.jsonl"));
    assert_eq!(read(&program, "out.jsonl"), expected());
}

#[test]
fn compressed_files_are_recovered_as_far_as_they_go() {
    let program = Program::new();
    let text: String = (0..40_000)
        .map(|n| format!("{{\"type\":\"a\",\"n\":{n},\"m\":{}}}\n", n * 7919 % 1009))
        .collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    let gzip = encoder.finish().unwrap();
    let level = ruzstd::encoding::CompressionLevel::Uncompressed;
    let zstd = ruzstd::encoding::compress_to_vec(text.as_bytes(), level);
    for (name, bytes) in [("a.jsonl.gz", gzip), ("b.jsonl.zst", zstd)] {
        program.file(name, &bytes);
        let output = program.run(&["recover", name, "-o", "out.jsonl", "--force"]);
        assert_eq!(code(&output), 0, "{name}: {}", stderr(&output));
        assert_eq!(read(&program, "out.jsonl"), text);
        program.file(name, &bytes[..bytes.len() / 2]);
        let output = program.run(&[
            "recover",
            name,
            "-o",
            "out.jsonl",
            "--force",
            "--format",
            "json",
        ]);
        assert_eq!(code(&output), 1, "{name}");
        let out = read(&program, "out.jsonl");
        assert!(
            text.starts_with(&out) && out.ends_with('\n') && out.len() > 1000,
            "{name}"
        );
        let left_out = report(&output)["left_out"].as_array().unwrap().clone();
        assert_eq!(
            left_out.last().unwrap()["kind"],
            "unreadable",
            "{name}: {left_out:?}"
        );
        assert_eq!(read_bytes(&program, name), &bytes[..bytes.len() / 2]);
    }
}

fn read_bytes(program: &Program, name: &str) -> Vec<u8> {
    fs::read(program.path(name)).unwrap()
}

#[test]
fn what_can_not_be_recovered_leaves_nothing_behind() {
    let program = Program::new();
    program
        .file("damaged.jsonl", damaged())
        .file("other.jsonl", "kept\n")
        .file("text.txt", "no rollout\n")
        .file("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01")
        .file("broken.zst", b"\x28\xb5\x2f\xfd\xff\xff\xff\xff")
        .file("folder/x.jsonl", GOOD)
        .file("two/rollout-a.jsonl", GOOD)
        .file("two/rollout-b.jsonl", GOOD);
    let before = names(&program);
    let runs = [
        vec!["recover", "missing.jsonl", "-o", "out.jsonl"],
        vec!["recover", "folder", "-o", "out.jsonl"],
        vec!["recover", "two", "-o", "out.jsonl"],
        vec!["recover", "text.txt", "-o", "out.jsonl"],
        vec!["recover", "picture.png", "-o", "out.jsonl"],
        vec!["recover", "broken.zst", "-o", "out.jsonl"],
        vec!["recover", "damaged.jsonl", "-o", "other.jsonl"],
        vec!["recover", "damaged.jsonl", "-o", "folder"],
        vec!["recover", "damaged.jsonl", "-o", "folder", "--force"],
        vec!["recover", "damaged.jsonl", "-o", "nowhere/out.jsonl"],
        vec!["recover", "damaged.jsonl", "-o", "out.jsonl.zst"],
        vec!["recover", "damaged.jsonl", "-o", "damaged.jsonl", "--force"],
        vec![
            "recover",
            "damaged.jsonl",
            "-o",
            "./folder/../damaged.jsonl",
            "--force",
        ],
        vec!["recover", "damaged.jsonl"],
    ];
    let mut all = String::new();
    for arguments in runs {
        let output = program.run(&arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        all.push_str(&crate::program::shown(&arguments, &output));
        all.push('\n');
    }
    assert_snapshot("cli_recover_refused", &all);
    assert_eq!(names(&program), before);
    assert_eq!(read(&program, "damaged.jsonl"), damaged());
    assert_eq!(read(&program, "other.jsonl"), "kept\n");
    assert_eq!(read(&program, "folder/x.jsonl"), GOOD);
}

#[cfg(unix)]
#[test]
fn a_link_to_the_input_is_the_input() {
    let program = Program::new();
    program.file("damaged.jsonl", damaged());
    fs::hard_link(program.path("damaged.jsonl"), program.path("hard.jsonl")).unwrap();
    std::os::unix::fs::symlink("damaged.jsonl", program.path("soft.jsonl")).unwrap();
    std::os::unix::fs::symlink("missing.jsonl", program.path("dangling.jsonl")).unwrap();
    for (input, output) in [
        ("damaged.jsonl", "hard.jsonl"),
        ("damaged.jsonl", "soft.jsonl"),
        ("soft.jsonl", "damaged.jsonl"),
        ("soft.jsonl", "hard.jsonl"),
    ] {
        let run = program.run(&["recover", input, "-o", output, "--force"]);
        assert_eq!(code(&run), 2, "{input} {output}");
        assert!(stderr(&run).contains("itself"), "{}", stderr(&run));
    }
    let run = program.run(&["recover", "damaged.jsonl", "-o", "dangling.jsonl"]);
    assert!(stderr(&run).contains("exists already"), "{}", stderr(&run));
    assert_eq!(read(&program, "damaged.jsonl"), damaged());
    assert!(
        fs::symlink_metadata(program.path("soft.jsonl"))
            .unwrap()
            .is_symlink()
    );
}

#[test]
fn what_is_said_is_as_its_schema_says() {
    let program = Program::new();
    let schema = load("recovery");
    program.file("damaged.jsonl", damaged());
    let mut files = vec!["damaged.jsonl".to_owned()];
    for folder in ["fixtures/damaged", "../shared/corpus/damaged"] {
        let entries = fs::read_dir(package().join(folder)).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        files.extend(paths.map(|path| path.to_str().unwrap().to_owned()));
    }
    let mut last = Value::Null;
    for file in files.iter().filter(|file| file.ends_with(".jsonl")) {
        let output = program.run(&[
            "recover",
            file,
            "-o",
            "out.jsonl",
            "--force",
            "--format",
            "json",
        ]);
        last = report(&output);
        assert_eq!(violations(&schema, &last), Vec::<String>::new(), "{file}");
    }
    last["moved_from"] = json!("nowhere");
    assert_eq!(violations(&schema, &last).len(), 1);
}
