//! What agents write to disk: records, sessions, and the history that they make; what can be saved of a damaged file.

mod damage;
mod history;
mod index;
mod reader;
mod readers;
mod record;
mod rules;
mod session;
mod sessions;
mod source;
mod user_message;
mod wire;

pub use damage::{
    DamageProblem, DamageReport, Fragment, LeftOut, OrderCheck, OrderKind, OrderProblem,
    RecoverOptions, Recovery, Repeat, read_fragment, recover,
};
pub use history::{
    ForkCut, History, HistoryItem, ItemText, Lineage, LineageFile, LineageProblem, Origin, Place,
    fork_before_user_message,
};
pub use index::{Entry, RolloutIndex, TurnNumber, What};
pub use reader::{RolloutPart, RolloutReader};
pub use readers::{
    CodexResume, CodexView, PycodexItem, PycodexReader, PycodexRefusal, PycodexView, Refusal,
    Resume, Skip, Skipped, check_codex_item, codex_item_fields,
};
pub use record::{Layout, RecordKind, RolloutRecord};
pub use rules::{NEWEST, Rules, Version};
pub use session::{HistoryBase, SessionMeta};
pub use sessions::{
    Damage, Discovery, Prompt, RolloutFile, RolloutName, SessionSummary, Unreadable, find_rollouts,
    find_segment, find_thread, read_meta, read_thread_names, sessions_root_of, summarize,
    summarize_all,
};
pub use source::RolloutSource;
pub use user_message::{ItemClass, classify, is_user_turn};
pub use wire::{
    Prediction, WireItem, WireSource, is_prompt_only, predict_resume, wire_item, wire_items,
    without_oldest, without_oldest_outputs,
};
