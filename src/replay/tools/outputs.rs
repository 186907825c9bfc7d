//! What was recorded of the outputs of calls, wherever it stands.

use std::collections::HashMap;

use serde_json::Value;

use crate::json::Raw;
use crate::rollout::{RecordKind, RolloutPart, RolloutReader, RolloutSource};

use super::super::expected::Asked;
use super::calls::of_shell;
use super::printed::{Printed, Then};

/// Where something stands in a recording: which file, and which exchange or record of it.
pub(super) type Place = (usize, usize);

/// The outputs of calls, by the calls' ids.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    /// What the model was told, each text where it stood first.
    told: HashMap<String, Vec<(Place, String)>>,
    /// What the agent wrote down of commands.
    run: HashMap<String, Vec<(Place, Run)>>,
}

/// A command that ended, as an agent wrote it down.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) command: Option<String>,
    pub(super) printed: Printed,
}

impl Outputs {
    /// Those that stand in requests.
    pub(super) fn of_requests(requests: &[Asked]) -> Self {
        let mut outputs = Self::default();
        for (number, asked) in requests.iter().enumerate() {
            let body = asked.exchange.request.body.json();
            let input = body.and_then(|body| Raw::new(body.text()).get("input"));
            for item in input.into_iter().flat_map(|input| input.items()) {
                outputs.add_item((0, number), item);
            }
        }
        outputs
    }

    /// Those that stand in rollouts. What can't be read is left out.
    pub(super) fn of_rollouts(sources: &[RolloutSource]) -> Self {
        let mut outputs = Self::default();
        for (file, source) in sources.iter().enumerate() {
            let Ok(input) = source.open() else { continue };
            let mut reader = RolloutReader::new(input);
            let mut number = 0;
            while let Ok(Some(part)) = reader.next_part() {
                let RolloutPart::Record(record) = part else {
                    continue;
                };
                match record.kind {
                    RecordKind::ResponseItem => outputs.add_item((file, number), record.payload),
                    RecordKind::EventMsg => outputs.add_event((file, number), record.payload),
                    _ => {}
                }
                number += 1;
            }
        }
        outputs
    }

    fn add_item(&mut self, place: Place, item: Raw<'_>) {
        let is_output = item
            .get_string("type")
            .is_some_and(|kind| kind.ends_with("call_output"));
        if !is_output {
            return;
        }
        let (Some(id), Some(output)) = (item.get_string("call_id"), item.get("output")) else {
            return;
        };
        let text = match output.string() {
            Some(text) => text.into_owned(),
            None => {
                let texts = output.items().filter_map(|part| part.get_string("text"));
                texts.collect()
            }
        };
        let known = self.told.entry(id.into_owned()).or_default();
        if known.last().is_none_or(|(_, last)| *last != text) {
            known.push((place, text));
        }
    }

    /// `item_completed` with a `CommandExecution` (codex 0.169.0), `exec_command_end` (older ones, where they keep it).
    fn add_event(&mut self, place: Place, event: Raw<'_>) {
        let kind = event.get_string("type").unwrap_or_default();
        let (told, id_key) = match kind.as_ref() {
            "item_completed" => (event.get("item"), "id"),
            "exec_command_end" => (Some(event), "call_id"),
            _ => return,
        };
        let Some(told) = told else { return };
        let code = told.get("exit_code").and_then(Raw::signed);
        let (Some(id), Some(text), Some(code)) = (
            told.get_string(id_key),
            told.get_string("aggregated_output"),
            code.and_then(|code| i32::try_from(code).ok()),
        ) else {
            return;
        };
        let words = told.get("command").map(|words| words.text());
        let words: Option<Value> = words.and_then(|words| serde_json::from_str(words).ok());
        let run = Run {
            command: words.and_then(|words| of_shell(&words)),
            printed: Printed {
                text: text.into_owned(),
                then: Then::Exited(code),
                is_cut: false,
            },
        };
        self.run
            .entry(id.into_owned())
            .or_default()
            .push((place, run));
    }

    /// What a call printed that was made at a place; `None` when it is not recorded or is not what a command printed.
    pub(super) fn of_call(&self, id: &str, at: Place) -> Option<Printed> {
        let told = self.told.get(id).and_then(|told| next(told, at));
        let told = told.and_then(|text| Printed::read(text));
        let run = self.run.get(id).and_then(|run| next(run, at));
        let run = run.map(|run| &run.printed);
        match (told, run) {
            // What is written down may have been cut, too, and does not say so.
            (Some(told), Some(run)) if told.is_cut && told.then == run.then => Some(run.clone()),
            (Some(told), _) => Some(told),
            (None, run) => run.cloned(),
        }
    }

    /// Whether anything is recorded of what became of a call.
    pub(super) fn has(&self, id: &str) -> bool {
        self.told.contains_key(id) || self.run.contains_key(id)
    }

    /// The commands that were run by other means than a call: by a script of the model.
    pub(super) fn of_scripts(&self, is_call: impl Fn(&str) -> bool) -> Vec<(Place, Run)> {
        let others = self.run.iter().filter(|(id, _)| !is_call(id));
        let mut found: Vec<(Place, Run)> = others.flat_map(|(_, runs)| runs.clone()).collect();
        found.sort_by_key(|(place, _)| *place);
        found
    }
}

/// The first behind a place in the same file, else the last.
fn next<T>(known: &[(Place, T)], (file, number): Place) -> Option<&T> {
    let behind = |place: &Place| place.0 == file && place.1 > number;
    let found = known.iter().find(|(place, _)| behind(place));
    found.or(known.last()).map(|(_, told)| told)
}
