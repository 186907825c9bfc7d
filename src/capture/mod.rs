//! Recorded traffic: one model, our own file format, and importers for other programs' formats.

mod delivered;
mod directory;
mod exchange;
pub mod export;
mod flatten;
pub mod import;
mod key_shape;
mod object;
mod open;
mod place;
mod problem;
mod reader;
mod record_text;
mod records;
mod redact;
mod residual;
mod salvage;
mod secrets;
mod shape;
mod writer;

pub use delivered::DeliveredItem;
pub use exchange::{
    Body, Capture, CaptureKind, Content, Direction, End, Event, EventStream, Exchange, Frame,
    FrameKind, Headers, JsonBody, Recorded, Request, Response,
};
pub use flatten::{FlatExchange, Transport, WEBSOCKET_METHOD, flatten, is_terminal};
pub use open::{
    OpenError, SessionKind, read_capture, read_capture_bytes, read_capture_from, session_kind,
};
pub use place::FilePlace;
pub use problem::CaptureProblem;
pub use reader::read_capture_records;
pub use record_text::{EventBeginning, Record, RecordPart, push_event};
pub use redact::Redactor;
pub use residual::{Residual, ResidualForm, residual_secrets};
pub use secrets::{SecretHeader, find_secrets, is_secret_key, may_be_key, secret_header};
pub use writer::{CaptureWriter, ContentKind, ExchangeId, Head};
