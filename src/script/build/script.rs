//! The script as a whole.

use serde_json::{Map, Value, json};

use super::{StepBuilder, forms};
use crate::script::ScriptError;
use crate::script::model::{Deltas, Rest, Script, Usage, WebSocketPolicy};

/// A script that is being written; begin with [`Script::builder`]. Each method sets a key that `docs/script.md` lists
/// for the script as a whole.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ScriptBuilder {
    members: Map<String, Value>,
    steps: Vec<StepBuilder>,
    defaults: Vec<StepBuilder>,
}

impl Script {
    /// Begins a script without steps.
    pub fn builder() -> ScriptBuilder {
        ScriptBuilder::default()
    }
}

impl ScriptBuilder {
    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.members.insert(key.to_owned(), value.into());
        self
    }

    /// Adds a step.
    pub fn step(mut self, step: StepBuilder) -> Self {
        self.steps.push(step);
        self
    }

    /// Adds steps.
    pub fn steps(mut self, steps: impl IntoIterator<Item = StepBuilder>) -> Self {
        self.steps.extend(steps);
        self
    }

    /// Adds an answer for what no step is for. It needs a [`when`](StepBuilder::when).
    pub fn default_step(mut self, step: StepBuilder) -> Self {
        self.defaults.push(step);
        self
    }

    /// Sets the name, for people.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with("name", name.into())
    }

    /// Sets the model that responses name; by default the one asked for.
    pub fn model(self, model: impl Into<String>) -> Self {
        self.with("model", model.into())
    }

    /// Sets where chance begins.
    pub fn seed(self, seed: u64) -> Self {
        self.with("seed", seed)
    }

    /// Refuses what the real API refuses.
    pub fn strict_api(self) -> Self {
        self.with("strict_api", true)
    }

    /// Sets how many tokens a request may hold before a strict server refuses it.
    pub fn token_budget(self, tokens: u64) -> Self {
        self.with("token_budget", tokens)
    }

    /// Adds a header field to every answer that a step or default gives.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let all = self.members.entry("headers").or_insert_with(|| json!([]));
        if let Value::Array(all) = all {
            all.push(json!([name.into(), value.into()]));
        }
        self
    }

    /// Says how texts are cut into deltas where a step does not.
    pub fn deltas(self, deltas: Deltas) -> Self {
        self.with("deltas", forms::deltas(deltas))
    }

    /// Sets the counts of tokens where a step does not; a number is the total.
    pub fn usage(self, usage: impl Into<Usage>) -> Self {
        self.with("usage", forms::usage(usage.into()))
    }

    /// Says whether every event goes out by itself where a step does not.
    pub fn flush(self, is_flushed: bool) -> Self {
        self.with("flush", is_flushed)
    }

    /// Says whether `{{name}}` is replaced where a step does not.
    pub fn templates(self, are_filled: bool) -> Self {
        self.with("templates", are_filled)
    }

    /// Says how WebSocket upgrades are answered when no step is for them.
    pub fn websocket(self, policy: WebSocketPolicy) -> Self {
        match policy {
            WebSocketPolicy::Accept => self.with("websocket", true),
            WebSocketPolicy::Refuse {
                status,
                times: None,
            } => self.with("websocket", json!({ "refuse": status })),
            WebSocketPolicy::Refuse { status, times } => {
                self.with("websocket", json!({ "refuse": status, "times": times }))
            }
        }
    }

    /// Says what a request to the model gets when the steps are used up.
    pub fn rest(self, rest: Rest) -> Self {
        let word = match rest {
            Rest::Violation => "violation",
            Rest::Ok => "ok",
        };
        self.with("rest", word)
    }

    /// The script as a file would have it, in JSON, a line for each step.
    pub fn to_json(&self) -> String {
        let mut text = "{\"version\":1".to_owned();
        for (key, value) in &self.members {
            text.push_str(&format!(",\n{}:{value}", Value::from(key.as_str())));
        }
        for (key, steps) in [("step", &self.steps), ("default", &self.defaults)] {
            if !steps.is_empty() {
                let lines: Vec<String> = steps
                    .iter()
                    .map(|step| Value::from(step.members.clone()).to_string())
                    .collect();
                text.push_str(&format!(",\n\"{key}\":[\n{}]", lines.join(",\n")));
            }
        }
        text.push_str("}\n");
        text
    }

    /// Makes the script.
    ///
    /// # Errors
    ///
    /// As [`Script::parse`], with positions in the text of [`to_json`](Self::to_json) and the lines in which steps are
    /// written.
    pub fn build(self) -> Result<Script, ScriptError> {
        let mut script = Script::parse("", &self.to_json()).map_err(|error| self.placed(error))?;
        let file = |steps: &[StepBuilder]| steps.first().map(|step| step.place.file());
        let file = file(&self.steps).or_else(|| file(&self.defaults));
        script.path = file.unwrap_or_default().to_owned();
        let built = self.steps.iter().chain(&self.defaults);
        let played = script.steps.iter_mut().chain(&mut script.defaults);
        for (built, played) in built.zip(played) {
            played.line = match Some(built.place.file()) == file {
                true => built.place.line() as usize,
                false => 0,
            };
        }
        Ok(script)
    }

    /// Adds to each problem of a step where the step is written.
    fn placed(&self, mut error: ScriptError) -> ScriptError {
        for problem in &mut error.problems {
            if let Some(step) = self.step_in_line(problem.line) {
                problem.message = format!("{} (step of {})", problem.message, step.place);
            }
        }
        error
    }

    /// The step that stands in a line of the JSON text, counted from 1.
    fn step_in_line(&self, line: usize) -> Option<&StepBuilder> {
        let mut head = 1 + self.members.len();
        for steps in [&self.steps, &self.defaults] {
            if steps.is_empty() {
                continue;
            }
            head += 1;
            let index = line.checked_sub(head + 1)?;
            if let Some(step) = steps.get(index) {
                return Some(step);
            }
            head += steps.len();
        }
        None
    }
}
