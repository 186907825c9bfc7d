//! Recorded traffic: one model, our own file format, and importers for other programs' formats.

mod exchange;
mod flatten;
mod problem;

pub use exchange::{
    Body, Capture, CaptureKind, Content, Direction, End, Event, EventStream, Exchange, Frame,
    FrameKind, Headers, JsonBody, Recorded, Request, Response,
};
pub use flatten::{FlatExchange, Transport, WEBSOCKET_METHOD, flatten, is_terminal};
pub use problem::CaptureProblem;
