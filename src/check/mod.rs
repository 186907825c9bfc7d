//! Whether one trace is right by itself: one file or directory for each contract.
//!
//! A contract looks at a capture, and at what belongs to it, and yields a [`Violation`] for each promise that is not
//! kept. A clean run of a correct agent has none: what agents are known to do otherwise is named at its place.

mod attempts;
mod compaction;
mod continuation;
mod contracts;
mod failure;
mod history;
mod identity;
mod input;
mod item;
mod label;
mod positions;
mod profiles;
mod quick;
mod request;
mod request_body;
mod retry;
mod rollout;
mod same;
mod sink;
mod stream_grammar;
mod tool_round_trip;
mod turn_metadata;
mod violation;

pub use contracts::{Contracts, NotChecked, check_answers, check_capture};
pub use profiles::{
    Backoff, Cause, Compaction, CompactionTurn, Context, DelayHint, EmptySummary, FailureFacts,
    FailureRule, Headers, Idle, Ids, InvalidArguments, ItemIds, Items, Limit, Limits, OnExhausted,
    OnOverflow, OnRefused, OverflowInRequest, PartialItems, Profile, ProfileError,
    RemoteCompaction, Retry, StatusRange, SubagentKey, Version, WebSocket,
};
pub use rollout::{CheckedRollout, RolloutCheck, RolloutCheckError, check_rollouts};
pub use violation::{RolloutPlace, Violation};
