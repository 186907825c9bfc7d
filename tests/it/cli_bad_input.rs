//! Bad input as a user meets it: a message that names the file, and what could be read is used.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::program::{Program, assert_snapshot, code, conversation, report, shown, stderr};

const TEXTS: [&str; 3] = ["Say one.", "Say two.", "Say three."];

/// A program beside a good capture of three exchanges, also in the other formats.
fn program() -> Program {
    let program = Program::new();
    program.file("good.jsonl", conversation(&TEXTS));
    for arguments in [
        ["import", "good.jsonl", "-o", "own.jsonl"].as_slice(),
        &["export", "good.jsonl", "--to", "har", "-o", "good.har"],
    ] {
        assert_eq!(code(&program.run(arguments)), 0);
    }
    program
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Uncompressed)
}

fn read(program: &Program, name: &str) -> Vec<u8> {
    std::fs::read(program.path(name)).unwrap()
}

#[test]
fn what_is_no_capture_is_named_with_exit_code_2() {
    let program = program();
    let good = conversation(&TEXTS);
    let rollout = r#"{"timestamp":"2026-01-01T00:00:00Z","type":"session_meta","payload":{"id":"01a1fbd8-95a7-7140-b45c-3b2d1ddbd775"}}"#;
    program
        .file("empty.jsonl", "")
        .file("white.jsonl", " \n\t\r\n")
        .file("garbage.bin", (0..=255).collect::<Vec<u8>>().repeat(8))
        .file("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01")
        .file(
            "program.elf",
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0",
        )
        .file("text.txt", "no capture\n")
        .file("package.json", r#"{"name":"x","version":"1.0.0"}"#)
        .file("array.json", "[]")
        .file("number.json", "42")
        .file("nested.json", "[".repeat(100_000))
        .file(
            "deep.json",
            format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)),
        )
        .file(
            "newer.jsonl",
            "{\"format\":\"trace-diff/capture\",\"version\":99}\n",
        )
        .file(
            "newer-raw.jsonl",
            good.replace("raw-exchange/1", "raw-exchange/2"),
        )
        .file("rollout.jsonl", rollout)
        .file("broken.zst", b"\x28\xb5\x2f\xfd\xff\xff\xff\xff")
        .file("broken.gz", b"\x1f\x8b\x08\xff")
        .file("other/notes.txt", "no capture\n")
        .file("other/picture.png", b"\x89PNG")
        .file("two/a.jsonl", &good)
        .file("two/b.jsonl", &good)
        .file("above/below/capture.jsonl", &good);
    std::fs::create_dir(program.path("nothing")).unwrap();
    let names = [
        "missing.jsonl",
        "empty.jsonl",
        "white.jsonl",
        "garbage.bin",
        "picture.png",
        "program.elf",
        "text.txt",
        "package.json",
        "array.json",
        "number.json",
        "nested.json",
        "deep.json",
        "newer.jsonl",
        "newer-raw.jsonl",
        "rollout.jsonl",
        "broken.zst",
        "broken.gz",
        "other",
        "two",
        "above",
        "nothing",
    ];
    let mut all = String::new();
    for name in names {
        let first = program.run(&[name, "good.jsonl"]);
        assert_eq!(code(&first), 2, "{name}");
        assert!(stderr(&first).contains(name), "{name}: {}", stderr(&first));
        assert!(first.stdout.is_empty(), "{name}");
        let second = program.run(&["good.jsonl", name]);
        assert_eq!(
            (code(&second), &second.stderr),
            (2, &first.stderr),
            "{name}"
        );
        // A rollout alone is checked by itself.
        let alone = if name == "rollout.jsonl" { 0 } else { 2 };
        assert_eq!(code(&program.run(&[name])), alone, "{name}");
        all.push_str(&shown(&[name, "good.jsonl"], &first));
        all.push('\n');
    }
    assert_snapshot("cli_bad_input", &all);
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let program = program();
    let path = program.file("locked.jsonl", "{}").path("locked.jsonl");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&path).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    let output = program.run(&["locked.jsonl", "good.jsonl"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).starts_with("error: failed to read locked.jsonl\ncaused by: "));
}

#[test]
fn standard_input_is_a_capture_once() {
    let program = program();
    let good = read(&program, "good.jsonl");
    for bytes in [good.clone(), gzip(&good), zstd(&good)] {
        assert_eq!(code(&program.run_with(&["-", "good.jsonl"], &bytes)), 0);
        assert_eq!(code(&program.run_with(&["good.jsonl", "-"], &bytes)), 0);
    }
    assert_snapshot(
        "cli_bad_stdin",
        &[
            program.shown(&["-", "-"]),
            program.shown(&["good.jsonl", "-"]),
            program.shown(&[]),
            program.shown(&["good.jsonl", "own.jsonl", "--baseline", "good.har"]),
        ]
        .join("\n"),
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_like_a_file() {
    let program = program();
    let good = read(&program, "good.jsonl");
    // What the shell's `<(command)` gives: a path of the process's own standard input.
    let output = program.run_with(&["/dev/stdin", "good.jsonl"], &good);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}

#[test]
fn captures_without_exchanges_are_captures() {
    let program = program();
    program
        .file(
            "zero.jsonl",
            "{\"format\":\"trace-diff/capture\",\"version\":1}\n",
        )
        .file(
            "zero.har",
            r#"{"log":{"version":"1.2","creator":{"name":"x","version":"1"},"entries":[]}}"#,
        );
    assert_snapshot(
        "cli_zero_exchanges",
        &[
            program.shown(&["zero.jsonl", "zero.har"]),
            program.shown(&["good.jsonl", "zero.jsonl"]),
            program.shown(&["zero.har"]),
        ]
        .join("\n"),
    );
}

/// Where the third exchange of a file begins to be told.
fn third(bytes: &[u8]) -> usize {
    let needle = b"Say three.";
    bytes
        .windows(needle.len())
        .position(|w| w == needle)
        .unwrap()
}

#[test]
fn a_capture_cut_inside_an_exchange_differs_in_nothing_but_the_cut() {
    let program = program();
    let mut all = String::new();
    for (name, whole) in [
        ("raw.jsonl", read(&program, "good.jsonl")),
        ("own.jsonl", read(&program, "own.jsonl")),
        ("session.har", read(&program, "good.har")),
    ] {
        let first_event = third(&whole)
            + whole[third(&whole)..]
                .windows(16)
                .position(|w| w == b"response.created")
                .unwrap();
        for (place, cut) in [("request", third(&whole)), ("response", first_event + 250)] {
            let cut_name = format!("cut-in-{place}-{name}");
            program.file(&cut_name, &whole[..cut]);
            for pair in [
                ["good.jsonl", cut_name.as_str()],
                [cut_name.as_str(), "good.jsonl"],
            ] {
                let output = program.run(&[pair[0], pair[1], "--format", "json"]);
                assert_eq!(code(&output), 1, "{pair:?}");
                let findings = report(&output)["findings"].as_array().unwrap().clone();
                for finding in findings.iter().filter(|f| f["level"] != "note") {
                    assert_eq!(finding["source"], "reader", "{pair:?}: {finding}");
                }
                assert!(
                    findings.iter().filter(|f| f["level"] == "note").count() <= 1,
                    "{pair:?}: {findings:?}"
                );
            }
            all.push_str(&program.shown(&["good.jsonl", &cut_name, "--verbose"]));
            all.push('\n');
        }
    }
    assert_snapshot("cli_cut_captures", &all);
}

#[test]
fn compressed_captures_that_break_off_are_used_as_far_as_they_go() {
    let program = program();
    // Enough that decoders give something before the cut.
    let texts: Vec<String> = (0..400)
        .map(|n| format!("Say {n}, {}.", n * 7919 % 1009))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let good = conversation(&texts).into_bytes();
    program.file("many.jsonl", &good);
    for (name, bytes) in [("cut.gz", gzip(&good)), ("cut.zst", zstd(&good))] {
        program.file(name, &bytes[..bytes.len() * 3 / 4]);
        let output = program.run(&["many.jsonl", name, "--format", "json"]);
        assert_eq!(code(&output), 1, "{name}: {}", stderr(&output));
        let report = report(&output);
        assert!(
            report["summary"]["exchanges"]["matched"].as_u64().unwrap() > 100,
            "{name}"
        );
        let findings = report["findings"].as_array().unwrap();
        assert!(findings.len() <= 4, "{name}: {findings:?}");
        assert!(
            findings
                .iter()
                .any(|f| f["rule"] == "reader-damaged-compression"),
            "{name}: {findings:?}"
        );
        assert_eq!(
            report["summary"]["findings"]["error"], 0,
            "{name}: {findings:?}"
        );
    }
}

#[test]
fn damage_in_the_middle_costs_what_stands_there() {
    let program = program();
    let mut all = String::new();
    for name in ["good.jsonl", "own.jsonl"] {
        let whole = read(&program, name);
        let at = third(&whole) - 2000.min(third(&whole) / 2);
        let hole = [&whole[..at], &[0; 512], &whole[at + 40..]].concat();
        let hole_name = format!("hole-{name}");
        program.file(&hole_name, hole);
        all.push_str(&program.shown(&["good.jsonl", &hole_name]));
        all.push('\n');
    }
    assert_snapshot("cli_damage_in_the_middle", &all);
}
