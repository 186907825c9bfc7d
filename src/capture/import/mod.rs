//! Other programs' formats, one file each.

mod decoded;
mod har;
mod har_entry;
mod leftovers;
mod member;
mod mitmproxy;
mod mitmproxy_flow;
mod pycodex;
mod raw_exchange;
mod request_body;
mod responses_api_proxy;
mod shared;
mod stream;
mod tnetstring;
mod trace_bundle;

pub use har::{detect_har, read_har};
pub(super) use leftovers::Leftovers;
pub use member::Member;
pub use mitmproxy::{detect_mitmproxy, read_mitmproxy};
pub use pycodex::read_pycodex;
pub use raw_exchange::read_raw_exchange;
pub use request_body::read_request_body;
pub use responses_api_proxy::read_responses_api_proxy;
pub use stream::event_stream;
pub use trace_bundle::{detect_trace_bundle, read_trace_bundle};

/// Most bytes that a compressed body may have when decoded.
const MAX_DECODED: u64 = 1 << 30;
