//! Other programs' formats, one file each.

mod leftovers;
mod raw_exchange;
mod request_body;
mod stream;

pub use raw_exchange::read_raw_exchange;
pub use request_body::read_request_body;
pub use stream::event_stream;
