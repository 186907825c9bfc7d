//! Which requests a step is for, and how one differs from what was wanted.

mod facts;
mod model;
mod nearest;
mod test;

pub(super) use facts::Facts;
pub use facts::RequestView;
pub use model::{Difference, HeaderMatch, Kind, Matcher, PointerMatch, Subagent, TextMatch};
pub(super) use test::{MismatchClass, Threads, mismatch, resolve, unmet};
