//! Events of a rollout: what they say of turns and calls.

use std::borrow::Cow;

use crate::json::{Kind, Raw};
use crate::rollout::RolloutRecord;

use super::item::owned;
use super::model::{End, EndKind, What};
use super::rollout_thread::RolloutThread;
use super::text::Text;

impl RolloutThread {
    pub(super) fn event(&mut self, record: &RolloutRecord<'_>) {
        let payload = record.payload;
        let kind = payload.get_string("type").unwrap_or_default();
        match kind.as_ref() {
            "task_started" | "turn_started" => {
                self.conclude_turn(EndKind::Unanswered);
                self.begin_turn(owned(payload, "turn_id"), Self::time(record), true);
                let window = payload.get("model_context_window").and_then(Raw::unsigned);
                if let Some(turn) = self.builder.turn() {
                    turn.context_window = window;
                }
            }
            "task_complete" | "turn_complete" => self.turn_complete(payload),
            "turn_aborted" => self.turn_aborted(payload),
            "token_count" => self.token_count(payload),
            "thread_rolled_back" => self.roll_back(record),
            "user_message" => {
                let text = self.text(payload, "message");
                self.user_event(record, text);
            }
            "item_completed" => self.item_completed(record),
            "exec_command_end" | "patch_apply_end" | "mcp_tool_call_end" => self.call_end(payload),
            "entered_review_mode" => self.review_begin(record, payload),
            "exited_review_mode" => self.review_end(record, payload),
            "error" | "stream_error" | "warning" => {
                let what = What::Error {
                    message: self.text(payload, "message"),
                    code: owned(payload, "codex_error_info"),
                    is_terminal: false,
                };
                self.push(record, what);
            }
            "thread_goal_updated" => {
                let text = self.texts.make(payload.text());
                self.push_event(record, "goal", text);
            }
            "sub_agent_activity" => {
                let text = self.texts.make(payload.text());
                self.push_event(record, "sub-agent", text);
            }
            kind if repeats_items(kind) => {}
            kind => {
                let what = What::Unknown {
                    what: "event",
                    name: kind.to_owned(),
                    raw: self.texts.make(payload.text()),
                };
                self.push(record, what);
            }
        }
    }

    fn turn_complete(&mut self, payload: Raw<'_>) {
        let answer = self.text(payload, "last_agent_message");
        let duration = payload.get("duration_ms").and_then(Raw::number);
        let error = payload.get("error").filter(|error| !error.is_null());
        let end = match error {
            None if answer.is_empty() && self.is_unanswered() => End::plain(EndKind::Unanswered),
            None => End::plain(EndKind::Completed),
            Some(error) => End {
                kind: EndKind::Failed,
                message: Some(match error.kind() {
                    Kind::Object => self.text(error, "message"),
                    _ => self.texts.make_raw(error),
                }),
                code: error_code(error),
            },
        };
        if let Some(turn) = self.builder.turn()
            && !answer.is_empty()
        {
            turn.answer = Some(answer);
        }
        self.end_turn(end, duration);
    }

    fn turn_aborted(&mut self, payload: Raw<'_>) {
        let reason = owned(payload, "reason").unwrap_or_default();
        let duration = payload.get("duration_ms").and_then(Raw::number);
        let end = match reason.as_str() {
            "interrupted" => End::plain(EndKind::Interrupted),
            _ => End {
                kind: EndKind::Aborted,
                message: Some(self.texts.make(&reason)),
                code: None,
            },
        };
        self.end_turn(end, duration);
    }

    /// A message of the user told by an event; most stand as items beside it.
    fn user_event(&mut self, record: &RolloutRecord<'_>, text: Text) {
        if !text.is_empty() && !self.has_told(&text) {
            self.push(record, What::User { text });
        }
    }

    /// What an event says of how a call ended.
    fn call_end(&mut self, item: Raw<'_>) {
        let (mut id, mut duration, mut exit_code, mut status) = (None, None, None, None);
        for (key, value) in item.members() {
            match key.as_ref() {
                "call_id" => id = value.string(),
                "id" => id = id.or_else(|| value.string()),
                "duration" => duration = duration_ms(value),
                "exit_code" => exit_code = value.signed(),
                "status" => status = value.string().filter(|status| status != "completed"),
                "success" if value.boolean() == Some(false) => {
                    status = status.or(Some("failed".into()));
                }
                _ => {}
            }
        }
        let Some(call) = id.and_then(|id| self.builder.waiting_call(&id)) else {
            return;
        };
        // Where the tool itself tells a longer time it knows better: the event may only tell of the start.
        call.duration_ms = duration.filter(|ms| *ms >= 1.0).or(call.duration_ms);
        call.exit_code = exit_code.or(call.exit_code);
        call.status = status.map(Cow::into_owned).or(call.status.take());
    }

    /// `item_completed` (codex 0.153 and later): what faces show; most of it stands in items beside it.
    fn item_completed(&mut self, record: &RolloutRecord<'_>) {
        let Some(item) = record.payload.get("item") else {
            return;
        };
        let kind = item.get_string("type").unwrap_or_default();
        match kind.as_ref() {
            "CommandExecution" | "FileChange" | "McpToolCall" => self.call_end(item),
            "UserMessage" => {
                let mut joined = self.texts.joined();
                let parts = item.get("content").into_iter().flat_map(Raw::items);
                parts
                    .filter_map(|part| part.get("text"))
                    .for_each(|text| joined.add(text));
                let text = self.texts.finish(joined);
                self.user_event(record, text);
            }
            "Plan" => {
                let text = self.text(item, "text");
                self.push_event(record, "plan", text);
            }
            "EnteredReviewMode" => self.review_begin(record, item),
            "ExitedReviewMode" => self.review_end(record, item),
            "SubAgentActivity" => {
                let text = self.texts.make(item.text());
                self.push_event(record, "sub-agent", text);
            }
            "AgentMessage"
            | "Reasoning"
            | "WebSearch"
            | "ImageView"
            | "ImageGeneration"
            | "ContextCompaction"
            | "CollabAgentToolCall"
            | "DynamicToolCall" => {}
            kind => {
                let what = What::Unknown {
                    what: "event",
                    name: format!("item_completed {kind}"),
                    raw: self.texts.make(item.text()),
                };
                self.push(record, what);
            }
        }
    }

    fn review_begin(&mut self, record: &RolloutRecord<'_>, payload: Raw<'_>) {
        let hint = self.text(payload, "user_facing_hint");
        self.push_event(record, "review", hint);
    }

    fn review_end(&mut self, record: &RolloutRecord<'_>, payload: Raw<'_>) {
        let output = payload.get("review_output");
        let findings = output.and_then(|output| output.get("findings"));
        let count = findings.map_or(0, |findings| findings.items().count());
        let verdict = output.and_then(|output| owned(output, "overall_correctness"));
        let text = format!(
            "{count} findings{}",
            verdict.map_or(String::new(), |verdict| format!(", {verdict}"))
        );
        let text = self.texts.make(&text);
        self.push_event(record, "review", text);
    }
}

/// Whether an event only repeats what items, or other events, say: for faces that show the session live.
fn repeats_items(kind: &str) -> bool {
    matches!(
        kind,
        "agent_message"
            | "agent_reasoning"
            | "agent_reasoning_raw_content"
            | "context_compacted"
            | "thread_settings_applied"
            | "web_search_end"
            | "view_image_tool_call"
            | "image_generation_end"
            | "session_configured"
            | "raw_response_item"
            | "item_started"
            | "exec_command_begin"
            | "patch_apply_begin"
            | "mcp_tool_call_begin"
            | "web_search_begin"
    ) || kind.ends_with("_delta")
}

/// The code of the error that ended a turn: a word, or the first key of an object.
fn error_code(error: Raw<'_>) -> Option<String> {
    let info = error.get("codex_error_info")?;
    match info.string() {
        Some(word) => Some(word.into_owned()),
        None => info.members().next().map(|(key, _)| key.into_owned()),
    }
}

/// A duration as `{"secs":0,"nanos":5330}`, in milliseconds.
fn duration_ms(duration: Raw<'_>) -> Option<f64> {
    let secs = duration.get("secs").and_then(Raw::number)?;
    let nanos = duration.get("nanos").and_then(Raw::number).unwrap_or(0.0);
    Some(secs * 1000.0 + nanos / 1_000_000.0)
}
