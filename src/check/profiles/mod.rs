//! What each agent version is expected to do, as data: limits, delays, which failures are retried, how it compacts.
//!
//! The values are in `codex.toml`, `pycodex.toml` and `generic.toml`, each with the versions and runs in which it was
//! observed. A file of the user's has the same form and may start from one of them; see `docs/profiles.md`.

mod choose;
mod error;
mod failure;
mod file;
mod model;
mod part;
mod version;

pub use error::ProfileError;
pub use failure::{Cause, DelayHint, FailureFacts, FailureRule, Retry, StatusRange};
pub use model::{
    Backoff, Compaction, CompactionTurn, Context, EmptySummary, Headers, Idle, Ids,
    InvalidArguments, ItemIds, Items, Limit, Limits, OnExhausted, OnOverflow, OnRefused,
    OverflowInRequest, PartialItems, Profile, RemoteCompaction, SubagentKey, WebSocket,
};
pub use version::Version;
