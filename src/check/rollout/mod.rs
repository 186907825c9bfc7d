//! Wire against disk: whether each request's `input` can be rebuilt from the rollout, and whether the rollout holds what
//! the responses delivered.

mod causes;
mod check;
mod compaction;
mod delivered;
mod excuse;
mod habits;
mod identifiers;
mod input;
mod label;
mod notes;
mod pairs;
mod replay;
mod sampling;
mod sent;
mod stored;
mod stretch;
mod thread;
mod threads;
mod usage;

pub use check::{CheckedRollout, RolloutCheck, RolloutCheckError, check_rollouts};
