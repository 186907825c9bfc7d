//! Recorded traffic: one model, our own file format, and importers for other programs' formats.

mod directory;
mod exchange;
mod flatten;
pub mod import;
mod open;
mod problem;
mod records;
mod salvage;
mod shape;

pub use exchange::{
    Body, Capture, CaptureKind, Content, Direction, End, Event, EventStream, Exchange, Frame,
    FrameKind, Headers, JsonBody, Recorded, Request, Response,
};
pub use flatten::{FlatExchange, Transport, WEBSOCKET_METHOD, flatten, is_terminal};
pub use open::{OpenError, read_capture, read_capture_bytes, read_capture_from};
pub use problem::CaptureProblem;
