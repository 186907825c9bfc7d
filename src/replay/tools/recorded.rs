//! The calls of a recorded session with what each of them printed.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::calls::{Asks, Call, calls_of};
use super::outputs::{Outputs, Place, Run};
use super::printed::{Printed, Then};
use crate::replay::expected::Expected;
use crate::replay::recording::{Recording, RecordingKind};

/// What the calls of each response printed.
#[derive(Debug, Default)]
pub(in crate::replay) struct RecordedCalls {
    pub(super) steps: Vec<StepCalls>,
}

/// The calls of one response.
#[derive(Debug, Default)]
pub(super) struct StepCalls {
    pub(super) calls: Vec<(Call, Told)>,
    /// Commands that a script of the model ran.
    pub(super) of_scripts: Vec<Run>,
}

/// What is recorded of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    Printed(Printed),
    /// Nothing, for the recording ends while it runs.
    Unfinished,
    /// Something else than what a command printed, or nothing.
    Otherwise,
}

impl RecordedCalls {
    /// Gathers the calls of the steps of a script, the text of which is given.
    pub(in crate::replay) fn of(recording: &Recording, expected: &Expected, text: &str) -> Self {
        let script: Value = serde_json::from_str(text).unwrap_or_default();
        let steps = script.get("step").and_then(Value::as_array);
        let found: Vec<Vec<Call>> = steps.into_iter().flatten().map(calls_of).collect();
        let places: Vec<Place> = (0..found.len()).map(|step| expected.place(step)).collect();
        let outputs = match (&recording.kind, expected) {
            (RecordingKind::Rollouts(sources), _) => Outputs::of_rollouts(sources),
            (_, Expected::Requests { requests, .. }) => Outputs::of_requests(requests),
            (RecordingKind::Capture(_), Expected::Inputs(_)) => Outputs::default(),
        };
        let last = places.iter().max().copied();
        let ids: HashSet<&str> = found
            .iter()
            .flatten()
            .map(|call| call.id.as_str())
            .collect();
        let scripts = outputs.of_scripts(|id| ids.contains(id));
        let told = |call: &Call, at: Place| match outputs.of_call(&call.id, at) {
            Some(printed) => Told::Printed(printed),
            None if Some(at) == last && !outputs.has(&call.id) => Told::Unfinished,
            None => Told::Otherwise,
        };
        let mut steps: Vec<StepCalls> = Vec::new();
        for (calls, at) in found.iter().zip(&places) {
            let calls = calls.iter().map(|call| (call.clone(), told(call, *at)));
            steps.push(StepCalls {
                calls: calls.collect(),
                of_scripts: Vec::new(),
            });
        }
        for (place, run) in scripts {
            // The response before it, which held the script.
            let before = places.iter().enumerate();
            let before = before.filter(|(_, at)| at.0 == place.0 && at.1 <= place.1);
            if let Some((step, _)) = before.max_by_key(|(_, at)| **at) {
                steps[step].of_scripts.push(run);
            }
        }
        Self { steps }
    }

    /// The calls that an agent carries out itself, as names with how many there are.
    pub(in crate::replay) fn carried_out(&self) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for (call, _) in self.steps.iter().flat_map(|step| &step.calls) {
            let name = match call.asks(&call.arguments) {
                // Codex looks for it in commands, and applies it itself.
                Asks::Command(command) if command.contains("apply_patch") => "apply_patch",
                Asks::Nothing if !is_inward(&call.name) => &call.name,
                _ => continue,
            };
            *found.entry(name.to_owned()).or_default() += 1;
        }
        found
    }

    /// How many outputs can't be told as they were, for their middle was cut out.
    pub(in crate::replay) fn cut(&self) -> usize {
        let calls = self.steps.iter().flat_map(|step| &step.calls);
        let is_cut = |told: &Told| matches!(told, Told::Printed(printed) if printed.is_cut);
        calls.filter(|(_, told)| is_cut(told)).count()
    }

    /// How many calls run scripts whose commands were not recorded one by one.
    pub(in crate::replay) fn scripts(&self) -> usize {
        let is_script = |call: &Call| call.name == "exec" || call.name == "container.exec_script";
        let steps = self.steps.iter().filter(|step| step.of_scripts.is_empty());
        let calls = steps.flat_map(|step| &step.calls);
        calls.filter(|(call, _)| is_script(call)).count()
    }

    /// The texts that commands printed: names in them may be this run's.
    pub(in crate::replay) fn texts(&self) -> impl Iterator<Item = &str> {
        let told = self.steps.iter().flat_map(|step| &step.calls);
        let told = told.filter_map(|(_, told)| match told {
            Told::Printed(printed) => Some(printed.text.as_str()),
            _ => None,
        });
        let scripts = self.steps.iter().flat_map(|step| &step.of_scripts);
        told.chain(scripts.map(|run| run.printed.text.as_str()))
    }
}

impl StepCalls {
    /// What each command of the response gets.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.of_scripts.is_empty()
    }
}

/// Whether a tool touches nothing but the agent itself.
fn is_inward(name: &str) -> bool {
    matches!(
        name,
        "update_plan" | "request_user_input" | "write_stdin" | "tool_search" | "exec" | "wait"
    ) || name.ends_with("_agent")
        || name.ends_with("_goal")
}

impl Told {
    /// What to say of a command that was not recorded is the shell's business.
    pub(super) fn printed(&self) -> Option<Printed> {
        match self {
            Told::Printed(printed) => Some(printed.clone()),
            Told::Unfinished => Some(Printed {
                text: String::new(),
                then: Then::Interrupted,
                is_cut: false,
            }),
            Told::Otherwise => None,
        }
    }
}
