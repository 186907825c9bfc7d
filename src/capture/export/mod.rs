//! Other programs' formats, written; one file each.

mod har;
mod raw_exchange;

pub use har::render_har;
pub use raw_exchange::render_raw_exchange;
