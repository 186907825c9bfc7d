//! Our own capture format, what other formats make of it, and the commands that convert.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use trace_diff::capture::export::{render_har, render_raw_exchange};
use trace_diff::capture::{
    Body, Capture, CaptureKind, CaptureWriter, Content, End, Recorded, Redactor, read_capture,
};

use crate::capture::{corpus, open, read};
use crate::schema;

fn written(capture: &Capture, redactor: Option<Redactor>) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new(), capture.kind.name(), redactor).unwrap();
    writer.capture(capture).unwrap();
    writer.into_inner()
}

/// Every capture of the corpus.
fn all_captures(corpus: &Path) -> Vec<Capture> {
    let mut paths = Vec::new();
    for entry in walkdir::WalkDir::new(corpus).sort_by_file_name() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_str().unwrap().to_owned();
        let is_directory = ["captured", "dump"].contains(&name.as_str())
            || entry.path().parent().unwrap().ends_with("fake-mode") && entry.path().is_dir();
        if ["capture.jsonl", "session.har", "session.mitm"].contains(&name.as_str()) || is_directory
        {
            paths.push(entry.path().to_owned());
        }
    }
    paths.iter().map(|path| open(path)).collect()
}

#[test]
fn what_is_written_is_read_back() {
    let Some(corpus) = corpus() else { return };
    let mut count = 0;
    for capture in all_captures(&corpus) {
        let bytes = written(&capture, None);
        let again = read(bytes).unwrap();
        assert_eq!(again.kind, CaptureKind::Capture);
        assert_eq!(again.problems, capture.problems, "{}", capture.path);
        assert!(content(&again) == content(&capture), "{}", capture.path);
        count += 1;
    }
    assert!(count > 300, "only {count} captures seen");
}

/// A small capture with everything that the format knows.
fn everything() -> Capture {
    let stream = r#"{"format":"raw-exchange/1","method":"POST","path":"/a","request":{"headers":[],"body_kind":"json-other","body_text":"{\n}"},"response":{"status":200,"headers":[],"raw_stream":"id: 1\nevent: x\ndata: 1\n\nevent: ü"}}"#;
    let socket = r#"{"format":"raw-exchange/1","method":"GET","path":"/b","transport":"ws","request":{"headers":[],"body_kind":"empty"},"response":{"status":101,"frames":[{"dir":"c2s","opcode":"text","data":{"type":"response.create"},"script_step":1},{"dir":"s2c","opcode":"binary","data_kind":"base64","data":"/wA="},{"dir":"c2s","opcode":"close","code":1000,"reason":"bye"}],"ended":"closed"}}"#;
    let none = r#"{"format":"raw-exchange/1","method":"POST","path":"/c","request":{"body_kind":"text","body":"hello"},"response":{"status":null,"ended":"reset"}}"#;
    read(format!(
        "{stream}\n{socket}\n{none}\n{{\"format\":\"raw-exchange/1\",\"meth"
    ))
    .unwrap()
}

/// All that the exchanges of a capture hold but their places in its file.
fn content(capture: &Capture) -> String {
    let mut exchanges = capture.exchanges.clone();
    exchanges.iter_mut().for_each(|one| one.place = None);
    format!("{exchanges:?}")
}

#[test]
fn a_cut_costs_at_most_the_record_being_written() {
    let capture = everything();
    let bytes = written(&capture, None);
    let whole = content(&capture);
    let again = read(bytes.clone()).unwrap();
    assert_eq!(content(&again), whole);
    assert_eq!(again.problems, capture.problems);
    for cut in 1..bytes.len() {
        let got = read(&bytes[..cut]).ok();
        // The line end is not needed for a record to be complete.
        let is_complete = bytes[cut - 1] == b'\n' || bytes[cut] == b'\n';
        let kept = match bytes[..cut].iter().rposition(|&b| b == b'\n') {
            _ if is_complete => cut,
            Some(end) => end + 1,
            None => continue,
        };
        let (got, kept) = (got.unwrap(), read(&bytes[..kept]).unwrap());
        assert_eq!(content(&got), content(&kept), "cut at {cut}");
        let truncated = got.problems.iter().filter(|p| p.kind == "truncated");
        let written_before = kept
            .problems
            .iter()
            .filter(|p| p.kind == "truncated")
            .count();
        assert_eq!(
            truncated.count() - written_before,
            usize::from(!is_complete),
            "cut at {cut}"
        );
    }
}

#[test]
fn exchanges_may_be_interleaved_unfinished_and_unknown_in_part() {
    let text = concat!(
        r#"{"format":"trace-diff/capture","version":1}"#,
        r#"{"exchange":7,"type":"request","method":"POST","target":"/1","new":1}"#,
        r#"{"exchange":3,"type":"request","method":"POST","target":"/2"}"#,
        r#"{"exchange":3,"type":"head","status":200,"content":"events"}"#,
        r#"{"exchange":7,"type":"event","name":"a","data":{"json":[1.0]}}"#,
        r#"{"exchange":7,"type":"mood","is":"good"}"#,
        r#"{"exchange":7,"type":"end","how":"complete"}"#,
        r#"{"exchange":99,"type":"end","how":"complete"}"#,
    );
    let capture = read(text).unwrap();
    let targets: Vec<_> = capture
        .exchanges
        .iter()
        .map(|e| e.request.target.as_str())
        .collect();
    assert_eq!(targets, ["/1", "/2"]);
    let first = &capture.exchanges[0];
    assert_eq!(first.response.end, Recorded::Yes(End::Complete));
    assert_eq!(
        first.extra.as_ref().unwrap().text(),
        r#"{"request":{"new":1},"mood":{"exchange":7,"type":"mood","is":"good"}}"#
    );
    assert!(
        matches!(&capture.exchanges[1].response.content, Content::Events(s) if s.events.is_empty())
    );
    let problems: Vec<_> = capture.problems.iter().map(|p| p.kind.as_str()).collect();
    assert_eq!(
        problems,
        ["unknown-record", "orphan-record", "incomplete-exchange"]
    );
}

#[test]
fn secrets_are_written_as_the_same_stand_in_everywhere() {
    let exchange = |key: &str| {
        format!(
            r#"{{"format":"raw-exchange/1","method":"POST","path":"/a","request":{{"headers":[["Authorization","Bearer {key}"]],"body_kind":"json-compact","body":{{"echo":"{key}"}}}},"response":{{"status":200,"headers":[["set-cookie","s=abc; Secure"]],"body":"{key}"}}}}"#
        )
    };
    let capture = read(format!(
        "{}\n{}",
        exchange("secret-one"),
        exchange("secret-two")
    ))
    .unwrap();
    let text = String::from_utf8(written(&capture, Some(Redactor::new()))).unwrap();
    for secret in ["secret-one", "secret-two", "abc"] {
        assert!(!text.contains(secret), "{text}");
    }
    let again = read(text).unwrap();
    let key = |i: usize| {
        let request = &again.exchanges[i].request;
        let header = request
            .headers
            .as_option()
            .unwrap()
            .list
            .get("authorization")
            .unwrap()
            .to_owned();
        (header, request.body.json().unwrap().text().to_owned())
    };
    assert_eq!(
        key(0),
        (
            "Bearer <secret 1>".into(),
            r#"{"echo":"<secret 1>"}"#.into()
        )
    );
    assert_eq!(
        key(1),
        (
            "Bearer <secret 3>".into(),
            r#"{"echo":"<secret 3>"}"#.into()
        )
    );
    assert!(
        matches!(&again.exchanges[0].response.content, Content::Body(Body::Text(t)) if t == "<secret 1>")
    );
}

#[test]
fn written_records_conform_to_the_schema() {
    let schema = schema::load("capture");
    let mut captures = vec![everything()];
    if let Some(corpus) = corpus() {
        captures.push(open(&corpus.join("codex-0.169.0/27b-raw-sse-oddities")));
        captures.push(open(&corpus.join("codex-0.169.0/25-websocket")));
        captures.push(open(
            &corpus.join("codex-0.169.0/08b-http-503-html-then-ok"),
        ));
    }
    let mut count = 0;
    for capture in &captures {
        let text = String::from_utf8(written(capture, Some(Redactor::new()))).unwrap();
        for line in text.lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                schema::violations(&schema, &record),
                Vec::<String>::new(),
                "{line}"
            );
            count += 1;
        }
    }
    assert!(count > 10);
    let broken = serde_json::json!({"exchange": 0, "type": "request", "method": "POST"});
    assert!(!schema::violations(&schema, &broken).is_empty());
}

#[test]
fn raw_exchange_survives_export_and_import() {
    let Some(corpus) = corpus() else { return };
    for capture in all_captures(&corpus) {
        let mut text = Vec::new();
        render_raw_exchange(&capture, &mut text).unwrap();
        let again = read(text).unwrap();
        assert_eq!(again.kind, CaptureKind::RawExchange);
        assert!(
            again.problems.is_empty(),
            "{}: {:?}",
            capture.path,
            again.problems
        );
        assert_eq!(again.exchanges.len(), capture.exchanges.len());
        for (a, b) in again.exchanges.iter().zip(&capture.exchanges) {
            if capture.kind == CaptureKind::RawExchange {
                let (a, b) = (
                    format!("{:?}{:?}", a.request, a.response),
                    format!("{:?}{:?}", b.request, b.response),
                );
                assert_eq!(a, b, "{}", capture.path);
            } else {
                assert_eq!(a.request.target, b.request.target);
                assert_eq!(a.response.status, b.response.status);
            }
            let kind = |body: &Body| std::mem::discriminant(body);
            assert_eq!(
                kind(&a.request.body),
                kind(&b.request.body),
                "{}",
                capture.path
            );
        }
    }
}

#[test]
fn har_survives_export_and_import() {
    let Some(corpus) = corpus() else { return };
    for capture in all_captures(&corpus) {
        let mut text = Vec::new();
        render_har(&capture, &mut text).unwrap();
        let again = read(text).unwrap();
        assert_eq!(again.kind, CaptureKind::Har);
        assert!(
            again.problems.is_empty(),
            "{}: {:?}",
            capture.path,
            again.problems
        );
        assert_eq!(again.exchanges.len(), capture.exchanges.len());
        for (a, b) in again.exchanges.iter().zip(&capture.exchanges) {
            assert_eq!(a.request.target, b.request.target);
            assert_eq!(
                a.request.headers.as_option().map(|h| &h.list),
                b.request.headers.as_option().map(|h| &h.list)
            );
            let text = |body: &Body| body.json().map(|value| value.text().to_owned());
            assert_eq!(
                text(&a.request.body),
                text(&b.request.body),
                "{}",
                capture.path
            );
            assert_eq!(a.response.status, b.response.status);
            assert_eq!(
                events(&a.response.content),
                events(&b.response.content),
                "{}",
                capture.path
            );
        }
    }
}

/// Names and data of events, or directions and data of frames.
fn events(content: &Content) -> Vec<String> {
    match content {
        Content::Events(stream) => {
            let events = stream
                .events
                .iter()
                .map(|e| format!("{:?} {:?}", e.name, e.data));
            let rest = format!("{:?} {:?}", stream.partial_tail, stream.raw);
            events.chain([rest]).collect()
        }
        Content::Frames(frames) => frames
            .iter()
            .map(|f| format!("{:?} {:?}", f.direction, f.data.json()))
            .collect(),
        Content::Body(body) => vec![format!("{:?}", body.json().map(|value| value.text()))],
        _ => Vec::new(),
    }
}

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trace-diff"));
    command.env_clear().args(args);
    command.output().unwrap()
}

#[test]
fn import_and_export_convert_files_and_replace_nothing_unasked() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    let source = fixtures.join("codex-0.137.0-25e-websocket-two-turns.jsonl");
    let source = source.to_str().unwrap();
    let (own, har, raw) = (path("own.jsonl"), path("x.har"), path("raw.jsonl"));

    assert_eq!(run(&["import", source, "-o", &own]).status.code(), Some(0));
    assert!(!fs::read_to_string(&own).unwrap().contains("Bearer sk-"));
    assert_eq!(
        run(&["export", &own, "--to", "har", "-o", &har])
            .status
            .code(),
        Some(0)
    );
    assert_eq!(
        run(&["export", &own, "--to", "raw-exchange", "-o", &raw])
            .status
            .code(),
        Some(0)
    );
    let counts: Vec<_> = [source, &own, &har, &raw]
        .iter()
        .map(|path| read_capture(path).unwrap().exchanges.len())
        .collect();
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");

    let refused = run(&["import", source, "-o", &own]);
    assert_eq!(refused.status.code(), Some(2));
    let message = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(
        message,
        format!("error: {own} exists already\nhint: --force replaces it\n")
    );
    assert_eq!(
        run(&["import", source, "-o", &own, "--force", "--keep-secrets"])
            .status
            .code(),
        Some(0)
    );
    assert!(fs::read_to_string(&own).unwrap().contains("Bearer sk-"));
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        3,
        "a draft was left behind"
    );

    let bytes = fs::read(source).unwrap();
    let cut = path("cut.jsonl");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let output = run(&["import", &cut, "-o", "-"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains(&cut) && message.contains("at byte"),
        "{message}"
    );
    assert!(
        read(output.stdout)
            .unwrap()
            .problems
            .iter()
            .any(|p| p.kind == "truncated")
    );

    let missing = run(&["import", &path("no-such-file"), "-o", "-"]);
    assert_eq!(missing.status.code(), Some(2));
    let message = String::from_utf8(missing.stderr).unwrap();
    assert!(
        message.contains("no-such-file") && message.contains("hint:"),
        "{message}"
    );
}

#[test]
fn compressed_captures_are_read_as_far_as_they_go() {
    use std::io::Write;
    let text = written(&everything(), None);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&text).unwrap();
    let packed = encoder.finish().unwrap();
    let capture = read(packed.clone()).unwrap();
    assert_eq!(content(&capture), content(&everything()));
    let cut = read(&packed[..packed.len() - 40]).unwrap();
    assert!(cut.problems.iter().any(|p| p.kind == "damaged-compression"));
    assert!(!cut.exchanges.is_empty());
}
