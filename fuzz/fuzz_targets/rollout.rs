//! A rollout made of any bytes: telling what happened, what is damaged and what would be sent never panics, text keeps
//! control characters out, and what is recovered is undamaged.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_diff::json::read_records;
use trace_diff::outline::{Options, Reader, TellResume, outline_rollout, rollout_history};
use trace_diff::report::{TextOptions, render_session_json, render_session_text};
use trace_diff::rollout::{RecoverOptions, RolloutSource, recover};

fuzz_target!(|input: &[u8]| {
    let source = RolloutSource::memory("rollout", input.to_vec());
    let options = Options { is_full: false, resume: TellResume::Always };
    let outline = outline_rollout(&source, None, options).expect("memory can be read");
    let mut out = Vec::new();
    render_session_text(&outline, &TextOptions::default(), &mut out)
        .expect("a vector takes every write");
    render_session_json(&outline, &mut out).expect("a vector takes every write");
    assert!(!out.contains(&0x1b));
    for reader in [Reader::Codex, Reader::Pycodex] {
        rollout_history(&source, None, reader, None, options).expect("memory can be read");
    }
    let mut saved = Vec::new();
    recover(input, &mut saved, RecoverOptions::default()).expect("memory can be read");
    let (before, after) = (read_records(input).summary, read_records(&saved).summary);
    assert_eq!((after.records, after.problems), (before.records, 0));
});
