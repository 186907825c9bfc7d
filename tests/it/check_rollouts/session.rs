//! A made-up session as an agent would leave it: what it sent and got, and what it wrote to disk.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use trace_diff::capture::read_capture_bytes;
use trace_diff::check::{RolloutCheck, check_rollouts};

pub(crate) const THREAD: &str = "01a1fbdd-ec4e-7ac1-b606-d683ae6b8ffd";

/// Whose habits the session has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Codex 0.137.0: no ids, token counts.
    Old,
    /// Codex 0.169.0: ids, base instructions as an item, usage records, windows.
    New,
    /// pycodex 0.5.1: contexts are built for each request, nothing but items on disk.
    Pycodex,
}

/// The session as JSON.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) style: Style,
    pub(crate) exchanges: Vec<Value>,
    pub(crate) records: Vec<Value>,
    history: Vec<Value>,
    turn: usize,
    window: usize,
    ids: usize,
}

impl Session {
    fn new(style: Style) -> Self {
        let mut new = Self {
            style,
            exchanges: Vec::new(),
            records: Vec::new(),
            history: Vec::new(),
            turn: 0,
            window: 0,
            ids: 0,
        };
        let version = match style {
            Style::Old => "0.137.0",
            Style::New => "0.169.0",
            Style::Pycodex => "0.153.4",
        };
        let mut meta =
            json!({"id": THREAD, "cwd": "/w", "cli_version": version, "model_provider": "fake"});
        if style == Style::New {
            meta["session_id"] = json!(THREAD);
            meta["context_window"] = json!({"window_id": "window-0"});
        }
        new.record("session_meta", meta);
        new
    }

    /// Two turns: parallel calls and an answer; a compaction, a custom call, an answer.
    pub(crate) fn two_turns(style: Style) -> Self {
        let mut new = Self::new(style);
        new.begin_turn();
        new.context();
        new.user("List the files.");
        new.request(
            "turn",
            vec![
                json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA-one"}),
                call("1", "ls"),
                call("2", "pwd"),
            ],
        );
        new.output("1", "a.txt");
        new.output("2", "/w");
        new.request("turn", vec![message("msg_1", "Two lines.")]);
        new.end_turn();
        new.begin_turn();
        new.compaction("The user listed files.");
        new.user("Write one.");
        let patch = json!({"type": "custom_tool_call", "id": "ctc_1", "status": "completed", "call_id": "call_3",
            "name": "apply_patch", "input": "*** Begin Patch"});
        new.request("turn", vec![patch]);
        new.item(json!({"type": "custom_tool_call_output", "call_id": "call_3", "output": "Done"}));
        new.request("turn", vec![message("msg_2", "Written.")]);
        new.end_turn();
        new
    }

    fn record(&mut self, kind: &str, payload: Value) {
        let time = match self.style {
            Style::Pycodex => "2026-11-21T02:15:37.198+00:00",
            _ => "2026-11-21T02:15:37.198Z",
        };
        self.records
            .push(json!({"timestamp": time, "type": kind, "payload": payload}));
    }

    fn event(&mut self, payload: Value) {
        if self.style != Style::Pycodex {
            self.record("event_msg", payload);
        }
    }

    fn turn_id(&self) -> String {
        format!("turn-{}", self.turn)
    }

    fn begin_turn(&mut self) {
        self.turn += 1;
        let turn = self.turn_id();
        self.event(json!({"type": "task_started", "turn_id": turn}));
    }

    fn end_turn(&mut self) {
        let turn = self.turn_id();
        self.event(json!({"type": "task_complete", "turn_id": turn}));
    }

    /// Puts an item into the history and on disk.
    fn item(&mut self, mut item: Value) {
        self.adopt(&mut item);
        self.history.push(item.clone());
        self.record("response_item", item);
    }

    /// Gives an item the members that the version keeps.
    fn adopt(&mut self, item: &mut Value) {
        let members = item.as_object_mut().expect("items are objects");
        match self.style {
            Style::New if !members.contains_key("id") => {
                self.ids += 1;
                members.insert("id".into(), json!(format!("own_{}", self.ids)));
            }
            Style::Old => {
                members.remove("id");
                members.remove("status");
            }
            _ => {}
        }
    }

    fn context(&mut self) {
        if self.style != Style::Pycodex {
            self.item(text(
                "developer",
                "<permissions instructions>\nAll.\n</permissions instructions>",
            ));
            self.item(text(
                "user",
                "<environment_context>\n</environment_context>",
            ));
        }
    }

    fn user(&mut self, words: &str) {
        self.item(text("user", words));
        if self.style != Style::New {
            self.record(
                "event_msg",
                json!({"type": "user_message", "message": words}),
            );
        }
    }

    fn output(&mut self, call: &str, output: &str) {
        let call = format!("call_{call}");
        self.item(json!({"type": "function_call_output", "call_id": call, "output": output}));
    }

    /// The items before the history, which are not on disk.
    fn prompt_only(&self) -> Vec<Value> {
        match self.style {
            Style::Old => vec![],
            Style::New => {
                let mut base = text("developer", "You are an agent.");
                base["id"] = json!("msg_eb2bb95e-3e72-5947-95b7-2cecb13b299a");
                vec![base]
            }
            Style::Pycodex => vec![
                text(
                    "developer",
                    "<permissions instructions>\nAll.\n</permissions instructions>",
                ),
                text("user", "<environment_context>\n</environment_context>"),
            ],
        }
    }

    /// Sends the history and takes what the response delivers.
    fn request(&mut self, kind: &str, delivered: Vec<Value>) {
        let number = self.exchanges.len();
        let mut input = self.prompt_only();
        input.extend(self.history.clone());
        if kind == "compaction" {
            input.push(text(
                "user",
                "You are performing a CONTEXT CHECKPOINT COMPACTION. Sum up.",
            ));
        }
        let metadata = json!({"turn_id": self.turn_id(), "session_id": THREAD, "request_kind": kind,
            "context_window_id": format!("window-{}", self.window)});
        let agent = if self.style == Style::Old {
            "0.137.0"
        } else {
            "0.169.0"
        };
        let headers = json!([
            ["session_id", THREAD],
            ["user-agent", format!("codex_exec/{agent} (x)")],
            ["x-codex-turn-metadata", metadata.to_string()]
        ]);
        let usage = json!({"input_tokens": 100 + number, "input_tokens_details": {"cached_tokens": 1}, "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 105 + number});
        let id = format!("resp_{number}");
        let mut events: Vec<Value> = delivered
            .iter()
            .map(|item| json!({"type": "response.output_item.done", "item": item}))
            .collect();
        events.push(json!({"type": "response.completed", "response": {"id": id, "usage": usage}}));
        let events: Vec<Value> = events
            .into_iter()
            .map(|data| json!({"at_ms": 1, "event": data["type"], "data": data}))
            .collect();
        self.exchanges.push(json!({
            "format": "raw-exchange/1", "seq": number + 1, "conn": number, "conn_request": 1, "transport": "http",
            "started_ms": number, "request_done_ms": number, "method": "POST", "path": "/v1/responses",
            "http_version": "HTTP/1.1",
            "request": {"headers": headers, "body_kind": "json-compact", "body": {"model": "m", "input": input}},
            "response": {"status": 200, "headers": [], "events": events, "ended": "complete"}}));
        self.take(kind, delivered);
        self.write_usage(&id, number);
    }

    fn take(&mut self, kind: &str, delivered: Vec<Value>) {
        for mut item in delivered {
            self.adopt(&mut item);
            if kind == "turn" {
                self.history.push(item.clone());
            }
            if kind == "turn" || self.style != Style::Pycodex {
                self.record("response_item", item);
            }
        }
    }

    fn write_usage(&mut self, response: &str, number: usize) {
        let usage = json!({"input_tokens": 100 + number, "cached_input_tokens": 1, "output_tokens": 5,
            "reasoning_output_tokens": 2, "total_tokens": 105 + number});
        if self.style == Style::New {
            let turn = self.turn_id();
            self.record(
                "token_usage_record",
                json!({"turn_id": turn, "response_id": response, "usage": usage}),
            );
        }
        self.event(json!({"type": "token_count", "info": {"last_token_usage": usage}}));
    }

    fn compaction(&mut self, summary: &str) {
        self.request("compaction", vec![message("msg_s", summary)]);
        self.window += 1;
        let mut kept = vec![];
        if self.style != Style::Pycodex {
            kept.push(text("user", "List the files."));
        }
        let message = format!("Another language model started to solve this problem.\n{summary}");
        kept.push(text("user", &message));
        kept.iter_mut().for_each(|item| self.adopt(item));
        self.history.clone_from(&kept);
        let mut payload = json!({"message": message, "replacement_history": kept});
        if self.style == Style::New {
            payload["window_id"] = json!(format!("window-{}", self.window));
        }
        self.record("compacted", payload);
    }

    /// What is found, over the files of this session.
    pub(crate) fn check(&self) -> RolloutCheck {
        let dir = TempDir::new().unwrap();
        let path = self.write_rollout(&dir);
        check_rollouts(&self.capture(), &[path]).unwrap()
    }

    /// The capture.
    pub(crate) fn capture(&self) -> trace_diff::Capture {
        read_capture_bytes("capture.jsonl", lines(&self.exchanges).into_bytes()).unwrap()
    }

    /// Writes the rollout under its name.
    pub(crate) fn write_rollout(&self, dir: &TempDir) -> PathBuf {
        let name = format!("rollout-2026-11-21T02-09-47-{THREAD}.jsonl");
        let path = dir.path().join(name);
        std::fs::write(&path, lines(&self.records)).unwrap();
        path
    }

    /// The number of the only record whose text holds `part`.
    pub(crate) fn find_record(&self, part: &str) -> usize {
        let mut found = (0..self.records.len()).filter(|at| {
            self.records[*at]["type"] == "response_item"
                && self.records[*at]["payload"].to_string().contains(part)
        });
        let first = found
            .next()
            .unwrap_or_else(|| panic!("no record holds {part}"));
        assert_eq!(found.next(), None, "several records hold {part}");
        first
    }

    /// The number of the only record of a type.
    pub(crate) fn record_of_type(&self, kind: &str) -> usize {
        let is_it = |record: &Value| record["type"] == kind;
        self.records.iter().position(is_it).expect("it has one")
    }

    /// The input of a request.
    pub(crate) fn input(&mut self, exchange: usize) -> &mut Vec<Value> {
        self.exchanges[exchange]["request"]["body"]["input"]
            .as_array_mut()
            .expect("inputs are lists")
    }

    /// The events of a response.
    pub(crate) fn events(&mut self, exchange: usize) -> &mut Vec<Value> {
        self.exchanges[exchange]["response"]["events"]
            .as_array_mut()
            .expect("events are lists")
    }
}

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

fn call(number: &str, command: &str) -> Value {
    json!({"type": "function_call", "id": format!("fc_{number}"), "status": "completed", "name": "exec_command",
        "arguments": json!({"cmd": command}).to_string(), "call_id": format!("call_{number}")})
}

pub(crate) fn message(id: &str, words: &str) -> Value {
    json!({"type": "message", "id": id, "role": "assistant", "content": [{"type": "output_text", "text": words}]})
}

pub(crate) fn text(role: &str, words: &str) -> Value {
    json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": words}]})
}
