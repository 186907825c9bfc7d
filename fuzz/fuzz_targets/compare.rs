//! Two captures made of any bytes: reading, comparing and rendering never panic, and a capture does not differ from
//! itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_diff::capture::{read_capture_bytes, Capture};
use trace_diff::diff::{Options, compare};
use trace_diff::report::{TextOptions, comparison_report, render_json, render_outline, render_text};

fn render(a: &Capture, b: &Capture) -> usize {
    let comparison = compare(a, b, &Options::default());
    let report = comparison_report(a, b, &comparison);
    let mut out = Vec::new();
    render_text(&report, &TextOptions::default(), &mut out).expect("a vector takes every write");
    render_json(&report, &mut out).expect("a vector takes every write");
    assert!(!out.contains(&0x1b));
    comparison.changes.len()
}

// The first byte says where the input is divided into baseline and candidate.
fuzz_target!(|input: &[u8]| {
    let Some((&share, input)) = input.split_first() else {
        return;
    };
    let (a, b) = input.split_at(input.len() * usize::from(share) / 256);
    let (Ok(a), Ok(b)) = (
        read_capture_bytes("baseline", a.to_vec()),
        read_capture_bytes("candidate", b.to_vec()),
    ) else {
        return;
    };
    render(&a, &b);
    render_outline(&b);
    assert_eq!(render(&a, &a), 0);
    assert_eq!(render(&b, &b), 0);
});
