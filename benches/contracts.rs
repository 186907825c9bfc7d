//! Checking the contracts of one capture beside reading it; two sizes each show that time grows linearly.

use std::fmt::Write;

use divan::Bencher;
use divan::counter::BytesCount;
use trace_diff::capture::{Capture, read_capture_bytes};
use trace_diff::check::{Profile, check_capture};

fn main() {
    divan::main();
}

/// Numbers of requests of a capture.
const HTTP: [usize; 2] = [500, 1000];
const WEBSOCKET: [usize; 2] = [2500, 5000];

/// Requests of one thread before the next one begins.
const THREAD: usize = 50;

fn uuid(number: usize) -> String {
    format!("01a1fba1-0000-7000-8000-{number:012x}")
}

fn user_message() -> String {
    r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"Look at the garden, part by part, then say what grows there."}]}"#.to_owned()
}

fn call(number: usize) -> String {
    format!(
        r#"{{"type":"function_call","id":"fc_{number}","name":"exec_command","call_id":"call_{number}","arguments":"{{\"cmd\":\"head -n {number} notes.txt\",\"yield_time_ms\":1000}}"}}"#
    )
}

fn output(number: usize) -> String {
    format!(
        r#"{{"type":"function_call_output","call_id":"call_{number}","output":"Chunk ID: {number:06x}\nWall time: 0.{number} seconds\n{}"}}"#,
        "- a line of output, as commands print them\\n".repeat(16)
    )
}

/// What stands before the input in each request: 14 kilobytes of instructions and tools.
fn head(thread: usize) -> String {
    let tools: Vec<String> = (0..20)
        .map(|number| {
            format!(
                r#"{{"type":"function","name":"tool_{number}","description":"{}","parameters":{{"type":"object","properties":{{"cmd":{{"type":"string"}}}}}}}}"#,
                "Does something to the garden. ".repeat(8)
            )
        })
        .collect();
    let metadata = format!(
        r#"{{\"thread_id\":\"{0}\",\"turn_id\":\"turn-{0}\"}}"#,
        uuid(thread)
    );
    format!(
        r#""model":"m","instructions":"{}","prompt_cache_key":"{}","client_metadata":{{"x-codex-turn-metadata":"{metadata}"}},"tools":[{}]"#,
        "Be brief, and careful with the flowers. ".repeat(200),
        uuid(thread),
        tools.join(",")
    )
}

/// The events of a response that asks for one call, as data.
fn events(number: usize) -> Vec<String> {
    let mut events = vec![
        format!(r#"{{"type":"response.created","response":{{"id":"resp_{number}"}}}}"#),
        format!(
            r#"{{"type":"response.output_item.done","output_index":0,"item":{}}}"#,
            call(number)
        ),
        format!(
            r#"{{"type":"response.completed","response":{{"id":"resp_{number}","usage":{{"input_tokens":9000,"output_tokens":40,"total_tokens":9040}}}}}}"#
        ),
    ];
    let deltas = (0..8).map(|part| {
        format!(r#"{{"type":"response.reasoning_text.delta","item_id":"rs_{number}","output_index":1,"content_index":0,"delta":"part {part}"}}"#)
    });
    events.splice(1..1, deltas);
    events
}

/// A capture in the form of raw-exchange/1: threads whose history grows from 14 to 66 kilobytes.
fn http(exchanges: usize) -> String {
    let mut text = String::new();
    let mut input = String::new();
    for number in 0..exchanges {
        let thread = number / THREAD;
        if number % THREAD == 0 {
            input = user_message();
        } else {
            let _ = write!(input, ",{},{}", call(number - 1), output(number - 1));
        }
        let events: Vec<String> = events(number)
            .iter()
            .map(|data| format!(r#"{{"event":"message","data":{data}}}"#))
            .collect();
        let _ = writeln!(
            text,
            r#"{{"format":"raw-exchange/1","seq":{},"conn":1,"transport":"http","method":"POST","path":"/v1/responses","request":{{"headers":[["thread-id","{}"]],"body_kind":"json-compact","body":{{{},"input":[{input}]}}}},"response":{{"status":200,"headers":[],"events":[{}],"ended":"complete"}}}}"#,
            number + 1,
            uuid(thread),
            head(thread),
            events.join(",")
        );
    }
    text
}

/// A capture with one WebSocket connection, on which each message continues the response before.
fn websocket(messages: usize) -> String {
    let mut frames = Vec::new();
    for number in 0..messages {
        let begin = match number {
            0 => format!(r#"{},"input":[{}]"#, head(0), user_message()),
            _ => format!(
                r#""model":"m","prompt_cache_key":"{}","previous_response_id":"resp_{}","input":[{}]"#,
                uuid(0),
                number - 1,
                output(number - 1)
            ),
        };
        let frame = |from: &str, data: &str| {
            format!(
                r#"{{"dir":"{from}","at_ms":{number},"opcode":"text","data_kind":"json-compact","data":{data}}}"#
            )
        };
        frames.push(frame(
            "c2s",
            &format!(r#"{{"type":"response.create",{begin}}}"#),
        ));
        frames.extend(events(number).iter().map(|data| frame("s2c", data)));
    }
    format!(
        r#"{{"format":"raw-exchange/1","seq":1,"conn":1,"transport":"ws","method":"GET","path":"/v1/responses","request":{{"headers":[["upgrade","websocket"],["thread-id","{}"]],"body_kind":"empty"}},"response":{{"status":101,"headers":[],"frames":[{}],"ended":"complete"}}}}"#,
        uuid(0),
        frames.join(",")
    )
}

fn read(text: &str) -> Capture {
    let capture = read_capture_bytes("bench", text.as_bytes().to_vec()).expect("this is a capture");
    assert!(capture.problems.is_empty(), "{:?}", capture.problems);
    capture
}

fn reading(bencher: Bencher<'_, '_>, text: &str) {
    bencher
        .counter(BytesCount::of_str(text))
        .bench_local(|| read(text));
}

/// Checks once to see that all is right, then to measure.
fn checking(bencher: Bencher<'_, '_>, text: &str) {
    let capture = read(text);
    let profile = Profile::generic();
    let contracts = check_capture(&capture, &profile);
    assert_eq!(contracts.violations, []);
    assert_eq!(contracts.not_checked, []);
    bencher
        .counter(BytesCount::of_str(text))
        .bench_local(|| check_capture(&capture, &profile));
}

#[divan::bench(args = HTTP, sample_count = 10, sample_size = 1)]
fn http_read(bencher: Bencher<'_, '_>, exchanges: usize) {
    reading(bencher, &http(exchanges));
}

#[divan::bench(args = HTTP, sample_count = 10, sample_size = 1)]
fn http_check(bencher: Bencher<'_, '_>, exchanges: usize) {
    checking(bencher, &http(exchanges));
}

#[divan::bench(args = WEBSOCKET, sample_count = 10, sample_size = 1)]
fn websocket_read(bencher: Bencher<'_, '_>, messages: usize) {
    reading(bencher, &websocket(messages));
}

#[divan::bench(args = WEBSOCKET, sample_count = 10, sample_size = 1)]
fn websocket_check(bencher: Bencher<'_, '_>, messages: usize) {
    checking(bencher, &websocket(messages));
}
