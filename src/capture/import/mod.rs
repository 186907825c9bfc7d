//! Other programs' formats, one file each.

mod stream;

pub use stream::event_stream;
