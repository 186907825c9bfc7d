//! What travels over HTTP, as data: header lists, content codings, server-sent events. No sockets.

mod coding;
mod compressed;
mod headers;
mod plain_event;
mod push_decoder;
mod sse;
mod zstd;

pub use coding::{DecodeError, decode};
pub use compressed::{Compression, DamagedCompression, open_compressed};
pub use headers::{Header, HeaderList};
pub use plain_event::PlainEvent;
pub use push_decoder::PushDecoder;
pub use sse::{PlacedEvent, SseEvent, SseParser, SseText, is_plain_event, parse_sse, render_sse};
