//! What travels over HTTP, as data: header lists, content codings, server-sent events. No sockets.

mod headers;

pub use headers::{Header, HeaderList};
