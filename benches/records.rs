//! Throughput of the record reader on a rollout made here; three sizes show that time grows linearly.

use divan::Bencher;
use divan::counter::BytesCount;
use trace_diff::json::RecordReader;

/// Sizes of the rollout, in megabytes.
const SIZES: [usize; 3] = [2, 8, 32];

fn main() {
    divan::main();
}

/// Records as agents write them: now and then long instructions, mostly short messages and calls.
fn rollout(megabytes: usize) -> Vec<u8> {
    let line =
        "- Say what was done, in one or two lines; no \\\"quotes\\\" where none are needed.\\n";
    let mut bytes = Vec::new();
    let mut number = 0;
    while bytes.len() < megabytes * 1_000_000 {
        let time = format!(
            "2026-11-21T00:{:02}:{:02}.000Z",
            number / 60 % 60,
            number % 60
        );
        let payload = match number % 8 {
            0 => format!(
                r#"{{"type":"message","role":"user","content":[{{"type":"input_text","text":"{}"}}]}}"#,
                line.repeat(60)
            ),
            1 | 2 => format!(
                r#"{{"type":"token_count","info":{{"total":{{"input":{number},"cached":0,"output":40}},"window":258400}},"limits":null}}"#
            ),
            3 => {
                r#"{"type":"function_call_output","call_id":"c1","output":"café\nalpha\tbeta 🙂"}"#
                    .to_owned()
            }
            _ => format!(
                r#"{{"type":"agent_message","message":"{}","images":[]}}"#,
                line.repeat(2)
            ),
        };
        bytes.extend_from_slice(
            format!("{{\"timestamp\":\"{time}\",\"type\":\"event_msg\",\"payload\":{payload}}}\n")
                .as_bytes(),
        );
        number += 1;
    }
    bytes
}

fn count(bytes: &[u8]) -> u64 {
    let mut reader = RecordReader::new(bytes);
    while let Ok(Some(part)) = reader.next_part() {
        divan::black_box(&part);
    }
    reader.summary().records
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn whole(bencher: Bencher<'_, '_>, megabytes: usize) {
    let bytes = rollout(megabytes);
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench_local(|| count(&bytes));
}

/// One bad byte in every hundred kilobytes.
#[divan::bench(args = SIZES, sample_count = 10)]
fn damaged(bencher: Bencher<'_, '_>, megabytes: usize) {
    let mut bytes = rollout(megabytes);
    for byte in bytes.iter_mut().step_by(100_000) {
        *byte = 0xff;
    }
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench_local(|| count(&bytes));
}

/// No line break anywhere, and each record is cut and glued to the next.
#[divan::bench(args = SIZES, sample_count = 10)]
fn torn(bencher: Bencher<'_, '_>, megabytes: usize) {
    let bytes = br#"{"timestamp":"t","payload":{"text":"xx"#.repeat(megabytes * 1_000_000 / 38);
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench_local(|| count(&bytes));
}
