//! Which failures are retried.

use serde::Deserialize;

/// Why a request did not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// An HTTP status of 400 or above.
    Status,
    /// The connection ended before a status line.
    NoResponse,
    /// The stream ended, or its connection did, without a terminal event.
    Cut,
    /// Nothing more came until the agent gave up.
    Stall,
    /// A `response.completed` without the id of the response, which Codex can't read.
    UnreadableEnd,
    /// A `response.failed` event.
    Failed,
    /// A `response.incomplete` event.
    Incomplete,
    /// An `error` event.
    ErrorEvent,
}

/// What an agent does after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// Sends the same bytes again, `request_retries` times, then goes on as [`Retry::Stream`].
    Request,
    /// Sends the same bytes again, `request_retries` times, then gives up.
    RequestOnly,
    /// Makes the request anew, `stream_retries` times.
    Stream,
    /// Sends it again at once, then with a new access token, then goes on as [`Retry::Stream`].
    Refresh,
    /// Gives up.
    Fail,
    /// Compacts the history and makes the request anew.
    Compact,
    /// Nothing is promised.
    Unspecified,
}

/// Where a server says how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DelayHint {
    /// The header `Retry-After`, or `headers.retry-after` of an error in an event.
    RetryAfter,
    /// "try again in 1.5s" in the message.
    Message,
}

/// HTTP statuses: one, or a range with both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl<'de> Deserialize<'de> for StatusRange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "a status such as 503, or a range such as \"500-599\""
        )]
        enum Form {
            One(u16),
            Range(String),
        }
        match Form::deserialize(deserializer)? {
            Form::One(status) => Ok(Self {
                first: status,
                last: status,
            }),
            Form::Range(text) => {
                let ends = text.split_once('-');
                let ends = ends.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
                let (first, last) = ends.ok_or_else(|| {
                    serde::de::Error::custom("a range of statuses is written \"500-599\"")
                })?;
                Ok(Self { first, last })
            }
        }
    }
}

/// One row: which failures, and what the agent does then. The first row that matches holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureRule {
    /// What kind of failure.
    pub on: Cause,
    /// Only these statuses.
    #[serde(default)]
    pub status: Vec<StatusRange>,
    /// Only these error codes; of an incomplete response the reason.
    #[serde(default)]
    pub code: Vec<String>,
    /// Only these error types.
    #[serde(default, rename = "type")]
    pub kind: Vec<String>,
    /// Only where the message holds one of these phrases; capitals do not count.
    #[serde(default)]
    pub phrases: Vec<String>,
    /// Only with, or only without, a `Retry-After`.
    pub retry_after: Option<bool>,
    /// Only with, or only without, an account login (`chatgpt-account-id`).
    pub account: Option<bool>,
    /// Only of, or only of other than, requests for a local compaction.
    pub local_compaction: Option<bool>,
    /// What the agent does.
    pub then: Retry,
    /// What it waits for instead of its own delay, most important first.
    #[serde(default)]
    pub delay: Vec<DelayHint>,
    /// Version and run in which it was observed.
    pub observed: Option<String>,
}

/// What is known of a failure, to look up its row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureFacts {
    /// The HTTP status, or the one that an event names.
    pub status: Option<u16>,
    /// The error code, or where there is none the error type; of an incomplete response the reason.
    pub code: Option<String>,
    /// The error type.
    pub kind: Option<String>,
    /// The message, or the whole of a body that is no JSON.
    pub message: Option<String>,
    /// Whether the response has a `Retry-After`.
    pub has_retry_after: bool,
    /// Whether the request has an account login.
    pub has_account: bool,
    /// Whether the request asks for a summary of the history.
    pub is_local_compaction: bool,
}

impl FailureRule {
    /// Whether the row is about this failure.
    pub fn matches(&self, cause: Cause, facts: &FailureFacts) -> bool {
        let has_status = |status: u16| {
            self.status
                .iter()
                .any(|range| (range.first..=range.last).contains(&status))
        };
        let has_code = |code: &str| self.code.iter().any(|one| one == code);
        let has_kind = |kind: &str| self.kind.iter().any(|one| one == kind);
        let has_phrase = |message: &str| {
            let message = message.to_lowercase();
            let mut phrases = self.phrases.iter();
            phrases.any(|phrase| message.contains(&phrase.to_lowercase()))
        };
        self.on == cause
            && (self.status.is_empty() || facts.status.is_some_and(has_status))
            && (self.code.is_empty() || facts.code.as_deref().is_some_and(has_code))
            && (self.kind.is_empty() || facts.kind.as_deref().is_some_and(has_kind))
            && (self.phrases.is_empty() || facts.message.as_deref().is_some_and(has_phrase))
            && self
                .retry_after
                .is_none_or(|has| has == facts.has_retry_after)
            && self.account.is_none_or(|has| has == facts.has_account)
            && self
                .local_compaction
                .is_none_or(|is| is == facts.is_local_compaction)
    }
}
