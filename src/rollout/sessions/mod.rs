//! The trees of rollouts that agents keep: finding files in them, and each file at a glance.

mod discover;
mod summary;

pub use discover::{
    Discovery, RolloutFile, RolloutName, Unreadable, find_rollouts, find_segment, find_thread,
    read_meta, sessions_root_of,
};
pub use summary::{Damage, Prompt, SessionSummary, summarize, summarize_all};

pub(super) use discover::is_uuid;
