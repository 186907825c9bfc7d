//! What happened in a session, as plain data; its serialised form is `schemas/outline.schema.json`, version 1.

mod outline;
mod step;
mod thread;

pub use outline::{
    History, HistoryItem, Input, OtherRequest, Outline, Prediction, Problem, RawItem, Resume,
};
pub use step::{Call, Compaction, Kept, Output, Position, Step, TypeCount, What};
pub use thread::{End, EndKind, HistoryBase, Moment, Thread, Turn, Usage};
