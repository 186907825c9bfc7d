//! Throughput of the comparison on captures made here; three sizes each show that time grows linearly.

use std::fmt;
use std::fmt::Write;

use divan::Bencher;
use divan::counter::BytesCount;
use trace_diff::capture::{Capture, read_capture_bytes};
use trace_diff::diff::{Options, compare};

fn main() {
    divan::main();
}

/// What stands for the baseline and for the candidate: identifiers and times differ, and one call.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Baseline,
    Candidate,
}

/// A session: number of requests, and of items in the last one. Each request sends the history so far.
#[derive(Clone, Copy)]
struct Size {
    exchanges: usize,
    items: usize,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.exchanges, self.items)
    }
}

const SESSIONS: [Size; 3] = [
    Size {
        exchanges: 16,
        items: 80,
    },
    Size {
        exchanges: 32,
        items: 320,
    },
    Size {
        exchanges: 64,
        items: 1280,
    },
];

/// Sizes of a single request body, in megabytes.
const BODIES: [usize; 3] = [1, 4, 16];

fn uuid(side: Side, number: usize) -> String {
    let salt = if side == Side::Baseline { 0xa1 } else { 0xb2 };
    format!("01a1fb{salt:02x}-0000-7000-8000-{number:012x}")
}

/// A user message, a call or its output, by turns.
fn item(side: Side, number: usize) -> String {
    let call = uuid(side, number / 3 * 3 + 1);
    match number % 3 {
        0 => format!(
            r#"{{"type":"message","role":"user","content":[{{"type":"input_text","text":"Look at part {number} of the garden, then say what grows there and what is missing."}}]}}"#
        ),
        1 => {
            let word = if side == Side::Candidate && number == 7 {
                "tail"
            } else {
                "head"
            };
            format!(
                r#"{{"type":"function_call","name":"exec_command","call_id":"{call}","arguments":"{{\"cmd\":\"{word} -n {number} notes.txt\",\"yield_time_ms\":1000}}"}}"#
            )
        }
        _ => format!(
            r#"{{"type":"function_call_output","call_id":"{call}","output":"Chunk ID: {number:06x}\nWall time: 0.{number} seconds\n{}"}}"#,
            "- a line of output, as commands print them\\n".repeat(8)
        ),
    }
}

fn body(side: Side, items: usize) -> String {
    let list: Vec<String> = (0..items).map(|number| item(side, number)).collect();
    let thread = uuid(side, 0);
    format!(
        r#"{{"model":"m","instructions":"Be brief.","prompt_cache_key":"{thread}","tools":[{{"type":"function","name":"exec_command","parameters":{{"type":"object"}}}}],"input":[{}]}}"#,
        list.join(",")
    )
}

/// A capture in the form of raw-exchange/1, and its length in bytes.
fn session(side: Side, size: Size) -> (Capture, usize) {
    let mut text = String::new();
    for number in 1..=size.exchanges {
        let thread = uuid(side, 0);
        let body = body(side, size.items * number / size.exchanges);
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            r#"{{"format":"raw-exchange/1","seq":{number},"conn":1,"transport":"http","method":"POST","path":"/v1/responses","request":{{"headers":[["thread-id","{thread}"]],"body_kind":"json-compact","body":{body}}},"response":{{"status":200,"headers":[],"events":[{{"event":"response.completed","data":{{"type":"response.completed","response":{{"id":"resp_{number}"}}}}}}],"ended":"complete"}}}}"#
        );
    }
    read(text)
}

fn read(text: String) -> (Capture, usize) {
    let bytes = text.len();
    let capture = read_capture_bytes("bench", text.into_bytes()).expect("this is a capture");
    assert!(capture.problems.is_empty(), "{:?}", capture.problems);
    (capture, bytes)
}

/// Compares on both sides what `make` makes, once to see that the one difference is found, then to measure.
fn measure(bencher: Bencher<'_, '_>, make: impl Fn(Side) -> (Capture, usize)) {
    let (baseline, bytes) = make(Side::Baseline);
    let (candidate, more) = make(Side::Candidate);
    let changes = compare(&baseline, &candidate, &Options::default()).changes;
    assert_eq!(changes.len(), 1, "{changes:?}");
    bencher
        .counter(BytesCount::new(bytes + more))
        .bench_local(|| compare(&baseline, &candidate, &Options::default()));
}

#[divan::bench(args = SESSIONS, sample_count = 10, sample_size = 1)]
fn sessions(bencher: Bencher<'_, '_>, size: Size) {
    measure(bencher, |side| session(side, size));
}

#[divan::bench(args = BODIES, sample_count = 10, sample_size = 1)]
fn bodies(bencher: Bencher<'_, '_>, megabytes: usize) {
    let average = body(Side::Baseline, 300).len() / 300;
    measure(bencher, |side| {
        read(body(side, megabytes * 1_000_000 / average))
    });
}
