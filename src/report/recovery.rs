//! What `recover` saved and what it left out.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::json::{Problem, ProblemKind};
use crate::rollout::{Fragment, LeftOut, Recovery, Repeat};

use super::mask::Mask;
use super::text::{visible, wrapped};

/// Lines about single spans or repeats in the text form; the JSON form has them all.
const SHOWN: usize = 20;

/// Names of the files of a recovery, as the user gave them.
#[derive(Debug, Clone, Copy)]
pub struct RecoveryNames<'a> {
    /// What was read.
    pub input: &'a str,
    /// What was written.
    pub output: &'a str,
}

/// Writes what was recovered as text, wrapped at `width` columns.
///
/// # Errors
///
/// When writing fails.
pub fn render_recovery(
    recovery: &Recovery,
    names: RecoveryNames<'_>,
    width: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut mask = Mask::new(&[]);
    let mut say = |first: &str, text: &str| {
        let text = mask.text(text);
        out.write_all(wrapped(width, first, &visible(&text), "  ").as_bytes())
    };
    let records = counted(recovery.input.records, "record");
    let head = format!("{records} of {} written to {}", names.input, names.output);
    say(
        "",
        &format!("{head} ({}).", counted(recovery.written, "byte")),
    )?;
    if !recovery.is_partial() {
        say("", "Nothing was left out.")?;
    }
    let left_out = &recovery.left_out;
    let lengths = left_out.iter().map(|left| length(&left.problem));
    let bytes: u64 = lengths.clone().sum();
    if bytes > 0 {
        let places = counted(lengths.filter(|&length| length > 0).count() as u64, "place");
        say(
            "",
            &format!("Left out: {} in {places}.", counted(bytes, "byte")),
        )?;
    }
    for left in left_out.iter().take(SHOWN) {
        say("- ", &left_out_text(left))?;
    }
    say_more(left_out.len(), &mut say)?;
    for repeat in recovery.repeats.iter().take(SHOWN) {
        say("note: ", &repeat_text(repeat))?;
    }
    say_more(recovery.repeats.len(), &mut say)?;
    if let (Some(record), true) = (recovery.moved_from, recovery.has_ordinals) {
        say(
            "note: ",
            &format!(
                "from record {record} on, records stand at other bytes than in the input; forks and reverts of this thread name their place in its file by bytes and don't fit the recovered one"
            ),
        )?;
    }
    if recovery.not_objects > 0 {
        let what = counted(recovery.not_objects, "record");
        say(
            "note: ",
            &format!("{what} written that no agent writes: not a JSON object"),
        )?;
    }
    if recovery.multi_line > 0 {
        let what = counted(recovery.multi_line, "record");
        say(
            "note: ",
            &format!(
                "{what} written over several lines, as they stood in the input; Codex reads one record from each line and refuses such a file: --one-line joins the lines"
            ),
        )?;
    }
    Ok(())
}

fn say_more(count: usize, say: &mut impl FnMut(&str, &str) -> io::Result<()>) -> io::Result<()> {
    match count.saturating_sub(SHOWN) {
        0 => Ok(()),
        more => say(
            "",
            &format!("… and {more} more; --format json has them all"),
        ),
    }
}

fn left_out_text(left: &LeftOut) -> String {
    let (problem, fragment) = (&left.problem, &left.fragment);
    let place = match left.records_before.checked_sub(1) {
        Some(record) => format!("behind record {record}"),
        None => "before the first record".to_owned(),
    };
    let was = match problem.kind {
        _ if fragment.is_empty() => String::new(),
        ProblemKind::Headless => format!("; it named {fragment}"),
        _ => format!("; it was: {fragment}"),
    };
    format!("{}, {place}: {problem}{was}", problem.kind.name())
}

fn repeat_text(repeat: &Repeat) -> String {
    let count = repeat.records.end - repeat.records.start;
    let run = |first: u64| match count {
        1 => format!("record {first}"),
        _ => format!("records {first} to {}", first + count - 1),
    };
    let verb = if count == 1 { "repeats" } else { "repeat" };
    format!(
        "{} {verb} {} byte for byte; all are kept",
        run(repeat.records.start),
        run(repeat.first)
    )
}

fn length(problem: &Problem) -> u64 {
    problem.span.end - problem.span.start
}

/// A number with its noun.
fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Writes what was recovered as one JSON object, as `docs/sessions.md` describes it.
///
/// # Errors
///
/// When writing fails.
pub fn render_recovery_json(
    recovery: &Recovery,
    names: RecoveryNames<'_>,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut mask = Mask::new(&[]);
    let left_out: Vec<Value> = recovery
        .left_out
        .iter()
        .map(|left| span_json(left, &mut mask))
        .collect();
    let repeats: Vec<Value> = recovery
        .repeats
        .iter()
        .map(|r| json!({"start": r.records.start, "end": r.records.end, "first": r.first}))
        .collect();
    let input = &recovery.input;
    let whole = json!({
        "format": "trace-diff/recovery",
        "version": 1,
        "input": {"path": names.input, "bytes": input.bytes, "tail": input.tail.name()},
        "output": {"path": names.output, "bytes": recovery.written, "records": input.records},
        "left_out": left_out,
        "repeats": repeats,
        "moved_from": recovery.moved_from,
        "multi_line": recovery.multi_line,
        "not_objects": recovery.not_objects,
    });
    serde_json::to_writer_pretty(&mut *out, &whole)?;
    out.write_all(b"\n")
}

fn span_json(left: &LeftOut, mask: &mut Mask) -> Value {
    let (problem, fragment) = (&left.problem, &left.fragment);
    json!({
        "kind": problem.kind.name(),
        "start": problem.span.start,
        "end": problem.span.end,
        "records_before": left.records_before,
        "message": problem.to_string(),
        "was": (!fragment.is_empty()).then(|| fragment_json(fragment, mask)),
    })
}

fn fragment_json(fragment: &Fragment, mask: &mut Mask) -> Value {
    let mut text = |value: &Option<String>| value.as_ref().map(|value| mask.text(value));
    json!({
        "type": text(&fragment.record_type),
        "payload_type": text(&fragment.payload_type),
        "role": text(&fragment.role),
        "name": text(&fragment.name),
        "call_id": text(&fragment.call_id),
        "turn_id": text(&fragment.turn_id),
        "timestamp": text(&fragment.timestamp),
        "ordinal": fragment.ordinal,
    })
}
