//! Which requests a step is for, and how one differs from what was wanted.

mod facts;
mod mismatch;
mod model;
mod nearest;

pub(super) use facts::Facts;
pub use facts::RequestView;
pub(super) use mismatch::{MismatchClass, Threads, mismatch, resolve, unmet};
pub use model::{Difference, HeaderMatch, Kind, Matcher, PointerMatch, Subagent, TextMatch};
