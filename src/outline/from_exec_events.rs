//! What happened in a run, told by what `codex exec --json` printed.

use std::collections::HashMap;

use crate::json::{Part, Raw, Record, read_records};

use super::builder::{Place, ThreadBuilder};
use super::item::{member, owned};
use super::mask::mask_words;
use super::model::{Call, End, EndKind, Input, Outline, Output, Position, Usage, What};
use super::text::{Options, Text, Texts};

/// Tells what happened from the events that `codex exec --json` prints (codex 0.115.0–0.169.0), one JSON object each.
///
/// `name` is what messages call the input. `error` events of the retry loop and the error that ends a turn look the same;
/// only `turn.failed` ends it. Usage is what the last event says: the sum over the thread so far, runs before included.
pub fn outline_exec_events(name: &str, bytes: &[u8], options: Options) -> Outline {
    let records = read_records(bytes);
    let mut reader = Events {
        texts: Texts::new(options),
        builder: ThreadBuilder::default(),
        items: HashMap::new(),
        last_error: None,
        retries: 0,
    };
    let mut outline = Outline::new(Input {
        path: name.to_owned(),
        kind: "exec-events".to_owned(),
        bytes: Some(records.summary.bytes),
        records: Some(records.summary.records),
        exchanges: None,
        tail: Some(records.summary.tail.name()),
    });
    let mut next = 0;
    for part in &records.parts {
        match part {
            Part::Record(record) => {
                next = record.index + 1;
                reader.take(record);
            }
            Part::Problem(problem) => {
                let at = Position::Record {
                    index: next,
                    span: problem.span.clone(),
                };
                let what = What::Damage {
                    problem: problem.kind.name().to_owned(),
                    bytes: problem.span.end - problem.span.start,
                };
                reader.builder.push(at, None, what);
                outline.problems.push(problem.into());
            }
        }
    }
    reader.finish();
    outline.threads.push(reader.builder.finish());
    mask_words(&mut outline, &mut reader.texts);
    outline
}

struct Events {
    texts: Texts,
    builder: ThreadBuilder,
    /// Where the items of the turn stand, by their id.
    items: HashMap<String, Place>,
    /// Where the last error stands.
    last_error: Option<Place>,
    retries: usize,
}

impl Events {
    fn take(&mut self, record: &Record<'_>) {
        let event = Raw::new(record.text);
        let at = Position::Record {
            index: record.index,
            span: record.span.clone(),
        };
        let kind = owned(event, "type").unwrap_or_default();
        match kind.as_str() {
            "thread.started" => self.builder.thread.id = owned(event, "thread_id"),
            "turn.started" => {
                self.items.clear();
                self.last_error = None;
                self.retries = 0;
                self.builder.begin_turn(None, None);
            }
            "item.started" | "item.updated" | "item.completed" => match event.get("item") {
                Some(item) => self.item(item, at),
                None => self.unknown("event", &kind, event, at),
            },
            "turn.completed" => {
                let usage = event.get("usage").and_then(read_usage);
                self.builder.thread.usage = usage.or(self.builder.thread.usage);
                self.builder.end_turn(End::plain(EndKind::Completed));
            }
            "turn.failed" => self.failed(event),
            "error" => self.error(event, at),
            _ => self.unknown("event", &kind, event, at),
        }
    }

    fn unknown(&mut self, what: &'static str, name: &str, raw: Raw<'_>, at: Position) {
        let raw = self.texts.make(raw.text());
        let name = name.to_owned();
        self.builder
            .push(at, None, What::Unknown { what, name, raw });
    }

    /// An error that the agent got over, or, if `turn.failed` follows, not.
    fn error(&mut self, event: Raw<'_>, at: Position) {
        let message = owned(event, "message").unwrap_or_default();
        let what = match attempt(&message) {
            Some((attempt, reason)) => {
                self.retries = attempt;
                What::Retry {
                    attempt,
                    reason: self.texts.make(reason),
                    delay_ms: None,
                }
            }
            None => What::Error {
                message: self.texts.make_whole(&message),
                code: None,
                is_terminal: false,
            },
        };
        self.last_error = Some(self.builder.push(at, None, what));
    }

    fn failed(&mut self, event: Raw<'_>) {
        let error = event.get("error").unwrap_or(event);
        let message = owned(error, "message").unwrap_or_default();
        let message = self.texts.make_whole(&message);
        let last = self.last_error.and_then(|place| self.builder.step(place));
        if let Some(What::Error {
            message: told,
            is_terminal,
            ..
        }) = last.map(|step| &mut step.what)
        {
            *is_terminal = *told == message;
        }
        self.builder.end_turn(End {
            kind: EndKind::Failed,
            message: Some(message),
            code: None,
        });
    }

    /// An item, which may have been told of before.
    fn item(&mut self, item: Raw<'_>, at: Position) {
        let what = self.read_item(item, &at);
        if let What::Assistant { .. } = &what
            && let Some(text) = owned(item, "text")
        {
            let answer = self.texts.make_whole(&text);
            if let Some(turn) = self.builder.turn() {
                turn.answer = Some(answer);
            }
        }
        let id = owned(item, "id");
        let known = id.as_ref().and_then(|id| self.items.get(id).copied());
        if let Some(step) = known.and_then(|place| self.builder.step(place)) {
            step.what = what;
            return;
        }
        let place = self.builder.push(at, None, what);
        if let Some(id) = id {
            self.items.insert(id, place);
        }
    }

    fn read_item(&mut self, item: Raw<'_>, at: &Position) -> What {
        let kind = owned(item, "type").unwrap_or_default();
        let texts = &mut self.texts;
        match kind.as_str() {
            "agent_message" => What::Assistant {
                phase: None,
                text: member(item, "text", texts),
            },
            "reasoning" => What::Reasoning {
                text: member(item, "text", texts),
                is_encrypted: false,
            },
            "error" => What::Error {
                message: member(item, "message", texts),
                code: None,
                is_terminal: false,
            },
            "todo_list" => What::Event {
                name: "plan".to_owned(),
                text: texts.make(&todo_list(item)),
            },
            "command_execution" => {
                let text = member(item, "aggregated_output", texts);
                let exit_code = item.get("exit_code").and_then(Raw::signed);
                call(
                    item,
                    &kind,
                    member(item, "command", texts),
                    Some((text, exit_code)),
                    at,
                )
            }
            "mcp_tool_call" => {
                let result = ["error", "result"].iter().find_map(|key| {
                    let value = item.get(key).filter(|value| !value.is_null());
                    value.map(|value| (texts.make_raw(value), None))
                });
                let name = format!(
                    "{}.{}",
                    owned(item, "server").unwrap_or_default(),
                    owned(item, "tool").unwrap_or_default()
                );
                call(item, &name, member(item, "arguments", texts), result, at)
            }
            "collab_tool_call" => {
                let name = owned(item, "tool").unwrap_or_else(|| kind.clone());
                let states = item.get("agents_states").map(Raw::text);
                let states = states.filter(|states| *states != "{}");
                let states = states.map(|states| (texts.make(states), None));
                call(item, &name, member(item, "prompt", texts), states, at)
            }
            "file_change" => call(item, &kind, texts.make(&changes(item)), None, at),
            "web_search" => call(item, &kind, member(item, "query", texts), None, at),
            _ => What::Unknown {
                what: "item",
                name: kind,
                raw: texts.make(item.text()),
            },
        }
    }

    fn finish(&mut self) {
        if self.builder.has_open_turn() {
            let message =
                "neither turn.completed nor turn.failed: the agent was interrupted or killed";
            self.builder.end_turn(End {
                kind: EndKind::Open,
                message: Some(Text::plain(message)),
                code: None,
            });
        }
    }
}

/// A call that the agent carried out, and its output once it has one.
fn call(
    item: Raw<'_>,
    name: &str,
    arguments: Text,
    output: Option<(Text, Option<i64>)>,
    at: &Position,
) -> What {
    let status = owned(item, "status");
    let is_running = status.as_deref() == Some("in_progress");
    let output = output.filter(|_| !is_running);
    What::Call(Box::new(Call {
        call_id: owned(item, "id"),
        item_type: owned(item, "type").unwrap_or_default(),
        name: name.to_owned(),
        namespace: None,
        arguments,
        duration_ms: None,
        exit_code: output.as_ref().and_then(|(_, code)| *code),
        status: status.filter(|status| status != "completed"),
        expects_output: is_running,
        output: output.map(|(text, exit_code)| Output {
            at: at.clone(),
            call_id: None,
            exit_code,
            wall_ms: None,
            session: None,
            text,
        }),
    }))
}

/// Number and reason of a notice such as `Reconnecting... 2/5 (stream disconnected)`.
fn attempt(message: &str) -> Option<(usize, &str)> {
    let rest = message.strip_prefix("Reconnecting... ")?;
    let (attempt, rest) = rest.split_once('/')?;
    let reason = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim();
    let reason = reason
        .strip_prefix('(')
        .and_then(|reason| reason.strip_suffix(')'))
        .unwrap_or(reason);
    Some((attempt.parse().ok()?, reason))
}

fn todo_list(item: Raw<'_>) -> String {
    let line = |entry: Raw<'_>| {
        let is_done = entry.get("completed").and_then(Raw::boolean) == Some(true);
        let text = entry.get_string("text").unwrap_or_default();
        format!("{} {text}", if is_done { "[x]" } else { "[ ]" })
    };
    let lines: Vec<String> = item
        .get("items")
        .map(|items| items.items().map(line).collect())
        .unwrap_or_default();
    lines.join("\n")
}

fn changes(item: Raw<'_>) -> String {
    let change = |change: Raw<'_>| {
        let word = |key| change.get_string(key).unwrap_or_default();
        format!("{} {}", word("kind"), word("path"))
    };
    let list: Vec<String> = item
        .get("changes")
        .map(|changes| changes.items().map(change).collect())
        .unwrap_or_default();
    list.join(", ")
}

/// Tokens as events, `token_count` records and `token_usage_record` records write them.
pub(super) fn read_usage(usage: Raw<'_>) -> Option<Usage> {
    let mut read = Usage::default();
    let mut total = None;
    for (key, value) in usage.members() {
        let Some(count) = value.unsigned() else {
            continue;
        };
        match key.as_ref() {
            "input_tokens" => read.input = count,
            "cached_input_tokens" => read.cached_input = count,
            "output_tokens" => read.output = count,
            "reasoning_output_tokens" => read.reasoning_output = count,
            "total_tokens" => total = Some(count),
            _ => {}
        }
    }
    read.total = total.unwrap_or(read.input + read.output);
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_of_retries_are_told_from_errors() {
        assert_eq!(
            attempt("Reconnecting... 2/5 (stream disconnected)"),
            Some((2, "stream disconnected"))
        );
        assert_eq!(attempt("Reconnecting... waiting for network"), None);
        assert_eq!(attempt("quota"), None);
    }

    #[test]
    fn the_terminal_error_is_the_one_that_ends_the_turn() {
        let text = r#"{"type":"thread.started","thread_id":"t"}
{"type":"turn.started"}
{"type":"error","message":"Reconnecting... 1/1 (busy)"}
{"type":"error","message":"busy"}
{"type":"turn.failed","error":{"message":"busy"}}"#;
        let outline = outline_exec_events("-", text.as_bytes(), Options::default());
        let turn = &outline.threads[0].turns[0];
        assert_eq!(turn.end.kind, EndKind::Failed);
        assert!(matches!(turn.steps[0].what, What::Retry { attempt: 1, .. }));
        let What::Error { is_terminal, .. } = turn.steps[1].what else {
            panic!("{:?}", turn.steps);
        };
        assert!(is_terminal);
    }

    #[test]
    fn an_item_that_is_told_of_twice_is_one_step() {
        let text = r#"{"type":"turn.started"}
{"type":"item.started","item":{"id":"item_0","type":"command_execution","command":"ls","aggregated_output":"","exit_code":null,"status":"in_progress"}}
{"type":"item.completed","item":{"id":"item_0","type":"command_execution","command":"ls","aggregated_output":"a","exit_code":2,"status":"failed"}}"#;
        let outline = outline_exec_events("-", text.as_bytes(), Options::default());
        let turn = &outline.threads[0].turns[0];
        let [step] = turn.steps.as_slice() else {
            panic!("{:?}", turn.steps);
        };
        let What::Call(call) = &step.what else {
            panic!("{step:?}");
        };
        let output = call.output.as_ref().unwrap();
        assert_eq!(
            (output.text.text.as_str(), output.exit_code),
            ("a", Some(2))
        );
        assert_eq!(turn.end.kind, EndKind::Open);
    }
}
