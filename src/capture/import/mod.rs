//! Other programs' formats, one file each.

mod decoded;
mod leftovers;
mod member;
mod pycodex;
mod raw_exchange;
mod request_body;
mod responses_api_proxy;
mod stream;

pub use member::Member;
pub use pycodex::read_pycodex;
pub use raw_exchange::read_raw_exchange;
pub use request_body::read_request_body;
pub use responses_api_proxy::read_responses_api_proxy;
pub use stream::event_stream;
