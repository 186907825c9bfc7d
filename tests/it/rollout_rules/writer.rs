//! Writes small rollouts and says in short what would be sent of them.

use serde_json::{Value, json};
use trace_diff::rollout::{Lineage, Prediction, RolloutSource, Rules, predict_resume};

pub(super) const ALL: [&str; 5] = ["0.115.0", "0.125.0", "0.137.0", "0.153.4", "0.169.0"];
pub(super) const OLD: [&str; 3] = ["0.115.0", "0.125.0", "0.137.0"];
pub(super) const NEW: [&str; 2] = ["0.153.4", "0.169.0"];

/// Writes a rollout without ordinals.
pub(super) struct Writer {
    pub(super) lines: Vec<Value>,
    turns: usize,
}

impl Writer {
    pub(super) fn new() -> Self {
        let mut new = Self {
            lines: Vec::new(),
            turns: 0,
        };
        new.add(
            "session_meta",
            json!({"id": "t", "cli_version": "0.115.0", "base_instructions": {"text": "Be good."}}),
        );
        new
    }

    pub(super) fn add(&mut self, kind: &str, payload: Value) -> &mut Self {
        let record =
            json!({"timestamp": "2026-11-21T02:12:52.260Z", "type": kind, "payload": payload});
        self.lines.push(record);
        self
    }

    pub(super) fn item(&mut self, item: Value) -> &mut Self {
        self.add("response_item", item)
    }

    pub(super) fn say(&mut self, role: &str, text: &str) -> &mut Self {
        self.item(message(role, text))
    }

    pub(super) fn context(&mut self) -> &mut Self {
        self.say(
            "developer",
            "<permissions instructions>\nAll.\n</permissions instructions>",
        )
        .say("user", "<environment_context>\n</environment_context>")
    }

    pub(super) fn start(&mut self) -> &mut Self {
        self.turns += 1;
        self.event(json!({"type": "task_started", "turn_id": self.turns.to_string()}))
    }

    pub(super) fn end(&mut self) -> &mut Self {
        self.event(json!({"type": "task_complete", "turn_id": self.turns.to_string()}))
    }

    pub(super) fn event(&mut self, event: Value) -> &mut Self {
        self.add("event_msg", event)
    }

    /// A turn with an answer and, before it, these items.
    pub(super) fn turn(&mut self, text: &str, items: &[Value]) -> &mut Self {
        self.start().say("user", text);
        for item in items {
            self.item(item.clone());
        }
        self.say("assistant", &format!("to {text}")).end()
    }

    /// A turn that compacts the history to these user messages.
    pub(super) fn compact(&mut self, kept: &[&str]) -> &mut Self {
        let kept: Vec<Value> = kept.iter().map(|text| message("user", text)).collect();
        self.start()
            .add(
                "compacted",
                json!({"message": "S", "replacement_history": kept}),
            )
            .end()
    }

    pub(super) fn roll_back(&mut self, turns: u32) -> &mut Self {
        self.event(json!({"type": "thread_rolled_back", "num_turns": turns}))
    }

    pub(super) fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    pub(super) fn predict(&self, version: &str) -> Prediction {
        predict(&self.text(), version)
    }

    pub(super) fn check(&self, versions: &[&str], expect: &[&str]) {
        for version in versions {
            assert_eq!(labels(&self.predict(version)), expect, "{version}");
        }
    }
}

pub(super) fn message(role: &str, text: &str) -> Value {
    let kind = if role == "assistant" {
        "output_text"
    } else {
        "input_text"
    };
    json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]})
}

pub(super) fn call(call_id: &str) -> Value {
    json!({"type": "function_call", "name": "f", "arguments": "{}", "call_id": call_id})
}

pub(super) fn output(call_id: &str, text: &str) -> Value {
    json!({"type": "function_call_output", "call_id": call_id, "output": text})
}

fn predict(text: &str, version: &str) -> Prediction {
    let source = RolloutSource::memory("rollout.jsonl", text.as_bytes().to_vec());
    let lineage = Lineage::read(source, |_| None).unwrap();
    predict_resume(&lineage, None, &Rules::named(Some(version))).unwrap()
}

/// Items in short: role and text of messages, type and call of others.
pub(super) fn labels(prediction: &Prediction) -> Vec<String> {
    let items = prediction.items.iter();
    items
        .map(|item| label(&serde_json::from_str(&item.text).unwrap()))
        .collect()
}

fn label(item: &Value) -> String {
    let word = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
    if item["type"] != "message" {
        let output = item["output"].as_str().unwrap_or_default();
        return format!("{} {} {output}", word("type"), word("call_id"))
            .trim_end()
            .to_owned();
    }
    let content = item["content"].as_array().unwrap();
    let texts: Vec<&str> = content
        .iter()
        .filter_map(|part| part["text"].as_str())
        .collect();
    let text = texts.join("|");
    let short = text.split(['\n', '>']).next().unwrap_or_default();
    format!(
        "{}: {}",
        word("role"),
        short.chars().take(20).collect::<String>()
    )
}
