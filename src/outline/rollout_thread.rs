//! One thread of a rollout, record by record.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::json::{Problem, Raw};
use crate::rollout::{Layout, RecordKind, RolloutRecord, SessionMeta};

use super::builder::ThreadBuilder;
use super::compaction::CompactionReader;
use super::from_exec_events::read_usage;
use super::from_rollout::{learn, roll_back};
use super::item::{Item, member, owned, read_item};
use super::model::{EndKind, Moment, Position, Thread, Usage, What};
use super::text::{Options, Text, Texts};
use super::time::elapsed_ms;

/// A thread of a rollout while it is read.
pub(super) struct RolloutThread {
    pub(super) texts: Texts,
    pub(super) builder: ThreadBuilder,
    meta: Option<SessionMeta>,
    compactions: CompactionReader,
    tokens: TokenCount,
    /// Whether the open turn was begun by an event, which also ends it.
    is_announced: bool,
    /// Whether the open turn has an item of the user.
    has_user_item: bool,
    /// When the last record was written.
    last_time: String,
}

/// What `token_count` and `token_usage_record` said last.
#[derive(Default)]
struct TokenCount {
    /// Over the whole thread.
    total: Option<Usage>,
    /// Over the whole thread when the turn began.
    at_turn_start: Usage,
    /// Responses that usage records told of.
    seen: HashSet<String>,
    has_records: bool,
    /// Whether a response was counted since the last item, or the beginning of the turn: that of a compaction.
    is_ahead: bool,
    /// Whether the last record that tells of the context was a compaction.
    is_compacted: bool,
    /// Tokens in the context after the last response, and after the one before it.
    used: Option<u64>,
    used_before: Option<u64>,
}

impl TokenCount {
    fn use_context(&mut self, used: u64) {
        if self.used != Some(used) {
            self.used_before = self.used.replace(used);
        }
    }
}

impl RolloutThread {
    pub(super) fn new(options: Options) -> Self {
        Self {
            texts: Texts::new(options),
            builder: ThreadBuilder::default(),
            meta: None,
            compactions: CompactionReader::default(),
            tokens: TokenCount::default(),
            is_announced: false,
            has_user_item: false,
            last_time: String::new(),
        }
    }

    pub(super) fn meta(&self) -> Option<&SessionMeta> {
        self.meta.as_ref()
    }

    /// Tells of bytes that can't be read.
    pub(super) fn damage(&mut self, at: Position, problem: &Problem) {
        let what = What::Damage {
            problem: problem.kind.name().to_owned(),
            bytes: problem.span.end - problem.span.start,
        };
        self.builder.push(at, None, what);
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, record: &RolloutRecord<'_>) {
        if let Some(time) = &record.timestamp {
            self.last_time.clear();
            self.last_time.push_str(time);
        }
        match record.kind {
            RecordKind::SessionMeta => self.session(record),
            RecordKind::ResponseItem => self.item(record),
            RecordKind::EventMsg => self.event(record),
            RecordKind::Compacted => self.compacted(record),
            RecordKind::TurnContext => self.turn_context(record.payload),
            RecordKind::TokenUsageRecord => self.usage_record(record.payload),
            RecordKind::InterAgentCommunication => {
                let text = self.texts.make(record.payload.text());
                self.push_event(record, "message", text);
            }
            RecordKind::WorldState
            | RecordKind::InterAgentCommunicationMetadata
            | RecordKind::State => {}
            RecordKind::DynamicToolsUpdated
            | RecordKind::SecurityRiskScore
            | RecordKind::RealtimeItem => {
                let text = self.texts.make(record.payload.text());
                self.push_event(record, &record.type_name.replace('_', " "), text);
            }
            RecordKind::Unknown => self.unknown(record),
        }
    }

    pub(super) fn at(record: &RolloutRecord<'_>) -> Position {
        Position::Record {
            index: record.index as u64,
            span: record.span.clone(),
        }
    }

    pub(super) fn time(record: &RolloutRecord<'_>) -> Option<Moment> {
        let time = record.timestamp.as_ref()?;
        Some(Moment::Written(time.clone().into_owned()))
    }

    pub(super) fn push(&mut self, record: &RolloutRecord<'_>, what: What) {
        self.builder
            .push(Self::at(record), Self::time(record), what);
    }

    pub(super) fn push_event(&mut self, record: &RolloutRecord<'_>, name: &str, text: Text) {
        let name = name.to_owned();
        self.push(record, What::Event { name, text });
    }

    fn unknown(&mut self, record: &RolloutRecord<'_>) {
        let name = match record.layout {
            Layout::Other if record.type_name.is_empty() => "no type".to_owned(),
            _ => record.type_name.clone().into_owned(),
        };
        let raw = self.texts.make(record.payload.text());
        let what = "record";
        self.push(record, What::Unknown { what, name, raw });
    }

    /// The first meta tells whose file it is; those that follow were copied with a parent's records.
    fn session(&mut self, record: &RolloutRecord<'_>) {
        let Some(meta) = SessionMeta::parse(record.payload) else {
            return self.unknown(record);
        };
        match &self.meta {
            None => {
                learn(&mut self.builder.thread, &meta);
                self.meta = Some(meta);
            }
            Some(own) if own.id != meta.id => {
                let text = format!("what follows was copied from the thread {}", meta.id);
                let text = self.texts.make(&text);
                self.push_event(record, "session", text);
            }
            Some(_) => {}
        }
    }

    fn turn_context(&mut self, context: Raw<'_>) {
        let model = owned(context, "model");
        let thread = &mut self.builder.thread;
        thread.model = model.or(thread.model.take());
    }

    fn item(&mut self, record: &RolloutRecord<'_>) {
        let (at, time) = (Self::at(record), Self::time(record));
        let item = read_item(record.payload, &at, &mut self.texts);
        self.tokens.is_ahead = false;
        self.compactions.add(record.payload, &item);
        match &item {
            Item::Alone(What::User { .. }) => {
                // Without an event a turn begins with the user's message (pycodex, codex before about 0.6x).
                let is_open = self.builder.has_open_turn();
                if !is_open || (!self.is_announced && self.has_user_item) {
                    self.conclude_turn(EndKind::Unanswered);
                    self.begin_turn(None, time.clone(), false);
                }
                self.has_user_item = true;
            }
            Item::Alone(What::Context { .. }) => {
                let Item::Alone(what) = item else {
                    return;
                };
                return self.builder.push_context(at, time, what);
            }
            _ => {}
        }
        let place = self.builder.push_item(item, at, time);
        self.builder.time_call(place, &self.last_time);
    }

    pub(super) fn begin_turn(
        &mut self,
        id: Option<String>,
        started: Option<Moment>,
        is_announced: bool,
    ) {
        let is_copied = self.is_copied(id.as_deref());
        let from = self.builder.thread.forked_from.clone();
        let turn = self.builder.begin_turn(id, started);
        if is_copied {
            turn.inherited_from = from;
        }
        self.is_announced = is_announced;
        self.has_user_item = false;
        self.tokens.is_ahead = false;
        self.tokens.at_turn_start = self.tokens.total.unwrap_or_default();
    }

    /// Whether a turn is older than the thread: older forks copy the records of their parent. Ids are UUIDs that begin
    /// with the time.
    fn is_copied(&self, turn: Option<&str>) -> bool {
        const LENGTH: usize = 36;
        let Some(meta) = self
            .meta
            .as_ref()
            .filter(|meta| meta.forked_from_id.is_some())
        else {
            return false;
        };
        let is_uuid = |id: &str| id.len() == LENGTH && id.as_bytes()[14] == b'7';
        turn.is_some_and(|turn| is_uuid(turn) && is_uuid(&meta.id) && turn < meta.id.as_str())
    }

    /// Ends an open turn that no event will end: as far as its steps tell, else as told.
    pub(super) fn conclude_turn(&mut self, otherwise: EndKind) {
        if !self.is_announced && self.builder.has_open_turn() {
            let duration_ms = self.time_in_turn();
            if let Some(turn) = self.builder.turn() {
                turn.duration_ms = duration_ms;
            }
            self.builder.conclude_turn(otherwise);
        }
    }

    /// Whether the user asked something in the turn that nobody answered.
    pub(super) fn is_unanswered(&mut self) -> bool {
        let Some(turn) = self.builder.turn() else {
            return false;
        };
        let has = |is: fn(&What) -> bool| turn.steps.iter().any(|step| is(&step.what));
        has(|what| matches!(what, What::User { .. }))
            && !has(|what| matches!(what, What::Assistant { .. } | What::Compaction(_)))
    }

    /// Milliseconds from the beginning of the turn to the last record.
    fn time_in_turn(&mut self) -> Option<f64> {
        let Some(Moment::Written(started)) = &self.builder.turn()?.started else {
            return None;
        };
        let started = started.clone();
        elapsed_ms(&started, &self.last_time)
    }

    /// Ends the open turn, whose duration is known or that between its records.
    pub(super) fn end_turn(&mut self, end: super::model::End, duration_ms: Option<f64>) {
        let duration_ms = duration_ms.or_else(|| self.time_in_turn());
        if let Some(turn) = self.builder.turn() {
            turn.duration_ms = duration_ms;
        }
        self.builder.end_turn(end);
        self.is_announced = false;
    }

    /// Whether the turn has told of a message in the user's name with this text already.
    pub(super) fn has_told(&mut self, told: &Text) -> bool {
        let Some(turn) = self.builder.turn() else {
            return false;
        };
        turn.steps.iter().rev().any(|step| match &step.what {
            What::User { text } | What::Context { text, .. } => text.text == told.text,
            _ => false,
        })
    }

    fn compacted(&mut self, record: &RolloutRecord<'_>) {
        let payload = record.payload;
        let mut compaction = self.compactions.read(payload, &mut self.texts);
        let summary = compaction.summary.as_ref();
        // The answer that the summary was made of stands before the record and is never sent.
        let is_summary =
            |answer: &Text| summary.is_some_and(|summary| summary.text.starts_with(&answer.text));
        compaction.summary_at = self.builder.take_summary(is_summary);
        if compaction.summary_at.is_some() {
            compaction.without_summary();
        }
        compaction.tokens_before = match self.tokens.is_ahead {
            true => self.tokens.used_before,
            false => self.tokens.used,
        };
        self.tokens.is_compacted = true;
        self.push(record, What::Compaction(Box::new(compaction)));
    }

    /// `token_count`: the sums so far, repeated whenever anything happened.
    pub(super) fn token_count(&mut self, payload: Raw<'_>) {
        let Some(info) = payload.get("info").filter(|info| !info.is_null()) else {
            return;
        };
        let (mut window, mut total, mut last) = (None, None, None);
        for (key, value) in info.members() {
            match key.as_ref() {
                "model_context_window" => window = value.unsigned(),
                "total_token_usage" => total = read_usage(value),
                "last_token_usage" => last = read_usage(value),
                _ => {}
            }
        }
        let is_new = total != self.tokens.total;
        self.tokens.total = total.or(self.tokens.total);
        self.builder.thread.usage = self.tokens.total;
        let start = self.tokens.at_turn_start;
        let (total, has_records) = (self.tokens.total, self.tokens.has_records);
        let used = last.map(|last| last.total).filter(|used| *used > 0);
        if let Some(used) = used {
            self.tokens.use_context(used);
            // Behind a compaction the agent writes its estimate of what is left.
            if std::mem::take(&mut self.tokens.is_compacted) && !is_new {
                self.builder.set_tokens_after(used);
            }
        }
        self.tokens.is_ahead |= is_new;
        // What is written between turns, as behind a rollback, tells of the thread alone.
        let is_open = self.builder.has_open_turn();
        let Some(turn) = self.builder.turn().filter(|_| is_open) else {
            return;
        };
        turn.context_window = window.or(turn.context_window);
        turn.context_used = used.or(turn.context_used);
        if is_new {
            turn.usage = total.map(|total| total.since(&start));
            turn.responses += usize::from(!has_records);
        }
    }

    /// `token_usage_record`: one for each response.
    fn usage_record(&mut self, payload: Raw<'_>) {
        self.tokens.has_records = true;
        let (mut turn_usage, mut usage, mut total, mut id) = (None, None, None, None);
        for (key, value) in payload.members() {
            match key.as_ref() {
                "response_id" => id = value.string(),
                "turn_token_usage" => turn_usage = read_usage(value),
                "usage" => usage = read_usage(value),
                "thread_token_usage" => total = read_usage(value),
                _ => {}
            }
        }
        let id = id.filter(|id| !id.is_empty()).map(Cow::into_owned);
        if id.is_some_and(|id| !self.tokens.seen.insert(id)) {
            return;
        }
        self.tokens.is_ahead = true;
        self.builder.thread.usage = total.or(self.builder.thread.usage);
        self.tokens.total = total.or(self.tokens.total);
        if let Some(usage) = usage {
            self.tokens.use_context(usage.total);
        }
        if let Some(turn) = self.builder.turn() {
            turn.responses += 1;
            turn.usage = turn_usage.or(turn.usage);
            turn.context_used = usage.map(|usage| usage.total).or(turn.context_used);
        }
    }

    pub(super) fn roll_back(&mut self, record: &RolloutRecord<'_>) {
        let count = record.payload.get("num_turns").and_then(Raw::unsigned);
        let count = count.unwrap_or(0);
        let text = match count {
            1 => Text::plain("the last turn taken back"),
            _ => Text::plain(format!("the last {count} turns taken back")),
        };
        roll_back(&mut self.builder.thread, count);
        self.push_event(record, "rollback", text);
    }

    pub(super) fn text(&mut self, payload: Raw<'_>, key: &str) -> Text {
        member(payload, key, &mut self.texts)
    }

    /// The thread, whole.
    pub(super) fn finish(mut self) -> Thread {
        self.conclude_turn(EndKind::Open);
        self.builder.finish()
    }
}
