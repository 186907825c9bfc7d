//! What happened in a run, told by the one document that `pycodex --json` prints.

use crate::json::{Kind, Part, Raw, read_records};

use super::builder::ThreadBuilder;
use super::item::{Item, member, owned, read_item};
use super::mask::mask_words;
use super::model::{Call, End, EndKind, Input, Outline, Output, Position, What};
use super::text::{Options, Texts};
use super::tool_output::split_output;

/// Tells what happened from the result that `pycodex --json` prints (0.1.2–0.5.1): `turn_id`, `output_text`, `history`.
///
/// `name` is what messages call the input. pycodex prints nothing when a turn fails.
pub fn outline_pycodex_result(name: &str, bytes: &[u8], options: Options) -> Outline {
    let records = read_records(bytes);
    let mut outline = Outline::new(Input {
        path: name.to_owned(),
        kind: "pycodex-result".to_owned(),
        bytes: Some(records.summary.bytes),
        records: Some(records.summary.records),
        exchanges: None,
        tail: Some(records.summary.tail.name()),
    });
    let mut texts = Texts::new(options);
    for part in &records.parts {
        match part {
            Part::Record(record) => {
                let thread = read_result(Raw::new(record.text), &mut texts).finish();
                outline.threads.push(thread);
            }
            Part::Problem(problem) => outline.problems.push(problem.into()),
        }
    }
    mask_words(&mut outline, &mut texts);
    outline
}

fn read_result(result: Raw<'_>, texts: &mut Texts) -> ThreadBuilder {
    let mut builder = ThreadBuilder::default();
    let history = result.get("history");
    let entries = history.into_iter().flat_map(Raw::items).enumerate();
    for (index, entry) in entries {
        let at = Position::Pointer(format!("/history/{index}"));
        let item = read_entry(entry, &at, texts);
        if matches!(item, Item::Alone(What::User { .. })) {
            builder.conclude_turn(EndKind::Unanswered);
            builder.begin_turn(None, None);
        }
        builder.push_item(item, at, None);
    }
    if builder.turn().is_none() {
        builder.begin_turn(None, None);
    }
    let answer = owned(result, "output_text").map(|text| texts.make_whole(&text));
    if let Some(turn) = builder.turn() {
        turn.id = owned(result, "turn_id");
        turn.answer = answer;
        let responses = result.get("iterations").and_then(Raw::unsigned);
        turn.responses = responses.unwrap_or(0) as usize;
    }
    builder.end_turn(End::plain(EndKind::Completed));
    builder
}

/// An entry of the history, which is no item but pycodex's own record of one.
fn read_entry(entry: Raw<'_>, at: &Position, texts: &mut Texts) -> Item {
    let kind = owned(entry, "kind").unwrap_or_default();
    let role = owned(entry, "role").unwrap_or_default();
    match (kind.as_str(), role.as_str()) {
        ("", "user") => Item::Alone(What::User {
            text: member(entry, "text", texts),
        }),
        ("", "assistant") => Item::Alone(What::Assistant {
            phase: owned(entry, "phase"),
            text: member(entry, "text", texts),
        }),
        ("", role) if !role.is_empty() => Item::Alone(What::Context {
            role: role.to_owned(),
            tags: Vec::new(),
            text: member(entry, "text", texts),
        }),
        ("tool_call", _) => Item::Call(Box::new(Call {
            call_id: owned(entry, "call_id"),
            item_type: format!("{}_call", owned(entry, "tool_type").unwrap_or_default()),
            name: owned(entry, "name").unwrap_or_default(),
            namespace: owned(entry, "namespace"),
            arguments: member(entry, "arguments", texts),
            expects_output: true,
            ..Call::default()
        })),
        ("tool_result", _) => Item::Output(Box::new(read_output(entry, at, texts))),
        // Items that pycodex only passes on stand in it as they came.
        (_, _) => match entry.get("payload").filter(|p| p.kind() == Kind::Object) {
            Some(payload) => read_item(payload, at, texts),
            None => Item::Alone(What::Unknown {
                what: "item",
                name: kind,
                raw: texts.make(entry.text()),
            }),
        },
    }
}

fn read_output(entry: Raw<'_>, at: &Position, texts: &mut Texts) -> Output {
    let output = entry.get("output").unwrap_or(entry);
    let whole = output.string();
    let text = whole.as_deref().unwrap_or(output.text());
    let (facts, body) = split_output(text, || text);
    Output {
        at: at.clone(),
        call_id: owned(entry, "call_id"),
        exit_code: facts.exit_code,
        wall_ms: facts.wall_ms,
        session: facts.session,
        text: texts.make(if texts.is_full() { text } else { &body }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_get_their_results() {
        let text = r#"{"turn_id":"u","output_text":"Done.","iterations":2,"response_items":[],"history":[
            {"text":"Run it.","role":"user"},
            {"call_id":"c","name":"exec_command","arguments":{"cmd":"ls"},"tool_type":"function","kind":"tool_call"},
            {"call_id":"c","output":"Wall time: 0.5 seconds\nProcess exited with code 1\nOutput:\nno","kind":"tool_result"},
            {"text":"Done.","role":"assistant"}]}"#;
        let outline = outline_pycodex_result("-", text.as_bytes(), Options::default());
        let turn = &outline.threads[0].turns[0];
        assert_eq!(turn.prompt.as_ref().unwrap().text, "Run it.");
        assert_eq!(turn.answer.as_ref().unwrap().text, "Done.");
        let What::Call(call) = &turn.steps[1].what else {
            panic!("{:?}", turn.steps);
        };
        let output = call.output.as_ref().unwrap();
        assert_eq!(
            (output.exit_code, output.text.text.as_str()),
            (Some(1), "no")
        );
        assert_eq!(call.duration_ms, Some(500.0));
    }
}
