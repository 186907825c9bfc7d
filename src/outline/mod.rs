//! What happened in a session: one model of threads, turns and steps, whatever it is read from.

mod attempt;
mod builder;
mod capture_compaction;
mod capture_items;
mod capture_thread;
mod compaction;
mod from_capture;
mod from_exec_events;
mod from_pycodex_result;
mod from_rollout;
mod item;
mod mask;
mod model;
mod pipeline;
mod request;
mod rollout_damage;
mod rollout_events;
mod rollout_history;
mod rollout_thread;
mod text;
mod time;
mod tool_output;

pub use from_capture::{capture_history, outline_capture};
pub use from_exec_events::outline_exec_events;
pub use from_pycodex_result::outline_pycodex_result;
pub use from_rollout::outline_rollout;
pub use model::{
    Call, Compaction, End, EndKind, History, HistoryBase, HistoryItem, Input, Kept, Moment,
    OtherRequest, Outline, Output, Position, Prediction, Problem, RawItem, Resume, Step, Thread,
    Turn, TypeCount, Usage, What,
};
pub use rollout_history::{Reader, rollout_history};
pub use text::{Options, TellResume, Text};
#[cfg(feature = "server")]
pub(crate) use tool_output::exit_code;
