//! Which exchange goes with which, and which item with which.

mod sequence;

pub use sequence::common_subsequence;
