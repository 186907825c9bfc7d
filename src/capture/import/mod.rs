//! Other programs' formats, one file each.

mod har;
mod har_entry;
mod leftovers;
mod mitmproxy;
mod mitmproxy_flow;
mod raw_exchange;
mod request_body;
mod shared;
mod stream;
mod tnetstring;
mod trace_bundle;

pub use har::{detect_har, read_har};
pub use mitmproxy::{detect_mitmproxy, read_mitmproxy};
pub use raw_exchange::read_raw_exchange;
pub use request_body::read_request_body;
pub use stream::event_stream;
pub use trace_bundle::{detect_trace_bundle, read_trace_bundle};

/// Most bytes that a compressed body may have when decoded.
const MAX_DECODED: u64 = 1 << 30;
