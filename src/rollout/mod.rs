//! What agents write to disk: records, sessions, and the history that they make; what can be saved of a damaged file.

mod discover;
mod fragment;
mod index;
mod reader;
mod record;
mod recover;
mod session;
mod source;
mod summary;
mod user_message;

pub use discover::{
    Discovery, RolloutFile, RolloutName, Unreadable, find_rollouts, find_segment, find_thread,
    read_meta, sessions_root_of,
};
pub use fragment::{Fragment, read_fragment};
pub use index::{Entry, RolloutIndex, TurnNumber, What};
pub use reader::{RolloutPart, RolloutReader};
pub use record::{Layout, RecordKind, RolloutRecord};
pub use recover::{LeftOut, RecoverOptions, Recovery, Repeat, recover};
pub use session::{HistoryBase, SessionMeta};
pub use source::RolloutSource;
pub use summary::{Damage, Prompt, SessionSummary, summarize, summarize_all};
pub use user_message::is_user_turn;
