//! What agents write to disk: rollout files, where they lie, and what can be saved of a damaged one.

mod fragment;
mod recover;

pub use fragment::{Fragment, read_fragment};
pub use recover::{LeftOut, RecoverOptions, Recovery, Repeat, recover};
