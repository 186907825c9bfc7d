//! Compressed rollouts that are damaged: what comes before is read, and what agents make of the file is said.

use std::fs;
use std::io::Write;

use serde_json::Value;
use walkdir::WalkDir;

use crate::program::{Program, code, stderr, stdout};
use crate::samples::package;

/// A rollout of the fixtures and its name.
fn rollout() -> (String, Vec<u8>) {
    let run = package().join("fixtures/rollouts/codex-0.169.0-02-shell-roundtrip");
    let mut files = WalkDir::new(run).into_iter().filter_map(Result::ok);
    let file = files
        .find(|file| file.file_name().to_string_lossy().ends_with(".jsonl"))
        .unwrap();
    let name = file.file_name().to_str().unwrap().to_owned();
    (name, fs::read(file.path()).unwrap())
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Coding {
    Zstd,
    Gzip,
}

impl Coding {
    fn compress(self, bytes: &[u8]) -> Vec<u8> {
        if self == Self::Zstd {
            let level = ruzstd::encoding::CompressionLevel::Uncompressed;
            return ruzstd::encoding::compress_to_vec(bytes, level);
        }
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// In several frames, so that a part can be read before damage wherever it is.
    fn frames(self, bytes: &[u8]) -> Vec<u8> {
        bytes
            .chunks(bytes.len() / 5)
            .flat_map(|part| self.compress(part))
            .collect()
    }
}

struct Judged {
    /// What `show` says.
    outline: Value,
    /// What `recover` writes.
    recovered: String,
}

/// Shows, lists, recovers and takes apart a file, all of which must agree that it is damaged or that it is not.
fn judge(name: &str, bytes: &[u8], is_damaged: bool) -> Judged {
    let program = Program::new();
    program.file(name, bytes);
    let expect = i32::from(is_damaged);
    let run = |arguments: &[&str]| {
        let output = program.run(arguments);
        assert_eq!(
            code(&output),
            expect,
            "{arguments:?}: {} {}",
            stdout(&output),
            stderr(&output)
        );
        assert_eq!(stderr(&output), "", "{arguments:?}");
        output
    };
    let outline = run(&["show", name, "--format", "json"]);
    run(&["show", name]);
    run(&["records", name]);
    run(&["recover", name, "-o", "out.jsonl"]);
    if name.contains(".jsonl") && !name.ends_with(".gz") {
        run(&["sessions", ".", "--all"]);
    }
    Judged {
        outline: serde_json::from_slice(&outline.stdout).unwrap(),
        recovered: fs::read_to_string(program.path("out.jsonl")).unwrap(),
    }
}

/// Checks a damaged file: its problem, what is recovered of it, and that no agent resumes it.
fn check(coding: Coding, bytes: &[u8], whole: &[u8], message: &str) -> Judged {
    let (name, _) = rollout();
    let name = match coding {
        Coding::Zstd => format!("{name}.zst"),
        Coding::Gzip => format!("{name}.gz"),
    };
    let judged = judge(&name, bytes, true);
    let problems = judged.outline["problems"].as_array().unwrap();
    let last = problems.last().unwrap();
    assert_eq!(last["kind"], "unreadable", "{problems:#?}");
    let told = last["message"].as_str().unwrap();
    assert!(
        told.contains(message) && told.contains(coding.name()),
        "{told}"
    );
    assert!(whole.starts_with(judged.recovered.as_bytes()), "{told}");
    for reader in ["codex", "pycodex"] {
        let prediction = &judged.outline["resume"][reader];
        assert_eq!(prediction["accepts"], false, "{reader}: {prediction}");
    }
    judged
}

#[test]
fn a_file_that_is_cut_gives_what_stands_before_the_cut() {
    let (_, whole) = rollout();
    for coding in [Coding::Zstd, Coding::Gzip] {
        let file = coding.frames(&whole);
        let mut lengths = Vec::new();
        for tenths in 3..10 {
            let cut = file.len() * tenths / 10;
            let message = format!(
                "breaks off at byte {cut}, where the file ends; nothing can be read behind byte"
            );
            let judged = check(coding, &file[..cut], &whole, &message);
            lengths.push(judged.recovered.len());
        }
        assert!(
            lengths.is_sorted() && lengths[0] < lengths[6],
            "{lengths:?}"
        );
        check(coding, &file[..file.len() - 1], &whole, "breaks off");
    }
}

#[test]
fn damage_behind_the_last_record_is_told_and_costs_none() {
    let (_, whole) = rollout();
    for coding in [Coding::Zstd, Coding::Gzip] {
        let file = coding.compress(&whole);
        let mut checksum = file.clone();
        let at = file.len() - if coding == Coding::Gzip { 6 } else { 2 };
        checksum[at] ^= 1;
        let garbage = [&file[..], b"what is this\n"].concat();
        let at = file.len();
        let behind = format!("ends at byte {at} of the file and something else follows");
        for (bytes, message) in [(checksum, "checksum"), (garbage, &behind)] {
            let judged = check(coding, &bytes, &whole, message);
            assert_eq!(judged.recovered.as_bytes(), whole, "{coding:?}: {message}");
        }
    }
}

#[test]
fn frames_that_follow_each_other_are_one_file() {
    let (name, whole) = rollout();
    let judged = judge(&format!("{name}.zst"), &Coding::Zstd.frames(&whole), false);
    assert_eq!(judged.recovered.as_bytes(), whole);
    assert_eq!(judged.outline["resume"]["codex"]["accepts"], true);
    assert_eq!(judged.outline["resume"]["pycodex"]["accepts"], false);
}

#[test]
fn a_name_that_tells_another_compression_is_told() {
    let (name, whole) = rollout();
    let zst = format!("{name}.zst");
    let zstd = Coding::Zstd.compress(&whole);
    let gzip = Coding::Gzip.compress(&whole);
    for (name, bytes) in [
        (&zst, &whole),
        (&name, &zstd),
        (&zst, &gzip),
        (&name, &gzip),
    ] {
        let program = Program::new();
        program.file(name, bytes);
        let output = program.run(&["show", name, "--format", "json"]);
        assert_eq!(code(&output), 1, "{name}");
        let outline: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(outline["problems"][0]["kind"], "misnamed", "{name}");
        assert_eq!(outline["resume"]["codex"]["accepts"], false, "{name}");
        let output = program.run(&["sessions", ".", "--format", "json"]);
        assert_eq!(code(&output), 1, "{name}");
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(list["sessions"][0]["damage"][0]["kind"], "misnamed");
    }
}

#[test]
fn a_file_of_which_nothing_can_be_read_is_an_error_that_says_why() {
    let (name, whole) = rollout();
    let zst = format!("{name}.zst");
    let file = Coding::Zstd.compress(&whole);
    for (bytes, message) in [
        (&b""[..], "is empty"),
        (&file[..5], "breaks off at byte 5"),
        (
            &file[..file.len() / 2],
            "none of the text in it can be read",
        ),
    ] {
        let program = Program::new();
        program.file(&zst, bytes);
        let output = program.run(&["show", &zst]);
        assert_eq!(code(&output), 2, "{message}");
        let told = stderr(&output);
        assert!(told.contains(message) && told.contains("hint: "), "{told}");
        let listed = program.run(&["sessions", ".", "--all"]);
        assert_eq!(code(&listed), 1, "{message}");
    }
}

#[test]
fn standard_input_that_breaks_off_is_used_as_far_as_it_goes() {
    let (_, whole) = rollout();
    let file = Coding::Zstd.frames(&whole);
    let output = Program::new().run_with(&["show", "-"], &file[..file.len() - 9]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(stdout(&output).contains("breaks off"), "{output:?}");
}
