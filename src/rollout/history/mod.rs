//! The history that a model sees: planned from the index of a file and of those it continues, then read.

mod checkpoint;
mod fork;
mod legacy_compaction;
mod lineage;
mod load;
mod plan;
mod truncate;

pub use fork::{ForkCut, fork_before_user_message};
pub use lineage::{Lineage, LineageFile, LineageProblem, Place};
pub use load::ItemText;
pub use plan::{History, HistoryItem, Origin};

pub(super) use load::quoted;
pub(super) use plan::with_record;
