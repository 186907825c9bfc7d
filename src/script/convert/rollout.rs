//! A script that plays what the model said in a session, by its rollout.

use std::io;

use serde_json::{Map, Value, json};

use super::capture::Playback;
use super::shared::{script_text, usage};
use super::unanswered::Unanswered;
use crate::json::Raw;
use crate::responses::is_call;
use crate::rollout::{
    ItemClass, RecordKind, RolloutPart, RolloutReader, RolloutRecord, RolloutSource, Version,
    classify,
};

/// Makes the text of a script, in its JSON form, that plays the responses of a session again.
///
/// A rollout holds items, not responses: the model's items up to the next token count, input or output are taken for one
/// response (token records tell in Codex 0.169, `token_count` events before, nothing in pycodex). Responses that were broken
/// off and tried again left no trace and are not played. A turn that ended without an answer gets one that ends it in the
/// same way, as far as the file tells how. Records of this file only: what a fork inherited was answered before.
///
/// # Errors
///
/// When reading fails; damaged records are left out.
pub fn script_from_rollout(source: &RolloutSource) -> io::Result<String> {
    Ok(playback_of_rollout(source)?.text)
}

/// Makes the script of [`script_from_rollout`], with what each of its steps plays.
///
/// # Errors
///
/// When reading fails; damaged records are left out.
pub fn playback_of_rollout(source: &RolloutSource) -> io::Result<Playback> {
    let mut reader = RolloutReader::new(source.open()?);
    let mut replay = Replay::default();
    while let Some(part) = reader.next_part()? {
        if let RolloutPart::Record(record) = part {
            replay.add(&record);
            replay.records += 1;
        }
    }
    replay.finish_file();
    let mut top = Map::new();
    top.insert("templates".to_owned(), false.into());
    Ok(Playback {
        text: script_text(top, replay.steps, Vec::new()),
        steps: replay.first_records,
    })
}

/// The responses found so far.
#[derive(Default)]
struct Replay {
    steps: Vec<Value>,
    /// For each step the record in which its response begins.
    first_records: Vec<usize>,
    /// Number of the record that is being read.
    records: usize,
    /// The record with the first of the items.
    first: usize,
    items: Vec<Value>,
    usage: Option<Value>,
    response_id: Option<String>,
    /// What waits for an answer of the model.
    waits: Option<Waits>,
    /// Whether something was told to the model since the last response, or a turn began.
    is_asked: bool,
    /// Whether pycodex wrote the file: neither turns nor usage have records in it.
    is_pycodex: bool,
    /// Whether turns have records of their own.
    has_turns: bool,
    /// Whether what the user says during a response cuts it (codex 0.169.0; up to 0.153.4 it waits).
    is_cut_by_user: bool,
    /// Whether the last response has no usage yet: up to codex 0.137.0 it is told behind the outputs of its calls.
    lacks_usage: bool,
    /// Whether its `session_meta` names a version of Codex that asks for remote compactions at an endpoint of their own.
    compacts_at_endpoint: bool,
    /// Whether the last token count says that the context is full, whatever was counted.
    is_full: bool,
    /// Whether the next message of the assistant is the agent's own: it sums up a review (codex 0.115.0–0.169.0).
    sums_up: bool,
}

/// Input that the model was to answer.
#[derive(Clone, Copy)]
struct Waits {
    /// The record behind it.
    record: usize,
    is_of_user: bool,
}

impl Replay {
    fn add(&mut self, record: &RolloutRecord<'_>) {
        match record.kind {
            RecordKind::SessionMeta if self.records == 0 => {
                let version = record.payload.get_string("cli_version");
                let version = version.and_then(|version| Version::parse(&version));
                let is_before = |limit| version.is_some_and(|version| version < limit);
                self.compacts_at_endpoint = is_before(STREAMED_COMPACTION);
                // pycodex 0.1.13–0.5.1 writes the offset as `+00:00`, Codex `Z`.
                let time = record.timestamp.as_deref();
                self.is_pycodex = time.is_some_and(|time| !time.ends_with('Z'));
                self.is_cut_by_user = !self.is_pycodex && !is_before(CUT_BY_USER);
            }
            RecordKind::ResponseItem => self.add_item(record.payload),
            RecordKind::TokenUsageRecord => {
                if self.usage.is_some() {
                    self.close();
                }
                self.usage = record.payload.get("usage").and_then(usage);
                let id = record.payload.get_string("response_id");
                self.response_id = id.map(|id| id.into_owned());
            }
            RecordKind::EventMsg => self.add_event(record),
            RecordKind::Compacted => {
                if self.is_pycodex {
                    self.close();
                    self.provoke_compaction();
                }
                self.add_compaction(record.payload);
                self.is_asked = true;
                if let Some(waits) = &mut self.waits {
                    waits.record = self.records + 1;
                }
            }
            _ => {}
        }
    }

    fn add_item(&mut self, item: Raw<'_>) {
        if !is_of_model(item) {
            self.close();
            self.is_asked = true;
            return self.add_input(item);
        }
        if std::mem::take(&mut self.sums_up) {
            return;
        }
        self.waits = None;
        if self.usage.is_some() {
            self.close();
        }
        let Ok(Value::Object(mut item)) = serde_json::from_str(item.text()) else {
            return;
        };
        item.shift_remove("internal_chat_message_metadata_passthrough");
        if self.items.is_empty() {
            self.first = self.records;
        }
        self.items.push(Value::Object(item));
    }

    /// What is told to the model, behind an answer of it or another input.
    fn add_input(&mut self, item: Raw<'_>) {
        let begins = |text: &str| first_text(item).is_some_and(|first| first.starts_with(text));
        let class = classify(item);
        if begins("<content_filter_guidance>") {
            // Codex 0.169.0 goes on so behind a response that a filter broke off.
            self.set_last("fault", json!({ "incomplete": "content_filter" }));
        }
        self.sums_up = begins("<user_action>");
        if !matches!(
            class,
            ItemClass::UserTurn | ItemClass::AgentTurn | ItemClass::Output
        ) || self.sums_up
        {
            return;
        }
        let is_of_user = class == ItemClass::UserTurn;
        if let Some(waits) = self.waits.filter(|waits| waits.is_of_user && is_of_user) {
            if self.is_pycodex {
                self.unanswered(waits, &Unanswered::Failed(None));
            } else if self.is_cut_by_user {
                self.unanswered(waits, &Unanswered::Interrupted);
            }
        }
        self.waits = Some(Waits {
            record: self.records + 1,
            is_of_user,
        });
    }

    /// Sets a member of the last step.
    fn set_last(&mut self, key: &str, value: Value) {
        if let Some(Value::Object(step)) = self.steps.last_mut() {
            step.insert(key.to_owned(), value);
        }
    }

    /// Makes an agent compact that wrote no usage to disk, at the moment at which it did.
    fn provoke_compaction(&mut self) {
        match self.waits {
            // It was to ask the model, and was told that the context is too long.
            Some(waits) => {
                self.unanswered(waits, &Unanswered::Overflow);
                self.waits = Some(waits);
            }
            None => self.set_last("usage", json!({ "total": FULL })),
        }
    }

    /// Plays the end of a turn that has no answer.
    fn unanswered(&mut self, waits: Waits, how: &Unanswered<'_>) {
        self.waits = None;
        self.steps.push(Value::Object(how.step()));
        self.first_records.push(waits.record);
    }

    fn end_turn(&mut self, record: &RolloutRecord<'_>, is_aborted: bool) {
        self.close();
        let Some(waits) = self.waits.take() else {
            return;
        };
        let error = record.payload.get("error");
        match (is_aborted, error) {
            // It was interrupted while a tool ran; nobody asked the model.
            (true, _) if !waits.is_of_user => {}
            (true, _) => self.unanswered(waits, &Unanswered::Interrupted),
            (false, None) if self.is_full => self.unanswered(waits, &Unanswered::Overflow),
            (false, error) => self.unanswered(waits, &Unanswered::Failed(error)),
        }
    }

    fn add_event(&mut self, record: &RolloutRecord<'_>) {
        let kind = record.payload_type();
        if kind.as_deref() == Some("token_count") {
            self.is_full = record.payload.get("info").is_some_and(is_full);
        }
        match kind.as_deref() {
            Some("token_count") => {
                let info = record.payload.get("info");
                let last = info.and_then(|info| info.get("last_token_usage"));
                let counts = last.and_then(usage);
                if !self.items.is_empty() {
                    self.usage = self.usage.take().or(counts);
                } else if let Some(counts) = counts.filter(|_| self.lacks_usage) {
                    self.set_last("usage", counts);
                    self.lacks_usage = false;
                }
            }
            Some("task_started" | "turn_started") => {
                self.close();
                self.has_turns = true;
                self.is_asked = true;
                self.waits = None;
            }
            Some("task_complete" | "turn_complete") => self.end_turn(record, false),
            Some("turn_aborted") => self.end_turn(record, true),
            _ => {}
        }
    }

    /// The compaction before this record: its summary among the items, or told only here.
    fn add_compaction(&mut self, payload: Raw<'_>) {
        let history = payload.get("replacement_history");
        let message = payload
            .get_string("message")
            .map(|message| message.into_owned())
            .filter(|message| !message.is_empty())
            .or_else(|| history.and_then(told_in_history))
            .unwrap_or_default();
        let sealed = history.and_then(|history| {
            let is_compaction = |item: &Raw<'_>| {
                item.get_string("type")
                    .is_some_and(|kind| kind.starts_with("compaction"))
            };
            history.items().filter(is_compaction).last()
        });
        let is_summary = |item: &Value| {
            let text = item.pointer("/content/0/text").and_then(Value::as_str);
            text.is_some_and(|text| !text.is_empty() && message.ends_with(text))
        };
        if !self.items.iter().any(is_summary) {
            let items: Vec<Value> = match (sealed, history) {
                (Some(_), Some(history)) if self.compacts_at_endpoint => {
                    let all = history
                        .items()
                        .filter(|item| classify(*item) != ItemClass::Context);
                    all.filter_map(|item| serde_json::from_str(item.text()).ok())
                        .collect()
                }
                (Some(sealed), _) => serde_json::from_str(sealed.text()).into_iter().collect(),
                (None, _) => summary_message(&message).into_iter().collect(),
            };
            if !self.items.is_empty() {
                self.close();
            }
            self.first = self.records;
            self.items.extend(items);
        }
        self.finish(Some(json!({ "kind": "compaction" })));
    }

    fn close(&mut self) {
        self.finish(None);
    }

    fn finish_file(&mut self) {
        self.close();
        if let Some(waits) = self.waits.take() {
            match (self.is_pycodex, self.has_turns) {
                (true, _) => self.unanswered(waits, &Unanswered::Failed(None)),
                (false, true) => self.unanswered(waits, &Unanswered::Interrupted),
                (false, false) => {}
            }
        }
    }

    fn finish(&mut self, when: Option<Value>) {
        let items = std::mem::take(&mut self.items);
        self.lacks_usage = self.usage.is_none() && (self.lacks_usage || !items.is_empty());
        let usage = self.usage.take();
        let id = self.response_id.take();
        if items.is_empty() {
            return;
        }
        let is_asked = std::mem::take(&mut self.is_asked);
        let mut step = Map::new();
        if let Some(when) = when {
            step.insert("when".to_owned(), when);
        } else if !is_asked && self.has_turns {
            // Nothing but the response itself makes Codex ask again (0.153.4, 0.169.0).
            self.set_last("end_turn", false.into());
        }
        let reply = items.into_iter().map(|item| json!({ "item": item }));
        step.insert("reply".to_owned(), reply.collect());
        if let Some(id) = id {
            step.insert("id".to_owned(), id.into());
        }
        if let Some(usage) = usage {
            step.insert("usage".to_owned(), usage);
        }
        self.steps.push(Value::Object(step));
        self.first_records.push(self.first);
    }
}

/// Whether counts were set to the size of the context, which no response said (codex 0.115.0–0.169.0).
fn is_full(info: Raw<'_>) -> bool {
    let count = |of: &str, key: &str| info.get(of)?.get(key)?.unsigned();
    let window = info.get("model_context_window").and_then(Raw::unsigned);
    let total = count("total_token_usage", "total_tokens");
    window.is_some() && total == window && count("last_token_usage", "output_tokens") == Some(0)
}

/// The text of the first part of a message.
fn first_text(item: Raw<'_>) -> Option<String> {
    let part = item.get("content")?.items().next()?;
    part.get_string("text").map(|text| text.into_owned())
}

/// Whether the model made an item.
fn is_of_model(item: Raw<'_>) -> bool {
    let kind = item.get_string("type").unwrap_or_default();
    match kind.as_ref() {
        "message" | "" => item
            .get_string("role")
            .is_some_and(|role| role == "assistant"),
        "reasoning" | "compaction" | "context_compaction" => true,
        kind => is_call(kind),
    }
}

/// The version since when Codex gets a remote compaction as a stream with one item; before, the whole new history (seen in
/// 0.137.0 and 0.153.4; the middle is taken).
const STREAMED_COMPACTION: Version = Version(0, 145, 0);

/// The version since when what the user says during a response cuts it (seen in 0.153.4 and 0.169.0; the middle is taken).
const CUT_BY_USER: Version = Version(0, 160, 0);

/// More tokens than any context holds: makes an agent compact that wrote no usage to disk.
const FULL: u64 = 10_000_000;

/// How the words begin that introduce a summary (codex 0.115.0–0.169.0, pycodex 0.1.13–0.5.1).
const INTRODUCTION: &str = "Another language model started";
/// What pycodex 0.3.3–0.5.1 adds to a summary.
const SESSION_FILE: &str = "\n\nCurrent session file: ";

/// The introduced summary in a new history; pycodex 0.1.13 writes it nowhere else.
fn told_in_history(history: Raw<'_>) -> Option<String> {
    let text = |item: Raw<'_>| {
        let part = item.get("content")?.items().next()?;
        part.get_string("text").map(|text| text.into_owned())
    };
    let texts = history.items().filter_map(text);
    texts.filter(|text| text.starts_with(INTRODUCTION)).last()
}

/// The summary behind the words that introduce it, and before what the agent adds.
fn summary_message(message: &str) -> Option<Value> {
    let summary = match message.split_once('\n') {
        Some((first, rest)) if first.starts_with(INTRODUCTION) => rest,
        _ => message,
    };
    let summary = summary
        .split_once(SESSION_FILE)
        .map_or(summary, |(before, _)| before);
    (!summary.is_empty()).then(|| {
        json!({
            "type": "message",
            "role": "assistant",
            "content": [{ "type": "output_text", "text": summary }],
        })
    })
}
