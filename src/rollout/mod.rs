//! What agents write to disk: records, sessions, and the history that they make; what can be saved of a damaged file.

mod checkpoint;
mod codex_reader;
mod codex_record;
mod damage;
mod discover;
mod fork;
mod fragment;
mod history;
mod index;
mod legacy_compaction;
mod lineage;
mod load;
mod loss;
mod members;
mod order;
mod ordinals;
mod predict;
mod pycodex;
mod pycodex_bounds;
mod pycodex_item;
mod reader;
mod record;
mod recover;
mod resume;
mod rules;
mod session;
mod shape;
mod shell_output;
mod source;
mod summary;
mod synthetic;
mod truncate;
mod user_message;
mod walk;
mod wire;

pub use codex_reader::{CodexView, Refusal, Skipped};
pub use codex_record::Skip;
pub use damage::{DamageProblem, DamageReport};
pub use discover::{
    Discovery, RolloutFile, RolloutName, Unreadable, find_rollouts, find_segment, find_thread,
    read_meta, sessions_root_of,
};
pub use fork::{ForkCut, fork_before_user_message};
pub use fragment::{Fragment, read_fragment};
pub use history::{History, HistoryItem, Origin};
pub use index::{Entry, RolloutIndex, TurnNumber, What};
pub use lineage::{Lineage, LineageFile, LineageProblem, Place};
pub use load::ItemText;
pub use order::{OrderCheck, OrderKind, OrderProblem};
pub use predict::{Prediction, predict_resume};
pub use pycodex::{PycodexItem, PycodexReader, PycodexRefusal, PycodexView};
pub use reader::{RolloutPart, RolloutReader};
pub use record::{Layout, RecordKind, RolloutRecord};
pub use recover::{LeftOut, RecoverOptions, Recovery, Repeat, recover};
pub use resume::{CodexResume, Resume};
pub use rules::{NEWEST, Rules, Version};
pub use session::{HistoryBase, SessionMeta};
pub use source::RolloutSource;
pub use summary::{Damage, Prompt, SessionSummary, summarize, summarize_all};
pub use user_message::{ItemClass, classify, is_user_turn};
pub use wire::{
    WireItem, WireSource, is_prompt_only, wire_item, wire_items, without_oldest,
    without_oldest_outputs,
};
