//! One layer of a profile as it stands in a file: every value may be missing.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::failure::FailureRule;
use super::model::{
    Backoff, Compaction, CompactionTurn, Context, EmptySummary, Headers, Idle, Ids,
    InvalidArguments, ItemIds, Limit, OnExhausted, OnOverflow, OnRefused, OverflowInRequest,
    PartialItems, Profile, RemoteCompaction, SubagentKey,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsPart {
    request_retries: Option<u32>,
    stream_retries: Option<u32>,
    requests: Option<u32>,
    idle_ms: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BackoffPart {
    base_ms: Option<f64>,
    factor: Option<f64>,
    jitter: Option<[f64; 2]>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StreamPart {
    partial_items: Option<PartialItems>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WebSocketPart {
    on_refused: Option<OnRefused>,
    on_exhausted: Option<OnExhausted>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ItemsPart {
    sent_back: Option<Vec<String>>,
    invalid_arguments: Option<InvalidArguments>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CompactionPart {
    limit: Option<u64>,
    default_limit: Option<u64>,
    restores_usage: Option<bool>,
    counts_new_items: Option<bool>,
    remote: Option<RemoteCompaction>,
    remote_stream_retries: Option<u32>,
    keeps_user_messages: Option<bool>,
    ends_with_summary: Option<bool>,
    user_message_tokens: Option<u64>,
    remote_user_message_tokens: Option<u64>,
    empty_summary: Option<EmptySummary>,
    context: Option<Context>,
    context_in_turn: Option<Context>,
    on_overflow: Option<OnOverflow>,
    overflow_status: Option<Vec<u16>>,
    overflow_in_request: Option<OverflowInRequest>,
    overflow_in_remote_request: Option<OverflowInRequest>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HeadersPart {
    session: Option<String>,
    required: Option<Vec<String>>,
    metadata: Option<Vec<String>>,
    client_metadata: Option<Vec<String>>,
    subagent: Option<Vec<String>>,
    review: Option<Vec<String>>,
    subagent_metadata: Option<Vec<String>>,
    memory: Option<Vec<String>>,
    memory_metadata: Option<Vec<String>>,
    memory_client_metadata: Option<Vec<String>>,
    metadata_in_body_only: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct IdsPart {
    items: Option<ItemIds>,
    subagent_cache_key: Option<SubagentKey>,
    subagent_session: Option<SubagentKey>,
    has_thread_as_request_id: Option<bool>,
    compaction_in_turn: Option<CompactionTurn>,
    has_windows: Option<bool>,
}

/// The sections of a layer.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) limits: LimitsPart,
    pub(super) backoff: BackoffPart,
    pub(super) stream: StreamPart,
    pub(super) websocket: WebSocketPart,
    pub(super) items: ItemsPart,
    pub(super) compaction: CompactionPart,
    pub(super) headers: HeadersPart,
    pub(super) ids: IdsPart,
    pub(super) failure: Vec<FailureRule>,
    pub(super) observed: BTreeMap<String, String>,
}

fn set<T>(value: &mut Option<T>, new: Option<T>) {
    if new.is_some() {
        *value = new;
    }
}

impl Part {
    /// Puts the values of this layer over those of a profile; its rows stand before the others.
    ///
    /// `is_certain` tells that its limits are those in force.
    pub(super) fn apply(self, profile: &mut Profile, is_certain: bool) {
        let limit = |retries: Option<u32>| {
            retries.map(|retries| Limit {
                retries,
                is_certain,
            })
        };
        set(
            &mut profile.limits.request_retries,
            limit(self.limits.request_retries),
        );
        set(
            &mut profile.limits.stream_retries,
            limit(self.limits.stream_retries),
        );
        set(&mut profile.limits.requests, self.limits.requests);
        let idle = self.limits.idle_ms.map(|ms| Idle { ms, is_certain });
        set(&mut profile.limits.idle_ms, idle);
        self.backoff.apply(&mut profile.backoff);
        set(&mut profile.partial_items, self.stream.partial_items);
        set(&mut profile.websocket.on_refused, self.websocket.on_refused);
        set(
            &mut profile.websocket.on_exhausted,
            self.websocket.on_exhausted,
        );
        if let Some(sent_back) = self.items.sent_back {
            profile.items.sent_back = sent_back;
        }
        set(
            &mut profile.items.invalid_arguments,
            self.items.invalid_arguments,
        );
        self.compaction.apply(&mut profile.compaction);
        self.headers.apply(&mut profile.headers);
        self.ids.apply(&mut profile.ids);
        profile.failures.splice(0..0, self.failure);
        profile.observed.extend(self.observed);
    }
}

impl CompactionPart {
    fn apply(self, compaction: &mut Compaction) {
        set(&mut compaction.limit, self.limit);
        set(&mut compaction.default_limit, self.default_limit);
        set(&mut compaction.restores_usage, self.restores_usage);
        set(&mut compaction.counts_new_items, self.counts_new_items);
        set(&mut compaction.remote, self.remote);
        set(
            &mut compaction.remote_stream_retries,
            self.remote_stream_retries,
        );
        set(
            &mut compaction.keeps_user_messages,
            self.keeps_user_messages,
        );
        set(&mut compaction.ends_with_summary, self.ends_with_summary);
        set(
            &mut compaction.user_message_tokens,
            self.user_message_tokens,
        );
        set(
            &mut compaction.remote_user_message_tokens,
            self.remote_user_message_tokens,
        );
        set(&mut compaction.empty_summary, self.empty_summary);
        set(&mut compaction.context, self.context);
        set(&mut compaction.context_in_turn, self.context_in_turn);
        set(&mut compaction.on_overflow, self.on_overflow);
        if let Some(statuses) = self.overflow_status {
            compaction.overflow_status = statuses;
        }
        set(
            &mut compaction.overflow_in_request,
            self.overflow_in_request,
        );
        set(
            &mut compaction.overflow_in_remote_request,
            self.overflow_in_remote_request,
        );
    }
}

impl HeadersPart {
    fn apply(self, headers: &mut Headers) {
        set(&mut headers.session, self.session);
        let lists = [
            (&mut headers.required, self.required),
            (&mut headers.metadata, self.metadata),
            (&mut headers.client_metadata, self.client_metadata),
            (&mut headers.subagent, self.subagent),
            (&mut headers.review, self.review),
            (&mut headers.subagent_metadata, self.subagent_metadata),
            (&mut headers.memory, self.memory),
            (&mut headers.memory_metadata, self.memory_metadata),
            (
                &mut headers.memory_client_metadata,
                self.memory_client_metadata,
            ),
            (
                &mut headers.metadata_in_body_only,
                self.metadata_in_body_only,
            ),
        ];
        for (list, new) in lists {
            if let Some(new) = new {
                *list = new;
            }
        }
    }
}

impl IdsPart {
    fn apply(self, ids: &mut Ids) {
        set(&mut ids.items, self.items);
        set(&mut ids.subagent_cache_key, self.subagent_cache_key);
        set(&mut ids.subagent_session, self.subagent_session);
        set(
            &mut ids.has_thread_as_request_id,
            self.has_thread_as_request_id,
        );
        set(&mut ids.compaction_in_turn, self.compaction_in_turn);
        set(&mut ids.has_windows, self.has_windows);
    }
}

impl BackoffPart {
    /// A value that no layer names is the one that changes nothing: no delay, no growth, no chance.
    fn apply(self, backoff: &mut Option<Backoff>) {
        if self.base_ms.is_none() && self.factor.is_none() && self.jitter.is_none() {
            return;
        }
        let old = backoff.unwrap_or(Backoff {
            base_ms: 0.0,
            factor: 1.0,
            jitter: [1.0, 1.0],
        });
        *backoff = Some(Backoff {
            base_ms: self.base_ms.unwrap_or(old.base_ms),
            factor: self.factor.unwrap_or(old.factor),
            jitter: self.jitter.unwrap_or(old.jitter),
        });
    }
}
