//! `trace-diff records`.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;

const INPUT: &[u8] = b"{\"type\":\"a\\n\"}\n{\"x\":1}\n{\"type\":2}{\"ty";
const LINES: [&str; 5] = [
    r#"{"index":0,"start":0,"end":14,"type":"a\n"}"#,
    r#"{"index":1,"start":15,"end":22,"type":null}"#,
    r#"{"index":2,"start":23,"end":33,"type":null}"#,
    r#"{"problem":"truncated","start":33,"end":37,"message":"the input ends inside a record that begins at byte 33 (4 bytes)"}"#,
    r#"{"summary":{"records":3,"problems":1,"bytes":37,"tail":"truncated"}}"#,
];

fn records(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_trace-diff"))
        .env_clear()
        .arg("records")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<&str> {
    std::str::from_utf8(&output.stdout)
        .unwrap()
        .lines()
        .collect()
}

#[test]
fn lists_records_problems_and_a_summary() {
    let output = records(&["-"], INPUT);
    assert_eq!(lines(&output), LINES);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.is_empty());
    assert_eq!(records(&["-"], b"{}\n").status.code(), Some(0));
}

#[test]
fn reads_compressed_files_by_content() {
    let folder = tempfile::tempdir().unwrap();
    let mut gzip = Vec::new();
    for half in [&INPUT[..20], &INPUT[20..]] {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(half).unwrap();
        gzip.extend(encoder.finish().unwrap());
    }
    let zstd: Vec<u8> = [&INPUT[..20], &INPUT[20..]]
        .into_iter()
        .flat_map(|half| {
            ruzstd::encoding::compress_to_vec(
                half,
                ruzstd::encoding::CompressionLevel::Uncompressed,
            )
        })
        .collect();
    for (name, bytes) in [("gzip", gzip), ("zstd", zstd)] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let output = records(&[path.to_str().unwrap()], b"");
        assert_eq!(lines(&output), LINES, "{name}: {output:?}");
    }
}

#[test]
fn names_the_file_when_there_are_several_and_goes_on_behind_one_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.jsonl");
    fs::write(&path, b"1").unwrap();
    let path = path.to_str().unwrap();
    let missing = folder.path().join("two.jsonl");
    let output = records(
        &[
            path,
            missing.to_str().unwrap(),
            folder.path().to_str().unwrap(),
            path,
        ],
        b"",
    );
    let name = serde_json::Value::from(path).to_string();
    let record = format!(r#"{{"index":0,"start":0,"end":1,"type":null,"file":{name}}}"#);
    let summary = format!(
        r#"{{"summary":{{"records":1,"problems":0,"bytes":1,"tail":"complete"}},"file":{name}}}"#
    );
    assert_eq!(lines(&output), [&record, &summary, &record, &summary]);
    assert_eq!(output.status.code(), Some(2));
    let talk = String::from_utf8(output.stderr).unwrap();
    assert!(
        talk.contains("error: failed to read") && talk.contains("two.jsonl"),
        "{talk}"
    );
    assert!(talk.contains("is a directory"), "{talk}");
    assert!(
        talk.contains("caused by: ") && talk.contains("hint: "),
        "{talk}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_trace-diff"))
        .env_clear()
        .args(["records", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    // The program may end before it has read all.
    let _ = child
        .stdin
        .take()
        .unwrap()
        .write_all(&b"{} ".repeat(100_000));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty());
}
