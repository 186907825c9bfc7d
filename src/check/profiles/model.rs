//! What a profile says.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::failure::{Cause, FailureFacts, FailureRule};
use super::version::Version;

/// What an agent is expected to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// `codex`, `pycodex`, `generic`, or the name in a file.
    pub name: String,
    /// The version whose values these are; `None` where all versions do the same.
    pub version: Option<Version>,
    /// How often it tries.
    pub limits: Limits,
    /// How long it waits; `None` where nothing is promised.
    pub backoff: Option<Backoff>,
    /// What happens to the items of a stream that broke; `None` where nothing is promised.
    pub partial_items: Option<PartialItems>,
    /// What becomes of the items that responses deliver.
    pub items: Items,
    /// What it does after which failure; the first row that matches holds.
    pub failures: Vec<FailureRule>,
    /// When it goes over from WebSocket to HTTP.
    pub websocket: WebSocket,
    /// How it compacts.
    pub compaction: Compaction,
    /// What its requests to the model are headed by.
    pub headers: Headers,
    /// Which identifiers it sends.
    pub ids: Ids,
    /// For each value (`limits.stream_retries`) the versions and runs in which it was observed.
    pub observed: BTreeMap<String, String>,
}

/// A number of retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub retries: u32,
    /// Whether it is known to be the number in force. What a built-in profile says is the default of the agent, and its
    /// user may have configured fewer.
    pub is_certain: bool,
}

/// How often an agent tries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Retries of the same bytes in each round.
    pub request_retries: Option<Limit>,
    /// Rounds after the first.
    pub stream_retries: Option<Limit>,
    /// Requests for one answer, all together; without it what the other two allow.
    pub requests: Option<u32>,
    /// How long a stream may be silent, in milliseconds.
    pub idle_ms: Option<Idle>,
}

/// How long a stream may be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle {
    /// Milliseconds.
    pub ms: u32,
    /// Whether it is known to be the time in force; as with [`Limit`].
    pub is_certain: bool,
}

impl Limits {
    /// The most requests that one answer may take.
    pub fn most_requests(&self) -> Option<u32> {
        let retries = |limit: Option<Limit>| limit.map(|limit| limit.retries.saturating_add(1));
        self.requests.or_else(|| {
            let rounds = retries(self.stream_retries)?;
            Some(rounds.saturating_mul(retries(self.request_retries).unwrap_or(1)))
        })
    }
}

/// Delays that grow: the n-th retry waits `base_ms` × `factor`ⁿ⁻¹ × a number in `jitter`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The first delay in milliseconds.
    pub base_ms: f64,
    /// What each delay is of the one before.
    pub factor: f64,
    /// The least and the greatest factor of chance.
    pub jitter: [f64; 2],
}

impl Backoff {
    /// The least and the greatest delay before the n-th retry, n from 1, in milliseconds.
    pub fn window(&self, retry: u32) -> [f64; 2] {
        let exponent = i32::try_from(retry.saturating_sub(1)).unwrap_or(i32::MAX);
        let delay = self.base_ms * self.factor.powi(exponent);
        self.jitter.map(|jitter| delay * jitter)
    }
}

/// What happens to the items that a stream delivered before it broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartialItems {
    /// The retry sends them, calls with their outputs.
    Kept,
    /// The retry sends what was sent before.
    Dropped,
}

/// When an agent goes over from WebSocket to HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebSocket {
    /// When the handshake is refused with 426.
    pub on_refused: Option<OnRefused>,
    /// When all rounds over a WebSocket have failed.
    pub on_exhausted: Option<OnExhausted>,
}

/// What an agent does when a WebSocket is refused with 426, Upgrade Required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnRefused {
    /// It asks over HTTP at once, and tries no other handshake.
    Http,
    /// It tries again, as after any other failure.
    Retry,
}

/// What an agent does when all rounds over a WebSocket have failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnExhausted {
    /// It begins anew over HTTP, at once and with all rounds.
    Http,
    /// The turn fails.
    Fail,
}

/// What becomes of the items of completed responses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Items {
    /// The types of items that the next request sends back; nothing is promised of others.
    pub sent_back: Vec<String>,
    /// What follows a call whose arguments are no JSON; `None` where nothing is promised but that the call is not lost.
    pub invalid_arguments: Option<InvalidArguments>,
}

/// What follows a call whose arguments are no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InvalidArguments {
    /// A request with an output that tells the model.
    Answered,
    /// Nothing: the turn ends, and the call is forgotten.
    TurnEnds,
}

/// How an agent compacts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compaction {
    /// The tokens from which on it compacts by itself; what is configured, so no built-in profile says it.
    pub limit: Option<u64>,
    /// The same where nothing is configured, for most models: 90 % of their window of 272,000.
    pub default_limit: Option<u64>,
    /// Whether a process that takes up a session knows the tokens that were reported before.
    pub restores_usage: Option<bool>,
    /// Whether an estimate of what came since counts beside the tokens that the last response reported.
    pub counts_new_items: Option<bool>,
    /// What it asks of a provider named OpenAI; a local summary is asked of any other.
    pub remote: Option<RemoteCompaction>,
    /// Rounds after the first for a remote compaction.
    pub remote_stream_retries: Option<u32>,
    /// Whether user messages stay beside the summary.
    pub keeps_user_messages: Option<bool>,
    /// Whether the message with the summary ends with it.
    pub ends_with_summary: Option<bool>,
    /// How many tokens of user messages stay beside a local summary, the newest first; 4 bytes each.
    pub user_message_tokens: Option<u64>,
    /// The same beside a `compaction` item.
    pub remote_user_message_tokens: Option<u64>,
    /// What becomes of a compaction whose response holds no text.
    pub empty_summary: Option<EmptySummary>,
    /// Where the context messages stand after a compaction before a turn, or on request.
    pub context: Option<Context>,
    /// The same after a compaction within a turn.
    pub context_in_turn: Option<Context>,
    /// What it does when a request is too long for the model.
    pub on_overflow: Option<OnOverflow>,
    /// HTTP statuses that say so, with the code `context_length_exceeded`.
    pub overflow_status: Vec<u16>,
    /// What it leaves out when the request for a local compaction is too long.
    pub overflow_in_request: Option<OverflowInRequest>,
    /// The same for a remote one.
    pub overflow_in_remote_request: Option<OverflowInRequest>,
}

/// What becomes of a local compaction whose response holds no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmptySummary {
    /// What the model said last before it stands in its place.
    LastAnswer,
    /// The turn fails.
    Fail,
}

/// How a provider named OpenAI is asked for a compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemoteCompaction {
    /// Like any other.
    None,
    /// `POST /responses/compact`, answered with a body.
    CompactEndpoint,
    /// `POST /responses` with a `compaction_trigger` as the last item.
    TriggerItem,
}

/// Where the context messages stand after a compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// Before everything else.
    First,
    /// Before the last user message that stayed.
    BeforeLastMessage,
    /// Between the summary and the new user message.
    BehindSummary,
}

/// What an agent does when a request is too long for the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnOverflow {
    /// The turn fails; the next one begins with a compaction.
    Fail,
    /// It compacts in the same turn and asks again, once.
    Compact,
    /// The turn fails, and the next one sends the same history.
    GiveUp,
}

/// What is left out of a request for a compaction that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverflowInRequest {
    /// The first item of the history, with its output or call.
    DropFirstItem,
    /// The oldest output with its call.
    DropOldestOutput,
    /// Nothing: the turn fails.
    Fail,
}

/// What requests to the model are headed by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// The header that names the session.
    pub session: Option<String>,
    /// Headers of every `POST /responses`.
    pub required: Vec<String>,
    /// Keys of the JSON in `x-codex-turn-metadata`, in every request to the model.
    pub metadata: Vec<String>,
    /// Keys of `client_metadata` in the body of every request to the model.
    pub client_metadata: Vec<String>,
    /// Headers that mark a request of a sub-agent.
    pub subagent: Vec<String>,
    /// Those of them that mark a review.
    pub review: Vec<String>,
    /// Keys of the JSON in `x-codex-turn-metadata` that mark a request of a sub-agent.
    pub subagent_metadata: Vec<String>,
    /// Headers that mark a request about memories; where none are known, nothing of such requests is.
    pub memory: Vec<String>,
    /// Keys of the JSON in `x-codex-turn-metadata` that say `memory_consolidation` of such a request.
    pub memory_metadata: Vec<String>,
    /// Keys of `client_metadata` that say so.
    pub memory_client_metadata: Vec<String>,
    /// Keys of the JSON in `x-codex-turn-metadata` that only the copy in the body has.
    pub metadata_in_body_only: Vec<String>,
}

/// Which identifiers an agent sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    /// Those of input items.
    pub items: Option<ItemIds>,
    /// What `prompt_cache_key` of a sub-agent is.
    pub subagent_cache_key: Option<SubagentKey>,
    /// What the session of a sub-agent is.
    pub subagent_session: Option<SubagentKey>,
    /// Whether `x-client-request-id` is the thread, and not another one for each request.
    pub has_thread_as_request_id: Option<bool>,
    /// What the turn of a compaction in the middle of a turn is.
    pub compaction_in_turn: Option<CompactionTurn>,
    /// Whether requests name their context window (`x-codex-window-id`).
    pub has_windows: Option<bool>,
}

/// What becomes of the ids of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemIds {
    /// No item has one.
    Dropped,
    /// Reasoning items keep theirs, no other item has one.
    OfReasoning,
    /// Items of the model keep theirs.
    Kept,
    /// As [`Made`](Self::Made), but `additional_tools` may have none: behind a compaction Codex 0.147.0 sends it so.
    MadeButTools,
    /// Items of the model keep theirs, and those of the agent get one.
    Made,
}

/// What the turn of a compaction in the middle of a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompactionTurn {
    /// That turn.
    Same,
    /// One of its own.
    Own,
}

/// What an identifier of a sub-agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubagentKey {
    /// Its own thread.
    Thread,
    /// The session of the root.
    Session,
}

impl Profile {
    /// The row about a failure, if there is one.
    pub fn failure(&self, cause: Cause, facts: &FailureFacts) -> Option<&FailureRule> {
        self.failures.iter().find(|row| row.matches(cause, facts))
    }

    /// How messages name it: `codex 0.169.0`, `generic`.
    pub fn label(&self) -> String {
        match self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }
    }
}
