//! Other programs' formats, one file each.

mod har;
mod har_entry;
mod leftovers;
mod mitmproxy;
mod mitmproxy_flow;
mod shared;
mod stream;
mod tnetstring;

pub use har::{detect_har, read_har};
pub use mitmproxy::{detect_mitmproxy, read_mitmproxy};
pub use stream::event_stream;

/// Most bytes that a compressed body may have when decoded.
const MAX_DECODED: u64 = 1 << 30;
